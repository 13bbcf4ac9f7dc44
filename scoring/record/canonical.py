"""Canonical JSON (RFC 8785): one value has one text, so that a hash of the text is a hash of the value.

``sealed``, ``chain`` and ``bundle`` write and read through here. Of numbers only whole ones within ±(2^53 −
1) are let in: RFC 8785 writes the others as a JavaScript engine would, and no two of ours need to. Fractions
are decimal texts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from scoring.record.errors import NotCanonical

LARGEST_WHOLE = 2**53 - 1
MAX_DEPTH = 32
MAX_BYTES = 16 * 2**20
LONGEST_WHOLE = len(str(-LARGEST_WHOLE))
TOO_DEEP = f"tiene más de {MAX_DEPTH} niveles"
NO_FRACTION = "es un número con decimales: se escribe como texto"

# Its escapes are those of RFC 8785: \b \t \n \f \r \" \\, and \u00xx in lower case for other control
# characters.
_PLAIN = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False, allow_nan=False)
_SORTED = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), check_circular=False, allow_nan=False, sort_keys=True
)


def dumps(value: Any) -> bytes:
    """The canonical bytes of a value made of dict, list or tuple, str, int, bool and None.

    Raises ``NotCanonical`` with the path of what cannot be written: a float or any other type, a whole number
    beyond 2^53 − 1, half a surrogate pair, a key that is no text, more than 32 levels.
    """
    return _PLAIN.encode(_ordered(value, 0)).encode()


def loads(raw: bytes, *, max_bytes: int = MAX_BYTES) -> Any:
    """The value that canonical bytes hold: ``dumps`` of it gives the same bytes.

    Raises ``NotCanonical`` for anything that ``dumps`` would not have written: a key that comes twice or out
    of order, a space, an escape that was not needed, a number with a point, more than ``max_bytes``.
    """
    value = _read(raw, max_bytes, whole=_whole)
    if _too_deep(value):
        raise NotCanonical(TOO_DEEP)
    return value


def loads_for_shape(raw: bytes, *, max_bytes: int = MAX_BYTES) -> Any:
    """As ``loads``, but leaves it to the shape that reads the value to refuse huge numbers and deep levels.

    It takes two thirds of the time, which tells with thousands of records.
    """
    return _read(raw, max_bytes, whole=int)


def _read(raw: bytes, max_bytes: int, *, whole: Callable[[str], int]) -> Any:
    if len(raw) > max_bytes:
        raise NotCanonical(f"tiene {len(raw)} bytes y el máximo es {max_bytes}")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise NotCanonical(f"el byte {error.start} no es UTF-8") from None
    try:
        value = _parsed(text, whole)
        if not _is_sorted_by_code_point(text, value) and dumps(_parsed(text, _whole, once=_once)) != raw:
            raise NotCanonical(f"no es JSON canónico desde el byte {_first_difference(raw, dumps(value))}")
    except RecursionError:
        raise NotCanonical(TOO_DEEP) from None
    return value


def _ordered(value: Any, depth: int) -> Any:
    """The value with every key in its place."""
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if not -LARGEST_WHOLE <= value <= LARGEST_WHOLE:
            raise NotCanonical("es un número entero fuera de ±(2^53 − 1)")
        return value
    if depth >= MAX_DEPTH:
        raise NotCanonical(TOO_DEEP)
    if isinstance(value, Mapping):
        return _ordered_object(value, depth)
    if isinstance(value, list | tuple):
        return [_inside(index, item, depth) for index, item in enumerate(value)]
    if isinstance(value, float):
        raise NotCanonical(NO_FRACTION)
    raise NotCanonical(f"es de un tipo que no tiene JSON: {type(value).__name__}")


def _ordered_object(value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    for name in value:
        if not isinstance(name, str):
            raise NotCanonical(f"la clave {name!r} no es un texto")
        _text(name)
    return {name: _inside(name, value[name], depth) for name in sorted(value, key=_utf_16)}


def _inside(step: str | int, value: Any, depth: int) -> Any:
    try:
        return _ordered(value, depth + 1)
    except NotCanonical as error:
        raise error.inside(step) from None


def _utf_16(name: str) -> bytes:
    """RFC 8785, 3.2.3: keys are sorted by their UTF-16 code units. Big-endian, bytes sort as the units do."""
    return name.encode("utf-16-be")


def _text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise NotCanonical("es un texto con medio carácter (un sustituto suelto)") from None
    return value


def _parsed(
    text: str, whole: Callable[[str], int], *, once: Callable[[list[tuple[str, Any]]], Any] | None = None
) -> Any:
    try:
        return json.loads(
            text,
            object_pairs_hook=once,
            parse_int=whole,
            parse_float=_no_fraction,
            parse_constant=_no_fraction,
        )
    except json.JSONDecodeError as error:
        raise NotCanonical(f"no es JSON desde el carácter {error.pos}") from None
    except ValueError:
        raise NotCanonical("tiene un número de miles de cifras") from None


def _whole(written: str) -> int:
    # The length first: Python would refuse thousands of digits with an error of its own.
    value = int(written) if len(written) <= LONGEST_WHOLE else LARGEST_WHOLE + 1
    if not -LARGEST_WHOLE <= value <= LARGEST_WHOLE:
        raise NotCanonical(f"{written[:20]} es un número entero fuera de ±(2^53 − 1)")
    return value


def _no_fraction(written: str) -> NoReturn:
    raise NotCanonical(f"{written[:20]} {NO_FRACTION}")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise NotCanonical("es una clave que está dos veces", where=twice[:80])
    return found


def _too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            if type(outer) in (dict, list)
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) in (dict, list)
        ]
        if not level:
            return False
    return True


def _is_sorted_by_code_point(text: str, value: Any) -> bool:
    """Whether the text is canonical, seen by the quick way; False says only that it could not be seen.

    Sorted by code points and by UTF-16 are the same where nothing is beyond U+FFFF, as in our records. Equal
    texts also say that no key came twice, since the second would have taken the first one's place.
    """
    try:
        is_basic = text.isascii() or len(text.encode("utf-16-le")) == 2 * len(text)
    except UnicodeEncodeError:
        return False
    return is_basic and _SORTED.encode(value) == text


def _first_difference(ours: bytes, theirs: bytes) -> int:
    pairs = enumerate(zip(ours, theirs, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(ours), len(theirs)))
