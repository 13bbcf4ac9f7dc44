"""What became of a submission: the facts that pages and API tell, each in its own words.

Which evaluation counts, how far it has come, and what may be named of a refusal are decided here alone, so
that no door can show more than another. Read only.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.db.models import Count, Exists, OuterRef, Prefetch, Q, QuerySet

from challenges import figure, queue
from challenges.circuits import MEASURED_GRADES
from challenges.merit import verdict_of
from challenges.models import (
    Case,
    Evaluation,
    Review,
    Run,
    Score,
    State,
    Submission,
    Verdict,
    Visibility,
)
from challenges.waiting import Absence


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Cases answered of all that will be asked, and while it waits its place in the queue.

    What a counter measures is asked several times: ``repetition`` is the one at hand, of ``repetitions`` at
    least; 1 of 1 for an estimate, unless a setting says otherwise. ``ahead`` counts the evaluations that come
    before this one, ``wait_s`` is how long that should take, None where nobody knows.
    """

    done: int
    total: int
    repetition: int
    repetitions: int
    ahead: int | None
    wait_s: int | None


def evaluations() -> Prefetch[str, QuerySet[Evaluation], str]:
    """What the functions below need of each submission, to be prefetched."""
    return Prefetch(
        "evaluations",
        queryset=Evaluation.objects.select_related("score__record", "score__review")
        .prefetch_related("score__review__decisions")
        .order_by("-pk"),
    )


def current(submission: Submission) -> Evaluation:
    """Of the prefetched ``evaluations()`` the one in force, or the newest while a rejudging left none."""
    newest, *older = submission.evaluations.all()
    return next((each for each in (newest, *older) if each.state != State.SUPERSEDED), newest)


def score_of(evaluation: Evaluation) -> Score | None:
    """None while there is none, and for one that was withdrawn."""
    return None if evaluation.state == State.SUPERSEDED else getattr(evaluation, "score", None)


def is_kept_out(evaluation: Evaluation) -> bool:
    """Whether its score waits for an organizer, or was refused; of the prefetched ``evaluations()``."""
    review: Review | None = getattr(score_of(evaluation), "review", None)
    return review is not None and verdict_of(review) != Verdict.ACCEPTED


def is_over(evaluation: Evaluation) -> bool:
    """Nothing more happens by itself. A submission whose evaluation was withdrawn still gets a new one."""
    return evaluation.is_final and evaluation.state != State.SUPERSEDED


def progress(submission: Submission, evaluation: Evaluation, absence: Absence | None) -> Progress:
    """``absence`` is what ``waiting`` tells of them: while something is away the queue does not move."""
    phase = submission.phase
    is_counted = phase.evidence_grade in MEASURED_GRADES
    asked_for = settings.MEASUREMENT_REPETITIONS if is_counted else settings.ESTIMATE_REPETITIONS
    is_repeated = is_counted or asked_for > 1
    measured = set(figure.windows(evaluation).values_list("repetition", flat=True)) if is_repeated else set()
    # A repetition that broke off is run again whole: its answers count for nothing.
    number = evaluation.repetition if is_repeated else evaluation.series
    runs = Run.objects.filter(evaluation=evaluation, case=OuterRef("pk"))
    at_hand, first = Exists(runs.filter(repetition=number)), Exists(runs.filter(repetition=evaluation.series))
    is_ranked, is_shown = Q(suite=phase.ranked_suite_id), Q(suite=phase.feedback_suite_id)
    counted = Case.objects.filter(is_ranked | is_shown).aggregate(
        ranked=Count("pk", filter=is_ranked),
        ranked_done=Count("pk", filter=Q(is_ranked, at_hand)),
        shown=Count("pk", filter=is_shown & ~is_ranked),
        shown_done=Count("pk", filter=Q(is_shown, ~is_ranked, first)),
    )
    done = counted["ranked"] * len(measured) + (0 if number in measured else counted["ranked_done"])
    repetitions = max(asked_for, len(measured))
    place = queue.place_of(evaluation, is_moving=absence is None)
    return Progress(
        done=done + counted["shown_done"],
        total=counted["ranked"] * repetitions + counted["shown"],
        repetition=min(len(measured) + 1, repetitions),
        repetitions=repetitions,
        ahead=place.ahead if place else None,
        wait_s=place.wait_s if place else None,
    )


def public_case_refused(submission: Submission, evaluation: Evaluation) -> str | None:
    """The key of the case that did not fit, if it is a public one: which private one it was stays with us."""
    suite = submission.phase.feedback_suite
    if suite is None or suite.visibility != Visibility.PUBLIC:
        return None
    return evaluation.fault_detail if suite.cases.filter(key=evaluation.fault_detail).exists() else None
