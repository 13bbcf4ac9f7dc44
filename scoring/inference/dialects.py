"""The two OpenAI dialects: what is sent, and where in a piece of the stream the text lies.

``openai.OpenAIBackend`` picks one by its settings. A dialect is pure: bodies in, texts out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from scoring.inference import chat_formats
from scoring.inference.backend import BackendSettings
from scoring.values import CompletionRequest

TextOf = Callable[[Mapping[str, Any]], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DialectRules:
    """``path`` below ``/v1``; ``conversation`` makes the part of the body that only this dialect has.

    ``text_of`` takes one element of ``choices`` and gives its text, "" for none. Raises ``TypeError``,
    ``KeyError`` or ``AttributeError`` where the element has another shape.
    """

    path: str
    conversation: Callable[[CompletionRequest, BackendSettings], dict[str, Any]]
    text_of: TextOf


def body(request: CompletionRequest, settings: BackendSettings) -> dict[str, Any]:
    """The JSON of one request. Raises ``ValueError`` for a conversation that the format cannot express."""
    sampling = request.sampling
    ours: dict[str, Any] = {
        "model": settings.model,
        "max_tokens": sampling.max_output_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": sampling.seed,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if sampling.stop:
        ours["stop"] = list(sampling.stop)
    return {**settings.extra_body, **ours, **DIALECTS[settings.dialect].conversation(request, settings)}


def _chat(request: CompletionRequest, settings: BackendSettings) -> dict[str, Any]:
    chat_formats.check(request.messages, settings.chat_format)
    return {"messages": [{"role": turn.role, "content": turn.content} for turn in request.messages]}


def _chat_text(choice: Mapping[str, Any]) -> str:
    # The first piece has a role and no content, the last neither.
    return choice["delta"].get("content") or ""


def _completion(request: CompletionRequest, settings: BackendSettings) -> dict[str, Any]:
    made: dict[str, Any] = {"prompt": chat_formats.render(request.messages, settings.chat_format)}
    if stop := [*request.sampling.stop, *chat_formats.stops(settings.chat_format)]:
        made["stop"] = stop
    return made


def _completion_text(choice: Mapping[str, Any]) -> str:
    return choice["text"] or ""


DIALECTS: Mapping[str, DialectRules] = {
    "chat": DialectRules(path="chat/completions", conversation=_chat, text_of=_chat_text),
    "completion": DialectRules(path="completions", conversation=_completion, text_of=_completion_text),
}
