"""A backend behind the OpenAI HTTP interface: vLLM, llama.cpp, and whatever else speaks it.

One object is one caller's connection; the harness makes one for each of its tasks, because a client shared by
many costs more processor time than the requests themselves. Every way in which a server can fail to answer
ends in one of the ``BackendFault`` kinds, never in an empty answer. Nothing here retries; that is the
harness's.
"""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from types import TracebackType
from typing import Any, Self

import httpx

from scoring.errors import BackendProtocolError, BackendRefused, BackendUnavailable
from scoring.inference.backend import BackendSettings
from scoring.inference.dialects import DIALECTS, TextOf, body
from scoring.inference.event_stream import EventStream
from scoring.inference.refusals import fault_of_response
from scoring.values import Completion, CompletionRequest

# Far above what a phase lets a model write; a server gone mad is cut off here.
MOST_BYTES = 16_000_000
DONE = b"[DONE]"
UNFIT_CONVERSATION = "unfit_conversation"
# Whatever else ends an answer (abort, error, content_filter, tool_calls) did not end it whole.
WHOLE_ENDINGS = ("stop", "length")


class _StaleConnection(Exception):
    """The server had closed a connection that it had promised to keep: nothing was asked of it yet."""


class OpenAIBackend:
    """See ``Backend``. Use it as an async context manager; one request at a time."""

    def __init__(self, settings: BackendSettings) -> None:
        self._settings = settings
        self._rules = DIALECTS[settings.dialect]
        self._address = settings.address(self._rules.path)
        self._client = http_client(settings)
        # llama.cpp closes a connection after each stream without saying so; vLLM keeps it.
        self._keeps_connection = True
        self._is_kept = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def complete(self, request: CompletionRequest) -> Completion:
        """One answer, streamed.

        Raises BackendUnavailable, BackendProtocolError, and BackendRefused, which is also what becomes of a
        conversation that the chat format cannot express: it is never sent.
        """
        content = self._encoded(request)
        try:
            try:
                return await self._ask(content)
            except _StaleConnection:
                # It is never reused again, so this cannot come twice.
                self._keeps_connection = False
                return await self._ask(content)
        except httpx.TransportError as fault:
            raise BackendUnavailable(f"{type(fault).__name__} at {self._settings.url}") from fault
        except httpx.HTTPError as fault:
            raise BackendProtocolError(f"{type(fault).__name__} at {self._settings.url}") from fault

    async def _ask(self, content: bytes) -> Completion:
        answer = _Answer(started=time.perf_counter())
        async with self._response(content) as response:
            if response.status_code != httpx.codes.OK:
                raise await fault_of_response(response)
            if not response.headers.get("content-type", "").startswith("text/event-stream"):
                raise BackendProtocolError("status 200, but no event stream")
            async for event in _events(response):
                answer.take(event, self._rules.text_of)
        return answer.completed()

    @asynccontextmanager
    async def _response(self, content: bytes) -> AsyncIterator[httpx.Response]:
        """The head of the answer. Raises _StaleConnection where a kept connection turns out to be closed."""
        headers = {} if self._keeps_connection else {"Connection": "close"}
        was_kept, self._is_kept = self._is_kept, False
        request = self._client.build_request("POST", self._address, content=content, headers=headers)
        try:
            response = await self._client.send(request, stream=True)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError) as fault:
            if was_kept:
                raise _StaleConnection from fault
            raise
        self._is_kept = self._keeps_connection
        try:
            yield response
        finally:
            await response.aclose()

    def _encoded(self, request: CompletionRequest) -> bytes:
        try:
            return json.dumps(body(request, self._settings), ensure_ascii=False).encode()
        except ValueError as unfit:
            raise BackendRefused(type=UNFIT_CONVERSATION, message=str(unfit)) from unfit


def http_client(settings: BackendSettings) -> httpx.AsyncClient:
    """One connection that is kept; no proxies of the environment: the only address is the settings'."""
    return httpx.AsyncClient(
        headers={**settings.headers, "Content-Type": "application/json", "Accept-Encoding": "identity"},
        timeout=httpx.Timeout(settings.read_timeout_s, connect=settings.connect_timeout_s),
        limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
        verify=_trusted(),
        trust_env=False,
    )


@cache
def _trusted() -> ssl.SSLContext:
    """Reading the certificates takes 20 ms: once a process, not once a connection."""
    return httpx.create_ssl_context()


async def _events(response: httpx.Response) -> AsyncIterator[bytes]:
    stream, received = EventStream(), 0
    async for piece in response.aiter_raw():
        received += len(piece)
        if received > MOST_BYTES:
            raise BackendProtocolError("the answer has no end")
        for event in stream.feed(piece):
            yield event


class _Answer:
    """Takes the events of one stream and, at its end, makes the completion of them."""

    def __init__(self, *, started: float) -> None:
        self._started = started
        self._first_token_ms: float | None = None
        self._texts: list[str] = []
        self._finish_reason = ""
        self._model = ""
        self._usage: Mapping[str, Any] = {}

    def take(self, event: bytes, text_of: TextOf) -> None:
        if event == DONE:
            return
        try:
            piece = json.loads(event)
            if "error" in piece:
                raise BackendProtocolError("an error under status 200")
            for choice in piece["choices"]:
                self._take_choice(choice, text_of)
            self._model = piece.get("model") or self._model
            self._usage = piece.get("usage") or self._usage
        except (ValueError, TypeError, KeyError, AttributeError) as fault:
            raise BackendProtocolError(
                f"a piece of the stream cannot be read: {type(fault).__name__}"
            ) from fault

    def _take_choice(self, choice: Mapping[str, Any], text_of: TextOf) -> None:
        text = text_of(choice)
        if not isinstance(text, str):
            raise TypeError("text that is no text")
        if text:
            if self._first_token_ms is None:
                self._first_token_ms = self._elapsed_ms()
            self._texts.append(text)
        self._finish_reason = choice.get("finish_reason") or self._finish_reason

    def completed(self) -> Completion:
        """Raises BackendProtocolError where the stream ended before everything had been said."""
        if self._finish_reason not in WHOLE_ENDINGS:
            # Not in the server's words, which may be anybody's: this goes into logs.
            how = "cut" if not self._finish_reason else "ended in another way than by stop or length"
            raise BackendProtocolError(f"the answer was not finished ({how})")
        text = "".join(self._texts)
        prompt_tokens, completion_tokens = (
            self._count(name) for name in ("prompt_tokens", "completion_tokens")
        )
        if prompt_tokens == 0 or (text and completion_tokens == 0):
            raise BackendProtocolError("tokens were not counted")
        duration_ms = self._elapsed_ms()
        return Completion(
            text=text,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            cached_tokens=self._cached_tokens(),
            finish_reason=self._finish_reason,
            model=self._model,
            first_token_ms=duration_ms if self._first_token_ms is None else self._first_token_ms,
            duration_ms=duration_ms,
        )

    def _count(self, name: str) -> int:
        count = self._usage.get(name)
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            raise BackendProtocolError(f"usage says no {name}")
        return count

    def _cached_tokens(self) -> int:
        details = self._usage.get("prompt_tokens_details")
        cached = details.get("cached_tokens") if isinstance(details, Mapping) else 0
        return cached if isinstance(cached, int) and cached > 0 else 0

    def _elapsed_ms(self) -> float:
        return (time.perf_counter() - self._started) * 1000
