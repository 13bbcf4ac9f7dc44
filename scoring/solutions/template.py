"""The template language of submissions: plain text with ``{{ name }}`` slots, and nothing else.

Checks and previews parse, the evaluation renders. A rendered value is never looked at again, so a case's text
cannot bring slots of its own; there are no expressions, no attributes and no includes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from scoring.errors import TemplateSyntaxError
from scoring.solutions.characters import MAX_SHOWN_CHARACTERS, shown
from scoring.values import Problem

OPENING = "{{"
SLOT = re.compile(r"\{\{[ \t]*(?P<name>[a-z][a-z0-9_]*)[ \t]*\}\}")
# More than a person mends in one go; keeps the report of a hostile text short.
MAX_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Slot:
    """A place to be filled: its name and the line (1-based) that it stands on."""

    name: str
    line: int


@dataclass(frozen=True, slots=True)
class Template:
    """Literal text and slots in order; two templates of the same text are equal."""

    parts: tuple[str | Slot, ...]

    @property
    def slots(self) -> tuple[str, ...]:
        """The names used, each once, in order of first use."""
        return tuple(dict.fromkeys(part.name for part in self.parts if isinstance(part, Slot)))

    def render(self, inputs: Mapping[str, str]) -> str:
        """The text with every slot filled, in one pass. Raises ``KeyError`` for a slot that has no input."""
        return "".join(inputs[part.name] if isinstance(part, Slot) else part for part in self.parts)

    def first_line_of(self, name: str) -> int:
        """The line on which a slot of this template first stands."""
        return next(part.line for part in self.parts if isinstance(part, Slot) and part.name == name)


def parse(text: str, *, field: str = "template") -> Template:
    """Split a text into literals and slots.

    A lone brace and a stray ``}}`` are text; ``{{`` always opens a slot. Raises ``TemplateSyntaxError``
    with a ``bad_slot_syntax`` problem (``found``, ``line``) for each opening that is no slot, up to
    ``MAX_PROBLEMS``; ``field`` is the name they carry.

    >>> parse("Hola, {{ nombre }}").render({"nombre": "{{ otro }}"})
    'Hola, {{ otro }}'
    """
    parts: list[str | Slot] = []
    problems: list[Problem] = []
    for part in _split(text):
        if isinstance(part, _BadSlot):
            problems.append(
                Problem(field=field, code="bad_slot_syntax", line=part.line, params={"found": part.found})
            )
        elif part:
            parts.append(part)
        if len(problems) == MAX_PROBLEMS:
            break
    if problems:
        raise TemplateSyntaxError(problems)
    return Template(tuple(parts))


@dataclass(frozen=True, slots=True)
class _BadSlot:
    found: str
    line: int


def _split(text: str) -> Iterator[str | Slot | _BadSlot]:
    position, line = 0, 1
    while (opening := text.find(OPENING, position)) >= 0:
        yield text[position:opening]
        line += text.count("\n", position, opening)
        slot = SLOT.match(text, opening)
        if slot:
            yield Slot(name=slot["name"], line=line)
            position = slot.end()
        else:
            yield _BadSlot(found=_found(text, opening), line=line)
            position = opening + len(OPENING)
    yield text[position:]


def _found(text: str, opening: int) -> str:
    """What stands at an opening, up to its ``}}`` or its line's end, short and printable."""
    line = text[opening : opening + MAX_SHOWN_CHARACTERS].split("\n")[0]
    closing = line.find("}}")
    return shown(line if closing < 0 else line[: closing + 2])
