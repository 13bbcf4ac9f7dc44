"""Claims on the grader ``refusal``: who says that the text does not tell abstains, in four languages."""

from __future__ import annotations

from typing import Any

import pytest

from scoring.errors import SpecError
from scoring.graders import check_spec, grade

ABSTENTIONS = [
    "No lo sé.",
    "No sé la respuesta",
    "no lo se",
    "El texto no lo dice.",
    "El documento no indica el plazo.",
    "El texto no permite saberlo.",
    "No se puede saber con esta información.",
    "No puedo responder a esa pregunta.",
    "No dispongo de información suficiente.",
    "No hay datos suficientes para responder.",
    "No se menciona en el texto.",
    "Respuesta: no consta",
    "Con lo que hay no es posible determinar la fecha",
    "Información insuficiente.",
    "Lo siento, pero no puedo ayudarte con eso.",
    "No ho sé.",
    "El text no ho diu.",
    "No es pot saber.",
    "No hi ha prou informació.",
    "Non o sei.",
    "O texto non o di.",
    "Non hai información suficiente",
    "Ez dakit.",
    "Testuak ez du esaten.",
    "Ezin da jakin.",
    "Ez dago informazio nahikorik.",
]
ANSWERS = [
    "Son 12.",
    "No.",
    "No hay plazo.",
    "No se aplica el recargo.",
    "El texto dice que son 12",
    "Sí, puede saberse: 12",
    "La sentencia no es firme",
    "El documento no incluye IVA: 12 euros",
    "No sé si importa. Respuesta: 12",
    "Ez, 12 dira.",
]


def right(answer: str, expected: str) -> bool:
    return grade(spec={"name": "refusal"}, answer=answer, expected=expected).value == 1


@pytest.mark.parametrize("answer", ABSTENTIONS)
def test_who_says_that_it_is_not_known_abstains(answer: str) -> None:
    assert right(answer, "abstains")
    assert not right(answer, "answers")


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_no_is_an_answer_and_no_abstention(answer: str) -> None:
    assert right(answer, "answers")
    assert not right(answer, "abstains")


@pytest.mark.parametrize(
    "answer",
    [
        "No lo sé, pero diría que el 12",
        "No se menciona. Probablemente sean 12",
        "No sé si vale, pero son 12",
        "",
    ],
)
def test_to_abstain_and_guess_is_neither(answer: str) -> None:
    assert not right(answer, "abstains")
    assert not right(answer, "answers")


@pytest.mark.parametrize("expected", [None, "", "Abstains", ["abstains"], True])
def test_a_spec_that_cannot_work_is_refused_by_field(expected: Any) -> None:
    with pytest.raises(SpecError) as refused:
        check_spec(spec={"name": "refusal"}, expected=expected)
    assert refused.value.field == "expected"
