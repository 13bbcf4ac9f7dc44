"""Dates as people write them in Spanish, with figures or words, and with the months of ca, eu and gl.

A text may name several days, months or years for one date («10 o 15 de marzo»): every combination counts
as read, so that a list of guesses is seen as one. Nothing here knows a calendar; the grader does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, product
from typing import Literal

from scoring.graders.reading.digits import ascii_digits
from scoring.graders.reading.spelled import BELOW_THIRTY, SPELLED, UNITS, value_of
from scoring.graders.reading.words import fold

Order = Literal["dmy", "mdy"]
MAX_MENTIONS = 50
# POSIX's rule (strptime %y): 69 to 99 are of the last century.
FIRST_SHORT_YEAR_OF_1900 = 69
FIRST_YEAR, LAST_YEAR = 1500, 2199

LINE_BREAKS = re.compile(r"[\n\r\t\f\v]+")
SAME_MARK = str.maketrans({"−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "’": "'", "´": "'"})

# One line a month: its names in es, ca and gl, then the usual short forms (without accents; ç and ñ stay).
_MONTHS = """
enero gener xaneiro ene gen xan
febrero febrer febreiro feb febr
marzo març marc mar
abril abr
mayo maig maio may mai
junio juny xuño xuno jun xuñ
julio juliol xullo jul xul
agosto agost ago
septiembre setiembre setembre setembro sep sept set
octubre outubro oct out
noviembre novembre novembro nov
diciembre desembre decembro dic des dec
"""
_BASQUE = "urtarril otsail martxo apiril maiatz ekain uztail abuztu irail urri azaro abendu"
MONTHS = {name: number for number, names in enumerate(_MONTHS.split("\n")) for name in names.split()}
BASQUE_MONTHS = {stem: number for number, stem in enumerate(_BASQUE.split(), start=1)}
DAYS = {"primero": 1, "primer": 1, **UNITS, **BELOW_THIRTY, "treinta": 30}
DAYS |= {f"treinta y {one}": 31 for one in ("uno", "un")}


def _either(words: dict[str, int]) -> str:
    return "|".join(sorted(words, key=len, reverse=True))


_DAY = rf"(?:[0-9]{{1,2}}(?:\.?(?:o|er|a))?|{_either(DAYS)})(?!\w)"
_MONTH = rf"(?:{_either(MONTHS)})(?!\w)\.?"
_YEAR = r"(?:1[5-9]|2[01])[0-9]{2}(?!\w)"
_SHORT_YEAR = r"(?:[/'-][0-9]{2}(?!\w|[.,/-][0-9]))"
_WORD_JOIN = (
    r" ?(?:,|(?<=[ )])(?:y|e|o|u|i|a|al|ni|hasta)(?!\w)) ?(?:(?:el|al|los|dia|dias|de|del|bien) ){0,3}(?:l')?"
)
_JOIN = rf"(?:{_WORD_JOIN}| ?[/(-] ?)"
_OF = r"(?:\)?[ /.-]{0,2}(?:de |d'|del mes de )?)"
_IN_YEAR = r"(?:[ ,/.-]{0,2}(?:de |del |d')?(?:(?:año|ano|any|l'any) )?)"
_WORDS_YEAR = rf"(?:dos mil(?: {SPELLED})?|mil novecientos(?: {SPELLED})?)(?!\w)"
_YEARS = rf"(?P<years>{_YEAR}(?:{_JOIN}{_YEAR}){{0,10}}|{_WORDS_YEAR})"
_OR_DAYS = rf"(?P<or_days>(?:,? (?:o|u) (?:(?:el|al|bien|quiza|quizas|dia) ){{0,3}}{_DAY}){{0,10}})"
NAMED = re.compile(
    rf"(?<!\w)(?P<days>{_DAY}(?:{_JOIN}{_DAY}){{0,30}}){_OF}(?P<months>{_MONTH}(?:{_JOIN}{_MONTH}){{0,11}})"
    rf"(?:{_IN_YEAR}{_YEARS}|(?P<short>{_SHORT_YEAR}))?{_OR_DAYS}"
)
BASQUE = re.compile(
    r"(?:(?P<years>(?<!\w)(?:1[5-9]|2[01])[0-9]{2})(?:e?ko)?,? )?"
    rf"(?<!\w)(?P<months>{_either(BASQUE_MONTHS)})"
    r"(?:a|ak|aren|an)? (?P<days>[0-9]{1,2}(?: (?:edo|eta) [0-9]{1,2}){0,30})"
    r"(?:a|an|ean|ko|eko|tik|etik|ra|era|arte)?(?!\w)"
)
YEAR_FIRST = re.compile(r"(?<![\w./-])([0-9]{4})([-/.])([0-9]{1,2})\2([0-9]{1,2})(?![0-9]|[./-][0-9])")
YEAR_LAST = re.compile(
    rf"(?<![\w./-])(?P<days>(?:[0-9]{{1,2}}{_WORD_JOIN}){{0,30}}[0-9]{{1,2}}) ?(?P<mark>[-/.]) ?"
    r"(?P<months>[0-9]{1,2}) ?(?P=mark) ?(?P<years>[0-9]{4}|[0-9]{2})(?!\w|[./-][0-9])"
)
NO_YEAR = re.compile(r"(?<![\w.,/-])(?P<days>[0-9]{1,2})[/-](?P<months>[0-9]{1,2})(?!\w|[.,/-][0-9])")
_NUMBERS = re.compile(r"[0-9]+")
_DAY_OR_WORDS = re.compile(_DAY)
_MONTH_NAMES = re.compile(rf"(?<!\w){_MONTH}")


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedDate:
    """A date as a text names it; ``year`` is None where it says none. It need not be in the calendar."""

    year: int | None
    month: int
    day: int
    written: str


def find_dates(text: str, *, order: Order) -> list[NamedDate]:
    """Every date that the text names, in no order, but those in figures without a year («15/03»).

    >>> [(date.year, date.month, date.day) for date in find_dates("el 1.º de mayo de 2026", order="dmy")]
    [(2026, 5, 1)]
    """
    plain = fold(LINE_BREAKS.sub(" ; ", ascii_digits(text.translate(SAME_MARK))), accents=False)
    return [
        *_named(plain),
        *_basque(plain),
        *_year_first(plain),
        *_in_figures(YEAR_LAST, plain, order=order),
    ]


def find_dates_without_year(text: str, *, order: Order) -> list[NamedDate]:
    """Dates in figures without year («15/03»): a fraction looks the same, so ask only where none is meant."""
    plain = fold(LINE_BREAKS.sub(" ; ", ascii_digits(text.translate(SAME_MARK))), accents=False)
    return list(_in_figures(NO_YEAR, plain, order=order))


def _named(plain: str) -> Iterator[NamedDate]:
    for found in islice(NAMED.finditer(plain), MAX_MENTIONS):
        days = [_day(day) for day in _DAY_OR_WORDS.findall(f"{found['days']} {found['or_days']}")]
        months = [MONTHS[name.rstrip(".")] for name in _MONTH_NAMES.findall(found["months"])]
        yield from _combined(_years(found["years"] or found["short"]), months, days, found[0])


def _basque(plain: str) -> Iterator[NamedDate]:
    for found in islice(BASQUE.finditer(plain), MAX_MENTIONS):
        days = [int(day) for day in _NUMBERS.findall(found["days"])]
        yield from _combined(_years(found["years"]), [BASQUE_MONTHS[found["months"]]], days, found[0])


def _year_first(plain: str) -> Iterator[NamedDate]:
    for found in islice(YEAR_FIRST.finditer(plain), MAX_MENTIONS):
        yield NamedDate(year=int(found[1]), month=int(found[3]), day=int(found[4]), written=found[0])


def _in_figures(pattern: re.Pattern[str], plain: str, *, order: Order) -> Iterator[NamedDate]:
    for found in islice(pattern.finditer(plain), MAX_MENTIONS):
        days = [int(number) for number in _NUMBERS.findall(found["days"])]
        months = [int(found["months"])]
        if order == "mdy":
            days, months = months, days
        yield from _combined(_years(found.groupdict().get("years")), months, days, found[0])


def _combined(
    years: list[int] | list[None], months: list[int], days: list[int], written: str
) -> Iterator[NamedDate]:
    for year, month, day in product(dict.fromkeys(years), dict.fromkeys(months), dict.fromkeys(days)):
        yield NamedDate(year=year, month=month, day=day, written=written[:80])


def _day(written: str) -> int:
    figures = _NUMBERS.match(written)
    return int(figures[0]) if figures else DAYS[written]


def _years(written: str | None) -> list[int] | list[None]:
    if not written:
        return [None]
    figures = _NUMBERS.findall(written)
    return [_full_year(number) for number in figures] if figures else [value_of(written)]


def _full_year(figures: str) -> int:
    if len(figures) > 2:
        return int(figures)
    return int(figures) + (1900 if int(figures) >= FIRST_SHORT_YEAR_OF_1900 else 2000)
