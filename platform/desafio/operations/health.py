"""Whether this process answers, and whether it can do its work: two questions with two addresses.

Strangers get a word. Who shows the token gets as JSON all that was looked at; exceptions, versions and paths
are told to nobody.
"""

from __future__ import annotations

from typing import Any

from django.db import Error as DatabaseFault
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError

from challenges import dispatch, engine_version, gauges, quick_redis
from desafio.operations.access import shows_the_token

# The sweeper looks once a second and says so every few.
SWEEPER_SILENT_S = 30.0
READY, DEGRADED, NOT_READY = "ready", "degraded", "not ready"


@never_cache
@require_safe
def is_alive(request: HttpRequest) -> HttpResponse:
    """This process answers: no reason to restart it. Asks neither database nor Redis."""
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def is_ready(request: HttpRequest) -> HttpResponse:
    """200 where submissions can be taken, 503 where they cannot: the database must answer and be migrated.

    Without Redis, workers, sweeper or backend they are still taken, and wait: that is "degraded", and a 200.
    """
    seen = _look()
    status = 503 if seen["status"] == NOT_READY else 200
    if shows_the_token(request):
        return JsonResponse(seen, status=status)
    return HttpResponse(f"{seen['status']}\n", content_type="text/plain", status=status)


def _look() -> dict[str, Any]:
    try:
        seen = {"database": _database()}
        if seen["database"] == "ok":
            seen |= _rows()
    except DatabaseFault:
        seen = {"database": "away"}
    seen["redis"] = "ok" if _redis_answers() else "away"
    return {"status": _status(seen), **seen}


def _status(seen: dict[str, Any]) -> str:
    if seen["database"] != "ok":
        return NOT_READY
    is_well = (
        seen["redis"] == "ok"
        and seen["workers"]["alive"] > seen["workers"]["old"]
        and seen["sweeper"] != "silent"
        and not any(seen["circuits_open_s"].values())
    )
    return READY if is_well else DEGRADED


def _database() -> str:
    """Whether this code and the database belong together."""
    if engine_version.missing_migrations():
        return "not migrated"
    migrated_for = engine_version.of_database()
    return "ok" if migrated_for == engine_version.ENGINE_VERSION else "for another engine"


def _rows() -> dict[str, Any]:
    """What the rows tell of the other processes. ``sweeper`` is "unknown" where none ever said anything."""
    now = dispatch.now()
    workers, swept_s = gauges.workers(now), gauges.last_sweep_s(now)
    sweeper = "unknown" if swept_s is None else "ok" if swept_s <= SWEEPER_SILENT_S else "silent"
    return {
        "workers": {"alive": workers.alive, "old": workers.old, "last_seen_s": workers.last_seen_s},
        "sweeper": sweeper,
        "last_sweep_s": swept_s,
        "circuits_open_s": {name: each.open_s for name, each in gauges.circuits(now).items()},
    }


def _redis_answers() -> bool:
    try:
        return bool(quick_redis.client().ping())
    except (RedisError, OSError):
        return False
