"""The Celery side of a worker: one task that claims and evaluates until nothing waits.

A message only starts it; whatever it carries or however often it comes changes nothing. On SIGTERM the case
that is running is abandoned, the lease given back, and no further evaluation claimed.
"""

from __future__ import annotations

import logging
import mmap
from contextlib import ExitStack
from typing import Any

from celery import shared_task
from celery.signals import worker_process_init, worker_process_shutdown, worker_shutting_down
from django.db import DatabaseError, InterfaceError, connection

from challenges import broker, device_lease, energy_window, evaluation, lease, tallies, worker_life
from challenges.dispatch import WORK_TASK
from challenges.lease import Lease
from challenges.worker_life import WorkerLife

logger = logging.getLogger(__name__)

# One byte that the worker's main process shares with the pool's children, which are forked after this import:
# only the main process hears SIGTERM, only the children evaluate. A byte needs no lock, so that the signal
# handler can never wait for one.
_stop = mmap.mmap(-1, 1)
# As this is imported, which is before Celery looks at how to read the broker: later it would have no effect.
broker.pass_over_what_is_no_message()
# What a child of the pool has started, and ends in the opposite order when it ends itself.
_started = ExitStack()


def stop_requested() -> bool:
    return _stop[0] != 0


@worker_shutting_down.connect
def _on_shutdown(**_: Any) -> None:
    _stop[0] = 1


@worker_process_init.connect
def _on_child_start(**_: Any) -> None:
    # Nothing here waits for the database: Celery kills a child that takes more than 4 s to start.
    energy_window.start_witness()
    _started.callback(energy_window.stop_witness)
    life = worker_life.of_this_process()
    life.start()
    _started.callback(life.stop)
    _started.callback(tallies.keep_flushing())


@worker_process_shutdown.connect
def _on_child_exit(**_: Any) -> None:
    _started.close()


@shared_task(name=WORK_TASK, ignore_result=True)
def work(*content: Any, **named_content: Any) -> int:
    """Evaluate until nothing waits or the worker is told to stop; returns how many were taken on.

    A message of ours carries nothing. One that does is a ring like any other, and what it carries is not even
    looked at: which evaluation comes next, the rows alone say.
    """
    life = worker_life.of_this_process()
    if content or named_content:
        tallies.add("message_ignored_content")
        life.tell_once("content", "%s: a message carried content, which is ignored", life.name)
    taken = 0
    try:
        while (held := _next(life, is_first=taken == 0)) is not None:
            taken += 1
            evaluation.evaluate(held, should_stop=stop_requested)
    except (DatabaseError, InterfaceError) as fault:
        # What was held comes back by the sweeper when its lease runs out; the finished cases are kept.
        logger.warning("database away, evaluation left to the sweeper: %s", fault)
        connection.close()
    _release_device(life)
    return taken


def _release_device(life: WorkerLife) -> None:
    """Others may have it; where the database is away its lease runs out by itself."""
    try:
        device_lease.release(life.name)
    except (DatabaseError, InterfaceError):
        connection.close()


def _next(life: WorkerLife, *, is_first: bool) -> Lease | None:
    """Claim for this process; None when nothing waits, or when it may not claim."""
    if stop_requested() or not life.may_claim():
        return None
    held = lease.claim(life.name) if _may_find_any(life, is_first=is_first) else None
    if held is None and is_first:
        tallies.add("message_found_nothing")
    return held


def _may_find_any(life: WorkerLife, *, is_first: bool) -> bool:
    """Whether a claim is worth its price, and what this worker measures is its own."""
    if is_first and not lease.anything_waits():
        return False
    return device_lease.take(life.name)
