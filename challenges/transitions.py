"""Which evaluation may go from which state to which, who may take it there, and why: the one table.

Everything that changes a state does it by ``move``, which appends the step to the evaluation's history in the
same transaction. The table is also what docs/states.md, the admin's picture and the tests read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
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
    """Take those of ``rows`` that may go there to the state ``to``; returns which went, in no order.

    ``rows`` carries every condition, the fence too; the state is added by the table. One transaction: each
    row is locked under these conditions, then changed, and its step appended. An evaluation that ends settles
    its reservation at ``spent_mj``. With ``skip_locked`` rows that somebody is changing are
    left alone (PostgreSQL; SQLite has one writer).
    """
    allowed = rows.filter(state__in=sources(to=to, by=by, reason=reason))
    moved: list[int] = []
    with transaction.atomic():
        locked = allowed.select_for_update(skip_locked=skip_locked, of=("self",)).values_list(
            "state", "pk", "steps", "fence"
        )
        for before, group in groupby(sorted(locked), key=lambda row: row[0]):
            found = list(group)
            for start in range(0, len(found), ROWS_AT_ONCE):
                batch = found[start : start + ROWS_AT_ONCE]
                pks = [pk for _, pk, _, _ in batch]
                _update(pks, before=before, to=to, fields=fields or {})
                StateChange.objects.bulk_create(
                    StateChange(
                        evaluation_id=pk,
                        number=steps + 1,
                        before=before,
                        after=to,
                        by=by,
                        who=who[:LONGEST_WHO],
                        reason=reason,
                        detail=detail[:LONGEST_DETAIL],
                        fence=fence + (to == State.PREPARING),
                    )
                    for _, pk, steps, fence in batch
                )
                moved += pks
        if to in FINAL and to != State.SUPERSEDED and moved:
            purse.settle(moved, spent_mj=spent_mj)
    return moved


def _update(pks: list[int], *, before: str, to: State, fields: Mapping[str, object]) -> None:
    columns: dict[str, Any] = {**columns_entering(to), "steps": F("steps") + 1, **fields}
    hit = Evaluation.objects.filter(pk__in=pks, state=before).update(**columns)
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
