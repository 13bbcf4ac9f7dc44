"""The listening side of the meter: connections in, one request each, a bounded number at a time.

It knows nothing of energy; ``routes`` answers. Slow, silent and endless peers cost a place among
``MOST_CONNECTIONS`` for ``REQUEST_S`` at most.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from scoring.energy.meter.exchange import (
    MOST_HEAD_BYTES,
    Answer,
    Refusal,
    Request,
    answer_bytes,
    read_request,
    refused,
)

MOST_CONNECTIONS = 64
REQUEST_S = 5.0
SEND_S = 5.0
LET_GO_S = 1.0
PIECE_BYTES = 65_536
TOO_MANY = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "too-many-connections",
    "Hay demasiadas conexiones abiertas.",
    Retry_After="1",
)
TOO_SLOW = Refusal(HTTPStatus.REQUEST_TIMEOUT, "too-slow", "La petición tarda demasiado en llegar.")
Respond = Callable[[Request], Awaitable[Answer]]


class Server:
    """Listens from ``start`` to ``stop``; ``respond`` gives the answer, or raises ``Refusal``."""

    def __init__(self, respond: Respond, *, request_s: float = REQUEST_S) -> None:
        self._respond = respond
        self._request_s = request_s
        self._tasks: set[asyncio.Task[None]] = set()
        self._taken = 0
        self._listening: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Begin to listen; gives the port, which the system chose if ``port`` was 0. Raises ``OSError``."""
        self._listening = await asyncio.start_server(self._accept, host, port, limit=MOST_HEAD_BYTES)
        bound: int = self._listening.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Take no more connections and end those that are open."""
        if self._listening:
            self._listening.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of ours: asyncio's own would report each one that ``stop`` cancels as a fault.
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()):
            task.get_loop().call_exception_handler({"message": "a request failed", "exception": fault})

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._taken += 1
        try:
            answer = refused(TOO_MANY) if self._taken > MOST_CONNECTIONS else await self._answer(reader)
            if answer:
                await _send(writer, answer)
        except OSError:
            # The peer went away: what it asked for stays as it is, and GET tells it again.
            writer.transport.abort()
        finally:
            self._taken -= 1
            await _let_go(reader, writer)

    async def _answer(self, reader: asyncio.StreamReader) -> Answer | None:
        try:
            async with asyncio.timeout(self._request_s):
                request = await read_request(reader)
            return None if request is None else await self._respond(request)
        except Refusal as refusal:
            return refused(refusal)
        except TimeoutError:
            return refused(TOO_SLOW)


async def _let_go(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Close, once the peer did or a little later: with something unread a close is a reset.

    A peer that we refused before it had said all would then lose our answer.
    """
    try:
        writer.write_eof()
        async with asyncio.timeout(LET_GO_S):
            while await reader.read(PIECE_BYTES):
                pass
    except (OSError, TimeoutError):
        pass
    finally:
        writer.close()


async def _send(writer: asyncio.StreamWriter, answer: Answer) -> None:
    """Write it all, to a peer that reads; the one that does not is cut off."""
    writer.write(answer_bytes(answer))
    try:
        async with asyncio.timeout(SEND_S):
            await writer.drain()
    except TimeoutError:
        writer.transport.abort()
