"""Claims on quality: the exact weighted mean, whatever the order of the cases, within [0, 1]."""

from __future__ import annotations

from decimal import Context, Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.quality import weighted_mean
from scoring.values import GradedCase
from tests.scoring.contexts import UNDER_ANY_DECIMAL_SETTINGS

GRADES = st.integers(0, 10**6).map(lambda millionths: Decimal(millionths) / 10**6)
WEIGHTS = st.integers(1, 1000) | st.integers(1, 10**12)
SUITES = st.lists(st.builds(GradedCase, value=GRADES, weight=WEIGHTS), min_size=1, max_size=30)


def cases(*pairs: tuple[str, int]) -> list[GradedCase]:
    return [GradedCase(value=Decimal(value), weight=weight) for value, weight in pairs]


@pytest.mark.parametrize(
    ("suite", "by_hand"),
    [
        (cases(("1", 1)), "1.000000"),
        (cases(("0", 1)), "0.000000"),
        (cases(("1", 1), ("0", 2)), "0.333333"),
        (cases(("1", 2), ("0", 1)), "0.666667"),
        (cases(("1", 3), ("0.5", 2), ("0", 5)), "0.400000"),  # (3 + 1 + 0) / 10
        (cases(("0.857143", 1), ("0.333333", 1)), "0.595238"),
        (cases(("0.000001", 1), ("0", 1)), "0.000000"),  # half a millionth: to the even one
        (cases(("0.000003", 1), ("0", 1)), "0.000002"),
        (cases(("0.000001", 10**12 + 1), ("0", 10**12 - 1)), "0.000001"),  # a hair above the half
        (cases(("0.000003", 10**12 - 1), ("0", 10**12 + 1)), "0.000001"),  # a hair below it
        (cases(("1", 1), ("0", 10**12 - 1)), "0.000000"),
    ],
)
def test_it_is_the_sum_that_one_does_by_hand(suite: list[GradedCase], by_hand: str) -> None:
    assert str(weighted_mean(suite)) == by_hand


@settings(deadline=None)
@given(suite=SUITES)
def test_it_is_the_exact_mean_rounded_once(suite: list[GradedCase]) -> None:
    total = sum((Fraction(case.value) * case.weight for case in suite), Fraction(0))
    exact = total / sum(case.weight for case in suite)
    assert weighted_mean(suite) == Decimal(round(exact * 10**6)).scaleb(-6)  # Fraction rounds half to even


@settings(deadline=None)
@given(suite=SUITES, data=st.data())
def test_the_order_of_the_cases_does_not_matter(suite: list[GradedCase], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(suite))
    assert str(weighted_mean(shuffled)) == str(weighted_mean(suite))


@settings(deadline=None)
@given(suite=SUITES)
def test_it_lies_between_the_worst_and_the_best_grade(suite: list[GradedCase]) -> None:
    grades = [case.value for case in suite]
    assert 0 <= min(grades) <= weighted_mean(suite) <= max(grades) <= 1


@settings(deadline=None)
@given(suite=SUITES, factor=st.integers(1, 1000))
def test_only_the_proportion_of_the_weights_counts(suite: list[GradedCase], factor: int) -> None:
    heavier = [GradedCase(value=case.value, weight=case.weight * factor) for case in suite]
    assert weighted_mean(heavier) == weighted_mean(suite)


@settings(deadline=None)
@given(suite=SUITES, index=st.integers(0, 29), better=GRADES)
def test_a_better_grade_never_lowers_it(suite: list[GradedCase], index: int, better: Decimal) -> None:
    index %= len(suite)
    improved = list(suite)
    improved[index] = GradedCase(value=max(better, suite[index].value), weight=suite[index].weight)
    assert weighted_mean(improved) >= weighted_mean(suite)


@UNDER_ANY_DECIMAL_SETTINGS
def test_it_does_not_depend_on_the_decimal_settings_around_it(ambient: Context) -> None:
    suite = cases(("0.857143", 7), ("0.333333", 123456789), ("1", 1))
    with localcontext(ambient):
        assert str(weighted_mean(suite)) == "0.333333"


@pytest.mark.parametrize("value", ["-0.000001", "1.000001", "NaN", "sNaN", "Infinity", "-Infinity"])
def test_a_grade_outside_its_range_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="grade"):
        weighted_mean(cases(("1", 1), (value, 1)))


@pytest.mark.parametrize("weight", [0, -1])
def test_a_weight_below_one_is_refused(weight: int) -> None:
    with pytest.raises(ValueError, match="weight"):
        weighted_mean(cases(("1", 1), ("1", weight)))


@pytest.mark.parametrize("nothing", [[], ()])
def test_no_cases_at_all_have_no_quality(nothing: Any) -> None:
    with pytest.raises(ValueError, match="at least one"):
        weighted_mean(nothing)
