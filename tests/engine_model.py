"""What the engine should do next, worked out from the bare rows and from what a test has seen of it.

``tests/challenges/test_engine_machine.py`` compares the engine with it. Turns, quotas, purses and the order
of claims are reckoned again, in plain loops over all rows; from the code that is judged come only the bounds
of a day, the estimate of a content, and which phases a circuit concerns.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import models

from challenges import circuits, dispatch, purse, submission
from challenges.errors import PurseExhausted, QuotaExhausted
from challenges.models import (
    Call,
    Circuit,
    Evaluation,
    Leaderboard,
    Measurement,
    Participation,
    Phase,
    Purse,
    Reservation,
    Run,
    Score,
    Standing,
    State,
    StateChange,
    Submission,
)
from challenges.models.evaluation import ACTIVE, FINAL, WAITING
from challenges.submission import day_around
from tests.factories import PROMPT

# A contestant's evaluation costs a round; an organizer's one, and it goes a round ahead.
ROUND = 8
ORGANIZERS_COST = 1
# An attempt that ended so was none.
GIVEN_BACK = (State.ERRORED, State.CANCELLED)
# Whatever an evaluation may change.
WRITTEN: tuple[type[models.Model], ...] = (
    Evaluation,
    Run,
    Call,
    Measurement,
    Score,
    Standing,
    Leaderboard,
    StateChange,
    Circuit,
    Purse,
    Reservation,
)


@dataclass(kw_only=True)
class Accepted:
    """One submission as its author knows it.

    ``virtual_time`` is that of its moment; ``passed_by`` counts, by participation, those that were handed in
    later and had their first turn before it.
    """

    key: str
    evaluation_id: int
    participation: Participation
    phase: Phase
    turn: int
    virtual_time: int
    passed_by: Counter[int] = field(default_factory=Counter)

    @property
    def is_organizers(self) -> bool:
        return self.participation.person.is_staff


class Model:
    """All that was accepted so far, and the last fence of each evaluation that was seen."""

    def __init__(self) -> None:
        self.accepted: dict[int, Accepted] = {}
        self.fences: dict[int, int] = {}
        self._ends: dict[int, str] = {}

    # --- handing in -----------------------------------------------------------------------------------------

    def refusal(self, participation: Participation, phase: Phase) -> type[Exception] | None:
        """What ``submit`` should raise now."""
        states = dict(Evaluation.objects.values_list("pk", "state"))
        theirs = [each for each in self.of(participation) if each.phase == phase]
        counting = [each for each in theirs if states[each.evaluation_id] not in GIVEN_BACK]
        start, end = day_around(dispatch.now(), phase.time_zone)
        today = Submission.objects.filter(
            evaluations__in=[each.evaluation_id for each in counting],
            created_at__gte=start,
            created_at__lt=end,
        ).count()
        if len(counting) >= phase.attempts_per_phase or today >= phase.attempts_per_day:
            return QuotaExhausted
        if phase.energy_purse_mj is None:
            return None
        energy = dict(Score.objects.values_list("evaluation_id", "energy_mj"))
        used_mj = sum(
            energy.get(each.evaluation_id, 0) if states[each.evaluation_id] in FINAL else estimate_mj(phase)
            for each in theirs
        )
        return PurseExhausted if used_mj + estimate_mj(phase) > phase.energy_purse_mj else None

    def next_turn(self, participation: Participation) -> int:
        """Start-time fair queueing: virtual time, or one cost after the participation's own last turn."""
        is_organizers = participation.person.is_staff
        earliest = self.virtual_time - (ROUND if is_organizers else 0)
        # What was cancelled before its first turn took nobody's place.
        never_ran = {pk for pk, end in self._ends.items() if end == State.CANCELLED and not self.fences[pk]}
        theirs = [each for each in self.of(participation) if each.evaluation_id not in never_ran]
        last = max((each.turn for each in theirs), default=None)
        cost = ORGANIZERS_COST if is_organizers else ROUND
        return earliest if last is None else max(earliest, last + cost)

    @property
    def virtual_time(self) -> int:
        """The largest turn of all that were ever claimed."""
        claimed = [each.turn for pk, each in self.accepted.items() if self.fences.get(pk)]
        return max(claimed, default=0)

    def of(self, participation: Participation) -> list[Accepted]:
        return [each for each in self.accepted.values() if each.participation == participation]

    # --- claims ---------------------------------------------------------------------------------------------

    def claimable(self) -> list[Evaluation]:
        """Whatever may be claimed now, in the order in which it should be."""
        now = dispatch.now()
        rows = list(Evaluation.objects.select_related("submission__phase"))
        running = Counter(row.participation_id for row in rows if row.state in ACTIVE)
        due = [
            row
            for row in rows
            if row.state in WAITING
            and (row.not_before is None or row.not_before <= now)
            and running[row.participation_id] < row.submission.phase.running_per_participation
        ]
        open_ones = list(Circuit.objects.exclude(opened_at=None))
        # A trial of one circuit may run though another is open too.
        trials = {circuit.trial_id for circuit in open_ones}
        due = [
            row
            for row in due
            if row.pk in trials
            or not any(circuits.concerns(circuit, row.submission.phase) for circuit in open_ones)
        ]
        return sorted(due, key=lambda row: (row.turn, row.pk))

    def claimed(self, due: list[Evaluation]) -> None:
        """The first of those that were due has had its first turn: nobody may be passed over too often.

        Of one participation's submissions that came later, only those go before that fit between the virtual
        time of then and the turn: one, for whoever has nothing else waiting.
        """
        mine = self.accepted[due[0].pk]
        for row in due[1:]:
            other = self.accepted[row.pk]
            if row.fence or row.pk > due[0].pk or other.participation == mine.participation:
                continue
            other.passed_by[mine.participation.pk] += 1
            distance = max(other.turn - other.virtual_time, 0)
            most = distance + ROUND if mine.is_organizers else math.ceil(distance / ROUND)
            times = other.passed_by[mine.participation.pk]
            assert times <= most, f"evaluation {row.pk} was passed over {times} times by one participation"

    # --- what never goes back -------------------------------------------------------------------------------

    def look_at(self, rows: Mapping[int, Evaluation]) -> None:
        assert set(rows) == set(self.accepted), "accepted, and not there exactly once"
        for pk, row in rows.items():
            assert row.fence >= self.fences.get(pk, 0), "a fence fell"
            self.fences[pk] = row.fence
            assert self._ends.get(pk, row.state) == row.state, "an end was undone"
            if row.state in FINAL:
                self._ends[pk] = row.state


def everything() -> list[list[tuple[Any, ...]]]:
    """All rows that an evaluation may change, to be compared with what they are later."""
    return [list(model._default_manager.order_by("pk").values_list()) for model in WRITTEN]


def estimate_mj(phase: Phase) -> int:
    found = submission.read(phase, PROMPT)
    return purse.estimate_mj(phase, found)


def lease_end(row: Evaluation) -> datetime:
    assert row.lease_until is not None
    return row.lease_until


def columns(row: Evaluation) -> dict[str, Any]:
    return {each.attname: getattr(row, each.attname) for each in row._meta.concrete_fields}
