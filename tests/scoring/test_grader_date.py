"""Claims on the grader ``date``: figures, words and four languages are read; two dates are a guess."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.errors import SpecError
from scoring.graders import check_spec, grade

MONTHS = ["enero", "febrero", "marzo", "abril", "mayo", "junio"]
MONTHS += ["julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"]


def right(answer: str, expected: str = "2026-03-15", **options: Any) -> bool:
    return grade(spec={"name": "date", **options}, answer=answer, expected=expected).value == 1


@pytest.mark.parametrize(
    "answer",
    [
        "15 de marzo de 2026",
        "15/03/2026",
        "15-3-26",
        "15.03.2026",
        "15 / 03 / 2026",
        "2026-03-15",
        "2026-03-15T10:00",
        "15 mar 2026",
        "15-mar-26",
        "15 de Marzo, 2026",
        "**15 de marzo de 2026**",
        "domingo, 15 de marzo del año 2026.",
        "día 15 del mes de marzo de 2026",
        "el quince de marzo de dos mil veintiséis",
        "15 (quince) de marzo de 2026",
        "15/03/2026 (15 de marzo)",
        "Diez días después.\nRespuesta: 15 de marzo de 2026",
        "15 de març de 2026",
        "2026ko martxoaren 15a",
        "2026ko martxoaren 15ean",
        "١٥/٠٣/٢٠٢٦",
    ],
)
def test_a_date_is_read_however_it_is_written(answer: str) -> None:
    assert right(answer)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("primero de mayo de 2026", "2026-05-01"),
        ("1.º de mayo de 2026", "2026-05-01"),
        ("1º mayo 2026", "2026-05-01"),
        ("treinta y uno de enero de 1999", "1999-01-31"),
        ("31/1/99", "1999-01-31"),
        ("setiembre: 3 de setiembre de 2026", "2026-09-03"),
        ("l'1 d'abril de 2026", "2026-04-01"),
        ("10 de juny de 2026", "2026-06-10"),
        ("10 de xuño de 2026", "2026-06-10"),
        ("3 de xaneiro de 2026", "2026-01-03"),
        ("2026ko abenduaren 3an", "2026-12-03"),
        ("29/02/2024", "2024-02-29"),
    ],
)
def test_other_days_and_months_are_read(answer: str, expected: str) -> None:
    assert right(answer, expected)


@pytest.mark.parametrize(
    "answer",
    [
        "15/03/2026 y 16/03/2026",
        "10 o 15 de marzo de 2026",
        "del 10 al 15 de marzo de 2026",
        "1, 2, 3, 15 de marzo de 2026",
        "10 y 15/03/2026",
        "15-16/03/2026",
        "15 de marzo o abril de 2026",
        "15 de marzo de 2025 o 2026",
        "15 de marzo de 2026 o el 16",
        "del 1 de enero al 15 de marzo de 2026",
    ],
)
def test_two_different_dates_are_no_answer(answer: str) -> None:
    assert not right(answer)


@pytest.mark.parametrize(
    "answer", ["16 de marzo de 2026", "15 de marzo de 2025", "15 de abril de 2026", "marzo de 2026", "15", ""]
)
def test_another_date_or_half_of_one_is_wrong(answer: str) -> None:
    assert not right(answer)


@pytest.mark.parametrize(
    "answer", ["31 de febrero de 2026", "30/02/2026", "29/02/2026", "00/03/2026", "15/13/2026"]
)
def test_a_day_that_is_not_in_the_calendar_is_told(answer: str) -> None:
    verdict = grade(spec={"name": "date"}, answer=answer, expected="2026-03-15")
    assert verdict.value == 0
    assert "calendario" in verdict.reason


def test_the_year_of_the_spec_is_taken_only_where_the_answer_names_none() -> None:
    assert not right("15 de marzo")
    assert right("15 de marzo", year=2026)
    assert right("15/03", year=2026)
    assert not right("15 de marzo de 2025", year=2026)
    assert not right("15/03/2025 (15 de marzo)", year=2026)


def test_the_order_of_figures_is_that_of_the_spec() -> None:
    assert right("03/15/2026", order="mdy")
    assert not right("03/15/2026")
    assert right("04/03/2026", "2026-03-04")
    assert right("04/03/2026", "2026-04-03", order="mdy")
    assert right("2026-03-04", "2026-03-04", order="mdy")


@settings(deadline=None, max_examples=60)
@given(date=st.dates(datetime.date(1970, 1, 1), datetime.date(2068, 12, 31)))
def test_every_day_of_a_century_is_read_back(date: datetime.date) -> None:
    named = f"{date.day} de {MONTHS[date.month - 1]} de {date.year}"
    for written in (date.isoformat(), f"{date:%d/%m/%Y}", f"{date:%d-%m-%y}", f"El {named}.", named.upper()):
        assert right(written, date.isoformat()), written


@pytest.mark.parametrize(
    ("spec", "expected", "field"),
    [
        ({}, None, "expected"),
        ({}, "15/03/2026", "expected"),
        ({}, "2026-02-30", "expected"),
        ({}, "0026-03-15", "expected"),
        ({}, "20260315", "expected"),
        ({"year": "2026"}, "2026-03-15", "year"),
        ({"year": True}, "2026-03-15", "year"),
        ({"year": None}, "2026-03-15", "year"),
        ({"order": "ymd"}, "2026-03-15", "order"),
        ({"order": ["dmy"]}, "2026-03-15", "order"),
    ],
)
def test_a_spec_that_cannot_work_is_refused_by_field(spec: dict[str, Any], expected: Any, field: str) -> None:
    with pytest.raises(SpecError) as refused:
        check_spec(spec={"name": "date", **spec}, expected=expected)
    assert refused.value.field == field
