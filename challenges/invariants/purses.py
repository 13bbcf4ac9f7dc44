"""Energy that was set aside is settled exactly when its evaluation ends, and the sums say so."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import F, Min, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce

from challenges.invariants.findings import Broken, Check
from challenges.models import Evaluation, Purse, Reservation, State
from challenges.models.evaluation import FINAL


def sums() -> Iterator[Broken]:
    unsettled = Q(reservations__settled_at=None)
    rows = Purse.objects.annotate(
        set_aside=Coalesce(Sum("reservations__reserved_mj", filter=unsettled), 0),
        settled=Coalesce(Sum("reservations__settled_mj"), 0),
    ).exclude(reserved_mj=F("set_aside"), spent_mj=F("settled"))
    for row in rows.iterator():
        what = (
            f"{row.reserved_mj} mJ reserved and {row.spent_mj} mJ spent, "
            f"its reservations come to {row.set_aside} and {row.settled}"
        )
        yield Broken(rule="purse-sums", row=f"purse {row.pk}", what=what)


def set_aside() -> Iterator[Broken]:
    """Open while the evaluation is unfinished, in the purse of its own participation and phase."""
    rule = "purse-open"
    reservations = Reservation.objects.order_by()
    for pk, state in (
        reservations.filter(settled_at=None, evaluation__state__in=FINAL)
        .values_list("evaluation_id", "evaluation__state")
        .iterator()
    ):
        yield Broken(rule=rule, row=f"evaluation {pk}", what=f"{state}, but its reservation is not settled")
    early = reservations.exclude(settled_at=None).exclude(evaluation__state__in=FINAL)
    for pk, state in early.values_list("evaluation_id", "evaluation__state").iterator():
        yield Broken(rule=rule, row=f"evaluation {pk}", what=f"{state}, but its reservation is settled")
    strange = reservations.exclude(
        purse__phase=F("evaluation__submission__phase"),
        purse__participation=F("evaluation__submission__participation"),
    )
    for pk, purse_id in strange.values_list("evaluation_id", "purse_id").iterator():
        what = f"its energy comes out of purse {purse_id}, of another phase or participation"
        yield Broken(rule=rule, row=f"evaluation {pk}", what=what)
    yield from _without_a_reservation(rule)


def _without_a_reservation(rule: str) -> Iterator[Broken]:
    # Evaluations from before the phase had a purse have none, and rightly so. An organizer may also take the
    # purse away and bring it back.
    first = (
        Reservation.objects.filter(purse__phase=OuterRef("submission__phase"))
        .order_by()
        .values("purse__phase")
        .annotate(first=Min("evaluation_id"))
        .values("first")
    )
    rows = (
        Evaluation.objects.unfinished()
        .filter(reservation=None, submission__phase__energy_purse_mj__isnull=False)
        .filter(pk__gt=Subquery(first))
    )
    for pk, state in rows.values_list("pk", "state").iterator():
        what = f"{state} in a phase with a purse, but nothing was set aside for it"
        yield Broken(rule=rule, row=f"evaluation {pk}", what=what, is_certain=False)


def settled() -> Iterator[Broken]:
    """At the measured energy where there is a score; an end without one is free."""
    # What was superseded may have been SCORED, and what it cost was spent all the same.
    has_score = Q(evaluation__state=State.SCORED) | Q(evaluation__state=State.SUPERSEDED)
    paid = has_score & Q(evaluation__score__isnull=False) & ~Q(settled_mj=F("evaluation__score__energy_mj"))
    free = ~Q(evaluation__state=State.SCORED) & ~(has_score & Q(evaluation__score__isnull=False))
    rows = Reservation.objects.filter(settled_at__isnull=False, evaluation__state__in=FINAL)
    found = rows.filter(paid | (free & ~Q(settled_mj=0)))
    columns = ("evaluation_id", "evaluation__state", "settled_mj", "evaluation__score__energy_mj")
    for pk, state, settled_mj, energy_mj in found.values_list(*columns).iterator():
        what = f"{state}, settled at {settled_mj} mJ; its score has {energy_mj or 'no'} mJ"
        yield Broken(rule="purse-settled", row=f"evaluation {pk}", what=what)


CHECKS = (
    Check(rules=("purse-sums",), walk=sums),
    Check(rules=("purse-open",), walk=set_aside),
    Check(rules=("purse-settled",), walk=settled),
)
