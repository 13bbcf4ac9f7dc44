"""Ending an evaluation before its time: its author takes it back, or an organizer stops it.

Pages, API and admin call it. What is cancelled gives its attempt and its energy back. A worker that is at it
loses its lease and writes nothing more.
"""

from __future__ import annotations

from challenges import outcome, transitions
from challenges.errors import TooLateToWithdraw
from challenges.models import Actor, Evaluation, Person, Reason, State, Submission
from challenges.models.evaluation import WAITING

WITHDRAWN = "withdrawn"
CANCELLED = "cancelled"


def can_be_withdrawn(evaluation: Evaluation) -> bool:
    """Only what no worker ever took: what has begun has cost energy, and might have told something."""
    return evaluation.fence == 0 and evaluation.state in (*WAITING, State.HELD)


def was_withdrawn(evaluation: Evaluation) -> bool:
    """Cancelled by its own author, who should not be told that the organization did it."""
    return evaluation.state == State.CANCELLED and evaluation.fault_code == WITHDRAWN


def withdraw(submission: Submission) -> None:
    """Take back what waits for its first turn; the attempt can be used again. Raises TooLateToWithdraw."""
    moved = transitions.move(
        Evaluation.objects.filter(submission=submission, fence=0),
        to=State.CANCELLED,
        by=Actor.CONTESTANT,
        reason=Reason.WITHDRAWN,
        who=f"person {submission.participation.person_id}",
        fields={"fault_code": WITHDRAWN},
    )
    if not moved:
        fresh = Submission.objects.prefetch_related(outcome.evaluations()).get(pk=submission.pk)
        raise TooLateToWithdraw(state=outcome.current(fresh).state)


def cancel(evaluation: Evaluation, *, person: Person, why: str) -> bool:
    """Stop an evaluation that has not ended; False when it had. ``why`` is for the history alone."""
    return bool(
        transitions.move(
            Evaluation.objects.filter(pk=evaluation.pk),
            to=State.CANCELLED,
            by=Actor.ORGANIZER,
            reason=Reason.CANCELLED,
            who=f"person {person.pk}",
            detail=why,
            fields={"fault_code": CANCELLED},
        )
    )
