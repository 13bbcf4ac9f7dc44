"""The figures of operation, read from the rows: for the metrics page, and for who asks whether all is well.

Each figure costs what is going on now and not what ever was. For that the history is added up now and then,
which is the only thing written here. All ages are in seconds by the database's clock.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import DatabaseError, InterfaceError, transaction
from django.db.models import Count, Max, Min
from django.db.models.functions import Now

from challenges import dispatch, engine_version, tallies
from challenges.models import (
    Circuit,
    Evaluation,
    Leaderboard,
    Reason,
    State,
    StateChange,
    Tally,
    WorkerProcess,
)
from challenges.models.evaluation import ACTIVE, UNFINISHED, WAITING
from challenges.worker_life import ALIVE_S

logger = logging.getLogger(__name__)

# So many steps of the history may lie uncounted before they are added up: few enough to count at each look.
ADD_UP_FROM = 5_000
# A step has its number before others can see it. One that nobody saw for so long was rolled back.
SETTLED_AFTER_S = 60
CHANGES = "state_changes"
CHANGES_UP_TO = "state_changes_up_to"


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """Unfinished evaluations by state. An age is 0 where there is nothing that could have one.

    ``longest_overdue_s``: how long ago the first lease ran out that nobody has taken back yet.
    """

    by_state: Mapping[State, int]
    oldest_waiting_s: float
    longest_held_s: float
    longest_overdue_s: float

    @property
    def depth(self) -> int:
        return sum(self.by_state[state] for state in WAITING)


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitFigures:
    """``open_s`` is None while it is closed; ``open_total_s`` counts this time too, so that it only grows."""

    open_s: float | None
    open_total_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """``alive`` were seen lately; ``old`` are those of them whose code is too old to claim anything.

    ``silent`` were not seen lately and had not said goodbye. ``last_seen_s`` is the age of the youngest sign
    of life, None where there never was one; ``clock_off_s`` the clock that is farthest from the database's.
    """

    alive: int
    old: int
    silent: int
    last_seen_s: float | None
    clock_off_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardVersion:
    challenge: str
    phase: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Everything at once. ``counted`` are the ``Tally`` rows by name and label, those of histograms too."""

    queue: Queue
    circuits: Mapping[str, CircuitFigures]
    workers: Workers
    boards: tuple[BoardVersion, ...]
    changes: Mapping[Reason, int]
    counted: Mapping[tallies.Key, float]


def read() -> Figures:
    """Some eight statements, however much there is. Raises Django's database errors."""
    now = dispatch.now()
    counted = {
        (name, label): value for name, label, value in Tally.objects.values_list("name", "label", "value")
    }
    return Figures(
        queue=queue(now),
        circuits=circuits(now),
        workers=workers(now),
        boards=_boards(),
        changes=_changes(counted),
        counted=counted,
    )


def queue(now: datetime) -> Queue:
    """One statement that reads what is unfinished, by the indexes that hold nothing else."""
    since = {WAITING: "created_at", (State.HELD,): "held_since", ACTIVE: "lease_until"}
    parts = [
        Evaluation.objects.filter(state__in=states)
        .values("state")
        .annotate(number=Count("pk"), first=Min(column))
        .values_list("state", "number", "first")
        for states, column in since.items()
    ]
    found = {state: (number, first) for state, number, first in parts[0].union(*parts[1:], all=True)}

    def age_s(*states: State) -> float:
        return max((_age_s(found[state][1], now) for state in states if state in found), default=0.0)

    return Queue(
        by_state={state: found[state][0] if state in found else 0 for state in UNFINISHED},
        oldest_waiting_s=age_s(*WAITING),
        longest_held_s=age_s(State.HELD),
        longest_overdue_s=age_s(*ACTIVE),
    )


def circuits(now: datetime) -> dict[str, CircuitFigures]:
    """By name; one that was never needed has no row yet, and was never open."""
    told = {name: CircuitFigures(open_s=None, open_total_s=0) for name in Circuit.Name.values}
    for name, opened_at, held_seconds in Circuit.objects.values_list("name", "opened_at", "held_seconds"):
        open_s = None if opened_at is None else _age_s(opened_at, now)
        # Whole seconds, as ``circuits.close`` will add them: the sum must not go back when it does.
        told[name] = CircuitFigures(open_s=open_s, open_total_s=held_seconds + int(open_s or 0))
    return told


def workers(now: datetime) -> Workers:
    needed = engine_version.of_database() or 0
    rows = WorkerProcess.objects.values_list("engine", "seen_at", "stopped_at", "clock_ahead_s")
    running = [
        (engine, _age_s(seen_at, now), clock_ahead_s)
        for engine, seen_at, stopped_at, clock_ahead_s in rows
        if stopped_at is None
    ]
    alive = [row for row in running if row[1] <= ALIVE_S]
    return Workers(
        alive=len(alive),
        old=sum(engine < needed for engine, _, _ in alive),
        silent=len(running) - len(alive),
        last_seen_s=min((age_s for _, age_s, _ in running), default=None),
        clock_off_s=max((abs(ahead_s) for _, _, ahead_s in alive), default=0.0),
    )


def last_sweep_s(now: datetime) -> float | None:
    """How long ago the sweeper last looked; None where none ever did."""
    name: tallies.MomentName = "last_sweep_timestamp_seconds"
    at = Tally.objects.filter(name=name).values_list("value", flat=True).first()
    return None if at is None else max(now.timestamp() - at, 0.0)


def _boards() -> tuple[BoardVersion, ...]:
    rows = Leaderboard.objects.order_by("phase__challenge__slug", "phase__slug").values_list(
        "phase__challenge__slug", "phase__slug", "version"
    )
    return tuple(
        BoardVersion(challenge=challenge, phase=phase, version=version) for challenge, phase, version in rows
    )


def _changes(counted: Mapping[tallies.Key, float]) -> dict[Reason, int]:
    """How often evaluations changed their state for each reason: exact, and never less than before.

    Steps up to a number are in ``counted``, which was read in one statement; those after it are counted now.
    """
    up_to = int(counted.get((CHANGES_UP_TO, ""), 0))
    later = Counter(_by_reason(up_to=None, after=up_to))
    if later.total() >= ADD_UP_FROM:
        _add_up(after=up_to)
    return {reason: int(counted.get((CHANGES, reason), 0)) + later[reason] for reason in Reason}


def _add_up(*, after: int) -> None:
    """Carry settled steps into the ``Tally`` rows; whoever comes second finds it done and adds nothing."""
    try:
        settled = StateChange.objects.filter(pk__gt=after, at__lte=Now() - timedelta(seconds=SETTLED_AFTER_S))
        up_to = settled.aggregate(last=Max("pk"))["last"]
        if up_to is None:
            return
        sums = {(CHANGES, reason): float(n) for reason, n in _by_reason(after=after, up_to=up_to).items()}
        with transaction.atomic():
            if after == 0:
                Tally.objects.bulk_create([Tally(name=CHANGES_UP_TO)], ignore_conflicts=True)
            if Tally.objects.filter(name=CHANGES_UP_TO, value=after).update(value=up_to):
                tallies.add_to_rows(sums)
    except (DatabaseError, InterfaceError) as fault:
        # The next look tries again; until then it only costs time.
        logger.warning("state changes not added up: %s", fault)


def _by_reason(*, after: int, up_to: int | None) -> dict[str, int]:
    steps = StateChange.objects.filter(pk__gt=after)
    if up_to is not None:
        steps = steps.filter(pk__lte=up_to)
    return dict(steps.values_list("reason").annotate(number=Count("pk")).order_by())


def _age_s(moment: datetime, now: datetime) -> float:
    return max((now - moment).total_seconds(), 0.0)
