"""Who may write to an evaluation: claims, heartbeats and every change of state of a claimed row.

Workers and the sweeper call it. A claim raises the row's ``fence``; each later write carries that fence and
must hit one row, so that a worker that was given up for dead can write nothing. All times are the database's
clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Now

from challenges.errors import LeaseLost
from challenges.models import Evaluation, State
from challenges.models.evaluation import ACTIVE, FINAL, EvaluationQuerySet

# Every change of state that may happen, whoever makes it. PENDING and QUEUED differ only in whether a ring
# was heard. A claimed row goes back to QUEUED when its worker stops, fails or is given up, and to HELD when
# the backend is away. SUPERSEDED belongs to rejudging alone.
TRANSITIONS: Mapping[State, frozenset[State]] = {
    State.PENDING: frozenset({State.QUEUED, State.PREPARING, State.CANCELLED}),
    State.QUEUED: frozenset({State.PREPARING, State.CANCELLED}),
    State.HELD: frozenset({State.QUEUED, State.CANCELLED}),
    State.PREPARING: frozenset(
        {State.RUNNING, State.QUEUED, State.HELD, State.REJECTED, State.ERRORED, State.CANCELLED}
    ),
    State.RUNNING: frozenset(
        {State.GRADING, State.QUEUED, State.HELD, State.REJECTED, State.ERRORED, State.CANCELLED}
    ),
    State.GRADING: frozenset({State.SCORED, State.QUEUED, State.ERRORED, State.CANCELLED}),
    State.SCORED: frozenset({State.SUPERSEDED}),
    State.REJECTED: frozenset({State.SUPERSEDED}),
    State.ERRORED: frozenset({State.SUPERSEDED}),
    State.CANCELLED: frozenset({State.SUPERSEDED}),
    State.SUPERSEDED: frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to write to one evaluation until somebody else claims it."""

    evaluation_id: int
    fence: int
    worker: str


def claim(worker: str) -> Lease | None:
    """Take the oldest evaluation that waits and may start now; None when there is none.

    Two claimers never get the same row: PostgreSQL skips rows that another has locked, SQLite lets one writer
    in at a time, and the update itself is conditional on state and fence.
    """
    while True:
        with transaction.atomic():
            row = _claimable().select_for_update(skip_locked=True).only("id", "fence").first()
            if row is None:
                return None
            claimed = (
                Evaluation.objects.waiting()
                .filter(pk=row.pk, fence=row.fence)
                .update(
                    **columns_entering(State.PREPARING),
                    fence=F("fence") + 1,
                    worker=worker[:120],
                    started_at=Coalesce(F("started_at"), Now()),
                    not_before=None,
                )
            )
        if claimed:
            return Lease(evaluation_id=row.pk, fence=row.fence + 1, worker=worker)


def renew(lease: Lease) -> None:
    """Push the end of the lease ahead. Raises LeaseLost when it is over, though nobody has claimed the row.

    Inside a transaction it also locks the row: what is written after it in that transaction cannot be stale.
    """
    _must_hit(lease, _held(lease).update(lease_until=_lease_end()))


def transition(lease: Lease, *, to: State, **fields: Any) -> None:
    """Change the state of the leased evaluation, setting ``fields`` in the same UPDATE.

    Raises LeaseLost when the row is no longer this lease's or is in no state from which ``to`` may be
    entered.
    """
    before = [state for state in ACTIVE if to in TRANSITIONS[state]]
    _must_hit(lease, _held(lease).filter(state__in=before).update(**{**columns_entering(to), **fields}))


def amend(lease: Lease, **fields: Any) -> None:
    """Set columns of the leased evaluation without a change of state. Raises LeaseLost."""
    _must_hit(lease, _held(lease).update(**fields))


def columns_entering(state: State) -> dict[str, Any]:
    """What the schema demands of a row in ``state``: lease, end and hold times exactly when they apply."""
    return {
        "state": state,
        "lease_until": _lease_end() if state in ACTIVE else None,
        "finished_at": Now() if state in FINAL else None,
        "held_since": Now() if state == State.HELD else None,
    }


def _lease_end() -> Any:
    return Now() + timedelta(seconds=settings.LEASE_SECONDS)


def _claimable() -> EvaluationQuerySet:
    may_start = Q(not_before=None) | Q(not_before__lte=Now())
    return Evaluation.objects.waiting().filter(may_start).oldest_first()


def _held(lease: Lease) -> EvaluationQuerySet:
    return Evaluation.objects.active().filter(
        pk=lease.evaluation_id, fence=lease.fence, lease_until__gt=Now()
    )


def _must_hit(lease: Lease, hit: int) -> None:
    if hit != 1:
        raise LeaseLost(evaluation_id=lease.evaluation_id, fence=lease.fence)
