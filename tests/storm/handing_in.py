"""Hands in the storm's submissions through the real use case, from several threads, some of them twice.

A click that meets a fault of the database is repeated under the same key, as a person or a client does.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from django.db import DatabaseError, InterfaceError, connections

from challenges import submission
from challenges.models import Participation, Phase
from tests.storm import truth
from tests.storm.plan import Plan

THREADS = 4
MOST_TRIES = 20
TRY_AGAIN_S = 0.25
LOOK_EVERY_S = 0.02
# A second click comes at once, or so many submissions later, when the first may long have been judged.
LATE = 25


class HandingIn:
    """``accepted`` holds, for each submission's number, the ids that its clicks were answered with."""

    def __init__(self, plan: Plan, phase: Phase, participations: Sequence[Participation]) -> None:
        self.accepted: dict[int, set[UUID]] = defaultdict(set)
        self.faults: list[str] = []
        self._plan = plan
        self._phase = phase
        self._participations = participations
        self._clicks = iter(_clicks(plan))
        self._scored = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._click, daemon=True) for _ in range(THREADS)]

    @property
    def is_over(self) -> bool:
        return not any(thread.is_alive() for thread in self._threads)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def tell_scored(self, scored: int) -> None:
        """Half of the submissions come at once; each of the others when one more has been scored."""
        self._scored = scored

    def key_of(self, number: int) -> str:
        return f"storm-{self._plan.seed}-{number}"

    def participation_of(self, number: int) -> Participation:
        return self._participations[number % len(self._participations)]

    def _click(self) -> None:
        try:
            while not self._stop.is_set() and (number := self._next()) is not None:
                self._hand_in(number)
        finally:
            connections["default"].close()

    def _next(self) -> int | None:
        with self._lock:
            number = next(self._clicks, None)
        while (
            number is not None
            and number > self._plan.submissions // 2 + self._scored
            and not self._stop.is_set()
        ):
            time.sleep(LOOK_EVERY_S)
        return number

    def _hand_in(self, number: int) -> None:
        for _ in range(MOST_TRIES):
            try:
                stored = submission.submit(
                    participation=self.participation_of(number),
                    phase=self._phase,
                    content=truth.prompt_of(number),
                    idempotency_key=self.key_of(number),
                )
            except (DatabaseError, InterfaceError) as fault:
                with self._lock:
                    self.faults.append(f"{type(fault).__name__}: {fault}")
                connections["default"].close()
                time.sleep(TRY_AGAIN_S)
                continue
            with self._lock:
                self.accepted[number].add(stored.pk)
            return


def _clicks(plan: Plan) -> list[int]:
    """The numbers in the order of their clicks; those that are handed in twice come again."""
    clicks: list[int] = []
    for number in range(plan.submissions):
        clicks.append(number)
        if number in plan.twice and number % 2 == 0:
            clicks.append(number)
        if number - LATE in plan.twice and (number - LATE) % 2:
            clicks.append(number - LATE)
    return clicks
