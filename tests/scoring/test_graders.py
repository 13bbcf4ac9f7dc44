"""What holds for every grader: it is found by its file, it never crashes, and its grade lies in [0, 1]."""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import scoring.graders
from scoring.errors import SpecError
from scoring.graders import GRADERS, MAX_ANSWER_CHARACTERS, check_spec, grade
from scoring.graders.reading.answers import final_answer, line_or_final, own_turn, whole_or_final

CASES: dict[str, tuple[dict[str, Any], Any]] = {
    "exact": ({"name": "exact", "accept": ["si"]}, "sí"),
    "choice": ({"name": "choice", "options": {"a": "Hacienda", "b": "Sanidad", "c": "1,5 kWh"}}, "b"),
    "number": ({"name": "number", "unit": "kWh", "tolerance": {"relative": 0.01}}, 1234.5),
    "token_f1": ({"name": "token_f1"}, ["apagar la luz", "bajar la calefacción"]),
}
# Text that lies near what the graders look for, so that hypothesis reaches their rules.
PIECES = ["respuesta", ": ", "pregunta:", "\n", " ", "a", "b)", "(c)", " o ", "no es la ", "1.234", "1e9"]
PIECES += ["12", ",", "kWh", "€", "/", "NaN", "sí", "²", "\u200b", "\ud800", "apagar", "la", "mil", "-"]
ANSWERS = st.one_of(
    st.text(max_size=300),
    st.lists(st.sampled_from(PIECES), max_size=40).map("".join),
)


def test_every_module_of_the_folder_is_a_grader() -> None:
    folder = Path(scoring.graders.__file__).parent
    assert set(GRADERS) == {path.stem for path in folder.glob("*.py")} - {"__init__"}


@pytest.mark.parametrize("name", CASES)
@settings(deadline=None)
@given(answer=ANSWERS)
@example(answer="")
@example(answer="\ud800")
def test_no_answer_crashes_a_grader_or_leaves_its_bounds(name: str, answer: str) -> None:
    spec, expected = CASES[name]
    verdict = grade(spec=spec, answer=answer, expected=expected)
    assert 0 <= verdict.value <= 1
    assert verdict.value == verdict.value.quantize(Decimal("0.000001"))
    assert verdict.reason


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(
    "piece",
    [
        "1 ",
        "9",
        "a, ",
        "\n*",
        "respuesta: 1\n",
        "1 234",
        "€ ",
        "(((",
        "no es ",
        "pregunta:",
        "1 kwh por ",
        "\t",
    ],
)
def test_a_hostile_answer_is_graded_at_once(name: str, piece: str) -> None:
    spec, expected = CASES[name]
    answer = (piece * MAX_ANSWER_CHARACTERS)[:MAX_ANSWER_CHARACTERS]
    began = time.process_time()
    assert grade(spec=spec, answer=answer, expected=expected).value == 0
    assert time.process_time() - began < 1


@pytest.mark.parametrize("name", CASES)
def test_an_answer_beyond_the_limit_is_not_read(name: str) -> None:
    spec, expected = CASES[name]
    verdict = grade(spec=spec, answer="9" * 1_000_000, expected=expected)
    assert verdict.value == 0
    assert "1000000" in verdict.reason


def test_no_reason_tells_the_expected_answer() -> None:
    secrets = {"exact": "sanidad", "choice": "sanidad", "number": "1234", "token_f1": "calefacción"}
    for name, (spec, expected) in CASES.items():
        for answer in ("", "no sé", "a", "77", "12 h", "a o c", "7 8"):
            reason = grade(spec=spec, answer=answer, expected=expected).reason.casefold()
            assert secrets[name] not in reason


def test_an_unknown_grader_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SpecError) as refused:
        check_spec(spec={"name": "magia"}, expected="x")
    assert refused.value.field == "name"
    assert "choice" in refused.value.fix


@pytest.mark.parametrize(
    "spec", [{}, {"name": None}, {"name": ["exact"]}, {"name": "reading"}, {"name": "__init__"}]
)
def test_a_spec_without_a_grader_s_name_is_refused(spec: dict[str, Any]) -> None:
    with pytest.raises(SpecError):
        check_spec(spec=spec, expected="x")


def test_a_misspelt_option_is_refused() -> None:
    with pytest.raises(SpecError) as refused:
        check_spec(spec={"name": "number", "tolerancia": 1}, expected=1)
    assert refused.value.field == "tolerancia"
    assert "tolerance" in refused.value.fix


@pytest.mark.parametrize(
    ("answer", "announced"),
    [
        ("Son 3 × 4.\nRespuesta: 12", "12"),
        ("**Respuesta final:** 12\nFin.", "12"),
        ("La respuesta es 12.", "12."),
        ("La respuesta correcta es la b", "la b"),
        ("Resultado = 12", "12"),
        ("Solución:\n\n  12\n", "12"),
        ("Respuesta: 11. Me corrijo.\nRespuesta: 12", "12"),
        ("Resposta: dotze", "dotze"),
        ("La resposta correcta és la b", "la b"),
        ("A resposta é 12", "12"),
        ("Erantzuna: hamabi", "hamabi"),
        ("Respuesta:", None),
        ("La respuesta no es la b", None),
        ("Doce.", None),
    ],
)
def test_the_last_announced_answer_is_found(answer: str, announced: str | None) -> None:
    assert final_answer(answer) == announced


def test_a_question_that_the_model_makes_up_is_not_part_of_its_answer() -> None:
    answer = "12\n\nPregunta: ¿Y 3 × 5?\nRespuesta: 15"
    assert own_turn(answer).strip() == "12"
    assert line_or_final(answer) == whole_or_final(answer) == "12"


def test_an_answer_that_repeats_its_question_first_is_read_to_its_end() -> None:
    assert whole_or_final("Pregunta: ¿3 × 4?\nRespuesta: 12") == "12"
