"""What a window used by a counter's edges, and all that can be said against the figure.

The meter calls ``window_energy`` when a window ends, and whoever checks a record calls it again with the
record's edges: the same edges give the same bytes on every machine, as nothing is rounded before the last
step. It reads no counter and no clock.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor

from scoring.energy.counter import Device, DeviceState, Edge
from scoring.energy.edges import NS_PER_MS, Gap, checked, edges_sha256, sample_every_ms
from scoring.energy.flags import Flag, voiding
from scoring.values import EvidenceGrade

# Longer between two edges than this many steps of the counter, and something was missed: near a window's
# ends, where the edges say how much of the energy is inside, and anywhere in it.
MOST_STEPS_AT_ENDS = 3
MOST_STEPS = 10
# What a board draws over its limit, or under what is known as idle, for some milliseconds; and how exactly
# the two are known.
POWER_SLACK_PERCENT = 5
# Each of two edges is off by less than the time between samples: what lies between may have had more time.
SLACK_SAMPLES = 2
NS_PER_S = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowReading:
    """What a window used, and what is known against it.

    ``energy_mj`` is None where no figure can be had at all: no edge at or before the begin, or none at or
    after the end. ``grade`` is None where a flag voids it; A without knowing every process on the device
    becomes B. ``flags`` is sorted. ``edges`` counts those that the figure was made from, which
    ``edges_sha256`` names: from the last not after the begin to the first not before the end.
    ``uncertainty_mj`` is how far the times of the edges can put the figure wrong at most, while the power is
    even around the window's ends; bench/energy.py says how much it usually is.
    """

    begin_ns: int
    end_ns: int
    energy_mj: int | None
    uncertainty_mj: int
    seconds: Decimal
    grade: EvidenceGrade | None
    source: str
    device_uuid: str
    edges: int
    edges_sha256: str
    flags: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()


def window_energy(
    edges: Iterable[Edge],
    *,
    begin_ns: int,
    end_ns: int,
    device: Device,
    grade: EvidenceGrade,
    source: str,
    states: Sequence[DeviceState] = (),
    allowed_pids: frozenset[int] | None = None,
    gaps: Sequence[Gap] = (),
    shortest_ns: int = 0,
    sample_ms: int | None = None,
) -> WindowReading:
    """Work a window out. The caller has waited for an edge at or after ``end_ns``.

    ``edges`` are the counter's, in order, faults and all (``EdgeLog.around`` gives what is needed; more does
    not change anything). ``grade`` and ``source`` are the counter source's. ``states`` are the device's, as
    seen from the begin to the end; the first is what the others are compared with. A process that is not in
    ``allowed_pids`` (None: that was not there in the first state) is somebody else's. ``gaps`` are when
    nobody read the counter. A window shorter than ``shortest_ns`` is too short. ``sample_ms`` is how often
    the counter was read, None as often as its step asks for: an edge's time is no better known than that. It
    never changes the energy, only what is said against it.

    Raises ``EdgesInvalid`` for edges out of order, and ``ValueError`` for a window that does not last.
    """
    if not 0 <= begin_ns < end_ns:
        raise ValueError("the window does not last")
    if sample_ms is None:
        sample_ms = sample_every_ms(device.update_ms)
    used = _around(checked(edges), begin_ns, end_ns)
    its_gaps = tuple(sorted(gap for gap in gaps if _touches(gap, begin_ns, end_ns)))
    counted = _Counted(used, device, sample_ms)
    found = {
        *counted.flags,
        *_holes(used, gaps, begin_ns, end_ns, max(device.update_ms, sample_ms) * NS_PER_MS),
        *_state_flags(states, allowed_pids),
    }
    energy_mj, uncertainty_mj = None, 0
    if used and used[0].at_ns <= begin_ns and end_ns <= used[-1].at_ns:
        energy_mj = counted.level_mj(end_ns) - counted.level_mj(begin_ns)
        uncertainty_mj = counted.uncertainty_mj(begin_ns, end_ns)
        found |= set(_power_flags(energy_mj, end_ns - begin_ns, device, _slack_ns(sample_ms)))
    if end_ns - begin_ns < shortest_ns:
        found.add(Flag.WINDOW_TOO_SHORT)
    flags = tuple(sorted(flag.value for flag in found))
    if grade is EvidenceGrade.A and Flag.OTHER_PROCESSES_INCLUDED in found:
        grade = EvidenceGrade.B
    return WindowReading(
        begin_ns=begin_ns,
        end_ns=end_ns,
        energy_mj=energy_mj,
        uncertainty_mj=uncertainty_mj,
        seconds=Decimal(f"{end_ns - begin_ns}E-9"),  # exact: made from text, it heeds no context
        grade=None if energy_mj is None or voiding(flags) else grade,
        source=source,
        device_uuid=device.uuid,
        edges=len(used),
        edges_sha256=edges_sha256(used),
        flags=flags,
        gaps=its_gaps,
    )


def levels_mj(edges: Iterable[Edge], at_ns: Sequence[int], *, device: Device) -> tuple[int, ...]:
    """The counter at each moment, interpolated, wraps mended, rounded to whole mJ; 0 is the first edge's.

    Differences of these are what windows and slices used, so that parts add up to the whole exactly. Raises
    ``EdgesInvalid``, and ``ValueError`` for a moment outside the edges.
    """
    used = checked(edges)
    counted = _Counted(used, device, sample_every_ms(device.update_ms))
    if at_ns and not (used and used[0].at_ns <= min(at_ns) and max(at_ns) <= used[-1].at_ns):
        raise ValueError("a moment lies outside the edges")
    return tuple(counted.level_mj(moment) for moment in at_ns)


# --- the counter --------------------------------------------------------------------------------------------


class _Counted:
    """The edges as energy since the first of them, and what was wrong with the counter on the way."""

    def __init__(self, edges: Sequence[Edge], device: Device, sample_ms: int) -> None:
        self._at_ns = [edge.at_ns for edge in edges]
        self._device = device
        self._sample_ms = sample_ms
        self.flags: set[Flag] = set()
        total_mj = 0
        self._mj = [total_mj] if edges else []
        for earlier, later in pairwise(edges):
            total_mj += self._step(earlier, later)
            self._mj.append(total_mj)

    def level_mj(self, moment_ns: int) -> int:
        """The moment lies within the edges.

        Rounded, half up, from the edge before it: so the same moment has the same level, wherever the edges
        begin, and parts add up.
        """
        after = min(bisect_right(self._at_ns, moment_ns), len(self._at_ns) - 1)
        if after == 0:
            return self._mj[0]
        since_edge = (moment_ns - self._at_ns[after - 1]) * self._slope(after)
        return self._mj[after - 1] + floor(since_edge + Fraction(1, 2))

    def uncertainty_mj(self, begin_ns: int, end_ns: int) -> int:
        """An edge is off by what lies between two samples, or by the counter's step, at most."""
        off_ns = min(self._sample_ms, self._device.update_ms) * NS_PER_MS
        last = len(self._at_ns) - 1
        if last < 1:
            return 0
        at_begin = self._slope(min(max(bisect_right(self._at_ns, begin_ns), 1), last))
        at_end = self._slope(min(max(bisect_left(self._at_ns, end_ns), 1), last))
        return ceil(off_ns * (at_begin + at_end))

    def _slope(self, after: int) -> Fraction:
        """mJ per ns between an edge and the one before."""
        return Fraction(self._mj[after] - self._mj[after - 1], self._at_ns[after] - self._at_ns[after - 1])

    def _step(self, earlier: Edge, later: Edge) -> int:
        step_mj, elapsed_ns = later.mj - earlier.mj, later.at_ns - earlier.at_ns
        if step_mj < 0:
            # By the device alone: whoever checks a record has its edges, not how often they were looked for.
            device_ms = sample_every_ms(self._device.update_ms)
            step_mj = self._mended(step_mj, _most_mj(self._device, elapsed_ns, _slack_ns(device_ms)))
        most_mj = _most_mj(self._device, elapsed_ns, _slack_ns(self._sample_ms))
        if most_mj is not None and step_mj > most_mj:
            self.flags.add(Flag.COUNTER_JUMPED)
        return step_mj

    def _mended(self, step_mj: int, most_mj: int | None) -> int:
        """A step back: a round of the counter where its range is known and fits, else nothing."""
        if self._device.range_mj is not None:
            mended_mj = step_mj + self._device.range_mj
            # Where it is not known what the device can draw, half a round: a step back of less is none.
            if 0 < mended_mj <= (self._device.range_mj // 2 if most_mj is None else most_mj):
                self.flags.add(Flag.COUNTER_WRAPPED)
                return mended_mj
        self.flags.add(Flag.COUNTER_WENT_BACK)
        return 0


def _most_mj(device: Device, elapsed_ns: int, slack_ns: int) -> int | None:
    if device.max_power_mw is None:
        return None
    most_mw_percent = device.max_power_mw * (100 + POWER_SLACK_PERCENT)
    return most_mw_percent * (elapsed_ns + slack_ns) // (100 * NS_PER_S)


def _slack_ns(sample_ms: int) -> int:
    return SLACK_SAMPLES * sample_ms * NS_PER_MS


def _power_flags(energy_mj: int, elapsed_ns: int, device: Device, slack_ns: int) -> Iterator[Flag]:
    if energy_mj == 0:
        yield Flag.ZERO_ENERGY
    most_mj = _most_mj(device, elapsed_ns, slack_ns)
    if most_mj is not None and energy_mj > most_mj:
        yield Flag.ABOVE_BOARD_POWER
    if device.idle_power_mw is not None:
        surely_ns = max(elapsed_ns - slack_ns, 0)
        least_mw_percent = device.idle_power_mw * (100 - POWER_SLACK_PERCENT)
        if energy_mj < least_mw_percent * surely_ns // (100 * NS_PER_S):
            yield Flag.BELOW_IDLE_POWER


def _holes(
    used: Sequence[Edge], gaps: Sequence[Gap], begin_ns: int, end_ns: int, step_ns: int
) -> Iterator[Flag]:
    """What too long a time without an edge means: nobody looked, or the counter stood still."""
    if not used or used[0].at_ns > begin_ns:
        yield Flag.EDGES_MISSING
    if not used or used[-1].at_ns < end_ns:
        yield _why_none(gaps, used[-1].at_ns if used else begin_ns, end_ns)
    for earlier, later in pairwise(used):
        is_at_an_end = earlier.at_ns <= begin_ns or end_ns <= later.at_ns
        most_steps = MOST_STEPS_AT_ENDS if is_at_an_end else MOST_STEPS
        if later.at_ns - earlier.at_ns > most_steps * step_ns:
            yield _why_none(gaps, earlier.at_ns, later.at_ns)


def _why_none(gaps: Sequence[Gap], from_ns: int, to_ns: int) -> Flag:
    nobody_looked = any(_touches(gap, from_ns, to_ns) for gap in gaps)
    return Flag.EDGES_MISSING if nobody_looked else Flag.COUNTER_STUCK


def _touches(gap: Gap, from_ns: int, to_ns: int) -> bool:
    return gap.from_ns < to_ns and from_ns < gap.to_ns


def _around(edges: Sequence[Edge], begin_ns: int, end_ns: int) -> Sequence[Edge]:
    at_ns = [edge.at_ns for edge in edges]
    return edges[max(bisect_right(at_ns, begin_ns) - 1, 0) : bisect_left(at_ns, end_ns) + 1]


# --- the device ---------------------------------------------------------------------------------------------


def _state_flags(states: Sequence[DeviceState], allowed_pids: frozenset[int] | None) -> Iterator[Flag]:
    """What changed under the window. What a source cannot tell is no change, and is told where it matters."""
    if len({state.clocks_mhz for state in states} - {None}) > 1:
        yield Flag.CLOCKS_CHANGED
    if len({state.power_limit_mw for state in states} - {None}) > 1:
        yield Flag.POWER_LIMIT_CHANGED
    if any(state.throttled for state in states):
        yield Flag.THROTTLED
    seen = [state.processes for state in states if state.processes is not None]
    if not seen or len(seen) < len(states):
        yield Flag.OTHER_PROCESSES_INCLUDED
    if seen and frozenset().union(*seen) - (seen[0] if allowed_pids is None else allowed_pids):
        yield Flag.OTHER_PROCESS
