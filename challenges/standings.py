"""Scores and the places that follow from them: the one transaction in which a score appears on the board.

The worker calls ``record`` at the end of an evaluation, ``reviewing`` calls ``renew_place`` after a decision,
``manage.py rebuild_standings`` calls ``rebuild``. Scores are only appended; a Standing is derived from them
and may be thrown away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from challenges import announce, lease
from challenges.after_commit import after_commit
from challenges.lease import Lease
from challenges.merit import best, by_participation, scores_in_force
from challenges.models import Evaluation, Leaderboard, Phase, Reason, Review, Score, Standing, State
from scoring.values import EvidenceGrade, PolicyResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What an evaluation came to, ready to be recorded. Energy in whole millijoules, of all ranked cases.

    ``case_grades`` and ``repetitions_mj`` are those of ``Score``. ``review_flags`` say why an organizer has
    to look at it first; without any it counts at once.
    """

    result: PolicyResult
    energy_mj: int
    evidence_grade: EvidenceGrade
    prompt_tokens: int
    completion_tokens: int
    case_grades: tuple[int, ...] | None = None
    repetitions_mj: tuple[int, ...] | None = None
    review_flags: tuple[str, ...] = ()


def record(held: Lease, *, judged: Judged, seal: Callable[[Score], object]) -> Score:
    """Append the score, end the evaluation as SCORED, and bring standing and board version up to date.

    One transaction, which first locks the phase's Leaderboard row; the board is announced after it. A figure
    of another evidence grade than the phase's is kept but not ranked; one with ``review_flags`` is held for
    review, and no standing changes. ``seal`` is called with the new score under that lock. Raises LeaseLost,
    and what ``seal`` raises: then nothing was written.
    """
    evaluation = Evaluation.objects.select_related("submission__phase__ranked_suite").get(
        pk=held.evaluation_id
    )
    submission = evaluation.submission
    phase = submission.phase
    with transaction.atomic():
        lock_board(phase)
        lease.transition(
            held,
            to=State.SCORED,
            reason=Reason.SCORED,
            spent_mj=judged.energy_mj,
            fields={"fault_code": "", "fault_detail": ""},
        )
        score = Score.objects.create(
            evaluation=evaluation,
            phase=phase,
            participation_id=submission.participation_id,
            value=judged.result.score,
            quality=judged.result.quality,
            green=judged.result.green,
            reaches_minimum=judged.result.reaches_minimum,
            energy_mj=judged.energy_mj,
            evidence_grade=judged.evidence_grade.value,
            is_ranked=judged.evidence_grade.value == phase.evidence_grade,
            prompt_tokens=judged.prompt_tokens,
            completion_tokens=judged.completion_tokens,
            policy=phase.policy,
            policy_parameters=phase.policy_parameters,
            suite_sha256=phase.ranked_suite.sha256,
            case_grades=None if judged.case_grades is None else list(judged.case_grades),
            repetitions_mj=None if judged.repetitions_mj is None else list(judged.repetitions_mj),
        )
        seal(score)
        if judged.review_flags:
            Review.objects.create(score=score, flags=sorted(set(judged.review_flags)))
        else:
            in_force = scores_in_force(phase)
            _write_standing(phase, in_force.filter(participation_id=submission.participation_id))
        _grow_version(phase)
        after_commit(announce.publish, phase.pk)
    return score


def rebuild(phase: Phase) -> int:
    """Make every standing of the phase anew from its scores; returns how many rows were wrong.

    The board's version grows only if something was wrong.
    """
    with transaction.atomic():
        lock_board(phase)
        before = {_columns(row) for row in Standing.objects.filter(phase=phase)}
        Standing.objects.filter(phase=phase).delete()
        for scores in by_participation(scores_in_force(phase)).values():
            _write_standing(phase, scores)
        after = {_columns(row) for row in Standing.objects.filter(phase=phase)}
        if wrong := len(before ^ after):
            _grow_version(phase)
            after_commit(announce.publish, phase.pk)
    return wrong


def renew_place(phase: Phase, *, participation_id: int) -> None:
    """Bring a participation's standing up to date once other scores of its count; it may lose its place.

    Its caller has called ``lock_board``. The board's version grows, and it is announced after the commit.
    """
    if scores := list(scores_in_force(phase).filter(participation_id=participation_id)):
        _write_standing(phase, scores)
    else:
        Standing.objects.filter(phase=phase, participation_id=participation_id).delete()
    _grow_version(phase)
    after_commit(announce.publish, phase.pk)


def lock_board(phase: Phase) -> None:
    """Until commit nobody else changes a standing of the phase."""
    Leaderboard.objects.get_or_create(phase=phase)
    Leaderboard.objects.select_for_update().get(phase=phase)


def _grow_version(phase: Phase) -> None:
    Leaderboard.objects.filter(phase=phase).update(version=F("version") + 1, updated_at=Now())


def _write_standing(phase: Phase, scores: Iterable[Score]) -> None:
    rows: Sequence[Score] = list(scores)
    top = best(rows)
    Standing.objects.update_or_create(
        phase=phase,
        participation_id=top.participation_id,
        defaults={
            "score": top,
            "attempts": len(rows),
            "updated_at": max(score.created_at for score in rows),
        },
    )


def _columns(row: Standing) -> tuple[Any, ...]:
    return row.participation_id, row.score_id, row.attempts, row.updated_at
