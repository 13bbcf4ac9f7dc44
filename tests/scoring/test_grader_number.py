"""Claims on the grader ``number``: Spanish and English marks, units, tolerance, and no prize for guessing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.errors import SpecError
from scoring.graders import check_spec, grade


def right(answer: str, expected: Any, **options: Any) -> bool:
    return grade(spec={"name": "number", **options}, answer=answer, expected=expected).value == 1


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("1.234,56", "1234.56"),
        ("1,234.56", "1234.56"),
        ("1234,5", "1234.5"),
        ("1 234,5", "1234.5"),
        ("1\u202f234,5", "1234.5"),
        ("1.234.567", "1234567"),
        ("0,5", "0.5"),
        ("0'5", "0.5"),
        (".5", "0.5"),
        ("12,0", "12"),
        ("12.", "12"),
        ("+12", "12"),
        ("-5", "-5"),
        ("−5,25", "-5.25"),
        ("2 mil", "2000"),
        ("2,5 millones", "2500000"),
    ],
)
def test_spanish_and_english_marks_are_read(written: str, expected: str) -> None:
    assert right(written, expected)
    assert right(f"**{written}**\n", expected)


@pytest.mark.parametrize("expected", ["1234", "1.234"])
def test_a_doubtful_mark_is_read_both_ways(expected: str) -> None:
    assert right("1.234", expected)
    assert right("1,234", expected)


def test_another_number_settles_a_doubtful_mark() -> None:
    near = {"tolerance": {"absolute": "0.8"}}
    assert right("1.234 o, con decimales, 1.234,0", 1234)
    assert right("1,234 = 1,2", "1.234", **near)
    assert not right("1.234 = 1234,5", "1.234", **near)
    assert not right("1,234; 1,25", "1234")


@pytest.mark.parametrize(
    ("answer", "expected", "unit"),
    [
        ("12 kWh", 12, "kWh"),
        ("12kWh", 12, "kWh"),
        ("12 KWH", 12, "kWh"),
        ("12 kilovatios hora", 12, "kWh"),
        ("12", 12, "kWh"),
        ("12.000 Wh", 12, "kWh"),
        ("0,012 MWh", 12, "kWh"),
        ("3,6 MJ", 1, "kWh"),
        ("12 kWh al año", 12, "kWh"),
        ("12 kWh/año", 12, "kWh"),
        ("kWh: 12", 12, "kWh"),
        ("12 (kWh)", 12, "kWh"),
        ("1,5 kW", 1500, "W"),
        ("€ 12,50", 12.5, "€"),
        ("€12.50", 12.5, "euros"),
        ("12,50 euros", 12.5, "€"),
        ("1250 céntimos", 12.5, "€"),
        ("2,5 millones de euros", 2500000, "€"),
        ("0,15 €/kWh", 0.15, "€/kWh"),
        ("150 €/MWh", 0.15, "€/kWh"),
        ("15 céntimos por kWh", 0.15, "€/kWh"),
        ("120 gCO₂/kWh", 120, "g/kWh"),
        ("0,12 kg de CO2", 120, "g"),
        ("25 %", 25, "%"),
        ("25%", 25, "%"),
        ("25 por ciento", 25, "%"),
        ("-5 ºC", -5, "ºC"),
        ("21 grados", 21, "°C"),
        ("24 ℃", 24, "ºC"),
        ("90 min", 1.5, "h"),
        ("1,5 horas", 90, "min"),
        ("10 m²", 10, "m2"),
        ("2 m3", 2000, "litros"),
        ("1,5 kWh (1500 Wh)", 1.5, "kWh"),
    ],
)
def test_units_are_read_and_converted(answer: str, expected: float, unit: str) -> None:
    assert right(answer, expected, unit=unit)


@pytest.mark.parametrize(
    ("answer", "unit"),
    [
        ("12 h", "kWh"),
        ("12 kW", "kWh"),
        ("12 €/kWh", "€"),
        ("12 €", "€/kWh"),
        ("12 %", "kWh"),
        ("12 MWh", "kWh"),
    ],
)
def test_a_unit_of_something_else_is_wrong(answer: str, unit: str) -> None:
    assert not right(answer, 12, unit=unit)


def test_a_missing_unit_is_wrong_only_where_it_is_required() -> None:
    assert right("12", 12, unit="kWh")
    assert not right("12", 12, unit="kWh", unit_required=True)
    assert right("12 kWh", 12, unit="kWh", unit_required=True)


def test_without_a_unit_things_are_counted() -> None:
    assert right("5 bombillas", 5)
    assert right("60 %", 60)
    assert not right("60 %", 0.6)


@pytest.mark.parametrize(
    "answer",
    [
        "Primero 3 y luego 4.\nRespuesta: 12",
        "3 × 4 = 12. La respuesta es 12 kWh.",
        "12",
        "Son 12 kWh.",
        "12 (doce), o sea 12,0",
    ],
)
def test_an_announced_answer_or_the_only_number_is_read(answer: str) -> None:
    assert right(answer, 12, unit="kWh")


@pytest.mark.parametrize(
    "answer",
    [
        "11 12 13",
        "12, 13",
        "12\n13",
        "10-12",
        "entre 10 y 12",
        "12 o 13",
        "Respuesta: 12 o 13",
        "1. 12",
        " ".join(map(str, range(1, 500))),
    ],
)
def test_a_list_of_numbers_is_not_an_answer(answer: str) -> None:
    verdict = grade(spec={"name": "number"}, answer=answer, expected=12)
    assert verdict.value == 0
    assert "varios números" in verdict.reason or "No se puede leer" in verdict.reason


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("NaN", 0),
        ("Infinity", 0),
        ("1e999999", 1),
        ("1e1", 10),
        ("10²", 102),
        ("10²", 100),
        ("1/2", "0.5"),
        ("½", "0.5"),
        ("12/05/2026", 12),
        ("1.23.456", 123456),
        ("12,345.6.7", "12345.6"),
        ("1..2", 1),
        ("1" * 31, 1),
        ("12\n345", 12345),
        ("m2", 2),
        ("CO2", 2),
        ("1٣²", 13),
        ("dos y medio", 2),
        ("tres cuartos", 3),
        ("doce coma cinco", 12),
        ("mil y pico", 1000),
        ("un consumo bajo", 1),
        ("los dos aparatos", 2),
        ("Faltan dos", 2),
        ("Dos datos faltan aquí", 2),
        ("No se puede calcular con dos datos", 2),
        ("doce, aunque quizá trece", 12),
        ("menos doce", 12),
        ("diez o doce", 12),
        ("dos tres", 2),
        ("", 0),
    ],
)
def test_what_is_no_plain_number_is_never_read_as_one(answer: str, expected: Any) -> None:
    assert not right(answer, expected)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("doce", 12),
        ("Doce.", 12),
        ("cero", 0),
        ("uno", 1),
        ("veintiún", 21),
        ("treinta y una", 31),
        ("ciento dos", 102),
        ("mil doscientos", 1200),
        ("Son mil doscientas bombillas", 1200),
        ("dos mil veintiséis", 2026),
        ("dos millones cien mil", 2100000),
        ("al menos doce", 12),
        ("menos doce", -12),
    ],
)
def test_a_number_in_spanish_words_is_read(written: str, expected: int) -> None:
    assert right(written, expected)


def test_words_are_read_only_where_there_are_no_figures_and_they_come_first() -> None:
    assert right("En total son doce, según la factura.", 12)
    assert right("12, porque los dos aparatos suman eso", 12)
    assert right("12 kWh (doce)", 12, unit="kWh")


def test_a_number_in_words_takes_its_unit() -> None:
    assert right("doce kilovatios hora", 12, unit="kWh")
    assert right("una hora", 60, unit="min")
    assert right("diez por ciento", 10, unit="%")
    assert not right("doce horas", 12, unit="kWh")


@pytest.mark.parametrize("written", ["١٢", "१२", "１２", "𝟏𝟐", "۱۲ kWh"])
def test_the_digits_of_every_script_are_read(written: str) -> None:
    assert right(written, 12, unit="kWh")


def test_arabic_marks_part_decimals_and_thousands() -> None:
    assert right("١٬٢٣٤٫٥", "1234.5")


@pytest.mark.parametrize(
    ("answer", "grade_of_it"), [("10", 1), ("12,5", 1), ("11", 1), ("9,99", 0), ("12,51", 0)]
)
def test_a_range_holds_its_ends(answer: str, grade_of_it: int) -> None:
    assert right(answer, {"min": 10, "max": "12.5"}) == grade_of_it


def test_a_range_converts_units() -> None:
    assert right("11.000 Wh", {"min": 10, "max": 12}, unit="kWh")
    assert not right("11 h", {"min": 10, "max": 12}, unit="kWh")


@pytest.mark.parametrize("answer", ["10 o 11", "entre 10 y 12", "11 kWh, 12 kWh"])
def test_two_numbers_in_a_range_are_two_guesses(answer: str) -> None:
    assert not right(answer, {"min": 10, "max": 12})
    assert right("11 kWh (11.000 Wh)", {"min": 10, "max": 12}, unit="kWh")


def test_a_spec_that_was_graded_may_be_changed() -> None:
    spec = {"name": "number", "tolerance": {"absolute": 1}}
    assert grade(spec=spec, answer="13", expected=12).value == 1
    spec["tolerance"] = {"absolute": "0.5"}
    assert grade(spec=spec, answer="13", expected=12).value == 0


def test_true_is_no_number_even_after_one() -> None:
    assert right("1", 1)
    with pytest.raises(SpecError):
        right("1", True)


def test_a_million_digits_cost_nothing() -> None:
    assert not right("9" * 19_000, 9)
    assert not right("9" * 1_000_000, 9)


def test_the_tolerance_includes_its_edge() -> None:
    assert right("12,5", 12, tolerance={"absolute": 0.5})
    assert not right("12,51", 12, tolerance={"absolute": 0.5})
    assert right("101", 100, tolerance={"relative": 0.01})
    assert right("-99", -100, tolerance={"relative": "0.01"})
    assert not right("98,9", 100, tolerance={"relative": 0.01})
    assert right("0,3", 0.1 + 0.2, tolerance={"absolute": "0.0000001"})


def test_the_sign_counts() -> None:
    assert not right("5", -5)
    assert not right("-5", 5)


@pytest.mark.parametrize(
    ("spec", "expected", "field"),
    [
        ({}, None, "expected"),
        ({}, True, "expected"),
        ({}, "NaN", "expected"),
        ({}, float("inf"), "expected"),
        ({}, Decimal("1e999999"), "expected"),
        # An id of its own: Python writes no number of more than 4300 digits.
        pytest.param({}, 10**5000, "expected", id="five-thousand-digits"),
        ({}, "1,5", "expected"),
        ({"unit": "personas"}, 1, "unit"),
        ({"unit": None}, 1, "unit"),
        ({"unit_required": True}, 1, "unit_required"),
        ({"unit": "kWh", "unit_required": "sí"}, 1, "unit_required"),
        ({}, {"min": 1}, "expected"),
        ({}, {"min": 1, "max": 2, "medio": 1}, "expected"),
        ({}, {"min": "1,5", "max": 2}, "expected.min"),
        ({}, {"min": 1, "max": None}, "expected.max"),
        ({}, {"min": 3, "max": 2}, "expected.max"),
        ({"tolerance": {"absolute": 1}}, {"min": 1, "max": 2}, "tolerance"),
        ({"tolerance": 0.5}, 1, "tolerance"),
        ({"tolerance": {"absolute": 1, "relative": 0.1}}, 1, "tolerance"),
        ({"tolerance": {"absolute": -1}}, 1, "tolerance.absolute"),
        ({"tolerance": {"relative": 1}}, 1, "tolerance.relative"),
    ],
)
def test_a_spec_that_cannot_work_is_refused_by_field(spec: dict[str, Any], expected: Any, field: str) -> None:
    with pytest.raises(SpecError) as refused:
        check_spec(spec={"name": "number", **spec}, expected=expected)
    assert refused.value.field == field


@settings(deadline=None)
@given(whole=st.integers(0, 10**12), cents=st.integers(0, 99), is_negative=st.booleans())
def test_a_number_written_the_spanish_or_the_english_way_is_always_read(
    whole: int, cents: int, is_negative: bool
) -> None:
    sign = "-" if is_negative else ""
    english = f"{sign}{whole:,}.{cents:02}"
    spanish = english.translate(str.maketrans(",.", ".,"))
    for written in (english, spanish, spanish.replace(".", " ")):
        assert right(f"Son {written} kWh.", f"{sign}{whole}.{cents:02}", unit="kWh")


@settings(deadline=None)
@given(guesses=st.lists(st.integers(0, 9999), min_size=2, max_size=30, unique=True), pick=st.integers(0, 29))
def test_no_list_of_different_guesses_wins(guesses: list[int], pick: int) -> None:
    assert not right(" y ".join(map(str, guesses)), guesses[pick % len(guesses)])
