"""Who may write to an evaluation: claims, heartbeats and every change of state of a claimed row.

Only workers call it. A claim raises the row's ``fence``; each later write carries that fence and must hit one
row, so that a worker that was given up for dead can write nothing. All times are the database's clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Count, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce, Now

from challenges import circuits, tallies, transitions
from challenges.errors import LeaseLost
from challenges.models import Actor, Circuit, Evaluation, Participation, Reason, State
from challenges.models.evaluation import WAITING, EvaluationQuerySet
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
    passed_over: set[int] = set()
    while True:
        with transaction.atomic():
            rows = _claimable(circuits.open_now(), passed_over)
            row = rows.select_for_update(skip_locked=True, of=("self",)).first()
            if row is None:
                return None
            if not _may_run_another(row):
                passed_over.add(row.participation_id)
                continue
            moved = transitions.move(
                Evaluation.objects.filter(pk=row.pk, fence=row.fence),
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
        if moved:
            return Lease(
                evaluation_id=row.pk, fence=row.fence + 1, worker=worker, submission_id=row.submission_id
            )


def renew(lease: Lease) -> None:
    """Push the end of the lease ahead. Raises LeaseLost when it is over, though nobody has claimed the row.

    Inside a transaction it also locks the row: what is written after it in that transaction cannot be stale.
    """
    _must_hit(lease, _held(lease).update(lease_until=lease_end()))


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


def _claimable(open_circuits: Sequence[Circuit], passed_over: set[int]) -> EvaluationQuerySet:
    may_start = Q(not_before=None) | Q(not_before__lte=Now())
    rows = (
        Evaluation.objects.filter(state__in=WAITING)
        .filter(may_start)
        .exclude(participation__in=passed_over)
        .alias(running=Coalesce(_running(OuterRef("participation")), 0))
        .filter(running__lt=F("submission__phase__running_per_participation"))
    )
    # A trial of one circuit may run though another is open too: else neither would ever be tried.
    trials = circuits.trials_of(open_circuits)
    for circuit in open_circuits:
        rows = rows.exclude(circuits.affected_by(circuit) & ~Q(pk__in=trials))
    return rows.in_turn()


def _running(participation: OuterRef) -> Subquery:
    theirs = Evaluation.objects.active().filter(participation=participation).order_by()
    return Subquery(theirs.values("participation").annotate(number=Count("pk")).values("number"))


def _may_run_another(row: Evaluation) -> bool:
    """Look again under a lock of the participation: another claimer may have taken one of theirs meanwhile.

    Only PostgreSQL has two claimers at once; "no key" lets submissions that merely point at the row go on.
    """
    if connection.vendor != "postgresql":
        return True
    Participation.objects.select_for_update(no_key=True).only("pk").get(pk=row.participation_id)
    running = Evaluation.objects.active().filter(participation_id=row.participation_id).count()
    return bool(running < row.submission.phase.running_per_participation)


def _held(lease: Lease) -> EvaluationQuerySet:
    return Evaluation.objects.active().filter(
        pk=lease.evaluation_id, fence=lease.fence, lease_until__gt=Now()
    )


def _must_hit(lease: Lease, hit: int) -> None:
    if hit != 1:
        tallies.add("refused_writes")
        raise LeaseLost(evaluation_id=lease.evaluation_id, fence=lease.fence)
