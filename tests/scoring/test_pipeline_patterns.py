"""Claims on expressions and pointers: hostile ones are refused or cheap; outputs of any shape are read."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.solutions.patterns import MAX_PATTERN_CHARACTERS, check_pattern, check_pointer, find, point

LONGEST_OUTPUT = 256 * 16


@pytest.mark.parametrize(
    ("pattern", "code"),
    [
        ("", "required"),
        ("a" * (MAX_PATTERN_CHARACTERS + 1), "too_long"),
        ("a\u200b", "invisible_character"),
        ("\ud800", "control_character"),
        ("(", "bad_pattern"),
        (r"(a)\1", "bad_pattern"),
        ("a(?=b)", "bad_pattern"),
        ("(?:(?:a{1000}){1000}){1000}", "bad_pattern"),
        (r"\pL{300}", "bad_pattern"),
    ],
)
def test_what_the_engine_cannot_run_in_its_bounds_is_refused(pattern: str, code: str) -> None:
    [problem] = check_pattern("steps.0.extract.regex", pattern)
    assert (problem.field, problem.code) == ("steps.0.extract.regex", code)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(.*)*x", "(a?){100}a{100}"])
def test_what_ruins_other_engines_is_done_at_once(pattern: str) -> None:
    assert not list(check_pattern("x", pattern))
    began = time.process_time()
    find(pattern, "a" * LONGEST_OUTPUT + "!")
    assert time.process_time() - began < 1


@pytest.mark.parametrize("pointer", ["", "/", "/a/0", "/a~0b~1c", "/ñ"])
def test_a_pointer_of_the_rfc_is_taken(pointer: str) -> None:
    assert not list(check_pointer("x", pointer))


@pytest.mark.parametrize(
    ("pointer", "code"),
    [("a", "bad_pointer"), ("/a~", "bad_pointer"), ("/a~2", "bad_pointer"), ("/" * 201, "too_long")],
)
def test_another_one_is_refused(pointer: str, code: str) -> None:
    assert [problem.code for problem in check_pointer("x", pointer)] == [code]


@pytest.mark.parametrize(
    ("pointer", "found"),
    [
        # RFC 6901, section 5.
        ("/foo", '["bar","baz"]'),
        ("/foo/0", "bar"),
        ("/", "0"),
        ("/a~1b", "1"),
        ("/c%d", "2"),
        ("/e^f", "3"),
        ("/g|h", "4"),
        ("/i\\j", "5"),
        ('/k"l', "6"),
        ("/ ", "7"),
        ("/m~0n", "8"),
        # And what is not there.
        ("/foo/2", None),
        ("/foo/00", None),
        ("/foo/-1", None),
        ("/foo/-", None),
        ("/foo/²", None),
        ("/foo/999999999999", None),
        ("/nada", None),
        ("/a~1b/0", None),
    ],
)
def test_pointers_find_what_the_rfc_says(pointer: str, found: str | None) -> None:
    document = r"""{"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5,
                    "k\"l": 6, " ": 7, "m~n": 8}"""
    assert point(pointer, document) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('Nota [sic] y luego {"a": 1}', "1"),
        ('{a: 1} {"a": 2}', "2"),
        ('{"a": 1', None),
        ('{"a": NaN}', None),
        ('{"a": 1e999}', None),
        ('{"a": "dos\nlíneas"}', "dos\nlíneas"),
        ('{"a": true}', "true"),
        ('{"a": "", "b": 1}', ""),
        ('{"b": 1}', None),
        ("", None),
        ('{"a": ' + "[" * 60 + "]" * 60 + "}", None),
        ("[" * 30 + '{"a": 1}', None),
    ],
)
def test_the_first_json_value_of_an_output_is_read(text: str, found: str | None) -> None:
    assert point("/a", text) == found


@pytest.mark.parametrize("piece", ["[", '{"a":', "9", '["', "{} ", "\\u"])
def test_a_hostile_output_is_read_at_once(piece: str) -> None:
    began = time.process_time()
    point("/a", (piece * LONGEST_OUTPUT)[:LONGEST_OUTPUT])
    assert time.process_time() - began < 1


@settings(deadline=None)
@given(
    text=st.lists(
        st.sampled_from(["[", "]", "{", "}", '"a"', ":", ",", "1", "-", "e9", "\\", " "]), max_size=40
    ).map("".join)
    | st.text(max_size=100),
    pointer=st.sampled_from(["", "/a", "/0", "/a/0"]),
)
def test_no_output_breaks_a_pointer(text: str, pointer: str) -> None:
    found = point(pointer, text)
    assert found is None or isinstance(found, str)


def test_whoever_only_knows_the_kinds_loads_no_engine_of_expressions() -> None:
    code = (
        "import sys, scoring.solutions.kinds; sys.exit(any(name in sys.modules for name in ('re2', 'numpy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
