"""What chance leaves open on a board: groups that share a rank, and ranges of ranks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from challenges import board, open_places
from challenges.models import Phase, Score, Ties
from scoring.ranking_full import rank_fully
from scoring.uncertainty.values import BoardRule, RankedRow
from tests.factories import a_phase
from tests.scored_places import CASES, MILLION, VERDE, a_long_phase, scored

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    open_places._KEPT.clear()


def rows_of(phase: Phase, **options: Any) -> list[dict[str, Any]]:
    return board.build(phase, **options).rows


def told(phase: Phase) -> list[tuple[int, bool, int, int, int]]:
    return [
        (row["rank"], row["tied"], row["tie_group"], row["best_rank"], row["worst_rank"])
        for row in rows_of(phase)
    ]


def test_who_cannot_be_told_apart_shares_a_rank_and_who_can_does_not() -> None:
    phase = a_long_phase()
    scored(phase, 39)
    scored(phase, 38)
    scored(phase, 12)
    assert told(phase) == [(1, True, 1, 1, 2), (1, True, 1, 1, 2), (3, False, 2, 3, 3)]


def test_a_phase_may_let_equal_scores_alone_share_a_rank() -> None:
    phase = a_long_phase(ties=Ties.SCORE)
    scored(phase, 39)
    scored(phase, 38)
    assert told(phase) == [(1, False, 1, 1, 2), (2, False, 1, 1, 2)]


def test_each_row_tells_the_interval_of_its_score() -> None:
    phase = a_long_phase()
    scored(phase, 30)
    (row,) = rows_of(phase)
    assert float(row["score_low"]) < float(row["score"]) < float(row["score_high"])


def test_the_figures_are_those_of_the_full_ranking_with_the_seed_that_everybody_knows() -> None:
    phase = a_long_phase()
    for right in (39, 31, 30, 22, 9):
        scored(phase, right, first=0 if right % 2 else CASES - right, energy_mj=100_000 + 1_000 * right)
    rule = BoardRule(policy="verde", parameters=VERDE, weights=(1,) * CASES, seed=open_places.seed_of(phase))
    full = rank_fully(
        rule,
        [
            RankedRow(
                id=str(score.participation.public_id),
                grades=tuple(score.case_grades or ()),
                energies_mj=tuple(score.repetitions_mj or ()),
                prompt_tokens=20,
                completion_tokens=4,
                tiebreak=str(score.pk),
            )
            for score in Score.objects.select_related("participation")
        ],
    )
    expected = [
        (each.id, each.rank, each.best_rank, each.worst_rank, f"{each.low:.4f}", f"{each.high:.4f}")
        for each in full.standings()
    ]
    assert expected == [
        (
            row["participation"],
            row["rank"],
            row["best_rank"],
            row["worst_rank"],
            row["score_low"],
            row["score_high"],
        )
        for row in rows_of(phase)
    ]


def test_a_board_that_was_kept_up_to_date_is_the_one_that_is_made_at_once() -> None:
    phase = a_long_phase()
    for right in (20, 35, 5, 28, 36, 21):
        scored(phase, right)
        kept = rows_of(phase)
        open_places._KEPT.clear()
        assert rows_of(phase) == kept


def test_a_better_score_takes_the_place_of_the_one_before_it() -> None:
    phase = a_long_phase()
    first = scored(phase, 12)
    scored(phase, 39)
    assert [row[0] for row in told(phase)] == [1, 2]
    scored(phase, 38, participation=first.participation)
    assert [row[0] for row in told(phase)] == [1, 1]
    assert len(told(phase)) == 2


@pytest.mark.parametrize(
    "lacking",
    [{"case_grades": None}, {"case_grades": [MILLION]}, {"repetitions_mj": None}, {"repetitions_mj": [0]}],
)
def test_a_score_without_all_that_it_takes_leaves_the_board_as_scores_alone_make_it(
    lacking: dict[str, Any],
) -> None:
    phase = a_long_phase()
    scored(phase, 39)
    scored(phase, 38, **lacking)
    rows = rows_of(phase)
    assert [(row["rank"], row["tied"], row["best_rank"], row["score_low"]) for row in rows] == [
        (1, False, None, None),
        (2, False, None, None),
    ]


def test_under_layers_nobody_says_what_chance_leaves_open() -> None:
    parameters = {"q_min": "0.20", "e_ref_mj": 2_000_000, "e_min_mj": 20_000}
    phase = a_phase(ranked_cases=CASES, policy="pareto", policy_parameters=parameters)
    scored(phase, 39)
    assert rows_of(phase)[0]["best_rank"] is None


def test_a_frozen_board_and_the_judges_are_kept_apart() -> None:
    phase = a_long_phase()
    scored(phase, 39)
    assert (
        json.loads(board.build(phase).body)["rows"]
        == json.loads(board.build(phase, restricted=True).body)["rows"]
    )
    assert len(open_places._KEPT) == 2


def test_the_seed_hangs_on_what_is_published_and_on_nothing_else() -> None:
    phase = a_long_phase()
    seed = open_places.seed_of(phase)
    phase.title = "Otro título"
    assert open_places.seed_of(phase) == seed
    phase.policy_parameters = {**VERDE, "lambda": "0.4"}
    assert open_places.seed_of(phase) != seed
