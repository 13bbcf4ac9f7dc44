"""Claims that only many boards can show: how often an interval holds the truth, and a tie is missed.

``UNCERTAINTY_BOARDS`` (boards an experiment) makes them sharper.
"""

from __future__ import annotations

import os

import numpy as np
import pytest

from scoring.ranking_full import rank_fully
from scoring.uncertainty.power import minimum_detectable
from scoring.uncertainty.resampling import Resampling
from scoring.uncertainty.values import RankedRow
from tests.scoring.uncertain_rows import QUALITY_ONLY, RIGHT, a_row, a_rule

pytestmark = pytest.mark.storm

BOARDS = int(os.environ.get("UNCERTAINTY_BOARDS", "150"))
RULE = a_rule(60, policy="budget", parameters=QUALITY_ONLY)


def equal_rows(
    chance: np.random.Generator, rows: int, *, cases: int = 60, lead: float = 0.0
) -> list[RankedRow]:
    """Rows that are equally good at each case of a fresh suite; the first is better by ``lead`` at all."""
    odds = chance.uniform(0.1, 0.8, cases) + lead * (np.arange(rows) == 0)[:, np.newaxis]
    grades = (chance.random((rows, cases)) < odds) * RIGHT
    return [a_row(f"row-{at}", row) for at, row in enumerate(grades.tolist())]


@pytest.mark.parametrize("cases", [25, 60])
def test_a_95_percent_interval_holds_the_truth_about_95_times_of_100(cases: int) -> None:
    chance = np.random.default_rng(1)
    # Partial grades of all sorts; each row is another sample of cases from the same endless suite.
    grades = np.rint(np.clip(chance.beta(2, 1, (8 * BOARDS, cases)), 0, 1) * RIGHT).astype(int)
    rule = a_rule(cases, policy="budget", parameters=QUALITY_ONLY, resamples=999)
    figures = Resampling(rule).figures([a_row(f"row-{at}", row) for at, row in enumerate(grades.tolist())])
    truth = round(2 / 3 * 100 * 10_000)
    held = float(((figures.low <= truth) & (truth <= figures.high)).mean())
    # An interval from 25 cases is known to hold a little less; chance alone gives 0.5 points either way.
    assert 0.925 <= held <= 0.97


@pytest.mark.parametrize("rows", [2, 3, 8, 30])
def test_equal_rows_are_split_on_at_most_5_boards_of_100(rows: int) -> None:
    """The family-wise error of whatever opens a group: Holm's neighbours, and the first row's interval."""
    chance = np.random.default_rng(rows)
    split = sum(max(rank_fully(RULE, equal_rows(chance, rows)).tie_group) > 1 for _ in range(BOARDS))
    # Three standard errors above 5 %.
    assert split / BOARDS <= 0.05 + 3 * (0.05 * 0.95 / BOARDS) ** 0.5


def test_a_range_of_ranks_holds_the_true_rank_on_95_boards_of_100() -> None:
    """For all rows at once: three that differ, and two of them equal."""
    chance = np.random.default_rng(4)
    ability = np.array([0.2, 0.5, 0.5, 0.8])
    true_ranks = {"row-3": (1, 1), "row-1": (2, 3), "row-2": (2, 3), "row-0": (4, 4)}
    missed = 0
    for _ in range(BOARDS):
        grades = (chance.random((4, 60)) < ability[:, np.newaxis]) * RIGHT
        board = rank_fully(RULE, [a_row(f"row-{at}", row) for at, row in enumerate(grades.tolist())])
        missed += not all(
            standing.best_rank <= true_ranks[standing.id][0]
            and true_ranks[standing.id][1] <= standing.worst_rank
            for standing in board.standings()
            if standing.best_rank is not None and standing.worst_rank is not None
        )
    assert missed / BOARDS <= 0.05 + 3 * (0.05 * 0.95 / BOARDS) ** 0.5


def test_a_difference_that_the_suite_is_said_to_detect_is_found_4_times_of_5() -> None:
    chance = np.random.default_rng(5)
    # The spread of a case's difference for these odds, by hand: p (1 - p) of either, over the cases.
    lead = 0.0
    for _ in range(20):
        odds = np.linspace(0.1, 0.8, 1001)
        better = np.minimum(odds + lead, 1)
        spread = float(np.sqrt((odds * (1 - odds) + better * (1 - better)).mean()))
        lead = float(minimum_detectable(weights=[1] * 60, spread=spread).difference)
    found = sum(
        rank_fully(RULE, equal_rows(chance, 2, lead=lead)).tie_group[-1] > 1 for _ in range(2 * BOARDS)
    )
    assert 0.70 <= found / (2 * BOARDS) <= 0.90
