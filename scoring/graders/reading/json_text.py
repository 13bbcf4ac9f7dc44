"""The JSON that a model wrote somewhere in its answer, read strictly and in linear time.

Python's reader alone would take NaN for a number, the last of two equal keys and floats for decimals, and how
deep it may go depends on who called it. Whatever is refused here is told in Spanish, by ``UnreadableJson``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

MAX_DEPTH = 64
MAX_DIGITS = 30
# Braces in prose are no JSON; so many are tried before giving up, which bounds the time.
MAX_STARTS = 8
OBJECT = re.compile(r'\{\s*["}]')
LIST_OF_OBJECTS = re.compile(r"\[\s*[{\]]")
# A text (to the end, where it is never closed), or a bracket.
PIECE = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\Z|\\)|[{}\[\]]', re.DOTALL)
# Half a surrogate pair is no text: it can be neither stored nor compared with a schema.
HALF_PAIR = re.compile("[\ud800-\udfff]")


class UnreadableJson(ValueError):
    """There is no JSON of the wanted kind in the answer, or none that can be read; ``str`` says why."""


def first_json(text: str, start: re.Pattern[str]) -> Any:
    """The first value that begins as ``start`` says and is well written; numbers are ``Decimal``.

    Raises ``UnreadableJson``. Refused: a repeated key, NaN and infinities, numbers of more than 30 digits,
    half a surrogate pair, and more than 64 brackets in one another. What was inside of a value that is cut
    off or badly written is not looked at: it is a part of it, no answer.
    """
    cause = "La respuesta no contiene JSON de la forma pedida."
    position = 0
    for _ in range(MAX_STARTS):
        found = start.search(text, position)
        if found is None:
            break
        if _is_too_deep(text, found.start()):
            raise UnreadableJson(f"El JSON tiene más de {MAX_DEPTH} niveles.")
        try:
            return READER.raw_decode(text, found.start())[0]
        except json.JSONDecodeError as error:
            cause, position = "El JSON está mal escrito o se corta.", max(error.pos, found.end())
    raise UnreadableJson(cause)


def _is_too_deep(text: str, start: int) -> bool:
    """Whether the value goes deeper than is read: looked at first, so that the reader never recurses far."""
    depth = 0
    for piece in PIECE.finditer(text, start):
        if piece[0] in "{[":
            depth += 1
        elif piece[0] in "}]":
            depth -= 1
        if not 0 < depth <= MAX_DEPTH:
            return depth > 0
    return False


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) < len(pairs):
        raise UnreadableJson("El JSON repite un campo.")
    for key, value in pairs:
        _refuse_halves(key)
        _refuse_halves(value)
    return read


def _refuse_halves(value: Any) -> None:
    for text in value if isinstance(value, list) else [value]:
        if isinstance(text, list):
            _refuse_halves(text)
        elif isinstance(text, str) and HALF_PAIR.search(text):
            raise UnreadableJson("El JSON contiene un carácter que no existe.")


def _number(written: str) -> Decimal:
    number = Decimal(written)
    if len(number.as_tuple().digits) > MAX_DIGITS or (number and abs(number.adjusted()) > MAX_DIGITS):
        raise UnreadableJson(f"El JSON contiene un número de más de {MAX_DIGITS} cifras.")
    return number


def _constant(name: str) -> Any:
    raise UnreadableJson(f"El JSON contiene {name}, que no es un número.")


READER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_number, parse_int=_number, parse_constant=_constant
)


def text_of(value: Any) -> str:
    """A JSON value as an answer that a grader can read: a list of simple values becomes one bullet each.

    A number is written so that its point cannot be taken for one of thousands.

    >>> text_of(Decimal("1.234")), text_of(True), text_of(["DNI", Decimal(2)])
    ('1.2340', 'true', '- DNI\\n- 2')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return _plain(value)
    if isinstance(value, list) and not any(isinstance(item, list | dict) for item in value):
        return "\n".join(f"- {text_of(item)}" for item in value)
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(number: Decimal) -> str:
    plain = format(number, "f")
    _, _, decimals = plain.partition(".")
    return f"{plain}0" if len(decimals) == 3 else plain
