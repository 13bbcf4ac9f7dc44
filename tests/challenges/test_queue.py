"""What a waiting contestant is told: how many come before, and how long that takes at the measured rate."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from challenges import lease, queue
from challenges.models import Evaluation, State
from tests.factories import a_participation, a_phase, a_submission, an_evaluation

pytestmark = pytest.mark.django_db


def finished(number: int, *, seconds_ago: int, state: State = State.SCORED) -> None:
    for _ in range(number):
        row = an_evaluation(state=state)
        Evaluation.objects.filter(pk=row.pk).update(finished_at=Now() - timedelta(seconds=seconds_ago))


def place(row: Evaluation) -> queue.Place:
    found = queue.place_of(Evaluation.objects.get(pk=row.pk))
    assert found is not None
    return found


def test_the_place_follows_the_turns_and_not_the_time_of_arrival() -> None:
    phase = a_phase()
    eager = a_participation(phase)
    theirs = [a_submission(phase, participation=eager).evaluations.get() for _ in range(3)]
    late = a_submission(phase).evaluations.get()
    assert [place(row).ahead for row in (*theirs, late)] == [0, 2, 3, 1]


def test_the_order_told_is_the_order_of_the_claims() -> None:
    phase = a_phase(running_per_participation=50)
    people = [a_participation(phase) for _ in range(3)]
    for number in range(9):
        a_submission(phase, participation=people[number % 2 if number < 6 else 2])
    told = sorted(Evaluation.objects.all(), key=lambda row: place(row).ahead)
    claimed = []
    while (held := lease.claim("obrero")) is not None:
        claimed.append(held.evaluation_id)
    assert claimed == [row.pk for row in told]


def test_the_wait_is_the_measured_rate_times_the_place() -> None:
    finished(10, seconds_ago=100)
    finished(10, seconds_ago=20)
    first, second = a_submission().evaluations.get(), a_submission().evaluations.get()
    # 20 in the last 100 seconds, one every five.
    assert place(first).wait_s in (5, 6)
    assert place(second).wait_s in (10, 11)


@pytest.mark.parametrize(
    ("number", "seconds_ago", "state"),
    [(2, 10, State.SCORED), (20, 10_000, State.SCORED), (20, 10, State.ERRORED)],
    ids=["too few", "too long ago", "none that tells a duration"],
)
def test_what_nobody_knows_is_not_told(number: int, seconds_ago: int, state: State) -> None:
    finished(number, seconds_ago=seconds_ago, state=state)
    assert place(a_submission().evaluations.get()).wait_s is None


@pytest.mark.parametrize("state", [State.HELD, State.RUNNING, State.SCORED])
def test_what_does_not_wait_for_a_turn_has_no_place(state: State) -> None:
    assert queue.place_of(an_evaluation(state=state)) is None
