"""Taken back by its author or stopped by an organizer: the attempt returns, and a worker stops."""

from __future__ import annotations

import pytest

from challenges import cancelling, lease, submission
from challenges.errors import LeaseLost, TooLateToWithdraw
from challenges.models import Evaluation, Reason, State, StateChange
from tests.factories import a_participation, a_person, a_phase, a_submission, an_evaluation

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("state", [State.PENDING, State.QUEUED, State.HELD])
def test_what_still_waits_can_be_taken_back_by_its_author(state: State) -> None:
    handed_in = a_submission(state=state)
    cancelling.withdraw(handed_in)
    row = handed_in.evaluations.get()
    assert (row.state, row.fault_code, row.steps) == (State.CANCELLED, cancelling.WITHDRAWN, 2)
    assert submission.quota(handed_in.participation, handed_in.phase).used_phase == 0
    assert lease.claim("obrero") is None
    assert StateChange.objects.get(evaluation=row, number=2).who == (
        f"person {handed_in.participation.person_id}"
    )


def test_what_was_taken_back_took_nobodys_place() -> None:
    phase = a_phase()
    undecided, other = a_participation(phase), a_participation(phase)
    for _ in range(3):
        cancelling.withdraw(a_submission(phase, participation=undecided))
    wanted = a_submission(phase, participation=undecided)
    a_submission(phase, participation=other)
    held = lease.claim("obrero")
    assert held is not None
    assert held.submission_id == wanted.pk


def test_what_a_worker_once_took_cannot_be_taken_back() -> None:
    handed_in = a_submission()
    held = lease.claim("obrero")
    assert held is not None
    with pytest.raises(TooLateToWithdraw) as running:
        cancelling.withdraw(handed_in)
    assert running.value.state == State.PREPARING
    lease.transition(held, to=State.QUEUED, reason=Reason.WORKER_STOPPED)
    with pytest.raises(TooLateToWithdraw):
        cancelling.withdraw(handed_in)
    assert handed_in.evaluations.get().state == State.QUEUED


def test_an_organizer_stops_a_running_one_and_its_worker_writes_nothing_more() -> None:
    row = an_evaluation()
    held = lease.claim("obrero")
    assert held is not None
    organizer = a_person(is_staff=True)
    assert cancelling.cancel(row, person=organizer, why="se cambió la fase")
    with pytest.raises(LeaseLost):
        lease.renew(held)
    step = StateChange.objects.filter(evaluation=row).latest("number")
    assert (step.by, step.who, step.detail) == ("organizer", f"person {organizer.pk}", "se cambió la fase")


def test_what_has_ended_is_not_ended_again() -> None:
    row = an_evaluation(state=State.SCORED)
    assert not cancelling.cancel(row, person=a_person(is_staff=True), why="tarde")
    assert Evaluation.objects.get(pk=row.pk).state == State.SCORED
