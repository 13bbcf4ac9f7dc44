"""The list in Valkey that a worker reads, whatever lies in it: an entry that is no message is passed over.

``tasks`` puts it in place in a worker. As kombu itself reads, one entry that is no JSON ends the worker and
everything that it evaluates.
"""

from __future__ import annotations

import logging
from queue import Empty
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis

logger = logging.getLogger(__name__)

# Every way in which an entry may fail to be a message: no JSON, no mapping, a mapping without its parts.
NO_MESSAGE = (ValueError, TypeError, AttributeError, LookupError)


class Channel(redis.Channel):
    _has_told = False

    def _brpop_read(self, **options: Any) -> Any:
        """What the event loop calls when an entry has come. It has left the list by then, read or not."""
        try:
            return super()._brpop_read(**options)  # type: ignore[misc]  # left out of kombu's stubs
        except NO_MESSAGE as fault:
            if not self._has_told:
                self._has_told = True
                logger.warning("an entry of the queue is no message and is ignored (told once): %r", fault)
            raise Empty from fault


class Transport(redis.Transport):
    Channel = Channel


def pass_over_what_is_no_message() -> None:
    """From now on connections to Valkey or Redis that this process makes read like this."""
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = f"{__name__}:{Transport.__name__}"
