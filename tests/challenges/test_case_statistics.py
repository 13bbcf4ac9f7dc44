"""What each case did, after a phase, and what a suite can tell apart, before it."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from challenges import case_statistics, standings, suite_power
from challenges.models import (
    Case,
    Evaluation,
    Participation,
    Phase,
    Review,
    ReviewDecision,
    Score,
    Standing,
    State,
    Verdict,
)
from scoring.uncertainty.power import minimum_detectable
from tests.factories import a_participation, a_person, a_phase, a_score

pytestmark = pytest.mark.django_db

RIGHT, WRONG = 10**6, 0
CASES: list[dict[str, Any]] = [
    {"key": "siempre", "group": "fáciles"},
    {"key": "nunca", "group": "difíciles", "weight": 3},
    {"key": "revés", "group": "difíciles"},
    {"key": "medio", "group": "fáciles"},
    {"key": "fino", "group": "fáciles"},
    {"key": "otro", "group": "fáciles"},
]
# Three who do ever better; "revés" is right for the two worse alone.
THREE = [
    [RIGHT, WRONG, RIGHT, WRONG, WRONG, WRONG],
    [RIGHT, WRONG, RIGHT, RIGHT, WRONG, WRONG],
    [RIGHT, WRONG, WRONG, RIGHT, RIGHT, RIGHT],
]
ALL_RIGHT, ALL_WRONG = [RIGHT] * 6, [WRONG] * 6
OF_OTHER_CASES: list[dict[str, Any]] = [
    {"case_grades": None},
    {"suite_sha256": "0" * 64},
    {"case_grades": [RIGHT]},
]


def a_phase_of_six(**fields: Any) -> Phase:
    return a_phase(ranked_cases=CASES, **fields)


def scored(phase: Phase, grades: list[int] | None, value: str = "50", **fields: Any) -> Score:
    return a_score(phase, value=value, case_grades=grades, **fields)


def three_scores(phase: Phase) -> list[Score]:
    return [scored(phase, grades, value=str(10 * number)) for number, grades in enumerate(THREE, start=1)]


def difficulties(phase: Phase, **options: Any) -> list[Decimal]:
    return [row.found.difficulty for row in case_statistics.of_phase(phase, **options).cases]


# --- what each case did -------------------------------------------------------------------------------------


def test_each_case_tells_how_hard_it_was_and_whether_it_told_good_from_bad() -> None:
    phase = a_phase_of_six()
    three_scores(phase)
    found = case_statistics.of_phase(phase)
    always, never, reverse, middle, fine, _other = found.cases
    assert (found.participations, found.left_out) == (3, 0)
    assert [row.key for row in found.cases] == ["siempre", "nunca", "revés", "medio", "fino", "otro"]
    assert (always.found.is_always_right, always.found.discrimination) == (True, None)
    assert (never.found.is_always_wrong, never.weight) == (True, 3)
    assert reverse.found.is_negative
    assert middle.found.difficulty == Decimal("0.666667")
    assert fine.found.discrimination is not None
    assert fine.found.discrimination > 0


def test_a_participation_counts_once_with_its_best_score() -> None:
    phase = a_phase_of_six()
    person = a_participation(phase)
    for grades, value in ((THREE[0], "10"), (ALL_RIGHT, "90"), (THREE[1], "20")):
        scored(phase, grades, value, participation=person)
    assert difficulties(phase) == [1] * 6


def test_scores_that_do_not_count_say_nothing_of_a_case() -> None:
    phase = a_phase_of_six()
    scored(phase, ALL_WRONG)
    held = scored(phase, ALL_RIGHT)
    Review.objects.create(score=held, flags=["unlike-witness"])
    superseded = scored(phase, ALL_RIGHT)
    Evaluation.objects.filter(pk=superseded.evaluation_id).update(state=State.SUPERSEDED)
    scored(a_phase_of_six(), ALL_RIGHT)
    assert difficulties(phase) == [0] * 6


@pytest.mark.parametrize(
    "fields", [{"case_grades": None}, {"suite_sha256": "0" * 64}, {"case_grades": [RIGHT]}]
)
def test_a_score_without_a_grade_for_each_case_is_left_out_and_said_so(fields: dict[str, Any]) -> None:
    phase = a_phase_of_six()
    three_scores(phase)
    a_score(phase, **{"case_grades": ALL_RIGHT, **fields})
    found = case_statistics.of_phase(phase)
    assert (found.participations, found.left_out) == (3, 1)


def test_without_scores_there_is_nothing_to_tell() -> None:
    found = case_statistics.of_phase(a_phase_of_six())
    assert (found.participations, found.left_out, found.cases, found.groups) == (0, 0, (), ())


def test_up_to_a_moment_all_is_as_it_was_then() -> None:
    """Neither what was scored since nor what was decided since about a score of before."""
    phase = a_phase_of_six()
    freeze = timezone.now() - timedelta(minutes=10)
    earlier, later = freeze - timedelta(minutes=1), freeze + timedelta(minutes=1)
    scored(phase, ALL_WRONG, created_at=earlier)
    scored(phase, ALL_RIGHT, created_at=later)
    accepted = scored(phase, ALL_RIGHT, created_at=earlier)
    review = Review.objects.create(score=accepted, flags=["unlike-witness"])
    ReviewDecision.objects.create(
        review=review, verdict=Verdict.ACCEPTED, person=a_person(), reason="Bien.", decided_at=later
    )
    assert difficulties(phase, before=freeze) == [0] * 6
    assert case_statistics.of_phase(phase).participations == 3


def test_a_group_is_summed_up_by_the_weight_of_its_cases() -> None:
    phase = a_phase_of_six()
    three_scores(phase)
    easy, hard = case_statistics.of_phase(phase).groups
    assert (easy.group, easy.cases, easy.weight, easy.difficulty) == ("fáciles", 4, 4, Decimal("0.583333"))
    assert (easy.always_right, easy.always_wrong, easy.negative) == (1, 0, 0)
    assert (hard.group, hard.cases, hard.weight) == ("difíciles", 2, 4)
    # (3 x 0 + 1 x 0.666667) / 4
    assert (hard.difficulty, hard.always_wrong, hard.negative) == (Decimal("0.166667"), 1, 1)


def test_what_has_no_discrimination_comes_last_both_ways() -> None:
    phase = a_phase_of_six()
    three_scores(phase)
    rows = case_statistics.of_phase(phase).cases
    rising = [row.key for row in case_statistics.in_order(rows, "discriminacion")]
    falling = [row.key for row in case_statistics.in_order(rows, "discriminacion", is_falling=True)]
    assert rising[0] == falling[3] == "revés"
    assert rising[4:] == falling[4:] == ["siempre", "nunca"]
    assert [row.key for row in case_statistics.in_order(rows, "peso", is_falling=True)] == [
        "nunca",
        "siempre",
        "revés",
        "medio",
        "fino",
        "otro",
    ]


def test_the_file_has_all_decimals_and_no_cell_of_it_is_a_formula() -> None:
    phase = a_phase(ranked_cases=[{"key": "=1+1", "group": "@g"}, {"key": 'a,"b"'}, {}])
    for grades in ([RIGHT, WRONG, 333_333], [WRONG, RIGHT, 500_000], [WRONG, RIGHT, 250_000]):
        scored(phase, grades)
    body = case_statistics.as_csv(case_statistics.of_phase(phase).cases)
    header, first, second, _third = csv.reader(io.StringIO(body.decode(), newline=""))
    assert tuple(header) == case_statistics.HEADER
    assert first[:5] == ["'=1+1", "'@g", "0", "1", "0.333333"]
    assert float(first[5]) < 0
    assert first[6:] == ["no", "no", "sí"]
    assert second[0] == 'a,"b"'


def test_a_larger_phase_takes_no_more_queries() -> None:
    phase = Phase.objects.select_related("ranked_suite").get(pk=a_phase_of_six().pk)
    three_scores(phase)
    with CaptureQueriesContext(connection) as few:
        case_statistics.of_phase(phase)
    for _ in range(3):
        three_scores(phase)
    with CaptureQueriesContext(connection) as many:
        case_statistics.of_phase(phase)
    assert len(many) == len(few) == 2


# --- what a suite can tell apart ----------------------------------------------------------------------------


def power_of(phase: Phase) -> suite_power.SuitePower:
    found = suite_power.of_phase(phase, suite_power.places_on(phase.ranked_suite))
    assert found is not None
    return found


def on_the_board(phase: Phase, *grades: list[int], **fields: Any) -> list[Participation]:
    made = [scored(phase, each, **fields) for each in grades]
    standings.rebuild(phase)
    return [score.participation for score in made]


def test_without_scores_the_worst_case_is_told() -> None:
    found = power_of(a_phase(ranked_cases=60))
    assert (found.cases, found.effective_cases, found.baselines) == (60, Decimal(60), 0)
    assert [board.rows for board in found.boards] == [2, 10, 100, 1_000]
    for board in found.boards:
        assert board.worst == minimum_detectable(weights=[1] * 60, rows=board.rows).difference
        assert board.measured is None
    # Figures of docs/uncertainty.md and of no other origin: a worst case of 60 cases, and cases for 0.1.
    assert found.of_two.worst == Decimal("0.345258")
    assert found.of_two.cases_needed == (785, 3_163)
    assert not found.tells_a_tenth


def test_weights_that_differ_make_cases_work_as_fewer() -> None:
    found = power_of(a_phase(ranked_cases=[{"weight": 10}, {}, {}, {}, {}]))
    # 14² / (10² + 4)
    assert (found.cases, found.effective_cases) == (5, Decimal("1.88"))
    assert not found.has_even_weights
    assert power_of(a_phase(ranked_cases=5)).has_even_weights


def test_the_spread_is_measured_by_scores_of_any_phase_on_the_same_suite() -> None:
    trial = a_phase(ranked_cases=40)
    nearly = [RIGHT] * 39 + [WRONG]
    on_the_board(trial, [RIGHT] * 40, nearly)
    phase = a_phase(trial.challenge, ranked_suite=trial.ranked_suite)
    found = power_of(phase)
    assert found.baselines == 2
    # Σd² = 1 of 40: s² = (40 - 1) / (40 x 39), s = 0.1582, told as 0.16.
    expected = minimum_detectable(weights=[1] * 40, spread=0.16).difference
    assert found.of_two.measured == found.of_two.best_known == expected
    assert found.tells_a_tenth
    assert found.of_two.cases_needed[0] is not None
    assert found.of_two.cases_needed[0] < 40


def test_scores_that_are_all_alike_measure_no_spread() -> None:
    phase = a_phase(ranked_cases=4)
    on_the_board(phase, [RIGHT] * 4, [RIGHT] * 4)
    found = power_of(phase)
    assert (found.baselines, found.of_two.measured) == (0, None)


@pytest.mark.parametrize(
    "fields", [{"case_grades": None}, {"suite_sha256": "0" * 64}, {"case_grades": [RIGHT]}]
)
def test_scores_of_other_cases_measure_no_spread(fields: dict[str, Any]) -> None:
    phase = a_phase(ranked_cases=4)
    for grades in ([RIGHT] * 4, [WRONG, WRONG, RIGHT, RIGHT]):
        a_score(phase, **{"case_grades": grades, **fields})
    standings.rebuild(phase)
    assert Standing.objects.count() == 2
    assert power_of(phase).baselines == 0


def test_two_cases_tell_nobody_apart() -> None:
    found = power_of(a_phase(ranked_cases=2))
    assert [board.worst for board in found.boards] == [None] * 4
    assert not found.tells_a_tenth


def test_a_suite_without_cases_has_no_power_to_tell() -> None:
    phase = a_phase(ranked_cases=1)
    Case.objects.filter(suite=phase.ranked_suite)._raw_delete("default")
    assert suite_power.of_phase(phase, suite_power.places_on(phase.ranked_suite)) is None
