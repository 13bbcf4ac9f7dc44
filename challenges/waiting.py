"""What keeps an evaluation from its turn beside the queue: the model or the meter, and since when.

Pages and API tell it. Read only; ``circuits`` decides when to wait and the sweeper when to go on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from challenges import circuits
from challenges.models import Circuit, Evaluation, Reason, State, Submission
from challenges.models.evaluation import WAITING


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """What does not answer, and since when nobody got anything from it."""

    name: Circuit.Name
    since: datetime


def absence(submission: Submission, evaluation: Evaluation) -> Absence | None:
    """None for an evaluation that waits for its turn alone, and for one that is being run or has ended.

    An evaluation can be HELD while no circuit is open: it alone was given no answer, and rests.
    """
    if evaluation.state not in (*WAITING, State.HELD):
        return None
    circuit = circuits.holding(submission.phase)
    if circuit is not None and circuit.opened_at is not None:
        return Absence(name=Circuit.Name(circuit.name), since=circuit.opened_at)
    if evaluation.held_since is None:
        return None
    last = evaluation.changes.order_by("-number").values_list("reason", flat=True).first()
    name = Circuit.Name.METER if last == Reason.METER_AWAY else Circuit.Name.BACKEND
    return Absence(name=name, since=evaluation.held_since)
