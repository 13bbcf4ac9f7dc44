"""Holm's step-down correction (Scand. J. Statist. 6, 1979): many comparisons, one chance of a false one.

It keeps the probability of any false difference at the level, whatever hangs on what, and never finds less
than Bonferroni's.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def adjusted(p_values: Floats) -> Floats:
    """The p-values, made so that each may be compared with the level itself; in the order they came.

    The k-th smallest of m is multiplied by m - k + 1, is at least what the one before it became, and at most
    1.

    >>> adjusted(np.array([0.03, 0.01, 0.04])).round(6).tolist()
    [0.06, 0.03, 0.06]
    """
    p_values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p_values, kind="stable")
    steps = np.arange(len(p_values), 0, -1, dtype=np.float64)
    climbing = np.maximum.accumulate(np.minimum(p_values[order] * steps, 1.0))
    result = np.empty_like(climbing)
    result[order] = climbing
    return result
