"""One side of the minimum of a board, with its groups and ranges, and the board made of such parts.

The full ranking and the live one find the same parts in two ways; from there on they share this module.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scoring.uncertainty.resampling import Figures
from scoring.uncertainty.values import Board

Whole = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Ranked rows of one side of the minimum, by falling score and then by id.

    ``slots`` says where each row's figures are, ``above`` and ``below`` how many rows it can be told apart
    from. ``first_rows`` are the rows that open a place (a score of its own), ``begun`` the places that open a
    group, and ``p_above`` a place's corrected probability, from the second place on.
    """

    slots: Whole
    above: Whole
    below: Whole
    first_rows: Whole
    p_above: Floats
    begun: Whole


@dataclass(slots=True, kw_only=True)
class _Columns:
    """By slot; 0 is none, and -1 no probability."""

    rank: Whole
    tie_group: Whole
    best_rank: Whole
    worst_rank: Whole
    p_above: Whole
    tied: npt.NDArray[np.bool_]


def first_rows_of(score: Whole) -> Whole:
    """The rows, in falling order of score, that open a place."""
    if not len(score):
        return np.zeros(0, dtype=np.int64)
    return np.concatenate([[0], np.flatnonzero(score[1:] != score[:-1]) + 1]).astype(np.int64)


def board(*, ids: Sequence[str], page: Whole, figures: Figures, parts: Sequence[Part]) -> Board:
    """The board of these parts; ``page`` is the slots of all rows in the order of the page, as ``ids`` is."""
    columns = _columns(len(figures.score), parts)
    return Board(
        ids=list(ids),
        rank=columns.rank[page].tolist(),
        tied=columns.tied[page].tolist(),
        tie_group=columns.tie_group[page].tolist(),
        best_rank=columns.best_rank[page].tolist(),
        worst_rank=columns.worst_rank[page].tolist(),
        score=figures.score[page].tolist(),
        low=figures.low[page].tolist(),
        high=figures.high[page].tolist(),
        interval=figures.interval[page].tolist(),
        quality=figures.quality[page].tolist(),
        energy_mj=figures.energy_mj[page].tolist(),
        reaches_minimum=figures.reaches_minimum[page].tolist(),
        p_above=columns.p_above[page].tolist(),
    )


def _columns(slots: int, parts: Sequence[Part]) -> _Columns:
    columns = _Columns(
        rank=np.zeros(slots, dtype=np.int64),
        tie_group=np.zeros(slots, dtype=np.int64),
        best_rank=np.zeros(slots, dtype=np.int64),
        worst_rank=np.zeros(slots, dtype=np.int64),
        p_above=np.full(slots, -1, dtype=np.int64),
        tied=np.zeros(slots, dtype=np.bool_),
    )
    rows_before, groups_before = 0, 0
    for part in parts:
        _fill(columns, part, rows_before, groups_before)
        rows_before += len(part.slots)
        groups_before += len(part.begun)
    return columns


def _fill(columns: _Columns, part: Part, rows_before: int, groups_before: int) -> None:
    rows = np.arange(len(part.slots))
    place_of_row = np.searchsorted(part.first_rows, rows, side="right") - 1
    group_of_row = np.searchsorted(part.begun, place_of_row, side="right") - 1
    rank = rows_before + 1 + part.first_rows[part.begun][group_of_row]
    columns.rank[part.slots] = rank
    columns.tie_group[part.slots] = groups_before + 1 + group_of_row
    columns.tied[part.slots] = np.bincount(group_of_row)[group_of_row] > 1
    # The place that is shown lies within the range, also where a row differs from one that its group's first
    # row, with a wider interval, does not differ from.
    columns.best_rank[part.slots] = np.minimum(rows_before + 1 + part.above, rank)
    columns.worst_rank[part.slots] = rows_before + len(part.slots) - part.below
    of_place = np.concatenate([[-1.0], part.p_above * 1e6])
    columns.p_above[part.slots] = np.rint(of_place[place_of_row]).astype(np.int64)
