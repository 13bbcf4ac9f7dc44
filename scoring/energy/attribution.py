"""Whose energy was it, on a GPU that several calls used at once: grade B.

Time is cut into slices of a second. Each slice's whole millijoules go to the calls that were in flight in it,
by published weights, and always add up to the slice; a slice in which nothing ran is nobody's. Exact
arithmetic: the same slices and calls give the same parts on every machine, in whatever order they come.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from scoring.energy.flags import Flag

SLICE_NS = 10**9
# A pause shorter than a counter's own step (about 100 ms) has no energy that anybody could tell from its
# surroundings'.
SHORTEST_IDLE_NS = 10**8


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What each thing that a call does in a slice weighs beside the others, in mJ.

    ``prefill`` a token read; ``decode`` a token written; ``context`` a token written, per 1000 tokens of
    context that it looks back on; ``step`` a step of the GPU, which costs the same however many it serves and
    is shared equally by the calls in flight. Only their proportions matter. ``pace_held_up`` is how fast
    calls write while some call reads, as a share (over 0, up to 1) of how fast they write otherwise.
    Raises ``ValueError`` for a negative weight and for a pace that is none.
    """

    version: str
    prefill: Decimal
    decode: Decimal
    context: Decimal
    step: Decimal
    pace_held_up: Decimal
    source: str

    def __post_init__(self) -> None:
        of_each = self.prefill, self.decode, self.context, self.step
        if not all(weight.is_finite() and weight >= 0 for weight in of_each):
            raise ValueError("a weight is negative or no number: somebody would be paid for using energy")
        if not (self.pace_held_up.is_finite() and 0 < self.pace_held_up <= 1):
            raise ValueError("the weights' pace must be over 0 and up to 1")

    @property
    def sha256(self) -> str:
        """Over the canonical JSON of all but the source: published with every figure that they made."""
        names = ("version", "prefill", "decode", "context", "step", "pace_held_up")
        canonical = json.dumps(
            {name: str(getattr(self, name)) for name in names},
            sort_keys=True,
            separators=(",", ":"),
            ensure_ascii=False,
        )
        return hashlib.sha256(canonical.encode()).hexdigest()


# 11 J a token alone and 0.36 J among 64 are F + d and F/64 + d: F = 10.8 J for the step, d = 0.19 J for the
# token. Context is 0.2 GB per 1000 tokens, read like the weights' 80 GB (40e9 parameters of 2 bytes):
# 10.8 J · 0.2 / 80 = 27 mJ. A fifth of the pace: with it the split comes nearest to the Shapley values of
# bench/shapley.py.
ESTIMATED_H200 = Weights(
    version="reparto-estimado-h200-2026.1",
    prefill=Decimal(90),
    decode=Decimal(190),
    context=Decimal(27),
    step=Decimal(10_800),
    pace_held_up=Decimal("0.2"),
    source="Estimado para una H200 con un modelo de 40.000 millones de parámetros. No está medido.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """A stretch of time, its end not included, and the energy of the whole GPU in it."""

    starts_ns: int
    ends_ns: int
    energy_mj: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call on the GPU, in the meter's nanoseconds; ``ended_ns`` is not included.

    ``first_token_ns`` parts reading from writing. ``is_ours`` False: the platform did not make it.
    """

    id: str
    started_ns: int
    first_token_ns: int
    ended_ns: int
    prompt_tokens: int
    completion_tokens: int
    is_ours: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one of our calls used. ``flags`` is sorted."""

    id: str
    energy_mj: int
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """The parts by id, what calls that were not ours used, and what nobody did: together, all the slices."""

    parts: tuple[Part, ...]
    others_mj: int
    idle_mj: int


def attribute(weights: Weights, slices: Iterable[Slice], calls: Iterable[Call]) -> Attribution:
    """Split the slices' energy among the calls.

    A slice's weight of a call is prefill·(tokens read in it) + decode·(tokens written in it) +
    context·(tokens written in it times the context of each, in thousands) + step·(its share of the steps).

    The prompt is read, in one step, at an even pace until the first token; each later token is a step, and
    they are written at an even pace too, but for ``pace_held_up`` while any call reads. At each moment a
    call's steps are divided by the number of calls in flight. A phase that took no time is spread over the
    whole call. Where nobody weighs anything, time in flight decides, divided likewise.

    The slice's millijoules follow the weights, rounded down, and those left over go one by one to the largest
    remainders, equal ones by id. A call that shared a slice with one that is not ours is flagged
    ``other-process``. Raises ``ValueError`` for slices that overlap, have no length or less than no energy,
    and for calls without a time of their own or with an id that another has.
    """
    in_time = _checked_slices(slices)
    by_start = _checked_calls(calls)
    work = _Work(by_start, pace_held_up=Fraction(weights.pace_held_up))
    used_mj = {call.id: 0 for call in by_start}
    beside_others: set[str] = set()
    idle_mj, coming, in_flight = 0, 0, list[Call]()
    for piece in in_time:
        while coming < len(by_start) and by_start[coming].started_ns < piece.ends_ns:
            in_flight.append(by_start[coming])
            coming += 1
        in_flight = [call for call in in_flight if call.ended_ns > piece.starts_ns]
        if not in_flight:
            idle_mj += piece.energy_mj
            continue
        for id, energy_mj in _split(piece.energy_mj, _weighed(weights, work, piece, in_flight)).items():
            used_mj[id] += energy_mj
        if not all(call.is_ours for call in in_flight):
            beside_others.update(call.id for call in in_flight)
    return Attribution(
        parts=tuple(
            Part(
                id=call.id,
                energy_mj=used_mj[call.id],
                flags=(Flag.OTHER_PROCESS.value,) if call.id in beside_others else (),
            )
            for call in sorted(by_start, key=lambda call: call.id)
            if call.is_ours
        ),
        others_mj=sum(used_mj[call.id] for call in by_start if not call.is_ours),
        idle_mj=idle_mj,
    )


def slice_bounds(starts_ns: int, ends_ns: int, calls: Iterable[Call]) -> tuple[int, ...]:
    """Where to cut a window: every second from its start, and around each pause in which nothing ran.

    The second cuts keep idle energy out of a slice that somebody pays for; pauses under 100 ms are left where
    they are. The meter's log, interpolated at these moments and rounded there, gives the slices: differences
    of whole numbers, that add to the whole. Raises ``ValueError`` for a window that does not last.
    """
    if not starts_ns < ends_ns:
        raise ValueError("the window does not last")
    cuts = {*range(starts_ns, ends_ns, SLICE_NS), ends_ns}
    busy_until = starts_ns
    spans = sorted((call.started_ns, call.ended_ns) for call in calls)
    for started_ns, ended_ns in [*spans, (ends_ns, ends_ns)]:
        if started_ns - busy_until >= SHORTEST_IDLE_NS:
            cuts |= {busy_until, started_ns}
        busy_until = max(busy_until, ended_ns)
    return tuple(sorted(cut for cut in cuts if starts_ns <= cut <= ends_ns))


# --- one slice ----------------------------------------------------------------------------------------------


class _Work:
    """Time as writing goes: as the clock, but slower by ``pace_held_up`` while any call reads."""

    def __init__(self, calls: Iterable[Call], *, pace_held_up: Fraction) -> None:
        self._lost = 1 - pace_held_up
        self._begins: list[int] = []
        self._ends: list[int] = []
        self._read_before: list[int] = []
        for begins_ns, ends_ns in sorted((call.started_ns, call.first_token_ns) for call in calls):
            if self._ends and begins_ns <= self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], ends_ns)
                continue
            read = self._read_before[-1] + self._ends[-1] - self._begins[-1] if self._ends else 0
            self._begins.append(begins_ns)
            self._ends.append(ends_ns)
            self._read_before.append(read)

    def by(self, at_ns: int) -> Fraction:
        """How much there was by then; only differences mean something."""
        last = bisect_right(self._begins, at_ns) - 1
        if last < 0:
            return Fraction(at_ns)
        read = self._read_before[last] + min(at_ns, self._ends[last]) - self._begins[last]
        return at_ns - self._lost * read


def _weighed(weights: Weights, work: _Work, piece: Slice, in_flight: Sequence[Call]) -> dict[str, Fraction]:
    time_by, work_by = _shared(work, piece, in_flight)
    prefill, decode, context = map(Fraction, (weights.prefill, weights.decode, weights.context))
    step = Fraction(weights.step)
    weighed = {}
    for call in in_flight:
        (reads_ns, read_ns), (writes_ns, written_ns) = _phases(call)
        from_ns, to_ns = _clipped(reads_ns, read_ns, piece)
        took = read_ns - reads_ns
        read = Fraction(call.prompt_tokens * (to_ns - from_ns), took)
        steps = (time_by[to_ns] - time_by[from_ns]) / took
        from_ns, to_ns = _clipped(writes_ns, written_ns, piece)
        pace = max(call.completion_tokens - 1, 0) / (work.by(written_ns) - work.by(writes_ns))
        before = pace * (work.by(from_ns) - work.by(writes_ns))
        after = pace * (work.by(to_ns) - work.by(writes_ns))
        steps += pace * (work_by[to_ns] - work_by[from_ns])
        # ∫ (in + 1/2 + u) du: over the whole call, (out − 1)·(in + out/2), as in the token model.
        looked_back = (after - before) * (call.prompt_tokens + Fraction(1, 2)) + (after**2 - before**2) / 2
        weighed[call.id] = (
            prefill * read + decode * (after - before) + context * looked_back / 1000 + step * steps
        )
    if any(weighed.values()):
        return weighed
    spans = {call.id: _clipped(call.started_ns, call.ended_ns, piece) for call in in_flight}
    return {id: time_by[to_ns] - time_by[from_ns] for id, (from_ns, to_ns) in spans.items()}


def _phases(call: Call) -> tuple[tuple[int, int], tuple[int, int]]:
    """When it read and when it wrote; what took no time is spread over the whole call."""
    whole = call.started_ns, call.ended_ns
    return (
        whole if call.first_token_ns == call.started_ns else (call.started_ns, call.first_token_ns),
        whole if call.first_token_ns == call.ended_ns else (call.first_token_ns, call.ended_ns),
    )


def _clipped(starts_ns: int, ends_ns: int, piece: Slice) -> tuple[int, int]:
    """The part of a stretch that lies in the slice; twice the same moment where none does."""
    starts_ns, ends_ns = max(starts_ns, piece.starts_ns), min(ends_ns, piece.ends_ns)
    return (starts_ns, ends_ns) if starts_ns < ends_ns else (piece.starts_ns, piece.starts_ns)


def _shared(
    work: _Work, piece: Slice, in_flight: Sequence[Call]
) -> tuple[dict[int, Fraction], dict[int, Fraction]]:
    """By each moment at which something changes: the time, and the work, of one call since the slice's start.

    Of each stretch a call has as much as there is, divided by the number of calls in flight.
    """
    changes = dict.fromkeys((piece.starts_ns, piece.ends_ns), 0)
    for call in in_flight:
        from_ns, to_ns = _clipped(call.started_ns, call.ended_ns, piece)
        changes[from_ns] = changes.get(from_ns, 0) + 1
        changes[to_ns] = changes.get(to_ns, 0) - 1
        if piece.starts_ns < call.first_token_ns < piece.ends_ns:
            changes.setdefault(call.first_token_ns, 0)
    time_by, work_by = dict[int, Fraction](), dict[int, Fraction]()
    time_had, work_had, running, since_ns = Fraction(0), Fraction(0), 0, piece.starts_ns
    for at_ns in sorted(changes):
        if running:
            time_had += Fraction(at_ns - since_ns, running)
            work_had += (work.by(at_ns) - work.by(since_ns)) / running
        time_by[at_ns], work_by[at_ns] = time_had, work_had
        running, since_ns = running + changes[at_ns], at_ns
    return time_by, work_by


def _split(energy_mj: int, weighed: Mapping[str, Fraction]) -> dict[str, int]:
    """Whole millijoules by largest remainder (Hamilton's method); equal remainders by id."""
    total = sum(weighed.values(), Fraction(0))
    quotas = {id: energy_mj * weight / total for id, weight in weighed.items()}
    parts = {id: int(quota) for id, quota in quotas.items()}
    left_over = energy_mj - sum(parts.values())
    for id in sorted(quotas, key=lambda id: (parts[id] - quotas[id], id))[:left_over]:
        parts[id] += 1
    return parts


# --- what is refused ----------------------------------------------------------------------------------------


def _checked_slices(slices: Iterable[Slice]) -> list[Slice]:
    in_time = sorted(slices, key=lambda piece: piece.starts_ns)
    for piece in in_time:
        if piece.starts_ns >= piece.ends_ns or piece.energy_mj < 0:
            raise ValueError(f"a slice that is none: {piece}")
    for earlier, later in pairwise(in_time):
        if later.starts_ns < earlier.ends_ns:
            raise ValueError(f"slices overlap at {later.starts_ns} ns: their energy would count twice")
    return in_time


def _checked_calls(calls: Iterable[Call]) -> list[Call]:
    by_start = sorted(calls, key=lambda call: (call.started_ns, call.id))
    for call in by_start:
        if not call.started_ns <= call.first_token_ns <= call.ended_ns or call.started_ns == call.ended_ns:
            raise ValueError(f"a call whose times cannot be: {call}")
        if call.prompt_tokens < 0 or call.completion_tokens < 0:
            raise ValueError(f"token counts below zero: {call}")
    if len({call.id for call in by_start}) < len(by_start):
        raise ValueError("two calls have the same id")
    return by_start
