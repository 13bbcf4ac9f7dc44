"""Which evaluation may go from which state to which, who may take it there, and why: the one table.

Everything that changes a state does it by ``move``, or by ``take`` where it has locked the rows already; both
append the step to the evaluation's history in the same transaction. The table is also what docs/states.md,
the admin's picture and the tests read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from challenges import purse
from challenges.models import Actor, Evaluation, Reason, State, StateChange
from challenges.models.evaluation import ACTIVE, FINAL, UNFINISHED, WAITING, EvaluationQuerySet

ROWS_AT_ONCE = 500
LONGEST_WHO = 120
LONGEST_DETAIL = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrow:
    """``before`` None is the beginning: the evaluation is stored."""

    before: State | None
    after: State
    by: Actor
    reasons: frozenset[Reason]


def _arrows(before: Iterable[State | None], after: State, by: Actor, *reasons: Reason) -> tuple[Arrow, ...]:
    return tuple(Arrow(before=each, after=after, by=by, reasons=frozenset(reasons)) for each in before)


_BEGUN = (State.PREPARING, State.RUNNING)

# PENDING and QUEUED differ only in whether a ring was heard. A claimed row goes back to QUEUED when its
# worker stops, fails or is given up, and to HELD when backend or meter is away. SUPERSEDED belongs to
# rejudging alone. What is GRADING has all its answers: it needs neither backend nor meter any more.
TABLE: tuple[Arrow, ...] = (
    *_arrows([None], State.PENDING, Actor.CONTESTANT, Reason.RECEIVED),
    *_arrows([State.PENDING], State.QUEUED, Actor.BELL, Reason.RUNG),
    *_arrows(WAITING, State.PREPARING, Actor.WORKER, Reason.CLAIMED),
    *_arrows(WAITING, State.HELD, Actor.SWEEPER, Reason.BACKEND_AWAY, Reason.METER_AWAY),
    *_arrows([State.HELD], State.QUEUED, Actor.SWEEPER, Reason.TRIAL, Reason.BACK),
    *_arrows(
        [State.PREPARING],
        State.RUNNING,
        Actor.WORKER,
        Reason.STARTED,
        Reason.RESUMED,
        Reason.REPEATED_WHOLE,
    ),
    *_arrows([State.RUNNING], State.GRADING, Actor.WORKER, Reason.ANSWERED),
    *_arrows([State.GRADING], State.SCORED, Actor.WORKER, Reason.SCORED),
    *_arrows(_BEGUN, State.HELD, Actor.WORKER, Reason.BACKEND_AWAY, Reason.METER_AWAY),
    *_arrows([State.RUNNING], State.REJECTED, Actor.WORKER, Reason.REFUSED),
    *_arrows(ACTIVE, State.QUEUED, Actor.WORKER, Reason.WORKER_STOPPED, Reason.FAILED),
    *_arrows([State.PREPARING], State.QUEUED, Actor.WORKER, Reason.DEVICE_BUSY),
    *_arrows(ACTIVE, State.QUEUED, Actor.SWEEPER, Reason.LEASE_EXPIRED),
    *_arrows(ACTIVE, State.ERRORED, Actor.WORKER, Reason.FAILED_FOR_GOOD, Reason.CANNOT_BE_JUDGED),
    *_arrows(ACTIVE, State.ERRORED, Actor.SWEEPER, Reason.WORKERS_DIED),
    *_arrows([*WAITING, State.HELD], State.CANCELLED, Actor.CONTESTANT, Reason.WITHDRAWN),
    *_arrows(UNFINISHED, State.CANCELLED, Actor.ORGANIZER, Reason.CANCELLED),
    *_arrows(
        [state for state in FINAL if state != State.SUPERSEDED],
        State.SUPERSEDED,
        Actor.ORGANIZER,
        Reason.REJUDGED,
    ),
)


def sources(*, to: State, by: Actor, reason: Reason) -> list[State]:
    """The states from which ``by`` may enter ``to`` for this reason; none where nobody may."""
    return [
        arrow.before
        for arrow in TABLE
        if arrow.before is not None and arrow.after == to and arrow.by == by and reason in arrow.reasons
    ]


def begin(evaluation: Evaluation, *, who: str) -> None:
    """The first step of a history, in the transaction that stored the evaluation."""
    Evaluation.objects.filter(pk=evaluation.pk).update(steps=1)
    StateChange.objects.create(
        evaluation=evaluation,
        number=1,
        after=State.PENDING,
        by=Actor.CONTESTANT,
        who=who[:LONGEST_WHO],
        reason=Reason.RECEIVED,
    )


def move(
    rows: EvaluationQuerySet,
    *,
    to: State,
    by: Actor,
    reason: Reason,
    who: str = "",
    detail: str = "",
    spent_mj: int = 0,
    skip_locked: bool = False,
    fields: Mapping[str, object] | None = None,
) -> list[int]:
    """Lock those of ``rows`` that may go there, and take them to the state ``to``; returns which went.

    ``rows`` carries every condition, the fence too; the state is added by the table. All in one transaction.
    With ``skip_locked`` rows that somebody is changing are left alone (PostgreSQL; SQLite has one writer).
    """
    allowed = rows.filter(state__in=sources(to=to, by=by, reason=reason))
    # Without a savepoint: who is in a transaction already gives it up as a whole when this fails.
    with transaction.atomic(savepoint=False):
        locked = list(
            allowed.select_for_update(skip_locked=skip_locked, of=("self",)).only("state", "steps", "fence")
        )
        take(locked, to=to, by=by, reason=reason, who=who, detail=detail, spent_mj=spent_mj, fields=fields)
    return [row.pk for row in locked]


def take(
    locked: Sequence[Evaluation],
    *,
    to: State,
    by: Actor,
    reason: Reason,
    who: str = "",
    detail: str = "",
    spent_mj: int = 0,
    fields: Mapping[str, object] | None = None,
) -> None:
    """Take rows that the caller has locked to the state ``to``, and append the step of each.

    An evaluation that ends settles its reservation at ``spent_mj``. Raises ValueError for a row that may not
    go there.
    """
    if wrong := {row.state for row in locked} - set(sources(to=to, by=by, reason=reason)):
        raise ValueError(f"{by} takes nothing from {', '.join(sorted(wrong))} to {to}: {reason}")
    for start in range(0, len(locked), ROWS_AT_ONCE):
        batch = locked[start : start + ROWS_AT_ONCE]
        _update(batch, to=to, fields=fields or {})
        StateChange.objects.bulk_create(
            StateChange(
                evaluation_id=row.pk,
                number=row.steps + 1,
                before=row.state,
                after=to,
                by=by,
                who=who[:LONGEST_WHO],
                reason=reason,
                detail=detail[:LONGEST_DETAIL],
                fence=row.fence + (to == State.PREPARING),
            )
            for row in batch
        )
    if to in FINAL and to != State.SUPERSEDED:
        purse.settle([row.pk for row in locked], spent_mj=spent_mj)


def _update(batch: Sequence[Evaluation], *, to: State, fields: Mapping[str, object]) -> None:
    columns: dict[str, Any] = {**columns_entering(to), "steps": F("steps") + 1, **fields}
    pks, befores = [row.pk for row in batch], {row.state for row in batch}
    hit = Evaluation.objects.filter(pk__in=pks, state__in=befores).update(**columns)
    if hit != len(pks):
        # Cannot be while they are locked; if it ever is, nothing of this transaction may stay.
        raise RuntimeError(f"{len(pks) - hit} evaluations changed under their lock")


def columns_entering(state: State) -> dict[str, Any]:
    """What the schema demands of a row in ``state``: lease, end and hold times exactly when they apply."""
    return {
        "state": state,
        "lease_until": lease_end() if state in ACTIVE else None,
        "finished_at": Now() if state in FINAL else None,
        "held_since": Now() if state == State.HELD else None,
    }


def lease_end() -> Any:
    return Now() + timedelta(seconds=settings.LEASE_SECONDS)
