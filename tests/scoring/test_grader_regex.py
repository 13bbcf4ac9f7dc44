"""Claims on the grader ``regex``: RE2's patterns, over the announced answer, and nothing that is slow."""

from __future__ import annotations

import time
from typing import Any

import pytest

from scoring.errors import SpecError
from scoring.graders import MAX_ANSWER_CHARACTERS, check_spec, grade

FILE_NUMBER = r"EXP-[0-9]{4}/[0-9]{2,}"


def right(answer: str, pattern: str = FILE_NUMBER, **options: Any) -> bool:
    return grade(spec={"name": "regex", **options}, answer=answer, expected=pattern).value == 1


@pytest.mark.parametrize(
    "answer", ["EXP-2026/17", "  EXP-2026/17 \n", "Respuesta: EXP-2026/17", "EXP-2026/17\nPorque sí."]
)
def test_the_announced_answer_or_the_first_line_must_have_the_form(answer: str) -> None:
    assert right(answer)


@pytest.mark.parametrize(
    "answer", ["", "exp-2026/17", "Es EXP-2026/17", "EXP-2026/1", "EXP-2026/17.", "x\nEXP-2026/17"]
)
def test_the_whole_text_must_have_it_and_case_counts(answer: str) -> None:
    assert not right(answer)


def test_search_finds_the_form_anywhere_and_tells_what_matched() -> None:
    verdict = grade(
        spec={"name": "regex", "match": "search"}, answer="Es el EXP-2026/17.", expected=FILE_NUMBER
    )
    assert verdict.value == 1
    assert verdict.evidence == "EXP-2026/17"


def test_case_is_ignored_where_the_spec_says_so() -> None:
    assert right("exp-2026/17", case="ignore")
    assert right("ÑANDÚ", "ñandú", case="ignore")
    assert not right("ÑANDÚ", "ñandú")


def test_an_accent_of_its_own_is_the_same_letter() -> None:
    assert right("cancio\u0301n", "canción")
    assert right("canción", "cancio\u0301n")


@pytest.mark.parametrize("answer", ["\ud800", "a\x00b", "a\udfffb"])
def test_what_is_no_text_is_read_all_the_same(answer: str) -> None:
    assert right(answer, ".+")
    assert not right(answer, "[a-z]+")


@pytest.mark.parametrize(
    ("pattern", "answer"),
    [
        ("(a+)+$", "a" * 19_000 + "b"),
        ("(a|aa)*b", "a" * MAX_ANSWER_CHARACTERS),
        ("(x+x+)+y(.{0,500})z", "x" * MAX_ANSWER_CHARACTERS),
        (".*a.{200}b", "a" * MAX_ANSWER_CHARACTERS),
    ],
)
def test_a_pattern_that_explodes_elsewhere_is_linear_here(pattern: str, answer: str) -> None:
    began = time.process_time()
    for match in ("full", "search"):
        assert not right(answer, pattern, match=match)
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("spec", "expected", "field"),
    [
        ({}, None, "expected"),
        ({}, "", "expected"),
        ({}, "a" * 1001, "expected"),
        ({}, "(", "expected"),
        ({}, r"(a)\1", "expected"),
        ({}, "a(?=b)", "expected"),
        ({}, "((a{100}){100}){100}", "expected"),
        ({}, ["a"], "expected"),
        ({"match": "part"}, "a", "match"),
        ({"case": "Ignore"}, "a", "case"),
        ({"case": ["ignore"]}, "a", "case"),
    ],
)
def test_a_spec_that_cannot_work_is_refused_by_field(spec: dict[str, Any], expected: Any, field: str) -> None:
    with pytest.raises(SpecError) as refused:
        check_spec(spec={"name": "regex", **spec}, expected=expected)
    assert refused.value.field == field


def test_the_reason_does_not_tell_the_pattern() -> None:
    assert "EXP" not in grade(spec={"name": "regex"}, answer="nada", expected=FILE_NUMBER).reason
