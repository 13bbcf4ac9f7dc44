"""``manage.py sweep``: the process that looks over the queue once a second, or sooner when a lease ends.

It runs until SIGTERM or Ctrl-C.
"""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from challenges import sweeping

logger = logging.getLogger(__name__)

PERIOD_S = 1.0


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
        while not stop.is_set():
            stop.wait(_sweep_whatever_is_away())


def _sweep_whatever_is_away() -> float:
    """Sweep; returns how many seconds the next one may wait."""
    close_old_connections()
    try:
        sweeping.sweep_once()
        return sweeping.seconds_to_next_look(longest_s=PERIOD_S)
    except (DatabaseError, InterfaceError) as fault:
        # The database will be back, and then the next look finds whatever this one missed.
        logger.warning("database away: %s", fault)
        connection.close()
        return PERIOD_S
