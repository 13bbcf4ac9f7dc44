"""Hears the boards that ``challenges.announce`` sends through Redis.

One subscription for all phases. Redis keeps nothing, so whoever calls must look into the database after each
(re)connection; that is what ``on_connected`` is for. An outage is waited out with growing, bounded pauses.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import Callable
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

PATTERN = "desafio:board:*"
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 2.0
# A server that hangs keeps its connections open: only a ping without an answer tells.
PING_AFTER_S = 5.0
CONNECT_TIMEOUT_S = 2.0


class Announcements:
    """``on_board(phase_id, body)`` for each message; ``connected`` says whether anything can be heard now."""

    def __init__(
        self, url: str, *, on_board: Callable[[int, bytes], None], on_connected: Callable[[], None]
    ) -> None:
        self.connected = False
        self._url = url
        self._on_board = on_board
        self._on_connected = on_connected

    async def listen(self) -> None:
        """For ever, until cancelled."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                await self._listen_once()
            except (RedisError, OSError) as fault:
                if self.connected or pause_s == FIRST_PAUSE_S:
                    logger.warning("Redis away, boards come from the database: %s", fault)
            if self.connected:
                pause_s = FIRST_PAUSE_S
            self.connected = False
            # Jittered, so that many live processes do not come back in step.
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311  # no secret
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _listen_once(self) -> None:
        client = Redis.from_url(
            self._url, socket_connect_timeout=CONNECT_TIMEOUT_S, retry=Retry(NoBackoff(), 0)
        )
        try:
            async with client.pubsub() as subscription:
                await subscription.psubscribe(PATTERN)
                await self._hear(subscription)
        finally:
            await client.aclose()

    async def _hear(self, subscription: PubSub) -> None:
        pinged = False
        while True:
            message = await subscription.get_message(timeout=PING_AFTER_S)
            if message is None:
                if pinged:
                    raise RedisConnectionError(f"no answer to a ping for {PING_AFTER_S} s")
                await subscription.ping()
            pinged = message is None
            if message is not None:
                self._sort(message)

    def _sort(self, message: dict[str, Any]) -> None:
        if message["type"] == "psubscribe":
            logger.info("listening to %s", PATTERN)
            self.connected = True
            self._on_connected()
        elif message["type"] == "pmessage":
            self._deliver(message["data"])

    def _deliver(self, data: bytes) -> None:
        try:
            content = json.loads(data)
            phase_id, body = int(content["phase_id"]), str(content["body"]).encode()
        except (ValueError, KeyError, TypeError, RecursionError) as fault:
            logger.warning("a message that is no announcement was ignored: %r", fault)
            return
        self._on_board(phase_id, body)
