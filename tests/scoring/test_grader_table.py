"""Claims on the grader ``table``, and on how a table is found in an answer."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.errors import SpecError
from scoring.graders import check_spec, grade
from scoring.graders.reading.tables import read_table

TOWNS = [
    {"municipio": "Ávila", "importe": 1250.5},
    {"municipio": "Soria", "importe": 300},
]
MARKDOWN = """
| Municipio | Importe |
|:----------|--------:|
| Ávila     | 1250,5  |
| Soria     | 300     |
"""


def value(answer: str, expected: Any = TOWNS, **options: Any) -> Decimal:
    return grade(spec={"name": "table", **options}, answer=answer, expected=expected).value


@pytest.mark.parametrize(
    "answer",
    [
        MARKDOWN,
        f"Aquí está la tabla:\n{MARKDOWN}\nEl total es 1550,50 €.",
        f"Lo pienso.\n\n**Respuesta:**\n{MARKDOWN}",
        "Municipio | Importe\n--- | ---\nÁvila | 1250,5\nSoria | 300",
        "| **Municipio** | *Importe* |\n|---|---|\n| **Ávila** | 1.250,50 |\n| Soria | 300 |",
        "| N.º | Municipio | Importe |\n|---|---|---|\n| 1 | Ávila | 1250,5 |\n| 2 | Soria | 300 |",
        "municipio;importe\nÁvila;1250,5\nSoria;300",
        "```csv\nmunicipio;importe\nÁvila;1250,5\nSoria;300\n```",
        'municipio,importe\n"Ávila","1250,5"\nSoria,300',
        "municipio, importe\nÁvila, 1250.5\nSoria, 300",
        "municipio\timporte\nÁvila\t1250,5\nSoria\t300",
        '[{"municipio": "Ávila", "importe": 1250.5}, {"municipio": "Soria", "importe": 300}]',
        '```json\n[{"Municipio": "Ávila", "Importe": "1250,5"}, {"Municipio": "Soria", "Importe": 300}]\n```',
    ],
)
def test_a_table_is_read_however_it_is_written(answer: str) -> None:
    assert value(answer) == 1


def test_it_is_f1_over_cells() -> None:
    assert value(MARKDOWN.replace("300", "301")) == Decimal("0.750000")
    assert value("municipio;importe\nÁvila;1250,5") == Decimal("0.666667")
    assert value(f"{MARKDOWN.strip()}\n| Lugo | 1 |") == Decimal("0.800000")
    assert value("| Municipio |\n|---|\n| Ávila |\n| Soria |") == Decimal("0.666667")


def test_an_empty_cell_was_not_given() -> None:
    assert value(MARKDOWN.replace("300", "   ")) == Decimal("0.857143")


def test_rows_are_found_by_their_place_or_by_their_key() -> None:
    swapped = "municipio;importe\nSoria;300\nÁvila;1250,5"
    assert value(swapped) == 0
    assert value(swapped, key="municipio") == 1
    assert value("municipio;importe\nSoria;300\nSoria;300", key="municipio") == Decimal("0.500000")


def test_a_column_may_have_a_grader_of_its_own() -> None:
    expected = [{"aparato": "nevera", "consumo": 1.5, "pide": ["DNI", "foto"]}]
    graders = {"consumo": {"name": "number", "unit": "kWh"}, "pide": {"name": "set_f1"}}
    answer = "aparato;consumo;pide\nnevera;1500 Wh;foto y DNI"
    assert value(answer, expected, graders=graders) == 1
    assert value(answer.replace("foto y DNI", "foto"), expected, graders=graders) == Decimal("0.888889")


def test_a_bar_within_a_cell_is_escaped() -> None:
    assert value("| a | b |\n|---|---|\n| x \\| y | z |", [{"a": "x | y", "b": "z"}]) == 1


def test_the_header_is_the_first_line_that_names_the_most_columns() -> None:
    answer = f"Verás municipio, y nada más.\n{MARKDOWN}\n| importe | municipio |\n| 1 | Lugo |"
    assert value(answer) == 1


def test_a_column_that_stands_twice_is_read_once() -> None:
    assert read_table("a;A;b\n1;2;3", ["a", "b"]) == [{"a": "1", "b": "3"}]


@settings(deadline=None, max_examples=60)
@given(
    rows=st.lists(st.tuples(st.sampled_from(["x", "y", "z"]), st.integers(-99, 99)), min_size=1, max_size=6),
    separator=st.sampled_from([";", "\t", ",", "|"]),
)
def test_what_is_written_in_any_form_is_read_and_lies_in_bounds(
    rows: list[tuple[str, int]], separator: str
) -> None:
    expected = [{"nombre": name, "total": total} for name, total in rows]
    lines = [("nombre", "total"), *((name, str(total)) for name, total in rows)]
    answer = "\n".join(separator.join(line) for line in lines)
    assert value(answer, expected) == 1
    assert 0 <= value(answer, [{"nombre": "x", "total": 7}]) <= 1


@pytest.mark.parametrize(
    "answer", ["", "Ávila, 1250,5", "[]", "[{}]", '[{"x": 1}]', "| a |\n|---|\n| b |", '"municipio,importe']
)
def test_an_answer_without_such_a_table_earns_nothing(answer: str) -> None:
    assert value(answer) == 0


@pytest.mark.parametrize("quote", ['"', '"\0', '""', "'"])
def test_a_quote_that_never_ends_spoils_no_more_than_its_line(quote: str) -> None:
    assert value(f"municipio;importe\nÁvila;1250,5\nSoria;{quote}300") >= Decimal("0.75")


@pytest.mark.parametrize(
    ("spec", "expected", "field"),
    [
        ({}, [], "expected"),
        ({}, {}, "expected"),
        ({}, None, "expected"),
        ({}, [{"a": 1}] * 201, "expected"),
        ({}, [{}], "expected.0"),
        ({}, ["a"], "expected.0"),
        ({}, [{"a": 1, "A": 2}], "expected.0"),
        ({}, [{"a": 1}, {"b": 1}], "expected.1"),
        ({}, [{"a": 1}, {"a": None}], "expected.1.a"),
        ({}, [{"a": True}], "expected.0.a"),
        ({}, [{"a": ""}], "expected.0.a"),
        ({"key": "b"}, [{"a": 1}], "key"),
        ({"key": "a"}, [{"a": "x"}, {"a": "X."}], "key"),
        ({"graders": {"b": {"name": "exact"}}}, [{"a": 1}], "graders.b"),
        ({"graders": {"a": {"name": "number", "unit": "zz"}}}, [{"a": 1}], "graders.a.unit"),
    ],
)
def test_a_spec_that_cannot_work_is_refused_by_field(spec: dict[str, Any], expected: Any, field: str) -> None:
    with pytest.raises(SpecError) as refused:
        check_spec(spec={"name": "table", **spec}, expected=expected)
    assert refused.value.field == field
