"""The ``prompt`` kind as the registry offers it: one call, whose text is the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scoring.solutions import json_schema, one_call, prompt
from scoring.solutions.outputs import without_marks
from scoring.solutions.prompt_json import decode, encode
from scoring.values import (
    CallBound,
    CompletionRequest,
    ContentLimits,
    Done,
    Message,
    Problem,
    PromptContent,
    PublicCase,
)

__all__ = ["check", "decode", "encode", "next_request", "resolve", "schema", "worst_case"]


def check(
    content: PromptContent,
    *,
    limits: ContentLimits,
    slots: Sequence[str],
    pool: Mapping[str, PublicCase],
) -> tuple[Problem, ...]:
    """The problems of ``prompt.check``; ``pool`` is for other kinds."""
    return prompt.check(content, limits=limits, slots=slots)


def resolve(content: PromptContent, *, pool: Mapping[str, PublicCase]) -> PromptContent:
    """A prompt takes nothing from the public cases."""
    return content


def next_request(
    content: PromptContent, *, inputs: Mapping[str, str], texts: Sequence[str]
) -> CompletionRequest | Done:
    """The one call of a case, or its answer once that call's text is there. ``ValueError`` for more texts."""
    return one_call.next_request(_messages(content, inputs), content.sampling, texts)


def worst_case(content: PromptContent, *, inputs: Mapping[str, str]) -> tuple[CallBound, ...]:
    """What the one call of a case with these inputs can cost at most."""
    return one_call.worst_case(_messages(content, inputs), content.sampling)


def _messages(content: PromptContent, inputs: Mapping[str, str]) -> tuple[Message, ...]:
    """Harmless: a mark can be put together from a template's half and a case's text."""
    return tuple(
        Message(role=message.role, content=without_marks(message.content))
        for message in prompt.render(content, inputs=inputs)
    )


def schema() -> dict[str, Any]:
    """The JSON Schema of the shape that ``prompt_json`` reads."""
    return json_schema.document("prompt", json_schema.prompt_fields())
