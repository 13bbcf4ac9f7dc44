"""Whether two rows of a board can be told apart: the one relation behind tie groups and ranges of ranks.

Two rows differ where their scores do by more than 1 % of the better one, and by more than the combined 95 %
interval of the paired difference. That interval is t · sqrt(variance), with the variance that the paired
bootstrap over cases has (for a mean it needs no resamples: Σ (a - b)² over cases, less the means), n / (n -
1) of it, and that of each row's resampled energies, added last. Covariances are sums of whole numbers below
2^53, exact in any order, so that a matrix product may make all of them.

The t is Bonferroni's for all pairs of a board: which row leads a group, and which stand beside one another,
is chosen by the very scores that are compared, so that only an interval that holds for all pairs at once
holds for the chosen ones. The number of rows is taken up to a power of two: one row more at the foot does not
move ties at the top, but where that power is passed. A share of resamples on the wrong side would not do for
p: of 2000 none is below 1/2001, which no correction for more than a hundred comparisons could pass.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scoring.uncertainty import student

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Truth = npt.NDArray[np.bool_]

LEVEL = 0.05
PERCENT = 100
ROWS_AT_ONCE, LOWER_ROWS_AT_ONCE = 128, 512


def class_of(rows: int) -> int:
    """The number of rows that a board is counted as: the next power of two, and at least 2."""
    return max(2, 1 << (rows - 1).bit_length())


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """What turns a difference in ten-thousandths of a point into a t², and the least t² that counts."""

    degrees: int
    scale: float
    least: float

    @classmethod
    def of(cls, *, cases: int, whole_weight: int, rows: int) -> Relation:
        """For a suite of so many cases and a board of so many rows, both sides of the minimum together."""
        counted = class_of(rows)
        t = student.critical(level=LEVEL / (counted * (counted - 1) // 2), degrees=student.degrees_of(cases))
        # Spreads are sums over cases of squared thousandths of a point, each times its weight.
        return cls(
            degrees=student.degrees_of(cases),
            scale=whole_weight * whole_weight * (cases - 1) / (cases * 100),
            least=t * t,
        )

    def differ(self, *, upper: Floats, lower: Floats, variance: Floats) -> Truth:
        """For scores in ten-thousandths where ``upper`` is the better one; False where it is not.

        And False everywhere where there are too few cases to tell anything. Scores are whole, and never
        negative, so that more than a 100th of one is more than its whole part.
        """
        if not self.degrees:
            return np.zeros(variance.shape, dtype=np.bool_)
        apart = upper - lower
        is_more = apart > np.floor(upper / PERCENT)
        apart *= apart
        apart *= self.scale / self.least
        result: Truth = apart > variance
        result &= is_more
        return result

    def p_values(self, *, upper: Floats, lower: Floats, variance: Floats) -> Floats:
        """Two-sided, of one comparison by itself; 1 where there are too few cases to tell anything."""
        apart = upper - lower
        if not self.degrees:
            return np.ones(len(apart))
        is_sure = variance <= 0
        t_squared = apart * apart * self.scale / np.where(is_sure, 1.0, variance)
        p_values = student.two_sided(t_squared, degrees=self.degrees)
        return np.where(is_sure, np.where(apart > 0, 0.0, 1.0), p_values)


def differing(
    *, relation: Relation, score: Floats, deviations: Floats, spread: Floats, energy_spread: Floats
) -> tuple[Whole, Whole]:
    """For rows in falling order of score: how many above, and how many below, each can be told apart from.

    Works in tiles of rows against those that stand at or below them; a tile stays in the cache. The variance
    of a difference, V + V' - 2 C, is one product: V and 1 are two cases more on either side.
    """
    rows = len(score)
    above, below = np.zeros(rows, dtype=np.int64), np.zeros(rows, dtype=np.int64)
    one = np.ones(rows)
    uppers = np.column_stack([-2 * deviations, spread, one])
    lowers = np.ascontiguousarray(np.column_stack([deviations, one, spread]).T)
    for at in range(0, rows, ROWS_AT_ONCE):
        upper = slice(at, at + ROWS_AT_ONCE)
        for behind in range(at, rows, LOWER_ROWS_AT_ONCE):
            lower = slice(behind, behind + LOWER_ROWS_AT_ONCE)
            variance = uppers[upper] @ lowers[:, lower]
            variance += energy_spread[upper, np.newaxis] + energy_spread[lower]
            differ = relation.differ(
                upper=score[upper, np.newaxis], lower=score[lower], variance=variance
            ).view(np.uint8)
            below[upper] += differ.sum(axis=1, dtype=np.uint16)
            above[lower] += differ.sum(axis=0, dtype=np.uint16)
    return above, below
