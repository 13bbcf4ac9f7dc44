"""A date of the calendar: right where every date in the answer is the expected one.

Reads the announced answer ("Respuesta: …") or else all that the model wrote in its turn; two different dates
are no answer. Figures («15/03/2026», «2026-03-15»), words («el quince de marzo de dos mil veintiséis») and
the months of Catalan, Basque and Galician are read; how, is said in ``reading/dates.py``.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from scoring.errors import SpecError
from scoring.graders.reading.answers import whole_or_final
from scoring.graders.reading.dates import (
    FIRST_YEAR,
    LAST_YEAR,
    NamedDate,
    Order,
    find_dates,
    find_dates_without_year,
)
from scoring.graders.reading.remembered import remembered
from scoring.values import Grade

OPTIONS = frozenset({"year", "order"})
ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def check(*, spec: Mapping[str, Any], expected: Any) -> None:
    """``expected`` is "2026-03-15"; spec, all optional: ``{"year": 2026, "order": "dmy" | "mdy"}``.

    ``year`` is taken where the answer names none; ``order`` is that of dates in figures with the year last.
    """
    _rule(spec, expected)


def grade(*, spec: Mapping[str, Any], answer: str, expected: Any) -> Grade:
    """1 where the answer names the expected date and no other, else 0."""
    rule = _rule(spec, expected)
    named = _find(whole_or_final(answer), rule)
    evidence = "; ".join(list(dict.fromkeys(date.written for date in named))[:5])
    reason = _why_wrong(named, rule)
    if reason is None:
        return Grade(value=Decimal(1), reason="La fecha coincide con la esperada.", evidence=evidence)
    return Grade(value=Decimal(0), reason=reason, evidence=evidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """A spec that was checked."""

    expected: datetime.date
    year: int | None
    order: Order


@remembered
def _rule(spec: Mapping[str, Any], expected: Any) -> _Rule:
    order = spec.get("order", "dmy")
    if order not in ("dmy", "mdy"):
        raise SpecError(field="order", fix='Escribe "dmy" (día, mes, año) o "mdy" (mes, día, año).')
    year = spec.get("year")
    if "year" in spec and (type(year) is not int or not FIRST_YEAR <= year <= LAST_YEAR):
        raise SpecError(field="year", fix=f"Escribe un año entero de {FIRST_YEAR} a {LAST_YEAR}.")
    return _Rule(expected=_date(expected), year=year, order=order)


def _date(expected: Any) -> datetime.date:
    fix = f'Escribe una fecha del calendario como "2026-03-15", de {FIRST_YEAR} a {LAST_YEAR}.'
    if not isinstance(expected, str) or not ISO_DATE.fullmatch(expected):
        raise SpecError(field="expected", fix=fix)
    try:
        date = datetime.date.fromisoformat(expected)
    except ValueError as error:
        raise SpecError(field="expected", fix=fix) from error
    if not FIRST_YEAR <= date.year <= LAST_YEAR:
        raise SpecError(field="expected", fix=fix)
    return date


def _find(read: str, rule: _Rule) -> list[NamedDate]:
    named = find_dates(read, order=rule.order)
    if not named and rule.year is not None:
        return find_dates_without_year(read, order=rule.order)
    return named


def _why_wrong(named: list[NamedDate], rule: _Rule) -> str | None:
    """What keeps these dates from being the answer, as a sentence, or None."""
    if not named:
        return "La respuesta no contiene ninguna fecha que se pueda leer."
    # A date without year is of the only year that the answer names: "15/03/2026 (15 de marzo)".
    years = {date.year for date in named if date.year is not None}
    year = years.pop() if len(years) == 1 else rule.year
    dates: set[datetime.date] = set()
    for date in named:
        if date.year is None and year is None:
            return f"Falta el año en «{date.written}»."
        try:
            dates.add(datetime.date(date.year or year or 0, date.month, date.day))
        except ValueError:
            return f"«{date.written}» no es una fecha del calendario."
    if len(dates) > 1:
        written = "; ".join(list(dict.fromkeys(date.written for date in named))[:5])
        return f"La respuesta da varias fechas distintas ({written}) y solo vale dar una."
    return None if dates == {rule.expected} else f"Se leyó «{named[0].written}», que no es la fecha esperada."
