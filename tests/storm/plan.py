"""What a storm will do, drawn from its seed before it starts: how much is handed in, and what breaks when.

"When" is progress, never the clock: an event comes once so many submissions are scored, so that one seed
gives one plan on any machine.
"""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Database = Literal["postgres", "sqlite"]

# What breaks between these shares of the way: before, there is little to break; after, little to recover.
FIRST_SHARE, LAST_SHARE = 0.03, 0.85
# An event waits up to this long after its turn has come, so that it meets any moment of a case.
LONGEST_PAUSE_S = 0.08
# Of the kills; the others take the pool's child alone and leave its parent, as a lack of memory does.
WHOLE_WORKER_SHARE = 0.7
# Of the submissions; each is handed in by two threads at the same moment, under one key.
TWICE_SHARE = 0.1
A_PARTICIPATION = 5


class Kind(StrEnum):
    KILL_WORKER = "kill worker"
    KILL_CHILD = "kill child"
    FREEZE_WORKER = "freeze worker"
    FREEZE_IN_TRANSACTION = "freeze worker in a transaction"
    RESTART_BROKER = "restart broker"
    WIPE_BROKER = "wipe broker"
    KILL_SWEEPER = "kill sweeper"
    RESTART_DATABASE = "restart database"
    KILL_DATABASE = "kill database"


KILLS = (Kind.KILL_WORKER, Kind.KILL_CHILD)
FREEZES = (Kind.FREEZE_WORKER, Kind.FREEZE_IN_TRANSACTION)
BROKER = (Kind.RESTART_BROKER, Kind.WIPE_BROKER)
DATABASE = (Kind.RESTART_DATABASE, Kind.KILL_DATABASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """``after`` so many scored and ``pause_s`` more; ``draw`` in [0, 1) chooses among those it may meet."""

    after: int
    kind: Kind
    pause_s: float
    draw: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``cases`` a submission, of which the last is public where there are two or more."""

    submissions: int
    cases: int
    workers: int
    seed: int
    database: Database
    answer_ms: int
    events: tuple[Event, ...]
    twice: frozenset[int]

    @property
    def participations(self) -> int:
        return max(1, self.submissions // A_PARTICIPATION)

    def how_many(self, kinds: Collection[Kind]) -> int:
        return sum(event.kind in kinds for event in self.events)


def drawn(
    *,
    submissions: int,
    cases: int,
    kills: int,
    seed: int,
    broker_restarts: int = 3,
    freezes: int = 1,
    freezes_in_transaction: int = 0,
    database_restarts: int = 0,
    workers: int = 8,
    database: Database = "postgres",
    answer_ms: int = 300,
) -> Plan:
    """The plan of a seed. One of the broker's restarts loses all that it held; the sweeper is killed once.

    Every other restart of the database is a ``kill -9`` of it. SQLite has no server to restart, and nobody is
    frozen in a transaction there: the whole database has one writer at a time.
    """
    dice = random.Random(seed)
    kinds = [Kind.FREEZE_WORKER] * freezes + [Kind.KILL_SWEEPER]
    if database == "postgres":
        kinds += [Kind.FREEZE_IN_TRANSACTION] * freezes_in_transaction
        kinds += [DATABASE[(number + 1) % 2] for number in range(database_restarts)]
    for _ in range(kills):
        kinds.append(Kind.KILL_WORKER if dice.random() < WHOLE_WORKER_SHARE else Kind.KILL_CHILD)
    kinds += [Kind.RESTART_BROKER] * max(broker_restarts - 1, 0)
    kinds += [Kind.WIPE_BROKER] * min(broker_restarts, 1)
    dice.shuffle(kinds)
    moments = sorted(dice.uniform(FIRST_SHARE, LAST_SHARE) for _ in kinds)
    events = tuple(
        Event(
            after=max(1, round(moment * submissions)),
            kind=kind,
            pause_s=dice.uniform(0, LONGEST_PAUSE_S),
            draw=dice.random(),
        )
        for moment, kind in zip(moments, kinds, strict=True)
    )
    twice = frozenset(dice.sample(range(submissions), round(TWICE_SHARE * submissions)))
    return Plan(
        submissions=submissions,
        cases=cases,
        workers=workers,
        seed=seed,
        database=database,
        answer_ms=answer_ms,
        events=events,
        twice=twice,
    )
