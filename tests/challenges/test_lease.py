"""Claims about who may write to an evaluation, on the real database with real connections."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from challenges import dispatch, lease
from challenges.errors import LeaseLost
from challenges.lease import TRANSITIONS, Lease
from challenges.models import Evaluation, State
from challenges.models.evaluation import ACTIVE, FINAL
from tests.factories import a_participation, a_phase, a_submission, an_evaluation
from tests.in_parallel import errors_in, in_parallel

pytestmark = pytest.mark.django_db


def _expire(held: Lease) -> None:
    Evaluation.objects.filter(pk=held.evaluation_id).update(lease_until=Now() - timedelta(seconds=1))


def _claimed() -> Lease:
    held = lease.claim("obrero-1")
    assert held is not None
    return held


def _row(held: Lease) -> Evaluation:
    return Evaluation.objects.get(pk=held.evaluation_id)


def test_a_claim_takes_the_oldest_and_starts_its_lease(settings: Any) -> None:
    settings.LEASE_SECONDS = 15
    first, _second = an_evaluation(), an_evaluation()
    held = _claimed()
    row = _row(held)
    assert held.evaluation_id == first.pk
    assert (row.state, row.fence, row.worker) == (State.PREPARING, 1, "obrero-1")
    assert row.started_at is not None
    assert row.lease_until is not None
    left = row.lease_until - dispatch.now()
    assert timedelta(seconds=13) < left <= timedelta(seconds=15)


def test_nothing_is_claimed_when_nothing_waits() -> None:
    for state in (State.HELD, *ACTIVE, *FINAL):
        an_evaluation(state=state)
    assert lease.claim("obrero-1") is None


def test_an_evaluation_that_failed_is_not_claimed_before_its_time() -> None:
    resting = an_evaluation(state=State.QUEUED, not_before=timezone.now() + timedelta(minutes=1))
    assert lease.claim("obrero-1") is None
    # A whole second has no fraction in SQLite's text, and must still compare by time.
    due = (timezone.now() - timedelta(seconds=1)).replace(microsecond=0)
    Evaluation.objects.filter(pk=resting.pk).update(not_before=due)
    assert _claimed().evaluation_id == resting.pk


def test_a_lease_that_ends_in_a_whole_second_compares_by_time_too() -> None:
    an_evaluation()
    held = _claimed()
    next_second = dispatch.now().replace(microsecond=0) + timedelta(seconds=2)
    Evaluation.objects.filter(pk=held.evaluation_id).update(lease_until=next_second)
    lease.renew(held)
    Evaluation.objects.filter(pk=held.evaluation_id).update(
        lease_until=dispatch.now().replace(microsecond=0) - timedelta(seconds=1)
    )
    with pytest.raises(LeaseLost):
        lease.renew(held)


@pytest.mark.django_db(transaction=True)
def test_two_claimers_never_get_the_same_evaluation() -> None:
    phase = a_phase()
    participation = a_participation(phase)
    for _ in range(12):
        a_submission(phase, participation=participation)

    def claim_all() -> list[int]:
        mine = []
        while (held := lease.claim("obrero")) is not None:
            mine.append(held.evaluation_id)
        return mine

    results = in_parallel(*[claim_all] * 4)
    assert not errors_in(results)
    claimed = [evaluation_id for mine in results for evaluation_id in mine]
    assert len(claimed) == 12
    assert len(set(claimed)) == 12


def test_a_stale_worker_cannot_write() -> None:
    an_evaluation()
    old = _claimed()
    _expire(old)
    Evaluation.objects.filter(pk=old.evaluation_id).update(state=State.QUEUED, lease_until=None)
    new = lease.claim("obrero-2")
    assert new is not None
    assert new.fence == old.fence + 1
    writes: tuple[Callable[[], None], ...] = (
        lambda: lease.renew(old),
        lambda: lease.transition(old, to=State.RUNNING),
        lambda: lease.amend(old, repetition=2),
    )
    for write in writes:
        with pytest.raises(LeaseLost):
            write()
    lease.transition(new, to=State.RUNNING)
    assert _row(new).repetition == 1


def test_a_lease_that_ran_out_is_over_even_if_nobody_has_claimed_the_row() -> None:
    an_evaluation()
    held = _claimed()
    _expire(held)
    with pytest.raises(LeaseLost):
        lease.renew(held)
    with pytest.raises(LeaseLost):
        lease.transition(held, to=State.RUNNING)


def test_a_heartbeat_pushes_the_end_ahead() -> None:
    an_evaluation()
    held = _claimed()
    soon = dispatch.now() + timedelta(seconds=2)
    Evaluation.objects.filter(pk=held.evaluation_id).update(lease_until=soon)
    lease.renew(held)
    until = _row(held).lease_until
    assert until is not None
    assert until > soon


@pytest.mark.parametrize("before", ACTIVE)
@pytest.mark.parametrize("after", list(State))
def test_only_the_transitions_of_the_table_happen(before: State, after: State) -> None:
    an_evaluation()
    held = _claimed()
    Evaluation.objects.filter(pk=held.evaluation_id).update(state=before)
    if after in TRANSITIONS[before]:
        lease.transition(held, to=after)
        assert _row(held).state == after
    else:
        with pytest.raises(LeaseLost):
            lease.transition(held, to=after)
        assert _row(held).state == before


def test_an_end_is_final() -> None:
    an_evaluation()
    held = _claimed()
    lease.transition(held, to=State.ERRORED, fault_code="case_timeout")
    row = _row(held)
    assert row.finished_at is not None
    assert row.lease_until is None
    with pytest.raises(LeaseLost):
        lease.transition(held, to=State.QUEUED)


def test_the_table_knows_every_state() -> None:
    assert set(TRANSITIONS) == set(State)
    for final in FINAL:
        assert TRANSITIONS[final] <= {State.SUPERSEDED}
