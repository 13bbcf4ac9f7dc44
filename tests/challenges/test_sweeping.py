"""The look over the queue: what died is taken back, what was forgotten is rung for, the rest is let be."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from challenges import circuits, dispatch, lease, submission, sweeping
from challenges.models import Circuit, Evaluation, State
from challenges.models.evaluation import ACTIVE
from challenges.sweeping import MOST_EXPIRIES, Swept
from tests.factories import a_participation, a_phase, a_submission, an_evaluation
from tests.scripted_backend import MODEL, Answer, answering, chat_events, models, scripted_backend
from tests.servers import Valkey

pytestmark = pytest.mark.django_db


@pytest.fixture
def rings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What a bell with nobody listening would have heard; the real one has its test below."""
    heard: list[int] = []

    def ring() -> bool:
        heard.append(1)
        return True

    monkeypatch.setattr(dispatch, "_ring", ring)
    monkeypatch.setattr(dispatch, "rings_unheard", lambda: 0)
    return heard


def state_of(row: Evaluation) -> str:
    return Evaluation.objects.get(pk=row.pk).state


def long_ago(row: Evaluation) -> Evaluation:
    Evaluation.objects.filter(pk=row.pk).update(created_at=Now() - timedelta(minutes=1), rung_at=None)
    return row


def let_time_pass() -> None:
    Circuit.objects.exclude(next_trial_at=None).update(next_trial_at=Now() - timedelta(seconds=1))


@pytest.mark.parametrize("state", ACTIVE)
def test_a_lease_that_ran_out_is_taken_back_and_its_fence_stays(state: State, rings: list[int]) -> None:
    dead = an_evaluation(state=state, lease_until=timezone.now() - timedelta(seconds=1), fence=3)
    alive = an_evaluation(state=state)
    assert sweeping.sweep_once().expired == 1
    row = Evaluation.objects.get(pk=dead.pk)
    assert (row.state, row.lease_until, row.fence) == (State.QUEUED, None, 3)
    assert state_of(alive) == state
    held = lease.claim("otro")
    assert held is not None
    assert held.fence == 4


@pytest.mark.parametrize(
    ("left_s", "next_s"),
    [(None, (120, 120)), (60, (1, 61)), (900, (120, 120)), (-1, (120, 120))],
    ids=["no lease", "one that ends before the next look", "one that ends after it", "one that is over"],
)
def test_the_next_look_comes_when_the_first_lease_ends(
    left_s: float | None, next_s: tuple[float, float]
) -> None:
    if left_s is not None:
        row = an_evaluation(state=State.RUNNING)
        Evaluation.objects.filter(pk=row.pk).update(lease_until=Now() + timedelta(seconds=left_s))
    shortest, longest = next_s
    assert shortest <= sweeping.seconds_to_next_look(longest_s=120) <= longest


def test_an_evaluation_under_which_every_worker_dies_is_given_up_as_our_fault(rings: list[int]) -> None:
    handed_in = a_submission(state=None)
    past = timezone.now() - timedelta(seconds=1)
    doomed = an_evaluation(handed_in, state=State.RUNNING, lease_until=past, expiries=MOST_EXPIRIES - 1)
    assert sweeping.sweep_once().abandoned == 1
    row = Evaluation.objects.get(pk=doomed.pk)
    assert (row.state, row.fault_code) == (State.ERRORED, "workers_died")
    assert submission.quota(handed_in.participation, handed_in.phase).used_phase == 0


def test_what_nobody_came_for_is_rung_for_again(rings: list[int]) -> None:
    forgotten = long_ago(an_evaluation())
    fresh = an_evaluation()
    resting = long_ago(an_evaluation(state=State.QUEUED, not_before=timezone.now() + timedelta(hours=1)))
    assert sweeping.sweep_once() == Swept(rung=1)
    assert rings == [1]
    assert [state_of(row) for row in (forgotten, fresh, resting)] == [
        State.QUEUED,
        State.PENDING,
        State.QUEUED,
    ]
    assert sweeping.sweep_once() == Swept(), "it was rung for a moment ago"


def test_many_forgotten_ones_need_few_rings(rings: list[int]) -> None:
    phase = a_phase()
    participation = a_participation(phase)
    for _ in range(30):
        long_ago(a_submission(phase, participation=participation).evaluations.get())
    assert sweeping.sweep_once().rung == sweeping.RINGS_PER_SWEEP == len(rings)
    assert Evaluation.objects.filter(state=State.QUEUED).count() == 30


def test_a_bell_that_is_still_unheard_is_not_rung_again(
    rings: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    long_ago(an_evaluation())
    for unheard in (1, None):
        monkeypatch.setattr(dispatch, "rings_unheard", lambda unheard=unheard: unheard)
        assert sweeping.sweep_once() == Swept()
    assert rings == []


def test_what_waits_for_the_backend_goes_on_when_our_model_is_served_again(
    rings: list[int], settings: Any
) -> None:
    held = an_evaluation(state=State.HELD)
    resting = an_evaluation(state=State.HELD, not_before=timezone.now() + timedelta(minutes=1))
    settings.INFERENCE_MODEL = MODEL
    with scripted_backend(lambda _: Answer(status=503)) as server:
        settings.INFERENCE_URL = server.url
        assert sweeping.sweep_once().resumed == 0
        server.script = lambda _: models("otro")
        assert sweeping.sweep_once().resumed == 0
        server.script = answering(Answer(pieces=chat_events()))
        let_time_pass()
        assert sweeping.sweep_once().resumed == 1
    row = Evaluation.objects.get(pk=held.pk)
    assert (row.state, row.held_since, row.not_before) == (State.QUEUED, None, None)
    assert state_of(resting) == State.HELD


def test_a_backend_that_is_busy_with_others_is_not_taken_for_one_that_is_away(
    rings: list[int], settings: Any
) -> None:
    held = an_evaluation(state=State.HELD)
    an_evaluation(state=State.RUNNING)
    with scripted_backend(lambda _: Answer(pieces=[], ending="hang")) as server:
        settings.INFERENCE_URL = server.url
        assert sweeping.sweep_once().resumed == 1
        assert server.connections == 0
    assert state_of(held) == State.QUEUED
    assert not circuits.open_now()


def test_without_held_ones_the_backend_is_not_even_asked(rings: list[int], settings: Any) -> None:
    with scripted_backend(answering(Answer())) as server:
        settings.INFERENCE_URL = server.url
        sweeping.sweep_once()
        assert server.connections == 0


@pytest.mark.parts
def test_rings_lie_in_a_real_broker_until_somebody_hears_them(valkey: Valkey) -> None:
    before = dispatch.rings_unheard()
    assert before is not None
    assert dispatch.wake_workers(an_evaluation().pk)
    assert dispatch.rings_unheard() == before + 1


@pytest.mark.parts
def test_a_broker_that_is_away_is_told_and_heard_again_when_it_is_back(valkey: Valkey) -> None:
    waiting = long_ago(an_evaluation())
    valkey.stop()
    try:
        assert dispatch.rings_unheard() is None
        assert sweeping.sweep_once() == Swept()
        assert state_of(waiting) == State.PENDING
    finally:
        valkey.start()
    from celery import current_app

    with current_app.connection_for_write() as broker:
        broker.default_channel.queue_purge("evaluations")  # type: ignore[attr-defined]  # kombu's virtual channel
    assert sweeping.sweep_once().rung == 1
    assert state_of(waiting) == State.QUEUED
