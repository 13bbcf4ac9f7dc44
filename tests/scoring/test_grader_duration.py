"""Claims on the grader ``duration``: «hora y media» is ninety minutes, three months are not ninety days."""

from __future__ import annotations

from typing import Any

import pytest

from scoring.errors import SpecError
from scoring.graders import check_spec, grade


def right(answer: str, expected: str, **options: Any) -> bool:
    return grade(spec={"name": "duration", **options}, answer=answer, expected=expected).value == 1


@pytest.mark.parametrize(
    "answer",
    [
        "hora y media",
        "una hora y media",
        "1 h 30 min",
        "1h30",
        "1h30m",
        "1:30 h",
        "1,5 horas",
        "1 hora y 30 minutos",
        "90 minutos",
        "noventa minutos",
        "5400 s",
        "PT1H30M",
        "1 hora y media (90 minutos)",
        "Primero 2 horas.\nRespuesta: 1 hora y media",
        "90 minutu",
    ],
)
def test_the_same_length_in_other_units_is_right(answer: str) -> None:
    assert right(answer, "PT1H30M")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("10 días", "P10D"),
        ("10 (diez) días", "P10D"),
        ("diez (10) días naturales", "P10D"),
        ("treinta y un días", "P31D"),
        ("24 horas", "P1D"),
        ("dos semanas", "P14D"),
        ("14 días", "P2W"),
        ("media hora", "PT30M"),
        ("un cuarto de hora", "PT15M"),
        ("tres cuartos de hora", "PT45M"),
        ("dos horas y cuarto", "PT2H15M"),
        ("1.000 horas", "PT1000H"),
        ("tres meses", "P3M"),
        ("un trimestre", "P3M"),
        ("año y medio", "P1Y6M"),
        ("18 meses", "P1Y6M"),
        ("1 año, 6 meses y 10 días", "P1Y6M10D"),
        ("dos días y tres horas", "P2DT3H"),
        ("10 dies", "P10D"),
        ("3 mesos", "P3M"),
        ("2 setmanes", "P14D"),
        ("2 anos", "P2Y"),
        ("10 eguneko epea", "P10D"),
        ("3 hilabete", "P3M"),
        ("١٠ días", "P10D"),
    ],
)
def test_lengths_of_all_kinds_are_read(answer: str, expected: str) -> None:
    assert right(answer, expected)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [("90 días", "P3M"), ("3 meses", "P90D"), ("30 días", "P1M"), ("365 días", "P1Y"), ("un año", "P52W")],
)
def test_months_and_days_are_never_converted_into_each_other(answer: str, expected: str) -> None:
    assert not right(answer, expected)


@pytest.mark.parametrize(
    "answer",
    [
        "10 o 15 días",
        "entre 10 y 15 días",
        "10-15 días",
        "de 10 a 15 días",
        "10 días o 15 días",
        "15 días o 10",
        "15 días o 10 según el caso",
        "15 días y 10 días",
        "diez o quince días",
        "10, 11, 12, 13, 14 y 15 días",
    ],
)
def test_two_lengths_are_no_answer(answer: str) -> None:
    assert not right(answer, "P15D")
    assert not right(answer, "P10D")


@pytest.mark.parametrize(
    "answer",
    ["10 días hábiles", "diez días (hábiles)", "10 (diez) días laborables", "10 dies hàbils", "10 lanegun"],
)
def test_working_days_must_be_said_where_they_are_asked_for(answer: str) -> None:
    assert right(answer, "P10D", working_days=True)
    assert not right(answer, "P10D")


@pytest.mark.parametrize("answer", ["10 días", "10 días naturales", "2 semanas", "240 horas hábiles"])
def test_other_days_are_no_working_days(answer: str) -> None:
    assert not right(answer, "P10D", working_days=True)


@pytest.mark.parametrize("answer", ["", "pronto", "10", "diez", "la hora y el día", "1h30m"])
def test_what_is_no_such_length_is_wrong(answer: str) -> None:
    assert not right(answer, "PT1H")


@pytest.mark.parametrize(
    ("spec", "expected", "field"),
    [
        ({}, None, "expected"),
        ({}, "10 días", "expected"),
        ({}, "P", "expected"),
        ({}, "PT", "expected"),
        ({}, "p10d", "expected"),
        ({}, "P0D", "expected"),
        ({}, "P1DT", "expected"),
        ({}, "P1.5D", "expected"),
        ({}, 10, "expected"),
        ({"working_days": "sí"}, "P10D", "working_days"),
        ({"working_days": True}, "P1M", "expected"),
        ({"working_days": True}, "PT5H", "expected"),
    ],
)
def test_a_spec_that_cannot_work_is_refused_by_field(spec: dict[str, Any], expected: Any, field: str) -> None:
    with pytest.raises(SpecError) as refused:
        check_spec(spec={"name": "duration", **spec}, expected=expected)
    assert refused.value.field == field
