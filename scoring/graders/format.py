"""The form of an answer, whatever it says: JSON, a list, one line, capitals, no digits, a table.

Reads all that the model wrote in its turn, without the blanks around it; nothing may stand before or behind
what is asked for, but a code fence may stand around JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

from scoring.errors import SpecError
from scoring.graders.reading.answers import own_turn
from scoring.graders.reading.remembered import remembered
from scoring.values import Grade

OPTIONS = frozenset({"kind", "items"})
MAX_ITEMS = 1000
FENCE = re.compile(r"```[a-z]*[ \t]*\n(.*)\n?```", re.IGNORECASE | re.DOTALL)
BULLET = re.compile(r"\s*[-*+•·–—][ \t]+\S")
NUMBER = re.compile(r"\s*(?:\*\*)?([0-9]{1,4})(?:[.)]-?|\.?[ºª][.)]?)(?:\*\*)?[ \t]+(?:\*\*)?\S")
TABLE_RULE = re.compile(r"\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?")


def check(*, spec: Mapping[str, Any], expected: Any) -> None:
    """spec ``{"kind": one of KINDS}``, and ``"items": 3`` for bullets and numbered; ``expected`` is null."""
    _rule(spec, expected)


def grade(*, spec: Mapping[str, Any], answer: str, expected: Any) -> Grade:
    """1 where the answer has the form (and as many items as asked for), else 0."""
    rule = _rule(spec, expected)
    read = own_turn(answer).strip()
    if not read:
        return Grade(value=Decimal(0), reason="La respuesta está vacía.")
    found = KINDS[rule.kind].count(read)
    if found is None:
        return Grade(value=Decimal(0), reason=f"La respuesta no es {KINDS[rule.kind].told}.")
    if rule.items is not None and found != rule.items:
        return Grade(value=Decimal(0), reason=f"Tiene {found} elementos y se piden {rule.items}.")
    return Grade(value=Decimal(1), reason=f"La respuesta es {KINDS[rule.kind].told}.")


def _json(text: str) -> int | None:
    fenced = FENCE.fullmatch(text)
    try:
        json.loads(fenced[1] if fenced else text, parse_constant=_refuse)
    except (ValueError, RecursionError):  # RecursionError: "[[[[…" deeper than any answer's JSON
        return None
    return 1


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)  # NaN and Infinity are Python's, and no JSON


def _bullets(text: str) -> int | None:
    lines = _lines(text)
    return len(lines) if all(BULLET.match(line) for line in lines) else None


def _numbered(text: str) -> int | None:
    numbers = [NUMBER.match(line) for line in _lines(text)]
    in_order = all(number and int(number[1]) == place for place, number in enumerate(numbers, start=1))
    return len(numbers) if in_order else None


def _one_line(text: str) -> int | None:
    return 1 if len(text.splitlines()) == 1 else None


def _uppercase(text: str) -> int | None:
    return 1 if text.isupper() else None


def _lowercase(text: str) -> int | None:
    return 1 if text.islower() else None


def _no_digits(text: str) -> int | None:
    return None if any(character.isnumeric() for character in text) else 1


def _table(text: str) -> int | None:
    """A Markdown table of one row at least; every row has the cells of its head."""
    lines = [line.strip() for line in _lines(text)]
    if len(lines) < 3 or not TABLE_RULE.fullmatch(lines[1]) or not all("|" in line for line in lines):
        return None
    return len(lines) - 2 if len({_cells(line) for line in lines}) == 1 else None


def _cells(line: str) -> int:
    return line.replace("\\|", "").removeprefix("|").removesuffix("|").count("|") + 1


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


@dataclass(frozen=True, slots=True)
class Kind:
    """A form: how a reason tells it, and how many items a text has that is of it (None: it is not)."""

    told: str
    count: Callable[[str], int | None]
    has_items: bool = False


KINDS: Mapping[str, Kind] = {
    "json": Kind("solo un JSON válido", _json),
    "bullets": Kind("solo una lista con viñetas", _bullets, has_items=True),
    "numbered": Kind("solo una lista numerada desde 1", _numbered, has_items=True),
    "one_line": Kind("de una sola línea", _one_line),
    "uppercase": Kind("toda en mayúsculas", _uppercase),
    "lowercase": Kind("toda en minúsculas", _lowercase),
    "no_digits": Kind("un texto sin cifras", _no_digits),
    "table": Kind("solo una tabla de Markdown", _table),
}


@dataclass(frozen=True, slots=True)
class _Rule:
    kind: str
    items: int | None


@remembered
def _rule(spec: Mapping[str, Any], expected: Any) -> _Rule:
    if expected is not None:
        raise SpecError(field="expected", fix="Escribe null: aquí no se espera un texto.")
    kind, items = spec.get("kind"), spec.get("items")
    if not isinstance(kind, str) or kind not in KINDS:
        raise SpecError(field="kind", fix=f"Escribe una de estas formas: {', '.join(KINDS)}.")
    if "items" in spec and not KINDS[kind].has_items:
        raise SpecError(field="items", fix="Quítala: solo `bullets` y `numbered` tienen elementos.")
    if "items" in spec and (type(items) is not int or not 1 <= items <= MAX_ITEMS):
        raise SpecError(field="items", fix=f"Escribe un número entero de 1 a {MAX_ITEMS}.")
    return _Rule(kind, items)
