"""A whole board with its doubt: ranks shared within tie groups, intervals of scores and ranges of ranks.

The command line calls it, and whoever publishes a final board. It works in blocks, so that ten thousand rows
need tens of megabytes. ``scoring.ranking_live`` keeps such a board up to date, and gives the same one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from scoring import policies
from scoring.decimals import EXACT_ENOUGH
from scoring.ranking import rank
from scoring.uncertainty import pairs, tie_groups
from scoring.uncertainty.pairs import Relation
from scoring.uncertainty.part import Part, board, first_rows_of
from scoring.uncertainty.resampling import Figures, Resampling
from scoring.uncertainty.values import Board, BoardRule, RankedRow
from scoring.values import RankEntry

Whole = npt.NDArray[np.int64]


def rank_fully(rule: BoardRule, rows: Sequence[RankedRow]) -> Board:
    """The board of these rows, whatever their order.

    Those below the policy's minimum stand behind all that reach it and are never tied with them; rows outside
    the ranking come last, without a rank. Under a policy by layers a layer is a tie group, and no range of
    ranks is told. Raises ``ValueError`` for an id that comes twice or a row that does not fit the rule, and
    ``SpecError`` for a policy that cannot work.
    """
    if len({row.id for row in rows}) < len(rows):
        raise ValueError("an id stands twice in the rows of one board")
    resampling = Resampling(rule)
    figures = resampling.figures(rows)
    if has_layers(rule):
        return _by_layers(rule, rows, figures)
    page = sorted(range(len(rows)), key=lambda slot: _page_key(rows[slot], figures, slot))
    ranked = [slot for slot in range(len(rows)) if rows[slot].is_ranked]
    relation = Relation.of(cases=resampling.cases, whole_weight=resampling.whole_weight, rows=len(ranked))
    parts = []
    for reaches in (True, False):
        chosen = [slot for slot in ranked if figures.reaches_minimum[slot] == reaches]
        chosen.sort(key=lambda slot: (-int(figures.score[slot]), rows[slot].id))
        parts.append(_part(np.array(chosen, dtype=np.int64), figures, relation))
    return board(
        ids=[rows[slot].id for slot in page],
        page=np.array(page, dtype=np.int64),
        figures=figures,
        parts=parts,
    )


def has_layers(rule: BoardRule) -> bool:
    """Whether places under the rule's policy hang on the other rows, and not on a score alone."""
    return policies.POLICIES[rule.policy].layers is not None


def _page_key(row: RankedRow, figures: Figures, slot: int) -> tuple[bool, bool, int, str, str]:
    """The order of ``scoring.ranking.rank``."""
    reaches, score = bool(figures.reaches_minimum[slot]), int(figures.score[slot])
    return not row.is_ranked, not reaches, -score, row.tiebreak, row.id


def _part(slots: Whole, figures: Figures, relation: Relation) -> Part:
    first_rows = first_rows_of(figures.score[slots])
    above, below = pairs.differing(
        relation=relation,
        score=figures.score[slots].astype(np.float64),
        deviations=figures.deviations[slots],
        spread=figures.spread[slots],
        energy_spread=figures.energy_spread[slots],
    )
    speakers = slots[first_rows]
    score, spread = figures.score[speakers].astype(np.float64), figures.spread[speakers]
    deviations, energy_spread = figures.deviations[speakers], figures.energy_spread[speakers]
    exact = spread[:-1] + spread[1:] - 2 * (deviations[:-1] * deviations[1:]).sum(axis=1)
    p_above = tie_groups.corrected(
        relation.p_values(
            upper=score[:-1],
            lower=score[1:],
            variance=exact + (energy_spread[:-1] + energy_spread[1:]),
        )
    )

    def first_beyond(first: int) -> int:
        def differs(stretch: slice) -> npt.NDArray[np.bool_]:
            exact = spread[first] + spread[stretch] - 2 * (deviations[stretch] @ deviations[first])
            return relation.differ(
                upper=score[first],
                lower=score[stretch],
                variance=exact + (energy_spread[first] + energy_spread[stretch]),
            )

        return tie_groups.first_true(start=first + 1, stop=len(speakers), is_true=differs)

    begun = tie_groups.beginnings(
        places=len(speakers),
        borders=tie_groups.borders(score=figures.score[speakers], p_above=p_above),
        first_beyond=first_beyond,
    )
    return Part(slots=slots, above=above, below=below, first_rows=first_rows, p_above=p_above, begun=begun)


def _by_layers(rule: BoardRule, rows: Sequence[RankedRow], figures: Figures) -> Board:
    """The places that ``scoring.ranking`` gives; each of them is a group."""
    slot_of = {row.id: slot for slot, row in enumerate(rows)}
    context = EXACT_ENOUGH.copy()
    entries = policies.in_layers(
        rule.policy,
        [
            RankEntry(
                id=row.id,
                score=Decimal(int(figures.score[slot])).scaleb(-4, context),
                reaches_minimum=bool(figures.reaches_minimum[slot]),
                is_ranked=row.is_ranked,
                tiebreak=row.tiebreak,
                quality=Decimal(int(figures.quality[slot])).scaleb(-6, context),
                energy_mj=int(figures.energy_mj[slot]),
            )
            for slot, row in enumerate(rows)
        ],
    )
    places = rank(entries)
    page = np.array([slot_of[place.id] for place in places], dtype=np.int64)
    plain = board(ids=[place.id for place in places], page=page, figures=figures, parts=())
    ranks = [place.rank or 0 for place in places]
    groups = {shared: group for group, shared in enumerate(sorted(set(ranks) - {0}), start=1)}
    return replace(
        plain,
        rank=ranks,
        tied=[place.tied for place in places],
        tie_group=[groups.get(shared, 0) for shared in ranks],
    )
