"""Claims on a board with its doubt: one board for one set of rows, groups and ranges that belong together."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from dataclasses import replace
from decimal import Context, Decimal, localcontext
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.errors import SpecError
from scoring.ranking import rank
from scoring.ranking_full import rank_fully
from scoring.uncertainty.values import RankedRow, Standing
from scoring.values import RankEntry
from tests.scoring.contexts import UNDER_ANY_DECIMAL_SETTINGS
from tests.scoring.uncertain_rows import (
    QUALITY_ONLY,
    RIGHT,
    a_row,
    a_rule,
    right,
    sha256_of_a_large_board,
    some_rows,
)

ROOT = Path(__file__).resolve().parents[2]
PINNED_BOARD = "22cc86798d704c970e094a291fbe3d8c49ee43167e3f2f102982e069988dcc5f"

# Few different rows over few cases, so that equal scores, groups and both sides of the minimum are common.
GRADES = st.lists(st.sampled_from([0, 0, 500_000, RIGHT, RIGHT]), min_size=8, max_size=8).map(tuple)
ROWS = st.lists(
    st.builds(
        a_row,
        id=st.text("abcde", min_size=1, max_size=2),
        grades=GRADES | st.sampled_from([(RIGHT,) * 8, (0,) * 8, (RIGHT,) * 4 + (0,) * 4]),
        energies_mj=st.sampled_from([(20_000,), (200_000,), (150_000, 250_000), (1_000_000,)]),
        tiebreak=st.sampled_from(["", "a", "b"]),
        is_ranked=st.sampled_from([True, True, True, False]),
    ),
    max_size=14,
    unique_by=lambda row: row.id,
)


def on_the_board(*rows: RankedRow, cases: int = 30) -> dict[str, Standing]:
    """By quality alone."""
    board = rank_fully(a_rule(cases, policy="budget", parameters=QUALITY_ONLY), rows)
    return {standing.id: standing for standing in board.standings()}


# --- by hand --------------------------------------------------------------------------------------------


def test_two_that_cannot_be_told_apart_share_a_rank_and_the_next_is_skipped() -> None:
    found = on_the_board(a_row("ana", right(29)), a_row("blas", right(27)), a_row("eva", right(2)))
    assert [(found[id].rank, found[id].tie_group, found[id].tied) for id in ("ana", "blas", "eva")] == [
        (1, 1, True),
        (1, 1, True),
        (3, 2, False),
    ]
    assert [(found[id].best_rank, found[id].worst_rank) for id in ("ana", "blas", "eva")] == [
        (1, 2),
        (1, 2),
        (3, 3),
    ]


def test_pairing_tells_apart_what_intervals_alone_could_not() -> None:
    """Both fail and solve the same cases, but for eight that only one of them solves."""
    found = on_the_board(a_row("ana", right(22)), a_row("blas", right(14)))
    assert found["blas"].high > found["ana"].low
    assert (found["ana"].rank, found["blas"].rank) == (1, 2)


def test_the_same_scores_over_other_cases_are_not_told_apart() -> None:
    found = on_the_board(a_row("ana", right(22)), a_row("blas", right(14, first=16)))
    assert (found["ana"].rank, found["blas"].rank) == (1, 1)


def test_below_the_minimum_nobody_is_tied_with_who_reaches_it() -> None:
    board = rank_fully(a_rule(), [a_row("ana", right(6)), a_row("blas", right(5)), a_row("eva", right(4))])
    found = {standing.id: standing for standing in board.standings()}
    assert found["ana"].reaches_minimum
    assert [(found[id].rank, found[id].tie_group) for id in ("ana", "blas", "eva")] == [
        (1, 1),
        (2, 2),
        (2, 2),
    ]
    assert [(found[id].best_rank, found[id].worst_rank) for id in ("ana", "blas", "eva")] == [
        (1, 1),
        (2, 3),
        (2, 3),
    ]
    assert found["blas"].p_above is None


def test_outside_the_ranking_there_is_no_rank_and_no_range_and_nobody_s_is_taken() -> None:
    found = on_the_board(
        replace(a_row("jury", right(30)), is_ranked=False), a_row("ana", right(29)), a_row("eva", right(2))
    )
    jury = found["jury"]
    assert (jury.rank, jury.tie_group, jury.best_rank, jury.worst_rank, jury.tied) == (*(None,) * 4, False)
    assert [found[id].rank for id in ("ana", "eva")] == [1, 2]


def test_a_tiebreak_orders_equal_scores_on_the_page_and_changes_nothing_else() -> None:
    rows = [a_row("ana", right(10), tiebreak="2"), a_row("blas", right(10, first=20), tiebreak="1")]
    found = on_the_board(*rows)
    assert list(found) == ["blas", "ana"]
    turned = on_the_board(*(replace(row, tiebreak="") for row in rows))
    assert list(turned) == ["ana", "blas"]
    assert found == turned


def test_a_tiebreak_does_not_choose_who_of_equal_scores_is_compared() -> None:
    """One of the two differs from the first row, the other, of the same score, does not."""
    first, near, far = a_row("ana", right(22)), right(14), right(14, first=16)

    def groups(blas: str, eva: str) -> dict[str, int | None]:
        rows = [first, a_row("blas", near, tiebreak=blas), a_row("eva", far, tiebreak=eva)]
        return {id: standing.tie_group for id, standing in on_the_board(*rows).items()}

    assert groups("1", "2") == groups("2", "1")


def test_energy_that_differs_from_repetition_to_repetition_ties_what_one_repetition_does_not() -> None:
    def ranks(ana: tuple[int, ...], blas: tuple[int, ...]) -> list[int | None]:
        board = rank_fully(
            a_rule(), [a_row("ana", right(20), energies_mj=ana), a_row("blas", right(20), energies_mj=blas)]
        )
        return [standing.rank for standing in board.standings()]

    assert ranks((100_000,), (200_000,)) == [1, 2]
    assert ranks((30_000, 100_000, 900_000), (50_000, 200_000, 1_500_000)) == [1, 1]


def test_under_a_policy_by_layers_a_layer_is_a_group() -> None:
    parameters = {"q_min": "0.20", "e_ref_mj": 2_000_000, "e_min_mj": 20_000}
    rows = [
        a_row("good", right(29), energies_mj=(500_000,)),
        a_row("thrifty", right(15), energies_mj=(50_000,)),
        a_row("beaten", right(14), energies_mj=(60_000,)),
    ]
    found = {
        standing.id: standing
        for standing in rank_fully(a_rule(policy="pareto", parameters=parameters), rows).standings()
    }
    assert [(found[id].rank, found[id].tie_group) for id in ("good", "thrifty", "beaten")] == [
        (1, 1),
        (1, 1),
        (3, 2),
    ]
    assert found["good"].best_rank is None


def test_an_empty_board_is_empty() -> None:
    assert list(rank_fully(a_rule(), []).standings()) == []


def test_an_id_that_comes_twice_and_a_policy_that_cannot_work_are_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        rank_fully(a_rule(), [a_row(), a_row()])
    with pytest.raises(SpecError):
        rank_fully(a_rule(parameters={"q_min": "2"}), [a_row()])


# --- the same bytes -------------------------------------------------------------------------------------


def test_a_board_has_these_bytes_on_every_machine() -> None:
    """Written down once. Another processor, numpy or BLAS that made others would be found here."""
    assert sha256_of_a_large_board() == PINNED_BOARD


def test_other_ways_of_computing_give_the_same_bytes() -> None:
    """An older processor's matrix products and numpy loops, in a process of its own; and one thread."""
    asked = "from tests.scoring.uncertain_rows import sha256_of_a_large_board as asked; print(asked())"
    environment = {
        **os.environ,
        "OPENBLAS_CORETYPE": "Prescott",
        "OPENBLAS_NUM_THREADS": "1",
        "NPY_DISABLE_CPU_FEATURES": " ".join(newer_features()),
    }
    ended = subprocess.run(
        [sys.executable, "-c", asked], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ended.stdout.strip() == PINNED_BOARD


def newer_features() -> list[str]:
    """Those of this processor that numpy was not built to need, and can do without."""
    simd = np.show_config(mode="dicts")["SIMD Extensions"]
    return list(simd.get("found", []))


@UNDER_ANY_DECIMAL_SETTINGS
def test_a_board_does_not_depend_on_the_decimal_settings_around_it(ambient: Context) -> None:
    rows = some_rows(6, repetitions=2)
    expected = list(rank_fully(a_rule(), rows).standings())
    with localcontext(ambient):
        found = list(rank_fully(a_rule(), rows).standings())
    assert [str(standing) for standing in found] == [str(standing) for standing in expected]


def test_another_seed_moves_intervals_and_no_rank() -> None:
    rows = some_rows(20)
    one, other = (rank_fully(a_rule(seed=seed), rows) for seed in ("5e" * 32, "6f" * 32))
    assert one.low != other.low
    assert (one.ids, one.rank, one.best_rank) == (other.ids, other.rank, other.best_rank)


def test_the_weights_of_the_cases_are_heeded() -> None:
    grades = right(15)
    heavy = rank_fully(a_rule(weights=(3,) * 15 + (1,) * 15), [a_row("ana", grades)])
    assert heavy.quality == [750_000]


# --- for every board ------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(rows=ROWS, data=st.data())
def test_the_order_of_the_rows_does_not_matter(rows: list[RankedRow], data: st.DataObject) -> None:
    rule = a_rule(8)
    assert rank_fully(rule, data.draw(st.permutations(rows))) == rank_fully(rule, rows)


def test_the_order_of_the_cases_moves_nothing_but_the_resamples() -> None:
    """Which is why whoever reads rows sorts their cases by key: then nothing is moved at all."""
    rows = some_rows(25, repetitions=2)
    order = random.Random(2).sample(range(30), 30)
    moved = [replace(row, grades=tuple(row.grades[at] for at in order)) for row in rows]
    one, other = rank_fully(a_rule(), rows), rank_fully(a_rule(), moved)
    for column in ("ids", "rank", "tie_group", "best_rank", "worst_rank", "score", "p_above"):
        assert getattr(one, column) == getattr(other, column)


@settings(deadline=None, max_examples=60)
@given(rows=ROWS)
def test_places_groups_and_ranges_belong_together(rows: list[RankedRow]) -> None:
    standings = list(rank_fully(a_rule(8), rows).standings())
    ranked = [standing for standing in standings if standing.rank is not None]
    assert [standing.rank is None for standing in standings] == sorted(
        standing.rank is None for standing in standings
    )
    groups: dict[int, list[Standing]] = {}
    for position, standing in enumerate(ranked, start=1):
        assert standing.rank is not None
        assert standing.best_rank is not None
        assert standing.worst_rank is not None
        assert standing.tie_group is not None
        assert 1 <= standing.best_rank <= standing.rank <= position <= standing.worst_rank <= len(ranked)
        groups.setdefault(standing.tie_group, []).append(standing)
    assert list(groups) == list(range(1, len(groups) + 1))
    position = 1
    for group in groups.values():
        assert {standing.rank for standing in group} == {position}
        assert {standing.tied for standing in group} == {len(group) > 1}
        assert len({standing.reaches_minimum for standing in group}) == 1
        position += len(group)


@settings(deadline=None, max_examples=60)
@given(rows=ROWS)
def test_equal_scores_share_a_group_and_the_order_is_that_of_the_ranking(rows: list[RankedRow]) -> None:
    standings = {standing.id: standing for standing in rank_fully(a_rule(8), rows).standings()}
    plain = rank(
        RankEntry(
            id=row.id,
            score=standings[row.id].score,
            reaches_minimum=standings[row.id].reaches_minimum,
            is_ranked=row.is_ranked,
            tiebreak=row.tiebreak,
        )
        for row in rows
    )
    assert [place.id for place in plain] == list(standings)
    group_of: dict[tuple[bool, Decimal], int | None] = {}
    for standing in standings.values():
        if standing.rank is not None:
            place = (standing.reaches_minimum, standing.score)
            assert group_of.setdefault(place, standing.tie_group) == standing.tie_group
