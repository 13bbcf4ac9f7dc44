"""The raw ASGI application of the live process: routes, headers and its life from start to SIGTERM.

Answers from memory only; a request never reaches the database or Redis, so no request can make it slow. All
that is told here is public, but for the numbers of its own health: no cookie is ever looked at.
"""

from __future__ import annotations

import asyncio
import logging
import re
import signal
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from hmac import compare_digest
from types import FrameType
from typing import Any

from desafio.live import answers, garbage
from desafio.live.answers import Answer, Headers
from desafio.live.board import LiveBoard
from desafio.live.keeper import Keeper
from desafio.live.stream import Receive, Send, Streams

logger = logging.getLogger(__name__)

Scope = dict[str, Any]

BOARD_PATH = re.compile(r"/vivo/([-\w]{1,60})/([-\w]{1,60})/(tabla\.json|eventos)", re.ASCII)
ALIVE_PATH = "/vivo/salud"
READY_PATH = "/vivo/salud/listo"
# An id of ours has some 40 characters.
LONGEST_ID = 100


class LiveApp:
    """``redis_url`` to listen to, origins that may read across origins, and how many streams may be open.

    Who shows ``metrics_token`` is told more of this process's health; nobody is while it is empty.
    """

    def __init__(
        self, *, redis_url: str, allowed_origins: Iterable[str], max_streams: int, metrics_token: str = ""
    ) -> None:
        self._authorization = f"Bearer {metrics_token}".encode() if metrics_token else None
        self._redis_url = redis_url
        self._origins = frozenset(origin.encode("latin-1", "ignore") for origin in allowed_origins)
        self._streams = Streams(limit=max_streams)
        self._keeper: Keeper | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close"})
        elif scope["type"] == "http":
            await self._respond(scope, receive, send)

    # --- requests -------------------------------------------------------------------------------------------

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        shared = answers.cross_origin(headers.get(b"origin", b""), allowed=self._origins)
        found = self._route(scope["method"], scope["path"], headers)
        if isinstance(found, Answer):
            await _send_answer(send, found, shared)
            return
        board, wanted = found
        if wanted == "tabla.json":
            await _send_answer(send, answers.board(board.current, headers), shared)
        elif scope["method"] == "HEAD":
            await _send_answer(send, answers.stream_head(), shared)
        elif not self._streams.takes_more:
            await _send_answer(send, answers.FULL, shared)
        else:
            head = answers.stream_head()
            await self._streams.follow(
                board,
                last_id=_last_id(headers, scope["query_string"]),
                start={"type": "http.response.start", "status": 200, "headers": [*head.headers, *shared]},
                receive=receive,
                send=send,
            )

    def _route(
        self, method: str, path: str, headers: Mapping[bytes, bytes]
    ) -> Answer | tuple[LiveBoard, str]:
        """The whole answer, or the board and what is wanted of it."""
        match = BOARD_PATH.fullmatch(path)
        if match is None and path not in (ALIVE_PATH, READY_PATH):
            return answers.NOT_FOUND
        if method == "OPTIONS":
            return answers.OPTIONS
        if method not in ("GET", "HEAD"):
            return answers.METHOD_NOT_ALLOWED
        if match is None:
            return answers.ALIVE if path == ALIVE_PATH else self._readiness(headers)
        if self._keeper is None or not self._keeper.has_started:
            return answers.STARTING
        board = self._keeper.find(match[1], match[2])
        return answers.UNKNOWN_PHASE if board is None else (board, match[3])

    def _readiness(self, headers: Mapping[bytes, bytes]) -> Answer:
        keeper = self._keeper
        shown = headers.get(b"authorization", b"")
        return answers.readiness(
            database=keeper is not None and keeper.is_fresh,
            redis=keeper is not None and keeper.announcements.connected,
            boards=0 if keeper is None else len(keeper),
            streams=len(self._streams),
            in_detail=self._authorization is not None and compare_digest(shown, self._authorization),
        )

    # --- life -----------------------------------------------------------------------------------------------

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self._keeper = Keeper(self._redis_url, on_gone=self._streams.end)
        lives = (self._keeper.keep(), self._streams.beat(), garbage.collect())
        tasks = [asyncio.create_task(life) for life in lives]
        for task in tasks:
            task.add_done_callback(_tell_of_a_fault)
        self._send_streams_away_on_signals()
        garbage.settle()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._streams.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await send({"type": "lifespan.shutdown.complete"})

    def _send_streams_away_on_signals(self) -> None:
        """uvicorn waits for open responses before it tells the application to stop: streams must end before.

        So its signal handlers are called as ever, and ours with them.
        """
        if threading.current_thread() is not threading.main_thread():
            return
        close = partial(asyncio.get_running_loop().call_soon_threadsafe, self._streams.close)
        for number in (signal.SIGTERM, signal.SIGINT):
            before = signal.getsignal(number)
            if callable(before):
                signal.signal(number, _both(close, before))


def _both(
    close: Callable[[], object], before: Callable[[int, FrameType | None], Any]
) -> Callable[[int, FrameType | None], None]:
    def on_signal(number: int, frame: FrameType | None) -> None:
        close()
        before(number, frame)

    return on_signal


def _tell_of_a_fault(task: asyncio.Task[None]) -> None:
    # Readiness turns to 503 by itself: nobody compares boards with the database any more.
    if not task.cancelled() and (fault := task.exception()) is not None:
        logger.critical("the live boards are no longer kept", exc_info=fault)


async def _send_answer(send: Send, answer: Answer, shared: Headers) -> None:
    headers = [*answer.headers, *shared]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def _last_id(headers: Mapping[bytes, bytes], query: bytes) -> str:
    """The last event that a client has: a browser coming back says it by header, a page by ``?last=``."""
    if (sent := headers.get(b"last-event-id")) is None:
        # A query of hostile length or shape is one that says nothing.
        fields = query[:500].decode("latin-1").split("&")
        sent = next((field[5:] for field in fields if field.startswith("last=")), "").encode("latin-1")
    return sent[:LONGEST_ID].decode("latin-1")
