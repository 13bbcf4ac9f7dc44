"""Claims on the template language: ``{{ name }}`` is a slot, all else is text or told, nothing is read twice.

``TEMPLATE_STORM_EXAMPLES`` makes the storm at the end larger (100000 take about 3 s).
"""

from __future__ import annotations

import os
import random
import string

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scoring.errors import TemplateSyntaxError
from scoring.solutions.characters import MAX_SHOWN_CHARACTERS
from scoring.solutions.template import MAX_PROBLEMS, Slot, Template, parse
from scoring.values import Problem

EXAMPLES = int(os.environ.get("TEMPLATE_STORM_EXAMPLES", "10000"))
MEGABYTE = 1_000_000
# Pieces near what the language looks for, so that random texts reach its rules.
PIECES = ["{", "{{", "{{ ", "}}", " }}", "}", " ", "\t", "\n", "\r", "a", "pregunta", "_", "1", "A", "ñ"]
PIECES += ["{{pregunta}}", "{{ a_1 }}", "\u200b", "\u2028", "\x00", "\ud800", "{%", "٣", "ａ"]
TEXTS = st.one_of(st.text(max_size=200), st.lists(st.sampled_from(PIECES), max_size=40).map("".join))


def problems_of(text: str) -> tuple[Problem, ...]:
    with pytest.raises(TemplateSyntaxError) as refused:
        parse(text, field="user")
    return refused.value.problems


# --- slots and text -------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["{{pregunta}}", "{{ pregunta }}", "{{\tpregunta  }}", "{{pregunta }}"])
def test_a_slot_is_a_lower_case_name_in_two_braces(text: str) -> None:
    template = parse(f"¿{text}?")
    assert template.slots == ("pregunta",)
    assert template.render({"pregunta": "Qué"}) == "¿Qué?"


@pytest.mark.parametrize("name", ["a", "a1", "consumo_anual", "x" * 5000])
def test_a_name_may_hold_digits_and_underscores_and_be_long(name: str) -> None:
    assert parse("{{" + name + "}}").slots == (name,)


@pytest.mark.parametrize(
    "text",
    [
        "{{}}",
        "{{ }}",
        "{{A}}",
        "{{1a}}",
        "{{_a}}",
        "{{a.b}}",
        "{{a b}}",
        "{{a|b}}",
        "{{a-b}}",
        "{{a()}}",
        "{{a}",
        "{{a",
        "{{",
        "{{{a}}}",
        "{{\na}}",
        "{{a\n}}",
        "{{ñ}}",
        "{{ａ}}",
        "{{a٣}}",
        "{{a\u00a0}}",
        "{{a\u200b}}",
        "{{\x00a}}",
    ],
)
def test_any_other_opening_is_told_with_its_line(text: str) -> None:
    (problem,) = problems_of(f"uno\n{{{{a}}}} dos\ntres {text}")
    assert (problem.field, problem.code, problem.line) == ("user", "bad_slot_syntax", 3)
    assert str(problem.params["found"]).startswith("{{")


@pytest.mark.parametrize("text", ["{", "}", "}}", "{a}", "{ {a}}", "{% if a %}", "${a}", "<a>", "a}}b", ""])
def test_lone_braces_are_text(text: str) -> None:
    assert parse(text).slots == ()
    assert parse(text).render({}) == text


@settings(deadline=None)
@given(text=TEXTS.filter(lambda text: "{{" not in text))
@example(text="línea\r\n\u2028otra\x00\ud800")
def test_text_without_an_opening_comes_out_as_it_went_in(text: str) -> None:
    assert parse(text).render({"a": "x"}) == text


@settings(deadline=None)
@given(value=TEXTS)
@example(value="{{x}}")
@example(value="{{")
def test_a_value_is_never_looked_at_again(value: str) -> None:
    template = parse("antes {{x}} y {{ x }} después {{y}}")
    assert template.render({"x": value, "y": "{{x}}"}) == f"antes {value} y {value} después {{{{x}}}}"


def test_a_value_cannot_make_a_slot_together_with_the_text_around_it() -> None:
    assert parse("{ {{x}} }}").render({"x": "{secreto", "secreto": "no"}) == "{ {secreto }}"


def test_slots_are_told_once_in_the_order_of_their_first_use_and_with_their_line() -> None:
    template = parse("{{b}}\n{{a}}\n\n{{b}} {{c}}")
    assert template.slots == ("b", "a", "c")
    assert [template.first_line_of(name) for name in template.slots] == [1, 2, 4]


def test_a_slot_without_an_input_is_an_error_and_never_blank() -> None:
    with pytest.raises(KeyError):
        parse("{{a}} {{b}}").render({"a": "x"})


def test_templates_of_one_text_are_equal() -> None:
    assert parse("a {{b}} c") == parse("a {{b}} c") == Template(("a ", Slot("b", 1), " c"))


# --- what is reported -----------------------------------------------------------------------------------


@settings(deadline=None)
@given(bad_in_line=st.lists(st.integers(0, 4), max_size=15))
def test_every_bad_opening_is_reported_with_its_line_up_to_the_limit(bad_in_line: list[int]) -> None:
    text = "\n".join("{{a}} " + "{{No}} " * count + "{{a}}" for count in bad_in_line)
    lines = [number for number, count in enumerate(bad_in_line, start=1) for _ in range(count)]
    if lines:
        assert [problem.line for problem in problems_of(text)] == lines[:MAX_PROBLEMS]
    else:
        parse(text)


@settings(deadline=None)
@given(text=TEXTS)
def test_what_is_shown_of_a_bad_opening_is_short_and_printable(text: str) -> None:
    for problem in problems_of("{{" + text.replace("{", "") + "{{Ñ}}"):
        found = str(problem.params["found"])
        assert found.isprintable()
        assert 2 <= len(found) <= MAX_SHOWN_CHARACTERS


def test_what_is_shown_ends_with_the_opening_s_own_braces() -> None:
    assert problems_of("{{Uno}} y {{dos}}")[0].params["found"] == "{{Uno}}"
    assert problems_of("{{Uno\n}}")[0].params["found"] == "{{Uno"


# --- a megabyte -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("piece", ["{", "{{", "{{ ", "{{a ", "{{a}", "{{a\n", "{{\t", "{{{a}}}"])
def test_a_megabyte_of_bad_openings_is_reported_as_a_few(piece: str) -> None:
    problems = problems_of((piece * MEGABYTE)[:MEGABYTE])
    assert len(problems) == MAX_PROBLEMS
    assert all(len(str(problem.params["found"])) <= MAX_SHOWN_CHARACTERS for problem in problems)


@pytest.mark.parametrize("filler", [" ", "\t", "a", "a1_"])
def test_an_opening_that_goes_on_for_a_megabyte_is_one_problem(filler: str) -> None:
    assert len(problems_of("{{a " + filler * MEGABYTE)) == 1


@pytest.mark.parametrize("text", ["}" * MEGABYTE, "{ " * (MEGABYTE // 2), "\n" * MEGABYTE])
def test_a_megabyte_of_text_stays_one_literal(text: str) -> None:
    assert parse(text).parts == (text,)


def test_a_megabyte_of_slots_is_rendered() -> None:
    template = parse("{{a}}" * (MEGABYTE // 5))
    assert template.slots == ("a",)
    assert template.render({"a": "x"}) == "x" * (MEGABYTE // 5)


# --- the storm ------------------------------------------------------------------------------------------


@pytest.mark.storm
def test_no_random_template_is_read_otherwise_than_one_character_at_a_time() -> None:
    chance = random.Random(20260)
    outcomes = {True: 0, False: 0}
    for _ in range(EXAMPLES):
        text = "".join(chance.choices(PIECES, k=chance.randrange(30)))
        parts, bad_lines = _read_slowly(text)
        outcomes[not bad_lines] += 1
        if bad_lines:
            assert [problem.line for problem in problems_of(text)] == bad_lines[:MAX_PROBLEMS], repr(text)
        else:
            assert _joined(parse(text)) == parts, repr(text)
    assert min(outcomes.values()) > EXAMPLES // 10, "the storm blows one way only"


def _joined(template: Template) -> list[str | Slot]:
    return [part for part in template.parts if part != ""]


def _read_slowly(text: str) -> tuple[list[str | Slot], list[int]]:
    """The language in the plainest way, as described: its parts, and the lines of what is bad."""
    parts: list[str | Slot] = []
    bad_lines: list[int] = []
    position = literal_from = 0
    while position < len(text):
        if text[position : position + 2] != "{{":
            position += 1
            continue
        line = text[:position].count("\n") + 1
        closing = text.find("}}", position + 2)
        name = text[position + 2 : closing].strip(" \t") if closing >= 0 else ""
        if not _is_name(name):
            bad_lines.append(line)
            position += 2
            continue
        parts += [text[literal_from:position], Slot(name, line)]
        position = literal_from = closing + 2
    parts.append(text[literal_from:])
    return [part for part in parts if part != ""], bad_lines


def _is_name(name: str) -> bool:
    inner = set(string.ascii_lowercase + string.digits + "_")
    return bool(name) and name[0] in string.ascii_lowercase and set(name) <= inner
