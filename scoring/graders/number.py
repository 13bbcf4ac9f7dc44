"""A number with its unit: right where every number in the answer is the expected one, or in its range.

Reads the announced answer ("Respuesta: 12") or else all that the model wrote in its turn; a list of numbers
is not an answer, so several different ones earn nothing. Spanish and English marks, a unit before or
behind, another unit of the same dimension, and Spanish words where there are no figures are read; how, is
said in ``reading/`` and in docs/scoring.md. Values are exact: JSON's decimals are taken as they are written,
never as floats.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from scoring.errors import SpecError
from scoring.graders.reading.answers import whole_or_final
from scoring.graders.reading.numerals import Numeral, find_numerals
from scoring.graders.reading.remembered import remembered
from scoring.graders.reading.units import Unit, parse_unit
from scoring.graders.reading.words import fold
from scoring.values import Grade

OPTIONS = frozenset({"unit", "tolerance", "unit_required"})
PLAIN_DECIMAL = re.compile(r"[-+]?[0-9]{1,15}(?:\.[0-9]{1,17})?")


def check(*, spec: Mapping[str, Any], expected: Any) -> None:
    """``expected`` is a number or its text ("1234.5"), or ``{"min": 10, "max": 12}``; in ``unit``, if any.

    spec, all optional: ``{"unit": "kWh", "tolerance": {"absolute": 0.5} | {"relative": 0.01},
    "unit_required": true}``. Without tolerance the number must be exactly right; a range holds its ends
    and takes no tolerance; without unit, units in the answer are not read.
    """
    _rule(spec, expected)


def grade(*, spec: Mapping[str, Any], answer: str, expected: Any) -> Grade:
    """1 where the answer gives the expected number and no other, else 0."""
    rule = _rule(spec, expected)
    numerals = find_numerals(whole_or_final(answer))
    evidence = "; ".join(dict.fromkeys(numeral.written for numeral in numerals[:5]))
    reason = _why_wrong(numerals, rule)
    if reason is None:
        return Grade(value=Decimal(1), reason="El número coincide con el esperado.", evidence=evidence)
    return Grade(value=Decimal(0), reason=reason, evidence=evidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """A spec that was checked; ``lowest`` and ``highest`` are accepted, and are in ``unit``."""

    lowest: Fraction
    highest: Fraction
    unit: Unit | None
    unit_required: bool
    is_range: bool

    def measures(self, numeral: Numeral) -> bool:
        """Whether the numeral's unit, if any, is one of what is asked for."""
        return self.unit is None or numeral.unit is None or numeral.unit.converts_to(self.unit)

    def accepted(self, numeral: Numeral) -> set[Fraction]:
        """The readings of the numeral that are right, in the unit that is asked for."""
        values: Iterable[Fraction] = numeral.values
        if self.unit is not None and numeral.unit is not None and numeral.unit is not self.unit:
            factor = numeral.unit.factor_to(self.unit)
            values = (value * factor for value in values)
        return {value for value in values if self.lowest <= value <= self.highest}


@remembered
def _rule(spec: Mapping[str, Any], expected: Any) -> _Rule:
    lowest, highest = _range(spec, expected)
    unit_required = spec.get("unit_required", False)
    if not isinstance(unit_required, bool) or (unit_required and "unit" not in spec):
        raise SpecError(field="unit_required", fix="Escribe true o false; con true hace falta `unit`.")
    return _Rule(
        lowest=lowest,
        highest=highest,
        unit=_unit(spec["unit"]) if "unit" in spec else None,
        unit_required=unit_required,
        is_range=isinstance(expected, Mapping),
    )


def _why_wrong(numerals: list[Numeral], rule: _Rule) -> str | None:
    """What keeps these numbers from being the answer, as a sentence, or None."""
    if not numerals:
        return "La respuesta no contiene ningún número que se pueda leer."
    for numeral in numerals:
        if not numeral.values:
            return f"No se puede leer «{numeral.written}» como un número."
    if not all(rule.measures(numeral) for numeral in numerals):
        return _why_not_accepted(numerals, rule)
    accepted = [rule.accepted(numeral) for numeral in numerals]
    # Within a tolerance two numbers round one value; within a range they are two guesses.
    if not all(accepted) or (rule.is_range and not set.intersection(*accepted)):
        return _why_not_accepted(numerals, rule)
    if rule.unit_required and not any(numeral.unit for numeral in numerals):
        return f"Falta la unidad en «{numerals[0].written}»."
    return None


def _why_not_accepted(numerals: list[Numeral], rule: _Rule) -> str:
    written = list(dict.fromkeys(numeral.written for numeral in numerals))
    if len(written) > 1:
        return f"La respuesta da varios números distintos ({'; '.join(written[:5])}) y solo vale dar uno."
    if not rule.measures(numerals[0]):
        return f"«{written[0]}» está en una unidad de otra cosa."
    return f"Se leyó «{written[0]}», que no es el número esperado."


def _range(spec: Mapping[str, Any], expected: Any) -> tuple[Fraction, Fraction]:
    """The lowest and the highest number that are right."""
    if not isinstance(expected, Mapping):
        right = _exact("expected", expected)
        margin = _tolerance(spec.get("tolerance", {}), right)
        return right - margin, right + margin
    if set(expected) != {"min", "max"}:
        raise SpecError(field="expected", fix='Escribe un número, o {"min": número, "max": número}.')
    if "tolerance" in spec:
        raise SpecError(field="tolerance", fix="Quítala: un rango ya dice qué números valen.")
    lowest, highest = _exact("expected.min", expected["min"]), _exact("expected.max", expected["max"])
    if lowest > highest:
        raise SpecError(field="expected.max", fix="Escribe un máximo que no sea menor que el mínimo.")
    return lowest, highest


def _exact(field: str, value: Any) -> Fraction:
    """An int, a decimal text or JSON's float as it is written (``str`` of a float is its shortest text)."""
    is_number = isinstance(value, int | float | str | Decimal) and not isinstance(value, bool)
    is_huge = isinstance(value, int) and abs(value) >= 10**15
    text = str(value) if is_number and not is_huge else ""
    if not PLAIN_DECIMAL.fullmatch(text):
        raise SpecError(
            field=field, fix='Escribe un número con punto decimal y sin exponente, como "1234.5".'
        )
    return Fraction(text)


def _tolerance(tolerance: Any, expected: Fraction) -> Fraction:
    if tolerance == {}:
        return Fraction(0)
    if not isinstance(tolerance, Mapping) or set(tolerance) not in ({"absolute"}, {"relative"}):
        raise SpecError(field="tolerance", fix='Escribe {"absolute": número} o {"relative": número}.')
    ((kind, value),) = tolerance.items()
    margin = _exact(f"tolerance.{kind}", value)
    if margin < 0 or (kind == "relative" and margin >= 1):
        raise SpecError(field=f"tolerance.{kind}", fix="Escribe un número desde 0; relativo, menor que 1.")
    return margin if kind == "absolute" else margin * abs(expected)


def _unit(name: Any) -> Unit:
    unit = parse_unit(fold(name.replace("º", "°"), accents=False)) if isinstance(name, str) else None
    if unit is None:
        raise SpecError(
            field="unit", fix="Escribe una unidad de docs/scoring.md, o quita `unit` si se cuentan cosas."
        )
    return unit
