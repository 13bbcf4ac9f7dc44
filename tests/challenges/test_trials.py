"""What waits for backend or meter goes on when they are back, whatever else is open and whoever looks."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from challenges import backend, circuits, dispatch, energy_window, invariants, lease, sweeping
from challenges.models import Circuit, Evaluation, State
from scoring.energy.window import TokenModelSource
from tests import stepwise
from tests.factories import a_phase, a_submission

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def all_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bell that is heard and a backend that answers, from now on."""
    monkeypatch.setattr(dispatch, "_ring", lambda: True)
    monkeypatch.setattr(dispatch, "rings_unheard", lambda: 0)
    monkeypatch.setattr(backend, "answers", lambda *, timeout_s: True)


def let_time_pass() -> None:
    past = Now() - timedelta(seconds=1)
    Evaluation.objects.exclude(not_before=None).update(not_before=past)
    Circuit.objects.exclude(next_trial_at=None).update(next_trial_at=past)


def the_trial_goes() -> Evaluation:
    """Two wait for the backend, and the sweeper has let one of them go."""
    phase = a_phase()
    a_submission(phase)
    a_submission(phase)
    circuits.report_absence(Circuit.Name.BACKEND, reason="away")
    let_time_pass()
    sweeping.sweep_once()
    return Evaluation.objects.get(state=State.QUEUED)


def test_a_trial_that_nobody_has_claimed_yet_is_not_held_again() -> None:
    trial = the_trial_goes()
    for _look in range(3):
        let_time_pass()
        sweeping.sweep_once()
        row = Evaluation.objects.get(state=State.QUEUED)
        assert (row.pk, row.steps) == (trial.pk, trial.steps)
    held = lease.claim("obrero")
    assert held is not None
    assert held.evaluation_id == trial.pk
    assert lease.claim("otro") is None


def test_one_answer_of_the_trial_lets_all_the_others_go() -> None:
    trial = the_trial_goes()
    held = lease.claim("obrero")
    assert held is not None
    job = stepwise.start(held)
    stepwise.answer(job, stepwise.unanswered(job, job.phase.ranked_suite)[0])
    sweeping.sweep_once()
    assert not circuits.open_now()
    assert not Evaluation.objects.filter(state=State.HELD).exists()
    assert lease.claim("otro") is not None
    assert Evaluation.objects.get(pk=trial.pk).state == State.RUNNING


@pytest.mark.parametrize("grades", ["C", "CE", "EC"])
def test_backend_and_meter_that_were_away_together_come_back(
    grades: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a host of both was started again."""
    anything = TokenModelSource(reason="Aquí vale cualquiera.")
    monkeypatch.setattr(energy_window, "source_for", lambda phase: anything)
    for grade in grades:
        a_submission(a_phase(evidence_grade=grade))
    for name in Circuit.Name:
        circuits.report_absence(name, reason="away")
    for _look in range(12):
        let_time_pass()
        sweeping.sweep_once()
        if (held := lease.claim("obrero")) is not None:
            stepwise.evaluate(held)
    assert not Evaluation.objects.unfinished().exists(), list(Evaluation.objects.values_list("pk", "state"))
    assert not circuits.open_now()
    assert list(invariants.broken()) == []
