"""The JSON shape of a ``prompt`` submission, read strictly and written in one way only.

    {"system": "…", "user": "…", "sampling": {"temperature": 0.0, "top_p": 1.0, "max_output_tokens": 64,
                                               "stop": ["\\n"], "seed": 0}}

Every door hands in this shape. Only its types are looked at here; whether the prompt may be evaluated is
``prompt.check``'s to say.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from scoring.solutions.characters import shown
from scoring.values import Problem, PromptContent, Sampling

DEFAULT_MAX_OUTPUT_TOKENS = 64
CONTENT_FIELDS = ("system", "user", "sampling")
SAMPLING_FIELDS = ("temperature", "top_p", "max_output_tokens", "stop", "seed")
MAX_UNKNOWN_FIELDS = 20
MAX_STOP_ITEMS = 100


def decode(raw: Mapping[str, Any]) -> tuple[PromptContent | None, tuple[Problem, ...]]:
    """The content, or None and every problem of shape.

    Codes and params: ``unknown_field`` (name, known), ``wrong_type`` (expected: text, number, integer, list
    or object), ``too_many`` (count, limit). A missing ``system`` is empty, a missing ``user`` too
    (``check`` then says that it is required), and each missing sampling value has its default. Line breaks
    become ``\\n``, whatever the browser sent.
    """
    reader = _Reader()
    content_fields = reader.mapping("", raw, CONTENT_FIELDS)
    sampling_fields = reader.mapping("sampling", content_fields.get("sampling", {}), SAMPLING_FIELDS)
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
            stop=reader.texts("sampling.stop", sampling_fields.get("stop", [])),
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


class _Reader:
    """Reads typed values out of parsed JSON; notes each that is wrong and goes on with a stand-in."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def mapping(self, field: str, value: Any, known: tuple[str, ...]) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            self._wrong_type(field or "content", "object")
            return {}
        unknown = sorted(str(name) for name in value if name not in known)
        for name in unknown[:MAX_UNKNOWN_FIELDS]:
            short = shown(name)
            dotted = f"{field}.{short}" if field else short
            self.problems.append(
                Problem(field=dotted, code="unknown_field", params={"name": short, "known": known})
            )
        return value

    def text(self, field: str, value: Any) -> str:
        if not isinstance(value, str):
            self._wrong_type(field, "text")
            return ""
        return value.replace("\r\n", "\n").replace("\r", "\n")

    def texts(self, field: str, value: Any) -> tuple[str, ...]:
        if not isinstance(value, list | tuple):
            self._wrong_type(field, "list")
            return ()
        if len(value) > MAX_STOP_ITEMS:
            params = {"count": len(value), "limit": MAX_STOP_ITEMS}
            self.problems.append(Problem(field=field, code="too_many", params=params))
            return ()
        return tuple(self.text(f"{field}.{index}", item) for index, item in enumerate(value))

    def integer(self, field: str, value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            self._wrong_type(field, "integer")
            return 0
        return value

    def number(self, field: str, value: Any) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool):
            self._wrong_type(field, "number")
            return 0.0
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        # JSON's NaN and Infinity, and a whole number that no float can hold, are no numbers to sample with.
        if not math.isfinite(number):
            self._wrong_type(field, "number")
            return 0.0
        # -0.0 becomes 0.0: they are equal, so they must be written the same.
        return number + 0.0

    def _wrong_type(self, field: str, expected: str) -> None:
        self.problems.append(Problem(field=field, code="wrong_type", params={"expected": expected}))
