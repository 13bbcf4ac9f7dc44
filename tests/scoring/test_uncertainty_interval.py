"""Claims on the interval of one score: BCa as scipy has it, percentile elsewhere, and the score within."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]  # it tells none

from scoring.uncertainty import interval
from scoring.uncertainty.resampling import Resampling
from tests.scoring.uncertain_rows import QUALITY_ONLY, RIGHT, a_row, a_rule, right, some_rows

Floats = npt.NDArray[np.float64]

GRADES = st.lists(st.sampled_from([0, 1, 250_000, 500_000, 999_999, RIGHT]), min_size=30, max_size=30)


def test_bca_agrees_with_scipy() -> None:
    """The same resamples, given to ``scipy.stats.bootstrap`` as its own: only the ends are its work."""
    resampling = Resampling(a_rule(40, policy="budget", parameters=QUALITY_ONLY, resamples=2000))
    rows = some_rows(40, cases=40, seed=3)
    figures = resampling.figures(rows)
    assert figures.interval.all()
    for at, row in enumerate(rows):
        grades = np.array(row.grades, dtype=np.float64)
        resampled = np.sort(resampling.qualities(np.array([row.grades]))[0])
        low, high = _ends_of_scipy(grades, resampled.astype(np.float64))
        # Scipy interpolates between two order statistics, ours takes the outer one.
        for end, theirs in ((figures.low[at], low), (figures.high[at], high)):
            before = max(int(np.searchsorted(resampled, theirs)) - 2, 0)
            behind = int(np.searchsorted(resampled, theirs, side="right")) + 1
            assert resampled[before] <= end <= resampled[min(behind, 1999)]


def _ends_of_scipy(grades: Floats, resampled: Floats) -> tuple[float, float]:
    def rounded_mean(sample: Floats, axis: int) -> Floats:
        rounded: Floats = np.rint(np.mean(sample, axis=axis))
        return rounded

    own = stats.bootstrap((grades,), rounded_mean, n_resamples=2, method="percentile", vectorized=True)
    found = stats.bootstrap(
        (grades,),
        rounded_mean,
        n_resamples=0,
        bootstrap_result=replace(own, bootstrap_distribution=resampled),
        method="BCa",
        vectorized=True,
    )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def test_the_acceleration_is_that_of_the_jackknife() -> None:
    weights = np.array([1, 5, 2, 1, 9] * 5)
    grades = np.array([row.grades for row in some_rows(6, cases=25)])
    found = interval.accelerations(grades=np.ascontiguousarray(grades.T), weights=weights)
    for each, row in zip(found.tolist(), grades, strict=True):
        without = np.array(
            [np.average(np.delete(row, at), weights=np.delete(weights, at)) for at in range(25)]
        )
        apart = without.mean() - without
        assert each == pytest.approx((apart**3).sum() / (6 * (apart**2).sum() ** 1.5), rel=1e-9)


def test_below_20_cases_and_for_equal_grades_the_interval_is_the_percentile_one() -> None:
    def kind(cases: int, grades: tuple[int, ...]) -> int:
        figures = Resampling(a_rule(cases)).figures([a_row("ana", grades)])
        return int(figures.interval[0])

    assert [kind(cases, right(7, of=cases)) for cases in (19, 20)] == [0, 1]
    assert kind(30, (333_333,) * 30) == 0


def test_equal_grades_leave_no_doubt() -> None:
    figures = Resampling(a_rule()).figures([a_row("ana", (RIGHT,) * 30)])
    assert figures.low.tolist() == figures.high.tolist() == figures.score.tolist()


def test_the_percentile_interval_leaves_a_fortieth_of_the_resamples_on_either_side() -> None:
    resampled = np.arange(1, 1000, dtype=np.int32)[np.newaxis].copy()
    low, high, kind = interval.intervals(
        resampled=resampled, scores=np.array([500]), acceleration=np.array([np.nan])
    )
    assert (low[0], high[0], kind[0]) == (25, 975, 0)


@settings(deadline=None, max_examples=40)
@given(grades=GRADES, energies=st.lists(st.integers(1, 10**7), min_size=1, max_size=4))
def test_the_score_lies_within_its_interval(grades: list[int], energies: list[int]) -> None:
    figures = Resampling(a_rule()).figures([a_row("ana", grades, energies_mj=energies)])
    assert 0 <= figures.low[0] <= figures.score[0] <= figures.high[0] <= 100 * 10_000
