"""A number with its unit: right where every number in the answer is the expected one, within tolerance.

Reads the announced answer ("Respuesta: 12") or else all that the model wrote in its turn; a list of numbers
is not an answer, so several different ones earn nothing. Spanish and English marks, a unit before or
behind, and another unit of the same dimension are read; how, is said in ``reading/`` and in
docs/scoring.md. Values are exact: JSON's decimals are taken as they are written, never as floats.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from scoring.errors import SpecError
from scoring.graders.reading.answers import whole_or_final
from scoring.graders.reading.numerals import Numeral, find_numerals
from scoring.graders.reading.units import Unit, parse_unit
from scoring.graders.reading.words import fold
from scoring.values import Grade

OPTIONS = frozenset({"unit", "tolerance", "unit_required"})
PLAIN_DECIMAL = re.compile(r"[-+]?[0-9]{1,15}(?:\.[0-9]{1,17})?")


def check(*, spec: Mapping[str, Any], expected: Any) -> None:
    """``expected`` is a number or its text ("1234.5"), in ``unit`` if the spec has one.

    spec, all optional: ``{"unit": "kWh", "tolerance": {"absolute": 0.5} | {"relative": 0.01},
    "unit_required": true}``. Without tolerance the number must be exactly right; without unit, units in the
    answer are not read.
    """
    _Rule.of(spec, expected)


def grade(*, spec: Mapping[str, Any], answer: str, expected: Any) -> Grade:
    """1 where the answer gives the expected number and no other, else 0."""
    rule = _Rule.of(spec, expected)
    numerals = find_numerals(whole_or_final(answer))
    evidence = "; ".join(dict.fromkeys(numeral.written for numeral in numerals[:5]))
    reason = _why_wrong(numerals, rule)
    if reason is None:
        return Grade(value=Decimal(1), reason="El número coincide con el esperado.", evidence=evidence)
    return Grade(value=Decimal(0), reason=reason, evidence=evidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """A spec that was checked; ``expected`` and ``tolerance`` (absolute) are in ``unit``."""

    expected: Fraction
    tolerance: Fraction
    unit: Unit | None
    unit_required: bool

    @classmethod
    def of(cls, spec: Mapping[str, Any], expected: Any) -> _Rule:
        right = _exact("expected", expected)
        unit_required = spec.get("unit_required", False)
        if not isinstance(unit_required, bool) or (unit_required and "unit" not in spec):
            raise SpecError(field="unit_required", fix="Escribe true o false; con true hace falta `unit`.")
        return cls(
            expected=right,
            tolerance=_tolerance(spec.get("tolerance", {}), right),
            unit=_unit(spec["unit"]) if "unit" in spec else None,
            unit_required=unit_required,
        )

    def measures(self, numeral: Numeral) -> bool:
        """Whether the numeral's unit, if any, is one of what is asked for."""
        return self.unit is None or numeral.unit is None or numeral.unit.converts_to(self.unit)

    def accepts(self, numeral: Numeral) -> bool:
        factor = Fraction(1)
        if self.unit is not None and numeral.unit is not None:
            factor = numeral.unit.factor_to(self.unit)
        return any(abs(value * factor - self.expected) <= self.tolerance for value in numeral.values)


def _why_wrong(numerals: list[Numeral], rule: _Rule) -> str | None:
    """What keeps these numbers from being the answer, as a sentence, or None."""
    if not numerals:
        return "La respuesta no contiene ningún número escrito con cifras."
    for numeral in numerals:
        if not numeral.values:
            return f"No se puede leer «{numeral.written}» como un número."
    if not all(rule.measures(numeral) and rule.accepts(numeral) for numeral in numerals):
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
