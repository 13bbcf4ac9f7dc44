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
from challenges.lease import Lease
from challenges.models import Actor, Evaluation, Reason, State, StateChange
from challenges.models.evaluation import ACTIVE, FINAL
from challenges.transitions import TABLE
from tests.factories import a_participation, a_person, a_phase, a_submission, an_evaluation
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
    phase = a_phase(running_per_participation=12)
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
        lambda: lease.transition(old, to=State.RUNNING, reason=Reason.STARTED),
    )
    for write in writes:
        with pytest.raises(LeaseLost):
            write()
    lease.transition(new, to=State.RUNNING, reason=Reason.STARTED)
    assert _row(new).state == State.RUNNING


def test_a_lease_that_ran_out_is_over_even_if_nobody_has_claimed_the_row() -> None:
    an_evaluation()
    held = _claimed()
    _expire(held)
    with pytest.raises(LeaseLost):
        lease.renew(held)
    with pytest.raises(LeaseLost):
        lease.transition(held, to=State.RUNNING, reason=Reason.STARTED)


def test_a_heartbeat_pushes_the_end_ahead() -> None:
    an_evaluation()
    held = _claimed()
    soon = dispatch.now() + timedelta(seconds=2)
    Evaluation.objects.filter(pk=held.evaluation_id).update(lease_until=soon)
    lease.renew(held)
    until = _row(held).lease_until
    assert until is not None
    assert until > soon


def a_workers_arrows() -> set[tuple[State, State, Reason]]:
    return {
        (arrow.before, arrow.after, reason)
        for arrow in TABLE
        if arrow.by == Actor.WORKER and arrow.before in ACTIVE
        for reason in arrow.reasons
    }


@pytest.mark.parametrize("before", ACTIVE)
@pytest.mark.parametrize("after", list(State))
def test_a_worker_follows_only_the_arrows_of_the_table(before: State, after: State) -> None:
    an_evaluation()
    held = _claimed()
    for reason in Reason:
        Evaluation.objects.filter(pk=held.evaluation_id).update(
            state=before, lease_until=Now() + timedelta(seconds=30), finished_at=None, held_since=None
        )
        steps = _row(held).steps
        if (before, after, reason) in a_workers_arrows():
            lease.transition(held, to=after, reason=reason)
            assert (_row(held).state, _row(held).steps) == (after, steps + 1)
        else:
            with pytest.raises(LeaseLost):
                lease.transition(held, to=after, reason=reason)
            assert (_row(held).state, _row(held).steps) == (before, steps)


def test_an_end_is_final() -> None:
    an_evaluation()
    held = _claimed()
    lease.transition(held, to=State.ERRORED, reason=Reason.FAILED_FOR_GOOD)
    row = _row(held)
    assert row.finished_at is not None
    assert row.lease_until is None
    with pytest.raises(LeaseLost):
        lease.transition(held, to=State.QUEUED, reason=Reason.FAILED)


def test_the_table_knows_every_state_and_every_reason() -> None:
    assert {arrow.after for arrow in TABLE} == set(State)
    told = {reason for arrow in TABLE for reason in arrow.reasons}
    assert set(Reason) - told == {Reason.MIGRATED}
    for final in FINAL:
        assert {arrow.after for arrow in TABLE if arrow.before == final} <= {State.SUPERSEDED}


def test_each_step_says_who_why_and_when() -> None:
    row = an_evaluation()
    before = dispatch.now()
    held = _claimed()
    lease.transition(held, to=State.RUNNING, reason=Reason.STARTED, detail="repetition 1")
    steps = list(StateChange.objects.filter(evaluation=row).order_by("number"))
    told = [
        (step.number, step.before, step.after, step.by, step.who, step.reason, step.fence) for step in steps
    ]
    assert told[1:] == [
        (2, State.PENDING, State.PREPARING, Actor.WORKER, "obrero-1", Reason.CLAIMED, 1),
        (3, State.PREPARING, State.RUNNING, Actor.WORKER, "obrero-1", Reason.STARTED, 1),
    ]
    assert before <= steps[1].at <= steps[2].at <= dispatch.now()
    assert steps[2].detail == "repetition 1"


def test_a_change_that_is_refused_leaves_no_step() -> None:
    an_evaluation()
    held = _claimed()
    steps = StateChange.objects.count()
    _expire(held)
    with pytest.raises(LeaseLost):
        lease.transition(held, to=State.RUNNING, reason=Reason.STARTED)
    assert StateChange.objects.count() == steps


# --- whose turn it is -------------------------------------------------------------------------------------


def claims(number: int, *, finish: bool = True) -> list[int]:
    """Whose evaluation each of so many claims gets; each ends at once, so that no cap is in the way."""
    whose = []
    for _ in range(number):
        held = _claimed()
        whose.append(_row(held).participation_id)
        if finish:
            lease.transition(held, to=State.ERRORED, reason=Reason.FAILED_FOR_GOOD)
    return whose


def test_who_hands_in_many_waits_behind_their_own() -> None:
    phase = a_phase()
    eager, modest, late = (a_participation(phase) for _ in range(3))
    for _ in range(10):
        a_submission(phase, participation=eager)
    a_submission(phase, participation=modest)
    assert claims(3) == [eager.pk, modest.pk, eager.pk]
    a_submission(phase, participation=late)
    assert claims(2) == [late.pk, eager.pk]


def test_participations_take_turns() -> None:
    phase = a_phase()
    people = [a_participation(phase) for _ in range(4)]
    for person in people:
        for _ in range(3):
            a_submission(phase, participation=person)
    whose = claims(12)
    for start in (0, 4, 8):
        assert set(whose[start : start + 4]) == {person.pk for person in people}


def test_who_was_away_gains_nothing_by_it() -> None:
    phase = a_phase()
    here, away = a_participation(phase), a_participation(phase)
    for _ in range(4):
        a_submission(phase, participation=here)
    claims(4)
    for participation in (away, here):
        for _ in range(4):
            a_submission(phase, participation=participation)
    whose = claims(8)
    for number in range(1, 9):
        lead = whose[:number].count(away.pk) - whose[:number].count(here.pk)
        assert 0 <= lead <= 2, "its old turns are gone, one ahead is all there is"


def test_an_organizers_run_goes_first_but_not_for_ever() -> None:
    phase = a_phase()
    people = [a_participation(phase) for _ in range(3)]
    for person in people * 2:
        a_submission(phase, participation=person)
    organizer = a_participation(phase, person=a_person(is_staff=True))
    for _ in range(40):
        a_submission(phase, participation=organizer)
    whose = claims(12)
    assert whose[0] == organizer.pk
    assert {person.pk for person in people} <= set(whose), "a contestant starves"


def test_a_participation_runs_only_so_many_at_once() -> None:
    phase = a_phase(running_per_participation=2)
    eager, other = a_participation(phase), a_participation(phase)
    for _ in range(5):
        a_submission(phase, participation=eager)
    assert claims(2, finish=False) == [eager.pk, eager.pk]
    assert lease.claim("obrero-1") is None
    a_submission(phase, participation=other)
    assert claims(1, finish=False) == [other.pk]


def test_each_phase_has_a_limit_of_its_own_for_what_a_participation_runs() -> None:
    narrow = a_phase(running_per_participation=1)
    wide = a_phase(narrow.challenge, running_per_participation=2)
    theirs = a_participation(narrow)
    in_narrow = [a_submission(narrow, participation=theirs) for _ in range(3)]
    in_wide = [a_submission(wide, participation=theirs) for _ in range(2)]
    claimed = [_claimed().submission_id for _ in range(2)]
    assert claimed == [in_narrow[0].pk, in_wide[0].pk], "one runs, so the narrow phase waits"
    assert lease.claim("obrero-1") is None
    a_submission(narrow)
    assert lease.claim("obrero-1") is not None


@pytest.mark.django_db(transaction=True)
def test_the_cap_holds_among_claimers_at_the_same_moment() -> None:
    for _ in range(5):
        phase = a_phase(running_per_participation=2)
        participation = a_participation(phase)
        for _ in range(8):
            a_submission(phase, participation=participation)
        results = in_parallel(*[lambda: lease.claim("obrero")] * 6)
        assert not errors_in(results)
        running = Evaluation.objects.active().filter(participation=participation)
        assert running.count() == 2
        assert len([held for held in results if held is not None]) == 2
        Evaluation.objects.filter(participation=participation).update(
            state=State.CANCELLED, lease_until=None, finished_at=Now()
        )
