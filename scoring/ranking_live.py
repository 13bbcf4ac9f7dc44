"""A board that is kept up to date: one row more, changed or gone, without ranking all others again.

Whoever shows a live board holds one ``LiveRanking`` a phase. Each change costs one row's resamples and its
covariances with all others; the board that comes out is that of ``scoring.ranking_full`` bit for bit,
whatever history led to it. Only where the number of ranked rows passes a power of two, which moves the level
of every comparison, are all pairs looked at again.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import fields

import numpy as np
import numpy.typing as npt

from scoring.errors import SpecError
from scoring.ranking_full import has_layers
from scoring.uncertainty import pairs, tie_groups
from scoring.uncertainty.pairs import Relation
from scoring.uncertainty.part import Part, board, first_rows_of
from scoring.uncertainty.resampling import Figures, Resampling
from scoring.uncertainty.values import Board, BoardRule, RankedRow

Whole = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Truth = npt.NDArray[np.bool_]

UNKNOWN, NOBODY = -2, -1
ROOM_AT_FIRST = 64

PageKey = tuple[bool, bool, int, str, str, int]
MeritKey = tuple[int, str, int]


class LiveRanking:
    """The rows of one board by slot, with whatever of their comparisons can be kept.

    Not for several threads at once. Raises ``SpecError`` for a policy that cannot work, and for one by
    layers, whose boards are ranked as a whole.
    """

    def __init__(self, rule: BoardRule, rows: Iterable[RankedRow] = ()) -> None:
        self._resampling = Resampling(rule)
        if has_layers(rule):
            raise SpecError(field="policy", fix="Con esta política se ordena la clasificación entera.")
        self._figures = _room(self._resampling.figures([]), ROOM_AT_FIRST)
        self._free = list(range(ROOM_AT_FIRST))
        self._slot_of: dict[str, int] = {}
        self._page: list[PageKey] = []
        self._sides = {True: _Side(), False: _Side()}
        self._page_key_of: dict[str, PageKey] = {}
        self._ranked = 0
        self._above, self._below = _whole(ROOM_AT_FIRST, 0), _whole(ROOM_AT_FIRST, 0)
        # Of a place's first row: the first that differs from it, and the place above with which its p is.
        self._beyond, self._partner = _whole(ROOM_AT_FIRST, UNKNOWN), _whole(ROOM_AT_FIRST, UNKNOWN)
        self._p_value: Floats = np.ones(ROOM_AT_FIRST)
        self._relation = self._relation_of(0)
        self._fill(list(rows))

    def put(self, row: RankedRow) -> None:
        """Add the row, or let it stand for the one of the same id. Raises ``ValueError`` if it does not fit.

        What is wrong with it leaves the board as it was.
        """
        figures = self._resampling.figures([row])
        self._take_away(row.id)
        self._place(row, figures, 0)
        if row.is_ranked:
            self._count(self._slot_of[row.id], 1)
        self._keep_level()

    def discard(self, id: str) -> None:
        """Take the row of this id away, where there is one."""
        self._take_away(id)
        self._keep_level()

    def board(self) -> Board:
        """The board as it stands."""
        page = np.array([key[-1] for key in self._page], dtype=np.int64)
        parts = [self._part(self._sides[reaches]) for reaches in (True, False)]
        ids = [key[-2] for key in self._page]
        return board(ids=ids, page=page, figures=self._figures, parts=parts)

    # --- rows and slots ---------------------------------------------------------------------------------

    def _fill(self, rows: list[RankedRow]) -> None:
        if len({row.id for row in rows}) < len(rows):
            raise ValueError("an id stands twice in the rows of one board")
        figures = self._resampling.figures(rows)
        for at, row in enumerate(rows):
            self._place(row, figures, at)
        self._look_at_all_pairs()

    def _place(self, row: RankedRow, figures: Figures, at: int) -> None:
        if not self._free:
            self._make_room()
        slot = self._free.pop()
        for field in fields(Figures):
            getattr(self._figures, field.name)[slot] = getattr(figures, field.name)[at]
        self._slot_of[row.id] = slot
        score, reaches = int(figures.score[at]), bool(figures.reaches_minimum[at])
        key = (not row.is_ranked, not reaches, -score, row.tiebreak, row.id, slot)
        self._page_key_of[row.id] = key
        insort(self._page, key)
        if row.is_ranked:
            insort(self._sides[reaches].by_merit, (-score, row.id, slot))
            self._ranked += 1

    def _take_away(self, id: str) -> None:
        slot = self._slot_of.pop(id, None)
        if slot is None:
            return
        key = self._page_key_of.pop(id)
        del self._page[bisect_left(self._page, key)]
        is_unranked, is_below, best_first = key[:3]
        if not is_unranked:
            by_merit = self._sides[not is_below].by_merit
            del by_merit[bisect_left(by_merit, (best_first, id, slot))]
            self._ranked -= 1
            self._count(slot, -1)
        self._forget(np.array([slot]))
        self._free.append(slot)

    def _make_room(self) -> None:
        size = len(self._above)
        self._figures = _room(self._figures, size)
        self._above, self._below = _longer(self._above, 0), _longer(self._below, 0)
        self._beyond, self._partner = _longer(self._beyond, UNKNOWN), _longer(self._partner, UNKNOWN)
        self._p_value = np.concatenate([self._p_value, np.ones(size)])
        self._free.extend(range(size, 2 * size))

    # --- who can be told apart from whom ----------------------------------------------------------------

    def _relation_of(self, rows: int) -> Relation:
        resampling = self._resampling
        return Relation.of(cases=resampling.cases, whole_weight=resampling.whole_weight, rows=rows)

    def _keep_level(self) -> None:
        """Where the number of rows has moved the level, all is looked at anew."""
        if self._relation_of(self._ranked) != self._relation:
            self._look_at_all_pairs()

    def _look_at_all_pairs(self) -> None:
        self._relation = self._relation_of(self._ranked)
        self._beyond[:] = UNKNOWN
        for side in self._sides.values():
            slots = side.slots()
            self._above[slots], self._below[slots] = pairs.differing(
                relation=self._relation,
                score=self._figures.score[slots].astype(np.float64),
                deviations=self._figures.deviations[slots],
                spread=self._figures.spread[slots],
                energy_spread=self._figures.energy_spread[slots],
            )

    def _count(self, slot: int, sign: int) -> None:
        """Add the row at ``slot`` to the counts of its side, or take it off; its own are made anew."""
        slots = self._sides[bool(self._figures.reaches_minimum[slot])].slots()
        is_above, is_below = self._differing_from(slot, slots)
        self._below[slots] += sign * is_above
        self._above[slots] += sign * is_below
        self._above[slot], self._below[slot] = int(is_above.sum()), int(is_below.sum())

    def _differing_from(self, slot: int, slots: Whole) -> tuple[Truth, Truth]:
        """Which of these differ from the row at ``slot`` and are better, and which are worse."""
        scores, variance = self._figures.score[slots].astype(np.float64), self._variances(slot)[slots]
        own = self._figures.score[slot : slot + 1].astype(np.float64)
        is_above = self._relation.differ(upper=scores, lower=own, variance=variance)
        is_below = self._relation.differ(upper=own, lower=scores, variance=variance)
        return is_above, is_below

    def _variances(self, slot: int) -> Floats:
        """Of the differences to every slot; those without a row hold zeros or what was there."""
        figures = self._figures
        exact = figures.spread[slot] + figures.spread - 2 * (figures.deviations @ figures.deviations[slot])
        result: Floats = exact + (figures.energy_spread[slot] + figures.energy_spread)
        return result

    def _forget(self, slots: Whole) -> None:
        """What was known about rows that are gone, or are no longer the first of their places."""
        self._beyond[np.isin(self._beyond, slots)] = UNKNOWN
        self._beyond[slots] = UNKNOWN
        self._partner[np.isin(self._partner, slots)] = UNKNOWN
        self._partner[slots] = UNKNOWN

    # --- groups -----------------------------------------------------------------------------------------

    def _part(self, side: _Side) -> Part:
        slots = side.slots()
        first_rows = first_rows_of(self._figures.score[slots])
        speakers = slots[first_rows]
        self._follow(side, speakers)
        score = self._figures.score[speakers]
        p_above = tie_groups.corrected(self._p_values(speakers))
        place_of = _whole(len(self._above), 0)
        place_of[speakers] = np.arange(len(speakers))

        def first_beyond(first: int) -> int:
            beyond = int(self._beyond[speakers[first]])
            if beyond == UNKNOWN:
                beyond = self._look_for_beyond(speakers, first)
            return len(speakers) if beyond == NOBODY else int(place_of[beyond])

        begun = tie_groups.beginnings(
            places=len(speakers),
            borders=tie_groups.borders(score=score, p_above=p_above),
            first_beyond=first_beyond,
        )
        return Part(
            slots=slots,
            above=self._above[slots],
            below=self._below[slots],
            first_rows=first_rows,
            p_above=p_above,
            begun=begun,
        )

    def _follow(self, side: _Side, speakers: Whole) -> None:
        """Let what is known about the first rows of places hold for those that there are now."""
        before, side.speakers = side.speakers, speakers
        gone = np.setdiff1d(before, speakers)
        if len(gone):
            self._forget(gone)
        known = speakers[self._beyond[speakers] != UNKNOWN]
        if not len(known):
            return
        for slot in self._come(before, speakers).tolist():
            self._shorten(slot, known)

    def _come(self, before: Whole, speakers: Whole) -> Whole:
        """Places that are new, and those whose row was changed in between and keeps its slot."""
        is_new = ~np.isin(speakers, before) | (self._partner[speakers] == UNKNOWN)
        result: Whole = speakers[is_new]
        return result

    def _shorten(self, slot: int, known: Whole) -> None:
        """The row at ``slot`` is now the first that differs from those for which it comes before theirs."""
        score, beyond = self._figures.score, self._beyond[known]
        is_first = (score[known] > score[slot]) & ((beyond == NOBODY) | (score[beyond] < score[slot]))
        asked = known[is_first]
        is_above, _ = self._differing_from(slot, asked)
        self._beyond[asked[is_above]] = slot

    def _look_for_beyond(self, speakers: Whole, first: int) -> int:
        slot = int(speakers[first])
        _, is_below = self._differing_from(slot, speakers[first + 1 :])
        found = speakers[first + 1 :][is_below]
        self._beyond[slot] = found[0] if len(found) else NOBODY
        return int(self._beyond[slot])

    def _p_values(self, speakers: Whole) -> Floats:
        """Of each place and the one above it; only those that have a new neighbour are worked out."""
        upper, lower = speakers[:-1], speakers[1:]
        is_new = self._partner[lower] != upper
        self._partner[speakers[:1]] = NOBODY
        upper, lower = upper[is_new], lower[is_new]
        figures = self._figures
        together = (figures.deviations[upper] * figures.deviations[lower]).sum(axis=1)
        exact = figures.spread[upper] + figures.spread[lower] - 2 * together
        self._p_value[lower] = self._relation.p_values(
            upper=figures.score[upper].astype(np.float64),
            lower=figures.score[lower].astype(np.float64),
            variance=exact + (figures.energy_spread[upper] + figures.energy_spread[lower]),
        )
        self._partner[lower] = upper
        return self._p_value[speakers[1:]]


class _Side:
    """Ranked rows of one side of the minimum, by merit; and the first rows of its places when last asked."""

    def __init__(self) -> None:
        self.by_merit: list[MeritKey] = []
        self.speakers = _whole(0, 0)

    def slots(self) -> Whole:
        return np.array([key[-1] for key in self.by_merit], dtype=np.int64)


def _whole(size: int, value: int) -> Whole:
    return np.full(size, value, dtype=np.int64)


def _longer(column: Whole, value: int) -> Whole:
    return np.concatenate([column, _whole(len(column), value)])


def _room(figures: Figures, more: int) -> Figures:
    """The same columns with zeros for so many rows more."""
    columns = {field.name: getattr(figures, field.name) for field in fields(Figures)}
    return Figures(
        **{
            name: np.concatenate([column, np.zeros((more, *column.shape[1:]), dtype=column.dtype)])
            for name, column in columns.items()
        }
    )
