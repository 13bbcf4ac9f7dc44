"""Circuit breakers that all processes share: while backend or meter is away, evaluations wait instead.

The worker reports what went wrong; the sweeper holds what waits, tries one evaluation when it may be back,
and lets all go on. The rows are the truth, so that a restart of anything forgets nothing.

A circuit opens at once when a probe after a fault fails too, and otherwise when so many different evaluations
have failed in a row: one prompt under which the backend fails is that prompt's, not everybody's.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from challenges import announce, dispatch
from challenges.after_commit import after_commit
from challenges.models import Circuit, Evaluation, Leaderboard, Measurement, Phase, Reason, Run, State
from scoring.energy.token_model import MODEL_GRADES
from scoring.values import EvidenceGrade

logger = logging.getLogger(__name__)

FAILURES_IN_A_ROW = 3
# Between two trials: long enough to let a backend start, short enough that nobody notices it is back.
FIRST_PAUSE_S = 1
LONGEST_PAUSE_S = 30
# Grades that need a counter; the others come from counting tokens.
MEASURED_GRADES = frozenset(grade.value for grade in EvidenceGrade if grade not in MODEL_GRADES)
HELD_FOR = {Circuit.Name.BACKEND: Reason.BACKEND_AWAY, Circuit.Name.METER: Reason.METER_AWAY}


def open_now() -> list[Circuit]:
    return list(Circuit.objects.filter(opened_at__isnull=False).order_by("name"))


def holding(phase: Phase) -> Circuit | None:
    """The circuit that keeps the phase's evaluations waiting, the one that opened first; for pages."""
    concerned = [each for each in open_now() if concerns(each, phase)]
    return min(concerned, key=_opened_at, default=None)


def concerns(circuit: Circuit, phase: Phase) -> bool:
    return circuit.name != Circuit.Name.METER or phase.evidence_grade in MEASURED_GRADES


def affected_by(circuit: Circuit) -> Q:
    """The evaluations that cannot run while it is open."""
    if circuit.name == Circuit.Name.METER:
        return Q(submission__phase__evidence_grade__in=MEASURED_GRADES)
    return Q(pk__isnull=False)


def trials_of(open_circuits: Iterable[Circuit]) -> list[int]:
    """The evaluations that run to find out whether something is back."""
    return [circuit.trial_id for circuit in open_circuits if circuit.trial_id is not None]


def report_fault(name: Circuit.Name, *, evaluation_id: int, reason: str, is_certain: bool) -> bool:
    """Note a fault of an evaluation; returns whether the circuit is open now.

    ``is_certain`` says that it was seen to be away just now, and not only under this evaluation.
    """
    with transaction.atomic():
        circuit = locked(name)
        if circuit.opened_at is not None:
            if circuit.trial_id == evaluation_id:
                _put_off_trial(circuit)
            return True
        suspects = [*(each for each in circuit.suspects if each != evaluation_id), evaluation_id]
        circuit.suspects = suspects[-FAILURES_IN_A_ROW:]
        if is_certain or len(circuit.suspects) >= FAILURES_IN_A_ROW:
            _open(circuit, reason)
        circuit.save()
        return circuit.opened_at is not None


def report_absence(name: Circuit.Name, *, reason: str) -> None:
    """It was seen to be away while nobody was using it: open the circuit before anybody runs into it."""
    with transaction.atomic():
        circuit = locked(name)
        if circuit.opened_at is None:
            _open(circuit, reason)
            circuit.save()


def report_success(name: Circuit.Name, *, evaluation_id: int) -> None:
    """An evaluation got what it needed: suspicions are over, and a trial that did so closes the circuit."""
    circuit = Circuit.objects.filter(name=name).first()
    if circuit is None or not (circuit.suspects or circuit.trial_id == evaluation_id):
        return
    if not Evaluation.objects.filter(affected_by(circuit), pk=evaluation_id).exists():
        # It never needed the meter, and so tells nothing about it.
        return
    with transaction.atomic():
        circuit = locked(name)
        if circuit.opened_at is None:
            Circuit.objects.filter(name=name).update(suspects=[])
        elif circuit.trial_id == evaluation_id:
            close(circuit)


def trial_is_answered(circuit: Circuit) -> bool:
    """Whether the trial has got from backend or meter what nobody got while they were away."""
    trial = circuit.trial
    if trial is None:
        return False
    if trial.state in (State.SCORED, State.REJECTED):
        return True
    if circuit.name == Circuit.Name.METER:
        measured = Measurement.objects.filter(evaluation=trial, is_ranked=True)
        # One of an earlier try may be from before the meter went away.
        return measured.filter(created_at__gt=circuit.opened_at).exists()
    return Run.objects.filter(evaluation=trial, fence=trial.fence).exists()


def trial_is_over(circuit: Circuit) -> bool:
    """Whether nobody will hear of the trial any more: it ended otherwise, or waits again itself."""
    return circuit.trial is None or circuit.trial.is_final or circuit.trial.state == State.HELD


def close(circuit: Circuit) -> None:
    """Caller holds the circuit's row."""
    if circuit.opened_at is None:
        return
    held_s = max(int((dispatch.now() - circuit.opened_at).total_seconds()), 0)
    logger.warning("circuit %s closed after %s s", circuit.name, held_s)
    Circuit.objects.filter(pk=circuit.pk).update(
        opened_at=None,
        reason="",
        suspects=[],
        trial=None,
        next_trial_at=None,
        pause_s=0,
        held_seconds=F("held_seconds") + held_s,
    )
    _tell_boards()


def _open(circuit: Circuit, reason: str) -> None:
    circuit.opened_at = dispatch.now()
    circuit.reason = reason[:300]
    circuit.pause_s = FIRST_PAUSE_S
    circuit.next_trial_at = circuit.opened_at + timedelta(seconds=FIRST_PAUSE_S)
    logger.error("circuit %s opened: %s", circuit.name, reason)
    _tell_boards()


def _put_off_trial(circuit: Circuit) -> None:
    """The trial failed: the next one after a longer pause. Caller's lock."""
    circuit.pause_s = min(circuit.pause_s * 2, LONGEST_PAUSE_S)
    circuit.trial = None
    circuit.next_trial_at = dispatch.now() + timedelta(seconds=circuit.pause_s)
    circuit.save()


def _tell_boards() -> None:
    """The boards of the phases that are open say since when evaluations wait."""
    running = Phase.objects.filter(opens_at__lte=Now(), closes_at__gt=Now())
    for phase_id in running.values_list("pk", flat=True):
        Leaderboard.objects.get_or_create(phase_id=phase_id)
        after_commit(announce.renew, phase_id)


def locked(name: str) -> Circuit:
    """The circuit's row with its trial, locked until the end of the caller's transaction."""
    Circuit.objects.get_or_create(name=name)
    return Circuit.objects.select_for_update(of=("self",)).select_related("trial").get(name=name)


def _opened_at(circuit: Circuit) -> datetime:
    if circuit.opened_at is None:
        raise ValueError(f"circuit {circuit.name} is closed")
    return circuit.opened_at
