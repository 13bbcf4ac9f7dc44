"""What each case of a suite did, after a phase: how hard it was, and whether it told good from bad.

For whoever makes the next suite. Whole numbers and exact decimals only, without numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from scoring.decimals import EXACT_ENOUGH

MILLIONTHS = 10**6
SIX_DECIMALS = Decimal("0.000001")
FEWEST_ROWS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemStatistics:
    """One case over all rows. ``difficulty`` is the mean grade: 1 is easy.

    ``discrimination`` is the correlation of its grades with the rest of each row's weighted sum, the case
    itself taken out (the corrected point-biserial, where grades are 0 or 1); None where one of the two does
    not vary, or for fewer than 3 rows. A case with a negative one is harder for those who do well: its
    expected answer deserves a second look.
    """

    difficulty: Decimal
    discrimination: Decimal | None
    is_always_right: bool
    is_always_wrong: bool

    @property
    def is_negative(self) -> bool:
        return self.discrimination is not None and self.discrimination < 0


def item_statistics(*, weights: Sequence[int], rows: Sequence[Sequence[int]]) -> list[ItemStatistics]:
    """One a case, in the order of the suite, of grades in millionths; an empty list for no rows.

    Raises ``ValueError`` for a row of other cases.

    >>> right, wrong = 10**6, 0
    >>> rows = [[right, right, wrong], [right, wrong, right], [right, right, wrong], [right, wrong, right]]
    >>> for case in item_statistics(weights=[1, 1, 2], rows=rows):
    ...     print(case.difficulty, case.discrimination, case.is_always_right)
    1.000000 None True
    0.500000 -1.000000 False
    0.500000 -1.000000 False
    """
    for row in rows:
        if len(row) != len(weights):
            raise ValueError(f"{len(row)} grades for {len(weights)} cases")
    totals = [sum([weight * grade for weight, grade in zip(weights, row, strict=True)]) for row in rows]
    if not rows:
        return []
    return [
        _of_one(weight, grades, totals)
        for weight, grades in zip(weights, zip(*rows, strict=True), strict=True)
    ]


def _of_one(weight: int, grades: Sequence[int], totals: Sequence[int]) -> ItemStatistics:
    context = EXACT_ENOUGH.copy()
    mean = context.divide(Decimal(sum(grades)), Decimal(len(grades) * MILLIONTHS))
    rests = [total - weight * grade for total, grade in zip(totals, grades, strict=True)]
    return ItemStatistics(
        difficulty=mean.quantize(SIX_DECIMALS, context=context),
        discrimination=_correlation(grades, rests) if len(grades) >= FEWEST_ROWS else None,
        is_always_right=min(grades) == MILLIONTHS,
        is_always_wrong=max(grades) == 0,
    )


def _correlation(first: Sequence[int], second: Sequence[int]) -> Decimal | None:
    """Pearson's, with 6 decimals; the sums are whole, so that nothing is lost before the root."""
    count = len(first)
    first_sum, second_sum = sum(first), sum(second)
    first_square = count * sum([each * each for each in first]) - first_sum**2
    second_square = count * sum([each * each for each in second]) - second_sum**2
    if not first_square or not second_square:
        return None
    together = count * sum([one * other for one, other in zip(first, second, strict=True)])
    context = EXACT_ENOUGH.copy()
    # Each root by itself: their product has more digits than are kept.
    divisor = context.multiply(context.sqrt(Decimal(first_square)), context.sqrt(Decimal(second_square)))
    share = context.divide(Decimal(together - first_sum * second_sum), divisor)
    return share.quantize(SIX_DECIMALS, context=context)
