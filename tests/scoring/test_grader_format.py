"""Claims on the grader ``format``: the answer is what was asked for and nothing stands around it."""

from __future__ import annotations

from typing import Any

import pytest

from scoring.errors import SpecError
from scoring.graders import check_spec, grade


def has_form(answer: str, kind: str, **options: Any) -> bool:
    return grade(spec={"name": "format", "kind": kind, **options}, answer=answer, expected=None).value == 1


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("json", '{"a": [1, 2.5, null]}'),
        ("json", '```json\n{"a": 1}\n```'),
        ("json", "```\n[]\n```"),
        ("json", ' "texto" '),
        ("bullets", "- uno\n- dos"),
        ("bullets", "* uno\n\n• dos\n– tres"),
        ("numbered", "1. uno\n2. dos"),
        ("numbered", "1) uno\n\n2) dos\n3) tres"),
        ("numbered", "**1.** uno\n**2.** dos"),
        ("one_line", " Son 12 kWh.\n"),
        ("uppercase", "¡ATENCIÓN: 12 AÑOS!"),
        ("lowercase", "el niño, 12 años"),
        ("no_digits", "doce kilovatios"),
        ("table", "| a | b |\n|---|:-:|\n| 1 | 2 |\n| 3 | |"),
        ("table", "a | b\n--- | ---\n1 | 2"),
        ("table", "| a\\|b |\n|---|\n| 1 |"),
    ],
)
def test_an_answer_of_the_form_is_right(kind: str, answer: str) -> None:
    assert has_form(answer, kind)


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("json", ""),
        ("json", "{'a': 1}"),
        ("json", 'Aquí está: {"a": 1}'),
        ("json", '{"a": 1} {"b": 2}'),
        ("json", "NaN"),
        ("json", '{"a": Infinity}'),
        ("json", "[" * 19_000),
        ("json", "[" * 9_000 + "]" * 9_000),
        ("json", '```json\n{"a": 1}\n```\nFin'),
        ("bullets", "Lista:\n- uno"),
        ("bullets", "-uno"),
        ("bullets", "- "),
        ("bullets", "1. uno"),
        ("numbered", "1. uno\n3. tres"),
        ("numbered", "2. dos"),
        ("numbered", "uno\ndos"),
        ("numbered", "1.5 kWh"),
        ("numbered", "1.234"),
        ("one_line", "uno\ndos"),
        ("one_line", "uno\u2028dos"),
        ("uppercase", "HOLa"),
        ("uppercase", "12"),
        ("lowercase", "Hola"),
        ("lowercase", "12"),
        ("no_digits", "12"),
        ("no_digits", "m²"),
        ("no_digits", "٣"),
        ("table", "| a | b |\n|---|---|"),
        ("table", "| a | b |\n|---|---|\n| 1 |"),
        ("table", "| a | b |\n| 1 | 2 |\n| 3 | 4 |"),
        ("table", "Tabla:\n| a |\n|---|\n| 1 |"),
    ],
)
def test_an_answer_of_another_form_is_wrong(kind: str, answer: str) -> None:
    assert not has_form(answer, kind)


def test_the_items_of_a_list_are_counted() -> None:
    assert has_form("- uno\n- dos", "bullets", items=2)
    assert has_form("1. uno\n2. dos\n3. tres", "numbered", items=3)
    verdict = grade(
        spec={"name": "format", "kind": "bullets", "items": 3}, answer="- uno\n- dos", expected=None
    )
    assert verdict.value == 0
    assert verdict.reason == "Tiene 2 elementos y se piden 3."


@pytest.mark.parametrize(
    ("spec", "expected", "field"),
    [
        ({}, None, "kind"),
        ({"kind": "xml"}, None, "kind"),
        ({"kind": ["json"]}, None, "kind"),
        ({"kind": "json"}, "{}", "expected"),
        ({"kind": "json", "items": 2}, None, "items"),
        ({"kind": "bullets", "items": 0}, None, "items"),
        ({"kind": "bullets", "items": True}, None, "items"),
        ({"kind": "bullets", "items": None}, None, "items"),
        ({"kind": "bullets", "item": 2}, None, "item"),
    ],
)
def test_a_spec_that_cannot_work_is_refused_by_field(spec: dict[str, Any], expected: Any, field: str) -> None:
    with pytest.raises(SpecError) as refused:
        check_spec(spec={"name": "format", **spec}, expected=expected)
    assert refused.value.field == field
