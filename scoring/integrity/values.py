"""What the rules of integrity take and give."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from scoring.integrity.reading import folded, squeezed


class Rule(StrEnum):
    """What was seen. Only organizers are told it; ``scoring.integrity.FLAG`` stands for all of them."""

    CANARY = "canary"
    PRIVATE_TEXT = "private-text"
    ANSWERS = "answers"
    ANSWERS_IN_ORDER = "answers-in-order"
    INJECTION = "injection"


class Where(StrEnum):
    PROMPT = "prompt"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing seen, for an organizer's eye alone: ``what`` and ``keys`` may tell private cases.

    ``reading`` is how the text was read when it was seen: "plain", or one of ``reading.READINGS``.
    """

    rule: Rule
    where: Where
    what: str
    reading: str = "plain"
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateCase:
    """A case that only organizers know. ``answers`` are all texts that are right, the expected one first."""

    key: str
    inputs: tuple[str, ...]
    answers: tuple[str, ...]
    canary: str = ""


@dataclass(frozen=True, kw_only=True)
class Background:
    """What everybody may know and quote: public cases and their answers, statement, slots, examples."""

    texts: tuple[str, ...] = ()

    @cached_property
    def squeezed(self) -> str:
        # Texts are kept apart: what two of them have only together was never public.
        return "\n".join(squeezed(text) for text in self.texts)

    @cached_property
    def words(self) -> str:
        return f" {' | '.join(folded(text) for text in self.texts)} "


def texts_of(value: Any) -> Iterator[str]:
    """Every text and number in a JSON value, in its order; numbers as they are written.

    >>> list(texts_of({"plazo": "P10D", "partes": ["Ana", 12, None, True]}))
    ['P10D', 'Ana', '12']
    """
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from texts_of(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from texts_of(each)
    elif value is not None and not isinstance(value, bool):
        yield str(value)
