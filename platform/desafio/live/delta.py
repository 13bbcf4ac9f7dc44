"""What turns one board into the next, small enough to be sent to everybody in the room at each score.

``desafio.live.board`` makes deltas, ``static/live-board.js`` applies them; ``apply`` is the same in Python.
A score in the middle of a board moves the rank of every row below it, so ranks travel as runs of consecutive
numbers and not with their rows: the delta of a thousand rows is some hundred bytes, not the board again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from challenges.board import changed_rows

Row = Mapping[str, Any]
RankRun = tuple[int | None, int]  # first rank and how many rows count on from it; None: rows without a rank

# What a position on the board says about a row, and the row does not say itself.
_PLACE = ("rank", "tied")
# What may differ between two boards that a delta can join.
_MOVING = ("version", "generated_at", "rows")


def between(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any] | None:
    """The delta from one board's JSON to another's; None when only the whole board can tell it.

    ``rows`` are the new and the changed ones, each with its position ``at`` among all rows of the later
    board; ``removed`` names participations that are gone; ``ranks`` are runs over all rows in board order.
    """
    if _frame(before) != _frame(after):
        return None
    changes = changed_rows(
        [_unplaced(row) for row in before["rows"]], [_unplaced(row) for row in after["rows"]]
    )
    position = {participation: at for at, participation in enumerate(changes.order)}
    delta = {
        "version": after["version"],
        "previous": before["version"],
        "generated_at": after["generated_at"],
        "rows": [{**row, "at": position[row["participation"]]} for row in changes.rows],
        "removed": changes.removed,
        "ranks": _runs([row["rank"] for row in after["rows"]]),
    }
    # Unchanged rows keep their order among themselves, by the rules of ranking. Should they ever not, no
    # delta of this form is right, and a wrong board is worse than a long one.
    return delta if apply(before["rows"], delta) == after["rows"] else None


def apply(rows: Sequence[Row], delta: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows after ``delta``; raises ValueError when it does not belong to these rows."""
    changed = {row["participation"]: row for row in delta["rows"]}
    gone = {*changed, *delta["removed"]}
    after = [dict(row) for row in rows if row["participation"] not in gone]
    for row in sorted(changed.values(), key=lambda row: int(row["at"])):
        after.insert(row["at"], {name: value for name, value in row.items() if name != "at"})
    ranks = _ranks(delta["ranks"])
    sharing = Counter(ranks)
    for row, rank in zip(after, ranks, strict=True):
        row |= {"rank": rank, "tied": rank is not None and sharing[rank] > 1}
    return after


def _frame(board: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in board.items() if name not in _MOVING}


def _unplaced(row: Row) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _PLACE}


def _runs(ranks: Sequence[int | None]) -> list[RankRun]:
    runs: list[RankRun] = []
    for rank in ranks:
        if runs and rank == _next_rank(runs[-1]):
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((rank, 1))
    return runs


def _next_rank(run: RankRun) -> int | None:
    first, count = run
    return None if first is None else first + count


def _ranks(runs: Sequence[RankRun]) -> list[int | None]:
    return [None if first is None else first + step for first, count in runs for step in range(count)]
