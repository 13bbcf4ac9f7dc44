"""How far a measured figure may be off: what its repetitions and its counter say together, at 95 %.

Pages and API show it beside the figure. docs/energy.md derives it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from fractions import Fraction

from scoring.decimals import EXACT_ENOUGH
from scoring.energy.calibration import t_975
from scoring.record.recompute import median_mj

# The variance of the median of n draws from a normal distribution is π/2 · σ²/n for large n, and less for
# small ones (1.43 σ²/n for 5). Source: Stuart and Ord, Kendall's Advanced Theory of Statistics, volume 1,
# chapter 10. Rounded up.
HALF_PI = Fraction(15_708, 10_000)
FEWEST_FOR_A_SPREAD = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """``energy_mj`` ± ``half_mj``, the sum of what ``repetitions_mj`` and ``counter_mj`` say.

    ``repetitions_mj`` is None where there is one repetition: nobody knows how much another would differ, and
    the interval is of that one window alone.
    """

    energy_mj: int
    repetitions_mj: int | None
    counter_mj: int

    @property
    def half_mj(self) -> int:
        return (self.repetitions_mj or 0) + self.counter_mj

    @property
    def low_mj(self) -> int:
        return max(self.energy_mj - self.half_mj, 0)

    @property
    def high_mj(self) -> int:
        return self.energy_mj + self.half_mj


def interval_of(energies_mj: Sequence[int], uncertainties_mj: Sequence[int]) -> Interval:
    """The interval of the median of ``energies_mj``, with what each window's counter may be off by at most.

    t · √(π/2) · s/√n + u: s is the repetitions' standard deviation, t Student's at 97.5 % with n − 1 degrees
    of freedom (NIST/SEMATECH e-Handbook 1.3.5.2 and 1.3.6.7.2), u the largest of ``uncertainties_mj``. The
    counter's part is a bound that may have the same sign in every window, so it is added whole and not as the
    root of a sum of squares (JCGM 100:2008, 4.3.7 and F.2.4.5). Rounded up to whole millijoules. Raises
    ``ValueError`` for no energies at all.
    """
    return Interval(
        energy_mj=median_mj(energies_mj),
        repetitions_mj=_of_repetitions(energies_mj),
        counter_mj=max(uncertainties_mj, default=0),
    )


def spread_percent(energies_mj: Sequence[int]) -> Fraction | None:
    """From the least to the most, in per cent of the median; None for a single repetition.

    >>> spread_percent([990, 1000, 1010])
    Fraction(2, 1)
    """
    if len(energies_mj) < FEWEST_FOR_A_SPREAD or median_mj(energies_mj) == 0:
        return None
    return Fraction(100 * (max(energies_mj) - min(energies_mj)), median_mj(energies_mj))


def _of_repetitions(energies_mj: Sequence[int]) -> int | None:
    number = len(energies_mj)
    if number < FEWEST_FOR_A_SPREAD:
        return None
    mean = Fraction(sum(energies_mj), number)
    variance = sum(((value - mean) ** 2 for value in energies_mj), Fraction(0)) / (number - 1)
    squared = Fraction(t_975(number - 1)) ** 2 * HALF_PI * variance / number
    context = EXACT_ENOUGH.copy()
    root = context.sqrt(context.divide(Decimal(squared.numerator), Decimal(squared.denominator)))
    return int(root.to_integral_value(rounding=ROUND_CEILING))
