"""What a suite can tell apart, before a phase opens: the least true difference of quality that it would find.

For a paired comparison of two submissions on the same cases, with probability ``power`` of finding it where
it is there, and 5 % of finding one where there is none. An organizer is told it with the number of
participations that are expected: to hold for all pairs of a board, a comparison asks for more (see
``pairs``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from itertools import combinations

from scoring.decimals import EXACT_ENOUGH
from scoring.uncertainty import student
from scoring.uncertainty.pairs import LEVEL, class_of

MILLIONTHS = 10**6
MOST_CASES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Detectable:
    """``difference`` of quality, from 0 to 1, rounded up; 1 where the suite can tell nothing apart.

    ``effective_cases`` is how many cases of equal weight would do the same work: (Σ w)² / Σ w².
    """

    difference: Decimal
    cases: int
    effective_cases: Decimal


def minimum_detectable(
    *, weights: Sequence[int], rows: int = 2, spread: float | None = None, power: float = 0.8
) -> Detectable:
    """δ = (t(α/2) + t(power)) · s · sqrt(Σ w²) / Σ w, with s the spread of a case's paired difference.

    Without a ``spread``, from ``spread_of`` baselines, the worst case: every case is right for one of the two
    and wrong for the other, s² = 1 - δ². Raises ``ValueError`` for no cases or a power outside [0.5, 1).
    """
    if not weights or min(weights) < 1:
        raise ValueError("a suite needs cases, each with a weight of at least 1")
    if not 0.5 <= power < 1:
        raise ValueError(f"power must lie in [0.5, 1), not {power}")
    squares = sum([weight * weight for weight in weights])
    effective = sum(weights) ** 2 / squares
    steps = _steps(len(weights), rows, power) / math.sqrt(effective)
    if math.isinf(steps):
        difference = 1.0
    elif spread is None:
        difference = steps / math.sqrt(1 + steps * steps)
    else:
        difference = min(steps * spread, 1.0)
    return Detectable(
        difference=_rounded_up(difference),
        cases=len(weights),
        effective_cases=Decimal(f"{effective:.2f}"),
    )


def cases_for(
    *, difference: float, rows: int = 2, spread: float | None = None, power: float = 0.8
) -> int | None:
    """The fewest cases of equal weight that find this difference; None where no suite of ours would do."""
    low = high = student.FEWEST_CASES

    def is_enough(cases: int) -> bool:
        found = minimum_detectable(weights=[1] * cases, rows=rows, spread=spread, power=power)
        return found.difference <= Decimal(repr(difference))

    # Doubled up to it: each look at a suite makes its weights anew.
    while not is_enough(high):
        if high >= MOST_CASES:
            return None
        low, high = high + 1, min(2 * high, MOST_CASES)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle + 1, high)
    return low


def spread_of(baselines: Sequence[Sequence[int]]) -> float:
    """The greatest standard deviation of a case's difference between two baselines, from 0 to 1.

    ``baselines`` are grades in millionths of the same cases. Raises ``ValueError`` for fewer than two, or
    fewer than two cases.
    """
    if len(baselines) < 2 or len(baselines[0]) < 2:
        raise ValueError("a spread needs two baselines of at least two cases")
    return max(_spread(first, second) for first, second in combinations(baselines, 2))


def _spread(first: Sequence[int], second: Sequence[int]) -> float:
    apart = [one - other for one, other in zip(first, second, strict=True)]
    cases = len(apart)
    # Whole numbers up to the one division.
    above = cases * sum([each * each for each in apart]) - sum(apart) ** 2
    return math.sqrt(above / (cases * (cases - 1))) / MILLIONTHS


def _steps(cases: int, rows: int, power: float) -> float:
    """How many standard errors the difference must be: those of the test, and those of its power."""
    degrees = student.degrees_of(cases)
    counted = class_of(rows)
    for_test = student.critical(level=LEVEL / (counted * (counted - 1) // 2), degrees=degrees)
    return for_test + student.critical(level=2 * (1 - power), degrees=degrees)


def _rounded_up(difference: float) -> Decimal:
    context = EXACT_ENOUGH.copy()
    return Decimal(difference).quantize(Decimal("0.000001"), rounding=ROUND_CEILING, context=context)
