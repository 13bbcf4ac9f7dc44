"""Claims on the grader ``rouge_l``; that it is ROUGE-L is claimed in ``test_reference_metrics.py``."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.errors import SpecError
from scoring.graders import check_spec, grade

SUMMARY = "El pleno aprueba la ordenanza del ruido. Entra en vigor el lunes."
WORDS = st.lists(st.sampled_from(["la", "luz", "año", "ano", "1,5", "sol"]), min_size=1, max_size=10)


def value(answer: str, expected: Any = SUMMARY) -> Decimal:
    return grade(spec={"name": "rouge_l"}, answer=answer, expected=expected).value


def test_case_accents_marks_and_line_breaks_do_not_count_but_articles_do() -> None:
    assert value("el pleno aprueba la ORDENÁNZA\ndel ruido — entra en vigor el lunes") == 1
    assert value("luz", "la luz") == Decimal("0.666667")


def test_words_in_another_order_count_less() -> None:
    assert value("luz la apaga", "apaga la luz") == Decimal("0.333333")


def test_all_lines_are_read_or_all_behind_the_line_that_announces_them() -> None:
    first, second = SUMMARY.split(". ")
    assert value(f"{first}.\n{second}") == 1
    assert value(f"Pienso primero.\n\n**Respuesta:** {first}.\n{second}") == 1
    assert value(f"{SUMMARY}\nPregunta: ¿Y el martes?\nRespuesta: no") == 1


def test_an_announcement_within_a_sentence_is_part_of_the_text() -> None:
    text = "El resultado es bueno: la respuesta es sí. Solución: ninguna."
    assert value(text, text) == 1


def test_an_announcement_with_nothing_behind_it_is_none() -> None:
    assert value(f"{SUMMARY}\nRespuesta:") > Decimal("0.9")


def test_the_best_reference_counts() -> None:
    assert value("apaga la luz", ["enciende el sol", "apaga la luz"]) == 1


@settings(deadline=None, max_examples=60)
@given(left=WORDS, right=WORDS)
def test_it_is_symmetric_within_bounds_and_1_only_for_the_same_words(
    left: list[str], right: list[str]
) -> None:
    score = value(" ".join(left), " ".join(right))
    assert 0 <= score <= 1
    assert score == value(" ".join(right), " ".join(left))
    assert (score == 1) == (left == right)


def test_an_answer_without_words_earns_nothing() -> None:
    assert value("") == value("¡…!") == 0


@pytest.mark.parametrize("name", ["rouge_l", "chrf", "bleu"])
@pytest.mark.parametrize("expected", ["", "...", [], ["luz", ""], 3, None, {"a": "luz"}, ["luz"] * 21])
def test_an_expected_text_without_a_word_is_refused(name: str, expected: Any) -> None:
    with pytest.raises(SpecError) as refused:
        check_spec(spec={"name": name}, expected=expected)
    assert refused.value.field == "expected"
