"""On PostgreSQL nobody waits long for what another process is changing, and no two wait for each other."""

from __future__ import annotations

import threading
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from challenges import dispatch, invariants, lease, purse, submission, sweeping
from challenges.models import Evaluation, State
from challenges.sweeping import Swept
from tests import stepwise
from tests.factories import PROMPT, a_participation, a_phase, an_evaluation
from tests.in_parallel import errors_in, in_parallel

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time"),
]


def test_a_claimer_takes_the_next_one() -> None:
    first, second = an_evaluation(), an_evaluation()
    with transaction.atomic():
        Evaluation.objects.select_for_update().get(pk=first.pk)
        (held,) = in_parallel(_claim)
    assert held.evaluation_id == second.pk
    held = lease.claim("obrero")
    assert held is not None
    assert held.evaluation_id == first.pk


def test_the_sweeper_goes_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "rings_unheard", lambda: 0)
    past = Now() - timedelta(seconds=1)
    first, second = (an_evaluation(state=State.RUNNING) for _time in range(2))
    Evaluation.objects.update(lease_until=past)
    with transaction.atomic():
        Evaluation.objects.select_for_update().get(pk=first.pk)
        (swept,) = in_parallel(_sweep)
    assert swept == Swept(expired=1)
    assert Evaluation.objects.get(pk=second.pk).state == State.QUEUED
    assert sweeping.sweep_once() == Swept(expired=1)


def test_handing_in_while_a_score_comes_never_ends_in_a_deadlock(monkeypatch: pytest.MonkeyPatch) -> None:
    """One holds the participation and wants its purse, the other the purse, and names the participation."""
    phase = a_phase(energy_purse_mj=10**9, attempts_per_day=9)
    participation = a_participation(phase)
    hand_in = partial(submission.submit, participation=participation, phase=phase, content=PROMPT)
    hand_in(idempotency_key="primero")
    held = lease.claim("obrero")
    assert held is not None
    both_are_there = threading.Barrier(2)
    reserve, settle = purse.reserve, purse.settle

    def meet_and_reserve(*arguments: Any, **named: Any) -> None:
        both_are_there.wait(timeout=30)
        reserve(*arguments, **named)

    def settle_and_meet(*arguments: Any, **named: Any) -> None:
        settle(*arguments, **named)
        both_are_there.wait(timeout=30)

    monkeypatch.setattr(purse, "reserve", meet_and_reserve)
    monkeypatch.setattr(purse, "settle", settle_and_meet)
    results = in_parallel(lambda: stepwise.evaluate(held), lambda: hand_in(idempotency_key="segundo"))
    assert errors_in(results) == []
    assert list(invariants.broken()) == []


def _claim() -> lease.Lease | None:
    _give_up_waiting_soon()
    return lease.claim("obrero")


def _sweep() -> Swept:
    _give_up_waiting_soon()
    return sweeping.sweep_once()


def _give_up_waiting_soon() -> None:
    """Whoever waits for a lock gets an error instead of waiting for the end of the test."""
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '2s'")
