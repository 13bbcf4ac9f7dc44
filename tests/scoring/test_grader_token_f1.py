"""Claims on the grader ``token_f1``."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.errors import SpecError
from scoring.graders import check_spec, grade

WORDS = st.lists(
    st.sampled_from(["apagar", "luz", "nevera", "año", "ano", "kWh", "1,5"]), min_size=1, max_size=8
)


def f1(answer: str, expected: Any) -> Decimal:
    return grade(spec={"name": "token_f1"}, answer=answer, expected=expected).value


def test_it_is_twice_the_shared_words_over_all_words() -> None:
    assert f1("apagar luz", "apagar luz siempre") == Decimal("0.800000")


def test_articles_case_accents_and_marks_do_not_count() -> None:
    assert f1("«LA CALEFACCION», los radiadores.", "calefacción radiadores") == 1


def test_enye_and_cedilla_are_letters_of_their_own() -> None:
    assert f1("ano", "año") == 0
    assert f1("placa", "plaça") == 0


def test_a_decimal_is_one_word() -> None:
    assert f1("15", "1,5") == 0
    assert f1("1,5", "1,5") == 1


def test_repeating_a_right_word_earns_nothing_more() -> None:
    assert f1("luz luz luz", "luz") == Decimal("0.500000")


def test_only_the_first_line_is_read_and_the_best_accepted_text_counts() -> None:
    assert f1("Bajar el termostato.\nO apagar la luz", ["apagar la luz", "bajar termostato"]) == 1


def test_an_empty_answer_earns_nothing() -> None:
    assert f1("", "luz") == f1("la", "luz") == f1("...", "luz") == 0


@settings(deadline=None)
@given(left=WORDS, right=WORDS)
def test_f1_is_symmetric_and_1_only_for_the_same_words(left: list[str], right: list[str]) -> None:
    score = f1(" ".join(left), " ".join(right))
    assert score == f1(" ".join(right), " ".join(left))
    assert (score == 1) == (sorted(left) == sorted(right))


@pytest.mark.parametrize("expected", ["", "la", [], ["luz", ""], 3, None, {"a": "luz"}])
def test_an_expected_text_without_a_word_is_refused(expected: Any) -> None:
    with pytest.raises(SpecError) as refused:
        check_spec(spec={"name": "token_f1"}, expected=expected)
    assert refused.value.field == "expected"
