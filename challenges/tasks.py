"""The Celery side of a worker: one task that claims and evaluates until nothing waits.

A message only starts it; whatever it carries or however often it comes changes nothing. On SIGTERM the case
that is running is abandoned, the lease given back, and no further evaluation claimed.
"""

from __future__ import annotations

import logging
import mmap
import os
import socket
from typing import Any

from celery import shared_task
from celery.signals import worker_process_init, worker_process_shutdown, worker_shutting_down
from django.db import DatabaseError, InterfaceError, connection

from challenges import energy_window, evaluation, lease
from challenges.dispatch import WORK_TASK

logger = logging.getLogger(__name__)

# One byte that the worker's main process shares with the pool's children, which are forked after this import:
# only the main process hears SIGTERM, only the children evaluate. A byte needs no lock, so that the signal
# handler can never wait for one.
_stop = mmap.mmap(-1, 1)


def stop_requested() -> bool:
    return _stop[0] != 0


@worker_shutting_down.connect
def _on_shutdown(**_: Any) -> None:
    _stop[0] = 1


@worker_process_init.connect
def _on_child_start(**_: Any) -> None:
    energy_window.start_witness()


@worker_process_shutdown.connect
def _on_child_exit(**_: Any) -> None:
    energy_window.stop_witness()


@shared_task(name=WORK_TASK, ignore_result=True)
def work() -> int:
    """Evaluate until nothing waits or the worker is told to stop; returns how many were taken on."""
    worker = f"{socket.gethostname()}:{os.getpid()}"
    taken = 0
    try:
        while not stop_requested() and (held := lease.claim(worker)) is not None:
            taken += 1
            evaluation.evaluate(held, should_stop=stop_requested)
    except (DatabaseError, InterfaceError) as fault:
        # What was held comes back by the sweeper when its lease runs out; the finished cases are kept.
        logger.warning("database away, evaluation left to the sweeper: %s", fault)
        connection.close()
    return taken
