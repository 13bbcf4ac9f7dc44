"""A fault injector: an HTTP server that answers as it is told, the way broken inference servers do.

It runs in a thread with an event loop of its own, speaks just enough HTTP/1.1, and counts what it sees. Tests
use it for the faults that a healthy model server cannot be made to show.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from scoring.inference.probe import QUESTION

Ending = Literal["whole", "cut", "reset", "hang"]
MODEL = "modelo-de-prueba"


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request: ``number`` counts from 0 over the server's life."""

    number: int
    method: str
    path: str
    headers: Mapping[str, str]
    body: Any

    @property
    def prompt(self) -> str:
        """The last turn of a chat request."""
        return str(self.body["messages"][-1]["content"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is sent back. ``pieces`` go out one by one; ``ending`` says what happens after the last.

    "cut" closes the connection in the middle of the body, "reset" tears it down, "hang" keeps it silent.
    ``gate`` is waited for before anything is sent. ``status`` 0 closes without a word.
    """

    pieces: Sequence[bytes] = ()
    status: int = 200
    content_type: str = "text/event-stream"
    headers: Mapping[str, str] = field(default_factory=dict)
    ending: Ending = "whole"
    gate: threading.Event | None = None


Script = Callable[[Received], Answer]


def event(payload: Any) -> bytes:
    return b"data: " + (payload if isinstance(payload, bytes) else json.dumps(payload).encode()) + b"\n\n"


def chat_events(
    text: str = "sí",
    *,
    finish_reason: str | None = "stop",
    usage: Mapping[str, Any] | None = None,
    done: bool = True,
) -> list[bytes]:
    """The events of a whole chat answer, a character a piece, as vLLM and llama.cpp write them."""
    base = {"object": "chat.completion.chunk", "model": MODEL}
    usage = {"prompt_tokens": 7, "completion_tokens": len(text) + 1} if usage is None else usage
    events: list[dict[str, Any]] = [
        {**base, "choices": [{"index": 0, "delta": {"role": "assistant", "content": None}}]}
    ]
    events += [{**base, "choices": [{"index": 0, "delta": {"content": letter}}]} for letter in text]
    if finish_reason is not None:
        events.append({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": finish_reason}]})
    if usage:
        events.append({**base, "choices": [], "usage": dict(usage)})
    return [*map(event, events), *([event(b"[DONE]")] if done else [])]


def models(*names: str) -> Answer:
    listed = json.dumps({"object": "list", "data": [{"id": name} for name in names or (MODEL,)]})
    return Answer(pieces=[listed.encode()], content_type="application/json")


def answering(*answers: Answer) -> Script:
    """The answers in turn, the last one for ever; the list of models is answered as by a healthy server."""

    def script(received: Received) -> Answer:
        if received.path.endswith("/models"):
            return models()
        return answers[min(received.number, len(answers) - 1)]

    return script


def is_probe(received: Received) -> bool:
    return bool(received.body) and "messages" in received.body and received.prompt == QUESTION


class ScriptedBackend:
    """``received`` holds every request for an answer to a case, in order of arrival.

    Those for the list of models are not counted, and ``probes`` counts those of our own small prompt.
    """

    def __init__(self, script: Script) -> None:
        self.script = script
        self.received: list[Received] = []
        self.probes = 0
        self.in_flight = 0
        self.most_in_flight = 0
        self.connections = 0
        self.hung_up = threading.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="scripted-backend", daemon=True)
        self._server: asyncio.Server | None = None
        self.url = ""

    def start(self) -> None:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop
        ).result(10)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            while await self._answer_one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            self.hung_up.set()
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """True where the connection may carry another request."""
        received = await self._read(reader)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            answer = self.script(received)
            if answer.gate is not None:
                await self._loop.run_in_executor(None, answer.gate.wait, 30)
            return await self._send(answer, reader, writer)
        finally:
            self.in_flight -= 1

    async def _read(self, reader: asyncio.StreamReader) -> Received:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        raw = await reader.readexactly(int(headers.get("content-length", "0")))
        received = Received(
            number=len(self.received),
            method=method,
            path=path,
            headers=headers,
            body=json.loads(raw) if raw else None,
        )
        if is_probe(received):
            self.probes += 1
        elif not path.endswith("/models"):
            self.received.append(received)
        return received

    async def _send(self, answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if answer.status == 0:
            return False
        lines = {"Content-Type": answer.content_type, "Transfer-Encoding": "chunked", **answer.headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        writer.write(f"HTTP/1.1 {answer.status} Whatever\r\n{head}\r\n".encode())
        for piece in answer.pieces:
            writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            await writer.drain()
        if answer.ending == "whole":
            writer.write(b"0\r\n\r\n")
            await writer.drain()
            return True
        if answer.ending == "reset":
            writer.transport.abort()
        elif answer.ending == "hang":
            # Until the caller hangs up.
            await reader.read()
            self.hung_up.set()
        return False


@contextlib.contextmanager
def scripted_backend(script: Script) -> Iterator[ScriptedBackend]:
    server = ScriptedBackend(script)
    server.start()
    try:
        yield server
    finally:
        server.stop()
