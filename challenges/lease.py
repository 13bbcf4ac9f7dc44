"""Who may write to an evaluation: claims, heartbeats and every change of state of a claimed row.

Only workers call it. A claim raises the row's ``fence``; each later write carries that fence and must hit one
row, so that a worker that was given up for dead can write nothing. All times are the database's clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, F, Max, Q, QuerySet
from django.db.models.functions import Coalesce, Now

from challenges import circuits, tallies, transitions
from challenges.errors import LeaseLost
from challenges.models import Actor, Circuit, Evaluation, Participation, Reason, State
from challenges.models.evaluation import IS_RESTED, IS_WAITING, EvaluationQuerySet
from challenges.transitions import lease_end


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to write to one evaluation until somebody else claims it."""

    evaluation_id: int
    fence: int
    worker: str
    submission_id: UUID | None = None


def claim(worker: str) -> Lease | None:
    """Take the next evaluation that may start now; None when there is none.

    The next is the smallest turn of a participation that has not as many running as its phase lets run. Two
    claimers never get the same row: PostgreSQL skips rows that another has locked, SQLite lets one writer in
    at a time. While a circuit is open only its trial may be claimed.
    """
    passed_over: list[Q] = []
    while True:
        with transaction.atomic():
            rows = _claimable(circuits.open_now(), passed_over)
            row = rows.select_for_update(skip_locked=True, of=("self",)).first()
            if row is None:
                return None
            if not _may_run_another(row.participation_id, at_most=row.most_running):
                of_this_phase = Q(submission__phase__running_per_participation__lte=row.most_running)
                passed_over.append(Q(participation=row.participation_id) & of_this_phase)
                continue
            transitions.take(
                [row],
                to=State.PREPARING,
                by=Actor.WORKER,
                reason=Reason.CLAIMED,
                who=worker,
                fields={
                    "fence": F("fence") + 1,
                    "worker": worker[: transitions.LONGEST_WHO],
                    "started_at": Coalesce(F("started_at"), Now()),
                    "not_before": None,
                },
            )
        return Lease(
            evaluation_id=row.pk, fence=row.fence + 1, worker=worker, submission_id=row.submission_id
        )


def anything_waits() -> bool:
    """Whether to ask ``claim`` at all: a message often comes when another worker has done its work.

    One look at a short index, where a claim that finds nothing takes three queries and a transaction.
    """
    return Evaluation.objects.waiting().exists()


def renew(lease: Lease) -> None:
    """Push the end of the lease ahead. Raises LeaseLost when it is over, though nobody has claimed the row.

    Inside a transaction it also locks the row: what is written after it in that transaction cannot be stale.
    """
    _must_hit(lease, _held(lease).update(lease_until=lease_end()))


def note(lease: Lease, **fields: object) -> None:
    """Set columns of the leased row, its state as it is. Raises LeaseLost: then nothing was written."""
    _must_hit(lease, _held(lease).update(**fields))


def transition(
    lease: Lease,
    *,
    to: State,
    reason: Reason,
    detail: str = "",
    spent_mj: int = 0,
    fields: Mapping[str, object] | None = None,
) -> None:
    """Change the state of the leased evaluation, setting ``fields`` in the same UPDATE.

    Raises LeaseLost when the row is no longer this lease's or is in no state from which a worker may enter
    ``to`` for this reason.
    """
    moved = transitions.move(
        _held(lease),
        to=to,
        by=Actor.WORKER,
        reason=reason,
        who=lease.worker,
        detail=detail,
        spent_mj=spent_mj,
        fields=fields,
    )
    _must_hit(lease, len(moved))


def _claimable(open_circuits: Sequence[Circuit], passed_over: Iterable[Q]) -> QuerySet[Any]:
    """What may start, in turn. Each row brings ``most_running``, the most that its phase lets run at once."""
    may_start = IS_WAITING & IS_RESTED & ~Q(participation__in=_full_participations())
    for each in passed_over:
        may_start &= ~each
    # A trial of one circuit may run though another is open too: else neither would ever be tried.
    trials = circuits.trials_of(open_circuits)
    for circuit in open_circuits:
        may_start &= ~(circuits.affected_by(circuit) & ~Q(pk__in=trials))
    # One filter: each call of it copies the whole query, which takes longer than the database does.
    rows = Evaluation.objects.filter(may_start).in_turn()
    return rows.annotate(most_running=F("submission__phase__running_per_participation"))


def _full_participations() -> QuerySet[Any]:
    """Those for whom no phase lets another one run: asked once, of the few rows that run, for a claim may
    have to pass over thousands that wait. What one phase lets run, ``_may_run_another`` looks at.
    """
    most = Max("participation__challenge__phases__running_per_participation")
    running = Evaluation.objects.active().order_by().values("participation")
    # Distinct, for each stands there once for every phase.
    counted = running.annotate(running=Count("pk", distinct=True), most=most)
    return counted.filter(running__gte=F("most")).values("participation")


def _may_run_another(participation_id: int, *, at_most: int) -> bool:
    """Counted under a lock of the participation: another claimer may be taking one of theirs right now.

    "No key" lets submissions that merely point at the row go on.
    """
    list(Participation.objects.select_for_update(no_key=True).filter(pk=participation_id).values_list("pk"))
    running = Evaluation.objects.active().filter(participation_id=participation_id)
    return running.count() < at_most


def _held(lease: Lease) -> EvaluationQuerySet:
    return Evaluation.objects.active().filter(
        pk=lease.evaluation_id, fence=lease.fence, lease_until__gt=Now()
    )


def _must_hit(lease: Lease, hit: int) -> None:
    if hit != 1:
        tallies.add("refused_writes")
        raise LeaseLost(evaluation_id=lease.evaluation_id, fence=lease.fence)
