"""Whether a backend does its work now: our model is served, and it completes the smallest of requests.

Asked after a fault and while evaluations wait: a server that lists its models may still complete nothing.
"""

from __future__ import annotations

import asyncio

from scoring.errors import BackendUnavailable
from scoring.inference.backend import BackendSettings
from scoring.inference.describe import describe
from scoring.inference.openai import OpenAIBackend
from scoring.values import CompletionRequest, Message, Sampling

# Nobody's prompt and no case. One token: it must cost next to nothing.
QUESTION = "Di sí."
REQUEST = CompletionRequest(
    messages=(Message(role="user", content=QUESTION),), sampling=Sampling(max_output_tokens=1)
)


async def probe(settings: BackendSettings, *, timeout_s: float) -> None:
    """Come back once it has answered; raises a BackendFault when it has not within ``timeout_s``."""
    try:
        async with asyncio.timeout(timeout_s):
            await describe(settings, timeout_s=timeout_s)
            async with OpenAIBackend(settings) as backend:
                await backend.complete(REQUEST)
    except TimeoutError as expired:
        raise BackendUnavailable(f"no answer to a probe within {timeout_s:g} s") from expired
