"""Lengths of time as people write them in Spanish, in figures or words, and with the units of ca, eu and gl.

A length has three parts that are never converted into each other: months (a year is 12), working days, and
seconds (a minute is 60, an hour 60 minutes, a day 24 hours, a week 7 days). Several counts of one unit («10 o
15 días») are several lengths, so that a list of guesses is seen as one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, product

from scoring.graders.reading.digits import ascii_digits
from scoring.graders.reading.spelled import SPELLED, value_of
from scoring.graders.reading.words import fold

MAX_PARTS = 50
SECONDS_IN = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 7 * 86400}
LINE_BREAKS = re.compile(r"[\n\r\t\f\v]+")
SAME_MARK = str.maketrans({"−": "-", "–": "-", "—": "-", "’": "'", "´": "'"})


@dataclass(frozen=True, slots=True)
class Length:
    """A length of time in its three parts; two are the same length where the three are equal."""

    months: Fraction = Fraction(0)
    working_days: Fraction = Fraction(0)
    seconds: Fraction = Fraction(0)

    def plus(self, other: Length) -> Length:
        return Length(
            self.months + other.months, self.working_days + other.working_days, self.seconds + other.seconds
        )

    def times(self, count: Fraction) -> Length:
        return Length(self.months * count, self.working_days * count, self.seconds * count)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedLength:
    """A length as a text names it."""

    length: Length
    written: str


# One line a unit, the longest first: how many months or seconds it is, and its spellings without accents.
# Only a smaller unit continues a length: "2 horas y 3 horas" are two.
_UNITS = """
months  12      año años ano anos any anys urte
months  6       semestre semestres
months  3       trimestre trimestres
months  1       mes meses mesos hilabete
seconds 1296000 quincena quincenas
seconds 604800  semana semanas setmana setmanes aste
working 1       lanegun
seconds 86400   dia dias dies egun
seconds 3600    h hs hora horas hores ordu
seconds 60      min mins minuto minutos minut minuts minutu
seconds 1       s seg segundo segundos segon segons
"""


@dataclass(frozen=True, slots=True)
class _Unit:
    length: Length
    rank: int


def _units() -> Iterator[tuple[str, _Unit]]:
    for rank, line in enumerate(_UNITS.strip().splitlines()):
        kind, factor, *spellings = line.split()
        size = Fraction(factor)
        length = {"months": Length(months=size), "seconds": Length(seconds=size)}.get(kind)
        for spelling in spellings:
            yield spelling, _Unit(length or Length(working_days=size), rank)


UNITS = dict(_units())
DAY_RANK = UNITS["dia"].rank
QUARTER, HALF = Fraction(1, 4), Fraction(1, 2)
FRACTIONS = {
    "medio": HALF,
    "media": HALF,
    "cuarto": QUARTER,
    "un cuarto": QUARTER,
    "tres cuartos": 3 * QUARTER,
}

_FIGURES = r"[0-9]{1,3}(?:\.[0-9]{3})+(?![0-9])|[0-9]{1,12}(?:[.,][0-9]{1,9})?"
_FRACTION = r"(?:(?:tres|un) cuartos?|cuarto)(?= de )(?: de(?= ))?|medi[oa](?!\w)"
_COUNT = rf"(?:{_FIGURES}|{_FRACTION}|{SPELLED})"
_WORD_JOIN = r",? (?:y|e|o|u|i|a|al|ni|hasta|edo|eta)(?!\w)"
_JOIN = rf"(?:{_WORD_JOIN} ?| ?[/(-] ?|, )(?:(?:de|los|las|bien) ){{0,2}}"
_UNIT_NAME = "|".join(sorted(UNITS, key=len, reverse=True))
_BASQUE_ENDING = r"(?:a|ak|ko|eko|ekoa|tan|etan|an|z)?(?!\w)"
_UNIT = rf"(?P<unit>{_UNIT_NAME}){_BASQUE_ENDING}"
_WORKING = r"(?:,? \(?(?P<working>habil(?:es|s)?|laborables?|feiners?|balioduna?k?)(?!\w)\)?)?"
_MORE = r"(?: y (?P<more>medi[oa]|(?:un )?cuarto|tres cuartos)(?!\w))?"
# «10 días o 15», where the last count has no unit of its own.
_BARE_COUNT = rf"{_COUNT}(?!\w)(?! ?(?:y |(?:de )?(?:{_UNIT_NAME}){_BASQUE_ENDING}))"
_OR = rf"(?P<or>(?:,? (?:o|u) (?:(?:bien|quiza|quizas) )?{_BARE_COUNT}){{0,10}})"
_MINUTES = r"h(?:oras?)? ?(?:(?P<minutes>[0-5]?[0-9]) ?(?:m|')|(?<=h)(?P<bare_minutes>[0-5][0-9]))(?!\w)"
# «Hora y media» names no count, and is one.
_ONE_AND_MORE = r"(?=(?:hora|dia|mes|año|ano) y (?:medi[oa]|(?:un )?cuarto|tres cuartos)(?!\w))"
PART = re.compile(
    rf"(?<!\w)(?<![0-9][.,:])(?:(?P<counts>{_COUNT}(?:{_JOIN}{_COUNT}){{0,20}})\)? ?(?:de )?|{_ONE_AND_MORE})"
    rf"(?:{_MINUTES}|{_UNIT}{_WORKING}{_MORE}{_OR})"
)
PARTS_JOIN = re.compile(r",? ?(?:(?:y|e|i|eta|con|mas) )?")
CLOCK = re.compile(r"(?<![\w:.,])([0-9]{1,3}):([0-5][0-9]) ?h(?:oras?|s)?(?!\w)")
_COUNTS = re.compile(_COUNT)
ISO = re.compile(
    r"(?<!\w)p(?=[0-9t])(?:([0-9]{1,9})y)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9})w)?(?:([0-9]{1,9})d)?"
    r"(?:t(?=[0-9])(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9})s)?)?(?!\w)"
)


def find_lengths(text: str) -> list[NamedLength]:
    """Every length of time that the text names, in no order.

    >>> [str(named.length.seconds) for named in find_lengths("hora y media")]
    ['5400']
    >>> [str(named.length.months) for named in find_lengths("año y medio o tres meses")]
    ['18', '3']
    """
    plain = fold(LINE_BREAKS.sub(" ; ", ascii_digits(text.translate(SAME_MARK))), accents=False)
    plain = CLOCK.sub(r"\1h\2", plain)
    iso = [NamedLength(length=_iso(found), written=found[0]) for found in ISO.finditer(plain)]
    return iso[:MAX_PARTS] + [named for parts in _runs(plain) for named in _lengths(plain, parts)]


def parse_iso(text: str) -> Length | None:
    """The length that an ISO 8601 duration names ("P10D", "PT1H30M", "P1Y6M"), or None."""
    found = ISO.fullmatch(text.lower()) if text.isupper() else None
    return _iso(found) if found else None


def _iso(found: re.Match[str]) -> Length:
    years, months, weeks, days, hours, minutes, seconds = (int(group or 0) for group in found.groups())
    total = (((weeks * 7 + days) * 24 + hours) * 60 + minutes) * 60 + seconds
    return Length(months=Fraction(years * 12 + months), seconds=Fraction(total))


def _runs(plain: str) -> Iterator[list[re.Match[str]]]:
    """The parts of each length: "1 año, 6 meses y 10 días" is one run of three."""
    run: list[re.Match[str]] = []
    for part in islice(PART.finditer(plain), MAX_PARTS):
        if run and not _continues(plain, run[-1], part):
            yield run
            run = []
        run.append(part)
    if run:
        yield run


def _continues(plain: str, last: re.Match[str], part: re.Match[str]) -> bool:
    return _rank(part) > _rank(last) and PARTS_JOIN.fullmatch(plain, last.end(), part.start()) is not None


def _rank(part: re.Match[str]) -> int:
    return UNITS[part["unit"] or "h"].rank


def _lengths(plain: str, parts: list[re.Match[str]]) -> Iterator[NamedLength]:
    written = plain[parts[0].start() : parts[-1].end()][:80]
    for choice in islice(product(*map(_readings, parts)), MAX_PARTS):
        length = Length()
        for part in choice:
            length = length.plus(part)
        yield NamedLength(length=length, written=written)


def _readings(part: re.Match[str]) -> list[Length]:
    """What one part may be: one length for each of its counts; without a count it is one («hora y media»)."""
    minutes = part["minutes"] or part["bare_minutes"]
    counts = [_value(count) for count in _COUNTS.findall(f"{part['counts'] or 'un'} ; {part['or'] or ''}")]
    if minutes:
        return [Length(seconds=count * 3600 + int(minutes) * 60) for count in dict.fromkeys(counts)]
    unit = UNITS[part["unit"]].length
    if part["working"] and UNITS[part["unit"]].rank == DAY_RANK:
        unit = Length(working_days=Fraction(1))
    more = FRACTIONS[part["more"]] if part["more"] else 0
    return [unit.times(count + more) for count in dict.fromkeys(counts)]


def _value(count: str) -> Fraction:
    if count[0].isdigit():
        has_thousands = re.fullmatch(r"[0-9]{1,3}(?:\.[0-9]{3})+", count)
        return Fraction(count.replace(".", "") if has_thousands else count.replace(",", "."))
    fraction = FRACTIONS.get(count.removesuffix(" de"))
    return Fraction(value_of(count)) if fraction is None else fraction
