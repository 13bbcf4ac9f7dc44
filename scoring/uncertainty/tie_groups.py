"""Where the groups of a board begin: rows of one group share a rank.

Down the board, in falling order of score, a row opens a group where it can be told apart from the FIRST row
of the group that is open (``pairs``), or from the row right above it after Holm's correction over all
neighbours. The first row is the measure, and not the one above: else a thousand rows, each a hair below the
last, would be one group from the first place to the thousandth. Each group has one first row and ends at the
first that differs from it, whatever comes after, so that ranks only fall down the board, and a group cannot
go on for ever. Nobody is ever split from an equal score: of those, the lowest id speaks for all.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from scoring.uncertainty import holm
from scoring.uncertainty.pairs import LEVEL, PERCENT

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

LOOKED_AT_FIRST = 32


def borders(*, score: Whole, p_above: Floats) -> Whole:
    """Places that Holm's correction tells apart from the one right above, by more than 1 % of its score.

    ``score`` falls strictly; ``p_above`` is corrected and belongs to the places from the second on.
    """
    is_more = (score[:-1] - score[1:]) * PERCENT > score[:-1]
    result: Whole = np.flatnonzero((p_above <= LEVEL) & is_more) + 1
    return result


def corrected(p_values: Floats) -> Floats:
    """Holm's over the neighbours of one part of a board, rounded to what is shown and compared."""
    return np.rint(holm.adjusted(p_values) * 1e6) / 1e6


def beginnings(*, places: int, borders: Whole, first_beyond: Callable[[int], int]) -> Whole:
    """Where each group begins, from 0; ``first_beyond`` is the first place that differs from a first one.

    It answers ``places`` where none does.
    """
    begun = [0] if places else []
    ends = [*borders.tolist(), places]
    next_end = 0
    while begun:
        while ends[next_end] <= begun[-1] and ends[next_end] < places:
            next_end += 1
        following = min(first_beyond(begun[-1]), ends[next_end])
        if following >= places:
            break
        if following <= begun[-1]:
            raise ValueError(f"place {following} cannot end the group of place {begun[-1]}")
        begun.append(following)
    return np.array(begun, dtype=np.int64)


def first_true(*, start: int, stop: int, is_true: Callable[[slice], npt.NDArray[np.bool_]]) -> int:
    """The first place from ``start`` for which ``is_true``, looked for in stretches that double; else
    ``stop``.
    """
    size = LOOKED_AT_FIRST
    while start < stop:
        found = is_true(slice(start, min(start + size, stop)))
        if found.any():
            return start + int(found.argmax())
        start += size
        size *= 2
    return stop
