"""Claims on the live board: whatever came and went, it is the board that a full ranking of its rows makes."""

from __future__ import annotations

import os
import random
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scoring.errors import SpecError
from scoring.ranking_full import rank_fully
from scoring.ranking_live import LiveRanking
from scoring.uncertainty.values import BoardRule, RankedRow
from tests.scoring.uncertain_rows import QUALITY_ONLY, RIGHT, a_row, a_rule, right, some_rows

STEPS = int(os.environ.get("LIVE_RANKING_STEPS", "300"))
# Few ids and few rows, so that histories replace, remove, tie, and pass powers of two to and fro.
IDS = st.sampled_from([f"row-{letter}" for letter in "abcdefghijk"])
PUT = st.builds(
    a_row,
    id=IDS,
    grades=st.sampled_from(
        [right(number, of=12, first=first) for number in (0, 2, 3, 6, 9, 12) for first in (0, 3, 6)]
    ),
    energies_mj=st.sampled_from([(20_000,), (200_000,), (150_000, 250_000)]),
    tiebreak=st.sampled_from(["", "a", "b"]),
    is_ranked=st.sampled_from([True, True, True, False]),
)
# A row, an id to take away, or None: look at the board. What is looked at is remembered.
HISTORIES = st.lists(PUT | PUT | IDS | st.none(), max_size=30)
RULES = st.sampled_from(
    [a_rule(12), a_rule(12, policy="budget", parameters=QUALITY_ONLY), a_rule(weights=(1, 2, 3) * 4)]
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(rule=RULES, first=st.lists(PUT, max_size=6, unique_by=lambda row: row.id), history=HISTORIES)
def test_after_any_history_the_board_is_the_full_one(
    rule: BoardRule, first: list[RankedRow], history: list[RankedRow | str | None]
) -> None:
    live = LiveRanking(rule, first)
    rows = {row.id: row for row in first}
    for step in [*history, None]:
        if step is None:
            assert live.board() == rank_fully(rule, list(rows.values()))
        elif isinstance(step, str):
            live.discard(step)
            rows.pop(step, None)
        else:
            live.put(step)
            rows[step.id] = step


def test_a_row_in_front_of_all_and_its_leaving_move_the_groups_behind_it() -> None:
    rule = a_rule(policy="budget", parameters=QUALITY_ONLY)
    rows = [a_row(f"row-{number:02d}", right(number)) for number in range(29, 1, -3)]
    live = LiveRanking(rule, rows)
    before = live.board()
    first = a_row("best", (RIGHT,) * 30)
    live.put(first)
    assert live.board() == rank_fully(rule, [*rows, first]) != before
    live.discard("best")
    assert live.board() == before


def test_when_the_row_that_ended_a_group_leaves_the_next_one_ends_it() -> None:
    rule = a_rule(policy="budget", parameters=QUALITY_ONLY)
    rows = [a_row(f"row-{number:02d}", right(number)) for number in (29, 27, 10, 8, 7)]
    live = LiveRanking(rule, rows)
    assert live.board().tie_group == [1, 1, 2, 2, 2]
    live.discard("row-10")
    assert live.board() == rank_fully(rule, [row for row in rows if row.id != "row-10"])


def test_a_row_that_comes_ends_a_group_before_the_one_that_ended_it() -> None:
    rule = a_rule(policy="budget", parameters=QUALITY_ONLY)
    rows = [a_row(f"row-{number:02d}", right(number)) for number in (29, 25, 18)]
    live = LiveRanking(rule, rows)
    live.board()
    coming = a_row("row-20", right(20))
    live.put(coming)
    assert live.board() == rank_fully(rule, [*rows, coming])
    assert live.board().tie_group == [1, 1, 2, 2]


def test_a_row_that_goes_below_the_minimum_and_comes_back_leaves_nothing_behind() -> None:
    rows = some_rows(12)
    live = LiveRanking(a_rule(), rows)
    before = live.board()
    live.put(replace(rows[3], grades=(0,) * 30))
    live.board()
    live.put(rows[3])
    assert live.board() == before


def test_rows_outside_the_ranking_come_and_go() -> None:
    rows = some_rows(5)
    live = LiveRanking(a_rule(), rows)
    jury = replace(rows[0], id="jury", is_ranked=False)
    live.put(jury)
    assert live.board() == rank_fully(a_rule(), [*rows, jury])
    live.discard("jury")
    live.discard("nobody")
    assert live.board() == rank_fully(a_rule(), rows)


def test_a_row_that_does_not_fit_leaves_the_board_as_it_was() -> None:
    rows = some_rows(5)
    live = LiveRanking(a_rule(), rows)
    before = live.board()
    with pytest.raises(ValueError, match="30 cases"):
        live.put(a_row(rows[0].id, right(3, of=29)))
    assert live.board() == before


def test_a_policy_by_layers_and_an_id_that_comes_twice_are_refused() -> None:
    parameters = {"q_min": "0.20", "e_ref_mj": 2_000_000, "e_min_mj": 20_000}
    with pytest.raises(SpecError):
        LiveRanking(a_rule(policy="pareto", parameters=parameters))
    with pytest.raises(ValueError, match="twice"):
        LiveRanking(a_rule(), [a_row(), a_row()])


@pytest.mark.storm
def test_a_long_history_over_many_rows_ends_at_the_full_board() -> None:
    """More rows than there was room for, groups of all sizes; ``LIVE_RANKING_STEPS`` makes it longer."""
    chance = random.Random(4)
    rule = a_rule(60)
    pool = some_rows(260, cases=60, repetitions=2, seed=5)
    rows = {row.id: row for row in pool[:120]}
    live = LiveRanking(rule, list(rows.values()))
    for step in range(STEPS):
        id = chance.choice(pool).id
        if chance.random() < 0.3:
            live.discard(id)
            rows.pop(id, None)
        else:
            rows[id] = replace(chance.choice(pool), id=id)
            live.put(rows[id])
        if chance.random() < 0.5:
            live.board()
        if step % 20 == 0:
            assert live.board() == rank_fully(rule, list(rows.values()))
    assert live.board() == rank_fully(rule, list(rows.values()))
