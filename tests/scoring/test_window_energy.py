"""Claims on what a window used: exact, additive, and with every fault of the counter told.

Faults are injected through the synthetic source, sampled as the meter samples it, with a clock of the test's.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Sequence
from dataclasses import replace
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.energy.counter import Device, DeviceState, Edge
from scoring.energy.edges import EdgeLog, EdgesInvalid, Gap, edges_sha256
from scoring.energy.flags import Flag
from scoring.energy.sources.synthetic import SyntheticSource
from scoring.energy.window_energy import WindowReading, levels_mj, window_energy
from scoring.errors import CounterUnavailable
from scoring.values import EvidenceGrade
from tests.scoring.contexts import UNDER_ANY_DECIMAL_SETTINGS
from tests.scoring.powercap import Clock

MS, S = 10**6, 10**9
DEVICE = Device(
    uuid="GPU-1",
    name="GPU de prueba",
    driver="1",
    update_ms=100,
    max_power_mw=700_000,
    idle_power_mw=60_000,
)
ALONE = (DeviceState(clocks_mhz=(1980,), power_limit_mw=700_000, throttled="", processes=frozenset({7})),)


def steady(*, seconds: int = 10, power_w: int = 250, start_mj: int = 1000) -> tuple[Edge, ...]:
    """A perfect counter: an edge every 100 ms, from 0."""
    return tuple(Edge(n * 100 * MS, start_mj + n * power_w * 100) for n in range(seconds * 10 + 1))


def read(edges: Sequence[Edge], begin_ns: int = 1 * S, end_ns: int = 9 * S, **more: Any) -> WindowReading:
    settings: dict[str, Any] = {
        "device": DEVICE,
        "grade": EvidenceGrade.A,
        "source": "nvml",
        "states": ALONE,
        **more,
    }
    return window_energy(edges, begin_ns=begin_ns, end_ns=end_ns, **settings)


class Metered:
    """The synthetic counter, sampled every 20 ms or so from its start, as the meter does it."""

    def __init__(self, spec: str, *, seconds: float, seed: int = 1) -> None:
        clock, chance = Clock(), random.Random(seed)
        self.begin_ns = clock()
        self.source = SyntheticSource(spec, clock=clock)
        self.log = EdgeLog(update_ms=self.source.device().update_ms)
        self.states: list[DeviceState] = []
        while clock() - self.begin_ns < seconds * S:
            self.states.append(self.source.state())
            with contextlib.suppress(CounterUnavailable):
                self.log.sample(clock(), self.source.read_mj())
            clock.forward(seconds=chance.uniform(0.019, 0.021))
        self.now_ns = clock()

    def window(self, begin_s: float, end_s: float) -> WindowReading:
        begin_ns, end_ns = self.begin_ns + round(begin_s * S), self.begin_ns + round(end_s * S)
        gaps = self.log.gaps(begin_ns, end_ns)
        if self.log.sampled_until_ns is not None and self.log.sampled_until_ns < end_ns:
            gaps = (*gaps, Gap(self.log.sampled_until_ns, self.now_ns))
        return window_energy(
            self.log.around(begin_ns, end_ns),
            begin_ns=begin_ns,
            end_ns=end_ns,
            device=self.source.device(),
            grade=self.source.grade,
            source=self.source.name,
            states=self.states,
            gaps=gaps,
        )

    def true_mj(self, begin_s: float, end_s: float) -> float:
        return float(
            self.source.true_mj(self.begin_ns + round(begin_s * S), self.begin_ns + round(end_s * S))
        )


# --- the figure ---------------------------------------------------------------------------------------------


def test_a_steady_window_by_hand() -> None:
    # 250 W over 8 s are 2000 J; the window's ends lie between edges and change nothing.
    for begin_ns, end_ns in ((1 * S, 9 * S), (1 * S + 37 * MS, 9 * S + 37 * MS)):
        reading = read(steady(), begin_ns, end_ns)
        assert reading.energy_mj == 2_000_000
        assert reading.seconds == Decimal(8)
        assert reading.grade is EvidenceGrade.A
        assert reading.flags == ()


def test_energy_between_two_edges_follows_the_line_between_them() -> None:
    edges = (Edge(0, 100), Edge(100 * MS, 200), Edge(200 * MS, 500))
    # 3/4 of the first 100 mJ are before 75 ms; half of the 300 mJ are before 150 ms.
    assert read(edges, 75 * MS, 150 * MS).energy_mj == 25 + 150


def test_half_a_millijoule_goes_to_the_earlier_window() -> None:
    edges = (Edge(0, 10), Edge(2, 11))
    assert [read(edges, begin_ns, begin_ns + 1).energy_mj for begin_ns in (0, 1)] == [1, 0]


def test_the_window_names_exactly_the_edges_it_used() -> None:
    edges = steady()
    reading = read(edges, 1 * S + 1, 2 * S + 1)
    used = edges[10:22]
    assert reading.edges == len(used)
    assert reading.edges_sha256 == edges_sha256(used)
    assert read(used, 1 * S + 1, 2 * S + 1) == reading


def test_a_longer_log_changes_nothing() -> None:
    assert read(steady(seconds=60), 3 * S, 4 * S) == read(steady(), 3 * S, 4 * S)


edge_lists = st.lists(
    st.tuples(st.integers(1, 300_000_000), st.integers(0, 100_000)), min_size=3, max_size=40
).map(
    lambda steps: tuple(
        Edge(sum(at for at, _ in steps[: n + 1]), sum(mj for _, mj in steps[: n + 1]))
        for n in range(len(steps))
    )
)


@given(edges=edge_lists, cuts=st.lists(st.floats(0, 1), min_size=3, max_size=8))
def test_windows_that_follow_one_another_add_up_to_the_whole(
    edges: tuple[Edge, ...], cuts: list[float]
) -> None:
    first, span = edges[0].at_ns, edges[-1].at_ns - edges[0].at_ns
    bounds = sorted({first + int(cut * span) for cut in cuts})
    if len(bounds) < 2:
        return
    parts = [read(edges, a, b).energy_mj for a, b in pairwise(bounds)]
    assert None not in parts
    assert sum(part or 0 for part in parts) == read(edges, bounds[0], bounds[-1]).energy_mj
    levels = levels_mj(edges, bounds, device=DEVICE)
    assert parts == [later - earlier for earlier, later in pairwise(levels)]


@UNDER_ANY_DECIMAL_SETTINGS
def test_no_decimal_setting_around_us_changes_a_figure(ambient: Context) -> None:
    begin_ns, end_ns = 1_234_567_891, 8_765_432_109
    plain = read(steady(), begin_ns, end_ns)
    with localcontext(ambient):
        assert read(steady(), begin_ns, end_ns) == plain
    assert str(plain.seconds) == "7.530864218"


@given(edges=edge_lists)
def test_the_figure_is_the_exact_one_rounded(edges: tuple[Edge, ...]) -> None:
    begin_ns, end_ns = edges[0].at_ns + 1, edges[-1].at_ns - 1
    if not begin_ns < end_ns:
        return

    def exact(moment: int) -> Fraction:
        for earlier, later in pairwise(edges):
            if earlier.at_ns <= moment <= later.at_ns:
                share = Fraction(moment - earlier.at_ns, later.at_ns - earlier.at_ns)
                return earlier.mj + share * (later.mj - earlier.mj)
        raise AssertionError

    energy_mj = read(edges, begin_ns, end_ns).energy_mj
    assert energy_mj is not None
    assert abs(energy_mj - (exact(end_ns) - exact(begin_ns))) <= 1


@given(order=st.permutations(range(6)))
def test_edges_in_another_order_are_refused(order: list[int]) -> None:
    edges = steady(seconds=1)[:6]
    handed_in = [edges[number] for number in order]
    if handed_in == list(edges):
        assert read(handed_in, 1, 400 * MS).energy_mj is not None
    else:
        with pytest.raises(EdgesInvalid, match="out of order"):
            read(handed_in, 1, 400 * MS)


@pytest.mark.parametrize("times", [(5, 5), (6, 5), (-1, 5)])
def test_a_window_that_does_not_last_is_refused(times: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="does not last"):
        read(steady(), *times)


def test_moments_outside_the_edges_have_no_level() -> None:
    with pytest.raises(ValueError, match="outside the edges"):
        levels_mj(steady(seconds=1), [5, 2 * S], device=DEVICE)


@settings(max_examples=15)
@given(
    seed=st.integers(1, 10_000),
    jitter_ms=st.integers(0, 2),
    begin_s=st.floats(2, 5),
    power=st.sampled_from(["constant=250", "constant=90", "sine=250/100/7"]),
)
def test_a_known_counter_is_met_within_limits(seed: int, jitter_ms: int, begin_s: float, power: str) -> None:
    # The limits are those of the geometry: two edges, each off by less than one time between samples. What is
    # usual is less than a tenth of that: bench/energy.py has the figures.
    metered = Metered(f"{power},jitter-ms={jitter_ms},seed={seed}", seconds=18, seed=seed)
    for seconds, limit in ((1, 0.045), (10, 0.0045)):
        reading = metered.window(begin_s, begin_s + seconds)
        true_mj = metered.true_mj(begin_s, begin_s + seconds)
        assert reading.energy_mj == pytest.approx(true_mj, rel=limit)
        assert reading.flags == ()


def test_what_the_times_of_edges_may_change_is_told() -> None:
    # Both ends at 250 W, each edge off by 20 ms at most: 5 J each.
    assert read(steady()).uncertainty_mj == 10_000


def test_a_counter_that_is_looked_at_less_often_is_told_to_be_less_exact() -> None:
    # 250 W at both ends: 250 mJ a millisecond, twice. Never further off than the counter's own step.
    told = {every: read(steady(), sample_ms=every).uncertainty_mj for every in (5, 20, 50, 100, 400)}
    assert told == {5: 2_500, 20: 10_000, 50: 25_000, 100: 50_000, 400: 50_000}


def test_edges_whose_times_are_known_badly_are_no_jump_and_no_stand_still() -> None:
    """Every other edge seen 60 ms late, as a reading every 100 ms may put it: 1.6 kW, then 0.4 kW."""
    late = [Edge(n * 100 * MS + n % 2 * 60 * MS, n * 65_000) for n in range(101)]
    assert Flag.COUNTER_JUMPED in read(late).flags
    assert read(late, sample_ms=100).flags == ()


@pytest.mark.parametrize("every_ms", [1, 5, 100, 1000])
@pytest.mark.parametrize("range_mj", [None, 600_000])
def test_how_often_the_counter_was_looked_at_changes_no_energy(every_ms: int, range_mj: int | None) -> None:
    """With a counter that goes round at moments known so badly that a round is not told from a step back."""
    device = replace(DEVICE, range_mj=range_mj)
    mj = [n * 65_000 % (range_mj or 10**9) for n in range(101)]
    edges = [Edge(n * 100 * MS + n % 2 * 60 * MS, shown) for n, shown in enumerate(mj)]
    seldom, usual = read(edges, device=device, sample_ms=every_ms), read(edges, device=device)
    assert (seldom.energy_mj, seldom.edges_sha256) == (usual.energy_mj, usual.edges_sha256)
    begin_mj, end_mj = levels_mj(edges, [1 * S, 9 * S], device=device)
    assert seldom.energy_mj == end_mj - begin_mj


# --- faults of the counter ----------------------------------------------------------------------------------


def test_a_stuck_counter_voids_the_window_while_it_stands() -> None:
    metered = Metered("constant=250,stuck-at=5+2", seconds=12)
    for begin_s, end_s in ((4, 9), (5.5, 6.5), (2, 5.5)):
        reading = metered.window(begin_s, end_s)
        assert Flag.COUNTER_STUCK in reading.flags
        assert reading.grade is None
    assert metered.window(1, 4).flags == ()
    assert metered.window(8, 11).flags == ()


def test_a_counter_that_never_moves_again_has_no_figure() -> None:
    reading = Metered("constant=250,stuck-at=5", seconds=12).window(3, 9)
    assert reading.energy_mj is None
    assert reading.grade is None
    assert reading.flags == (Flag.COUNTER_STUCK,)


def test_a_counter_that_stood_still_while_all_edges_are_the_same_is_zero_energy() -> None:
    reading = read([Edge(n * 100 * MS, 5) for n in range(100)], 1 * S, 2 * S)
    assert {Flag.ZERO_ENERGY, Flag.BELOW_IDLE_POWER} <= set(reading.flags)
    assert reading.grade is None


def test_a_counter_that_goes_back_voids_the_window() -> None:
    reading = Metered("constant=250,back-at=5,back-mj=100000", seconds=12).window(3, 9)
    assert reading.flags == (Flag.COUNTER_WENT_BACK,)
    assert reading.grade is None


def test_a_counter_that_begins_again_voids_the_window() -> None:
    metered = Metered("constant=250,start-mj=900000,restart-at=5", seconds=12)
    assert metered.window(3, 9).flags == (Flag.COUNTER_WENT_BACK,)
    assert metered.window(6, 9).flags == ()


def test_a_wrap_at_the_known_range_is_mended_and_told() -> None:
    metered = Metered("constant=250,wrap-at=5", seconds=12)
    reading = metered.window(3, 9)
    assert reading.flags == (Flag.COUNTER_WRAPPED,)
    assert reading.grade is EvidenceGrade.E
    assert reading.energy_mj == pytest.approx(metered.true_mj(3, 9), rel=0.005)


def test_a_step_back_that_is_no_round_of_the_range_is_not_mended() -> None:
    edges = (*steady(seconds=5), Edge(5100 * MS, 900), *(Edge(5200 * MS + n * MS, 950 + n) for n in range(9)))
    for device in (replace(DEVICE, range_mj=10**9), replace(DEVICE, range_mj=10**9, max_power_mw=None)):
        reading = read(edges, 4 * S, 5150 * MS, device=device)
        assert Flag.COUNTER_WENT_BACK in reading.flags
        assert Flag.COUNTER_WRAPPED not in reading.flags


def test_a_jump_voids_the_window() -> None:
    reading = Metered("constant=250,jump-at=5,jump-mj=500000", seconds=12).window(3, 9)
    assert reading.flags == (Flag.COUNTER_JUMPED,)
    assert reading.grade is None


def test_more_than_the_board_can_draw_is_told_even_without_a_jump() -> None:
    # 5 % over the limit is how exactly it is known; an edge may be late by a sample.
    assert read(steady(power_w=715)).flags == ()
    assert Flag.ABOVE_BOARD_POWER in read(steady(power_w=760)).flags


def test_less_than_it_draws_idle_is_told() -> None:
    assert read(steady(power_w=60)).flags == ()
    assert read(steady(power_w=50)).flags == (Flag.BELOW_IDLE_POWER,)


def test_what_is_not_known_of_the_device_is_not_checked() -> None:
    unknown = replace(DEVICE, max_power_mw=None, idle_power_mw=None)
    assert read(steady(power_w=5000), device=unknown).flags == ()
    assert read(steady(power_w=1), device=unknown).flags == ()


def test_a_time_in_which_nobody_read_the_counter_is_edges_missing_and_not_a_fault_of_it() -> None:
    reading = Metered("constant=250,gap-at=5+2", seconds=12).window(3, 9)
    assert reading.flags == (Flag.EDGES_MISSING,)
    assert reading.grade is None
    assert len(reading.gaps) == 1


def test_a_counter_that_cannot_be_read_to_the_end_has_no_figure() -> None:
    reading = Metered("constant=250,gap-at=5", seconds=12).window(3, 9)
    assert reading.energy_mj is None
    assert reading.flags == (Flag.EDGES_MISSING,)


def test_a_window_older_than_the_log_has_no_figure() -> None:
    reading = read(steady()[30:], 1 * S, 9 * S)
    assert reading.energy_mj is None
    assert reading.flags == (Flag.EDGES_MISSING,)
    assert reading.grade is None


def test_no_edges_at_all_are_no_figure() -> None:
    reading = read(())
    assert reading.energy_mj is None
    assert set(reading.flags) == {Flag.EDGES_MISSING, Flag.COUNTER_STUCK}


def test_one_lost_edge_changes_nothing_that_counts() -> None:
    edges = steady()
    assert read(edges[:50] + edges[51:]).flags == ()


def test_edges_may_be_fewer_in_the_middle_than_at_the_ends_of_a_window() -> None:
    edges = steady()
    for lost, flags in ((slice(51, 54), ()), (slice(51, 60), ()), (slice(51, 61), (Flag.COUNTER_STUCK,))):
        kept = [edge for edge in edges if edge not in edges[lost]]
        assert read(kept).flags == flags
    at_the_begin = [edge for edge in edges if edge not in edges[9:12]]
    assert read(at_the_begin).flags == (Flag.COUNTER_STUCK,)
    assert read(at_the_begin[:-11], 2 * S, 7 * S).flags == ()


def test_a_window_too_short_is_told_by_the_length_that_is_asked_for() -> None:
    assert read(steady(), 1 * S, 2 * S, shortest_ns=1 * S).flags == ()
    reading = read(steady(), 1 * S, 2 * S - 1, shortest_ns=1 * S)
    assert reading.flags == (Flag.WINDOW_TOO_SHORT,)
    assert reading.grade is None


# --- the device ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "flag"),
    [
        ("throttle-at=5+1", Flag.THROTTLED),
        ("other-process-at=5+1", Flag.OTHER_PROCESS),
        ("clocks-at=5+1", Flag.CLOCKS_CHANGED),
        ("power-limit-at=5+1", Flag.POWER_LIMIT_CHANGED),
    ],
)
def test_what_changes_on_the_device_voids_the_window(fault: str, flag: Flag) -> None:
    reading = Metered(f"constant=250,{fault}", seconds=12).window(3, 9)
    assert reading.flags == (flag,)
    assert reading.grade is None
    assert reading.energy_mj is not None


def test_a_device_that_was_throttled_from_the_begin_is_told() -> None:
    reading = read(steady(), states=(replace(ALONE[0], throttled="hw-thermal"),))
    assert reading.flags == (Flag.THROTTLED,)


def test_the_processes_of_the_begin_are_ours_unless_it_is_said_which_are() -> None:
    assert read(steady(), states=ALONE * 3).flags == ()
    assert read(steady(), states=ALONE, allowed_pids=frozenset({7, 8})).flags == ()
    assert read(steady(), states=ALONE, allowed_pids=frozenset({8})).flags == (Flag.OTHER_PROCESS,)
    came = replace(ALONE[0], processes=frozenset({7, 9}))
    assert read(steady(), states=(*ALONE, came, *ALONE)).flags == (Flag.OTHER_PROCESS,)


def test_a_process_that_leaves_is_nobody_else() -> None:
    left = replace(ALONE[0], processes=frozenset())
    assert read(steady(), states=(*ALONE, left)).flags == ()


@pytest.mark.parametrize("states", [(), (DeviceState(),), (*ALONE, DeviceState())])
def test_grade_a_needs_to_know_every_process(states: tuple[DeviceState, ...]) -> None:
    reading = read(steady(), states=states)
    assert reading.flags == (Flag.OTHER_PROCESSES_INCLUDED,)
    assert reading.grade is EvidenceGrade.B


def test_what_a_source_cannot_tell_is_no_change() -> None:
    partly = replace(ALONE[0], clocks_mhz=None, power_limit_mw=None, throttled=None)
    assert read(steady(), states=(*ALONE, partly)).flags == ()


def test_the_grade_is_the_sources_own() -> None:
    assert read(steady(), grade=EvidenceGrade.C).grade is EvidenceGrade.C
