"""The regular expressions and JSON pointers of a pipeline: checked when handed in, used on outputs.

Expressions are RE2's, which needs time linear in the text whatever the pattern, and bounded memory. It is
imported where it is used: whoever only recomputes scores needs none.
"""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Iterator
from typing import Any

from scoring.solutions.characters import find_unseen, shown
from scoring.values import Problem

MAX_PATTERN_CHARACTERS = 300
MAX_POINTER_CHARACTERS = 200
# What RE2 may use for one pattern, compiled and at work; its own default is 8 MiB.
PATTERN_MEMORY_BYTES = 1 << 20
# Of the places where a JSON value could begin, only so many are tried: prose is full of brackets.
MAX_OPENINGS = 20
# Far below Python's own limit, which counts the caller's depth too and would not be the same everywhere.
MAX_DEPTH = 50
MAX_ERROR_CHARACTERS = 120
PLACE = re.compile(r"0|[1-9][0-9]{0,8}")


def check_pattern(field: str, pattern: str) -> Iterator[Problem]:
    """``required``, ``too_long`` (length, limit), the unseen characters, or ``bad_pattern`` (detail)."""
    import re2  # type: ignore[import-untyped]

    if not pattern:
        yield Problem(field=field, code="required")
    elif len(pattern) > MAX_PATTERN_CHARACTERS:
        params = {"length": len(pattern), "limit": MAX_PATTERN_CHARACTERS}
        yield Problem(field=field, code="too_long", params=params)
    elif unseen := find_unseen(pattern, field=field):
        yield from unseen
    else:
        try:
            _compile(pattern)
        except re2.error as error:
            detail = error.args[0]
            text = detail.decode(errors="replace") if isinstance(detail, bytes) else str(detail)
            yield Problem(
                field=field,
                code="bad_pattern",
                params={"detail": shown(text, longest=MAX_ERROR_CHARACTERS)},
            )


def check_pointer(field: str, pointer: str) -> Iterator[Problem]:
    """``too_long`` (length, limit), the unseen characters, or ``bad_pointer`` (found)."""
    if len(pointer) > MAX_POINTER_CHARACTERS:
        params = {"length": len(pointer), "limit": MAX_POINTER_CHARACTERS}
        yield Problem(field=field, code="too_long", params=params)
    elif unseen := find_unseen(pointer, field=field):
        yield from unseen
    elif not _is_pointer(pointer):
        yield Problem(field=field, code="bad_pointer", params={"found": shown(pointer)})


def find(pattern: str, text: str) -> str | None:
    """The first match's first group, "" where that took no part; the whole match of a pattern without group.

    None where nothing matches. ``text`` must have a UTF-8 form.
    """
    compiled = _compile(pattern)
    match = compiled.search(text)
    if match is None:
        return None
    found: str | None = match.group(1 if compiled.groups else 0)
    return found or ""


def point(pointer: str, text: str) -> str | None:
    """What a JSON pointer finds in the first JSON object or list of a text; None where it finds nothing.

    A text is given as it is, null as "", anything else as compact JSON.

    >>> point("/importe", 'Claro: {"importe": 12.5, "moneda": "EUR"}')
    '12.5'
    """
    found = _first_value(text)
    for part in pointer.split("/")[1:]:
        found = _child(found, part.replace("~1", "/").replace("~0", "~"))
    if found is _NOTHING:
        return None
    if isinstance(found, str):
        return found
    if found is None:
        return ""
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"))


_NOTHING: Any = object()


@functools.lru_cache(maxsize=256)
def _compile(pattern: str) -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = PATTERN_MEMORY_BYTES
    return re2.compile(pattern, options)


def _is_pointer(pointer: str) -> bool:
    escapes = pointer.replace("~0", "").replace("~1", "")
    return (not pointer or pointer.startswith("/")) and "~" not in escapes


def _child(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        return value.get(key, _NOTHING)
    # RFC 6901: digits alone, without leading zeros. No list is longer than PLACE's digits can say.
    if isinstance(value, list) and PLACE.fullmatch(key) and int(key) < len(value):
        return value[int(key)]
    return _NOTHING


def _first_value(text: str) -> Any:
    decoder = json.JSONDecoder(strict=False, parse_float=_finite, parse_constant=_finite)
    position = -1
    for _ in range(MAX_OPENINGS):
        places = [place for place in (text.find(sign, position + 1) for sign in "{[") if place >= 0]
        if not places:
            break
        position = min(places)
        try:
            value = decoder.raw_decode(text, position)[0]
        except ValueError:
            # No JSON from here on, or a number that is none.
            continue
        except RecursionError:
            break
        return value if _is_shallow(value) else _NOTHING
    return _NOTHING


def _is_shallow(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for each in level
            if isinstance(each, dict | list)
            for child in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return True
    return False


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(digits)
    return number
