"""What a policy answers: the score that each quality has, once the use of energy and tokens is known.

Whole numbers only: quality in millionths, as its 6 decimals give them, and scores in ten-thousandths of a
point. A resampling asks for thousands of qualities of one use; it takes ``Terms`` once and then adds up
integers, in numpy too: no product here passes 10^18, so 64 bits hold it.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from scoring.decimals import EXACT_ENOUGH

SIX_DECIMALS = Decimal("0.000001")
MILLIONTHS = 10**6
# What a slope is counted in: a factor from 0 to 1 with 12 decimals, as λ + (1 − λ) · G has.
WHOLE_SLOPE = 10**12
# A quality that nobody has: the minimum is then out of reach.
OUT_OF_REACH = MILLIONTHS + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """``start`` ten-thousandths of a point, and ``slope`` 10⁻¹² of the quality on top of them."""

    slope: int = 0
    start: int = 0

    def at(self, quality: int) -> int:
        """The score in ten-thousandths of a point, half to even, for a quality in millionths.

        >>> Line(slope=750_000_000_000).at(650_000)  # 100 · 0.65 · 0.75 points
        487500
        """
        return self.start + _half_to_even(quality * self.slope, WHOLE_SLOPE)


ALL_FOR_QUALITY = Line(slope=WHOLE_SLOPE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """A policy's answer for one use: ``reached`` counts from the quality ``reaches_from`` on, else ``below``.

    ``green`` is the saving in [0, 1] with 6 decimals, for the pages.
    """

    green: Decimal
    reaches_from: int
    reached: Line
    below: Line

    def at(self, quality: int) -> tuple[bool, int]:
        """Whether the minimum is reached, and the score in ten-thousandths, for a quality in millionths.

        The pair is what a place hangs on: the greater stands before the lesser.
        """
        reaches = quality >= self.reaches_from
        return reaches, (self.reached if reaches else self.below).at(quality)


def millionths(share: Decimal) -> int:
    """A number from 0 to 1 as a whole number of millionths, half to even."""
    return int(share.quantize(SIX_DECIMALS, context=EXACT_ENOUGH.copy()).scaleb(6, EXACT_ENOUGH.copy()))


def _half_to_even(dividend: int, divisor: int) -> int:
    quotient, rest = divmod(dividend, divisor)
    is_up = 2 * rest > divisor or (2 * rest == divisor and quotient % 2 == 1)
    return quotient + is_up
