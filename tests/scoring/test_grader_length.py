"""Claims on the grader ``length``: words, sentences, lines and characters, both ends included."""

from __future__ import annotations

from typing import Any

import pytest

from scoring.errors import SpecError
from scoring.graders import check_spec, grade


def fits(answer: str, **bounds: Any) -> bool:
    return grade(spec={"name": "length", **bounds}, answer=answer, expected=None).value == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("", 0),
        ("…", 0),
        ("Sí, claro.", 2),
        ("Son 1.234,5 kWh", 3),
        ("auto-consumo l'aigua", 2),
        ("uno\ndos\n\ntres", 3),
        ("- uno\n- dos", 2),
        ("cancio\u0301n", 1),
    ],
)
def test_words_are_counted(answer: str, words: int) -> None:
    assert fits(answer, min_words=words, max_words=words)
    assert not fits(answer, min_words=words + 1)
    assert words == 0 or not fits(answer, max_words=words - 1)


@pytest.mark.parametrize(
    ("answer", "sentences"),
    [
        ("Uno. Dos.", 2),
        ("Uno. Dos", 2),
        ("¿Uno? ¡Dos! Tres…", 3),
        ("Son 1.234,5 kWh al año.", 1),
        ("El Sr. Gil vive en la avda. del Sol, núm. 3.", 1),
        ("Según el art. 5 de la Ley. Fin.", 2),
        ("«Uno.» Dos.", 2),
        ("Título\nUna frase.", 2),
        ("J. Pérez firma.", 1),
        ("...", 0),
        ("", 0),
    ],
)
def test_sentences_are_counted(answer: str, sentences: int) -> None:
    assert fits(answer, min_sentences=sentences, max_sentences=sentences)
    assert not fits(answer, min_sentences=sentences + 1)


def test_lines_are_those_that_say_something() -> None:
    assert fits("uno\n\n  \ndos\n", min_lines=2, max_lines=2)


def test_characters_are_code_points_without_the_blanks_around() -> None:
    assert fits("  ñandú\n", min_characters=5, max_characters=5)
    assert fits("e\u0301", max_characters=1)


def test_a_question_that_the_model_makes_up_does_not_count() -> None:
    assert fits("Doce.\nPregunta: ¿y trece?", max_words=1)


def test_every_bound_must_hold_and_the_reason_tells_which_does_not() -> None:
    spec = {"name": "length", "max_words": 3, "max_lines": 1}
    verdict = grade(spec=spec, answer="uno\ndos", expected=None)
    assert verdict.value == 0
    assert verdict.reason == "Tiene 2 líneas y se piden 1 como máximo."


@pytest.mark.parametrize(
    ("spec", "expected", "field"),
    [
        ({}, None, "name"),
        ({"max_words": 3}, "", "expected"),
        ({"max_words": "3"}, None, "max_words"),
        ({"max_words": True}, None, "max_words"),
        ({"min_lines": -1}, None, "min_lines"),
        ({"min_lines": 1.5}, None, "min_lines"),
        ({"max_characters": 10**9}, None, "max_characters"),
        ({"min_words": 3, "max_words": 2}, None, "max_words"),
        ({"max_word": 2}, None, "max_word"),
    ],
)
def test_a_spec_that_cannot_work_is_refused_by_field(spec: dict[str, Any], expected: Any, field: str) -> None:
    with pytest.raises(SpecError) as refused:
        check_spec(spec={"name": "length", **spec}, expected=expected)
    assert refused.value.field == field
