"""A bare Celery application, the peer of the engine's benches: no rows, no leases, nothing to lose.

``celery -A bench.peers.bare_celery worker``. It reads where broker and database are from the same variables
as the platform. Two recipes: ``usual`` acknowledges a task after it ran, as one does who fears to lose one.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import psycopg
from celery import Celery

QUEUE = "bare"
EMPTY_TASK = "bare.empty"
SELECT_TASK = "bare.select"
USUAL_TASK = "bare.usual"

app = Celery("bare", broker=os.environ.get("REDIS_URL", "").replace("unix://", "redis+socket://", 1))
app.conf.update(
    task_default_queue=QUEUE,
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
    task_serializer="json",
    accept_content=["json"],
)


@cache
def _connection() -> psycopg.Connection[Any]:
    """One for each process of the pool, as Django keeps it."""
    return psycopg.connect(os.environ["DATABASE_URL"].replace(":@", "@"), autocommit=True)


@app.task(name=EMPTY_TASK)
def empty() -> None:
    return


@app.task(name=SELECT_TASK)
def select() -> None:
    _connection().execute("SELECT 1").fetchone()


@app.task(name=USUAL_TASK, acks_late=True, reject_on_worker_lost=True)
def usual() -> None:
    _connection().execute("SELECT 1").fetchone()
