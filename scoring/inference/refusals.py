"""What an answer with another status than 200 means: whose fault it is, and whether to try again.

Servers write errors in several shapes: ``{"error": {"type", "message"}}`` (OpenAI, llama.cpp, newer vLLM) and
the same fields at the top (older vLLM). Anything else is told by its status alone.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

import httpx

from scoring.errors import (
    CONTEXT_TOO_LONG,
    BackendFault,
    BackendProtocolError,
    BackendRefused,
    BackendUnavailable,
)

# vLLM and OpenAI have no slug of their own for it.
CONTEXT_PHRASES = ("maximum context length", "context_length_exceeded", "exceeds the available context")
# Understood, and refused for what it asks; everything else below 500 is about who asks or where.
ABOUT_THE_REQUEST = (400, 413, 422)
TRY_AGAIN = (408, 425, 429)
MOST_ERROR_BYTES = 65_536
LONGEST_WAIT_S = 60.0
SLUG = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,79}")


async def fault_of_response(response: httpx.Response) -> BackendFault:
    """The fault to raise for a response that is no 200; reads at most 64 KiB of it."""
    status = response.status_code
    if status in ABOUT_THE_REQUEST:
        error = _error_in(await _beginning(response))
        return BackendRefused(type=_type_of(error, status), message=str(error.get("message", "")))
    if status in TRY_AGAIN or status >= 500:
        return BackendUnavailable(f"status {status}", status=status, retry_after_s=_retry_after_s(response))
    if status >= 400:
        return BackendUnavailable(
            f"status {status}: check the backend's address and key", status=status, may_pass=False
        )
    return BackendProtocolError(f"status {status} instead of an answer")


async def _beginning(response: httpx.Response) -> bytes:
    body = b""
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > MOST_ERROR_BYTES:
            break
    return body


def _error_in(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    if not isinstance(found, Mapping):
        return {}
    error = found.get("error", found)
    return error if isinstance(error, Mapping) else {"message": error}


def _type_of(error: Mapping[str, Any], status: int) -> str:
    said = " ".join(str(error.get(name, "")) for name in ("type", "code", "message"))
    if CONTEXT_TOO_LONG in said or any(phrase in said for phrase in CONTEXT_PHRASES):
        return CONTEXT_TOO_LONG
    named = error.get("type")
    # A slug and nothing else: a server's own words may quote a prompt or a case, and this goes into logs.
    return named if isinstance(named, str) and SLUG.fullmatch(named) else f"status_{status}"


def _retry_after_s(response: httpx.Response) -> float | None:
    """Seconds alone: a date would need a clock, and no inference server sends one."""
    try:
        seconds = float(response.headers.get("retry-after", ""))
    except ValueError:
        return None
    return min(seconds, LONGEST_WAIT_S) if math.isfinite(seconds) and seconds >= 0 else None
