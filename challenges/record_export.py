"""The sealed records of a phase as the file that is published; whoever has it needs nothing else to check it.

The judges' door streams it, the board's page offers it in parts once the phase is over, and ``manage.py
export_records`` writes it. Private cases stay salted hashes until ``publishing`` has their suite published:
from then on every file tells them, with the answers. ``disclose`` tells them before that, which nobody may
ask for while a phase that is judged on them is still open.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from django.db.models import F, QuerySet

from challenges import dispatch, publishing, sealing
from challenges.errors import CasesStillSecret
from challenges.models import Call, Measurement, Phase, Record, ReferenceRun, Suite, Visibility
from scoring.record import bundle, chain, commitments, disclosure, sealed
from scoring.record.bundle import Named
from scoring.record.errors import NotStored
from scoring.record.readme import README
from scoring.record.store import Store

# Estimates of 42 cases take some 50 MB; measured five times, with the edges of all windows, some 400 MB, and
# a third of the entries that a bundle can hold.
PART_RECORDS = 2_500

Withheld = Literal["", "open", "frozen", "judged-elsewhere"]
Cases = Literal["", "secret", "some", "public"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A stretch of the chain that is one file; ``first`` and ``last`` are numbers of records.

    ``told`` are the hashes of the suites whose cases and answers the file holds too, in order.
    """

    number: int
    first: int
    last: int
    start: chain.Head
    head: chain.Head
    told: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What of a phase's records the public may have by now, or why it may not yet.

    ``until`` is None where nobody knows. "judged-elsewhere": another phase still ranks by the same cases.
    ``cases`` says what became of the private suites that its scores name, "" where they name none.
    """

    withheld: Withheld = ""
    until: datetime | None = None
    parts: Sequence[Part] = ()
    cases: Cases = ""

    @property
    def count(self) -> int:
        return self.parts[-1].last if self.parts else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file on its way: ``pieces`` have ``size`` bytes in all.

    None where it tells answers: how long they are is known once all are read, and they are read on the way.
    """

    name: str
    size: int | None
    pieces: Iterator[bytes]


class _Row(NamedTuple):
    """What the rows say of a record; all of a file are read before its first byte is sent."""

    number: int
    sha256: str
    size: int
    suite_sha256: str
    evaluation_id: int


def publication(phase: Phase, *, at: datetime) -> Publication:
    """What the public may have at this moment of the database's clock.

    Grades and tokens case by case would help whoever still competes on these cases; and what a freeze keeps
    from the board nobody may read out of the records: it ends for both when an organizer takes it away.
    """
    if at < phase.closes_at:
        return Publication(withheld="open", until=phase.closes_at)
    if phase.is_frozen(at):
        return Publication(withheld="frozen")
    suites = phase.scores.values("suite_sha256")
    elsewhere = Phase.objects.filter(ranked_suite__sha256__in=suites, closes_at__gt=at)
    if last := elsewhere.order_by("-closes_at").first():
        return Publication(withheld="judged-elsewhere", until=last.closes_at)
    named = _suites(phase)
    told = publishing.published(named)
    return Publication(parts=_parts(phase, told), cases=_cases(named, told))


def parts(phase: Phase) -> Sequence[Part]:
    """The whole chain, part by part. Only the last of them can still grow."""
    return _parts(phase, publishing.published(_suites(phase)))


def _cases(named: Sequence[Suite], told: Sequence[Suite]) -> Cases:
    private = [suite for suite in named if suite.visibility == Visibility.PRIVATE]
    if not private:
        return ""
    if not told:
        return "secret"
    return "public" if len(told) == len(private) else "some"


def _parts(phase: Phase, told: Sequence[Suite]) -> Sequence[Part]:
    newest = phase.records.order_by("-number").first()
    if newest is None:
        return ()
    spans = [
        (first, min(first + PART_RECORDS - 1, newest.number))
        for first in range(1, newest.number + 1, PART_RECORDS)
    ]
    at_an_end = phase.records.filter(number__in={end for span in spans for end in span})
    ends = {row.number: row for row in at_an_end}
    return tuple(
        Part(
            number=number,
            first=first,
            last=last,
            start=chain.Head(number=first - 1, sha256=ends[first].previous_sha256),
            head=sealing.head_of(ends[last]),
            told=tuple(suite.sha256 for suite in told),
        )
        for number, (first, last) in enumerate(spans, start=1)
    )


def file_name(phase: Phase, part: Part | None = None) -> str:
    if part is not None:
        return f"registros-{phase.challenge.slug}-{phase.slug}-{part.first}-{part.last}.zip"
    last = phase.records.order_by("-number").first()
    return f"registros-{phase.challenge.slug}-{phase.slug}-{last.number if last else 0}.zip"


def etag(part: Part) -> str:
    """A quoted strong tag: the same records give the same bytes, below the same words for who opens them.

    Cases that were published since make other bytes of them.
    """
    readme = hashlib.sha256(README.encode()).hexdigest()
    told = f"-{hashlib.sha256(''.join(part.told).encode()).hexdigest()[:8]}" if part.told else ""
    return f'"{part.first}-{part.last}-{part.head.sha256[:24]}-{readme[:8]}{told}"'


def download(phase: Phase, part: Part) -> Download:
    """A part as the public gets it, with its length told beforehand where it tells no answers.

    All rows are read here, so no connection is held while the pieces go out; but for answers, which are read
    record by record: those of a part would not fit into memory. Raises ``NotStored`` where a file is gone; on
    the way as ``chunks``.
    """
    contents = _contents(phase, part, [suite for suite in _suites(phase) if suite.sha256 in part.told])
    return Download(
        name=file_name(phase, part),
        size=None if part.told else _length(phase, part, contents),
        pieces=_pieces(phase, part, contents),
    )


def chunks(phase: Phase, *, disclose: bool = False, part: Part | None = None) -> Iterator[bytes]:
    """The bundle of all records so far, or of a part, piece by piece; the same records give the same bytes.

    Before the first piece, raises ``CasesStillSecret`` where ``disclose`` would tell cases that somebody is
    still judged on, and ``NotStored`` where a file is gone. On the way, ``StoreConflict`` for a file that was
    changed, ``ChainBroken``, ``NotStored`` for answers that are gone, and ``BundleTooLarge`` for more than
    one file holds: then what came so far is no bundle.
    """
    suites = _suites(phase)
    if disclose:
        _check_nobody_is_judged_on(suites)
    contents = _contents(phase, part, suites if disclose else publishing.published(suites))
    return _pieces(phase, part, contents)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Contents:
    """What a file is made of; ``suites`` are those that it tells."""

    rows: Sequence[_Row]
    evidence: Sequence[Named]
    suites: Sequence[Suite]


def _contents(phase: Phase, part: Part | None, suites: Sequence[Suite]) -> _Contents:
    contents = _Contents(rows=_rows(phase, part), evidence=_evidence(phase, part), suites=suites)
    _check_all_are_there(contents.rows)
    return contents


def _length(phase: Phase, part: Part, contents: _Contents) -> int:
    records = (Named(sha256=row.sha256, size=row.size, number=row.number) for row in contents.rows)
    return bundle.length(phase=_phase(phase), records=records, start=part.start, evidence=contents.evidence)


def _pieces(phase: Phase, part: Part | None, contents: _Contents) -> Iterator[bytes]:
    """Raises before the first piece what the file that tells the cases does."""
    suites = contents.suites
    return bundle.chunks(
        phase=_phase(phase),
        records=_published(contents.rows, {suite.sha256: suite for suite in suites}),
        start=part.start if part else chain.EMPTY,
        evidence=[each.sha256 for each in contents.evidence],
        evidence_of=sealing.evidence_store().read,
        disclosure=publishing.disclosed(suites) if suites else None,
    )


def _phase(phase: Phase) -> bundle.Phase:
    return bundle.Phase(challenge=phase.challenge.slug, phase=phase.slug, phase_id=phase.pk)


def _rows(phase: Phase, part: Part | None) -> list[_Row]:
    rows = Record.objects.filter(phase=phase).order_by("number")
    if part is not None:
        rows = rows.filter(number__range=(part.first, part.last))
    columns = rows.values_list("number", "sha256", "size", "score__suite_sha256", "score__evaluation_id")
    return [_Row(*row) for row in columns.iterator()]


def _evidence(phase: Phase, part: Part | None) -> list[Named]:
    """The edges that the records name: of the windows that count, and of the reference workload around them.

    Sorted by their hash. Raises ``NotStored``.
    """
    windows = Measurement.objects.filter(is_ranked=True, repetition__gte=F("evaluation__series"))
    references = ReferenceRun.objects.filter(series=F("evaluation__series"))
    store = sealing.evidence_store()
    found: set[str] = set()
    for rows in (windows, references):
        found.update(_edges_named(rows.filter(evaluation__score__record__phase=phase), part))
    return [Named(sha256=sha256, size=_size(store, sha256)) for sha256 in sorted(found)]


def _edges_named(rows: QuerySet[Any], part: Part | None) -> Iterator[str]:
    if part is not None:
        rows = rows.filter(evaluation__score__record__number__range=(part.first, part.last))
    named = rows.exclude(evidence__edges_sha256=None).values_list("evidence__edges_sha256", flat=True)
    return named.iterator()


def _size(store: Store, sha256: str) -> int:
    try:
        return store.path(sha256).stat().st_size
    except FileNotFoundError:
        raise NotStored("faltan los flancos de una ventana", where=sha256) from None


def _check_all_are_there(rows: Sequence[_Row]) -> None:
    store = sealing.store()
    for row in rows:
        if not store.holds(row.sha256):
            raise NotStored(f"falta el fichero del registro {row.number}", where=row.sha256)


def _published(rows: Sequence[_Row], suites: Mapping[str, Suite]) -> Iterator[bundle.Published]:
    store = sealing.store()
    for row in rows:
        content = store.read(row.sha256)
        suite = suites.get(row.suite_sha256)
        answers = _answers(row, sealed.read(content), suite) if suite else None
        yield bundle.Published(content=content, answers=answers)


def _answers(row: _Row, record: sealed.Record, suite: Suite) -> bytes:
    """The texts that the model wrote, in the record's order of runs, which is not the suite's.

    Where the graded answer was made of several, it comes behind them.
    """
    texts: dict[tuple[str, int], list[str]] = {}
    calls = Call.objects.filter(run__evaluation=row.evaluation_id, run__case__suite=suite)
    answers: dict[tuple[str, int], str] = {}
    for call in calls.select_related("run__case").order_by("run", "index"):
        case = commitments.case_sha256(suite.salt, sealing.case_text(call.run.case))
        texts.setdefault((case, call.run.repetition), []).append(call.text)
        answers[case, call.run.repetition] = call.run.answer
    if record.format == sealed.FORMAT_WITH_ANSWERS:
        for place, answer in answers.items():
            texts[place].append(answer)
    try:
        told = [texts[run.case_sha256, run.repetition] for run in record.runs]
    except KeyError:
        raise NotStored(f"faltan respuestas del registro {row.number}", where=row.sha256) from None
    return disclosure.write_answers(row.sha256, told)


def _suites(phase: Phase) -> list[Suite]:
    """Those that its scores name, each once, in the order of their hashes."""
    named = phase.scores.order_by("suite_sha256").values_list("suite_sha256", flat=True).distinct()
    return [sealing.suite_of(phase, sha256) for sha256 in named]


def _check_nobody_is_judged_on(suites: Sequence[Suite]) -> None:
    if phase := publishing.still_judging(suites, at=dispatch.now()):
        raise CasesStillSecret(phase=f"{phase.challenge.slug}/{phase.slug}", closes_at=phase.closes_at)
