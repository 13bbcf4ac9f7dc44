"""Deltas: whatever two boards, the delta between them leads from one to the other, and it stays small."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desafio.live import delta
from desafio.live.board import to_json
from scoring.ranking import rank
from scoring.values import RankEntry

Scores = dict[str, tuple[int, bool, bool]]


def _board(scores: Scores, *, version: int, **frame: Any) -> dict[str, Any]:
    """A board as the builder makes it, ranked by the real rules."""
    entries = [
        RankEntry(id=name, score=Decimal(score), reaches_minimum=reaches, is_ranked=counts, tiebreak=name)
        for name, (score, reaches, counts) in scores.items()
    ]
    rows = [
        {
            "participation": entry.id,
            "rank": entry.rank,
            "tied": entry.tied,
            "score": str(scores[entry.id][0]),
            "reaches_minimum": scores[entry.id][1],
            "is_ranked": scores[entry.id][2],
        }
        for entry in rank(entries)
    ]
    return {"version": version, "generated_at": f"at {version}", "frozen": False, "rows": rows, **frame}


_scores = st.dictionaries(
    st.sampled_from("abcdefghij"), st.tuples(st.integers(0, 4), st.booleans(), st.booleans())
)


@given(before=_scores, after=_scores)
def test_a_delta_leads_from_any_board_to_any_other(before: Scores, after: Scores) -> None:
    old, new = _board(before, version=1), _board(after, version=2)
    step = delta.between(old, new)
    assert step is not None, "boards that follow the rules of ranking need no whole board"
    assert delta.apply(old["rows"], step) == new["rows"]
    assert (step["previous"], step["version"], step["generated_at"]) == (1, 2, "at 2")


def test_a_new_first_of_a_thousand_is_told_in_a_few_hundred_bytes() -> None:
    scores = {f"participacion-{number:04d}": (number, True, True) for number in range(1000)}
    old = _board(scores, version=1)
    new = _board({**scores, "la nueva": (5000, True, True)}, version=2)
    step = delta.between(old, new)
    assert step is not None
    assert [row["at"] for row in step["rows"]] == [0]
    assert len(to_json(step)) < 400
    assert len(to_json(new)) > 80_000


def test_rows_outside_the_ranking_and_ties_keep_their_ranks() -> None:
    old = _board({}, version=1)
    new = _board(
        {"a": (4, True, True), "b": (4, True, True), "c": (1, True, True), "d": (9, True, False)}, version=2
    )
    step = delta.between(old, new)
    assert step is not None
    assert step["ranks"] == [(1, 2, 0), (3, 1), (None, 1)]
    assert [row["tied"] for row in delta.apply([], step)] == [True, True, False, False]


def _in_doubt(board: dict[str, Any], ranges: list[tuple[int | None, int | None]]) -> dict[str, Any]:
    rows = [
        {**row, "tie_group": best, "best_rank": best, "worst_rank": worst}
        for row, (best, worst) in zip(board["rows"], ranges, strict=True)
    ]
    return {**board, "rows": rows}


_ranges = st.lists(
    st.tuples(st.none() | st.integers(1, 9), st.none() | st.integers(1, 9)), min_size=10, max_size=10
)


@given(before=_scores, after=_scores, ranges=st.tuples(_ranges, _ranges))
def test_what_chance_leaves_open_travels_beside_the_ranks(before: Scores, after: Scores, ranges: Any) -> None:
    old = _in_doubt(_board(before, version=1), ranges[0][: len(before)])
    new = _in_doubt(_board(after, version=2), ranges[1][: len(after)])
    step = delta.between(old, new)
    assert step is not None
    assert delta.apply(old["rows"], step) == new["rows"]


def test_a_range_that_moves_does_not_send_its_row_again() -> None:
    scores = {f"participacion-{number:04d}": (number, True, True) for number in range(1000)}
    old = _in_doubt(_board(scores, version=1), [(1, 1000)] * 1000)
    new = _in_doubt(_board(scores, version=2), [(1, 1001)] * 1000)
    step = delta.between(old, new)
    assert step is not None
    assert (step["rows"], step["ranges"]["worst_rank"]) == ([], [(1001, 1000, 0)])


def test_a_board_whose_frame_changes_needs_the_whole_board() -> None:
    assert delta.between(_board({}, version=1), _board({}, version=2, frozen=True)) is None


def test_a_board_whose_order_follows_no_rule_needs_the_whole_board() -> None:
    old = _board({"a": (2, True, True), "b": (1, True, True)}, version=1)
    new = {**old, "version": 2, "rows": [{**old["rows"][1], "rank": 1}, {**old["rows"][0], "rank": 2}]}
    assert delta.between(old, new) is None


def test_a_delta_of_another_board_is_refused() -> None:
    step = delta.between(_board({"a": (1, True, True)}, version=1), _board({"b": (1, True, True)}, version=2))
    assert step is not None
    with pytest.raises(ValueError, match="zip"):
        delta.apply([{"participation": "c"}], step)
