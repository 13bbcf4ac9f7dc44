"""Numbers as people write them in Spanish and in English, read exactly.

A mark before three digits may part thousands or decimals ("1.234"): such a numeral keeps both readings
unless another numeral of the same text shows which mark its writer uses. All values are exact fractions of
bounded size; no float and no power is ever computed. Words are read only where the text has no figures and
begins with a number in words: "los dos aparatos" says no quantity.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice

from scoring.graders.reading.digits import ascii_digits
from scoring.graders.reading.spelled import SPELLED, is_one, value_of
from scoring.graders.reading.units import AFTER_NUMBER, BEFORE_NUMBER, Unit, unit_of
from scoring.graders.reading.words import OUTER_MARKS, fold

MAX_DIGITS = 30
MAX_NUMERALS = 50
MULTIPLIERS = {"mil millones": 10**9, "millones": 10**6, "millon": 10**6, "mil": 10**3}

_DIGITS = r"[0-9]{1,3}(?: [0-9]{3})+(?![0-9])(?:[.,'][0-9]+)?|[0-9]+(?:[.,'][0-9]+)*|[.,][0-9]+"
NUMERAL = re.compile(rf"(?<![\w.,])(?P<sign>(?<![)\]%])[-+])?(?P<digits>{_DIGITS})")
MULTIPLIER = re.compile(rf" (?P<word>{'|'.join(MULTIPLIERS)})(?!\w)")
# 10², 1e9, 1/2, 12/05/2026: more than a plain number, of which no part may be taken for the whole.
GOES_ON = re.compile(r"\^|e[-+]?[0-9]|[.,'/]+[0-9]")
SMALL_DIGIT_AFTER_DIGIT = re.compile("(?<=[0-9])[⁰¹²³⁴-⁹¼½¾⅐-⅞]")  # NFKC would make 102 of 10²
SAME_SIGN = str.maketrans({"º": "°", "−": "-", "–": "-", "—": "-", "’": "'", "´": "'", "٫": ",", "٬": "'"})
# "Por ciento" is a unit, and "al menos doce" is no negative number.
IN_WORDS = re.compile(rf"(?<!\w)(?<!por )(?P<sign>(?<!al )(?<!lo )menos )?(?P<words>{SPELLED})")
_LEADS = "son|es|seran?|serian?|hay|habra|en total|un total de|total|unos|unas|al menos|por lo menos|menos|"
_LEADS += "cuestan?|consumen?|gastan?|ahorran?|tardan?"
BEGINS_IN_WORDS = re.compile(rf"\W*(?:(?:{_LEADS})[:,]? ){{0,3}}{SPELLED}")
END_OF_CLAUSE = re.compile(r"(?: \w+)?(?: ?[.,;:!?(\])»”\"'*_]|$)")
# Dos y medio, tres cuartos, doce coma cinco, mil y pico: more than the number before it.
_FRACTION = r"(?:medi|terci|cuart|quint|decim|centesim|milesim)[oa]s?(?!\w)"
WORDS_GO_ON = re.compile(rf" (?:y (?:medi[oa]|pico|algo)(?!\w)|(?:coma|con|punto) {SPELLED}|{_FRACTION})")
LINE_BREAKS = re.compile(r"[\n\r\t\f\v]+")
OTHER_DECIMAL_MARK = {".": ",", ",": "."}


@dataclass(frozen=True, slots=True)
class Numeral:
    """A number in a text: as written, the values that it may have (none: unreadable), its unit if any."""

    written: str
    values: frozenset[Fraction]
    unit: Unit | None


def find_numerals(text: str) -> list[Numeral]:
    """The numbers of a text in order, at most ``MAX_NUMERALS``: those in figures, or else those in words.

    >>> [str(value) for numeral in find_numerals("Son 1.234,5 kWh") for value in numeral.values]
    ['2469/2']
    >>> sorted(str(value) for value in find_numerals("1.234")[0].values)
    ['1234', '617/500']
    """
    plain = _plain(text)
    found = list(islice(NUMERAL.finditer(plain), MAX_NUMERALS))
    if not found:
        return _in_words(plain) if _begins_in_words(plain) else []
    decimal_marks = {mark for match in found if (mark := _shown_decimal_mark(match["digits"]))}
    numerals: list[Numeral] = []
    end_of_last = 0
    for match in found:
        numeral, end_of_last = _read(plain, match, decimal_marks=decimal_marks, not_before=end_of_last)
        numerals.append(numeral)
    return numerals


def _plain(text: str) -> str:
    """Folded, with one sign for each meaning, and with line breaks that cannot join two numbers into one."""
    marked = SMALL_DIGIT_AFTER_DIGIT.sub("^", ascii_digits(text.translate(SAME_SIGN)))
    return fold(LINE_BREAKS.sub(" ; ", marked), accents=False)


def _read(
    plain: str, match: re.Match[str], *, decimal_marks: Collection[str], not_before: int
) -> tuple[Numeral, int]:
    """One numeral with its multiplier and unit, and where it ends; a unit behind goes before one in front."""
    end, multiplier = match.end(), 1
    if word := MULTIPLIER.match(plain, end):
        end, multiplier = word.end(), MULTIPLIERS[word["word"]]
    unit = AFTER_NUMBER.match(plain, end)
    if unit:
        end = unit.end()
    elif match.start() > not_before:
        unit = BEFORE_NUMBER.search(plain[max(not_before, match.start() - 40) : match.start()])
    values: frozenset[Fraction] = frozenset()
    if not GOES_ON.match(plain, match.end()):
        scale = -multiplier if match["sign"] == "-" else multiplier
        values = frozenset(map(Fraction, _decimals(match["digits"], decimal_marks)))
        if scale != 1:
            values = frozenset(scale * value for value in values)
    written = plain[match.start() : end].strip()[:80]
    return Numeral(written=written, values=values, unit=unit_of(unit) if unit else None), end


def _begins_in_words(plain: str) -> bool:
    """Whether the text says a number first («son doce kWh, …»), with its unit or one more word at most."""
    begins = BEGINS_IN_WORDS.match(plain)
    if begins is None:
        return False
    unit = AFTER_NUMBER.match(plain, begins.end())
    return END_OF_CLAUSE.match(plain, unit.end() if unit else begins.end()) is not None


def _in_words(plain: str) -> list[Numeral]:
    """The numbers written in Spanish words; "un" is one only with a unit behind or as all the text."""
    numerals: list[Numeral] = []
    for found in islice(IN_WORDS.finditer(plain), MAX_NUMERALS):
        unit = AFTER_NUMBER.match(plain, found.end())
        if is_one(found["words"]) and not unit and plain.strip(OUTER_MARKS) != found[0]:
            continue
        value = Fraction(value_of(found["words"]))
        goes_on = WORDS_GO_ON.match(plain, found.end()) or (unit and WORDS_GO_ON.match(plain, unit.end()))
        numerals.append(
            Numeral(
                written=plain[found.start() : unit.end() if unit else found.end()][:80],
                values=frozenset() if goes_on else frozenset({-value if found["sign"] else value}),
                unit=unit_of(unit) if unit else None,
            )
        )
    return numerals


def _decimals(digits: str, decimal_marks: Collection[str]) -> list[str]:
    """Each way to read a numeral, as plain decimal text ("1234.5"); none where its marks make no sense."""
    marks = [character for character in digits if character in ".,'"]
    if sum(map(str.isdigit, digits)) > MAX_DIGITS:
        return []
    if not marks:
        return [digits.replace(" ", "")]
    last = marks[-1]
    whole, _, decimals = digits.rpartition(last)
    if _is_ambiguous(digits):
        return [
            text
            for text, fits in (
                (f"{whole}.{decimals}", len(decimal_marks) != 1 or last in decimal_marks),
                (f"{whole}{decimals}", len(decimal_marks) != 1 or last not in decimal_marks),
            )
            if fits
        ]
    if marks.count(last) > 1:
        return _joined(digits, last)
    thousands = marks[0] if len(marks) > 1 else " "
    return [f"{text or 0}.{decimals}" for text in _joined(whole, thousands)]


def _joined(whole: str, thousands: str) -> list[str]:
    """The whole part without its thousands mark, or nothing where the groups are not of three digits."""
    first, *groups = whole.split(thousands)
    is_grouped = len(first) <= 3 and all(len(group) == 3 for group in groups)
    joined = first + "".join(groups)
    return [joined] if (not groups or is_grouped) and (joined.isdigit() or not joined) else []


def _is_ambiguous(digits: str) -> bool:
    """One mark, three digits behind it and one to three before it, no leading zero: "1.234", "12,500"."""
    return re.fullmatch(r"[1-9][0-9]{0,2}[.,'][0-9]{3}", digits) is not None


def _shown_decimal_mark(digits: str) -> str | None:
    """The decimal mark that this numeral's writer uses, where the numeral leaves no doubt of it."""
    marks = [character for character in digits if character in ".,'"]
    if not marks or _is_ambiguous(digits) or not _decimals(digits, ()):
        return None
    if marks.count(marks[-1]) > 1:
        return OTHER_DECIMAL_MARK.get(marks[-1])
    return marks[-1]
