"""The arithmetic of partial credit: F1 and means with 6 decimals, the same digits on every machine."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from scoring.decimals import EXACT_ENOUGH

SIX_DECIMALS = Decimal("0.000001")


# Short answers have few words: the same few ratios come again and again.
@lru_cache(maxsize=4096)
def share(part: Decimal | int, whole: Decimal | int) -> Decimal:
    """part / whole with 6 decimals, half to even.

    >>> share(2, 3)
    Decimal('0.666667')
    """
    context = EXACT_ENOUGH.copy()
    return context.divide(Decimal(part), Decimal(whole)).quantize(SIX_DECIMALS, context=context)


def f1(shared: Decimal | int, read: int, right: int) -> Decimal:
    """2·P·R/(P+R) with P = shared/read and R = shared/right, which is 2·shared/(read + right)."""
    return share(EXACT_ENOUGH.copy().multiply(Decimal(shared), Decimal(2)), read + right)


def total(grades: Sequence[Decimal]) -> Decimal:
    """The sum of grades of 6 decimals, exact in any order."""
    return Decimal(sum((Fraction(grade) * 10**6 for grade in grades), Fraction(0)).numerator) / 10**6
