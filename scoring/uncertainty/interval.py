"""The 95 % interval of one score, from its resampled scores: BCa where it can be had, percentile elsewhere.

BCa (Efron, 1987) corrects the percentile interval for bias and for a spread that changes with the score. The
rule, told before a phase opens: BCa from 20 cases on, unless all cases have one grade or the correction has
no finite value; the percentile interval otherwise. The acceleration is that of the quality over cases: BCa
respects monotone transformations, so a score that rises with quality has the same one, and of an energy,
which is a median, no jackknife is to be had.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from scoring.uncertainty import normal

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Scores = npt.NDArray[np.int32]

FEWEST_CASES_FOR_BCA = 20
TAIL = 0.025


def intervals(*, resampled: Scores, scores: Whole, acceleration: Floats) -> tuple[Whole, Whole, Whole]:
    """Low, high, and 1 for BCa or 0 for percentile, a row each.

    ``resampled`` is rows x resamples in ten-thousandths of a point and is sorted in place; ``acceleration``
    is NaN where BCa cannot be had. An end is an order statistic, the outer one where a share falls between
    two, and the score itself always lies within.
    """
    resamples = resampled.shape[1]
    points = scores.astype(np.int32)[:, np.newaxis]
    halves = 2 * (resampled < points).sum(axis=1) + (resampled == points).sum(axis=1)
    resampled.sort(axis=1)
    low_share, high_share, is_bca = shares(halves=halves, acceleration=acceleration, resamples=resamples)
    low_at = np.clip(np.floor(low_share * (resamples + 1)), 1, resamples).astype(np.int64) - 1
    high_at = np.clip(np.ceil(high_share * (resamples + 1)), 1, resamples).astype(np.int64) - 1
    rows = np.arange(len(scores))
    low = np.minimum(resampled[rows, low_at].astype(np.int64), scores)
    high = np.maximum(resampled[rows, high_at].astype(np.int64), scores)
    return low, high, is_bca.astype(np.int64)


def shares(
    *, halves: Whole, acceleration: Floats, resamples: int
) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    """The two shares of the resamples where the ends stand, and whether they are BCa's.

    ``halves`` counts two for each resampled score below the score and one for each that equals it.
    """
    bias = _bias_table(resamples)[halves]
    low, low_well = _corrected(bias, acceleration, -_z())
    high, high_well = _corrected(bias, acceleration, _z())
    is_bca = low_well & high_well
    return np.where(is_bca, low, TAIL), np.where(is_bca, high, 1 - TAIL), is_bca


def _corrected(bias: Floats, acceleration: Floats, z: float) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Φ(z0 + (z0 + z) / (1 - a (z0 + z))), and where that is defined."""
    known = np.where(np.isnan(acceleration), 0.0, acceleration)
    moved = bias + z
    divisor = 1 - known * moved
    is_well = ~np.isnan(acceleration) & (divisor > 0)
    return normal.cdf(bias + moved / np.where(is_well, divisor, 1.0)), is_well


def accelerations(*, grades: Whole, weights: Whole) -> Floats:
    """a = Σ d³ / (6 (Σ d²)^1.5) of a weighted mean, d the jackknife's differences; NaN where there is none.

    ``grades`` is cases x rows. Summed case by case: a library's own sum may take another order elsewhere.
    """
    cases, rows = grades.shape
    if cases < FEWEST_CASES_FOR_BCA:
        return np.full(rows, np.nan)
    whole_weight = int(weights.sum())
    total = np.zeros(rows, dtype=np.int64)
    for weight, row_grades in zip(weights.tolist(), grades, strict=True):
        total = total + weight * row_grades
    mean = total / whole_weight
    left_out = [
        (weight / (whole_weight - weight)) * (row_grades - mean)
        for weight, row_grades in zip(weights.tolist(), grades, strict=True)
    ]
    middle = np.zeros(rows)
    for each in left_out:
        middle = middle + each
    middle = middle / cases
    squares, cubes = np.zeros(rows), np.zeros(rows)
    for each in left_out:
        difference = each - middle
        square = difference * difference
        squares = squares + square
        cubes = cubes + square * difference
    # Exactly 0 where all grades are equal: their mean is then one of them.
    is_spread = squares > 0
    spread = np.where(is_spread, squares, 1.0)
    return np.where(is_spread, cubes / (6 * spread * np.sqrt(spread)), np.nan)


@lru_cache(maxsize=8)
def _bias_table(resamples: int) -> Floats:
    """z0 by the halves below: at the ends, where it has no value, that of the last half before them."""
    halves = np.clip(np.arange(2 * resamples + 1), 1, 2 * resamples - 1)
    return normal.quantile(halves / (2 * resamples))


@lru_cache(maxsize=1)
def _z() -> float:
    return float(normal.quantile(np.array([1 - TAIL]))[0])
