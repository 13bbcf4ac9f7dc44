"""The JSON shape of a ``prompt`` submission, read strictly and written in one way only.

    {"system": "…", "user": "…", "sampling": {"temperature": 0.0, "top_p": 1.0, "max_output_tokens": 64,
                                               "stop": ["\\n"], "seed": 0}}

Every door hands in this shape. Only its types are looked at here; whether the prompt may be evaluated is
``prompt.check``'s to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scoring.solutions.json_reader import JsonReader
from scoring.values import Problem, PromptContent, Sampling

DEFAULT_MAX_OUTPUT_TOKENS = 64
CONTENT_FIELDS = ("system", "user", "sampling")
SAMPLING_FIELDS = ("temperature", "top_p", "max_output_tokens", "stop", "seed")
MAX_STOP_ITEMS = 100


def decode(raw: Mapping[str, Any]) -> tuple[PromptContent | None, tuple[Problem, ...]]:
    """The content, or None and every problem of shape.

    Codes and params: ``unknown_field`` (name, known), ``wrong_type`` (expected: text, number, integer, list
    or object), ``too_many`` (count, limit). A missing ``system`` is empty, a missing ``user`` too
    (``check`` then says that it is required), and each missing sampling value has its default. Line breaks
    become ``\\n``, whatever the browser sent.
    """
    reader = JsonReader()
    content_fields = reader.fields("", raw, CONTENT_FIELDS)
    sampling_fields = reader.fields("sampling", content_fields.get("sampling", {}), SAMPLING_FIELDS)
    content = PromptContent(
        system=reader.text("system", content_fields.get("system", "")),
        user=reader.text("user", content_fields.get("user", "")),
        sampling=Sampling(
            temperature=reader.number("sampling.temperature", sampling_fields.get("temperature", 0.0)),
            top_p=reader.number("sampling.top_p", sampling_fields.get("top_p", 1.0)),
            max_output_tokens=reader.integer(
                "sampling.max_output_tokens",
                sampling_fields.get("max_output_tokens", DEFAULT_MAX_OUTPUT_TOKENS),
            ),
            stop=reader.texts("sampling.stop", sampling_fields.get("stop", []), limit=MAX_STOP_ITEMS),
            seed=reader.integer("sampling.seed", sampling_fields.get("seed", 0)),
        ),
    )
    return (None if reader.problems else content), tuple(reader.problems)


def encode(content: PromptContent) -> dict[str, Any]:
    """The canonical shape: every field present, in one order. ``decode`` of it gives the content back."""
    sampling = content.sampling
    return {
        "system": content.system,
        "user": content.user,
        "sampling": {
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_output_tokens": sampling.max_output_tokens,
            "stop": list(sampling.stop),
            "seed": sampling.seed,
        },
    }
