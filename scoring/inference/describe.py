"""Asks a backend which model it serves: before anything runs on it, and to see whether it is there at all."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from scoring.errors import BackendProtocolError, BackendUnavailable
from scoring.inference.backend import BackendSettings
from scoring.inference.openai import http_client
from scoring.inference.refusals import fault_of_response

SHOWN_NAMES = 10
# The list is in a server's memory: one that is well gives it at once.
TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendDescription:
    """The model that will answer. ``revision`` is what the settings vouch for: servers do not tell theirs."""

    model: str
    revision: str


async def describe(settings: BackendSettings, *, timeout_s: float = TIMEOUT_S) -> BackendDescription:
    """Ask for the list of models and look for ours in it, within ``timeout_s`` altogether.

    Raises BackendUnavailable when nobody answers, and also when our model is not served: llama.cpp does not
    refuse a wrong name, and an evaluation by another model would be a wrong score. Raises
    BackendProtocolError for an answer that is no list of models.
    """
    try:
        async with (
            asyncio.timeout(timeout_s),
            http_client(settings) as client,
            client.stream("GET", settings.address("models")) as response,
        ):
            if response.status_code != httpx.codes.OK:
                raise await fault_of_response(response)
            await response.aread()
            names = set(_names(response.json()))
    except (httpx.HTTPError, TimeoutError) as fault:
        raise BackendUnavailable(f"{type(fault).__name__} at {settings.url}") from fault
    except (ValueError, TypeError, KeyError, AttributeError) as fault:
        raise BackendProtocolError("the list of models cannot be read") from fault
    if settings.model not in names:
        shown = ", ".join(sorted(names)[:SHOWN_NAMES]) or "none"
        raise BackendUnavailable(
            f"the backend does not serve {settings.model}; it serves {shown}", may_pass=False
        )
    return BackendDescription(model=settings.model, revision=settings.revision)


def _names(listed: Any) -> Iterator[str]:
    """Ids, and the aliases that llama.cpp lists beside them."""
    for entry in listed["data"]:
        yield str(entry["id"])
        yield from map(str, entry.get("aliases") or [])
