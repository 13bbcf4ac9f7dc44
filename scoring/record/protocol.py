"""Which repetitions a record has to count, and whether its measuring kept to the protocol that it tells.

``recompute`` asks. Nobody may pick the best repetitions of those that were measured: all whose window holds
count, quality comes from the first of them, and what the reference workload drew before and after them is
held against the record's own tolerance, in exact fractions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

from scoring.energy.drift import drift_of
from scoring.energy.flags import voiding
from scoring.record.difference import Difference
from scoring.record.sealed import Baseline, Protocol, Record, ReferenceRun, Window

PERCENT = 100
BASELINE = "protocol.baseline"


def repetition_differences(record: Record) -> Iterator[Difference]:
    """Whether all repetitions that were measured were counted, and nothing else."""
    score = record.score
    must_count = [window.repetition for window in record.windows if not voiding(window.flags)]
    # One that was counted though its window is void is named with that window.
    if missing := set(must_count).difference(score.energy_repetitions):
        yield Difference(
            field="score.energy_repetitions",
            claimed=_listed(score.energy_repetitions),
            computed=_listed(missing | {*score.energy_repetitions}),
        )
    first = min(score.energy_repetitions)
    if score.quality_repetitions != (first,):
        yield Difference(
            field="score.quality_repetitions",
            claimed=_listed(score.quality_repetitions),
            computed=f"{first}, la primera que cuenta",
        )
    measured = {window.repetition for window in record.windows}
    if bare := {run.repetition for run in record.runs} - measured:
        yield Difference(
            field="windows",
            claimed=_listed(measured),
            computed=f"{_listed(measured | bare)}, que son las que tienen respuestas",
        )


def void_repetitions(record: Record) -> tuple[int, ...]:
    """Those that were begun and count for nothing: broken off, void, or of a series that was given up.

    Repetitions are numbered from 1 as they begin, so that a number that was not counted is one of them.
    """
    counted = set(record.score.energy_repetitions)
    return tuple(number for number in range(1, max(counted)) if number not in counted)


def protocol_differences(record: Record) -> Iterator[Difference]:
    """What the record's protocol asks for and its windows and reference runs do not give."""
    if record.protocol:
        counted = [
            window for window in record.windows if window.repetition in record.score.energy_repetitions
        ]
        yield from _windows_asked_for(record.protocol, counted)
        yield from _reference_differences(record.protocol)


def _windows_asked_for(protocol: Protocol, counted: list[Window]) -> Iterator[Difference]:
    if len(counted) < protocol.repetitions:
        yield Difference(
            field="protocol.repetitions",
            claimed=f"{protocol.repetitions} o más",
            computed=str(len(counted)),
        )
    # Thousandths: no context of anybody's rounds them.
    lasted_ms = sum(_thousandths(window.seconds) for window in counted)
    if lasted_ms < _thousandths(protocol.window_seconds):
        yield Difference(
            field="protocol.window_seconds",
            claimed=f"{protocol.window_seconds} s o más",
            computed=f"{lasted_ms // 1000}.{lasted_ms % 1000:03d} s",
        )


def _reference_differences(protocol: Protocol) -> Iterator[Difference]:
    field = "protocol.references"
    runs = list(enumerate(protocol.references))
    for index, run in runs:
        if flags := voiding(run.flags):
            yield Difference(
                field=f"{field}.{index}.flags", claimed=", ".join(flags), computed="una medida nula"
            )
    before = [(f"{field}.{index}", run) for index, run in runs if run.place == "before"]
    after = [(f"{field}.{index}", run) for index, run in runs if run.place == "after"]
    if protocol.workload and not (before and after):
        found = ", ".join(sorted({run.place for _, run in runs}))
        yield Difference(field=field, claimed=found, computed="una antes y otra después")
    for place, run in after:
        yield from _drift_differences(protocol, place, run, before)
    if protocol.baseline:
        for place, run in (*before, *after):
            yield from _drift_differences(protocol, place, run, [(BASELINE, protocol.baseline)])


def _drift_differences(
    protocol: Protocol, place: str, run: ReferenceRun, bases: Iterable[tuple[str, ReferenceRun | Baseline]]
) -> Iterator[Difference]:
    most = Fraction(_thousandths(protocol.tolerance_percent), 1000 * PERCENT)
    for base_place, base in bases:
        drifted = abs(drift_of(run, base))
        if drifted > most:
            yield Difference(
                field=f"{place}.energy_mj",
                claimed=f"{run.energy_mj} mJ, a {protocol.tolerance_percent} % o menos",
                computed=f"a {_percent(drifted)} % de {base_place} por pasada",
            )


def _percent(part: Fraction) -> str:
    """With 3 decimals, away from zero: what is over the tolerance never reads as if it were not."""
    thousandths = -(-part.numerator * PERCENT * 1000 // part.denominator)
    return f"{thousandths // 1000}.{thousandths % 1000:03d}"


def _thousandths(text: str) -> int:
    """Of a text with exactly three decimals."""
    return int(text.replace(".", ""))


def _listed(repetitions: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(repetitions)))
