"""Claims on the split of a shared GPU's energy: parts and idle add to the whole, by the published rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.energy.attribution import (
    ESTIMATED_H200,
    SHORTEST_IDLE_NS,
    Attribution,
    Call,
    Slice,
    Weights,
    attribute,
    slice_bounds,
)
from tests.scoring.contexts import UNDER_ANY_DECIMAL_SETTINGS

OTHER = ("other-process",)
NS_PER_S = 10**9
NOTHING = Weights(
    version="nada",
    prefill=Decimal(0),
    decode=Decimal(0),
    context=Decimal(0),
    step=Decimal(0),
    pace_held_up=Decimal(1),
    source="",
)
ONLY_STEPS = replace(NOTHING, step=Decimal(1))
ONLY_READ = replace(NOTHING, prefill=Decimal(1))
ONLY_WRITTEN = replace(NOTHING, decode=Decimal(1))
ONLY_CONTEXT = replace(NOTHING, context=Decimal(1))


def a_call(
    id: str = "a",
    *,
    at_s: float = 0,
    first_s: float | None = None,
    until_s: float = 1,
    read: int = 100,
    written: int = 11,
    is_ours: bool = True,
) -> Call:
    return Call(
        id=id,
        started_ns=round(at_s * NS_PER_S),
        first_token_ns=round((at_s if first_s is None else first_s) * NS_PER_S),
        ended_ns=round(until_s * NS_PER_S),
        prompt_tokens=read,
        completion_tokens=written,
        is_ours=is_ours,
    )


def a_slice(energy_mj: int = 1000, *, at_s: float = 0, until_s: float | None = None) -> Slice:
    ends_s = at_s + 1 if until_s is None else until_s
    return Slice(starts_ns=round(at_s * NS_PER_S), ends_ns=round(ends_s * NS_PER_S), energy_mj=energy_mj)


def parts_of(found: Attribution) -> dict[str, int]:
    return {part.id: part.energy_mj for part in found.parts}


def split(weights: Weights, slices: Sequence[Slice], *calls: Call) -> dict[str, int]:
    return parts_of(attribute(weights, slices, calls))


# --- by hand --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [ONLY_STEPS, NOTHING])
def test_each_moment_is_divided_among_those_in_flight(weights: Weights) -> None:
    """Of two that go at one pace, their steps and their time say the same."""
    # The first second is a's alone but for its second half; the second is b's but for its first half.
    calls = a_call("a", until_s=1.5), a_call("b", at_s=0.5, until_s=2)
    assert split(weights, [a_slice(1000), a_slice(1000, at_s=1)], *calls) == {"a": 1000, "b": 1000}
    assert split(weights, [a_slice(1000)], *calls) == {"a": 750, "b": 250}


def test_a_prompt_is_one_step_and_so_is_each_token_after_the_first() -> None:
    calls = a_call("a", first_s=0.5, written=1), a_call("b", first_s=0.5, written=9)
    assert split(ONLY_STEPS, [a_slice(1000)], *calls) == {"a": 100, "b": 900}


def test_writing_is_held_up_while_somebody_reads() -> None:
    # Half as fast in the first second: of a's 30 tokens 10 in it, and 20 in the next.
    held_up = replace(ONLY_WRITTEN, pace_held_up=Decimal("0.5"))
    writes = a_call("a", until_s=2, written=31)
    reads = a_call("b", first_s=1, until_s=2, written=21)
    assert split(held_up, [a_slice(1000, at_s=1)], writes, reads) == {"a": 500, "b": 500}
    assert split(ONLY_WRITTEN, [a_slice(1000, at_s=1)], writes, reads) == {"a": 429, "b": 571}
    # Two that read at once hold up no more than one does.
    also_reads = a_call("c", at_s=0.25, first_s=0.75, until_s=1, written=1)
    found = split(held_up, [a_slice(1000, at_s=1)], writes, reads, also_reads)
    assert found == {"a": 500, "b": 500, "c": 0}


def test_a_slice_goes_whole_to_the_one_that_was_there_for_a_moment_of_it() -> None:
    assert split(NOTHING, [a_slice(1000)], a_call(at_s=0.9, until_s=0.901)) == {"a": 1000}


def test_reading_weighs_in_the_slices_in_which_it_was_read() -> None:
    slices = [a_slice(1000), a_slice(1000, at_s=1)]
    reads_in_both = a_call("a", first_s=1.5, until_s=2, read=300)  # 200 in the first second, 100 in the next
    reads_in_first = a_call("b", first_s=1, until_s=2, read=200)
    assert split(ONLY_READ, slices[:1], reads_in_both, reads_in_first) == {"a": 500, "b": 500}
    assert split(ONLY_READ, slices[1:], reads_in_both, reads_in_first) == {"a": 1000, "b": 0}


def test_writing_weighs_in_the_slices_in_which_it_was_written() -> None:
    slow = a_call("a", until_s=2, written=21)  # 10 tokens a second
    fast = a_call("b", until_s=1, written=31)  # 30 in the first
    assert split(ONLY_WRITTEN, [a_slice(1000)], slow, fast) == {"a": 250, "b": 750}
    assert split(ONLY_WRITTEN, [a_slice(1000, at_s=1)], slow, fast) == {"a": 1000, "b": 0}


def test_a_token_weighs_by_the_context_that_it_looks_back_on() -> None:
    # 10 · (100 + 11/2) = 1055 and 10 · (311 + 11/2) = 3165: one to three, as the token model has it.
    calls = a_call("a", read=100, written=11), a_call("b", read=311, written=11)
    assert split(ONLY_CONTEXT, [a_slice(1000)], *calls) == {"a": 250, "b": 750}


def test_the_context_grows_while_it_writes() -> None:
    # Of 20 tokens after a prompt of 10, the first ten look back on 155, the others on 255.
    grows = a_call("a", until_s=2, read=10, written=21)
    beside = a_call(
        "b", until_s=2, read=100, written=2
    )  # 1 · (100 + 1) over two seconds: half in each, nearly
    first = split(ONLY_CONTEXT, [a_slice(10**6)], grows, beside)
    b_first = Fraction(1, 2) * (100 + Fraction(1, 2)) + Fraction(1, 8)
    assert first["a"] == round(10**6 * Fraction(155) / (155 + b_first))
    second = split(ONLY_CONTEXT, [a_slice(10**6, at_s=1)], grows, beside)
    b_second = 101 - b_first
    assert second["a"] == round(10**6 * Fraction(255) / (255 + b_second))


def test_the_four_weights_add() -> None:
    weights = replace(
        NOTHING, prefill=Decimal(2), decode=Decimal(30), context=Decimal(100), step=Decimal(100)
    )
    one = a_call("a", first_s=0.5, read=100, written=11)  # 200 + 300 + 105.5 + 100 · 11 / 2
    other = a_call("b", first_s=0.5, read=50, written=1)  # 100 + 0 + 0 + 100 · 1 / 2
    assert split(weights, [a_slice(13_055)], one, other) == {"a": 11_555, "b": 1_500}


@pytest.mark.parametrize("first_s", [0.0, 2.0])
def test_a_phase_that_took_no_time_is_spread_over_the_call(first_s: float) -> None:
    odd = a_call("a", first_s=first_s, until_s=2, read=400, written=41)
    even = a_call("b", first_s=1, until_s=2, read=200, written=21)
    weights = ONLY_READ if first_s == 0 else ONLY_WRITTEN
    at_s = 0 if first_s == 0 else 1
    assert split(weights, [a_slice(1000, at_s=at_s)], odd, even) == {"a": 500, "b": 500}


@pytest.mark.parametrize("order", [("a", "b", "c"), ("c", "a", "b")])
def test_what_is_left_over_goes_to_the_largest_remainder_and_then_by_id(order: tuple[str, ...]) -> None:
    assert split(NOTHING, [a_slice(100)], *map(a_call, order)) == {"a": 34, "b": 33, "c": 33}
    assert split(NOTHING, [a_slice(101)], *map(a_call, order)) == {"a": 34, "b": 34, "c": 33}
    # 33.33 and 66.67
    assert split(ONLY_WRITTEN, [a_slice(100)], a_call("a", written=2), a_call("b", written=3)) == {
        "a": 33,
        "b": 67,
    }
    # c has 0.2 of 1 s alone and a third of the rest: quotas 266.67, 266.67, 466.67 of 1000.
    early = [a_call("c")] + [a_call(id, at_s=0.2) for id in ("b", "a")]
    assert split(NOTHING, [a_slice(1000)], *early) == {"a": 267, "b": 267, "c": 466}


def test_equal_remainders_go_by_id_and_not_by_who_came_first() -> None:
    calls = a_call("a"), a_call("b", at_s=-1)
    assert split(NOTHING, [a_slice(101)], *calls) == {"a": 51, "b": 50}


def test_a_slice_in_which_nothing_ran_is_nobody_s() -> None:
    found = attribute(
        NOTHING, [a_slice(70), a_slice(1000, at_s=1), a_slice(80, at_s=2)], [a_call(at_s=1, until_s=2)]
    )
    assert (parts_of(found), found.others_mj, found.idle_mj) == ({"a": 1000}, 0, 150)


# --- calls that are not ours ----------------------------------------------------------------------------


def test_a_call_that_is_not_ours_takes_its_part_and_flags_those_beside_it() -> None:
    foreign = a_call("x", until_s=1, read=0, written=0, is_ours=False)
    beside, later = a_call("a"), a_call("b", at_s=1, until_s=2)
    found = attribute(NOTHING, [a_slice(1000), a_slice(1000, at_s=1)], [foreign, beside, later])
    assert parts_of(found) == {"a": 500, "b": 1000}
    assert found.others_mj == 500
    assert {part.id: part.flags for part in found.parts} == {"a": OTHER, "b": ()}


# --- whatever comes in ----------------------------------------------------------------------------------

MOMENTS = st.integers(0, 60)  # tenths of a second


@st.composite
def some_calls(draw: st.DrawFn) -> list[Call]:
    calls = []
    for number in range(draw(st.integers(0, 6))):
        starts, first, ends = sorted(draw(st.lists(MOMENTS, min_size=3, max_size=3)))
        calls.append(
            a_call(
                f"c{number}",
                at_s=starts / 10,
                first_s=first / 10,
                until_s=max(ends, starts + 1) / 10,
                read=draw(st.integers(0, 5000)),
                written=draw(st.integers(0, 500)),
                is_ours=draw(st.booleans()),
            )
        )
    return calls


@st.composite
def some_slices(draw: st.DrawFn) -> list[Slice]:
    cuts = sorted(draw(st.sets(MOMENTS, max_size=9)))
    made = [
        a_slice(draw(st.integers(0, 10**6)), at_s=start / 10, until_s=end / 10)
        for start, end in pairwise(cuts)
    ]
    return [piece for piece in made if draw(st.integers(0, 4))]  # some are missing


WEIGHTS = st.sampled_from([ESTIMATED_H200, ONLY_STEPS, ONLY_READ, ONLY_WRITTEN, ONLY_CONTEXT, NOTHING])
ANYTHING = settings(deadline=None, max_examples=80)


@ANYTHING
@given(weights=WEIGHTS, slices=some_slices(), calls=some_calls())
def test_parts_and_idle_add_to_the_whole(weights: Weights, slices: list[Slice], calls: list[Call]) -> None:
    found = attribute(weights, slices, calls)
    whole = sum(piece.energy_mj for piece in slices)
    assert sum(parts_of(found).values()) + found.others_mj + found.idle_mj == whole
    assert {part.id for part in found.parts} == {call.id for call in calls if call.is_ours}
    assert all(energy_mj >= 0 for energy_mj in [*parts_of(found).values(), found.others_mj, found.idle_mj])


@ANYTHING
@given(weights=WEIGHTS, slices=some_slices(), calls=some_calls(), data=st.data())
def test_order_does_not_matter(
    weights: Weights, slices: list[Slice], calls: list[Call], data: st.DataObject
) -> None:
    turned = attribute(weights, data.draw(st.permutations(slices)), data.draw(st.permutations(calls)))
    assert turned == attribute(weights, slices, calls)


@ANYTHING
@given(weights=WEIGHTS, slices=some_slices(), calls=some_calls())
def test_slices_do_not_know_of_one_another(weights: Weights, slices: list[Slice], calls: list[Call]) -> None:
    """So a call gets nothing of a slice in which it was not, and the parts can be followed slice by slice."""
    sums = {call.id: 0 for call in calls if call.is_ours}
    for piece in slices:
        alone = attribute(weights, [piece], calls)
        for call in calls:
            was_there = call.started_ns < piece.ends_ns and call.ended_ns > piece.starts_ns
            assert was_there or not parts_of(alone).get(call.id)
        sums = {id: energy_mj + parts_of(alone)[id] for id, energy_mj in sums.items()}
    assert sums == parts_of(attribute(weights, slices, calls))


@ANYTHING
@given(
    weights=WEIGHTS,
    slices=some_slices(),
    calls=some_calls(),
    times=st.integers(2, 1000),
    later=st.integers(-5, 5),
)
def test_only_proportions_and_distances_matter(
    weights: Weights, slices: list[Slice], calls: list[Call], times: int, later: int
) -> None:
    expected = attribute(weights, slices, calls)
    scaled = replace(
        weights,
        **{name: getattr(weights, name) * times for name in ("prefill", "decode", "context", "step")},
    )
    assert attribute(scaled, slices, calls) == expected
    by = later * 7_777_777
    moved = attribute(
        weights,
        [replace(s, starts_ns=s.starts_ns + by, ends_ns=s.ends_ns + by) for s in slices],
        [
            replace(
                c,
                started_ns=c.started_ns + by,
                first_token_ns=c.first_token_ns + by,
                ended_ns=c.ended_ns + by,
            )
            for c in calls
        ],
    )
    assert moved == expected


@ANYTHING
@given(weights=WEIGHTS, slices=some_slices(), calls=some_calls(), times=st.integers(2, 50))
def test_as_many_times_the_energy_is_as_many_times_each_part(
    weights: Weights, slices: list[Slice], calls: list[Call], times: int
) -> None:
    once = parts_of(attribute(weights, slices, calls))
    more = parts_of(attribute(weights, [replace(s, energy_mj=s.energy_mj * times) for s in slices], calls))
    for id, energy_mj in more.items():
        # Up to the rounding of each slice, of the one and of the other.
        assert abs(energy_mj - times * once[id]) <= (times + 1) * len(slices)


@UNDER_ANY_DECIMAL_SETTINGS
def test_it_does_not_depend_on_the_decimal_settings_around_it(ambient: Context) -> None:
    calls = [a_call("a", first_s=0.3, until_s=1.7), a_call("b", at_s=0.4, first_s=0.5, until_s=2, read=901)]
    slices = [a_slice(612_345), a_slice(587_654, at_s=1)]
    expected = attribute(ESTIMATED_H200, slices, calls)
    with localcontext(ambient):
        assert attribute(ESTIMATED_H200, slices, calls) == expected


# --- the weights ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["prefill", "decode", "context", "step"])
@pytest.mark.parametrize("value", ["-1", "NaN", "sNaN", "Infinity"])
def test_no_weight_may_pay_for_waste(name: str, value: str) -> None:
    change: dict[str, Any] = {name: Decimal(value)}
    with pytest.raises(ValueError, match="weight"):
        replace(ESTIMATED_H200, **change)


@pytest.mark.parametrize("pace", ["0", "-0.5", "1.01", "NaN", "Infinity"])
def test_a_pace_that_is_none_is_refused(pace: str) -> None:
    with pytest.raises(ValueError, match="pace"):
        replace(ESTIMATED_H200, pace_held_up=Decimal(pace))


def test_the_published_weights_have_this_hash() -> None:
    """A change of a weight needs a new version: figures name the one that they were split by."""
    assert ESTIMATED_H200.version == "reparto-estimado-h200-2026.1"
    assert ESTIMATED_H200.sha256[:16] == "8bd074168dd38cd3"
    assert replace(ESTIMATED_H200, step=Decimal(10_801)).sha256 != ESTIMATED_H200.sha256
    assert replace(ESTIMATED_H200, version="otra").sha256 != ESTIMATED_H200.sha256


# --- where to cut ---------------------------------------------------------------------------------------


def cuts_in_s(*calls: Call, until_s: float = 3) -> list[float]:
    return [cut / NS_PER_S for cut in slice_bounds(0, round(until_s * NS_PER_S), calls)]


def test_a_window_is_cut_every_second_and_around_its_pauses() -> None:
    assert cuts_in_s(a_call(at_s=0, until_s=3)) == [0, 1, 2, 3]
    assert cuts_in_s(until_s=2.5) == [0, 1, 2, 2.5]
    assert cuts_in_s(a_call("a", at_s=0.25, until_s=0.5), a_call("b", at_s=1.5, until_s=2.75)) == [
        *(0, 0.25, 0.5, 1, 1.5, 2, 2.75, 3)
    ]


def test_a_pause_that_no_counter_could_see_is_no_pause() -> None:
    long, short = SHORTEST_IDLE_NS / NS_PER_S, SHORTEST_IDLE_NS / NS_PER_S / 2
    assert 1.5 not in cuts_in_s(a_call("a", until_s=1.5), a_call("b", at_s=1.5 + short, until_s=3))
    assert 1.5 in cuts_in_s(a_call("a", until_s=1.5), a_call("b", at_s=1.5 + long, until_s=3))


def test_calls_that_stand_out_of_the_window_cut_nothing_outside_it() -> None:
    assert cuts_in_s(a_call("a", at_s=-2, until_s=1.5), a_call("b", at_s=2.5, until_s=9)) == [
        0,
        1,
        1.5,
        2,
        2.5,
        3,
    ]
    assert cuts_in_s(a_call("a", at_s=5, until_s=9)) == [0, 1, 2, 3]


@ANYTHING
@given(calls=some_calls(), power=st.integers(1, 900))
def test_cut_so_a_window_in_which_nothing_else_ran_costs_its_calls_no_pause(
    calls: list[Call], power: int
) -> None:
    bounds = slice_bounds(0, 6 * NS_PER_S, calls)
    assert (bounds[0], bounds[-1]) == (0, 6 * NS_PER_S)
    found = attribute(
        ESTIMATED_H200,
        [Slice(starts_ns=a, ends_ns=b, energy_mj=(b - a) * power // 10**6) for a, b in pairwise(bounds)],
        calls,
    )
    busy_tenths = {tenth for c in calls for tenth in range(c.started_ns // 10**8, c.ended_ns // 10**8)}
    # What runs after the window is not in it.
    assert found.idle_mj == (60 - len(busy_tenths & {*range(60)})) * 100 * power


# --- what is refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "slices",
    [
        [a_slice(until_s=0)],
        [a_slice(at_s=1, until_s=0.5)],
        [a_slice(-1)],
        [a_slice(), a_slice(at_s=0.5)],
        [a_slice(until_s=3), a_slice(at_s=1)],
    ],
)
def test_slices_that_cannot_be_are_refused(slices: list[Slice]) -> None:
    with pytest.raises(ValueError, match="slice"):
        attribute(ESTIMATED_H200, slices, [])


@pytest.mark.parametrize(
    "calls",
    [
        [a_call(until_s=0)],
        [a_call(first_s=1.5)],
        [a_call(at_s=0.5, first_s=0.25)],
        [a_call(read=-1)],
        [a_call(written=-1)],
        [a_call("a"), a_call("a", until_s=2)],
    ],
)
def test_calls_that_cannot_be_are_refused(calls: list[Call]) -> None:
    with pytest.raises(ValueError, match=r"call|token counts"):
        attribute(ESTIMATED_H200, [a_slice()], calls)


def test_a_window_that_does_not_last_is_not_cut() -> None:
    with pytest.raises(ValueError, match="does not last"):
        slice_bounds(5, 5, [])
