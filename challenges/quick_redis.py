"""A Redis client for whoever must not wait for it: answers or fails within a third of a second.

Announcements use it, and who looks whether Redis is there. Celery has its own connections.
"""

from __future__ import annotations

from functools import cache

from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

TIMEOUT_S = 0.3


@cache
def client() -> Redis:
    """One a process. Its commands raise RedisError and OSError when Redis is away."""
    return Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        # The client's own default is three more tries with pauses: longer than anybody here may wait.
        retry=Retry(NoBackoff(), 0),
    )
