"""``manage.py sweep``: the process that looks over the queue once a second, or sooner when a lease ends.

It runs until SIGTERM or Ctrl-C.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from challenges import dispatch, sweeping, tallies

logger = logging.getLogger(__name__)

PERIOD_S = 1.0
SAYS_SO_EVERY_S = 5.0
_said_at = -SAYS_SO_EVERY_S


class Command(BaseCommand):
    help = (
        "Devuelve a la cola lo que quedó a medias y vuelve a avisar a los trabajadores, una vez por segundo."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="Mira una sola vez y termina.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["once"]:
            self.stdout.write(str(sweeping.sweep_once()))
            return
        stop = threading.Event()

        def on_signal(number: int, frame: FrameType | None) -> None:
            stop.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, on_signal)
        try:
            while not stop.is_set():
                stop.wait(_sweep_whatever_is_away())
        finally:
            tallies.flush()


def _sweep_whatever_is_away() -> float:
    """Sweep; returns how many seconds the next one may wait."""
    close_old_connections()
    try:
        sweeping.sweep_once()
        _say_so()
        return sweeping.seconds_to_next_look(longest_s=PERIOD_S)
    except (DatabaseError, InterfaceError) as fault:
        # The database will be back, and then the next look finds whatever this one missed.
        logger.warning("database away: %s", fault)
        connection.close()
        return PERIOD_S


def _say_so() -> None:
    """Write down every few seconds that somebody sweeps; whoever asks for the platform's health reads it."""
    global _said_at
    tallies.flush()
    if time.monotonic() - _said_at >= SAYS_SO_EVERY_S:
        _said_at = time.monotonic()
        tallies.stamp("last_sweep_timestamp_seconds", dispatch.now())
