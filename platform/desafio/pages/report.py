"""What became of a submission, put the way its page tells it: state, progress, score part by part, or the fault.

Read only. Of private cases it gives totals by group and nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from challenges import board
from challenges.models import Evaluation, Measurement, Run, Score, State, Submission
from challenges.models.evaluation import WAITING
from desafio.pages import cases, formula
from scoring.quality import weighted_mean
from scoring.values import GradedCase

# The one fault of theirs that the evaluation tells apart, by the backend's own slug.
CONTEXT_TOO_LONG = "exceed_context_size_error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A submission with the evaluation in force and its score, if there is one."""

    submission: Submission
    evaluation: Evaluation
    score: Score | None

    @property
    def is_final(self) -> bool:
        return self.evaluation.is_final


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Cases answered of all that will be asked; ``ahead`` counts the evaluations that wait before this one."""

    done: int
    total: int
    ahead: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why there is no score. ``is_ours`` says whose fault it is, and so whether the attempt was given back."""

    is_ours: bool
    code: str
    reason: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupTotal:
    name: str
    cases: int
    quality: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A score and everything that explains it. ``place`` is the participation's row of the board."""

    score: Score
    worked: formula.Worked | None
    marks: formula.Formula | None
    measurement: Measurement | None
    is_estimate: bool
    place: dict[str, Any] | None
    is_the_one_that_counts: bool
    groups: list[GroupTotal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """One public case with what the model really answered."""

    case: cases.ShownCase
    run: Run


def line(submission: Submission) -> Line:
    """Uses the prefetched evaluations: one in force a submission, by the schema."""
    evaluation = submission.evaluations.all()[0]
    return Line(submission=submission, evaluation=evaluation, score=getattr(evaluation, "score", None))


def progress(submission: Submission, evaluation: Evaluation) -> Progress:
    phase = submission.phase
    suites = Q(suite=phase.ranked_suite_id) | Q(suite=phase.feedback_suite_id)
    total = cases.Case.objects.filter(suites).count()
    done = evaluation.runs.filter(repetition=evaluation.repetition).count()
    ahead = None
    if evaluation.state in WAITING:
        ahead = (
            Evaluation.objects.waiting()
            .filter(
                Q(created_at__lt=evaluation.created_at)
                | Q(created_at=evaluation.created_at, pk__lt=evaluation.pk)
            )
            .count()
        )
    return Progress(done=min(done, total), total=total, ahead=ahead)


def fault(evaluation: Evaluation) -> Fault | None:
    if evaluation.state in (State.ERRORED, State.CANCELLED):
        return Fault(is_ours=True, code=evaluation.fault_code)
    if evaluation.state != State.REJECTED:
        return None
    reason, fix = _their_fault(evaluation)
    return Fault(is_ours=False, code=evaluation.fault_code, reason=reason, fix=fix)


def _their_fault(evaluation: Evaluation) -> tuple[str, str]:
    """Only a public case is named: the detail of a private one stays with the organizers."""
    fix = _("Acorta las instrucciones o la plantilla y vuelve a enviarla.")
    if evaluation.fault_code != CONTEXT_TOO_LONG:
        return _("El modelo no ha podido ejecutar tu propuesta."), _(
            "Revisa la plantilla y vuelve a enviarla."
        )
    public = {case.key for case in cases.rows(evaluation.submission.phase)}
    if evaluation.fault_detail in public:
        return _("Con el caso %(case)s, tu propuesta no cabe en el contexto del modelo.") % {
            "case": evaluation.fault_detail
        }, fix
    return _("Con alguno de los casos, tu propuesta no cabe en el contexto del modelo."), fix


def result(submission: Submission, evaluation: Evaluation) -> Result | None:
    score: Score | None = getattr(evaluation, "score", None)
    if score is None:
        return None
    is_verde = score.policy == "verde"
    place = _place(submission)
    return Result(
        score=score,
        worked=formula.of_score(score) if is_verde else None,
        marks=formula.of(score.policy_parameters) if is_verde else None,
        measurement=evaluation.measurements.filter(is_ranked=True).order_by("-repetition").first(),
        is_estimate=score.evidence_grade in board.ESTIMATES,
        place=place,
        is_the_one_that_counts=place is not None and Decimal(place["score"]) == score.value,
        groups=_groups(submission, evaluation),
    )


def feedback(submission: Submission, evaluation: Evaluation) -> list[Feedback]:
    suite = submission.phase.feedback_suite
    if suite is None:
        return []
    runs = _runs(evaluation).filter(case__suite=suite, case__suite__visibility="public")
    return [Feedback(case=cases.shown(run.case), run=run) for run in runs]


def _runs(evaluation: Evaluation) -> Any:
    return (
        Run.objects.filter(evaluation=evaluation, repetition=evaluation.repetition)
        .select_related("case")
        .order_by("case__position")
    )


def _place(submission: Submission) -> dict[str, Any] | None:
    mine = str(submission.participation.public_id)
    return next((row for row in board.build(submission.phase).rows if row["participation"] == mine), None)


def _groups(submission: Submission, evaluation: Evaluation) -> list[GroupTotal]:
    by_group: dict[str, list[GradedCase]] = defaultdict(list)
    for run in _runs(evaluation).filter(case__suite=submission.phase.ranked_suite):
        by_group[run.case.group].append(GradedCase(value=run.grade, weight=run.case.weight))
    return [
        GroupTotal(name=name, cases=len(graded), quality=weighted_mean(graded))
        for name, graded in by_group.items()
    ]
