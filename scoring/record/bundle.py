"""The file in which a phase's records are published: whoever has it can check and recompute every score.

``challenges`` streams one out of ``chunks``; ``python -m scoring`` opens it as a ``Bundle``. Inside, in this
order: LEEME.md, each record with its answers where they are public, the evidence that records name by hash,
disclosure.json where the cases are public, and manifest.json. The same records give the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from scoring.record import canonical, chain
from scoring.record.chain import EMPTY, Head
from scoring.record.errors import (
    BundleRefused,
    BundleTooLarge,
    ChainBroken,
    EntryChanged,
    NotCanonical,
    RecordUnreadable,
)
from scoring.record.readme import README
from scoring.record.sealed import PhaseIdentity
from scoring.record.shapes import HASH, SLUG, Shape, list_of, matching, one_of, whole
from scoring.record.stored_zip import (
    MAX_ENTRIES,
    MAX_ENTRY_BYTES,
    MAX_FILE_BYTES,
    TOO_LARGE,
    Archive,
    Entry,
    Writer,
    zip_bytes,
)

FORMAT = "desafio-bundle/1"
README_NAME, DISCLOSURE_NAME, MANIFEST_NAME = "LEEME.md", "disclosure.json", "manifest.json"
RECORD_NAME = re.compile(r"records/([0-9]{8,16})-([0-9a-f]{64})\.json")
ANSWERS_NAME = re.compile(r"answers/([0-9]{8,16})-([0-9a-f]{64})\.json")
EVIDENCE_NAME = re.compile(r"evidence/([0-9a-f]{64})\.json")
# What may stand where; the order is that of the parts in the file.
PARTS = (README_NAME, RECORD_NAME, EVIDENCE_NAME, DISCLOSURE_NAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """Whose chain it is."""

    challenge: str
    phase: str
    phase_id: int

    @property
    def identity(self) -> PhaseIdentity:
        return self.challenge, self.phase, self.phase_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A record as it lies in the store, and its answers as ``disclosure.write_answers`` gives them."""

    content: bytes
    answers: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A file by what its row says of it; ``number`` is the record's, 0 for evidence."""

    sha256: str
    size: int
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An entry as the manifest tells it."""

    name: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """``first`` is the first record's number and ``previous_sha256`` what stands before it in the chain."""

    phase: Phase
    first: int
    previous_sha256: str
    count: int
    head_sha256: str
    entries: tuple[Line, ...]
    format: str = FORMAT

    @property
    def start(self) -> Head:
        return Head(number=self.first - 1, sha256=self.previous_sha256)

    @property
    def head(self) -> Head:
        return Head(number=self.first - 1 + self.count, sha256=self.head_sha256)


def chunks(
    *,
    phase: Phase,
    records: Iterable[Published],
    start: Head = EMPTY,
    evidence: Iterable[str] = (),
    evidence_of: Callable[[str], bytes] | None = None,
    disclosure: bytes | None = None,
) -> Iterator[bytes]:
    """The bundle, piece by piece; a record at a time is in memory, or a file of evidence.

    ``records`` come in their order, those after ``start``; ``evidence`` are hashes, whose files
    ``evidence_of`` gives. Raises ``ChainBroken`` at a record that does not follow the one before it, so that
    no broken chain is ever published, and ``BundleTooLarge``.
    """
    writer, lines = Writer(), list[bytes]()

    def piece(name: str, content: bytes) -> bytes:
        lines.append(_line(Line(name=name, sha256=chain.sha256_of(content), size=len(content))))
        return writer.entry(name, content)

    yield piece(README_NAME, README.encode())
    follower = chain.Follower(start, phase=phase.identity)
    for record in records:
        follower.follow(record.content)
        stem = _stem(follower.head)
        yield piece(f"records/{stem}.json", record.content)
        if record.answers is not None:
            yield piece(f"answers/{stem}.json", record.answers)
    if evidence_of:
        for sha256 in sorted(set(evidence)):
            yield piece(f"evidence/{sha256}.json", evidence_of(sha256))
    if disclosure is not None:
        yield piece(DISCLOSURE_NAME, disclosure)
    yield writer.entry(MANIFEST_NAME, _manifest_bytes(phase, start, follower.head, lines))
    yield writer.tail()


def length(
    *, phase: Phase, records: Iterable[Named], start: Head = EMPTY, evidence: Iterable[Named] = ()
) -> int:
    """How many bytes ``chunks`` gives of these, with nothing disclosed: told before the first is sent.

    Raises ``BundleTooLarge``, as ``chunks`` would.
    """
    head, lines, total = start, list[bytes](), 0
    readme = README.encode()
    named = [(README_NAME, chain.sha256_of(readme), len(readme))]
    for record in records:
        head = Head(number=record.number, sha256=record.sha256)
        named.append((f"records/{_stem(head)}.json", record.sha256, record.size))
    named += [(f"evidence/{each.sha256}.json", each.sha256, each.size) for each in evidence]
    for name, sha256, size in named:
        lines.append(_line(Line(name=name, sha256=sha256, size=size)))
        total += zip_bytes(name, size)
    manifest = _manifest_bytes(phase, start, head, lines)
    total += zip_bytes(MANIFEST_NAME, len(manifest)) + zip_bytes()
    if len(lines) >= MAX_ENTRIES or total > MAX_FILE_BYTES:
        raise BundleTooLarge(TOO_LARGE, where=MANIFEST_NAME)
    return total


def _stem(head: Head) -> str:
    return f"{head.number:08d}-{head.sha256}"


def _line(line: Line) -> bytes:
    return canonical.dumps(asdict(line))


def _manifest_bytes(phase: Phase, start: Head, head: Head, lines: Sequence[bytes]) -> bytes:
    """As ``canonical`` would write it all; line by line, since there are tens of thousands of them."""
    bare = Manifest(
        phase=phase,
        first=start.number + 1,
        previous_sha256=start.sha256,
        count=head.number - start.number,
        head_sha256=head.sha256,
        entries=(),
    )
    before, after = canonical.dumps(asdict(bare)).split(b'"entries":[]')
    return b"".join((before, b'"entries":[', b",".join(lines), b"]", after))


class Bundle:
    """A published file, opened; use it in a ``with``. Every byte that it hands out was held against its hash.

    Raises ``BundleRefused`` with what and where for a file that ``chunks`` would not have written, and
    ``OSError``.
    """

    def __init__(self, path: Path) -> None:
        self._archive = Archive(path)
        try:
            self._entries: Mapping[str, Entry] = {entry.name: entry for entry in self._archive.entries}
            self.manifest = self._read_manifest()
            self._lines: Mapping[str, Line] = {line.name: line for line in self.manifest.entries}
            self.numbers: Sequence[int] = tuple(self._check_names())
        except BaseException:
            self._archive.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._archive.close()

    def names(self, pattern: re.Pattern[str]) -> Iterator[str]:
        return (name for name in self._lines if pattern.fullmatch(name))

    def read(self, name: str) -> bytes | None:
        """An entry's content, None where there is no such entry. Raises ``EntryChanged``."""
        line = self._lines.get(name)
        if line is None:
            return None
        content = self._archive.read(self._entries[name])
        if chain.sha256_of(content) != line.sha256:
            raise EntryChanged("sus bytes no son los del hash del manifiesto", where=name)
        return content

    def records(self, names: Iterable[str] | None = None) -> Iterator[tuple[str, bytes]]:
        """Name and bytes of each record, in order; of those ``names`` alone where they are given."""
        for name in self.names(RECORD_NAME) if names is None else names:
            content = self.read(name)
            if content is None:
                raise BundleRefused("no está", where=name)
            yield name, content

    def evidence(self, sha256: str) -> bytes | None:
        """The file that records name by this hash, None where it was not published."""
        return self.read(f"evidence/{sha256}.json")

    def check(self) -> Head:
        """Look at every byte of the file, and follow the chain to its head.

        Raises ``EntryChanged`` and ``BundleRefused``, and ``ChainBroken`` at the first link that does not
        hold.
        """
        contents = (content for _, content in self.records())
        head = chain.verify(contents, self.manifest.start, phase=self.manifest.phase.identity)
        self.check_rest(head)
        return head

    def check_rest(self, head: Head) -> None:
        """The same for whoever has followed the records to ``head``: what lies beside them."""
        manifest = self.manifest
        if head != manifest.head:
            raise ChainBroken(
                number=head.number,
                problem="missing",
                expected=f"el final de la cadena, {manifest.head.number} con {manifest.head.sha256}",
                found=f"{head.number} con {head.sha256}",
            )
        # The chain holds, so its numbers run on; the names must say the same ones.
        if list(self.numbers) != list(range(manifest.first, head.number + 1)):
            raise BundleRefused("los números de los nombres no son los de los registros", where="records")
        for name in self._lines:
            if not RECORD_NAME.fullmatch(name):
                self.read(name)

    def _read_manifest(self) -> Manifest:
        *others, last = self._archive.entries or [Entry("", 0, 0, 0)]
        if last.name != MANIFEST_NAME:
            raise BundleRefused("no es la última entrada, y debe serlo", where=MANIFEST_NAME)
        try:
            manifest = _MANIFEST(canonical.loads_for_shape(self._archive.read(last)))
        except (NotCanonical, RecordUnreadable) as error:
            raise BundleRefused(str(error), where=MANIFEST_NAME) from None
        told, found = [line.name for line in manifest.entries], [entry.name for entry in others]
        if told != found:
            _refuse_names(told, found)
        for line, entry in zip(manifest.entries, others, strict=True):
            if line.size != entry.size:
                what = f"el manifiesto dice {line.size} bytes y tiene {entry.size}"
                raise BundleRefused(what, where=line.name)
        return manifest

    def _check_names(self) -> Iterator[int]:
        """Names of the parts, in their order; gives the records' numbers."""
        part, answered = 0, ""
        for line in self.manifest.entries:
            if ANSWERS_NAME.fullmatch(line.name):
                if line.name.replace("answers/", "records/") != answered:
                    raise BundleRefused("no va detrás de su registro", where=line.name)
                continue
            part, named = _part_of(line.name, part)
            answered = line.name
            if named and named.groups()[-1] != line.sha256:
                raise BundleRefused("su nombre no es el de su hash", where=line.name)
            if named and PARTS[part] is RECORD_NAME:
                yield int(named[1])


def _part_of(name: str, earliest: int) -> tuple[int, re.Match[str] | None]:
    """Which of ``PARTS`` it is, and the match of its name; none comes before ``earliest``."""
    for part, known in enumerate(PARTS):
        named = known.fullmatch(name) if isinstance(known, re.Pattern) else None
        if named or name == known:
            if part < earliest:
                raise BundleRefused("está fuera de su sitio", where=name)
            return part, named
    raise BundleRefused("nadie conoce esta entrada", where=name)


def _refuse_names(told: Sequence[str], found: Sequence[str]) -> None:
    if missing := sorted(set(told) - set(found)):
        raise BundleRefused("está en el manifiesto y falta en el archivo", where=missing[0])
    if extra := sorted(set(found) - set(told)):
        raise BundleRefused("sobra: no está en el manifiesto", where=extra[0])
    raise BundleRefused("las entradas no están en el orden del archivo, o se repiten", where=MANIFEST_NAME)


_hash, _slug = matching(HASH), matching(SLUG)
_MANIFEST = Shape(
    Manifest,
    format=one_of(FORMAT),
    phase=Shape(Phase, challenge=_slug, phase=_slug, phase_id=whole()),
    first=whole(1),
    previous_sha256=_hash,
    count=whole(),
    head_sha256=_hash,
    entries=list_of(
        Shape(
            Line,
            name=matching(re.compile(r"[A-Za-z0-9_./-]{1,120}")),
            sha256=_hash,
            size=whole(0, MAX_ENTRY_BYTES),
        ),
        most=MAX_ENTRIES,
    ),
)
