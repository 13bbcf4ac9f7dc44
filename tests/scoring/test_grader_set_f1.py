"""Claims on the grader ``set_f1``, and on how an answer is cut into items."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.errors import SpecError
from scoring.graders import check_spec, grade
from scoring.graders.reading.words import bare

PAPERS = ["DNI", ["padrón", "volante de empadronamiento"], "foto"]
NAMES = st.lists(st.sampled_from(["DNI", "foto", "tasa", "año", "ano", "1,5 kWh"]), min_size=1, max_size=8)


def value(answer: str, expected: Any = PAPERS, **options: Any) -> Decimal:
    return grade(spec={"name": "set_f1", **options}, answer=answer, expected=expected).value


@pytest.mark.parametrize(
    "answer",
    [
        "DNI, padrón, foto",
        "DNI, padrón y foto.",
        "foto, padrón, y DNI",
        "Foto; Padrón; DNI",
        "DNI\npadrón\nfoto",
        "- DNI\n- padrón\n- foto",
        "* **DNI**\n* **padrón**\n* **foto**",
        "1. DNI\n2. Padrón.\n3. Foto.",
        "1) DNI; 2) padrón; 3) foto",
        "a) DNI\nb) padrón\nc) foto",
        "Necesitas:\n\n- DNI\n- padrón\n- foto\n\nSuerte con el trámite.",
        "Los papeles son: DNI, padrón y foto",
        "Pienso en voz alta, sin prisa.\nRespuesta:\n- DNI\n- padrón\n- foto",
        '["DNI", "padrón", "foto"]',
        "```\nDNI\npadrón\nfoto\n```",
        "DNI, padrón i foto",
        "DNI, padrón eta foto",
        "DNI, padrón e foto",
        "DNI, foto y volante de empadronamiento",
        "DNI, padrón, foto\n\nPregunta: ¿y la tasa?\nRespuesta: 12 euros",
    ],
)
def test_a_list_is_read_however_it_is_written(answer: str) -> None:
    assert value(answer) == 1


def test_it_is_twice_the_shared_items_over_all_items() -> None:
    assert value("DNI y foto") == Decimal("0.800000")
    assert value("DNI, foto, padrón, tasa") == Decimal("0.857143")
    assert value("tasa, sello") == 0


@settings(deadline=None, max_examples=60)
@given(read=NAMES, right=NAMES)
def test_order_and_doubles_do_not_matter_and_f1_is_symmetric(read: list[str], right: list[str]) -> None:
    as_set = list(dict.fromkeys(right))
    score = value("\n".join(read), as_set)
    assert 0 <= score <= 1
    assert score == value("\n".join(sorted(read) + read), as_set)
    assert score == value("\n".join(right), list(dict.fromkeys(read)))
    assert (score == 1) == (set(read) == set(right))


@given(text=st.text(st.characters(exclude_categories=["Cf", "Cs"]), max_size=60), accents=st.booleans())
def test_normalising_an_item_twice_is_normalising_it_once(text: str, accents: bool) -> None:
    once = bare(text, accents=accents)
    assert bare(once, accents=accents) == once


def test_two_accepted_texts_of_one_item_count_once() -> None:
    assert value("DNI, foto, padrón, volante de empadronamiento") == 1


def test_naming_many_things_costs() -> None:
    assert value("DNI, padrón, foto, tasa, sello, firma") < value("DNI, padrón, foto, tasa") < 1


def test_a_comma_or_an_and_within_an_item_is_tried_as_both() -> None:
    assert (
        value("- Economía y Hacienda\n- Sanidad, Consumo", ["Economía y Hacienda", "Sanidad, Consumo"]) == 1
    )
    assert value("Economía y Hacienda", ["Economía y Hacienda"]) == 1
    assert value("Economía y Hacienda", ["Economía", "Hacienda"]) == 1


def test_a_decimal_comma_parts_no_items() -> None:
    assert value("1,5 kWh, 2 kWh", ["1,5 kWh", "2 kWh"]) == 1


def test_accents_count_unless_the_spec_says_otherwise() -> None:
    assert value("DNI, padron, foto") < 1
    assert value("DNI, padron, foto", accents="ignore") == 1
    assert value("ano", ["año"], accents="ignore") == 0


def test_a_separator_of_the_spec_is_the_only_one() -> None:
    assert value("DNI | padrón | foto", separator="|") == 1
    assert value("DNI, padrón | foto", ["DNI, padrón", "foto"], separator="|") == 1
    assert value("DNI, padrón, foto", separator="|") == 0


@pytest.mark.parametrize("answer", ["", "  \n ", "...", "- \n- ", ",;,", "Respuesta:"])
def test_an_answer_without_items_earns_nothing(answer: str) -> None:
    assert value(answer) == 0


@pytest.mark.parametrize(
    ("spec", "expected", "field"),
    [
        ({}, [], "expected"),
        ({}, "DNI", "expected"),
        ({}, None, "expected"),
        ({}, ["DNI"] * 201, "expected"),
        ({}, ["DNI", ""], "expected.1"),
        ({}, ["DNI", []], "expected.1"),
        ({}, ["DNI", 3], "expected.1"),
        ({}, ["DNI", "dni."], "expected.1"),
        ({}, ["DNI", ["foto", "DNI"]], "expected.1"),
        ({"separator": ""}, ["DNI"], "separator"),
        ({"separator": None}, ["DNI"], "separator"),
        ({"accents": "no"}, ["DNI"], "accents"),
    ],
)
def test_a_spec_that_cannot_work_is_refused_by_field(spec: dict[str, Any], expected: Any, field: str) -> None:
    with pytest.raises(SpecError) as refused:
        check_spec(spec={"name": "set_f1", **spec}, expected=expected)
    assert refused.value.field == field
