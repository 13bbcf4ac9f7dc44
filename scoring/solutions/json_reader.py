"""Typed values out of parsed JSON, for every kind of submission.

Each value that is wrong is noted as a problem and a stand-in is given for it, so that everything wrong with a
shape is told at once. What is missing or null has a default; whether that may be is the kind's check to say.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from scoring.solutions.characters import shown
from scoring.values import Problem

MAX_UNKNOWN_FIELDS = 20


class JsonReader:
    """Notes ``unknown_field`` (name, known), ``wrong_type`` (expected: text, number, integer, boolean, list
    or object), ``too_many`` (count, limit) and ``one_of`` (names)."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def fields(self, field: str, value: Any, known: tuple[str, ...]) -> Mapping[str, Any]:
        """An object with only these fields."""
        if not isinstance(value, Mapping):
            self._wrong_type(field or "content", "object")
            return {}
        unknown = sorted(str(name) for name in value if name not in known)
        for name in unknown[:MAX_UNKNOWN_FIELDS]:
            short = shown(name)
            dotted = f"{field}.{short}" if field else short
            self._note(dotted, "unknown_field", {"name": short, "known": known})
        return value

    def texts_by_name(self, field: str, value: Any, *, limit: int) -> dict[str, str]:
        """An object whose every value is a text."""
        if not isinstance(value, Mapping):
            self._wrong_type(field, "object")
            return {}
        if len(value) > limit:
            self._note(field, "too_many", {"count": len(value), "limit": limit})
            return {}
        return {str(name): self.text(f"{field}.{shown(str(name))}", text) for name, text in value.items()}

    def items(self, field: str, value: Any, *, limit: int) -> Sequence[Any]:
        if not isinstance(value, list | tuple):
            self._wrong_type(field, "list")
            return ()
        if len(value) > limit:
            self._note(field, "too_many", {"count": len(value), "limit": limit})
            return ()
        return value

    def text(self, field: str, value: Any) -> str:
        """Line breaks become ``\\n``, whatever the browser sent."""
        if not isinstance(value, str):
            self._wrong_type(field, "text")
            return ""
        return value.replace("\r\n", "\n").replace("\r", "\n")

    def text_or_none(self, field: str, value: Any) -> str | None:
        return None if value is None else self.text(field, value)

    def texts(self, field: str, value: Any, *, limit: int) -> tuple[str, ...]:
        items = self.items(field, value, limit=limit)
        return tuple(self.text(f"{field}.{index}", item) for index, item in enumerate(items))

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

    def flag(self, field: str, value: Any) -> bool:
        if not isinstance(value, bool):
            self._wrong_type(field, "boolean")
            return False
        return value

    def exactly_one(self, field: str, given: Mapping[str, Any], names: tuple[str, ...]) -> bool:
        """Whether one of these fields, and only one, is there and not null."""
        if sum(given.get(name) is not None for name in names) == 1:
            return True
        self._note(field, "one_of", {"names": names})
        return False

    def _wrong_type(self, field: str, expected: str) -> None:
        self._note(field, "wrong_type", {"expected": expected})

    def _note(self, field: str, code: str, params: Mapping[str, str | int | float | tuple[str, ...]]) -> None:
        self.problems.append(Problem(field=field, code=code, params=params))
