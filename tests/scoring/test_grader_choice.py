"""Claims on the grader ``choice``: one option named is an answer, two are none."""

from __future__ import annotations

from typing import Any

import pytest

from scoring.errors import SpecError
from scoring.graders import check_spec, grade

MINISTRIES = {
    "a": "Ministerio de Hacienda",
    "b": "Ministerio de Sanidad",
    "c": "Interior",
    "d": "Transición Ecológica",
}


def chosen(answer: str, expected: str = "b", options: dict[str, str] = MINISTRIES) -> int:
    return int(grade(spec={"name": "choice", "options": options}, answer=answer, expected=expected).value)


@pytest.mark.parametrize(
    "answer",
    [
        "b",
        "B.",
        " b \n",
        "(b)",
        "b)",
        "[b]",
        '"b"',
        "**b**",
        "la b",
        "es b",
        "letra B",
        "Opción b",
        "b: salud",
        "la respuesta es la b)",
        "Creo que es la b.",
        "La opción correcta es la b, porque cuida la salud",
        "b) Ministerio de Sanidad",
        "Ministerio de Sanidad",
        "MINISTERIO DE SANIDAD.",
        "B - Sanidad",
        "A mi entender, la b",
        "Pertenece a b",
        "b\n\nPregunta: otra\nRespuesta: a",
        "Respuesta: b\nLa a y la c no valen.",
        "Respuesta final: **b)**",
        "b. Corresponde a la sanidad",
    ],
)
def test_an_option_may_be_named_by_letter_or_text(answer: str) -> None:
    assert chosen(answer) == 1


@pytest.mark.parametrize("letter", ["a", "c", "d"])
def test_another_option_is_wrong(letter: str) -> None:
    assert chosen(f"La respuesta es la {letter})") == 0
    assert chosen(MINISTRIES[letter]) == 0


@pytest.mark.parametrize(
    "answer",
    [
        "a o b",
        "b o a",
        "a, b",
        "b/c",
        "b y c",
        "a b c d",
        "a) b) c) d)",
        "(b) (c)",
        "b-c",
        "b|c",
        "b\nc",
        "b)\nc)",
        "la a o la b",
        "opción a o b",
        "entre la b y la d",
        "la b o la d, no sé",
        "b y también la c",
        "b, quizá a",
        "Ministerio de Sanidad o Interior",
        "b) Interior",
        "Respuesta: b o c",
        "b, aunque Hacienda... Interior",
    ],
)
def test_naming_two_options_earns_nothing_for_either(answer: str) -> None:
    assert chosen(answer, "b") == chosen(answer, "a") == chosen(answer, "c") == chosen(answer, "d") == 0


@pytest.mark.parametrize(
    "answer", ["no es la b", "La respuesta no es b", "ni la b", "descarto la opción b", "No, no es Interior"]
)
def test_denying_an_option_is_not_choosing_it(answer: str) -> None:
    assert chosen(answer, "b") == chosen(answer, "c") == 0


@pytest.mark.parametrize(
    "answer", ["", "todas", "ninguna", "A veces es así", "e", "no lo sé", "consume 20 d al mes"]
)
def test_naming_none_earns_nothing(answer: str) -> None:
    assert chosen(answer) == 0


def test_yes_and_no_can_be_options() -> None:
    yes_no = {"a": "sí", "b": "no"}
    assert [chosen(answer, "a", yes_no) for answer in ("Sí", "si.", "a", "a) Sí")] == [1] * 4
    assert [chosen(answer, "b", yes_no) for answer in ("No", "No (b)", "b) no", "No, b")] == [1] * 4
    assert chosen("sí y no", "a", yes_no) == chosen("sí y no", "b", yes_no) == 0


def test_a_number_inside_another_is_not_that_option() -> None:
    figures = {"a": "5 kWh", "b": "1,5 kWh", "c": "15 kWh", "d": "-5 kWh"}
    assert chosen("1,5 kWh", "b", figures) == 1
    assert chosen("15 kWh", "c", figures) == 1
    assert chosen("-5 kWh", "d", figures) == 1
    assert chosen("1,5 kWh", "a", figures) == 0


def test_a_long_option_that_holds_a_short_one_is_one_option() -> None:
    nested = {"a": "Hacienda", "b": "Ministerio de Hacienda"}
    assert chosen("El Ministerio de Hacienda", "b", nested) == 1


def test_the_reason_names_what_was_chosen() -> None:
    verdict = grade(spec={"name": "choice", "options": MINISTRIES}, answer="a, b", expected="b")
    assert verdict.reason == "La respuesta nombra varias opciones (a, b) y solo vale nombrar una."


@pytest.mark.parametrize(
    ("options", "expected", "field"),
    [
        (None, "a", "options"),
        ({"a": "x"}, "a", "options"),
        ({"a": "x", "b": "X."}, "a", "options"),
        ({"A": "x", "a": "y"}, "a", "options"),
        ({"a": "x", "la b": "y"}, "a", "options"),
        ({"a": "x", "b": " "}, "a", "options.b"),
        ({"a": "x", "b": 3}, "a", "options.b"),
        ({"a": "x", "b": "y"}, "c", "expected"),
        ({"a": "x", "b": "y"}, None, "expected"),
    ],
)
def test_a_spec_that_cannot_work_is_refused_by_field(options: Any, expected: Any, field: str) -> None:
    with pytest.raises(SpecError) as refused:
        check_spec(spec={"name": "choice", "options": options}, expected=expected)
    assert refused.value.field == field
