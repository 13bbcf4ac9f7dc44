"""What became of a submission: the facts that pages and API tell, each in its own words.

Which evaluation counts, how far it has come, and what may be named of a refusal are decided here alone, so
that no door can show more than another. Read only.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, Prefetch, Q, QuerySet

from challenges import queue
from challenges.models import Case, Evaluation, Run, Score, State, Submission, Visibility
from challenges.waiting import Absence


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Cases answered of all that will be asked, and while it waits its place in the queue.

    ``ahead`` counts the evaluations that come before this one, ``wait_s`` is how long that should take, None
    where nobody knows.
    """

    done: int
    total: int
    ahead: int | None
    wait_s: int | None


def evaluations() -> Prefetch[str, QuerySet[Evaluation], str]:
    """What the functions below need of each submission, to be prefetched."""
    return Prefetch(
        "evaluations", queryset=Evaluation.objects.select_related("score__record").order_by("-pk")
    )


def current(submission: Submission) -> Evaluation:
    """Of the prefetched ``evaluations()`` the one in force, or the newest while a rejudging left none."""
    newest, *older = submission.evaluations.all()
    return next((each for each in (newest, *older) if each.state != State.SUPERSEDED), newest)


def score_of(evaluation: Evaluation) -> Score | None:
    """None while there is none, and for one that was withdrawn."""
    return None if evaluation.state == State.SUPERSEDED else getattr(evaluation, "score", None)


def is_over(evaluation: Evaluation) -> bool:
    """Nothing more happens by itself. A submission whose evaluation was withdrawn still gets a new one."""
    return evaluation.is_final and evaluation.state != State.SUPERSEDED


def progress(submission: Submission, evaluation: Evaluation, absence: Absence | None) -> Progress:
    """``absence`` is what ``waiting`` tells of them: while something is away the queue does not move."""
    phase = submission.phase
    suites = Q(suite=phase.ranked_suite_id) | Q(suite=phase.feedback_suite_id)
    theirs = Run.objects.filter(evaluation=evaluation, repetition=evaluation.repetition, case=OuterRef("pk"))
    answered = Count("pk", filter=Exists(theirs))
    counted = Case.objects.filter(suites).aggregate(total=Count("pk"), done=answered)
    place = queue.place_of(evaluation, is_moving=absence is None)
    return Progress(
        done=counted["done"],
        total=counted["total"],
        ahead=place.ahead if place else None,
        wait_s=place.wait_s if place else None,
    )


def public_case_refused(submission: Submission, evaluation: Evaluation) -> str | None:
    """The key of the case that did not fit, if it is a public one: which private one it was stays with us."""
    suite = submission.phase.feedback_suite
    if suite is None or suite.visibility != Visibility.PUBLIC:
        return None
    return evaluation.fault_detail if suite.cases.filter(key=evaluation.fault_detail).exists() else None
