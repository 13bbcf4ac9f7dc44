"""Breaks things as the plan says, and remembers what each of them held at that moment.

The driver calls it between two looks at the rows. All moments are the database's clock.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models.functions import Now

from challenges import dispatch
from challenges.models import Evaluation, State
from challenges.models.evaluation import FINAL
from tests.storm.plan import FREEZES, Event, Kind
from tests.storm.stage import Stage, Worker, pid_in

LOOK_EVERY_S = 0.01
# For a victim that holds an evaluation while another worker is there to go on with it.
VICTIM_WITHIN_S = 20.0
# What was under way in the database when its client was stopped comes to its end within milliseconds.
SETTLED_S = 0.2
THAW_WITHIN_S = 30.0
BROKER_AWAY_S = 3.0
SCORED_WITHOUT_BROKER = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphaned:
    """An evaluation whose worker was killed or frozen: from ``since`` on somebody else has to claim it."""

    evaluation_id: int
    fence: int
    since: datetime
    cause: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frozen:
    worker: Worker
    orphaned: Orphaned
    # Else as soon as another has claimed it, in the middle of that other's work.
    waits_for_the_end: bool
    no_later_than: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Holder:
    worker: Worker
    pid: int
    name: str


class Faults:
    """``done`` counts what was carried out, ``notes`` tells what could not be, ``orphaned`` what was left."""

    def __init__(self, stage: Stage) -> None:
        self.done: Counter[Kind] = Counter()
        self.notes: list[str] = []
        self.orphaned: list[Orphaned] = []
        self.sweeper_killed_at: list[datetime] = []
        self._stage = stage
        self._frozen: list[_Frozen] = []
        self._carry_out: dict[Kind, Callable[[Event], bool]] = {
            Kind.KILL_WORKER: self._kill_worker,
            Kind.KILL_CHILD: self._kill_child,
            Kind.FREEZE_WORKER: self._freeze,
            Kind.FREEZE_IN_TRANSACTION: self._freeze,
            Kind.RESTART_BROKER: self._restart_broker,
            Kind.WIPE_BROKER: self._restart_broker,
            Kind.KILL_SWEEPER: self._kill_sweeper,
            Kind.RESTART_DATABASE: self._restart_database,
            Kind.KILL_DATABASE: self._restart_database,
        }

    @property
    def _how_many_frozen(self) -> int:
        return sum(self.done[kind] for kind in FREEZES)

    @property
    def is_anybody_frozen(self) -> bool:
        return bool(self._frozen)

    def carry_out(self, event: Event) -> None:
        time.sleep(event.pause_s)
        if self._carry_out[event.kind](event):
            self.done[event.kind] += 1
        else:
            self.notes.append(f"{event.kind} after {event.after}: nobody to meet it")

    def thaw_who_is_due(self) -> None:
        """Let go on whoever was frozen until another had its evaluation."""
        for frozen in list(self._frozen):
            row = Evaluation.objects.get(pk=frozen.orphaned.evaluation_id)
            is_taken = row.fence > frozen.orphaned.fence
            is_due = row.state in FINAL if frozen.waits_for_the_end else is_taken
            is_late = time.monotonic() > frozen.no_later_than
            if is_late and not is_taken:
                self.notes += _idle_in_transaction()
            if is_due or is_late:
                frozen.worker.thaw()
                self._frozen.remove(frozen)
            if is_late and not is_taken:
                self.notes.append(f"evaluation {row.pk} stayed with a frozen worker for {THAW_WITHIN_S:g} s")

    # --- one for each kind --------------------------------------------------------------------------------

    def _kill_worker(self, event: Event) -> bool:
        if (victim := self._victim(event)) is None:
            return False
        at = dispatch.now()
        self._stage.kill_worker(victim.worker)
        self._remember(victim, since=at, cause=event.kind)
        self._stage.start_worker()
        return True

    def _kill_child(self, event: Event) -> bool:
        if (victim := self._victim(event)) is None:
            return False
        at = dispatch.now()
        os.kill(victim.pid, signal.SIGKILL)
        self._remember(victim, since=at, cause=event.kind)
        return True

    def _freeze(self, event: Event) -> bool:
        """Freeze one that holds an evaluation for sure: one that has just ended its own is let go on.

        So is one that is in no transaction, where the event is for one that holds locks.
        """
        deadline = time.monotonic() + VICTIM_WITHIN_S
        while time.monotonic() < deadline and (victim := self._victim(event)) is not None:
            victim.worker.freeze()
            time.sleep(SETTLED_S)
            row = Evaluation.objects.active().filter(worker=victim.name).first()
            fits = event.kind == Kind.FREEZE_WORKER or bool(_idle_in_transaction())
            if row is not None and row.lease_until is not None and fits:
                orphaned = Orphaned(
                    evaluation_id=row.pk, fence=row.fence, since=row.lease_until, cause=event.kind
                )
                self.orphaned.append(orphaned)
                self._frozen.append(
                    _Frozen(
                        worker=victim.worker,
                        orphaned=orphaned,
                        # Every other one: the first comes back while another is at work on the same.
                        waits_for_the_end=self._how_many_frozen % 2 == 1,
                        no_later_than=time.monotonic() + THAW_WITHIN_S,
                    )
                )
                return True
            victim.worker.thaw()
        return False

    def _restart_broker(self, event: Event) -> bool:
        scored = _scored()
        self._stage.valkey.stop()
        if event.kind == Kind.WIPE_BROKER:
            self._stage.wipe_broker()
        deadline = time.monotonic() + BROKER_AWAY_S
        while time.monotonic() < deadline and _scored() < scored + SCORED_WITHOUT_BROKER:
            time.sleep(LOOK_EVERY_S)
        self._stage.valkey.start()
        return True

    def _kill_sweeper(self, event: Event) -> bool:
        assert self._stage.sweeper is not None, "no sweeper was started"
        self.sweeper_killed_at.append(dispatch.now())
        self._stage.sweeper.kill()
        self._stage.start_sweeper()
        return True

    def _restart_database(self, event: Event) -> bool:
        server = self._stage.postgres
        assert server is not None, "SQLite has no server to restart"
        if event.kind == Kind.KILL_DATABASE:
            server.kill()
        else:
            server.stop()
        server.start()
        connection.close()
        back_at = dispatch.now()
        # Most of their workers live and go on; those that do not are found by their leases.
        for row in Evaluation.objects.active():
            self.orphaned.append(
                Orphaned(evaluation_id=row.pk, fence=row.fence, since=back_at, cause=event.kind)
            )
        return True

    # --- who ----------------------------------------------------------------------------------------------

    def _victim(self, event: Event) -> _Holder | None:
        """One of those that hold an evaluation, once another worker is ready to take over."""
        deadline = time.monotonic() + VICTIM_WITHIN_S
        while time.monotonic() < deadline:
            ready = [worker for worker in self._stage.workers if worker.is_ready]
            holders = _holders(ready)
            if len(ready) > 1 and holders:
                return holders[int(event.draw * len(holders))]
            time.sleep(LOOK_EVERY_S)
            self.thaw_who_is_due()
        return None

    def _remember(self, victim: _Holder, *, since: datetime, cause: Kind) -> None:
        for row in Evaluation.objects.active().filter(worker=victim.name):
            self.orphaned.append(Orphaned(evaluation_id=row.pk, fence=row.fence, since=since, cause=cause))


def _holders(workers: list[Worker]) -> list[_Holder]:
    """Those of the workers that hold an evaluation whose lease is good, in a stable order."""
    names = (
        Evaluation.objects.active()
        .filter(lease_until__gt=Now() + timedelta(milliseconds=1))
        .order_by("worker")
        .values_list("worker", flat=True)
        .distinct()
    )
    found = []
    for name in names:
        pid = pid_in(name)
        worker = next((each for each in workers if pid is not None and each.owns(pid)), None)
        if pid is not None and worker is not None:
            found.append(_Holder(worker=worker, pid=pid, name=name))
    return found


def _idle_in_transaction() -> list[str]:
    """The last statements of those who hold locks in PostgreSQL and say nothing; SQLite cannot tell."""
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT now() - state_change, query FROM pg_stat_activity "
            "WHERE state = 'idle in transaction' AND now() - state_change > make_interval(secs => %s)",
            [SETTLED_S / 2],
        )
        return [f"idle in transaction for {since} after: {query[:200]}" for since, query in cursor.fetchall()]


def _scored() -> int:
    return Evaluation.objects.filter(state=State.SCORED).count()
