"""One evaluation under its lease, from the claim to its end: judged, given back, held, failed, refused.

The worker's task calls ``evaluate`` with a fresh lease. Whatever goes wrong ends in a state that the author
can see: HELD when backend or meter is away, QUEUED again or ERRORED for our faults, REJECTED for theirs. What
is judged, and in which order, is ``judging``'s.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from challenges import backend, circuits, device_lease, figure, lease, tallies
from challenges.database_restart import write_once_it_is_back
from challenges.errors import DeviceBusy, LeaseLost
from challenges.judging import MOST_FAILURES, CaseRefused, judge
from challenges.lease import Lease
from challenges.log_context import evaluation_context
from challenges.measured_series import SeriesVoid
from challenges.models import Circuit, Evaluation, Reason, Run, State
from scoring.errors import (
    CONTEXT_TOO_LONG,
    BackendFault,
    BackendProtocolError,
    BackendRefused,
    BackendUnavailable,
    CalibrationUnavailable,
    CaseTimeout,
    CounterUnavailable,
    EvaluationTimeout,
    MeasurementFault,
    ScoringError,
    SpecError,
)
from scoring.record.errors import RecordError, StoreError

logger = logging.getLogger(__name__)

# After a fault of ours an evaluation rests 2, then 4 seconds, so that others come first meanwhile.
FIRST_REST_S = 2
# A held evaluation stays so at least this long: a backend that lists its models but completes nothing would
# else send it round and round.
SHORTEST_HOLD_S = 2
WATCH_EVERY_S = 0.1
# The device is another evaluation's, which takes at least as long.
DEVICE_REST_S = 1
# Somebody has to make room on the disk first.
STORE_REST_S = 30
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
    (StoreError, "record_store"),
    (RecordError, "record"),
    (ScoringError, "backend"),
)


class StopRequested(Exception):
    """The worker was told to stop: the running case is abandoned and the lease given back."""


def evaluate(held: Lease, *, should_stop: Callable[[], bool] = lambda: False) -> None:
    """Evaluate what ``held`` leases, to its end. Never raises for the backend, the content or a lost lease.

    ``should_stop`` is asked ten times a second; when it says so the lease is given back. Raises Django's
    database errors where it stays away: then the lease runs out and the sweeper takes the evaluation back.
    """
    with evaluation_context(
        evaluation_id=held.evaluation_id,
        submission_id=held.submission_id,
        fence=held.fence,
        worker=held.worker,
    ):
        try:
            _evaluate_to_its_end(held, should_stop)
        except LeaseLost as lost:
            tallies.add("lease_lost")
            logger.warning("%s: whoever holds it now goes on", lost)


def _evaluate_to_its_end(held: Lease, should_stop: Callable[[], bool]) -> None:
    try:
        # The loop gets a thread of its own, and every sync_to_async inside comes back to this one: one
        # thread, one database connection, and a slow database never holds up the answers.
        async_to_sync(_judge_while_held)(held, should_stop)
    except StopRequested:
        lease.transition(held, to=State.QUEUED, reason=Reason.WORKER_STOPPED, fields={"rung_at": None})
        logger.info("evaluation %s given back: the worker stops", held.evaluation_id)
    except CaseRefused as refused:
        detail = refused.key if refused.is_public else ""
        fault = {"fault_code": CONTEXT_TOO_LONG, "fault_detail": detail}
        lease.transition(held, to=State.REJECTED, reason=Reason.REFUSED, fields=fault)
    except StoreError as fault:
        _record_not_kept(held, fault)
    except (SpecError, RecordError) as fault:
        _give_up(held, fault, reason=Reason.CANNOT_BE_JUDGED)
    except BackendFault as fault:
        _backend_failed(held, fault)
    except DeviceBusy:
        noted = {"rung_at": None, "not_before": Now() + timedelta(seconds=DEVICE_REST_S)}
        lease.transition(held, to=State.QUEUED, reason=Reason.DEVICE_BUSY, fields=noted)
    except MeasurementFault as fault:
        _measurement_failed(held, fault)
    else:
        for name in Circuit.Name:
            circuits.report_success(name, evaluation_id=held.evaluation_id)


def _backend_failed(held: Lease, fault: BackendFault) -> None:
    """Hold, try again, or give up.

    The backend is asked once more, with a prompt of ours: if that fails too it is away, and everybody waits;
    if not, it was this evaluation that it failed.
    """
    tallies.add("backend_faults", label=_code_of(fault))
    # No heartbeat runs any more, so the lease must outlast the probe.
    lease.renew(held)
    probe_s = min(settings.BACKEND_PROBE_SECONDS, settings.LEASE_SECONDS / 2)
    is_away = not backend.answers(timeout_s=probe_s)
    with transaction.atomic():
        is_open = circuits.report_fault(
            Circuit.Name.BACKEND, evaluation_id=held.evaluation_id, reason=str(fault), is_certain=is_away
        )
        row = Evaluation.objects.get(pk=held.evaluation_id)
        waits = is_open or isinstance(fault, BackendUnavailable)
        is_counted = _died_under_it(row, held, fault) if waits else True
        _go_on(held, row, fault, waits_for=Reason.BACKEND_AWAY if waits else None, is_counted=is_counted)


def _measurement_failed(held: Lease, fault: MeasurementFault) -> None:
    """A window that cannot be trusted runs again whole; a counter that is gone is waited for."""
    is_away = isinstance(fault, CounterUnavailable)
    if isinstance(fault, CalibrationUnavailable):
        # No circuit: what is measured by a counter goes on.
        row = Evaluation.objects.get(pk=held.evaluation_id)
        _go_on(held, row, fault, waits_for=Reason.METER_AWAY, is_counted=False)
        return
    with transaction.atomic():
        is_open = circuits.report_fault(
            Circuit.Name.METER, evaluation_id=held.evaluation_id, reason=str(fault), is_certain=is_away
        )
        row = Evaluation.objects.get(pk=held.evaluation_id)
        if not is_away:
            row.repetition += 1
            if isinstance(fault, SeriesVoid) or not figure.windows(row).exists():
                row.series = row.repetition
        waits_for = Reason.METER_AWAY if is_open else None
        _go_on(held, row, fault, waits_for=waits_for, is_counted=not is_open)


def _record_not_kept(held: Lease, fault: StoreError) -> None:
    """Without its record there is no score. It waits for room on the disk, and no try of it is counted."""
    tallies.add("record_store_faults")
    logger.error("evaluation %s has no record yet: %s", held.evaluation_id, fault)
    noted = {
        "not_before": Now() + timedelta(seconds=STORE_REST_S),
        "rung_at": None,
        "fault_code": _code_of(fault),
        "fault_detail": str(fault),
    }
    lease.transition(held, to=State.QUEUED, reason=Reason.FAILED, detail=_code_of(fault), fields=noted)


def _go_on(
    held: Lease, row: Evaluation, fault: ScoringError, *, waits_for: Reason | None, is_counted: bool
) -> None:
    """After a fault of ours: HELD for what it waits for, else QUEUED after a rest; the third is the last."""
    row.failures += is_counted
    if row.failures >= MOST_FAILURES:
        noted_last = {"failures": row.failures, "repetition": row.repetition, "series": row.series}
        _give_up(held, fault, reason=Reason.FAILED_FOR_GOOD, **noted_last)
        return
    logger.warning("evaluation %s failed (%s of %s): %s", row.pk, row.failures, MOST_FAILURES, fault)
    noted: dict[str, object] = {
        "failures": row.failures,
        "repetition": row.repetition,
        "series": row.series,
        "fault_code": _code_of(fault),
        "fault_detail": str(fault),
    }
    # What is GRADING has its answers: it cannot wait for anything but another try.
    if waits_for is not None and row.state != State.GRADING:
        pause_s = max(SHORTEST_HOLD_S, getattr(fault, "retry_after_s", None) or 0)
        noted["not_before"] = Now() + timedelta(seconds=pause_s)
        lease.transition(held, to=State.HELD, reason=waits_for, detail=_code_of(fault), fields=noted)
        return
    noted["not_before"] = Now() + timedelta(seconds=FIRST_REST_S**row.failures)
    noted["rung_at"] = None
    lease.transition(held, to=State.QUEUED, reason=Reason.FAILED, detail=_code_of(fault), fields=noted)


def _give_up(held: Lease, fault: ScoringError, *, reason: Reason, **noted: int) -> None:
    """ERRORED: the attempt is given back, and an organizer sees it."""
    logger.error("evaluation %s given up: %s", held.evaluation_id, fault)
    told = {"fault_code": _code_of(fault), "fault_detail": str(fault), **noted}
    lease.transition(held, to=State.ERRORED, reason=reason, detail=_code_of(fault), fields=told)


def _died_under_it(row: Evaluation, held: Lease, fault: BackendFault) -> bool:
    """Whether the backend was there, then took this evaluation's cases, and answered not one of them.

    Counted even while everybody waits: else a prompt under which the backend dies would be tried for ever.
    """
    if row.state != State.RUNNING:
        return False
    if isinstance(fault, BackendUnavailable) and (not fault.may_pass or fault.status in BUSY):
        return False
    return not Run.objects.filter(evaluation=row, fence=held.fence).exists()


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
        await write_once_it_is_back(partial(_renew, held), within_s=settings.LEASE_SECONDS)


def _renew(held: Lease) -> None:
    # The device first: whoever finds the evaluation's lease at its end finds the device free as well.
    device_lease.renew(held.worker)
    lease.renew(held)


async def _watch(should_stop: Callable[[], bool]) -> None:
    # The order comes from another process, by a byte in shared memory: no Event of this loop can hear it.
    while not should_stop():  # noqa: ASYNC110
        await asyncio.sleep(WATCH_EVERY_S)
    raise StopRequested
