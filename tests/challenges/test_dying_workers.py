"""Each worker that falls silent over an evaluation is counted; one that lets all of them die is given up."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from challenges import dispatch, invariants, lease, sweeping
from challenges.models import Evaluation, State
from tests.factories import a_submission

pytestmark = pytest.mark.django_db


def test_so_many_silences_one_by_one_and_not_one_less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "rings_unheard", lambda: None)
    evaluation = a_submission().evaluations.get()
    for silences in range(1, sweeping.MOST_EXPIRIES + 1):
        held = lease.claim("obrero")
        assert held is not None
        assert held.fence == silences
        Evaluation.objects.update(lease_until=Now() - timedelta(seconds=1))
        sweeping.sweep_once()
        evaluation.refresh_from_db()
        assert evaluation.expiries == silences
        assert (evaluation.state == State.QUEUED) == (silences < sweeping.MOST_EXPIRIES)
    assert (evaluation.state, evaluation.fault_code) == (State.ERRORED, "workers_died")
    assert lease.claim("obrero") is None
    assert list(invariants.broken()) == []
