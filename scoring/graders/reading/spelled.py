"""Whole numbers written in Spanish words: «doce», «treinta y un», «mil doscientos», «dos millones».

The pattern is the grammar: what it matches has one value, and "dos tres" is two numbers, not one. Text is
read folded and without accents (``words.fold``), as every reader here gets it.
"""

from __future__ import annotations

import re

UNITS = {"uno": 1, "una": 1, "un": 1, "dos": 2, "tres": 3, "cuatro": 4, "cinco": 5}
UNITS |= {"seis": 6, "siete": 7, "ocho": 8, "nueve": 9}
BELOW_THIRTY = {"diez": 10, "once": 11, "doce": 12, "trece": 13, "catorce": 14, "quince": 15}
BELOW_THIRTY |= {"dieciseis": 16, "diecisiete": 17, "dieciocho": 18, "diecinueve": 19, "veinte": 20}
BELOW_THIRTY |= {f"veinti{unit}": 20 + value for unit, value in UNITS.items()} | {"cero": 0}
TENS = {"treinta": 30, "cuarenta": 40, "cincuenta": 50, "sesenta": 60}
TENS |= {"setenta": 70, "ochenta": 80, "noventa": 90}
_STEMS = {"doscient": 200, "trescient": 300, "cuatrocient": 400, "quinient": 500}
_STEMS |= {"seiscient": 600, "setecient": 700, "ochocient": 800, "novecient": 900}
HUNDREDS = {"ciento": 100} | {stem + end: value for stem, value in _STEMS.items() for end in ("os", "as")}
VALUES = {**UNITS, **BELOW_THIRTY, **TENS, **HUNDREDS, "cien": 100}


def _any_of(words: dict[str, int]) -> str:
    return f"(?:{'|'.join(sorted(words, key=len, reverse=True))})(?!\\w)"


_BELOW_100 = rf"(?:{_any_of(TENS)}(?: y {_any_of(UNITS)})?|{_any_of(BELOW_THIRTY)}|{_any_of(UNITS)})"
_BELOW_1000 = rf"(?:{_any_of(HUNDREDS)}(?: {_BELOW_100})?|cien(?!\w)|{_BELOW_100})"
_BELOW_MILLION = rf"(?:(?:{_BELOW_1000} )?mil(?!\w)(?: {_BELOW_1000})?|{_BELOW_1000})"
# A pattern for one number in words, without groups, to stand inside a larger one: bound it on its left.
SPELLED = rf"(?:{_BELOW_MILLION} millon(?:es)?(?!\w)(?: {_BELOW_MILLION})?|{_BELOW_MILLION})"


def value_of(spelled: str) -> int:
    """The value of what ``SPELLED`` matched.

    >>> value_of("mil doscientos treinta y un"), value_of("dos millones cien mil")
    (1231, 2100000)
    """
    millions = thousands = rest = 0
    for word in spelled.split():
        if word in VALUES:
            rest += VALUES[word]
        elif word == "mil":
            thousands, rest = (rest or 1) * 1000, 0
        elif word != "y":
            millions, thousands, rest = (thousands + rest) * 10**6, 0, 0
    return millions + thousands + rest


# Only inside ``(?P<…>…)`` of a reader that wants digits or words alike.
DIGITS_OR_WORDS = rf"(?:[0-9]+|{SPELLED})"


def whole_number(written: str) -> int:
    """The value of what ``DIGITS_OR_WORDS`` matched; the caller bounds the digits."""
    return int(written) if written[0].isdigit() else value_of(written)


def is_one(spelled: str) -> bool:
    """Whether the words may be an article or a pronoun as well: «un», «una», «uno»."""
    return re.fullmatch("un[oa]?", spelled) is not None
