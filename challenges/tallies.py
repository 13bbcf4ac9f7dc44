"""Counters that only a process itself can tell: collected in memory, summed up in the ``Tally`` rows.

Whoever meets what is counted calls ``add`` or ``observe``: no I/O, and nothing that happens at run time makes
them raise. ``flush`` carries the sums into the rows, where the metrics page reads them. A count may be lost
with a process that is killed, and nothing of the contest depends on one: what must be exact is in the
``StateChange`` rows.

A process calls ``keep_flushing`` once it has forked, or ``flush`` itself in its loop and at its end.
"""

from __future__ import annotations

import atexit
import logging
import math
import os
import threading
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.db import DatabaseError, InterfaceError, connection, transaction
from django.db.models import F

from challenges.models import Tally

logger = logging.getLogger(__name__)

FLUSH_EVERY_S = 5.0
LAST_FLUSH_S = 3.0
# Whatever is no label that we know: so no text from outside ever becomes one, and rows are bounded.
OTHER = "other"

Name = Literal[
    "backend_faults",
    "broker_away",
    "lease_lost",
    "message_found_nothing",
    "message_ignored_content",
    "record_store_faults",
    "refused_writes",
    "transport_retries",
    "worker_clock_off",
    "worker_duplicate_name",
    "worker_refused",
]
HistogramName = Literal["backend_call_seconds", "backend_first_token_seconds"]
MomentName = Literal["last_sweep_timestamp_seconds"]
Key = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """``help`` is what the metrics page says of it, ``label`` what its ``labels`` are called together."""

    help: str
    label: str = ""
    labels: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """A histogram: ``bounds_s`` are the upper ends of its buckets in seconds, ascending, without infinity."""

    help: str
    bounds_s: tuple[float, ...]


NAMES: Mapping[Name, Counted] = {
    "backend_faults": Counted(
        help="Evaluations that a fault of ours interrupted, by its code.",
        label="code",
        labels=frozenset(
            {
                "backend",
                "backend_protocol",
                "backend_refused",
                "backend_unavailable",
                "case_timeout",
                "evaluation_timeout",
                "measurement",
                "suite_or_policy",
                "record_store",
                "record",
            }
        ),
    ),
    "broker_away": Counted(
        help="Messages to the broker that failed: rings for the workers, announcements of boards.",
        label="what",
        labels=frozenset({"announce", "ring"}),
    ),
    "lease_lost": Counted(help="Evaluations that a worker had to let go because its lease was over."),
    "message_found_nothing": Counted(help="Messages of the broker that found nothing to evaluate."),
    "message_ignored_content": Counted(help="Messages of the broker whose content was not ours; ignored."),
    "record_store_faults": Counted(
        help="Scores that waited because the disk did not take their sealed record."
    ),
    "refused_writes": Counted(help="Writes that hit no row, because their lease was no longer the row's."),
    "transport_retries": Counted(help="Requests to the backend that were tried again."),
    "worker_clock_off": Counted(help="Times that a worker's clock was found far from the database's."),
    "worker_duplicate_name": Counted(help="Workers that found another one alive under their own name."),
    "worker_refused": Counted(
        help="Times that a worker claimed nothing because it may not, by why.",
        label="reason",
        labels=frozenset({"old_code"}),
    ),
}
HISTOGRAMS: Mapping[HistogramName, Timed] = {
    "backend_call_seconds": Timed(
        help="Seconds from a request to the backend to the end of its answer.",
        bounds_s=(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0),
    ),
    "backend_first_token_seconds": Timed(
        help="Seconds from a request to the backend to the first token of its answer.",
        bounds_s=(0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
    ),
}

# When something last happened, in seconds of the Unix epoch by the database's clock.
MOMENTS: Mapping[MomentName, str] = {
    "last_sweep_timestamp_seconds": "When the sweeper last looked over the queue, as a Unix time.",
}

_lock = threading.Lock()
_sums: dict[Key, float] = {}


def add(name: Name, amount: float = 1, *, label: str = "") -> None:
    """Count ``amount`` more of ``name``. Raises KeyError for a name that ``NAMES`` does not tell of.

    A label that is not one of the name's own counts as "other". Amounts that are no positive number are
    ignored: a counter only grows.
    """
    known = NAMES[name]
    if label not in known.labels:
        label = OTHER if known.label else ""
    if 0 < amount < math.inf:
        _collect({(name, label): amount})


def observe(name: HistogramName, seconds: float) -> None:
    """Put one duration into its bucket. Raises KeyError for a name that ``HISTOGRAMS`` does not tell of."""
    bounds_s = HISTOGRAMS[name].bounds_s
    if not 0 <= seconds < math.inf:
        return
    at = bisect_left(bounds_s, seconds)
    # Each observation is in one row alone, its own bucket: the reader sums them up as Prometheus has them.
    _collect({bucket_key(name, at): 1, sum_key(name): seconds})


def bucket_key(name: HistogramName, at: int) -> Key:
    """The row that counts what fell into the bucket number ``at``; the last one has no upper end."""
    bounds_s = HISTOGRAMS[name].bounds_s
    return f"{name}_bucket", repr(bounds_s[at]) if at < len(bounds_s) else "+Inf"


def sum_key(name: HistogramName) -> Key:
    return f"{name}_sum", ""


def flush() -> None:
    """Add what was collected to the rows, in one transaction. Call it outside of any other.

    While the database is away everything stays collected, and nothing is raised.
    """
    sums = _take()
    if not sums:
        return
    try:
        with transaction.atomic():
            add_to_rows(sums)
    except (DatabaseError, InterfaceError) as fault:
        _collect(sums)
        logger.debug("tallies stay in memory, database away: %s", type(fault).__name__)
    except BaseException:
        _collect(sums)
        raise


def stamp(name: MomentName, at: datetime) -> None:
    """Write down at once that something happened ``at`` this moment. Raises database errors.

    For what happens every few seconds at most: unlike a counter it costs a write each time.
    """
    if name not in MOMENTS:
        raise KeyError(name)
    row = Tally.objects.filter(name=name, label="")
    if not row.update(value=at.timestamp()):
        Tally.objects.bulk_create([Tally(name=name, value=at.timestamp())], ignore_conflicts=True)


def keep_flushing(every_s: float = FLUSH_EVERY_S) -> Callable[[], None]:
    """From now on flush in a thread of its own, and once more when the interpreter ends.

    For processes without a loop of their own that could do it: the web, a child of the worker's pool. One
    that ends without Python's own ending, as a child of the pool does, calls what is returned before it goes:
    it stops the thread after a last flush.
    """
    stopped = threading.Event()
    thread = threading.Thread(target=_flush_until, args=(stopped, every_s), name="tallies", daemon=True)

    def stop() -> None:
        atexit.unregister(stop)
        stopped.set()
        # A database that hangs must not keep the process from ending.
        thread.join(LAST_FLUSH_S)

    atexit.register(stop)
    thread.start()
    return stop


def _flush_until(stopped: threading.Event, every_s: float) -> None:
    is_last = False
    while not is_last:
        is_last = stopped.wait(every_s)
        try:
            flush()
        finally:
            # A connection for a moment's work every few seconds is not worth holding.
            connection.close()


def forget() -> None:
    """Throw away what this process has collected; for tests."""
    _take()


def add_to_rows(sums: Mapping[Key, float]) -> None:
    """Add to the rows, and make those that are missing, in the caller's transaction."""
    # Always in the same order, or two processes could wait for each other's rows.
    for (name, label), amount in sorted(sums.items()):
        row = Tally.objects.filter(name=name, label=label)
        if not row.update(value=F("value") + amount):
            # Somebody else may make it in this moment: then theirs is the row that both add to.
            Tally.objects.bulk_create([Tally(name=name, label=label)], ignore_conflicts=True)
            row.update(value=F("value") + amount)


def _collect(sums: Mapping[Key, float]) -> None:
    with _lock:
        for key, amount in sums.items():
            _sums[key] = _sums.get(key, 0.0) + amount


def _take() -> dict[Key, float]:
    global _sums
    with _lock:
        taken, _sums = _sums, {}
    return taken


def _start_empty() -> None:
    """In a forked child: what its parent collected is the parent's, and so may be the lock."""
    global _lock, _sums
    _lock, _sums = threading.Lock(), {}


os.register_at_fork(after_in_child=_start_empty)
