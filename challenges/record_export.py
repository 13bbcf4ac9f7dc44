"""The sealed records of a phase as the file that is published; whoever has it needs nothing else to check it.

The judges' door streams it, the board's page offers it in parts once the phase is over, and ``manage.py
export_records`` writes it. Private cases stay salted hashes until ``disclose`` tells them, which nobody may
ask for while a phase that is judged on them is still open.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from django.db.models import F, QuerySet

from challenges import dispatch, sealing
from challenges.errors import CasesStillSecret
from challenges.models import Call, Measurement, Phase, Record, ReferenceRun, Suite
from scoring.record import bundle, chain, commitments, disclosure, sealed
from scoring.record.bundle import Named
from scoring.record.errors import NotStored
from scoring.record.readme import README
from scoring.record.store import Store

# Estimates of 42 cases take some 50 MB; measured five times, with the edges of all windows, some 400 MB, and
# a third of the entries that a bundle can hold.
PART_RECORDS = 2_500

Withheld = Literal["", "open", "frozen", "judged-elsewhere"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A stretch of the chain that is one file; ``first`` and ``last`` are numbers of records."""

    number: int
    first: int
    last: int
    start: chain.Head
    head: chain.Head


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What of a phase's records the public may have by now, or why it may not yet.

    ``until`` is None where nobody knows. "judged-elsewhere": another phase still ranks by the same cases.
    """

    withheld: Withheld = ""
    until: datetime | None = None
    parts: Sequence[Part] = ()

    @property
    def count(self) -> int:
        return self.parts[-1].last if self.parts else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file on its way: ``pieces`` have ``size`` bytes in all."""

    name: str
    size: int
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
    return Publication(parts=parts(phase))


def parts(phase: Phase) -> Sequence[Part]:
    """The whole chain, part by part. Only the last of them can still grow."""
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
        )
        for number, (first, last) in enumerate(spans, start=1)
    )


def file_name(phase: Phase, part: Part | None = None) -> str:
    if part is not None:
        return f"registros-{phase.challenge.slug}-{phase.slug}-{part.first}-{part.last}.zip"
    last = phase.records.order_by("-number").first()
    return f"registros-{phase.challenge.slug}-{phase.slug}-{last.number if last else 0}.zip"


def etag(part: Part) -> str:
    """A quoted strong tag: the same records give the same bytes, below the same words for who opens them."""
    readme = hashlib.sha256(README.encode()).hexdigest()
    return f'"{part.first}-{part.last}-{part.head.sha256[:24]}-{readme[:8]}"'


def download(phase: Phase, part: Part) -> Download:
    """A part as the public gets it, with its length told beforehand.

    All rows are read here, so no connection is held while the pieces go out. Raises ``NotStored`` where a
    file is gone; on the way as ``chunks``.
    """
    rows, named = _rows(phase, part), _evidence(phase, part)
    _check_all_are_there(rows)
    who = _phase(phase)
    records = (Named(sha256=row.sha256, size=row.size, number=row.number) for row in rows)
    return Download(
        name=file_name(phase, part),
        size=bundle.length(phase=who, records=records, start=part.start, evidence=named),
        pieces=bundle.chunks(
            phase=who,
            records=_published(rows, {}),
            start=part.start,
            evidence=[each.sha256 for each in named],
            evidence_of=sealing.evidence_store().read,
        ),
    )


def chunks(phase: Phase, *, disclose: bool = False, part: Part | None = None) -> Iterator[bytes]:
    """The bundle of all records so far, or of a part, piece by piece; the same records give the same bytes.

    Before the first piece, raises ``CasesStillSecret`` where ``disclose`` would tell cases that somebody is
    still judged on, and ``NotStored`` where a file is gone. On the way, ``StoreConflict`` for a file that was
    changed, ``ChainBroken``, and ``BundleTooLarge`` for more than one file holds: then what came so far is no
    bundle.
    """
    rows, named = _rows(phase, part), _evidence(phase, part)
    _check_all_are_there(rows)
    suites = list(_suites(phase)) if disclose else []
    if disclose:
        _check_nobody_is_judged_on(suites)
    return bundle.chunks(
        phase=_phase(phase),
        records=_published(rows, {suite.sha256: suite for suite in suites}),
        start=part.start if part else chain.EMPTY,
        evidence=[each.sha256 for each in named],
        evidence_of=sealing.evidence_store().read,
        disclosure=disclosure.write([_told(suite) for suite in suites]) if disclose else None,
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
    """The texts that the model wrote, in the record's order of runs, which is not the suite's."""
    texts: dict[tuple[str, int], list[str]] = {}
    calls = Call.objects.filter(run__evaluation=row.evaluation_id, run__case__suite=suite)
    for call in calls.select_related("run__case").order_by("run", "index"):
        case = commitments.case_sha256(suite.salt, sealing.case_text(call.run.case))
        texts.setdefault((case, call.run.repetition), []).append(call.text)
    return disclosure.write_answers(
        row.sha256, [texts[run.case_sha256, run.repetition] for run in record.runs]
    )


def _suites(phase: Phase) -> Iterator[Suite]:
    """Those that its scores name, each once."""
    for sha256 in phase.scores.order_by("suite_sha256").values_list("suite_sha256", flat=True).distinct():
        yield sealing.suite_of(phase, sha256)


def _check_nobody_is_judged_on(suites: list[Suite]) -> None:
    now = dispatch.now()
    open_phases = Phase.objects.filter(ranked_suite__sha256__in=[suite.sha256 for suite in suites])
    for phase in open_phases.filter(closes_at__gt=now).select_related("challenge"):
        raise CasesStillSecret(phase=f"{phase.challenge.slug}/{phase.slug}", closes_at=phase.closes_at)


def _told(suite: Suite) -> dict[str, Any]:
    return {
        "sha256": suite.sha256,
        "salt": suite.salt,
        "slots": commitments.slots_text(suite.slots),
        "cases": [sealing.case_text(case) for case in suite.cases.order_by("position")],
    }
