"""Claims on ``threshold``, ``tokens`` and ``budget``: the sums by hand, and who stands before whom."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from scoring.policies import apply
from scoring.values import PolicyResult, Use
from tests.scoring.policy_boards import a_row, places

THRESHOLD: dict[str, Any] = {"q_min": "0.60", "e_half_mj": 200_000}
TOKENS: dict[str, Any] = {"q_min": "0.60", "half_tokens": 6_000, "prompt_weight": 1, "completion_weight": 3}
BUDGET: dict[str, Any] = {"purse_mj": 200_000}


def scored(
    policy: str,
    parameters: dict[str, Any],
    quality: str,
    *,
    energy_mj: int = 200_000,
    prompt_tokens: int = 900,
    completion_tokens: int = 100,
) -> PolicyResult:
    use = Use(energy_mj=energy_mj, prompt_tokens=prompt_tokens, completion_tokens=completion_tokens)
    return apply(policy=policy, parameters=parameters, quality=Decimal(quality), use=use)


# --- threshold --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quality", "energy_mj", "score", "reaches"),
    [
        ("0.60", 200_000, "50.0000", True),
        ("1", 200_000, "50.0000", True),  # better than enough is worth no more
        ("0.5999995", 200_000, "50.0000", True),  # the quality that is shown: 0.600000
        ("0.599999", 200_000, "59.9999", False),  # below, the score is the quality
        ("0", 1, "0.0000", False),
        ("0.60", 50_000, "80.0000", True),
        ("0.60", 600_000, "25.0000", True),
        ("0.60", 1, "99.9995", True),
        ("0.60", 10**15, "0.0000", True),
    ],
)
def test_threshold_is_the_sum_that_one_does_by_hand(
    quality: str, energy_mj: int, score: str, reaches: bool
) -> None:
    result = scored("threshold", THRESHOLD, quality, energy_mj=energy_mj)
    assert (str(result.score), result.reaches_minimum) == (score, reaches)


def test_under_threshold_enough_quality_is_ranked_by_energy_and_too_little_by_quality() -> None:
    rows = [
        a_row(10, energy_mj=34),  # perfect and dear
        a_row(4, energy_mj=5),  # just enough
        a_row(9, energy_mj=5),  # as thrifty, so it shares the place
        a_row(3, energy_mj=1),
        a_row(2, energy_mj=1),
        a_row(3, energy_mj=89),  # below, energy is not looked at
    ]
    assert places("threshold", rows) == [3, 1, 1, 4, 6, 4]


# --- tokens -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "tokens", "score"),
    [
        ({}, (900, 200), "80.0000"),  # 900 + 3 · 200 = 1500, and 6000 / 7500
        ({}, (6_000, 0), "50.0000"),
        ({}, (0, 2_000), "50.0000"),
        ({}, (0, 0), "100.0000"),
        ({"prompt_weight": 0}, (10**9, 500), "80.0000"),
        ({"completion_weight": 0}, (1_500, 10**9), "80.0000"),
        ({"prompt_weight": 2}, (900, 200), "71.4286"),  # 6000 / 8400
    ],
)
def test_tokens_is_the_sum_that_one_does_by_hand(
    changes: dict[str, Any], tokens: tuple[int, int], score: str
) -> None:
    prompt, completion = tokens
    result = scored(
        "tokens", {**TOKENS, **changes}, "0.6", prompt_tokens=prompt, completion_tokens=completion
    )
    assert (str(result.score), result.reaches_minimum) == (score, True)


def test_tokens_does_not_look_at_energy_nor_at_quality_beyond_the_minimum() -> None:
    assert scored("tokens", TOKENS, "0.6", energy_mj=1) == scored("tokens", TOKENS, "0.6", energy_mj=10**12)
    assert scored("tokens", TOKENS, "0.6").score == scored("tokens", TOKENS, "1").score


def test_under_tokens_the_fewest_stand_first_and_too_little_quality_last() -> None:
    rows = [
        a_row(10, prompt_tokens=50, completion_tokens=0),  # 50
        a_row(5, prompt_tokens=20, completion_tokens=10),  # 50 as well
        a_row(4, prompt_tokens=10, completion_tokens=0),
        a_row(3, prompt_tokens=0, completion_tokens=0),
    ]
    assert places("tokens", rows) == [2, 2, 1, 4]


# --- budget -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("energy_mj", "green", "reaches"),
    [
        (1, "0.999995", True),
        (50_000, "0.750000", True),
        (200_000, "0.000000", True),  # the last millijoule of the purse is inside
        (200_001, "0.000000", False),
        (10**18, "0.000000", False),
    ],
)
def test_budget_is_the_quality_of_whoever_keeps_within_the_purse(
    energy_mj: int, green: str, reaches: bool
) -> None:
    result = scored("budget", BUDGET, "0.654321", energy_mj=energy_mj)
    assert (str(result.score), str(result.green), result.reaches_minimum) == ("65.4321", green, reaches)


def test_under_budget_what_is_left_buys_nothing_and_whoever_overspends_stands_last() -> None:
    rows = [
        a_row(5, energy_mj=1),
        a_row(5, energy_mj=20),  # all of the purse: the same place
        a_row(6, energy_mj=20),
        a_row(10, energy_mj=21),
        a_row(0, energy_mj=1),
        a_row(9, energy_mj=89),
    ]
    assert places("budget", rows) == [2, 2, 1, 5, 4, 6]
