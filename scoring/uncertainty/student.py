"""Student's t, for an even number of degrees of freedom: there it needs nothing but a square root.

Of an odd number the next lower even one is taken, and of many 200: both widen what is compared by a little,
and never narrow it.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

MOST_DEGREES = 200
FEWEST_CASES = 3
FARTHEST = 1e9
BISECTIONS = 120


def degrees_of(cases: int) -> int:
    """Degrees of freedom of a paired difference over so many cases; 0 where there are too few to tell."""
    return min((cases - 1) // 2 * 2, MOST_DEGREES)


def two_sided(t_squared: Floats, *, degrees: int) -> Floats:
    """The probability of a t at least this far from 0, given its square (Abramowitz and Stegun 26.7.4).

    ``degrees`` is even and above 0. Below 1e-12 or so the digits are noise; no threshold of ours is there.
    """
    t_squared = np.asarray(t_squared, dtype=np.float64)
    cosine_squared = degrees / (degrees + t_squared)
    factor = np.ones_like(cosine_squared)
    total = np.ones_like(cosine_squared)
    for k in range(1, degrees // 2):
        factor = factor * cosine_squared * ((2 * k - 1) / (2 * k))
        total = total + factor
    return np.clip(1.0 - np.sqrt(np.maximum(1.0 - cosine_squared, 0.0)) * total, 0.0, 1.0)


@lru_cache(maxsize=256)
def critical(*, level: float, degrees: int) -> float:
    """The t that is passed on either side with probability ``level``; infinity without degrees of freedom."""
    if degrees < FEWEST_CASES - 1:
        return math.inf
    low, high = 0.0, FARTHEST
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if two_sided(np.array([middle * middle]), degrees=degrees)[0] > level:
            low = middle
        else:
            high = middle
    return high
