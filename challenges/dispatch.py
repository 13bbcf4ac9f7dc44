"""The doorbell: tells the workers that an evaluation waits, and tells everyone what time it is.

Called after the commit of a submission and by the sweeper. A ring carries nothing and may be lost, doubled or
late; the rows are the queue. Nothing here ever evaluates, and a broker that is away only costs a log line.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from celery import current_app
from django.db import connection
from django.db.models.functions import Now
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from challenges import tallies, transitions
from challenges.models import Actor, Evaluation, Reason, State

logger = logging.getLogger(__name__)

# By name: a web process rings, but never imports what the bell starts.
WORK_TASK = "challenges.work"

_CLOCK_SQL = {
    "postgresql": "SELECT STATEMENT_TIMESTAMP()",
    "sqlite": "SELECT STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')",
}


def now() -> datetime:
    """The database's clock, the only one that rules go by; in UTC, like every stored moment."""
    with connection.cursor() as cursor:
        # Without parameters, so that no driver takes the format's per cents for placeholders.
        cursor.execute(_CLOCK_SQL[connection.vendor])
        moment: datetime | str = cursor.fetchone()[0]
    if isinstance(moment, str):
        return datetime.fromisoformat(moment).replace(tzinfo=UTC)
    return moment.astimezone(UTC)


def wake_workers(evaluation_id: int) -> bool:
    """Ring for one evaluation and note that it was rung; False when the broker is away (nothing is lost).

    Answers within about a third of a second even when the broker hangs (settings: broker transport options).
    """
    if not _ring():
        return False
    _note_rung([evaluation_id])
    return True


def wake_workers_for(evaluation_ids: Collection[int], *, rings: int) -> int:
    """Ring at most ``rings`` times for many waiting evaluations; returns how often the bell was heard.

    One ring wakes one worker, and a worker claims until nothing is left: more rings than workers help nobody.
    """
    heard = 0
    for _ in range(min(rings, len(evaluation_ids))):
        if not _ring():
            break
        heard += 1
    if heard:
        _note_rung(evaluation_ids)
    return heard


def rings_unheard() -> int | None:
    """How many rings lie in the broker because every worker is busy (or none runs); None when it is away."""
    try:
        with current_app.connection_for_read() as broker:
            channel: Any = broker.default_channel
            queue = channel.queue_declare(queue=current_app.conf.task_default_queue, passive=False)
            return int(queue.message_count)
    except (OperationalError, RedisError, OSError) as fault:
        logger.warning("broker away: %s", fault)
        return None


def _ring() -> bool:
    try:
        current_app.send_task(WORK_TASK, retry=False, ignore_result=True)
    except (OperationalError, RedisError, OSError) as fault:
        tallies.add("broker_away", label="ring")
        logger.warning("broker away, the sweeper will ring again: %s", fault)
        return False
    return True


def _note_rung(evaluation_ids: Collection[int]) -> None:
    # A worker may already have claimed it: then this hits no row, and that is right.
    rows = Evaluation.objects.filter(pk__in=evaluation_ids)
    first_time = transitions.move(
        rows, to=State.QUEUED, by=Actor.BELL, reason=Reason.RUNG, skip_locked=True, fields={"rung_at": Now()}
    )
    if again := set(evaluation_ids) - set(first_time):
        Evaluation.objects.filter(pk__in=again, state=State.QUEUED).update(rung_at=Now())
