"""Nobody has more attempts that count than the phase gives, in all or on one local day.

An organizer may lower a limit while a phase goes on, and whoever had used more by then keeps it: so what is
found here is never certain.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby

from challenges.invariants.findings import Broken, Check
from challenges.models import Phase, State, Submission
from challenges.models.evaluation import REFUNDED
from challenges.submission import day_around


def attempts() -> Iterator[Broken]:
    for phase in Phase.objects.order_by("pk").iterator():
        counting = (
            Submission.objects.filter(phase=phase)
            .exclude(evaluations__state__in=REFUNDED)
            # One that was given back, and then counted after it was judged again, took no place.
            .exclude(evaluations__state=State.SUPERSEDED)
            .order_by("participation_id")
            .values_list("participation_id", "created_at")
        )
        for participation_id, group in groupby(counting.iterator(), key=lambda row: row[0]):
            row = f"participation {participation_id} in phase {phase.pk}"
            yield from _too_many(phase, row, [created_at for _, created_at in group])


def _too_many(phase: Phase, row: str, moments: list[datetime]) -> Iterator[Broken]:
    if len(moments) > phase.attempts_per_phase:
        what = f"{len(moments)} attempts count, the phase gives {phase.attempts_per_phase}"
        yield Broken(rule="quota-phase", row=row, what=what, is_certain=False)
    days = Counter(day_around(moment, phase.time_zone)[0].date() for moment in moments)
    for day, times in sorted(days.items()):
        if times > phase.attempts_per_day:
            what = f"{times} attempts count on {day}, a day gives {phase.attempts_per_day}"
            yield Broken(rule="quota-day", row=row, what=what, is_certain=False)


CHECKS = (Check(rules=("quota-phase", "quota-day"), walk=attempts),)
