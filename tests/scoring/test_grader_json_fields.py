"""Claims on the grader ``json_fields``, and on how JSON is found in an answer."""

from __future__ import annotations

import json
import os
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.errors import SpecError
from scoring.graders import MAX_ANSWER_CHARACTERS, check_spec, grade
from scoring.graders.reading.json_text import (
    LIST_OF_OBJECTS,
    MAX_DEPTH,
    OBJECT,
    UnreadableJson,
    first_json,
    text_of,
)
from scoring.values import Grade

EXPECTED = {"organo": "Ayuntamiento de Ávila", "plazo": 10, "urgente": True, "nota": None}
RIGHT = '{"organo": "Ayuntamiento de Ávila", "plazo": 10, "urgente": true, "nota": null}'
EXAMPLES = int(os.environ.get("JSON_STORM_EXAMPLES", "5000"))


def graded(answer: str, expected: Any = EXPECTED, **options: Any) -> Grade:
    return grade(spec={"name": "json_fields", **options}, answer=answer, expected=expected)


def value(answer: str, expected: Any = EXPECTED, **options: Any) -> Decimal:
    return graded(answer, expected, **options).value


# --- finding it -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        RIGHT,
        f"```json\n{RIGHT}\n```",
        f"Aquí tienes:\n\n```\n{RIGHT}\n```\nUn saludo.",
        f"El formato {{clave}} pedido es este: {RIGHT}",
        f'Quise escribir {{"organo" pero mejor: {RIGHT}',
        json.dumps(json.loads(RIGHT), indent=2),
        f"{RIGHT}\n\n{{}}",
        f"[{RIGHT}]",
        f"{RIGHT}\nPregunta: ¿otra?\nRespuesta: {{}}",
    ],
)
def test_the_first_object_of_the_turn_is_read_wherever_it_stands(answer: str) -> None:
    assert value(answer) == 1


def test_a_second_object_is_not_read() -> None:
    assert value(f'{{"plazo": 11}}\n{RIGHT}') == 0


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("", "no contiene JSON"),
        ("diez días", "no contiene JSON"),
        ("[10]", "no contiene JSON"),
        ("{'plazo': 10}", "no contiene JSON"),
        ('{"plazo": 10', "mal escrito"),
        ('{"plazo": 10,}', "mal escrito"),
        ('{"plazo": 010}', "mal escrito"),
        ('{"plazo": NaN}', "NaN"),
        ('{"plazo": -Infinity}', "-Infinity"),
        ('{"plazo": 1e999999999}', "cifras"),
        ('{"plazo": ' + "9" * 19_000 + "}", "cifras"),
        ('{"plazo": 10, "plazo": 10}', "repite"),
        ('{"x": {"a": 1, "a": 1}, "plazo": 10}', "repite"),
        ('{"plazo": 10, "organo": "\\ud800"}', "carácter"),
        ('{"plazo": 10, "organo": ["a", ["\\udfff"]]}', "carácter"),
        ('{"plazo": 10, "\\ud800": 1}', "carácter"),
        ('{"plazo": 10, "organo": "\ud800"}', "carácter"),
    ],
)
def test_what_is_no_json_earns_nothing_and_says_why(answer: str, told: str) -> None:
    verdict = graded(answer)
    assert verdict.value == 0
    assert told in verdict.reason


def test_what_stands_within_an_object_that_is_cut_off_is_no_answer() -> None:
    assert value('{"respuesta": {"plazo": 10, "urgente": true}, "nota":') == 0


@pytest.mark.parametrize("opening", ['{"a":', '{"a":['])
def test_ten_thousand_brackets_are_refused_and_64_are_not(opening: str) -> None:
    depth = 10_000
    assert "niveles" in refusal_of(opening * depth)
    allowed = MAX_DEPTH // opening.count("[") if "[" in opening else MAX_DEPTH
    assert "mal escrito" in refusal_of('{"a":' * allowed)
    assert "niveles" in refusal_of('{"a":' * (MAX_DEPTH + 1))


def refusal_of(text: str) -> str:
    with pytest.raises(UnreadableJson) as refused:
        first_json(text, OBJECT)
    return str(refused.value)


def test_brackets_within_a_text_are_no_depth() -> None:
    assert value(json.dumps({"organo": "[{" * 200, "plazo": 10}), {"plazo": 10}) == 1


HOSTILE = [
    '{"',
    '{"a":"\\"',
    "{ ",
    '{"a":[',
    '{"a":1}',
    '{"a" ',
    "[{",
    '["',
    '{"a":"',
    "\\",
    '"{"',
    '{"a":{"b" ',
]


@pytest.mark.parametrize("size", [100_000, pytest.param(1_000_000, marks=pytest.mark.storm)])
@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize("start", [OBJECT, LIST_OF_OBJECTS], ids=["object", "list"])
def test_reading_takes_linear_time(start: Any, piece: str, size: int) -> None:
    text = piece * (size // len(piece))
    # What took quadratic time over so long a text would not end before the tests are given up.
    for hostile in (text, '{"a":[' + text, '{"a":"' + text):
        try:
            first_json(hostile, start)
        except UnreadableJson:
            continue


# --- fields ---------------------------------------------------------------------------------------------


def test_the_grade_is_the_mean_over_the_expected_fields() -> None:
    assert value('{"organo": "Ayuntamiento de Ávila", "plazo": 11, "nota": null}') == Decimal("0.500000")
    assert value('{"a": 1}', {"a": 1, "b": 2, "c": 3}) == Decimal("0.333333")


def test_a_missing_field_is_not_null() -> None:
    assert value("{}", {"nota": None}) == 0
    assert value('{"nota": null}', {"nota": None}) == 1


def test_texts_are_compared_as_exact_does_and_numbers_as_number_does() -> None:
    assert value('{"organo": " AYUNTAMIENTO DE ÁVILA. "}', {"organo": EXPECTED["organo"]}) == 1
    assert value('{"plazo": "10 días"}', {"plazo": 10}) == 1
    assert value('{"plazo": 1e1}', {"plazo": 10}) == 1
    assert value('{"plazo": 0.1}', {"plazo": "0.1"}) == 1


def test_the_point_of_a_json_number_never_parts_thousands() -> None:
    assert value('{"n": 1.234}', {"n": 1.234}) == 1
    assert value('{"n": 1.234}', {"n": 1234}) == 0
    assert value('{"n": "1.234"}', {"n": 1234}) == 1


def test_true_is_neither_1_nor_a_text() -> None:
    assert value('{"u": true}', {"u": True}) == 1
    assert value('{"u": 1}', {"u": True}) == value('{"u": "true"}', {"u": True}) == 0
    assert value('{"u": true}', {"u": 1}) == 0


def test_a_list_or_an_object_is_compared_as_it_is() -> None:
    expected = {"l": [1, {"a": [True, None]}, "x"]}
    assert value('{"l": [1.0, {"a": [true, null]}, "x"]}', expected) == 1
    for other in ('[1, {"a": [1, null]}, "x"]', '["x", {"a": [true, null]}, 1]', "[1]", '"x"'):
        assert value(f'{{"l": {other}}}', expected) == 0


def test_a_field_may_have_a_grader_of_its_own() -> None:
    graders = {"pide": {"name": "set_f1"}, "gasto": {"name": "number", "unit": "kWh"}}
    expected = {"pide": ["DNI", "padrón"], "gasto": "1.5"}
    assert value('{"pide": ["padrón", "DNI"], "gasto": "1500 Wh"}', expected, graders=graders) == 1
    assert value('{"pide": ["DNI"], "gasto": 1.5}', expected, graders=graders) == Decimal("0.833334")


def test_fields_that_were_not_asked_for_cost_only_if_the_spec_is_strict() -> None:
    answer = RIGHT.replace("{", '{"más": 1, ', 1)
    assert value(answer) == 1
    assert value(answer, strict=True) == Decimal("0.800000")


@settings(deadline=None, max_examples=24)
@given(names=st.permutations(["organo", "plazo", "urgente", "nota"]))
def test_the_order_of_the_fields_does_not_matter(names: list[str]) -> None:
    read = json.loads(RIGHT)
    assert value(json.dumps({name: read[name] for name in names})) == 1


@given(
    number=st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**9), max_value=10**9)
)
@settings(deadline=None, max_examples=60)
def test_a_decimal_is_read_as_it_is_written(number: Decimal) -> None:
    assert value(f'{{"n": {number:f}}}', {"n": str(number)}) == 1


# --- the schema -----------------------------------------------------------------------------------------

SCHEMA = {
    "type": "object",
    "required": ["plazo"],
    "properties": {"plazo": {"type": "integer", "const": 10}, "organo": {"pattern": "^(a+)+$|^Ayu"}},
    "additionalProperties": {"type": ["boolean", "null"]},
}


def test_an_object_that_its_schema_refuses_earns_nothing() -> None:
    assert value(RIGHT, schema=SCHEMA) == 1
    assert value(RIGHT.replace('"plazo": 10', '"plazo": "10"'), schema=SCHEMA) == 0
    assert value(RIGHT.replace('"plazo"', '"plazos"'), schema=SCHEMA) == 0


def test_a_decimal_meets_a_schema_exactly() -> None:
    schema = {"properties": {"n": {"multipleOf": 0.01}}}
    assert value('{"n": 0.07}', {"n": 0.07}, schema=schema) == 1
    assert value('{"n": 0.075}', {"n": 0.075}, schema=schema) == 0


def test_the_reason_says_where_and_not_what_was_wanted() -> None:
    reason = graded('{"plazo": 77}', schema=SCHEMA).reason
    assert "plazo" in reason
    assert "10" not in reason
    assert "77" not in reason


def test_a_pattern_of_the_schema_takes_linear_time() -> None:
    # An engine that goes back would try 2 to the power of 19 900 ways.
    answer = json.dumps({"plazo": 10, "organo": "a" * (MAX_ANSWER_CHARACTERS - 100) + "!"})
    assert value(answer, schema=SCHEMA) == 0


@pytest.mark.parametrize(
    "schema",
    [
        3,
        True,
        [],
        {"type": "cadena"},
        {"pattern": "("},
        {"pattern": "(?=a)"},
        {"$ref": "https://example.org/esquema.json"},
        {"$ref": "#/no"},
    ],
)
def test_a_schema_that_is_none_is_refused(schema: Any) -> None:
    assert field_refused({"schema": schema}, EXPECTED) == "schema"


def test_a_schema_reads_no_file(tmp_path: Path) -> None:
    elsewhere = tmp_path / "schema.json"
    elsewhere.write_text("{}")
    assert field_refused({"schema": {"$ref": elsewhere.as_uri()}}, EXPECTED) == "schema"


# --- the spec -------------------------------------------------------------------------------------------


def field_refused(spec: dict[str, Any], expected: Any) -> str:
    with pytest.raises(SpecError) as refused:
        check_spec(spec={"name": "json_fields", **spec}, expected=expected)
    return refused.value.field


@pytest.mark.parametrize(
    ("spec", "expected", "field"),
    [
        ({}, {}, "expected"),
        ({}, [], "expected"),
        ({}, None, "expected"),
        ({}, {str(number): 1 for number in range(101)}, "expected"),
        ({}, {"a": ""}, "expected.a"),
        ({}, {"a": 1e300}, "expected.a"),
        ({"strict": 1}, {"a": 1}, "strict"),
        ({"graders": []}, {"a": 1}, "graders"),
        ({"graders": {"b": {"name": "exact"}}}, {"a": 1}, "graders.b"),
        ({"graders": {"a": "exact"}}, {"a": 1}, "graders.a"),
        ({"graders": {"a": {"name": "exacto"}}}, {"a": 1}, "graders.a.name"),
        ({"graders": {"a": {"name": "number", "unit": "zz"}}}, {"a": 1}, "graders.a.unit"),
        ({"graders": {"a": {"name": "set_f1"}}}, {"a": ["x", ""]}, "expected.a.1"),
    ],
)
def test_a_spec_that_cannot_work_is_refused_by_field(spec: dict[str, Any], expected: Any, field: str) -> None:
    assert field_refused(spec, expected) == field


# --- random texts ---------------------------------------------------------------------------------------


@pytest.mark.storm
def test_no_text_near_json_crashes_the_reader() -> None:
    chance = random.Random(7)
    pieces = ["{", "}", "[", "]", '"', ":", ",", '"a"', "1", "1e9", "-", "NaN", "true", "\\", "\\u", "d800"]
    pieces += ["\n", " ", "é", "\ud800", "null", '{"a":', "0.1", "```json", RIGHT]
    for _ in range(EXAMPLES):
        answer = "".join(chance.choices(pieces, k=chance.randint(0, 40)))
        assert 0 <= value(answer, schema=SCHEMA) <= 1


@settings(deadline=None, max_examples=40)
@given(st.recursive(st.text() | st.booleans() | st.none(), lambda inner: st.lists(inner), max_leaves=8))
def test_every_value_has_a_text(read: Any) -> None:
    assert isinstance(text_of(read), str)
