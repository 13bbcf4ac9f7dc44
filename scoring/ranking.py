"""The order of a board: who stands where, and who shares a place.

The one builder of boards calls it with every participation's best score, which has been through
``scoring.policies.in_layers`` where places hang on the other rows; it never reads a name or a clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

from scoring.values import Ranked, RankEntry

# What two entries must have in common to share a rank: in a layer, the score is not asked.
Place = tuple[bool, int, Decimal | None]


def rank(entries: Iterable[RankEntry]) -> list[Ranked]:
    """Places in the order of the board, whatever the order of the entries.

    First those that reach the policy's minimum, by score; then those below it, by score; last those outside
    the ranking (rank None), in the same order. Where entries have layers, these come before the score, which
    then only settles the order on the page. Equal entries share a rank and the next one is skipped (1, 1,
    3); between them ``tiebreak`` and then ``id`` settle the order on the page. Raises ``ValueError`` for an
    id that comes twice.
    """
    ordered = sorted(entries, key=_board_order)
    if len({entry.id for entry in ordered}) < len(ordered):
        raise ValueError("an id stands twice in the entries of one board")
    sharing = Counter(_place(entry) for entry in ordered if entry.is_ranked)
    first_rank: dict[Place, int] = {}
    ranked: list[Ranked] = []
    for position, entry in enumerate(ordered, start=1):
        if not entry.is_ranked:
            ranked.append(Ranked(id=entry.id, rank=None, tied=False))
            continue
        place = _place(entry)
        shared_rank = first_rank.setdefault(place, position)
        ranked.append(Ranked(id=entry.id, rank=shared_rank, tied=sharing[place] > 1))
    return ranked


def _place(entry: RankEntry) -> Place:
    return entry.reaches_minimum, entry.layer, None if entry.layer else entry.score


def _board_order(entry: RankEntry) -> tuple[bool, bool, int, Decimal, str, str]:
    # A plain minus would round to the digits that the process around us happens to work with.
    best_first = entry.score.copy_negate()
    return (
        not entry.is_ranked,
        not entry.reaches_minimum,
        entry.layer,
        best_first,
        entry.tiebreak,
        entry.id,
    )
