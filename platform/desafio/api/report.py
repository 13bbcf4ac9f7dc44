"""What became of a submission, as the API tells it: state, progress, score part by part, or the fault.

Read only, and only for its author. Of private cases it gives how many there are and their mean.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from challenges import board, outcome, purse, waiting
from challenges.cancelling import was_withdrawn
from challenges.models import (
    Evaluation,
    Measurement,
    Person,
    Record,
    Run,
    Score,
    State,
    Submission,
    Visibility,
)
from challenges.models.evaluation import REFUNDED
from challenges.sentences import state_words
from challenges.submission import Quota
from scoring.errors import CONTEXT_TOO_LONG
from scoring.quality import weighted_mean
from scoring.values import GradedCase


def own(person: Person) -> QuerySet[Submission]:
    """Nobody's but the asker's: a guess at another id finds nothing."""
    return (
        Submission.objects.filter(participation__person=person)
        .select_related("phase__challenge", "phase__ranked_suite", "phase__feedback_suite", "participation")
        .prefetch_related(outcome.evaluations())
    )


def summary(submission: Submission) -> dict[str, Any]:
    evaluation = outcome.current(submission)
    return {
        "id": submission.pk,
        "challenge": submission.phase.challenge.slug,
        "phase": submission.phase.slug,
        "kind": submission.kind,
        "created_at": submission.created_at,
        "state": evaluation.state,
        "state_text": state_words(evaluation),
        "is_final": outcome.is_over(evaluation),
        "score": _score(evaluation),
    }


def detail(submission: Submission) -> dict[str, Any]:
    evaluation = outcome.current(submission)
    absence = waiting.absence(submission, evaluation)
    return {
        **summary(submission),
        "content": submission.content,
        "content_sha256": submission.content_sha256,
        "progress": asdict(outcome.progress(submission, evaluation, absence)),
        "waiting": {"for": absence.name.value, "since": absence.since} if absence else None,
        "fault": _fault(submission, evaluation),
        "measurement": _measurement(evaluation),
        "public_cases": [_answered(run) for run in _runs(evaluation).filter(_public(submission))],
        "private_cases": _private(submission, evaluation),
    }


def quota(found: Quota, energy: purse.Balance | None) -> dict[str, Any]:
    """Attempts, and energy where the phase has a purse, of one participation."""
    return {
        **asdict(found),
        "energy": energy and {**asdict(energy), "left_mj": energy.left_mj},
    }


def _score(evaluation: Evaluation) -> dict[str, Any] | None:
    score = outcome.score_of(evaluation)
    if score is None:
        return None
    return {
        "value": f"{score.value:.4f}",
        "quality": f"{score.quality:.6f}",
        "green": f"{score.green:.6f}",
        "reaches_minimum": score.reaches_minimum,
        "energy_mj": score.energy_mj,
        "evidence_grade": score.evidence_grade,
        "estimated": score.evidence_grade in board.ESTIMATES,
        "is_ranked": score.is_ranked,
        "prompt_tokens": score.prompt_tokens,
        "completion_tokens": score.completion_tokens,
        "policy": {"name": score.policy, "parameters": score.policy_parameters},
        "record": _record(score),
        "scored_at": score.created_at,
    }


def _record(score: Score) -> dict[str, Any] | None:
    row: Record | None = getattr(score, "record", None)
    return {"number": row.number, "sha256": row.sha256} if row else None


def _fault(submission: Submission, evaluation: Evaluation) -> dict[str, Any] | None:
    if evaluation.state == State.REJECTED:
        return _told(evaluation, is_ours=False, detail=_their_fault(submission, evaluation))
    if evaluation.state not in REFUNDED:
        return None
    if was_withdrawn(evaluation):
        detail = _("Lo retiraste tú antes de que empezara. Has recuperado el intento.")
        return _told(evaluation, is_ours=False, detail=detail)
    if evaluation.state == State.CANCELLED:
        detail = _("La organización ha cancelado este envío. Has recuperado el intento.")
        return _told(evaluation, is_ours=True, detail=detail)
    detail = _("Ha fallado algo nuestro. No has perdido el intento: puedes enviarla otra vez.")
    return _told(evaluation, is_ours=True, detail=detail)


def _told(evaluation: Evaluation, *, is_ours: bool, detail: str) -> dict[str, Any]:
    return {
        "is_ours": is_ours,
        "attempt_returned": evaluation.state in REFUNDED,
        "code": evaluation.fault_code,
        "detail": detail,
    }


def _their_fault(submission: Submission, evaluation: Evaluation) -> str:
    if evaluation.fault_code != CONTEXT_TOO_LONG:
        return _("El modelo no ha podido ejecutar tu propuesta. Revisa la plantilla y vuelve a enviarla.")
    if (case := outcome.public_case_refused(submission, evaluation)) is not None:
        return _(
            "Con el caso %(case)s, tu propuesta no cabe en el contexto del modelo. "
            "Acorta las instrucciones o la plantilla."
        ) % {"case": case}
    return _(
        "Con alguno de los casos, tu propuesta no cabe en el contexto del modelo. "
        "Acorta las instrucciones o la plantilla."
    )


def _measurement(evaluation: Evaluation) -> dict[str, Any] | None:
    found: Measurement | None = evaluation.measurements.filter(is_ranked=True).order_by("-repetition").first()
    if found is None or evaluation.state != State.SCORED:
        return None
    return {
        "energy_mj": found.energy_mj,
        "seconds": f"{found.seconds:.3f}",
        "evidence_grade": found.evidence_grade,
        "source": found.source,
        "flags": found.flags,
        "witness_mj": found.witness_mj,
        "co2_mg": found.co2_mg,
    }


def _runs(evaluation: Evaluation) -> QuerySet[Run]:
    return (
        Run.objects.filter(evaluation=evaluation, repetition=evaluation.repetition)
        .select_related("case")
        .order_by("case__position")
    )


def _public(submission: Submission) -> Q:
    """A suite is public by its own word, not only by the place that a phase gave it."""
    return Q(case__suite=submission.phase.feedback_suite_id, case__suite__visibility=Visibility.PUBLIC)


def _answered(run: Run) -> dict[str, Any]:
    return {
        "key": run.case.key,
        "group": run.case.group,
        "inputs": run.case.inputs,
        "expected": run.case.expected,
        "answer": run.answer,
        "grade": f"{run.grade:.6f}",
        "reason": run.reason,
    }


def _private(submission: Submission, evaluation: Evaluation) -> dict[str, Any]:
    total = submission.phase.ranked_suite.cases.count()
    if evaluation.state != State.SCORED:
        return {"cases": total, "quality": None}
    graded = [
        GradedCase(value=run.grade, weight=run.case.weight)
        for run in _runs(evaluation).filter(case__suite=submission.phase.ranked_suite)
    ]
    return {"cases": total, "quality": f"{weighted_mean(graded):.6f}" if graded else None}
