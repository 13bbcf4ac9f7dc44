"""Claims on the JSON shape of a prompt: it is written in one way; whatever is read is understood or told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scoring.solutions import prompt
from scoring.solutions.characters import MAX_SHOWN_CHARACTERS
from scoring.solutions.json_reader import MAX_UNKNOWN_FIELDS
from scoring.solutions.prompt_json import (
    CONTENT_FIELDS,
    DEFAULT_MAX_OUTPUT_TOKENS,
    MAX_STOP_ITEMS,
    SAMPLING_FIELDS,
    decode,
    encode,
)
from scoring.values import ContentLimits, Problem, PromptContent, Sampling

TEXT = st.text(max_size=80).filter(lambda text: "\r" not in text)
NUMBER = st.floats(min_value=-1e300, max_value=1e300)
CONTENTS = st.builds(
    PromptContent,
    system=TEXT,
    user=TEXT,
    sampling=st.builds(
        Sampling,
        max_output_tokens=st.integers(),
        temperature=NUMBER,
        top_p=NUMBER,
        seed=st.integers(),
        stop=st.lists(TEXT, max_size=5).map(tuple),
    ),
)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=50), inner, max_size=4),
    max_leaves=10,
)
# Close to the shape, so that each field meets each kind of value.
NEARLY: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {},
    optional={
        "system": JSON,
        "user": JSON,
        "sampling": JSON | st.fixed_dictionaries({}, optional={name: JSON for name in SAMPLING_FIELDS}),
        "otro": JSON,
    },
)


def wrong(raw: Any) -> list[tuple[str, str, Any]]:
    content, problems = decode(raw)
    assert content is None
    return [(problem.field, problem.code, problem.params.get("expected")) for problem in problems]


# --- there and back -------------------------------------------------------------------------------------


@settings(deadline=None)
@given(content=CONTENTS)
@example(content=PromptContent(system="", user="", sampling=Sampling(max_output_tokens=1, temperature=-0.0)))
def test_what_is_written_is_read_as_the_same_and_written_again_the_same(content: PromptContent) -> None:
    assert decode(encode(content)) == (content, ())
    through_text, problems = decode(json.loads(json.dumps(encode(content))))
    assert (through_text, problems) == (content, ())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"temperature": 0}, {"temperature": 0.0}),
        ({"temperature": -0.0}, {"temperature": 0.0}),
        ({"top_p": 1}, {}),
        ({"stop": ["\r\n"]}, {"stop": ["\n"]}),
        ({"stop": []}, {"seed": 0, "max_output_tokens": DEFAULT_MAX_OUTPUT_TOKENS}),
    ],
)
def test_the_same_prompt_has_the_same_bytes(one: dict[str, Any], other: dict[str, Any]) -> None:
    texts = []
    for sampling in (one, other):
        content, problems = decode({"user": "{{pregunta}}", "sampling": sampling})
        assert content is not None, problems
        texts.append(json.dumps(encode(content)))
    assert texts[0] == texts[1]


def test_the_canonical_shape_has_every_field_in_one_order() -> None:
    content, _ = decode({"sampling": {"seed": 3}, "user": "x"})
    assert content is not None
    assert tuple(encode(content)) == CONTENT_FIELDS
    assert tuple(encode(content)["sampling"]) == SAMPLING_FIELDS


def test_what_is_left_out_has_its_default() -> None:
    content, problems = decode({})
    assert problems == ()
    assert content == PromptContent(
        system="", user="", sampling=Sampling(max_output_tokens=DEFAULT_MAX_OUTPUT_TOKENS)
    )


def test_line_breaks_of_every_system_become_one() -> None:
    content, _ = decode({"system": "a\r\nb\rc\n", "user": "\r\r\n", "sampling": {"stop": ["\r\n"]}})
    assert content is not None
    assert (content.system, content.user, content.sampling.stop) == ("a\nb\nc\n", "\n\n", ("\n",))


# --- what is no prompt ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "field", "expected"),
    [
        ([], "content", "object"),
        (None, "content", "object"),
        ("{}", "content", "object"),
        ({"system": None}, "system", "text"),
        ({"user": ["a"]}, "user", "text"),
        ({"user": 3}, "user", "text"),
        ({"sampling": []}, "sampling", "object"),
        ({"sampling": None}, "sampling", "object"),
        ({"sampling": {"temperature": "0.5"}}, "sampling.temperature", "number"),
        ({"sampling": {"temperature": True}}, "sampling.temperature", "number"),
        ({"sampling": {"temperature": float("nan")}}, "sampling.temperature", "number"),
        ({"sampling": {"top_p": float("-inf")}}, "sampling.top_p", "number"),
        ({"sampling": {"top_p": 10**400}}, "sampling.top_p", "number"),
        ({"sampling": {"max_output_tokens": 64.0}}, "sampling.max_output_tokens", "integer"),
        ({"sampling": {"max_output_tokens": False}}, "sampling.max_output_tokens", "integer"),
        ({"sampling": {"seed": "1"}}, "sampling.seed", "integer"),
        ({"sampling": {"stop": "\n"}}, "sampling.stop", "list"),
        ({"sampling": {"stop": {"0": "a"}}}, "sampling.stop", "list"),
        ({"sampling": {"stop": ["a", None]}}, "sampling.stop.1", "text"),
    ],
)
def test_a_wrong_type_is_told_by_its_dotted_field(raw: Any, field: str, expected: str) -> None:
    assert wrong(raw) == [(field, "wrong_type", expected)]


def test_an_unknown_field_is_told_with_those_that_exist() -> None:
    _, problems = decode({"User": "x", "sampling": {"top_k": 3}})
    assert problems == (
        Problem(field="User", code="unknown_field", params={"name": "User", "known": CONTENT_FIELDS}),
        Problem(
            field="sampling.top_k", code="unknown_field", params={"name": "top_k", "known": SAMPLING_FIELDS}
        ),
    )


def test_every_fault_of_the_shape_is_told_at_once() -> None:
    raw = {"system": 1, "user": 2, "x": 0, "sampling": {"temperature": "", "stop": [3], "seed": 1.5, "y": 0}}
    assert {field for field, _, _ in wrong(raw)} == {
        *("x", "system", "user", "sampling.y"),
        *("sampling.temperature", "sampling.stop.0", "sampling.seed"),
    }


def test_a_list_of_a_million_is_one_problem() -> None:
    _, problems = decode({"sampling": {"stop": [None] * 1_000_000}})
    assert problems == (
        Problem(field="sampling.stop", code="too_many", params={"count": 1_000_000, "limit": MAX_STOP_ITEMS}),
    )


def test_a_hundred_thousand_unknown_fields_are_a_short_list() -> None:
    _, problems = decode({f"{number}\x00\u202e" + "x" * 1000: 0 for number in range(100_000)})
    assert len(problems) == MAX_UNKNOWN_FIELDS
    for problem in problems:
        assert problem.field.isprintable()
        assert len(problem.field) <= MAX_SHOWN_CHARACTERS


@settings(deadline=None)
@given(raw=JSON | NEARLY)
def test_whatever_json_is_handed_in_is_read_or_told(raw: Any) -> None:
    content, problems = decode(raw)
    assert (content is None) == bool(problems)
    for problem in problems:
        assert problem.field.isprintable()
    if content is not None:
        assert decode(encode(content)) == (content, ())
        prompt.check(content, limits=ContentLimits(), slots=("pregunta",))
