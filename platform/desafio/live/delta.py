"""What turns one board into the next, small enough to be sent to everybody in the room at each score.

``desafio.live.board`` makes deltas, ``static/live-board.js`` applies them; ``apply`` is the same in Python.
A score in the middle of a board moves the rank of every row below it, and the range of ranks that chance
leaves open of many more, so these travel as runs of consecutive or equal numbers and not with their rows: the
delta of a thousand rows is some hundred bytes, and some thousand where there are ranges, not the board again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from challenges.board import changed_rows

Row = Mapping[str, Any]
# A first number and how many rows count on from it, or with a third member 0, have the same; None: no number.
Run = tuple[int | None, int] | tuple[int | None, int, int]

# What chance leaves open about a row's place; boards from before there were such figures have none of them.
_RANGES = ("tie_group", "best_rank", "worst_rank")
# What a position on the board says about a row, and the row does not say itself.
_PLACE = ("rank", "tied", *_RANGES)
# What may differ between two boards that a delta can join.
_MOVING = ("version", "generated_at", "rows")


def between(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any] | None:
    """The delta from one board's JSON to another's; None when only the whole board can tell it.

    ``rows`` are the new and the changed ones, each with its position ``at`` among all rows of the later
    board; ``removed`` names participations that are gone; ``ranks`` are runs over all rows in board order,
    and so is each of ``ranges``.
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
    told = [name for name in _RANGES if any(name in row for row in after["rows"])]
    if told:
        delta["ranges"] = {name: _runs([row[name] for row in after["rows"]]) for name in told}
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
    ranks = _numbers(delta["ranks"])
    sharing = Counter(ranks)
    for row, rank in zip(after, ranks, strict=True):
        row |= {"rank": rank, "tied": rank is not None and sharing[rank] > 1}
    for name, runs in delta.get("ranges", {}).items():
        for row, number in zip(after, _numbers(runs), strict=True):
            row[name] = number
    return after


def _frame(board: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in board.items() if name not in _MOVING}


def _unplaced(row: Row) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _PLACE}


def _runs(numbers: Sequence[int | None]) -> list[Run]:
    runs: list[Run] = []
    for number in numbers:
        last = runs[-1] if runs else None
        if last is None or not _goes_on(last, number):
            runs.append((number, 1))
        elif len(last) == 3 or (number == last[0] and number is not None):
            runs[-1] = (last[0], last[1] + 1, 0)
        else:
            runs[-1] = (last[0], last[1] + 1)
    return runs


def _goes_on(run: Run, number: int | None) -> bool:
    first, count = run[:2]
    if first is None or number is None or len(run) == 3:
        return number == first
    return number == first + count or (count == 1 and number == first)


def _numbers(runs: Sequence[Run]) -> list[int | None]:
    return [number for run in runs for number in _of_run(*run)]


def _of_run(first: int | None, count: int, step: int = 1) -> list[int | None]:
    return [first if first is None else first + step * place for place in range(count)]
