"""Claims on the ranking: one order for one set of entries, shared places, and who stands outside of it."""

from __future__ import annotations

from decimal import Context, Decimal, localcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.ranking import rank
from scoring.values import Ranked, RankEntry
from tests.scoring.contexts import UNDER_ANY_DECIMAL_SETTINGS

# Few different scores, so that ties are common; two spellings of one number are a tie as well.
SCORES = st.sampled_from(["0", "12.5", "12.5000", "48.7511", "48.7512", "100"]).map(Decimal)
BOARDS = st.lists(
    st.builds(
        RankEntry,
        id=st.text("abcde", min_size=1, max_size=3),
        score=SCORES,
        reaches_minimum=st.booleans(),
        is_ranked=st.booleans(),
        tiebreak=st.sampled_from(["", "a", "b"]),
    ),
    max_size=12,
    unique_by=lambda entry: entry.id,
)


def an_entry(
    id: str,
    score: str = "50",
    *,
    reaches: bool = True,
    ranked: bool = True,
    tiebreak: str = "",
    layer: int = 0,
) -> RankEntry:
    return RankEntry(
        id=id,
        score=Decimal(score),
        reaches_minimum=reaches,
        is_ranked=ranked,
        tiebreak=tiebreak,
        layer=layer,
    )


def shown(*entries: RankEntry) -> list[tuple[str, int | None]]:
    return [(place.id, place.rank) for place in rank(entries)]


# --- by hand --------------------------------------------------------------------------------------------


def test_the_highest_score_stands_first() -> None:
    assert shown(an_entry("a", "10"), an_entry("b", "90.5"), an_entry("c", "90.4999")) == [
        ("b", 1),
        ("c", 2),
        ("a", 3),
    ]


def test_equal_scores_share_a_rank_and_the_next_is_skipped() -> None:
    assert rank([an_entry("c"), an_entry("a"), an_entry("b", "50.0000"), an_entry("d", "40")]) == [
        Ranked(id="a", rank=1, tied=True),
        Ranked(id="b", rank=1, tied=True),
        Ranked(id="c", rank=1, tied=True),
        Ranked(id="d", rank=4, tied=False),
    ]


def test_below_the_minimum_stands_after_all_that_reach_it() -> None:
    assert shown(an_entry("below", "99", reaches=False), an_entry("a", "1"), an_entry("b", "0")) == [
        ("a", 1),
        ("b", 2),
        ("below", 3),
    ]


def test_one_score_on_both_sides_of_the_minimum_is_no_tie() -> None:
    places = rank([an_entry("a"), an_entry("b", reaches=False)])
    assert [(place.rank, place.tied) for place in places] == [(1, False), (2, False)]


def test_outside_the_ranking_stands_last_without_a_rank_and_takes_nobody_s() -> None:
    assert shown(an_entry("jury", "99", ranked=False), an_entry("a"), an_entry("b", "1", reaches=False)) == [
        ("a", 1),
        ("b", 2),
        ("jury", None),
    ]
    assert not any(place.tied for place in rank([an_entry("a", ranked=False), an_entry("b")]))


def test_a_tiebreak_orders_the_page_and_gives_no_better_rank() -> None:
    assert shown(an_entry("a", tiebreak="2"), an_entry("b", tiebreak="1")) == [("b", 1), ("a", 1)]


def test_whoever_is_of_one_layer_shares_its_place_and_the_score_only_orders_the_page() -> None:
    assert rank(
        [an_entry("b", "10", layer=1), an_entry("a", "90", layer=2), an_entry("c", "20", layer=1)]
    ) == [
        Ranked(id="c", rank=1, tied=True),
        Ranked(id="b", rank=1, tied=True),
        Ranked(id="a", rank=3, tied=False),
    ]


def test_a_first_layer_below_the_minimum_stands_after_the_last_of_those_that_reach_it() -> None:
    assert shown(an_entry("below", "99", reaches=False, layer=1), an_entry("a", "1", layer=7)) == [
        ("a", 1),
        ("below", 2),
    ]


def test_an_empty_board_is_empty() -> None:
    assert rank([]) == []


@pytest.mark.parametrize("ranked", [True, False])
def test_an_id_that_comes_twice_is_refused(ranked: bool) -> None:
    with pytest.raises(ValueError, match="twice"):
        rank([an_entry("a", "1"), an_entry("b"), an_entry("a", "2", ranked=ranked)])


@UNDER_ANY_DECIMAL_SETTINGS
def test_the_order_does_not_depend_on_the_decimal_settings_around_it(ambient: Context) -> None:
    with localcontext(ambient):
        assert shown(an_entry("a", "48.7511"), an_entry("b", "48.7512"), an_entry("c", "48.7513")) == [
            ("c", 1),
            ("b", 2),
            ("a", 3),
        ]


# --- for every board ------------------------------------------------------------------------------------


@settings(deadline=None)
@given(board=BOARDS, data=st.data())
def test_the_order_of_the_entries_does_not_matter(board: list[RankEntry], data: st.DataObject) -> None:
    assert rank(data.draw(st.permutations(board))) == rank(iter(board)) == rank(board)


@settings(deadline=None)
@given(board=BOARDS)
def test_a_rank_is_one_more_than_those_who_are_better(board: list[RankEntry]) -> None:
    places = {place.id: place for place in rank(board)}
    assert len(places) == len(board)
    for entry in board:
        worth = (entry.reaches_minimum, entry.score)
        others = [
            (other.reaches_minimum, other.score)
            for other in board
            if other.is_ranked and other.id != entry.id
        ]
        if entry.is_ranked:
            assert places[entry.id].rank == 1 + sum(other > worth for other in others)
            assert places[entry.id].tied == (worth in others)
        else:
            assert places[entry.id] == Ranked(id=entry.id, rank=None, tied=False)


@settings(deadline=None)
@given(board=BOARDS)
def test_ranks_never_fall_along_the_page_and_the_unranked_come_last(board: list[RankEntry]) -> None:
    ranks = [place.rank for place in rank(board)]
    numbers = [number for number in ranks if number is not None]
    assert numbers == sorted(numbers)
    assert ranks == numbers + [None] * (len(ranks) - len(numbers))


@settings(deadline=None)
@given(board=BOARDS)
def test_who_stands_outside_changes_nobody_s_place(board: list[RankEntry]) -> None:
    ranked = [entry for entry in board if entry.is_ranked]
    assert rank(board)[: len(ranked)] == rank(ranked)
