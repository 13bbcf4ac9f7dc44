"""Claims on the grader ``bleu``; that it is sacrebleu's is claimed in ``test_reference_metrics.py``."""

from __future__ import annotations

import decimal
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

from scoring.graders import bleu, grade

TEXTS = st.lists(st.sampled_from(["la", "luz", "año", "ano", "1,5"]), min_size=1, max_size=8).map(" ".join)


def value(answer: str, expected: Any) -> Decimal:
    return grade(spec={"name": "bleu"}, answer=answer, expected=expected).value


@settings(deadline=None, max_examples=40)
@given(answer=TEXTS, expected=TEXTS)
def test_it_lies_within_bounds_and_is_1_for_the_same_words(answer: str, expected: str) -> None:
    assert 0 <= value(answer, expected) <= 1
    assert value(expected, expected) == 1


def test_by_hand() -> None:
    # Three words of four: 3/4, 2/3, 1/2 and, with no match of four words, half of 1/1; nothing for brevity.
    exact = (Decimal(3) / 4 * 2 / 3 / 2 / 2).sqrt().sqrt()
    assert value("la luz del faro", "la luz del sol") == exact.quantize(Decimal("0.000001"))


def test_the_reason_says_of_what_the_groups_are_and_how_many_per_cent() -> None:
    read = grade(spec={"name": "bleu"}, answer="la luz del faro", expected="la luz del sol")
    assert read.reason == "Se parece a la referencia, por grupos de palabras, un 59 %."
    assert read.evidence.startswith("BLEU|")


def test_a_short_answer_is_judged_by_the_groups_that_it_has_and_pays_for_its_brevity() -> None:
    assert value("luz", "luz") == 1
    assert value("la luz", "la luz del sol") == Decimal(-1).exp().quantize(Decimal("0.000001"))


def test_several_references_are_one_measure_together() -> None:
    assert value("la luz del faro", ["la luz de aquí", "luz del faro"]) > value(
        "la luz del faro", "luz del faro"
    )


def test_no_setting_of_decimals_around_us_changes_a_digit() -> None:
    before = value("la luz del faro azul", "la luz del sol azul y más")
    with decimal.localcontext(prec=3, rounding=decimal.ROUND_UP):
        assert value("la luz del faro azul", "la luz del sol azul y más") == before


def test_what_the_tokenizer_remembers_does_not_grow_for_ever(monkeypatch: Any) -> None:
    monkeypatch.setattr(bleu, "MOST_REMEMBERED", 10)
    for number in range(40):
        value(f"la luz {number}", "la luz del sol")
    assert Tokenizer13a.__call__.cache_info().currsize <= 12
