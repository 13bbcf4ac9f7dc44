"""Claims on the check of a prompt: every fault is told, at once, by field and line; a good prompt renders."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.errors import TemplateSyntaxError
from scoring.solutions import prompt
from scoring.solutions.characters import MAX_SHOWN_CHARACTERS
from scoring.values import ContentLimits, Message, Problem, PromptContent, Sampling

SLOTS = ("pregunta", "opciones")
LIMITS = ContentLimits(
    max_characters=200, max_lines=10, max_output_tokens=64, max_stop_sequences=2, max_stop_characters=5
)
MEGABYTE = 1_000_000
# A text's size, its unseen characters, turn marks, and bad openings or unknown slots: 20 of each at most.
MOST_PROBLEMS = 2 * (1 + 2 + 20 + 20 + 20) + 4 + 1 + LIMITS.max_stop_sequences * 22
PIECES = [
    "{",
    "{{",
    "}}",
    " ",
    "\n",
    "{{pregunta}}",
    "{{ otra }}",
    "{{" + "x" * 90 + "}}",
    "\u200b",
    "\u202e",
]
PIECES += ["\x00", "a", "ñ", "\ud800", "<|", "|>", "</s>"]
TEXTS = st.one_of(st.text(max_size=250), st.lists(st.sampled_from(PIECES), max_size=60).map("".join))
PROMPTS = st.builds(
    PromptContent,
    system=TEXTS,
    user=TEXTS,
    sampling=st.builds(
        Sampling,
        temperature=st.floats(),
        top_p=st.floats(),
        max_output_tokens=st.integers(),
        seed=st.integers(),
        stop=st.lists(TEXTS, max_size=4).map(tuple),
    ),
)


def a_prompt(*, system: str = "", user: str = "{{pregunta}}", **sampling: Any) -> PromptContent:
    return PromptContent(
        system=system, user=user, sampling=Sampling(**{"max_output_tokens": 64, "stop": ("\n",), **sampling})
    )


def check(content: PromptContent) -> tuple[Problem, ...]:
    return prompt.check(content, limits=LIMITS, slots=SLOTS)


# --- one fault at a time --------------------------------------------------------------------------------

FAULTS: list[tuple[PromptContent, Problem]] = [
    (a_prompt(user=""), Problem(field="user", code="required")),
    (a_prompt(user=" \n\t "), Problem(field="user", code="required")),
    (
        a_prompt(system="x" * 201),
        Problem(field="system", code="too_long", params={"length": 201, "limit": 200}),
    ),
    (
        a_prompt(user="{{pregunta}}" + "x" * 189),
        Problem(field="user", code="too_long", params={"length": 201, "limit": 200}),
    ),
    (
        a_prompt(user="{{pregunta}}" + "\n" * 10),
        Problem(field="user", code="too_many_lines", params={"count": 11, "limit": 10}),
    ),
    (
        a_prompt(system="uno\nd\x00os"),
        Problem(
            field="system", code="control_character", line=2, params={"character": "U+0000", "column": 2}
        ),
    ),
    (
        a_prompt(user="{{pregunta}}\n\u200b"),
        Problem(
            field="user", code="invisible_character", line=2, params={"character": "U+200B", "column": 1}
        ),
    ),
    (
        a_prompt(user="{{pregunta}} \u202e"),
        Problem(field="user", code="bidi_character", line=1, params={"character": "U+202E", "column": 14}),
    ),
    (
        a_prompt(system="uno\ndos<|im_end|>"),
        Problem(field="system", code="turn_mark", line=2, params={"found": "<|im_end|>"}),
    ),
    (
        a_prompt(system="uno\ndos {{Pregunta}}"),
        Problem(field="system", code="bad_slot_syntax", line=2, params={"found": "{{Pregunta}}"}),
    ),
    (
        a_prompt(user="uno\n\n{{ consumo }}"),
        Problem(field="user", code="unknown_slot", line=3, params={"name": "consumo", "known": SLOTS}),
    ),
    (
        a_prompt(system="Responde.", user="¿Qué?"),
        Problem(field="user", code="no_slot_used", params={"known": SLOTS}),
    ),
    (
        a_prompt(temperature=2.1),
        Problem(field="sampling.temperature", code="out_of_range", params={"low": 0.0, "high": 2.0}),
    ),
    (
        a_prompt(top_p=0.0),
        Problem(field="sampling.top_p", code="out_of_range", params={"low": 0.01, "high": 1.0}),
    ),
    (
        a_prompt(max_output_tokens=65),
        Problem(field="sampling.max_output_tokens", code="out_of_range", params={"low": 1, "high": 64}),
    ),
    (
        a_prompt(seed=-1),
        Problem(field="sampling.seed", code="out_of_range", params={"low": 0, "high": 2**31 - 1}),
    ),
    (
        a_prompt(stop=("a", "b", "c")),
        Problem(field="sampling.stop", code="too_many", params={"count": 3, "limit": 2}),
    ),
    (a_prompt(stop=("\n", "")), Problem(field="sampling.stop.1", code="empty_item")),
    (
        a_prompt(stop=("abcdef",)),
        Problem(field="sampling.stop.0", code="too_long", params={"length": 6, "limit": 5}),
    ),
    (
        a_prompt(stop=("a\u200b",)),
        Problem(
            field="sampling.stop.0",
            code="invisible_character",
            line=1,
            params={"character": "U+200B", "column": 2},
        ),
    ),
]


@pytest.mark.parametrize(
    ("content", "problem"), FAULTS, ids=[f"{problem.code}:{problem.field}" for _, problem in FAULTS]
)
def test_each_fault_is_told_alone_with_its_field_and_line(content: PromptContent, problem: Problem) -> None:
    assert check(content) == (problem,)


def test_every_code_that_the_check_describes_has_its_fault_here() -> None:
    described = set(re.findall(r"``([a-z]+(?:_[a-z]+)*)``", prompt.check.__doc__ or "")) - {"slots"}
    assert {problem.code for _, problem in FAULTS} == described


@pytest.mark.parametrize(
    "content",
    [
        a_prompt(),
        a_prompt(system="Responde con un número.\n\tSin unidades.", user="{{pregunta}}\n{{opciones}}"),
        a_prompt(system="{{pregunta}}", user="Responde."),
        a_prompt(user="{{pregunta}} عربى 日本語 ☀\ufe0f {lista} }}"),
        a_prompt(system="x" * 200, user="{{pregunta}}" + "\n" * 9),
        a_prompt(temperature=2.0, top_p=0.01, max_output_tokens=1, seed=2**31 - 1, stop=()),
        a_prompt(temperature=0.0, top_p=1.0, max_output_tokens=64, seed=0, stop=("\n\n", " ")),
    ],
)
def test_a_good_prompt_has_no_problem(content: PromptContent) -> None:
    assert check(content) == ()


# --- all at once ----------------------------------------------------------------------------------------


def test_all_faults_are_told_at_once_in_the_order_of_the_fields() -> None:
    content = a_prompt(
        system="{{No}}" + "x" * 200,
        user="\x00" + "\n" * 10 + "{{otra}}",
        temperature=-1.0,
        top_p=2.0,
        max_output_tokens=0,
        seed=2**31,
        stop=("", "abcdef", "c"),
    )
    assert [(problem.field, problem.code) for problem in check(content)] == [
        ("system", "too_long"),
        ("system", "bad_slot_syntax"),
        ("user", "too_many_lines"),
        ("user", "control_character"),
        ("user", "unknown_slot"),
        ("sampling.temperature", "out_of_range"),
        ("sampling.top_p", "out_of_range"),
        ("sampling.max_output_tokens", "out_of_range"),
        ("sampling.seed", "out_of_range"),
        ("sampling.stop", "too_many"),
        ("sampling.stop.0", "empty_item"),
        ("sampling.stop.1", "too_long"),
    ]


@pytest.mark.parametrize(
    "content",
    [
        a_prompt(user=""),
        a_prompt(user="¿{{consumo}}?"),
        a_prompt(user="¿{{Pregunta}}?"),
        a_prompt(system="{{", user="¿Qué?"),
    ],
)
def test_that_no_slot_is_used_is_not_told_beside_what_may_mend_it(content: PromptContent) -> None:
    assert "no_slot_used" not in {problem.code for problem in check(content)}


def test_a_suite_without_slots_asks_for_none() -> None:
    assert prompt.check(a_prompt(user="¿Qué?"), limits=LIMITS, slots=()) == ()


# --- hostile prompts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "x" * MEGABYTE,
        "\n" * MEGABYTE,
        "\x00" * MEGABYTE,
        "\u200b\u202e" * (MEGABYTE // 2),
        "</s>" * (MEGABYTE // 4),
        "{{" * (MEGABYTE // 2),
        "{{pregunta}}" * (MEGABYTE // 12),
        "{{" + "x" * MEGABYTE + "}}",
        "".join("{{x" + str(number) + "}}" for number in range(MEGABYTE // 10)),
    ],
    ids=lambda text: ascii(text[:12]),
)
def test_a_megabyte_is_refused_with_a_short_list(text: str) -> None:
    problems = check(a_prompt(system=text, user=text, stop=(text,)))
    assert {("system", "too_long"), ("user", "too_long"), ("sampling.stop.0", "too_long")} <= {
        (problem.field, problem.code) for problem in problems
    }
    assert len(problems) <= MOST_PROBLEMS


def test_a_hundred_hostile_stop_sequences_are_a_short_list() -> None:
    problems = check(a_prompt(stop=("\x00" * 100,) * 100))
    assert problems[0].code == "too_many"
    assert {problem.field for problem in problems[1:]} == {"sampling.stop.0", "sampling.stop.1"}


def test_ten_thousand_line_breaks_are_one_problem() -> None:
    roomy = replace(LIMITS, max_characters=20_000)
    (problem,) = prompt.check(a_prompt(user="{{pregunta}}" + "\n" * 9_999), limits=roomy, slots=SLOTS)
    assert (problem.code, problem.params["count"]) == ("too_many_lines", 10_000)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.1, 2.0001, 1e308])
def test_a_temperature_outside_its_range_is_refused(value: float) -> None:
    (problem,) = check(a_prompt(temperature=value))
    assert (problem.field, problem.code) == ("sampling.temperature", "out_of_range")


@pytest.mark.parametrize("field", ["temperature", "top_p"])
@pytest.mark.parametrize("written", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400])
def test_json_s_odd_numbers_never_reach_the_model(field: str, written: str) -> None:
    raw = json.loads('{"user": "{{pregunta}}", "sampling": {"' + field + '": ' + written + "}}")
    content, problems = prompt.decode(raw)
    assert content is None
    assert [(problem.field, problem.code) for problem in problems] == [(f"sampling.{field}", "wrong_type")]


@pytest.mark.parametrize(
    "text", ["{{" + "x" * 100 + "}}", "{{" + "\u202e" * 100 + "}}", "<|" + "\x00" * 40 + "|>", "<|\u200b|>"]
)
def test_what_is_quoted_from_a_hostile_text_is_short_and_printable(text: str) -> None:
    for quoted in _shown_texts(check(a_prompt(system=text))):
        assert quoted.isprintable()
        assert 0 < len(quoted) <= MAX_SHOWN_CHARACTERS


@settings(deadline=None)
@given(content=PROMPTS)
def test_what_is_told_is_short_printable_and_in_order(content: PromptContent) -> None:
    problems = check(content)
    assert len(problems) <= MOST_PROBLEMS
    for quoted in _shown_texts(problems):
        assert quoted.isprintable()
        assert 0 < len(quoted) <= MAX_SHOWN_CHARACTERS
    order = [("system", "user", "sampling").index(problem.field.split(".")[0]) for problem in problems]
    assert order == sorted(order)
    for problem in problems:
        lines = {"system": content.system, "user": content.user}.get(problem.field, "").count("\n") + 1
        assert problem.line is None or 1 <= problem.line <= lines or problem.field.startswith("sampling.stop")


@settings(deadline=None)
@given(content=PROMPTS.map(lambda content: replace(content, sampling=a_prompt().sampling)))
def test_a_prompt_without_problems_renders(content: PromptContent) -> None:
    if check(content) == ():
        messages = prompt.render(content, inputs={"pregunta": "{{x}}", "opciones": "{{"})
        assert messages[-1].role == "user"


def _shown_texts(problems: tuple[Problem, ...]) -> list[str]:
    return [value for problem in problems for value in problem.params.values() if isinstance(value, str)]


# --- rendering ------------------------------------------------------------------------------------------


def test_a_prompt_is_rendered_as_a_system_and_a_user_turn() -> None:
    content = a_prompt(system="Elige entre {{opciones}}.", user="¿{{pregunta}}?")
    assert prompt.render(content, inputs={"opciones": "a, b", "pregunta": "Cuál"}) == (
        Message(role="system", content="Elige entre a, b."),
        Message(role="user", content="¿Cuál?"),
    )


@pytest.mark.parametrize("system", ["", " \n", "{{opciones}}"])
def test_a_system_text_that_renders_blank_makes_no_turn(system: str) -> None:
    messages = prompt.render(a_prompt(system=system), inputs={"pregunta": "x", "opciones": " "})
    assert [message.role for message in messages] == ["user"]


def test_a_case_cannot_bring_slots_or_turns_of_its_own() -> None:
    inputs = {"pregunta": "{{opciones}} {{x}}", "opciones": "secreto"}
    (message,) = prompt.render(a_prompt(), inputs=inputs)
    assert message.content == "{{opciones}} {{x}}"


def test_a_prompt_that_was_never_checked_is_refused_and_not_rendered_by_halves() -> None:
    with pytest.raises(TemplateSyntaxError):
        prompt.render(a_prompt(user="{{No}}"), inputs={})
    with pytest.raises(KeyError):
        prompt.render(a_prompt(), inputs={"opciones": "a"})
