"""Claims on what stands out: beyond the interval, the repetitions or the witness, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.energy.calibration import Prediction
from scoring.energy.flags import FOR_REVIEW, VOIDING
from scoring.energy.outliers import beside_model, beside_witness, look, unlike_the_others

EXPECTED = Prediction(low_mj=900, energy_mj=1000, high_mj=1100, in_range=True)
UNKNOWN = Prediction(low_mj=900, energy_mj=1000, high_mj=1100, in_range=False)


@pytest.mark.parametrize(
    ("energy_mj", "prediction", "flags"),
    [
        (900, EXPECTED, ()),
        (1100, EXPECTED, ()),
        (899, EXPECTED, ("unlike-token-model",)),
        (1101, EXPECTED, ("unlike-token-model",)),
        (1000, UNKNOWN, ("token-model-out-of-range",)),
        (5000, UNKNOWN, ("token-model-out-of-range",)),
        (5000, None, ()),  # nothing was calibrated
    ],
)
def test_a_figure_outside_the_model_s_interval_stands_out(
    energy_mj: int, prediction: Prediction | None, flags: tuple[str, ...]
) -> None:
    assert beside_model(energy_mj, prediction) == flags


@pytest.mark.parametrize(
    ("repetitions_mj", "places"),
    [
        ([], ()),
        ([1000], ()),
        ([1000, 9000], ()),  # which of the two?
        ([1000, 1001, 1002, 1003, 1004], ()),
        ([1000, 1001, 1002, 1003, 1500], (4,)),
        ([500, 1001, 1002, 1003, 1004], (0,)),
        ([1000, 1000, 1000, 1000, 1011], (4,)),  # 1.1 % off, and the others agree to the millijoule
        ([1000, 1000, 1000, 1000, 1010], ()),  # 1 % is never an outlier
        ([800, 900, 1000, 1100, 1200], ()),  # a wide spread, but no one stands out of it
        ([1, 1002, 1003, 1004, 9000], (0, 4)),
        # |x − 1000| = 30 against 3.5 / 0.6745 = 5.189 times a deviation of 5 and of 6.
        ([990, 995, 1000, 1005, 1030], (4,)),
        ([988, 994, 1000, 1006, 1030], ()),
    ],
)
def test_a_repetition_unlike_the_others_stands_out(
    repetitions_mj: list[int], places: tuple[int, ...]
) -> None:
    assert unlike_the_others(repetitions_mj) == places


@given(
    repetitions=st.lists(st.integers(0, 10**12), min_size=3, max_size=9),
    times=st.integers(1, 1000),
    data=st.data(),
)
def test_neither_order_nor_unit_changes_who_stands_out(
    repetitions: list[int], times: int, data: st.DataObject
) -> None:
    who = sorted(repetitions[place] for place in unlike_the_others(repetitions))
    turned = data.draw(st.permutations(repetitions))
    assert sorted(turned[place] for place in unlike_the_others(turned)) == who
    assert unlike_the_others([mj * times for mj in repetitions]) == unlike_the_others(repetitions)
    assert len(who) < len(repetitions) / 2


@pytest.mark.parametrize(
    ("witness_mj", "is_flagged"),
    [(None, False), (1000, False), (900, False), (1100, False), (899, True), (1101, True), (0, True)],
)
def test_a_witness_more_than_a_tenth_apart_is_flagged(witness_mj: int | None, is_flagged: bool) -> None:
    assert beside_witness(1000, witness_mj) == (("unlike-witness",) if is_flagged else ())


def test_all_that_stands_out_is_told_and_waits_for_an_organizer() -> None:
    flags = look(energy_mj=2000, prediction=EXPECTED, repetitions_mj=[100, 2000, 2001], witness_mj=3000)
    assert flags == ("unlike-repetitions", "unlike-token-model", "unlike-witness")
    assert set(flags) <= FOR_REVIEW
    assert not set(flags) & VOIDING


def test_a_figure_with_nothing_beside_it_has_no_flag() -> None:
    assert look(energy_mj=2000) == ()
    assert look(energy_mj=1000, prediction=EXPECTED, repetitions_mj=[999, 1000, 1002], witness_mj=1000) == ()
