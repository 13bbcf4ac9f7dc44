"""The quality of a submission: the weighted mean of its cases' grades.

The evaluation calls it once all cases are graded; a case that got no answer comes in with grade 0 and its
weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from scoring.decimals import EXACT_ENOUGH
from scoring.values import GradedCase

SIX_DECIMALS = Decimal("0.000001")


def weighted_mean(cases: Sequence[GradedCase]) -> Decimal:
    """Σ(grade · weight) / Σ(weight) with 6 decimals, half to even; the order of the cases does not matter.

    Raises ``ValueError`` with no cases, with a grade outside [0, 1] or with a weight below 1.

    >>> weighted_mean([GradedCase(value=Decimal(1)), GradedCase(value=Decimal(0), weight=2)])
    Decimal('0.333333')
    """
    if not cases:
        raise ValueError("quality needs at least one graded case")
    total, weights = Decimal(0), 0
    # Grades have 6 decimals and weights are whole, so every sum within its digits is exact, in any order.
    context = EXACT_ENOUGH.copy()
    for case in cases:
        if not (case.value.is_finite() and 0 <= case.value <= 1 and case.weight >= 1):
            raise ValueError(f"not a grade in [0, 1] with a positive weight: {case}")
        total = context.fma(case.value, Decimal(case.weight), total)
        weights += case.weight
    return context.divide(total, Decimal(weights)).quantize(SIX_DECIMALS, context=context)
