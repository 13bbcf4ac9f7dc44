"""Claims on what an example may take from a public case: an answer only where the case's grader likes it."""

from __future__ import annotations

from typing import Any

import pytest

from scoring.solutions.public_cases import public_case


@pytest.mark.parametrize(
    ("spec", "expected", "answer"),
    [
        ({"name": "exact"}, "sí", "sí"),
        ({"name": "choice", "options": {"a": "uno", "b": "dos"}}, "b", "b"),
        ({"name": "token_f1"}, ["apagar la luz", "bajar la calefacción"], "apagar la luz"),
        ({"name": "number"}, 12.5, "12.5"),
        ({"name": "number"}, "1234.5", "1234.5"),
        ({"name": "number", "unit": "kWh", "unit_required": True}, 12, None),
    ],
)
def test_the_expected_value_answers_where_its_grader_gives_it_full_marks(
    spec: dict[str, Any], expected: Any, answer: str | None
) -> None:
    case = public_case(inputs={"pregunta": "x"}, spec=spec, expected=expected)
    assert (case.inputs, case.answer) == ({"pregunta": "x"}, answer)
