"""Asks the inference server how many tokens it reads in a conversation: nothing is generated.

vLLM counts a conversation by itself: ``POST /tokenize {"model", "messages"}`` -> ``{"count"}``. llama.cpp
counts texts: ``POST /apply-template {"messages"}`` -> ``{"prompt"}``, then ``POST /tokenize {"content"}`` ->
``{"tokens"}``. Both lie beside ``/v1``, not below it. A server without them can still be asked to complete;
whoever asks here then goes on with an estimate.
Source: https://docs.vllm.ai/en/latest/serving/openai_compatible_server/ and llama.cpp's tools/server/README.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from scoring.errors import BackendFault, BackendProtocolError, BackendUnavailable
from scoring.inference import chat_formats
from scoring.inference.backend import BackendSettings
from scoring.inference.openai import http_client
from scoring.inference.refusals import fault_of_response
from scoring.inference.token_counts import CountBasis, TokenCount
from scoring.values import Message

Counted = tuple[list[TokenCount], BackendFault | None]


async def count(
    settings: BackendSettings, conversations: Sequence[Sequence[Message]], *, timeout_s: float
) -> Counted:
    """The counts of the first conversations, as many as were told within ``timeout_s`` altogether.

    With them comes the fault that ended it before the last one, None where there was none. A conversation
    that the chat format cannot express ends it too: it could not be asked either.
    """
    told: list[TokenCount] = []
    try:
        async with asyncio.timeout(timeout_s), http_client(settings) as client:
            for messages in conversations:
                tokens = await _count(client, settings, messages)
                told.append(TokenCount(low=tokens, high=tokens, basis=CountBasis.BACKEND))
    except BackendFault as fault:
        return told, fault
    except (httpx.HTTPError, TimeoutError) as fault:
        return told, BackendUnavailable(f"{type(fault).__name__} at {settings.url}")
    except (ValueError, TypeError, KeyError, AttributeError) as fault:
        return told, BackendProtocolError(f"tokens cannot be counted: {type(fault).__name__}")
    return told, None


async def _count(client: httpx.AsyncClient, settings: BackendSettings, messages: Sequence[Message]) -> int:
    if settings.dialect == "completion":
        return await _count_text(client, settings, chat_formats.render(messages, settings.chat_format))
    chat_formats.check(messages, settings.chat_format)
    conversation = {"messages": [{"role": turn.role, "content": turn.content} for turn in messages]}
    answer = await _asked(client, settings, "tokenize", conversation)
    if "count" in answer:
        return _whole(answer["count"])
    # llama.cpp: it knows no messages here, and has counted the text that was not there.
    prompt = (await _asked(client, settings, "apply-template", conversation))["prompt"]
    if not isinstance(prompt, str):
        raise TypeError("a prompt that is no text")
    return await _count_text(client, settings, prompt)


async def _count_text(client: httpx.AsyncClient, settings: BackendSettings, text: str) -> int:
    """A whole prompt: ``content`` is llama.cpp's name for it, ``prompt`` vLLM's."""
    body = {"content": text, "prompt": text, "add_special": True, "parse_special": True}
    answer = await _asked(client, settings, "tokenize", body)
    return _whole(answer["count"] if "count" in answer else len(answer["tokens"]))


def _whole(count: Any) -> int:
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise ValueError("no number of tokens")
    return count


async def _asked(
    client: httpx.AsyncClient, settings: BackendSettings, name: str, body: Mapping[str, Any]
) -> Mapping[str, Any]:
    content = json.dumps({**settings.extra_body, "model": settings.model, **body}).encode()
    async with client.stream("POST", settings.beside(name), content=content) as response:
        if response.status_code != httpx.codes.OK:
            raise await fault_of_response(response)
        await response.aread()
        answer = response.json()
    if not isinstance(answer, Mapping):
        raise TypeError("an answer that is no object")
    return answer
