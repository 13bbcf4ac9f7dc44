"""Whose turn is when: start-time fair queueing over participations.

``submission`` gives each evaluation a turn when it is stored; workers claim the smallest. The rule is that of
Goyal, Vin and Cheng, "Start-time Fair Queueing" (SIGCOMM 1996), with one evaluation as the unit of work: a
turn is the larger of the queue's virtual time and the participation's last turn plus the cost of one
evaluation. Who hands in fifty waits behind their own; who comes in later with one goes next.

Nobody starves: virtual time only grows, so only a bounded number of later ones can get a smaller turn.
"""

from __future__ import annotations

from challenges.models import Evaluation, Participation, State

# What a contestant's evaluation costs; an organizer's costs 1 and goes one round ahead. So at most so many
# runs of an organizer go before everybody's next.
ROUND = 8
ORGANIZERS_COST = 1


def next_turn(participation: Participation) -> int:
    """The turn of the participation's next evaluation. The caller holds the participation's row."""
    is_organizers = participation.person.is_staff
    cost, head_start = (ORGANIZERS_COST, ROUND) if is_organizers else (ROUND, 0)
    earliest = _virtual_time() - head_start
    last = (
        Evaluation.objects.filter(participation=participation)
        # What was taken back before it began took nobody's place.
        .exclude(state=State.CANCELLED, fence=0)
        .order_by("-turn")
        .values_list("turn", flat=True)
        .first()
    )
    return earliest if last is None else max(earliest, last + cost)


def _virtual_time() -> int:
    """The largest turn that was ever claimed: unlike the smallest that waits it never goes back.

    Else a row that rests after a fault would let newcomers in far ahead of everyone.
    """
    served = Evaluation.objects.filter(fence__gt=0).order_by("-turn").values_list("turn", flat=True).first()
    return served or 0
