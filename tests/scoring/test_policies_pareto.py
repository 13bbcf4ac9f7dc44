"""Claims on ``pareto``: the layers are those that the definition gives, whoever stands outside apart."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.policies import apply, in_layers
from scoring.policies.pareto import layers
from scoring.ranking import rank
from scoring.values import RankEntry, Use
from tests.scoring.policy_boards import RULES, a_row, places

Point = tuple[int, int]  # quality, energy
POINTS = st.tuples(st.integers(0, 12), st.integers(1, 12)) | st.tuples(
    st.integers(0, 10**6), st.integers(1, 10**15)
)
# A bound that CI keeps; more to look for what only a large board would show.
STORM_ROWS = int(os.environ.get("PARETO_STORM_ROWS", "2000"))


def beats(one: Point, other: Point) -> bool:
    return one[0] >= other[0] and one[1] <= other[1] and one != other


def by_definition(rows: list[Point]) -> list[int]:
    """Each row beside all others: peel off whom nobody beats, and begin again with the rest."""
    found: dict[Point, int] = {}
    remaining, layer = set(rows), 1
    while remaining:
        front = {row for row in remaining if not any(beats(other, row) for other in remaining)}
        found |= dict.fromkeys(front, layer)
        remaining -= front
        layer += 1
    return [found[row] for row in rows]


@settings(deadline=None, max_examples=150)
@given(rows=st.lists(POINTS, max_size=24))
def test_the_sweep_gives_the_layers_of_the_definition(rows: list[Point]) -> None:
    assert layers(rows) == by_definition(rows)


@pytest.mark.storm
def test_the_sweep_gives_the_layers_of_the_definition_on_a_large_board() -> None:
    dice = random.Random(7)
    rows = [(dice.randrange(500), 1 + dice.randrange(500)) for _ in range(STORM_ROWS)]
    assert layers(rows) == by_definition(rows)


@settings(deadline=None)
@given(rows=st.lists(POINTS, min_size=1, max_size=24))
def test_nobody_of_a_layer_beats_another_of_it_and_somebody_of_the_one_before_does(rows: list[Point]) -> None:
    found = dict(zip(rows, layers(rows), strict=True))
    for row, layer in found.items():
        better = {found[other] for other in found if beats(other, row)}
        assert max(better, default=0) == layer - 1


def test_a_chain_has_a_layer_for_each_and_a_front_has_one() -> None:
    chain = [(quality, 100 - quality) for quality in range(50, 0, -1)]
    front = [(quality, quality) for quality in range(1, 50)]
    assert layers(chain) == list(range(1, 51))
    assert set(layers(front)) == {1}
    assert layers([]) == []


def test_the_same_quality_for_less_and_more_quality_for_the_same_are_better() -> None:
    assert layers([(5, 10), (5, 9), (6, 10)]) == [2, 1, 1]
    assert layers([(5, 10), (5, 10)]) == [1, 1]


# --- on a board -------------------------------------------------------------------------------------------


def test_all_of_a_layer_share_the_place_and_the_next_is_skipped() -> None:
    rows = [
        a_row(9, energy_mj=34),
        a_row(5, energy_mj=3),
        a_row(5, energy_mj=55),  # beaten by both
        a_row(8, energy_mj=55),  # beaten by the first
        a_row(3, energy_mj=1),  # below the minimum: after all, though nobody beats it
        a_row(3, energy_mj=2),
    ]
    assert places("pareto", rows) == [1, 1, 4, 3, 5, 6]


def an_entry(id: str, quality: str, energy_mj: int) -> RankEntry:
    result = apply(
        policy="pareto",
        parameters=RULES["pareto"],
        quality=Decimal(quality),
        use=Use(energy_mj=energy_mj, prompt_tokens=1, completion_tokens=1),
    )
    return RankEntry(
        id=id,
        score=result.score,
        reaches_minimum=result.reaches_minimum,
        quality=result.quality,
        energy_mj=energy_mj,
    )


def test_within_a_layer_the_page_goes_by_score() -> None:
    entries = [an_entry("a", "0.9", 40), an_entry("b", "0.7", 4), an_entry("c", "0.8", 8)]
    found = rank(in_layers("pareto", entries))
    score_of = {entry.id: entry.score for entry in entries}
    assert [place.rank for place in found] == [1, 1, 1]
    assert all(score_of[one.id] > score_of[other.id] for one, other in pairwise(found))


def test_a_better_score_of_a_later_layer_stands_behind() -> None:
    """0.8 for 8 mJ scores more than 0.9 for 64, and is beaten by 0.85 for 8; that layer goes first."""
    entries = [an_entry("dear", "0.9", 64), an_entry("beaten", "0.8", 8), an_entry("front", "0.85", 8)]
    assert [(place.id, place.rank) for place in rank(in_layers("pareto", entries))] == [
        ("front", 1),
        ("dear", 1),
        ("beaten", 3),
    ]
    assert entries[1].score > entries[0].score


def test_whoever_stands_outside_the_ranking_pushes_nobody_back() -> None:
    """The jury's beats the dear one and not the thrifty one, who stand in one layer all the same."""
    jury = replace(an_entry("jury", "0.95", 30), is_ranked=False)
    entries = [jury, an_entry("dear", "0.9", 40), an_entry("thrifty", "0.5", 10)]
    assert [(place.id, place.rank) for place in rank(in_layers("pareto", entries))] == [
        ("thrifty", 1),
        ("dear", 1),
        ("jury", None),
    ]
