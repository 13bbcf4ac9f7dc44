"""The energy that a participation may spend in a phase: reserved before a run, settled by what was measured.

``submission`` reserves and ``transitions`` settles, each in the transaction of what it belongs to. A phase
without a purse has no rows here. All amounts are whole millijoules.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import F
from django.db.models.functions import Now

from challenges import preview
from challenges.errors import PurseExhausted
from challenges.models import Evaluation, Participation, Phase, Purse, Reservation
from challenges.solution import Solution


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """``left_mj`` may be below 0: a run may cost more than was reserved for it."""

    limit_mj: int
    reserved_mj: int
    spent_mj: int

    @property
    def left_mj(self) -> int:
        return self.limit_mj - self.reserved_mj - self.spent_mj


def balance(participation: Participation, phase: Phase) -> Balance | None:
    """None where the phase has no limit."""
    if phase.energy_purse_mj is None:
        return None
    row = Purse.objects.filter(phase=phase, participation=participation).first()
    return Balance(
        limit_mj=phase.energy_purse_mj,
        reserved_mj=row.reserved_mj if row else 0,
        spent_mj=row.spent_mj if row else 0,
    )


def estimate_mj(phase: Phase, solution: Solution) -> int:
    """At most what the ranked suite should cost with this solution, with every answer as long as it may be.

    The figure that is shown before one hands in, and like it told by no private case: a refusal says it, and
    costs nothing. Where the private cases are longer than the public ones a run may cost more; then the
    purse's ``left_mj`` goes below 0 and the next submission is refused. What was set aside too much comes
    back with the measured figure.
    """
    return preview.at_most_mj(phase, solution)


def reserve(evaluation: Evaluation, phase: Phase, *, estimated_mj: int) -> None:
    """Set energy aside for an evaluation that was just stored. Raises PurseExhausted.

    The caller holds the participation's row, so that two submissions look at the same purse one by one.
    """
    if phase.energy_purse_mj is None:
        return
    row, _ = Purse.objects.get_or_create(phase=phase, participation_id=evaluation.participation_id)
    left = phase.energy_purse_mj - row.reserved_mj - row.spent_mj
    if estimated_mj > left:
        raise PurseExhausted(limit_mj=phase.energy_purse_mj, left_mj=max(left, 0), needed_mj=estimated_mj)
    Reservation.objects.create(evaluation=evaluation, purse=row, reserved_mj=estimated_mj)
    Purse.objects.filter(pk=row.pk).update(reserved_mj=F("reserved_mj") + estimated_mj)


def settle(evaluation_ids: Collection[int], *, spent_mj: int) -> None:
    """Give back what was set aside for evaluations that ended, and note what each did cost. Caller's lock.

    0 for an end that is our fault; an evaluation without a reservation is passed over.
    """
    open_ones = Reservation.objects.filter(evaluation__in=evaluation_ids, settled_at=None)
    for reservation in open_ones.order_by("purse_id", "pk"):
        Reservation.objects.filter(pk=reservation.pk).update(settled_mj=spent_mj, settled_at=Now())
        Purse.objects.filter(pk=reservation.purse_id).update(
            reserved_mj=F("reserved_mj") - reservation.reserved_mj, spent_mj=F("spent_mj") + spent_mj
        )
