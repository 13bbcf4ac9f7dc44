"""Claims on what a suite can tell apart before a phase, and on what its cases did after one."""

from __future__ import annotations

from decimal import Context, Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]  # it tells none

from scoring.uncertainty.item_statistics import item_statistics
from scoring.uncertainty.power import cases_for, minimum_detectable, spread_of
from tests.scoring.contexts import UNDER_ANY_DECIMAL_SETTINGS
from tests.scoring.uncertain_rows import RIGHT, right, some_rows

# --- power ----------------------------------------------------------------------------------------------


def test_a_difference_by_hand() -> None:
    """81 cases, a spread of 0.5: (1.990 + 0.846) · 0.5 / 9, with t of 80 degrees of freedom."""
    found = minimum_detectable(weights=[1] * 81, spread=0.5)
    expected = (stats.t.isf(0.025, 80) + stats.t.isf(0.2, 80)) * 0.5 / 9
    assert float(found.difference) == pytest.approx(expected, abs=1e-6)
    assert (found.cases, found.effective_cases) == (81, Decimal("81.00"))


def test_it_agrees_with_the_exact_power_of_a_paired_t_test() -> None:
    found = float(minimum_detectable(weights=[1] * 61, spread=0.4).difference)
    power = stats.nct.sf(stats.t.isf(0.025, 60), 60, found / (0.4 / 61**0.5))
    assert power == pytest.approx(0.8, abs=0.01)


def test_the_worst_case_is_that_each_case_is_right_for_one_of_the_two() -> None:
    found = float(minimum_detectable(weights=[1] * 60).difference)
    spread = (1 - found**2) ** 0.5
    assert float(minimum_detectable(weights=[1] * 60, spread=spread).difference) == pytest.approx(
        found, abs=1e-5
    )


def test_more_cases_find_less_and_more_rows_and_uneven_weights_need_more() -> None:
    def found(weights: list[int], rows: int = 2) -> Decimal:
        return minimum_detectable(weights=weights, rows=rows).difference

    assert found([1] * 200) < found([1] * 60) < found([1] * 60, rows=50)
    assert found([1] * 60) == found([7] * 60) < found([1] * 30 + [5] * 30)


def test_two_cases_tell_nothing_apart() -> None:
    assert minimum_detectable(weights=[1, 1]).difference == 1


def test_the_cases_for_a_difference_are_the_fewest_that_find_it() -> None:
    cases = cases_for(difference=0.1, spread=0.4)
    assert cases is not None
    enough, fewer = (
        minimum_detectable(weights=[1] * number, spread=0.4).difference for number in (cases, cases - 1)
    )
    assert enough <= Decimal("0.1") < fewer
    assert cases_for(difference=0.00001) is None


def test_the_spread_of_baselines_is_that_of_the_pair_that_differs_most() -> None:
    baselines = [row.grades for row in some_rows(3)]
    expected = max(
        np.std((np.array(one) - np.array(other)) / RIGHT, ddof=1)
        for at, one in enumerate(baselines)
        for other in baselines[:at]
    )
    assert spread_of(baselines) == pytest.approx(expected)


@pytest.mark.parametrize("power", [0.4, 1.0])
def test_a_power_that_means_nothing_is_refused(power: float) -> None:
    with pytest.raises(ValueError, match="power"):
        minimum_detectable(weights=[1] * 9, power=power)
    with pytest.raises(ValueError, match="cases"):
        minimum_detectable(weights=[])
    with pytest.raises(ValueError, match="two baselines"):
        spread_of([right(3)])


# --- items ----------------------------------------------------------------------------------------------


def test_each_case_is_correlated_with_the_rest_and_not_with_itself() -> None:
    rows = [row.grades for row in some_rows(40, cases=10)]
    weights = [1, 2, 3, 1, 2, 3, 1, 2, 3, 1]
    grades = np.array(rows)
    for at, case in enumerate(item_statistics(weights=weights, rows=rows)):
        rest = grades @ np.array(weights) - grades[:, at] * weights[at]
        assert case.discrimination is not None
        assert float(case.discrimination) == pytest.approx(np.corrcoef(grades[:, at], rest)[0, 1], abs=1e-6)
        assert float(case.difficulty) == pytest.approx(grades[:, at].mean() / RIGHT, abs=1e-6)


def test_a_case_that_only_the_weak_solve_is_told() -> None:
    rows = [(*right(good, of=9), RIGHT if good < 4 else 0) for good in range(1, 9)]
    found = item_statistics(weights=[1] * 10, rows=rows)
    assert [case.is_negative for case in found] == [False] * 9 + [True]


def test_cases_that_all_solve_or_nobody_does_are_told_and_discriminate_nothing() -> None:
    always, never, mixed = item_statistics(
        weights=[1, 1, 1], rows=[(RIGHT, 0, RIGHT), (RIGHT, 0, 0), (RIGHT, 0, 0)]
    )
    assert (always.is_always_right, always.is_always_wrong, always.discrimination) == (True, False, None)
    assert (never.is_always_right, never.is_always_wrong, never.discrimination) == (False, True, None)
    assert (mixed.is_always_right, mixed.is_always_wrong, mixed.difficulty) == (
        False,
        False,
        Decimal("0.333333"),
    )


def test_of_two_rows_nothing_is_said_about_discrimination() -> None:
    found = item_statistics(weights=[1, 1], rows=[(RIGHT, RIGHT), (0, 0)])
    assert [case.discrimination for case in found] == [None, None]
    assert item_statistics(weights=[1, 1], rows=[]) == []
    with pytest.raises(ValueError, match="3 grades for 2"):
        item_statistics(weights=[1, 1], rows=[(0, 0, 0)])


@settings(deadline=None, max_examples=40)
@given(rows=st.lists(st.lists(st.integers(0, RIGHT), min_size=4, max_size=4), max_size=12), data=st.data())
def test_the_order_of_rows_does_not_matter_and_a_correlation_is_one(
    rows: list[list[int]], data: st.DataObject
) -> None:
    weights = [1, 2, 3, 4]
    found = item_statistics(weights=weights, rows=rows)
    assert item_statistics(weights=weights, rows=data.draw(st.permutations(rows))) == found
    for case in found:
        assert 0 <= case.difficulty <= 1
        assert case.discrimination is None or -1 <= case.discrimination <= 1


@UNDER_ANY_DECIMAL_SETTINGS
def test_neither_depends_on_the_decimal_settings_around_it(ambient: Context) -> None:
    rows = [row.grades for row in some_rows(9)]
    expected = item_statistics(weights=[1] * 30, rows=rows), minimum_detectable(weights=[1] * 30)
    with localcontext(ambient):
        found = item_statistics(weights=[1] * 30, rows=rows), minimum_detectable(weights=[1] * 30)
    assert str(found) == str(expected)
