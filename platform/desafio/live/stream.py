"""Event streams: one coroutine per open page, woken when its board changes, a beat is due or all ends.

No queue per client: a client is a cursor into its board's ring of changes, so a slow one costs what its
socket holds, and is brought up to date by one whole board when it reads again. The same bytes go to all.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from desafio.live.board import LiveBoard

HEARTBEAT_S = 15.0
# Beats are drawn a little early, each client at its own moment, so that thousands do not come at once.
HEARTBEAT_SPREAD_S = 5.0
RETRY_MS = 2_000

HEARTBEAT = b": sigo aqui\n\n"
BYE = b": bye\n\n"

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Streams:
    """All open streams: counts them, beats for them, ends them."""

    def __init__(self, *, limit: int) -> None:
        self._limit = limit
        self._open: set[Stream] = set()
        self._closing = False

    def __len__(self) -> int:
        return len(self._open)

    @property
    def takes_more(self) -> bool:
        return not self._closing and len(self._open) < self._limit

    async def follow(
        self, board: LiveBoard, *, last_id: str, start: Message, receive: Receive, send: Send
    ) -> None:
        """Send ``start`` and then the board's events until the client leaves, the board goes or all ends."""
        # Counted before the first await, or a crowd that comes at once would pass the limit together.
        stream = Stream(board, cursor=board.cursor_of(last_id), send=send)
        self._open.add(stream)
        board.wakers.add(stream.wake)
        leaving = asyncio.create_task(_until_gone(receive))
        leaving.add_done_callback(lambda _: stream.abandon())
        try:
            await send(start)
            await stream.run()
        finally:
            leaving.cancel()
            board.wakers.discard(stream.wake)
            self._open.discard(stream)

    async def beat(self) -> None:
        """For ever, until cancelled: wake whoever has heard nothing for a while."""
        while True:
            await asyncio.sleep(1)
            now = asyncio.get_running_loop().time()
            for stream in self._open:
                if now >= stream.beat_at:
                    stream.wake()

    def end(self, board: LiveBoard) -> None:
        """The board is gone: whoever follows it is sent away."""
        for stream in self._open:
            if stream.board is board:
                stream.dismiss()

    def close(self) -> None:
        """The process ends: everybody is sent away, nobody is let in."""
        self._closing = True
        for stream in self._open:
            stream.dismiss()


class Stream:
    """One client. What it must still get follows from its state alone: no wake-up is lost or doubled."""

    __slots__ = (
        "_abandoned",
        "_beat_after_s",
        "_cursor",
        "_dismissed",
        "_send",
        "_waiter",
        "beat_at",
        "board",
    )

    def __init__(self, board: LiveBoard, *, cursor: int, send: Send) -> None:
        self.board = board
        self.beat_at = 0.0
        self._beat_after_s = HEARTBEAT_S - random.uniform(0, HEARTBEAT_SPREAD_S)  # noqa: S311  # no secret
        self._cursor = cursor
        self._send = send
        self._abandoned = False
        self._dismissed = False
        self._waiter: asyncio.Future[None] | None = None

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        chunk = b"retry: %d\n\n" % RETRY_MS + self._missed()
        while not self._abandoned:
            if self._dismissed:
                await self._send({"type": "http.response.body", "body": chunk + BYE, "more_body": False})
                return
            if chunk:
                self.beat_at = loop.time() + self._beat_after_s
                # A client that does not read stops here; the board goes on without it.
                await self._send({"type": "http.response.body", "body": chunk, "more_body": True})
            else:
                self._waiter = loop.create_future()
                await self._waiter
            chunk = self._missed() or (HEARTBEAT if loop.time() >= self.beat_at else b"")

    def wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def dismiss(self) -> None:
        self._dismissed = True
        self.wake()

    def abandon(self) -> None:
        self._abandoned = True
        self.wake()

    def _missed(self) -> bytes:
        missed = self.board.missed_since(self._cursor)
        self._cursor = self.board.sequence
        return missed


async def _until_gone(receive: Receive) -> None:
    """Returns when the client has left, or sends a body that no reading of a stream has."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect" or message.get("more_body"):
            return
