"""A worker that lost its lease, in whatever way, changes nothing more, with whatever it writes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models.functions import Now

from challenges import cancelling, dispatch, lease, sweeping
from challenges.errors import LeaseLost
from challenges.lease import Lease
from challenges.models import Evaluation
from tests import stepwise
from tests.engine_model import everything
from tests.factories import a_person, a_phase, a_submission

pytestmark = pytest.mark.django_db


def run_out(held: Lease) -> None:
    Evaluation.objects.filter(pk=held.evaluation_id).update(lease_until=Now() - timedelta(seconds=1))


def be_taken_back(held: Lease) -> None:
    run_out(held)
    assert sweeping.sweep_once().expired == 1


def be_claimed_by_another(held: Lease) -> None:
    be_taken_back(held)
    another = lease.claim("otro")
    assert another is not None
    stepwise.start(another)


def be_finished_by_another(held: Lease) -> None:
    be_taken_back(held)
    another = lease.claim("otro")
    assert another is not None
    stepwise.evaluate(another)


def be_cancelled(held: Lease) -> None:
    row = Evaluation.objects.get(pk=held.evaluation_id)
    assert cancelling.cancel(row, person=a_person(), why="una prueba")


def be_given_back(held: Lease) -> None:
    stepwise.give_back(held)


def be_held(held: Lease) -> None:
    stepwise.hold(held)


WAYS = (
    run_out,
    be_taken_back,
    be_claimed_by_another,
    be_finished_by_another,
    be_cancelled,
    be_given_back,
    be_held,
)


@pytest.mark.parametrize("lose", WAYS, ids=lambda way: way.__name__)
def test_whatever_it_writes_is_refused_and_leaves_no_trace(
    lose: Callable[[Lease], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "_ring", lambda: True)
    monkeypatch.setattr(dispatch, "rings_unheard", lambda: 0)
    phase = a_phase()
    a_submission(phase)
    held = lease.claim("obrero")
    assert held is not None
    job = stepwise.start(held)
    stepwise.answer(job, stepwise.unanswered(job, phase.ranked_suite)[0])
    writes = list(stepwise.writes(held))
    lose(held)
    before = everything()
    for write in writes:
        with pytest.raises(LeaseLost):
            write()
        assert everything() == before
