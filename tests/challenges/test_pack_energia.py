"""The pack that the demo seeds: right answers, private cases of their own, examples that can be sent.

The files are read as they lie, without the loader: what the loader holds is claimed in test_packs.py.
"""

from __future__ import annotations

import json
import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

import pytest

from scoring import policies
from scoring.graders import check_spec, grade
from scoring.solutions import prompt
from scoring.values import ContentLimits, PromptContent, Use

PACK = Path(__file__).resolve().parents[2] / "packs" / "energia-casa-oficina"
FILES = ("public", "private")
EXAMPLES = ("pregunta-directa", "con-ejemplos", "detallada")
GROUPS = {"elegir": 9, "tema": 8, "sí o no": 8, "dato": 10, "cálculo": 8, "frase": 5}
GROUPS |= {"fecha": 4, "tiempo": 4, "lista": 4}
# Each sum as its question tells it, in the unit that it asks for.
SUMS = {
    "luz-05": Fraction(10 * 5),
    "oficina-03": Fraction(10 * 24 * 30, 1000),
    "factura-03": Fraction("0.20") * 100,
    "factura-04": Fraction(80 - 60, 80) * 100,
    "co2-01": Fraction(200 * 4),
    "solar-04": Fraction(12 - 7),
    "agua-06": Fraction(8 * 5),
    "co2-02": Fraction(9 - 2),
    "oficina-52": Fraction(30 * 8),
    "luz-55": Fraction(10 * (60 - 10)),
    "factura-53": Fraction("0.10") * 50,
    "oficina-53": Fraction(200 - 180, 200) * 100,
    "co2-51": Fraction(3 * 4),
    "solar-53": Fraction(9 - 4),
    "lavado-52": Fraction("0.5") * 12,
    "agua-54": Fraction(60 - 35),
}
# Each date as its question tells it, counted where it has to be.
DATES = {
    "factura-05": date(2025, 3, 5),
    "solar-05": date(2026, 4, 30) + timedelta(days=2),
    "calor-06": date(2026, 11, 2),
    "viaje-06": date(2025, 10, 8),
    "factura-55": date(2026, 1, 12),
    "aislamiento-54": date(2025, 5, 29) + timedelta(days=4),
    "calor-55": date(2027, 7, 6),
    "viaje-58": date(2026, 2, 5),
}
# Months where a cost is divided by what is saved in a month or a year, else hours.
MONTHS = {
    "solar-06": Fraction(3000, 500) * 12,
    "espera-04": Fraction(24, 2),
    "aislamiento-55": Fraction(800, 200) * 12,
    "luz-57": Fraction(8, 1),
}
HOURS = {
    "lavado-02": Fraction(3),
    "luz-07": Fraction(17 * 60 + 30 - 8 * 60, 60),
    "lavado-53": Fraction(5),
    "calor-56": Fraction(21 * 60 + 30 - 18 * 60, 60),
}
# Of the 2048 that the demo's model has for a case, what an answer and the chat format's marks leave.
MAX_PROMPT_TOKENS = 1800
CHARACTERS_PER_TOKEN = 2.5  # fewer than Spanish has, so that the estimate is not too low

Case = Mapping[str, Any]


def cases(file: str) -> list[Case]:
    return [json.loads(line) for line in (PACK / f"{file}.jsonl").read_text().splitlines() if line.strip()]


def manifest() -> Mapping[str, Any]:
    return tomllib.loads((PACK / "challenge.toml").read_text())


def example(name: str) -> PromptContent:
    content, problems = prompt.decode(json.loads((PACK / "ejemplos" / f"{name}.json").read_text()))
    assert content is not None, problems
    return content


def normalised(text: str) -> str:
    """Letters and digits alone, without case and accents: two questions that differ in more are two."""
    plain = unicodedata.normalize("NFD", text.casefold())
    return "".join(character for character in plain if character.isalnum())


def numbers(text: str) -> list[str]:
    return sorted(re.findall(r"\d+(?:,\d+)?", text))


EVERY_CASE = [case for file in FILES for case in cases(file)]
each_case = pytest.mark.parametrize("case", EVERY_CASE, ids=lambda case: case["key"])
each_choice = pytest.mark.parametrize(
    "case", [case for case in EVERY_CASE if case["grader"]["name"] == "choice"], ids=lambda case: case["key"]
)


# --- the two suites -------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", FILES)
def test_both_suites_have_the_same_groups_in_the_same_number(file: str) -> None:
    assert Counter(case["group"] for case in cases(file)) == GROUPS


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize(("group", "answers"), [("elegir", 3), ("tema", 4), ("sí o no", 2)])
def test_always_giving_the_same_answer_is_worth_no_more_than_chance(
    file: str, group: str, answers: int
) -> None:
    expected = Counter(case["expected"] for case in cases(file) if case["group"] == group)
    assert len(expected) == answers
    assert max(expected.values()) == ceil(GROUPS[group] / answers)


def test_keys_are_used_once() -> None:
    keys = [case["key"] for case in EVERY_CASE]
    assert len(keys) == len(set(keys))


def test_no_question_is_asked_twice() -> None:
    questions = [normalised(case["inputs"]["pregunta"]) for case in EVERY_CASE]
    assert len(questions) == len(set(questions))


def test_no_private_sum_has_the_numbers_of_a_public_one() -> None:
    sums = {
        file: [numbers(case["inputs"]["pregunta"]) for case in cases(file) if case["group"] == "cálculo"]
        for file in FILES
    }
    assert all(figures not in sums["public"] for figures in sums["private"])


# --- the answers ----------------------------------------------------------------------------------------


@each_case
def test_the_expected_answer_is_right_by_its_own_grader(case: Case) -> None:
    check_spec(spec=case["grader"], expected=case["expected"])
    for answer in right_answers(case):
        assert grade(spec=case["grader"], answer=answer, expected=case["expected"]).value == 1, answer


def right_answers(case: Case) -> Iterator[str]:
    """Every way of answering that the statement promises to accept."""
    spec, expected = case["grader"], case["expected"]
    if spec["name"] == "choice":
        text = spec["options"][expected]
        yield from (expected, f"{expected})", f"{expected}) {text}", text, text.upper())
    elif spec["name"] == "number":
        spanish = str(expected).replace(".", ",")
        yield from (spanish, f"Respuesta: {spanish}", f"{spanish} {spec.get('unit', '')}")
    elif spec["name"] == "exact":
        yield from (expected, f" {expected.capitalize()}.\n", *spec.get("accept", []))
    elif spec["name"] == "date":
        day = date.fromisoformat(expected)
        yield from (expected, f"{day:%d/%m/%Y}", f"El {day.day}/{day.month}.")
    elif spec["name"] == "duration":
        yield from written_lengths(case["key"])
    elif spec["name"] == "set_f1":
        names = [item if isinstance(item, str) else item[0] for item in expected]
        yield from (", ".join(names), " y ".join(reversed(names)), "\n".join(f"- {name}" for name in names))
    else:
        yield from ([expected] if isinstance(expected, str) else expected)


def written_lengths(key: str) -> Iterator[str]:
    """In two units, as people say them: «72 meses» and «6 años», «570 minutos» and «9 horas y 30 minutos»."""
    if key in MONTHS:
        yield f"{MONTHS[key]} meses"
        if not MONTHS[key] % 12:
            yield f"{MONTHS[key] / 12} años"
        return
    minutes = HOURS[key] * 60
    yield from (f"{minutes} minutos", f"{minutes // 60} horas y {minutes % 60} minutos")


def test_every_sum_is_right() -> None:
    stored = {
        case["key"]: Fraction(str(case["expected"])) for case in EVERY_CASE if case["group"] == "cálculo"
    }
    assert stored == SUMS


def test_every_date_is_right() -> None:
    stored = {
        case["key"]: date.fromisoformat(case["expected"]) for case in EVERY_CASE if case["group"] == "fecha"
    }
    assert stored == DATES


def test_every_length_of_time_is_told_by_its_figures() -> None:
    """That they are graded as right is claimed of every case above."""
    assert {case["key"] for case in EVERY_CASE if case["group"] == "tiempo"} == {*MONTHS, *HOURS}


def test_what_a_list_asks_for_stands_in_its_question() -> None:
    for case in EVERY_CASE:
        if case["group"] == "lista":
            names = [item if isinstance(item, str) else item[0] for item in case["expected"]]
            assert [name for name in names if name not in case["inputs"]["pregunta"]] == [], case["key"]


def test_a_datum_stands_in_its_question() -> None:
    for case in EVERY_CASE:
        if case["group"] == "dato":
            written = str(case["expected"]).replace(".", ",").casefold()
            question = case["inputs"]["pregunta"].casefold()
            assert re.search(rf"(?<!\w){written}(?!\w)", question), case["key"]


@each_choice
def test_no_other_option_is_right(case: Case) -> None:
    for letter, text in case["grader"]["options"].items():
        if letter != case["expected"]:
            for answer in (letter, text, f"{letter}) {text}"):
                assert grade(spec=case["grader"], answer=answer, expected=case["expected"]).value == 0, answer


@each_choice
def test_the_options_shown_are_those_that_are_graded(case: Case) -> None:
    shown = "; ".join(f"{letter}) {text}" for letter, text in case["grader"]["options"].items())
    assert case["inputs"]["opciones"] == shown


@each_case
def test_a_case_without_an_answer_or_with_its_question_for_an_answer_is_not_right(case: Case) -> None:
    for answer in ("", case["inputs"]["pregunta"], case["inputs"]["opciones"]):
        assert grade(spec=case["grader"], answer=answer, expected=case["expected"]).value < 1, answer


# --- slots, statement and phase -------------------------------------------------------------------------


@each_case
def test_a_case_gives_a_text_for_every_slot(case: Case) -> None:
    assert set(case["inputs"]) == set(manifest()["slots"])
    assert all(text.strip() == text != "" for text in case["inputs"].values())


def test_the_worked_example_of_the_statement_is_what_the_policy_gives() -> None:
    phase = manifest()["phases"][0]
    statement = (PACK / "statement.md").read_text()
    for quality, energy_mj in (("0.60", 400_000), ("0.60", 200_000), ("0.70", 400_000)):
        result = policies.apply(
            policy=phase["policy"],
            parameters=phase["policy_parameters"],
            quality=Decimal(quality),
            use=Use(energy_mj=energy_mj, prompt_tokens=1, completion_tokens=1),
        )
        assert f"{result.score:.2f}".replace(".", ",") in statement
        assert f"{result.green:.3f}".replace(".", ",") in statement


def test_the_statement_counts_the_cases_as_they_are() -> None:
    statement = (PACK / "statement.md").read_text()
    assert f"Son {sum(GROUPS.values())}, de nueve grupos" in statement
    for group, count in GROUPS.items():
        assert f"| {group} | {count} |" in statement


# --- the examples ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_can_be_handed_in(name: str) -> None:
    phase = manifest()["phases"][0]
    limits = ContentLimits(
        max_characters=phase["max_characters"], max_output_tokens=phase["max_output_tokens"]
    )
    assert prompt.check(example(name), limits=limits, slots=tuple(manifest()["slots"])) == ()


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_fits_the_context_of_the_small_model_in_every_case(name: str) -> None:
    content = example(name)
    for case in EVERY_CASE:
        messages = prompt.render(content, inputs=case["inputs"])
        characters = sum(len(message.content) for message in messages)
        assert ceil(characters / CHARACTERS_PER_TOKEN) < MAX_PROMPT_TOKENS, case["key"]


def test_the_examples_use_every_slot() -> None:
    templates = " ".join(f"{example(name).system} {example(name).user}" for name in EXAMPLES)
    assert all(f"{{{{{slot}}}}}" in templates for slot in manifest()["slots"])


def test_no_example_holds_a_question_of_a_suite() -> None:
    for name in EXAMPLES:
        text = normalised(example(name).system + example(name).user)
        assert not [case["key"] for case in EVERY_CASE if normalised(case["inputs"]["pregunta"]) in text]
