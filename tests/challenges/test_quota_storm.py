"""Fifty clicks in the same moment, round after round: never one attempt, nor one millijoule, too many.

``QUOTA_ROUNDS`` makes the storm longer: 100 by hand, see docs/reliability.md.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from django.db import connection

from challenges import purse, submission
from challenges.errors import PurseExhausted, QuotaExhausted
from challenges.models import Evaluation, Participation, Phase, Purse, Submission
from tests.factories import PROMPT, a_participation, a_phase

pytestmark = [pytest.mark.storm, pytest.mark.django_db(transaction=True)]

THREADS = 50
ROUNDS = int(os.environ.get("QUOTA_ROUNDS", "10"))
ATTEMPTS = 3


class Round:
    """One participation at whose attempts fifty threads grasp at once; every fifth key is used twice."""

    def __init__(self, phase: Phase, participation: Participation) -> None:
        self.phase = phase
        self.participation = participation
        self.barrier = threading.Barrier(THREADS)

    def click(self, thread: int) -> str:
        key = f"clave-{thread - 1 if thread % 5 == 0 and thread else thread}"
        self.barrier.wait(timeout=60)
        try:
            handed_in = submission.submit(
                participation=self.participation, phase=self.phase, content=PROMPT, idempotency_key=key
            )
        except (QuotaExhausted, PurseExhausted) as refused:
            return type(refused).__name__
        return str(handed_in.pk)


class CloseAll:
    """Ends the connection that each thread has kept."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self.pool = pool

    def close(self) -> None:
        barrier = threading.Barrier(THREADS)

        def close_mine(_: int) -> None:
            connection.close()
            barrier.wait(timeout=60)

        list(self.pool.map(close_mine, range(THREADS)))


def rounds_of(phase: Phase, accepted: int, refusal: str) -> None:
    with ThreadPoolExecutor(THREADS) as pool, closing(CloseAll(pool)):
        for number in range(ROUNDS):
            participation = a_participation(phase)
            clicks = Round(phase, participation)
            results = list(pool.map(clicks.click, range(THREADS)))
            stored = set(Submission.objects.filter(participation=participation).values_list("pk", flat=True))
            assert len(stored) == accepted, f"round {number}: {Counter(results)}"
            assert {result for result in results if result != refusal} == {str(pk) for pk in stored}
            assert Evaluation.objects.filter(participation=participation).count() == accepted


def test_fifty_clicks_at_once_never_take_an_attempt_too_many() -> None:
    rounds_of(a_phase(attempts_per_day=ATTEMPTS, ranked_cases=1), ATTEMPTS, "QuotaExhausted")


def test_fifty_clicks_at_once_never_reserve_energy_that_is_not_there() -> None:
    phase = a_phase(attempts_per_day=THREADS, ranked_cases=1)
    found = submission.read(phase, PROMPT)
    one = purse.estimate_mj(phase, found)
    phase.energy_purse_mj = one * ATTEMPTS + one // 2
    phase.save()
    rounds_of(phase, ATTEMPTS, "PurseExhausted")
    assert set(Purse.objects.values_list("reserved_mj", "spent_mj")) == {(one * ATTEMPTS, 0)}
