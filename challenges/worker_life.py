"""A worker process among the others: it says that it lives, and asks before each claim whether it may claim.

``tasks`` holds one ``WorkerLife`` for each process. Nothing of the contest depends on these rows: the fences
of the leases protect the evaluations, whatever two processes call themselves and whatever their clocks show.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, models, transaction
from django.db.models.functions import Now

from challenges import dispatch, engine_version, tallies
from challenges.models import WorkerProcess

logger = logging.getLogger(__name__)

SEEN_EVERY_S = 10.0
# One that was seen within this has not missed three of its signs of life: it lives.
ALIVE_S = 30
# Nothing is reckoned by a worker's own clock, so that this only tells that its host is badly kept.
CLOCK_OFF_S = 5.0
# A database that hangs must not keep the process from ending.
LAST_WORD_S = 2.0
# Every restart makes a row; those that nobody has seen for this long are of no use to anybody.
KEPT_DAYS = 7
LONGEST_NAME = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """How far this process's clock is ahead of the database's. ``unsure_s``: half of what asking took."""

    database_now: datetime
    ahead_s: float
    unsure_s: float

    @property
    def are_apart(self) -> bool:
        return abs(self.ahead_s) - self.unsure_s > CLOCK_OFF_S


def compare_clocks() -> Clocks:
    began = time.monotonic()
    ours = time.time()
    database_now = dispatch.now()
    unsure_s = (time.monotonic() - began) / 2
    # The database looked at its clock at some moment of the asking: most likely in its middle.
    ahead_s = ours + unsure_s - database_now.timestamp()
    return Clocks(database_now=database_now, ahead_s=ahead_s, unsure_s=unsure_s)


class WorkerLife:
    """The life of one process; its row is ``WorkerProcess``. ``start`` keeps the row fresh until ``stop``."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        suffix = f":{self.pid}"
        self.name = f"{(settings.WORKER_NAME or socket.gethostname())[: LONGEST_NAME - len(suffix)]}{suffix}"
        self.instance = secrets.token_hex(8)
        self._started_at: datetime | None = None
        self._told: set[str] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._live, name="worker-life", daemon=True)

    def start(self) -> None:
        # A thread, because a child of the pool that has nothing to do sleeps inside of a read.
        self._thread.start()

    def stop(self) -> None:
        """Say goodbye: the row tells from now on that it stopped in order."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(LAST_WORD_S)

    def may_claim(self) -> bool:
        """False while the database is for a newer engine than this code. Raises database errors."""
        needed = engine_version.of_database()
        if needed is None or needed <= engine_version.ENGINE_VERSION:
            return True
        tallies.add("worker_refused", label="old_code")
        self.tell_once(
            "old_code",
            "%s claims nothing: its code is engine %s and the database was migrated for engine %s; install"
            " the new version on this host and start it again",
            self.name,
            engine_version.ENGINE_VERSION,
            needed,
        )
        return False

    def say_seen(self) -> None:
        """Keep the row fresh; notice a clock that is off, and another process under the same name.

        Raises database errors.
        """
        clocks = compare_clocks()
        self._look_at(clocks)
        if not self._own_row().update(seen_at=Now(), clock_ahead_s=clocks.ahead_s):
            self._take_name(clocks)

    def say_stopped(self) -> None:
        """Raises database errors."""
        self._own_row().update(seen_at=Now(), stopped_at=Now())

    def tell_once(self, kind: str, message: str, *arguments: object) -> None:
        """One line a process for each kind, however often it happens; how often, the tallies tell."""
        if kind not in self._told:
            self._told.add(kind)
            logger.warning(message, *arguments)

    def _own_row(self) -> models.QuerySet[WorkerProcess]:
        return WorkerProcess.objects.filter(name=self.name, instance=self.instance)

    def _look_at(self, clocks: Clocks) -> None:
        if clocks.are_apart:
            tallies.add("worker_clock_off")
            self.tell_once(
                "clock_off",
                "%s: this clock is %+.1f s from the database's; work goes on, because every rule goes by the"
                " database's",
                self.name,
                clocks.ahead_s,
            )

    def _take_name(self, clocks: Clocks) -> None:
        """Register, or take back the row that another process with the same name has taken meanwhile."""
        is_first_time = self._started_at is None
        self._started_at = self._started_at or clocks.database_now
        with transaction.atomic():
            if not is_first_time:
                self._notice_another()
            WorkerProcess.objects.update_or_create(
                name=self.name,
                defaults={
                    "instance": self.instance,
                    "code_version": engine_version.code_version(),
                    "engine": engine_version.ENGINE_VERSION,
                    "started_at": self._started_at,
                    "seen_at": Now(),
                    "stopped_at": None,
                    "clock_ahead_s": clocks.ahead_s,
                },
            )
        if is_first_time:
            WorkerProcess.objects.filter(seen_at__lt=Now() - timedelta(days=KEPT_DAYS)).delete()

    def _notice_another(self) -> None:
        # Only here, and not at the start: a container that was killed comes back under its old name at once.
        others = WorkerProcess.objects.filter(name=self.name, stopped_at=None)
        if others.filter(seen_at__gt=Now() - timedelta(seconds=ALIVE_S)).exists():
            tallies.add("worker_duplicate_name")
            self.tell_once(
                "duplicate_name",
                "%s: another live worker has this name; both go on, but give each a --name of its own",
                self.name,
            )

    def _live(self) -> None:
        while True:
            is_last = self._stopping.is_set()
            try:
                if is_last:
                    self.say_stopped()
                else:
                    self.say_seen()
            except (DatabaseError, InterfaceError) as fault:
                logger.debug("not seen, database away: %s", type(fault).__name__)
            finally:
                # A connection for a moment's work every few seconds is not worth holding.
                connection.close()
            if is_last:
                return
            self._stopping.wait(SEEN_EVERY_S)


_this: WorkerLife | None = None


def of_this_process() -> WorkerLife:
    """The one life of this process; a child that was forked has its own."""
    global _this
    if _this is None or _this.pid != os.getpid():
        _this = WorkerLife()
    return _this


def alive() -> models.QuerySet[WorkerProcess]:
    """The workers that were seen lately and did not say goodbye."""
    return WorkerProcess.objects.filter(stopped_at=None, seen_at__gt=Now() - timedelta(seconds=ALIVE_S))
