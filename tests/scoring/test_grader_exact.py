"""Claims on the grader ``exact``."""

from __future__ import annotations

from typing import Any

import pytest

from scoring.errors import SpecError
from scoring.graders import check_spec, grade


def value(answer: str, expected: str = "sí", **options: Any) -> int:
    return int(grade(spec={"name": "exact", **options}, answer=answer, expected=expected).value)


@pytest.mark.parametrize(
    "answer",
    [
        "sí",
        "SÍ",
        " Sí.\n",
        "**Sí**",
        "«sí»",
        "¡Sí!",
        "si\u0301",
        "s\u200bí",
        "\n\nSí\nPorque ahorra",
        "Respuesta: sí",
    ],
)
def test_case_marks_and_blanks_around_it_do_not_count(answer: str) -> None:
    assert value(answer) == 1


@pytest.mark.parametrize("answer", ["", "   \n", "no", "sí, claro", "sí no", "Porque ahorra\nsí", "si"])
def test_anything_else_does(answer: str) -> None:
    assert value(answer) == 0


def test_accents_may_be_ignored_but_never_the_tilde_of_an_enye() -> None:
    assert value("Ano", "año", accents="ignore") == 0
    assert value("CIGÜEÑA", "cigueña", accents="ignore") == 1
    assert value("CIGÜEÑA", "cigueña") == 0


def test_signs_that_mean_something_are_kept() -> None:
    assert value("5", "-5") == 0
    assert value("50", "50 %") == 0


def test_other_accepted_texts_are_right_too() -> None:
    assert value("Claro que sí", accept=["claro que sí"]) == 1


@pytest.mark.parametrize(
    ("spec", "expected", "field"),
    [
        ({}, "", "expected"),
        ({}, " .,; ", "expected"),
        ({}, 3, "expected"),
        ({}, None, "expected"),
        ({"accept": "si"}, "sí", "accept"),
        ({"accept": ["si", 3]}, "sí", "accept.1"),
        ({"accents": "no"}, "sí", "accents"),
    ],
)
def test_a_spec_that_cannot_work_is_refused_by_field(spec: dict[str, Any], expected: Any, field: str) -> None:
    with pytest.raises(SpecError) as refused:
        check_spec(spec={"name": "exact", **spec}, expected=expected)
    assert refused.value.field == field
