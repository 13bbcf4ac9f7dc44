"""A length of time: right where every one in the answer is the expected one, whatever its units.

Reads the announced answer ("Respuesta: …") or else all that the model wrote in its turn; two different
lengths are no answer. Months are never converted into days, nor working days into others; how «hora y
media» or «diez días hábiles» are read, is said in ``reading/durations.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from scoring.errors import SpecError
from scoring.graders.reading.answers import whole_or_final
from scoring.graders.reading.durations import SECONDS_IN, Length, NamedLength, find_lengths, parse_iso
from scoring.graders.reading.remembered import remembered
from scoring.values import Grade

OPTIONS = frozenset({"working_days"})


def check(*, spec: Mapping[str, Any], expected: Any) -> None:
    """``expected`` is an ISO 8601 duration ("P10D", "PT1H30M", "P3M", "P1Y6M") longer than nothing.

    spec: ``{"working_days": true}`` where the answer must say hábiles or laborables; it then is whole days.
    """
    _right(spec, expected)


def grade(*, spec: Mapping[str, Any], answer: str, expected: Any) -> Grade:
    """1 where the answer names the expected length of time and no other, else 0."""
    right = _right(spec, expected)
    named = find_lengths(whole_or_final(answer))
    evidence = "; ".join(_written(named))
    reason = _why_wrong(named, right)
    if reason is None:
        return Grade(value=Decimal(1), reason="La duración coincide con la esperada.", evidence=evidence)
    return Grade(value=Decimal(0), reason=reason, evidence=evidence)


@remembered
def _right(spec: Mapping[str, Any], expected: Any) -> Length:
    working_days = spec.get("working_days", False)
    if not isinstance(working_days, bool):
        raise SpecError(field="working_days", fix="Escribe true o false.")
    length = parse_iso(expected) if isinstance(expected, str) else None
    if length is None or length == Length():
        raise SpecError(
            field="expected", fix='Escribe una duración ISO 8601 mayor que cero, como "P10D" o "PT1H30M".'
        )
    if not working_days:
        return length
    days = length.seconds / SECONDS_IN["day"]
    if length.months or days.denominator != 1:
        raise SpecError(field="expected", fix='Con `working_days` escribe solo días enteros, como "P10D".')
    return Length(working_days=Fraction(days))


def _why_wrong(named: list[NamedLength], right: Length) -> str | None:
    """What keeps these lengths from being the answer, as a sentence, or None."""
    if not named:
        return "La respuesta no contiene ninguna duración que se pueda leer."
    if len({one.length for one in named}) > 1:
        return f"La respuesta da varias duraciones distintas ({'; '.join(_written(named))}) y solo vale una."
    if named[0].length == right:
        return None
    return f"Se leyó «{named[0].written}», que no es la duración esperada."


def _written(named: list[NamedLength]) -> list[str]:
    return list(dict.fromkeys(one.written for one in named))[:5]
