"""Claims on resampled scores: those that the rules themselves give for the cases that were drawn."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring import policies
from scoring.quality import weighted_mean
from scoring.record.recompute import median_mj
from scoring.uncertainty import resampling
from scoring.uncertainty.resampling import Resampling
from scoring.uncertainty.seeded import draws
from scoring.uncertainty.values import BoardRule, RankedRow
from scoring.values import GradedCase, Use
from tests.scoring.uncertain_rows import QUALITY_ONLY, RIGHT, SEED, VERDE, a_row, a_rule, some_rows

POLICIES: dict[str, Mapping[str, Any]] = {
    "verde": VERDE,
    "budget": {"purse_mj": 150_000},
    "threshold": {"q_min": "0.50", "e_half_mj": 200_000},
    "tokens": {"q_min": "0.50", "half_tokens": 6000, "prompt_weight": 1, "completion_weight": 3},
}
WEIGHTS = (1, 2, 5, 1, 3) * 6


def the_mean(grades: tuple[int, ...], taken: Mapping[int, int], weights: tuple[int, ...]) -> Decimal:
    """The rule of ``scoring.quality`` over the cases as often as they were drawn."""
    return weighted_mean(
        [
            GradedCase(value=Decimal(grades[case]).scaleb(-6), weight=weights[case])
            for case, times in taken.items()
            for _ in range(times)
        ]
    )


def test_a_resampled_quality_is_the_weighted_mean_of_the_cases_that_were_drawn() -> None:
    rule = a_rule(weights=WEIGHTS)
    drawn = draws(seed=SEED, purpose="cases", count=199 * 30, bound=30).reshape(199, 30)
    rows = some_rows(4)
    found = Resampling(rule).qualities(np.array([row.grades for row in rows]))
    for row, qualities in zip(rows, found.tolist(), strict=True):
        assert qualities == [
            int(the_mean(row.grades, Counter(each), WEIGHTS).scaleb(6)) for each in drawn.tolist()
        ]


@pytest.mark.parametrize("policy", POLICIES)
def test_a_row_s_figures_are_those_of_the_policy(policy: str) -> None:
    rule = a_rule(policy=policy, parameters=POLICIES[policy], weights=WEIGHTS)
    rows = some_rows(30, repetitions=2)
    figures = Resampling(rule).figures(rows)
    for at, row in enumerate(rows):
        quality = the_mean(row.grades, dict.fromkeys(range(30), 1), WEIGHTS)
        use = Use(energy_mj=median_mj(row.energies_mj), prompt_tokens=900, completion_tokens=100)
        result = policies.apply(policy=policy, parameters=POLICIES[policy], quality=quality, use=use)
        assert Decimal(int(figures.quality[at])).scaleb(-6) == result.quality
        assert Decimal(int(figures.score[at])).scaleb(-4) == result.score
        assert bool(figures.reaches_minimum[at]) == result.reaches_minimum
        assert figures.energy_mj[at] == use.energy_mj


@settings(deadline=None, max_examples=60)
@given(
    quality=st.integers(0, RIGHT),
    energies=st.lists(st.integers(1, 10**7), min_size=1, max_size=4),
)
def test_a_resampled_score_is_the_policy_s_to_the_last_digit(quality: int, energies: list[int]) -> None:
    rule = a_rule(policy="verde")
    row = a_row(energies_mj=energies)
    found = Resampling(rule)
    side = found._sides(row, RIGHT)
    scores = resampling._scores(np.full((1, 199), quality), [side])[0]
    medians, which = found._resampled_energies(row)
    for position, energy_mj in enumerate(medians):
        use = Use(energy_mj=energy_mj, prompt_tokens=0, completion_tokens=0)
        _, expected = policies.terms(policy="verde", parameters=VERDE, use=use).at(quality)
        assert set(scores[which == position].tolist()) == {expected}


@settings(deadline=None, max_examples=30)
@given(energies=st.lists(st.integers(1, 10**15), min_size=1, max_size=6))
def test_the_resampled_energies_are_medians_of_the_repetitions_that_were_drawn(energies: list[int]) -> None:
    medians, which = Resampling(a_rule())._resampled_energies(a_row("ana", energies_mj=energies))
    purpose = f"repetitions {hashlib.sha256(b'ana').hexdigest()}"
    drawn = draws(seed=SEED, purpose=purpose, count=199 * len(energies), bound=len(energies))
    expected = [
        median_mj([sorted(energies)[each] for each in resample])
        for resample in drawn.reshape(199, len(energies)).tolist()
    ]
    assert [medians[each] for each in which.tolist()] == expected


def test_repetitions_are_resampled_for_each_row_by_itself_and_in_no_order() -> None:
    found = Resampling(a_rule())

    def drawn(id: str, *energies: int) -> tuple[list[int], list[int]]:
        medians, which = found._resampled_energies(a_row(id, energies_mj=energies))
        return medians, which.tolist()

    assert drawn("ana", 1, 2, 3) == drawn("ana", 3, 1, 2) != drawn("blas", 1, 2, 3)


def test_all_rows_are_resampled_over_the_same_cases() -> None:
    """What two rows share falls out of their difference: that is what pairing is for."""
    found = Resampling(a_rule(policy="budget", parameters=QUALITY_ONLY))
    ana = np.array(some_rows(1)[0].grades) // 2
    qualities = found.qualities(np.array([ana, ana + 300_000]))
    assert set((qualities[1] - qualities[0]).tolist()) == {300_000}


def test_the_spread_of_a_difference_is_that_of_its_resamples() -> None:
    """The closed form of ``pairs`` is what more and more resamples come to."""
    rule = a_rule(weights=WEIGHTS, policy="budget", parameters=QUALITY_ONLY, resamples=4000)
    found = Resampling(rule)
    rows = some_rows(6)
    figures = found.figures(rows)
    qualities = found.qualities(np.array([row.grades for row in rows])).astype(np.float64)
    for one in range(6):
        for other in range(one):
            resampled = (qualities[one] - qualities[other]).var()
            # From thousandths of a point, summed over cases with their weights, to millionths of quality.
            apart = figures.deviations[one] - figures.deviations[other]
            closed = (apart * apart).sum() * 100 / sum(WEIGHTS) ** 2
            assert resampled == pytest.approx(closed, rel=0.15)


def test_repetitions_that_differ_widen_the_interval_and_the_spread() -> None:
    found = Resampling(a_rule())
    one, three = (
        found.figures([a_row(energies_mj=energies)]) for energies in ((200_000,), (100_000, 200_000, 400_000))
    )
    assert one.score == three.score
    assert three.low < one.low < one.high < three.high
    assert three.energy_spread > one.energy_spread == 0


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (a_row(grades=(RIGHT,) * 29), "29 grades for 30"),
        (a_row(grades=(RIGHT + 1,) * 30), "outside"),
        (a_row(grades=(-1,) * 30), "outside"),
        (replace(a_row(), energies_mj=()), "energies"),
        (a_row(energies_mj=(1,) * 101), "energies"),
        (a_row(energies_mj=(200_000, 0)), "energies"),
    ],
)
def test_a_row_that_does_not_fit_is_refused(row: RankedRow, problem: str) -> None:
    with pytest.raises(ValueError, match=f"ana: .*{problem}"):
        Resampling(a_rule()).figures([a_row("blas"), row])


@pytest.mark.parametrize(
    ("weights", "resamples"),
    [((), 199), ((0, 1), 199), ((1,), 198), ((1,), 10**6), ((1, 10**9), 199), ((1, 400), 199)],
)
def test_a_rule_that_cannot_be_worked_with_exactly_is_refused(
    weights: tuple[int, ...], resamples: int
) -> None:
    with pytest.raises(ValueError, match=r"weight|resamples"):
        BoardRule(policy="verde", parameters=VERDE, weights=weights, seed=SEED, resamples=resamples)


def test_what_all_weights_have_in_common_changes_nothing() -> None:
    rows = some_rows(3, repetitions=2)
    one, other = (
        Resampling(a_rule(weights=[weight * times for weight in WEIGHTS])).figures(rows)
        for times in (1, 1000)
    )
    assert one.low.tolist() == other.low.tolist()
    assert one.spread.tolist() == other.spread.tolist()


def test_the_greatest_sums_are_still_exact() -> None:
    """At the bounds of weights and cases, against whole numbers of any size."""
    weights = (335,) + (1,) * 199
    found = Resampling(a_rule(weights=weights, resamples=1000))
    grades = np.array([[999_999] * 200, [RIGHT] + [0] * 199])
    drawn = draws(seed=SEED, purpose="cases", count=1000 * 200, bound=200).reshape(1000, 200)
    for row, qualities in zip(grades.tolist(), found.qualities(grades).tolist(), strict=True):
        for cases, quality in zip(drawn[:50].tolist(), qualities, strict=False):
            above = sum(row[case] * weights[case] for case in cases)
            assert quality == round(Decimal(above) / sum(weights[case] for case in cases))
