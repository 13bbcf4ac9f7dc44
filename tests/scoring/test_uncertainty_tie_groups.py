"""Claims on where groups begin, and on the relation that says so."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.uncertainty import tie_groups
from scoring.uncertainty.pairs import Relation, class_of


def begun(places: int, *, borders: tuple[int, ...] = (), reach: int) -> list[int]:
    """Where groups begin if a first place differs from all that stand ``reach`` or more behind it."""
    found = tie_groups.beginnings(
        places=places,
        borders=np.array(borders, dtype=np.int64),
        first_beyond=lambda first: min(first + reach, places),
    )
    return [int(place) for place in found]


def test_a_group_ends_at_the_first_that_differs_from_its_first() -> None:
    assert begun(10, reach=4) == [0, 4, 8]


def test_rows_a_hair_apart_do_not_make_one_group_for_ever() -> None:
    """No neighbours differ, and yet nobody shares a rank with whom the first one differs from."""
    assert begun(1000, reach=10) == list(range(0, 1000, 10))


def test_neighbours_that_differ_open_a_group_within_reach_of_the_first() -> None:
    assert begun(10, borders=(2, 3), reach=6) == [0, 2, 3, 9]


def test_nothing_has_no_groups_and_one_row_has_one() -> None:
    assert begun(0, reach=3) == []
    assert begun(1, reach=3) == [0]


@settings(deadline=None)
@given(
    places=st.integers(1, 60),
    reach=st.integers(1, 70),
    borders=st.sets(st.integers(1, 59), max_size=8),
)
def test_a_place_opens_a_group_only_where_it_differs(places: int, reach: int, borders: set[int]) -> None:
    kept = tuple(sorted(border for border in borders if border < places))
    opened = begun(places, borders=kept, reach=reach)
    assert opened[0] == 0
    first = 0
    for place in range(1, places):
        differs = place - first >= reach or place in kept
        assert (place in opened) == differs
        first = place if differs else first


def test_a_stretch_is_looked_through_to_its_first() -> None:
    for wanted in (0, 5, 31, 32, 95, 96, 299):
        truth = np.zeros(300, dtype=np.bool_)
        truth[wanted:] = True
        found = tie_groups.first_true(start=0, stop=300, is_true=lambda part, truth=truth: truth[part])  # type: ignore[misc]
        assert found == wanted
    assert tie_groups.first_true(start=3, stop=9, is_true=lambda part: np.zeros(9, dtype=np.bool_)[part]) == 9


def test_a_border_needs_both_significance_and_one_percent() -> None:
    score = np.array([1_000_000, 990_000, 980_000, 970_000])
    found = tie_groups.borders(score=score, p_above=np.array([0.01, 0.01, 0.051]))
    # The first difference is 1 % to the digit, which is not more than 1 %.
    assert found.tolist() == [2]


# --- the relation ---------------------------------------------------------------------------------------


def test_up_to_one_percent_of_the_better_score_is_no_difference() -> None:
    relation = Relation.of(cases=100, whole_weight=100, rows=2)
    upper, none = np.array([500_000.0, 500_000]), np.zeros(2)
    lower = np.array([495_000.0, 494_999])
    assert relation.differ(upper=upper, lower=lower, variance=none).tolist() == [False, True]


def test_a_difference_must_pass_t_standard_errors() -> None:
    """By hand: 100 cases, a spread of 40 points a case, so 4.02 points; t with 98 degrees is 1.984."""
    relation = Relation.of(cases=100, whole_weight=100, rows=2)
    variance = np.full(2, 100 * 40_000.0**2)
    least = 1.98447 * 40 / 99**0.5
    apart = np.array([round((least - 0.001) * 10_000), round((least + 0.001) * 10_000)])
    upper = np.full(2, 800_000.0)
    assert relation.differ(upper=upper, lower=upper - apart, variance=variance).tolist() == [False, True]
    p_values = relation.p_values(upper=upper, lower=upper - apart, variance=variance)
    assert p_values.tolist() == pytest.approx([0.05, 0.05], abs=1e-4)


def test_who_is_not_better_does_not_differ_from_above() -> None:
    relation = Relation.of(cases=100, whole_weight=100, rows=2)
    same, none = np.array([500_000.0]), np.zeros(1)
    assert not relation.differ(upper=same, lower=same, variance=none).any()
    assert not relation.differ(upper=same, lower=same + 90_000, variance=none).any()


def test_with_two_cases_nobody_differs() -> None:
    relation = Relation.of(cases=2, whole_weight=2, rows=2)
    upper, lower, none = np.array([1e6]), np.array([0.0]), np.zeros(1)
    assert not relation.differ(upper=upper, lower=lower, variance=none).any()
    assert relation.p_values(upper=upper, lower=lower, variance=none).tolist() == [1.0]


def test_the_more_rows_the_more_a_difference_must_be_and_only_at_powers_of_two() -> None:
    assert [class_of(rows) for rows in (0, 1, 2, 3, 4, 5, 8, 9, 10_000)] == [2, 2, 2, 4, 4, 8, 8, 16, 16_384]
    least = [Relation.of(cases=60, whole_weight=60, rows=rows).least for rows in (2, 3, 4, 5, 100)]
    assert least[0] < least[1] == least[2] < least[3] < least[4]
