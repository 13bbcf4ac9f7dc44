"""A measured window as power against time, with the cases that ran in it: from counter edges to a drawing.

Pages ask it for what they draw and for the table beside it. It takes the file of edges that the window names
and gives values; it reads no row, no disk and no clock, and of a case it knows its position alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

from scoring.energy.counter import Device, Edge
from scoring.energy.edges import EdgesInvalid, checked, device_from
from scoring.energy.window_energy import levels_mj

NS_PER_MS, NS_PER_S, US_PER_S = 10**6, 10**9, 10**6
NS_PER_US = 10**3
# What a browser draws at once on a telephone; ten minutes of changes every 100 ms are 6,000.
MOST_POINTS = 2_000
# Of the table that tells the curve to whoever cannot see it.
STRETCHES = 10


class CurveUnavailable(ValueError):
    """The evidence of a window, or its edges, do not make a curve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """From ``begin_us`` to ``end_us`` after the window opened, at ``power_mw`` on average."""

    begin_us: int
    end_us: int
    power_mw: int

    @property
    def begin_s(self) -> float:
        return self.begin_us / US_PER_S

    @property
    def end_s(self) -> float:
        return self.end_us / US_PER_S

    @property
    def seconds(self) -> float:
        return (self.end_us - self.begin_us) / US_PER_S

    @property
    def watts(self) -> float:
        return self.power_mw / 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """When the case at ``position`` of its suite (from 0) ran, and the board's mean power meanwhile.

    With several cases at once their stretches overlap: the power is that of them all.
    """

    position: int
    ran: Stretch

    @property
    def number(self) -> int:
        """As people count: from 1."""
        return self.position + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """``steps`` follow one another from the window's begin to its end; each holds its own mean power."""

    steps: tuple[Stretch, ...]
    stretches: tuple[Stretch, ...]
    marks: tuple[Mark, ...]
    whole: Stretch
    energy_mj: int

    @property
    def least_mw(self) -> int:
        return min(step.power_mw for step in self.steps)

    @property
    def most_mw(self) -> int:
        return max(step.power_mw for step in self.steps)

    def as_json(self) -> dict[str, Any]:
        """What static/power-chart.js draws: seconds since the window opened, and watts.

        A point holds until the next one; the last closes the window.
        """
        drawn = thinned(self.steps)
        last = drawn[-1]
        return {
            "seconds": self.whole.end_s,
            "mean_w": self.whole.watts,
            "points": [[step.begin_s, step.watts] for step in drawn] + [[last.end_s, last.watts]],
            "cases": [[mark.number, mark.ran.begin_s, mark.ran.end_s] for mark in self.marks],
        }


def curve(edges_file: bytes, evidence: Mapping[str, Any]) -> Curve:
    """The curve of a window from the file that ``evidence`` (``Measurement.evidence``) names.

    The steps lie between the counter's edges, the only moments at which it tells anything, cut at the
    window's ends. Raises ``CurveUnavailable`` for edges or evidence that no window of a meter has.
    """
    try:
        edges = read_edges(edges_file)
        begin_ns, end_ns = int(evidence["started_ns"]), int(evidence["ended_ns"])
        if begin_ns >= end_ns:
            raise CurveUnavailable("the window does not last")
        even = list(pairwise(_even(begin_ns, end_ns, STRETCHES)))
        ran = list(_ran(evidence.get("marks", ()), begin_ns, end_ns))
        spans = [*even, *((from_ns, to_ns) for _, from_ns, to_ns in ran)]
        counted = _Counted(edges, device_of(evidence), spans)
        return Curve(
            steps=counted.steps(begin_ns, end_ns),
            stretches=tuple(counted.stretch(begin_ns, *span) for span in even),
            marks=tuple(
                Mark(position=position, ran=counted.stretch(begin_ns, *span)) for position, *span in ran
            ),
            whole=counted.stretch(begin_ns, begin_ns, end_ns),
            energy_mj=counted.energy_mj(begin_ns, end_ns),
        )
    except (EdgesInvalid, KeyError, TypeError, ValueError) as error:
        raise CurveUnavailable(str(error)) from error


def read_edges(edges_file: bytes) -> tuple[Edge, ...]:
    """The edges of ``scoring.energy.edges.edges_bytes``. Raises ``ValueError``."""
    return checked(Edge(at_ns, mj) for at_ns, mj in json.loads(edges_file))


def device_of(evidence: Mapping[str, Any]) -> Device:
    """Whose counter it was. Raises ``KeyError`` or ``ValueError``."""
    return device_from({each.name: evidence["hardware"][each.name] for each in fields(Device)})


def thinned(steps: Sequence[Stretch], *, most: int = MOST_POINTS - 1) -> tuple[Stretch, ...]:
    """At most ``most`` steps: of each bucket of neighbours the lowest and the highest, in their order.

    A peak stays a peak, however long the window. The steps that stay are stretched to the next one.
    """
    if len(steps) <= most:
        return tuple(steps)
    buckets = most // 2
    kept: list[Stretch] = []
    for first, after in pairwise(_even(0, len(steps), buckets)):
        bucket = steps[first:after]
        lowest = min(bucket, key=lambda step: step.power_mw)
        highest = max(bucket, key=lambda step: step.power_mw)
        kept += sorted({lowest, highest}, key=lambda step: step.begin_us)
    ends = [step.begin_us for step in kept[1:]] + [steps[-1].end_us]
    begins = [steps[0].begin_us, *ends[:-1]]
    return tuple(
        Stretch(begin_us=begin, end_us=end, power_mw=step.power_mw)
        for begin, end, step in zip(begins, ends, kept, strict=True)
    )


class _Counted:
    """Energy between the edges and the ends of ``spans``, as the window's own figure was worked out."""

    def __init__(self, edges: Sequence[Edge], device: Device, spans: Iterable[tuple[int, int]]) -> None:
        self._moments = [edge.at_ns for edge in edges]
        # All at once: each asking goes through all the edges.
        asked = [*self._moments, *(moment for span in spans for moment in span)]
        self._level_mj = dict(zip(asked, levels_mj(edges, asked, device=device), strict=True))

    def energy_mj(self, from_ns: int, to_ns: int) -> int:
        return self._level_mj[to_ns] - self._level_mj[from_ns]

    def stretch(self, opened_ns: int, from_ns: int, to_ns: int) -> Stretch:
        return Stretch(
            begin_us=(from_ns - opened_ns) // NS_PER_US,
            end_us=(to_ns - opened_ns) // NS_PER_US,
            # mJ per second are mW.
            power_mw=self.energy_mj(from_ns, to_ns) * NS_PER_S // (to_ns - from_ns),
        )

    def steps(self, begin_ns: int, end_ns: int) -> tuple[Stretch, ...]:
        """Each with the power of its whole step of the counter: where the window cuts one short, a fraction
        of a millijoule over a fraction of a millisecond would say nothing."""
        return tuple(
            Stretch(
                begin_us=(max(from_ns, begin_ns) - begin_ns) // NS_PER_US,
                end_us=(min(to_ns, end_ns) - begin_ns) // NS_PER_US,
                power_mw=self.energy_mj(from_ns, to_ns) * NS_PER_S // (to_ns - from_ns),
            )
            for from_ns, to_ns in pairwise(self._moments)
            if from_ns < end_ns and begin_ns < to_ns
        )


def _even(first: int, last: int, parts: int) -> list[int]:
    """The ends of ``parts`` parts that are as long as one another, to one."""
    return [first + (last - first) * number // parts for number in range(parts + 1)]


def _ran(told: Iterable[Any], begin_ns: int, end_ns: int) -> Iterator[tuple[int, int, int]]:
    """Each case's position, and from when to when, in the order in which they ran.

    What lies outside of the window is cut; of no length, left out.
    """
    for start_ms, stop_ms, position in sorted((start, stop, position) for position, start, stop in told):
        from_ns = max(begin_ns + start_ms * NS_PER_MS, begin_ns)
        to_ns = min(begin_ns + stop_ms * NS_PER_MS, end_ns)
        if from_ns < to_ns:
            yield int(position), from_ns, to_ns
