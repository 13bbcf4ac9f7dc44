"""One evaluation under its lease, from the claim to its end: judged, given back, held, failed, refused.

The worker's task calls ``evaluate`` with a fresh lease. Whatever goes wrong ends in a state that the author
can see: HELD when the backend is away, QUEUED again or ERRORED for our faults, REJECTED for theirs. What is
judged, and in which order, is ``judging``'s.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta

from asgiref.sync import async_to_sync, sync_to_async
from django.conf import settings
from django.db.models.functions import Now

from challenges import lease
from challenges.errors import LeaseLost
from challenges.judging import MOST_FAILURES, CaseRefused, judge
from challenges.lease import Lease
from challenges.models import Evaluation, Run, State
from scoring.errors import (
    CONTEXT_TOO_LONG,
    BackendFault,
    BackendProtocolError,
    BackendRefused,
    BackendUnavailable,
    CaseTimeout,
    EvaluationTimeout,
    MeasurementFault,
    ScoringError,
    SpecError,
)

logger = logging.getLogger(__name__)

# After a fault of ours an evaluation rests 2, then 4 seconds, so that others come first meanwhile.
FIRST_REST_S = 2
# A held evaluation stays so at least this long: a backend that lists its models but completes nothing would
# else send it round and round.
SHORTEST_HOLD_S = 2
WATCH_EVERY_S = 0.1
# HTTP statuses of a backend that is well and has too much to do.
BUSY = (429, 503)
FAULT_CODES: tuple[tuple[type[ScoringError], str], ...] = (
    (BackendUnavailable, "backend_unavailable"),
    (CaseTimeout, "case_timeout"),
    (EvaluationTimeout, "evaluation_timeout"),
    (BackendProtocolError, "backend_protocol"),
    (BackendRefused, "backend_refused"),
    (MeasurementFault, "measurement"),
    (SpecError, "suite_or_policy"),
    (ScoringError, "backend"),
)


class StopRequested(Exception):
    """The worker was told to stop: the running case is abandoned and the lease given back."""


def evaluate(held: Lease, *, should_stop: Callable[[], bool] = lambda: False) -> None:
    """Evaluate what ``held`` leases, to its end. Never raises for the backend, the content or a lost lease.

    ``should_stop`` is asked ten times a second; when it says so the lease is given back. Raises Django's
    database errors: then the lease runs out and the sweeper takes the evaluation back.
    """
    try:
        _evaluate_to_its_end(held, should_stop)
    except LeaseLost as lost:
        logger.warning("%s: whoever holds it now goes on", lost)


def _evaluate_to_its_end(held: Lease, should_stop: Callable[[], bool]) -> None:
    try:
        # The loop gets a thread of its own, and every sync_to_async inside comes back to this one: one
        # thread, one database connection, and a slow database never holds up the answers.
        async_to_sync(_judge_while_held)(held, should_stop)
    except StopRequested:
        lease.transition(held, to=State.QUEUED, rung_at=None)
        logger.info("evaluation %s given back: the worker stops", held.evaluation_id)
    except BackendUnavailable as fault:
        _hold(held, fault)
    except CaseRefused as refused:
        detail = refused.key if refused.is_public else ""
        lease.transition(held, to=State.REJECTED, fault_code=CONTEXT_TOO_LONG, fault_detail=detail)
    except (BackendFault, MeasurementFault, SpecError) as fault:
        _fail(held, fault)


def _hold(held: Lease, fault: BackendUnavailable) -> None:
    """Wait for the backend, however long; a prompt under which it dies each time is not held for ever."""
    row = Evaluation.objects.get(pk=held.evaluation_id)
    failures = row.failures + (1 if _died_under_it(row, held, fault) else 0)
    logger.warning("evaluation %s held (%s failures): %s", row.pk, failures, fault)
    noted = {"failures": failures, "fault_code": _code_of(fault), "fault_detail": str(fault)}
    if failures >= MOST_FAILURES:
        lease.transition(held, to=State.ERRORED, **noted)
        return
    lease.transition(held, to=State.HELD, not_before=Now() + timedelta(seconds=SHORTEST_HOLD_S), **noted)


def _died_under_it(row: Evaluation, held: Lease, fault: BackendUnavailable) -> bool:
    """Whether the backend was there, then took this evaluation's cases, and answered not one of them."""
    if row.state != State.RUNNING or not fault.may_pass or fault.status in BUSY:
        return False
    return not Run.objects.filter(evaluation=row, fence=held.fence).exists()


def _fail(held: Lease, fault: ScoringError) -> None:
    """Count a fault of ours: it runs again after a rest, and ends ERRORED (refunded) at the third."""
    row = Evaluation.objects.get(pk=held.evaluation_id)
    failures = row.failures + 1
    # A window that cannot be trusted runs again whole; finished cases of other faults are kept.
    repetition = row.repetition + 1 if isinstance(fault, MeasurementFault) else row.repetition
    noted = {
        "failures": failures,
        "repetition": repetition,
        "fault_code": _code_of(fault),
        "fault_detail": str(fault),
    }
    logger.warning("evaluation %s failed (%s of %s): %s", row.pk, failures, MOST_FAILURES, fault)
    if failures >= MOST_FAILURES or isinstance(fault, SpecError):
        lease.transition(held, to=State.ERRORED, **noted)
        return
    rest = Now() + timedelta(seconds=FIRST_REST_S**failures)
    lease.transition(held, to=State.QUEUED, rung_at=None, not_before=rest, **noted)


def _code_of(fault: ScoringError) -> str:
    return next(code for kind, code in FAULT_CODES if isinstance(fault, kind))


async def _judge_while_held(held: Lease, should_stop: Callable[[], bool]) -> None:
    """Judge, while a heartbeat keeps the lease and somebody listens for the order to stop."""
    judging = asyncio.create_task(_judge_in_time(held))
    tasks = [judging, asyncio.create_task(_heartbeat(held)), asyncio.create_task(_watch(should_stop))]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    # Once judged, whatever the others met in the same moment no longer matters.
    (judging if judging in done else done.pop()).result()


async def _judge_in_time(held: Lease) -> None:
    limit_s = settings.EVALUATION_SECONDS
    try:
        async with asyncio.timeout(limit_s):
            await judge(held)
    except TimeoutError as expired:
        raise EvaluationTimeout(timeout_s=limit_s) from expired


async def _heartbeat(held: Lease) -> None:
    while True:
        await asyncio.sleep(settings.LEASE_SECONDS / 3)
        await sync_to_async(lease.renew)(held)


async def _watch(should_stop: Callable[[], bool]) -> None:
    # The order comes from another process, by a byte in shared memory: no Event of this loop can hear it.
    while not should_stop():  # noqa: ASYNC110
        await asyncio.sleep(WATCH_EVERY_S)
    raise StopRequested
