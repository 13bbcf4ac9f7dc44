"""On PostgreSQL nobody waits for a row that another process is changing: it is passed by, and found later."""

from __future__ import annotations

from datetime import timedelta
from typing import TypeVar

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from challenges import dispatch, lease, sweeping
from challenges.models import Evaluation, State
from challenges.sweeping import Swept
from tests.factories import an_evaluation
from tests.in_parallel import in_parallel

ResultT = TypeVar("ResultT")

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
