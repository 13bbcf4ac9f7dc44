"""The interval of a measured figure: by hand for five repetitions, and held against many that were drawn."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.energy.interval import interval_of, spread_percent

ENERGIES = st.lists(st.integers(1, 10**9), min_size=2, max_size=30)


def test_five_repetitions_by_hand() -> None:
    """s² = (2² + 1² + 0 + 1² + 2²)·10⁶/4 = 2.5·10⁶; 2.776·√(1.5708·2.5·10⁶/5) = 2460.2, up to 2461."""
    found = interval_of([98_000, 99_000, 100_000, 101_000, 102_000], [50, 70, 60, 50, 50])
    assert (found.repetitions_mj, found.counter_mj, found.half_mj) == (2_461, 70, 2_531)
    assert (found.low_mj, found.energy_mj, found.high_mj) == (97_469, 100_000, 102_531)


def test_a_single_repetition_has_the_counters_part_alone() -> None:
    found = interval_of([100_000], [70])
    assert (found.repetitions_mj, found.half_mj) == (None, 70)
    assert spread_percent([100_000]) is None


def test_no_energy_is_below_nothing() -> None:
    assert interval_of([1, 1_000], []).low_mj == 0


def test_nothing_has_no_interval() -> None:
    with pytest.raises(ValueError, match="median"):
        interval_of([], [])


@given(ENERGIES, st.randoms(use_true_random=False))
def test_the_order_of_the_repetitions_changes_nothing(energies: list[int], chance: random.Random) -> None:
    shuffled = list(energies)
    chance.shuffle(shuffled)
    assert interval_of(shuffled, [1]) == interval_of(energies, [1])


@given(ENERGIES)
def test_the_spread_is_from_the_least_to_the_most(energies: list[int]) -> None:
    spread = spread_percent(energies)
    assert spread is not None
    assert spread * interval_of(energies, []).energy_mj == Fraction(100 * (max(energies) - min(energies)))


@pytest.mark.parametrize("repetitions", [2, 3, 5, 6, 10])
def test_of_figures_drawn_from_a_bell_at_least_95_in_100_hold_the_true_one(repetitions: int) -> None:
    chance = random.Random(20_260_115 + repetitions)
    true_mj, draws = 100_000, 2_000
    held = 0
    for _ in range(draws):
        energies = [round(chance.gauss(true_mj, 2_000)) for _ in range(repetitions)]
        found = interval_of(energies, [])
        held += found.low_mj <= true_mj <= found.high_mj
    assert held >= 0.95 * draws
