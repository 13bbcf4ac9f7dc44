"""What makes an accepted submission progress when something died: one look over the queue, once a second.

The command ``sweep`` calls it for ever. It takes back leases that ran out, holds what waits for backend or
meter and lets it go on when they are back, and rings for rows that nobody came for. It never evaluates and
never touches a row whose lease is good.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import BooleanField, ExpressionWrapper, F
from django.db.models.functions import Coalesce, Now
from django.db.models.lookups import LessThan

from challenges import backend, circuits, dispatch, transitions
from challenges.models import Actor, Circuit, Evaluation, Reason, State
from challenges.models.evaluation import EvaluationQuerySet

logger = logging.getLogger(__name__)

# A ring that was heard brings a worker within milliseconds; after this long it was lost or nobody was free.
RING_AGAIN_S = 2
# One ring wakes one worker and a worker empties the queue: enough for any pool that we run.
RINGS_PER_SWEEP = 16
ROWS_PER_SWEEP = 1000
# The sweep must go round about once a second even while the backend hangs.
PROBE_TIMEOUT_S = 1.0
# A lease is over strictly after its end.
JUST_AFTER_S = 0.02
# A worker that dies is no fault of the evaluation, but an evaluation under which every worker dies is.
MOST_EXPIRIES = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """How many evaluations one look took back, gave up, held, released from HELD, and rang for."""

    expired: int = 0
    abandoned: int = 0
    held: int = 0
    resumed: int = 0
    rung: int = 0


def sweep_once() -> Swept:
    """One look. Raises Django's database errors; a broker that is away only costs the rings."""
    abandoned = _give_up()
    expired = _take_back()
    # Rings before probes: a backend that hangs must not keep the others waiting for their worker.
    rung = _ring_for_forgotten()
    open_ones = circuits.open_now()
    held = sum(_hold_waiting(circuit, circuits.trials_of(open_ones)) for circuit in open_ones)
    resumed = _resume()
    swept = Swept(expired=expired, abandoned=abandoned, held=held, resumed=resumed, rung=rung)
    if swept != Swept():
        logger.info("swept %s", swept)
    return swept


def seconds_to_next_look(*, longest_s: float) -> float:
    """Until the first lease runs out, if nobody renews it; at most ``longest_s``.

    So that an evaluation is taken back when its lease ends and not up to a whole round later.
    """
    leases = Evaluation.objects.active().filter(lease_until__gt=Now())
    first = leases.order_by("lease_until").values_list("lease_until", flat=True).first()
    if first is None:
        return longest_s
    left_s = (first - dispatch.now()).total_seconds() + JUST_AFTER_S
    return min(max(left_s, JUST_AFTER_S), longest_s)


# --- leases that ran out ----------------------------------------------------------------------------------


def _expired() -> EvaluationQuerySet:
    return Evaluation.objects.active().filter(lease_until__lte=Now())


def _give_up() -> int:
    hopeless = _expired().filter(expiries__gte=MOST_EXPIRIES - 1)
    # Looking first: on SQLite even an UPDATE of no row waits for the only writer's place.
    if not hopeless.exists():
        return 0
    fields = {"expiries": F("expiries") + 1, "fault_code": "workers_died"}
    return _sweep(hopeless, to=State.ERRORED, reason=Reason.WORKERS_DIED, fields=fields)


def _take_back() -> int:
    # The fence stays: the next claim raises it, and until then nobody may write under the old one, because
    # the row is not active.
    if not _expired().exists():
        return 0
    fields = {"expiries": F("expiries") + 1, "rung_at": None}
    return _sweep(_expired(), to=State.QUEUED, reason=Reason.LEASE_EXPIRED, fields=fields)


# --- waiting for backend and meter ------------------------------------------------------------------------


def _hold_waiting(circuit: Circuit, trials: list[int]) -> int:
    """What waits for its turn waits for more than that now, and its author should see it."""
    waiting = Evaluation.objects.waiting().filter(circuits.affected_by(circuit))
    first = list(waiting.exclude(pk__in=trials).values_list("pk", flat=True)[:ROWS_PER_SWEEP])
    if not first:
        return 0
    rows = Evaluation.objects.filter(pk__in=first)
    return _sweep(rows, to=State.HELD, reason=circuits.HELD_FOR[Circuit.Name(circuit.name)])


def _resume() -> int:
    """Close the circuits whose trial was answered, try the others, and release what none holds any more."""
    for circuit in circuits.open_now():
        _close_if_answered(circuit)
    open_ones = circuits.open_now()
    without_backend = next((each for each in open_ones if each.name == Circuit.Name.BACKEND), None)
    if without_backend is not None and not circuits.trial_is_over(without_backend):
        return 0
    is_asked = without_backend is not None or (_due(open_ones).exists() and not _is_in_use())
    if is_asked and not _backend_answers():
        return 0
    # One circuit after the other: what waits for the meter needs the backend too.
    return sum(_try_one(circuit) for circuit in open_ones[:1]) + _release()


def _is_in_use() -> bool:
    """Whether somebody gets answers right now, and will tell by themselves if they no longer do.

    A probe could only wait behind theirs: a server with one slot would be taken for one that is away.
    """
    return Evaluation.objects.active().filter(state=State.RUNNING, lease_until__gt=Now()).exists()


def _backend_answers() -> bool:
    """Whether it completes a request; if not, its circuit is open from now on, whoever found out."""
    if backend.answers(timeout_s=PROBE_TIMEOUT_S):
        return True
    circuits.report_absence(Circuit.Name.BACKEND, reason="It did not answer a probe.")
    return False


def _close_if_answered(circuit: Circuit) -> None:
    if not circuits.trial_is_answered(circuit):
        return
    with transaction.atomic():
        again = circuits.locked(circuit.name)
        if again.opened_at is not None and again.trial_id == circuit.trial_id:
            circuits.close(again)


@transaction.atomic
def _try_one(circuit: Circuit) -> int:
    """Let one evaluation go that waits for this circuit; returns how many went."""
    circuit = circuits.locked(circuit.name)
    if circuit.opened_at is None or not circuits.trial_is_over(circuit):
        return 0
    if circuit.next_trial_at is not None and circuit.next_trial_at > dispatch.now():
        return 0
    held = Evaluation.objects.held().filter(circuits.affected_by(circuit))
    # Who has been tried least comes first: if it was that one's prompt, another shows it.
    candidate = held.rested().order_by("fence", "turn").values_list("pk", flat=True).first()
    if candidate is None:
        if not held.exists():
            # Nobody waits for it: the next evaluation finds out by itself.
            circuits.close(circuit)
        return 0
    moved = _let_go(Evaluation.objects.filter(pk=candidate), reason=Reason.TRIAL)
    if moved:
        Circuit.objects.filter(pk=circuit.pk).update(trial=candidate)
    return moved


def _release() -> int:
    due = _due(circuits.open_now()).in_turn().values_list("pk", flat=True)[:ROWS_PER_SWEEP]
    return _let_go(Evaluation.objects.filter(pk__in=list(due)), reason=Reason.BACK)


def _due(open_ones: list[Circuit]) -> EvaluationQuerySet:
    """HELD evaluations that no open circuit concerns and that have rested."""
    rows = Evaluation.objects.held().rested()
    for circuit in open_ones:
        rows = rows.exclude(circuits.affected_by(circuit))
    return rows


def _let_go(rows: EvaluationQuerySet, *, reason: Reason) -> int:
    return _sweep(rows, to=State.QUEUED, reason=reason, fields={"rung_at": None, "not_before": None})


# --- rings ------------------------------------------------------------------------------------------------


def _ring_for_forgotten() -> int:
    # The first in turn, each looked at by itself: a condition on all that wait could not be told by an index.
    first = (
        Evaluation.objects.waiting()
        .rested()
        .annotate(is_forgotten=_is_forgotten())
        .in_turn()
        .values_list("pk", "is_forgotten")[:ROWS_PER_SWEEP]
    )
    forgotten = [pk for pk, is_forgotten in first if is_forgotten]
    # While rings lie unheard every worker is busy (or none runs): more of them would only pile up.
    if not forgotten or dispatch.rings_unheard() != 0:
        return 0
    return dispatch.wake_workers_for(forgotten, rings=RINGS_PER_SWEEP)


def _is_forgotten() -> ExpressionWrapper[Any]:
    rung_last = Coalesce(F("rung_at"), F("created_at"))
    long_ago = LessThan(rung_last, Now() - timedelta(seconds=RING_AGAIN_S))
    return ExpressionWrapper(long_ago, output_field=BooleanField())


def _sweep(
    rows: EvaluationQuerySet, *, to: State, reason: Reason, fields: Mapping[str, object] | None = None
) -> int:
    # What another process is changing this very moment is not ours to wait for: the next look finds it.
    moved = transitions.move(
        rows, to=to, by=Actor.SWEEPER, reason=reason, who="sweeper", skip_locked=True, fields=fields
    )
    return len(moved)
