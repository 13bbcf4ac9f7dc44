"""Characters that a person cannot see in a text and a model can: found with their line and column.

Used on everything that a contestant writes; says where they stand, never changes the text.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from itertools import islice

from scoring.values import Problem

MAX_PROBLEMS = 20
ALLOWED_CONTROLS = frozenset("\n\t")
# They change the order in which a text is shown, so that it reads otherwise than it is (CVE-2021-42574).
BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Letters by their category, and blank all the same: fillers of Hangul and of Braille.
BLANK_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
# Control, line and paragraph separators, and halves of surrogate pairs, which no database can store.
CONTROL_CATEGORIES = frozenset({"Cc", "Zl", "Zp", "Cs"})


def find_unseen(text: str, *, field: str) -> tuple[Problem, ...]:
    """The first 20 ``control_character``, ``invisible_character`` and ``bidi_character`` problems.

    Params are ``character`` ("U+200B") and ``column`` (1-based); line breaks and tabs are allowed.
    """
    return tuple(islice(_unseen(text, field), MAX_PROBLEMS))


def _unseen(text: str, field: str) -> Iterator[Problem]:
    for number, line in enumerate(text.split("\n"), start=1):
        for column, character in enumerate(line, start=1):
            if code := _code(character):
                shown = f"U+{ord(character):04X}"
                yield Problem(
                    field=field, code=code, line=number, params={"character": shown, "column": column}
                )


def _code(character: str) -> str | None:
    if character in ALLOWED_CONTROLS:
        return None
    if character in BIDI:
        return "bidi_character"
    category = unicodedata.category(character)
    if category in CONTROL_CATEGORIES:
        return "control_character"
    return "invisible_character" if category == "Cf" or character in BLANK_LETTERS else None
