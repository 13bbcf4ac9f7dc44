"""What became of a submission, as the API tells it: state, progress, score part by part, or the fault.

Read only, and only for its author. Of private cases it gives how many there are and their mean.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from challenges import board, outcome, preview, purse, reviewing, waiting
from challenges.cancelling import was_withdrawn
from challenges.models import (
    Evaluation,
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
from desafio.api import energy
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
        "review": _review(evaluation),
        "measurement": energy.measurement(evaluation),
        "public_cases": [_answered(run) for run in _runs(evaluation).filter(_public(submission))],
        "private_cases": _private(submission, evaluation),
    }


def quota(found: Quota, balance: purse.Balance | None) -> dict[str, Any]:
    """Attempts, and energy where the phase has a purse, of one participation."""
    return {
        **asdict(found),
        "energy": balance and {**asdict(balance), "left_mj": balance.left_mj},
    }


def expected(found: preview.Expected) -> dict[str, Any]:
    """What a proposal that was not handed in is expected to cost."""
    return {
        "cases": found.cases,
        "calls": found.calls,
        "basis": found.basis.value,
        "max_output_tokens": found.max_output_tokens,
        "prompt_tokens": {"low": found.prompt_tokens_low, "high": found.prompt_tokens_high},
        "tokens_basis": found.tokens_basis.value,
        "at_most_mj": found.at_most_mj,
        "counted_at_most_mj": found.counted_at_most_mj,
        "evidence_grade": found.grade.value,
        "interval": found.interval and asdict(found.interval),
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


def _review(evaluation: Evaluation) -> dict[str, Any] | None:
    """Why its score is held, or was, and what was decided; None for one that counted at once."""
    score = outcome.score_of(evaluation)
    told = reviewing.told(score) if score is not None else None
    if told is None:
        return None
    return {
        "state": told.verdict or "pending",
        "state_text": told.status,
        "counts": told.counts,
        "since": told.since,
        "flags": list(told.flags),
        "reasons": told.flag_words,
        "decided_at": told.decided_at,
        "decision_reason": told.why,
    }


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


def _runs(evaluation: Evaluation) -> QuerySet[Run]:
    return (
        Run.objects.filter(evaluation=evaluation, repetition=evaluation.series)
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
