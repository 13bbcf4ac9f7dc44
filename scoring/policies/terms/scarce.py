"""Whoever reaches the minimum of quality competes for the least of one scarce thing, energy or tokens.

``threshold`` and ``tokens`` are this with another thing to count.
"""

from __future__ import annotations

from decimal import Decimal

from scoring.decimals import EXACT_ENOUGH
from scoring.policies.terms.values import ALL_FOR_QUALITY, SIX_DECIMALS, Line, Terms, millionths


def frugality(half: int, used: int) -> Decimal:
    """half / (half + used), with 6 decimals: 1 for nothing used, 0.5 at ``half``, and 0 never quite.

    >>> print(frugality(200, 200), frugality(200, 50), frugality(200, 0))
    0.500000 0.800000 1.000000
    """
    context = EXACT_ENOUGH.copy()
    return context.divide(Decimal(half), Decimal(half + used)).quantize(SIX_DECIMALS, context=context)


def ranked_by_frugality(green: Decimal, *, q_min: Decimal) -> Terms:
    """100 · G from ``q_min`` on; below it 100 · Q, which ranks after them."""
    return Terms(
        green=green,
        reaches_from=millionths(q_min),
        # A millionth of the saving is a ten-thousandth of a point.
        reached=Line(start=millionths(green)),
        below=ALL_FOR_QUALITY,
    )
