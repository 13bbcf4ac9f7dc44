"""The units that a number may carry, by what they measure, and how one is converted into another.

Factors are exact fractions of the dimension's base unit. Spelling is compared without case and accents, so
"mW" would be read as MW: thousandths of a watt or a joule are not in the table, on purpose.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

PERIODS = frozenset({"time", "months"})


@dataclass(frozen=True, slots=True)
class Unit:
    """What is measured and how many base units one of it is; and the same of what it is counted per."""

    dimension: str
    factor: Fraction
    per: str = ""
    per_factor: Fraction = Fraction(1)

    def converts_to(self, other: Unit) -> bool:
        """Same dimension; "kWh al año" also does where kWh is asked for, as the question names the period."""
        is_prose_period = not other.per and self.per in PERIODS
        return self.dimension == other.dimension and (self.per == other.per or is_prose_period)

    def factor_to(self, other: Unit) -> Fraction:
        """How many of ``other`` one of this is, where ``converts_to`` says that it is some."""
        if not other.per:
            return self.factor / other.factor
        return (self.factor / self.per_factor) / (other.factor / other.per_factor)


# One line a unit: dimension, how many base units it is, and its spellings (without accents, in lower case).
_TABLE = """
energy      1            wh, vatio hora, vatios hora, vatio-hora
energy      1000         kwh, kw h, kw·h, kw.h, kilovatio hora, kilovatios hora, kilovatio-hora
energy      1000000      mwh, megavatio hora, megavatios hora, megavatio-hora
energy      1000000000   gwh, gigavatio hora, gigavatios hora, gigavatio-hora
energy      1/3600       j, julio, julios, joule, joules
energy      5/18         kj, kilojulio, kilojulios
energy      2500/9       mj, megajulio, megajulios
power       1            w, vatio, vatios, watt, watts
power       1000         kw, kilovatio, kilovatios
power       1000000      mw, megavatio, megavatios
power       1000000000   gw, gigavatio, gigavatios
money       1            €, euro, euros, eur
money       1/100        centimo, centimos, centimo de euro, centimos de euro, cent, cts
proportion  1            %, por ciento, por cien
time        1            s, seg, segundo, segundos
time        60           min, minuto, minutos
time        3600         h, hora, horas
time        86400        dia, dias
time        604800       semana, semanas
months      1            mes, meses
months      12           año, años
mass        1/1000       mg, miligramo, miligramos
mass        1            g, gr, gramo, gramos
mass        1000         kg, kilo, kilos, kilogramo, kilogramos
mass        1000000      t, tonelada, toneladas
volume      1/1000       ml, mililitro, mililitros, cm3, centimetro cubico, centimetros cubicos
volume      1/100        cl, centilitro, centilitros
volume      1            l, litro, litros, dm3
volume      100          hl, hectolitro, hectolitros
volume      1000         m3, metro cubico, metros cubicos
length      1/1000       mm, milimetro, milimetros
length      1/100        cm, centimetro, centimetros
length      1            m, metro, metros
length      1000         km, kilometro, kilometros
area        1/10000      cm2, centimetro cuadrado, centimetros cuadrados
area        1            m2, metro cuadrado, metros cuadrados
area        10000        ha, hectarea, hectareas
area        1000000      km2, kilometro cuadrado, kilometros cuadrados
temperature 1            °c, grado, grados, grados centigrados, grado celsius, grados celsius
tension     1            v, voltio, voltios
tension     1000         kv, kilovoltio, kilovoltios
current     1            amperio, amperios
light       1            lm, lumen, lumenes
"""
# "120 g de CO2" is a mass of something: what is weighed does not change the unit.
_SUBSTANCE = r"(?: ?(?:de )?co2(?: ?eq?)?)?"


def _table() -> Iterator[tuple[str, Unit]]:
    for line in _TABLE.strip().splitlines():
        dimension, factor, spellings = line.split(maxsplit=2)
        for spelling in spellings.split(", "):
            yield spelling, Unit(dimension=dimension, factor=Fraction(factor))


UNITS: Mapping[str, Unit] = dict(_table())
_NAME = "(?:" + "|".join(re.escape(name) for name in sorted(UNITS, key=len, reverse=True)) + ")"
_UNIT = rf"(?P<unit>{_NAME}){_SUBSTANCE}(?!\w)(?: ?(?:/|por|al|a la) ?(?P<per>{_NAME})(?!\w))?"
AFTER_NUMBER = re.compile(rf" ?(?:de )?[(\[]?{_UNIT}")
BEFORE_NUMBER = re.compile(rf"(?<!\w){_UNIT}(?:[)\]]? ?[:=] ?|(?<=€) ?|(?<=eur) )$")


def parse_unit(text: str) -> Unit | None:
    """The unit that a whole folded text names ("kwh", "€/kwh"), or None."""
    found = re.fullmatch(_UNIT, text)
    return unit_of(found) if found else None


def unit_of(found: re.Match[str]) -> Unit:
    """The unit that one of this module's patterns matched."""
    unit = UNITS[found["unit"]]
    if found["per"] is None:
        return unit
    per = UNITS[found["per"]]
    return Unit(dimension=unit.dimension, factor=unit.factor, per=per.dimension, per_factor=per.factor)
