"""Claims on the grader ``chrf``; that it is sacrebleu's is claimed in ``test_reference_metrics.py``."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.graders import grade

TEXTS = st.lists(st.sampled_from(["la", "luz", "año", "ano", "1,5"]), min_size=1, max_size=8).map(" ".join)


def value(answer: str, expected: Any, name: str = "chrf") -> Decimal:
    return grade(spec={"name": name}, answer=answer, expected=expected).value


@settings(deadline=None, max_examples=40)
@given(answer=TEXTS, expected=TEXTS)
def test_it_lies_within_bounds_and_is_1_for_the_same_letters(answer: str, expected: str) -> None:
    assert 0 <= value(answer, expected) <= 1
    assert value(expected, expected) == 1


def test_what_is_missing_costs_more_than_what_is_too_much() -> None:
    text, longer = "apaga la luz", "apaga la luz del salón"
    assert value(longer, text) > value(text, longer)


def test_the_reason_says_of_what_the_groups_are_and_how_many_per_cent() -> None:
    read = grade(spec={"name": "chrf"}, answer="la luz del faro", expected="la luz del sol")
    assert read.reason == "Se parece a la referencia, por grupos de caracteres, un 63 %."
    assert read.evidence.startswith("chrF2|")


def test_case_and_accents_count_and_blanks_do_not() -> None:
    assert value("Luz", "luz") < 1
    assert value("año", "ano") < 1
    assert value("la  luz\ndel sol", "la luz del sol") == 1


@pytest.mark.parametrize("name", ["chrf", "bleu"])
def test_an_accent_may_be_written_as_a_letter_or_two(name: str) -> None:
    assert value("un camio\u0301n azul va", "un camión azul va", name=name) == 1


@pytest.mark.parametrize("name", ["chrf", "bleu"])
def test_an_empty_answer_earns_nothing(name: str) -> None:
    assert value("", "luz", name=name) == value(" \n", "luz", name=name) == 0


@pytest.mark.parametrize("name", ["chrf", "bleu"])
def test_the_same_case_may_be_graded_in_any_order(name: str) -> None:
    answers = ["la luz del sol", "el sol", "la luz"]
    forwards = [value(answer, ["la luz del sol", "sol"], name=name) for answer in answers]
    backwards = [value(answer, ["la luz del sol", "sol"], name=name) for answer in reversed(answers)]
    assert forwards == backwards[::-1]


def test_the_graders_are_found_without_loading_the_tools_that_some_use() -> None:
    code = (
        "import sys, scoring.graders;"
        "print({'sacrebleu', 'numpy', 'jsonschema_rs', 're2', 'tokenizers'} & set(sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "set()"
