"""Characters that a person cannot see in a text and a model can: found with their line and column.

Used on everything that a contestant writes; says where they stand, never changes the text. ``shown`` is how a
problem quotes from it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from itertools import islice

from scoring.values import Problem

MAX_PROBLEMS = 20
MAX_SHOWN_CHARACTERS = 40
ALLOWED_CONTROLS = frozenset("\n\t")
# They change the order in which a text is shown, so that it reads otherwise than it is (CVE-2021-42574).
BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Letters, marks and unassigned points by their category, and drawn as nothing all the same: Unicode's
# Default_Ignorable_Code_Point without category Cf, and the blank of Braille. Whole texts have been hidden in
# the variation selectors; U+FE0E and U+FE0F alone are left out, as keyboards write them behind many a sign.
BLANK_RANGES = (
    (0x034F, 0x034F),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x2065, 0x2065),
    (0x2800, 0x2800),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0D),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0xE0000, 0xE0FFF),
)
BLANKS = frozenset(chr(point) for first, last in BLANK_RANGES for point in range(first, last + 1))
# Control, line and paragraph separators, and halves of surrogate pairs, which no database can store.
CONTROL_CATEGORIES = frozenset({"Cc", "Zl", "Zp", "Cs"})


def find_unseen(text: str, *, field: str) -> tuple[Problem, ...]:
    """The first 20 ``control_character``, ``invisible_character`` and ``bidi_character`` problems.

    Params are ``character`` ("U+200B") and ``column`` (1-based); line breaks and tabs are allowed.
    """
    return tuple(islice(_unseen(text, field), MAX_PROBLEMS))


def shown(text: str, *, longest: int = MAX_SHOWN_CHARACTERS) -> str:
    """The first characters of a text, with a sign in the place of each that cannot be printed."""
    short = text[:longest]
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in short
    )


def _unseen(text: str, field: str) -> Iterator[Problem]:
    for number, line in enumerate(text.split("\n"), start=1):
        for column, character in enumerate(line, start=1):
            if code := _code(character):
                point = f"U+{ord(character):04X}"
                yield Problem(
                    field=field, code=code, line=number, params={"character": point, "column": column}
                )


def _code(character: str) -> str | None:
    if character in ALLOWED_CONTROLS:
        return None
    if character in BIDI:
        return "bidi_character"
    category = unicodedata.category(character)
    if category in CONTROL_CATEGORIES:
        return "control_character"
    return "invisible_character" if category == "Cf" or character in BLANKS else None
