"""Where an evaluation stands in the queue, and how long it may take until its turn: what pages and API tell.

Read only. The wait comes from what was finished lately, not from a guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, DateTimeField, Max, Min
from django.db.models.functions import Now

from challenges.models import Evaluation, State
from challenges.models.evaluation import WAITING

# How far back the rate is measured: some dozens of evaluations at any size that we run.
MEASURED_OVER_S = 600
# Fewer than these say nothing about a rate.
FEWEST_FINISHED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """``ahead`` counts the evaluations that are claimed before; ``wait_s`` is None while nothing is known."""

    ahead: int
    wait_s: int | None


def place_of(evaluation: Evaluation, *, is_moving: bool = True) -> Place | None:
    """None for one that does not wait for its turn. While the queue does not move nobody knows the wait.

    What was finished lately says nothing about when that will be over.
    """
    if evaluation.state not in WAITING:
        return None
    ahead = Evaluation.objects.ahead_of(evaluation).count()
    rate = finished_per_second() if is_moving else None
    return Place(ahead=ahead, wait_s=None if rate is None else round((ahead + 1) / rate))


def finished_per_second() -> float | None:
    """Evaluations that ended SCORED or REJECTED lately, per second; None when too few did."""
    since = Now() - timedelta(seconds=MEASURED_OVER_S)
    ended = Evaluation.objects.filter(finished_at__gt=since, state__in=(State.SCORED, State.REJECTED))
    now = Max(Now(), output_field=DateTimeField())
    lately = ended.aggregate(number=Count("pk"), first=Min("finished_at"), now=now)
    if lately["number"] < FEWEST_FINISHED:
        return None
    # Up to now, not up to the last: a rate that has come to a halt must fall.
    seconds = (lately["now"] - lately["first"]).total_seconds()
    return float(lately["number"] / max(seconds, 1.0))
