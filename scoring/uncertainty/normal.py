"""The normal distribution from single operations of IEEE 754, so that it has the same bits everywhere.

The C library's ``erf``, ``exp`` and ``log`` may differ in the last bit from one machine to the next, and that
bit could choose another order statistic. Accurate to some 1e-13, far finer than a share of resamples.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SQRT_TWO_PI = 2.5066282746310002
FARTHEST = 8.0  # beyond it the tail is below 1e-15: for shares of resamples, nothing
HALVINGS = 10  # exp(-32) is exp(-1/32) squared ten times
EXP_TERMS = 12
SERIES_TERMS = 140  # x^(2k+1)/(1·3·…·(2k+1)) at x = 8 is below 1e-16 of the sum by then
BISECTIONS = 60


def cdf(x: Floats) -> Floats:
    """Φ(x) = 1/2 + φ(x) · Σ x^(2k+1) / (1·3·…·(2k+1)) (Abramowitz and Stegun 26.2.11)."""
    x = np.clip(np.asarray(x, dtype=np.float64), -FARTHEST, FARTHEST)
    square = x * x
    term = x.copy()
    total = x.copy()
    for k in range(1, SERIES_TERMS):
        term = term * square / (2 * k + 1)
        total = total + term
    return np.clip(0.5 + _exp_of_minus(square / 2) / SQRT_TWO_PI * total, 0.0, 1.0)


def quantile(share: Floats) -> Floats:
    """The x with Φ(x) = ``share``, by halving; shares of 0 and 1 give the ends, ∓8."""
    share = np.asarray(share, dtype=np.float64)
    low = np.full_like(share, -FARTHEST)
    high = np.full_like(share, FARTHEST)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        is_below = cdf(middle) < share
        low = np.where(is_below, middle, low)
        high = np.where(is_below, high, middle)
    result: Floats = (low + high) / 2
    return result


def _exp_of_minus(x: Floats) -> Floats:
    """e^(-x) for x from 0 to 32, by its series for a 1024th of x, squared ten times."""
    small = x / -(2**HALVINGS)
    total: Floats = np.ones_like(small)
    for k in range(EXP_TERMS, 0, -1):
        total = 1.0 + small / k * total
    for _ in range(HALVINGS):
        total = total * total
    return total
