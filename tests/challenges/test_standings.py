"""A score and its place appear together or not at all, and places can always be made anew from the scores."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from challenges import lease, standings
from challenges.errors import LeaseLost
from challenges.lease import Lease
from challenges.models import Evaluation, Leaderboard, Participation, Phase, Reason, Score, Standing, State
from challenges.standings import Judged
from scoring.values import EvidenceGrade, PolicyResult
from tests.factories import a_participation, a_phase, a_score, a_submission, unsealed
from tests.in_parallel import errors_in, in_parallel

pytestmark = pytest.mark.django_db


def _judged(value: str = "50", *, reaches_minimum: bool = True, grade: str = "E") -> Judged:
    return Judged(
        result=PolicyResult(
            score=Decimal(value),
            quality=Decimal("0.5"),
            green=Decimal("0.25"),
            reaches_minimum=reaches_minimum,
        ),
        energy_mj=5_000,
        evidence_grade=EvidenceGrade(grade),
        prompt_tokens=100,
        completion_tokens=20,
    )


def _graded(phase: Phase, participation: Participation) -> Lease:
    """An evaluation that a worker has brought up to its grades."""
    evaluation = a_submission(phase, participation=participation).evaluations.get()
    Evaluation.objects.exclude(pk=evaluation.pk).filter(state=State.PENDING).update(state=State.QUEUED)
    held = lease.claim("obrero")
    assert held is not None
    assert held.evaluation_id == evaluation.pk
    lease.transition(held, to=State.RUNNING, reason=Reason.STARTED)
    lease.transition(held, to=State.GRADING, reason=Reason.ANSWERED)
    return held


def _record(phase: Phase, participation: Participation, *args: Any, **kwargs: Any) -> Score:
    return standings.record(_graded(phase, participation), judged=_judged(*args, **kwargs), seal=unsealed)


def _rows(phase: Phase) -> list[tuple[Any, ...]]:
    columns = ("participation_id", "score_id", "attempts", "updated_at")
    return list(Standing.objects.filter(phase=phase).order_by("participation_id").values_list(*columns))


def test_a_first_score_makes_a_standing_and_a_version() -> None:
    phase = a_phase()
    participation = a_participation(phase)
    score = _record(phase, participation, "71.2345")
    evaluation = Evaluation.objects.get(pk=score.evaluation_id)
    standing = Standing.objects.get(phase=phase, participation=participation)
    assert (evaluation.state, evaluation.lease_until) == (State.SCORED, None)
    assert evaluation.finished_at is not None
    assert (standing.score, standing.attempts) == (score, 1)
    assert Leaderboard.objects.get(phase=phase).version == 1
    assert (score.policy_parameters, score.suite_sha256) == (
        phase.policy_parameters,
        phase.ranked_suite.sha256,
    )


@pytest.mark.parametrize(
    ("first", "second", "standing"),
    [
        ({"value": "50"}, {"value": "60"}, "second"),
        ({"value": "50"}, {"value": "40"}, "first"),
        ({"value": "50"}, {"value": "50"}, "first"),
        ({"value": "50", "reaches_minimum": False}, {"value": "10"}, "second"),
        ({"value": "10"}, {"value": "50", "reaches_minimum": False}, "first"),
        # A figure of another grade of evidence never displaces one that ranks, and always gives way to it.
        ({"value": "10"}, {"value": "90", "grade": "C"}, "first"),
        ({"value": "90", "grade": "C"}, {"value": "10"}, "second"),
    ],
)
def test_the_better_score_stands(first: dict[str, Any], second: dict[str, Any], standing: str) -> None:
    phase = a_phase()
    participation = a_participation(phase)
    scores = {
        "first": _record(phase, participation, **first),
        "second": _record(phase, participation, **second),
    }
    row = Standing.objects.get(phase=phase)
    assert row.score == scores[standing]
    assert row.attempts == 2
    assert Leaderboard.objects.get(phase=phase).version == 2


def test_a_stale_worker_cannot_write_a_score() -> None:
    phase = a_phase()
    held = _graded(phase, a_participation(phase))
    Evaluation.objects.filter(pk=held.evaluation_id).update(fence=held.fence + 1)
    with pytest.raises(LeaseLost):
        standings.record(held, judged=_judged(), seal=unsealed)
    assert not Score.objects.exists()
    assert not Standing.objects.exists()
    assert not Leaderboard.objects.filter(version__gt=0).exists()


@pytest.mark.django_db(transaction=True)
def test_scores_of_the_same_moment_each_grow_the_version() -> None:
    phase = a_phase(running_per_participation=3)
    people = [a_participation(phase) for _ in range(3)]
    graded = [_graded(phase, people[number % 3]) for number in range(9)]
    results = in_parallel(
        *[
            lambda held=held, number=number: standings.record(
                held, judged=_judged(str(number)), seal=unsealed
            )
            for number, held in enumerate(graded)
        ]
    )
    assert not errors_in(results)
    assert Leaderboard.objects.get(phase=phase).version == 9
    rows = Standing.objects.filter(phase=phase).select_related("score").order_by("score__value")
    assert [row.score.value for row in rows] == [6, 7, 8]
    assert [row.attempts for row in rows] == [3, 3, 3]


def test_standings_made_anew_are_the_same() -> None:
    phase = a_phase()
    people = [a_participation(phase) for _ in range(3)]
    for number in range(7):
        _record(
            phase,
            people[number % 3],
            str(number * 37 % 11),
            reaches_minimum=number % 2 == 0,
            grade="C" if number == 3 else "E",
        )
    recorded, version = _rows(phase), Leaderboard.objects.get(phase=phase).version
    assert standings.rebuild(phase) == 0
    assert _rows(phase) == recorded
    assert Leaderboard.objects.get(phase=phase).version == version
    Standing.objects.filter(phase=phase).delete()
    assert standings.rebuild(phase) == 3
    assert _rows(phase) == recorded
    assert Leaderboard.objects.get(phase=phase).version == version + 1


def test_a_superseded_score_no_longer_stands() -> None:
    phase = a_phase()
    participation = a_participation(phase)
    first, second = _record(phase, participation, "90"), _record(phase, participation, "10")
    Evaluation.objects.filter(pk=first.evaluation_id).update(state=State.SUPERSEDED)
    standings.rebuild(phase)
    row = Standing.objects.get(phase=phase)
    assert (row.score, row.attempts) == (second, 1)


def test_the_command_names_the_phases_that_it_knows(capsys: pytest.CaptureFixture[str]) -> None:
    score = a_score()
    name = f"{score.phase.challenge.slug}/{score.phase.slug}"
    call_command("rebuild_standings", name)
    assert f"{name}: 1 filas" in capsys.readouterr().out
    with pytest.raises(CommandError, match=name):
        call_command("rebuild_standings", "otra/fase")
