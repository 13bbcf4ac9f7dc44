"""Every pack of the repository: right answers, no leaks between its two files, examples that can be sent.

A pack that is added is claimed about here without a line of this file. What is true of one pack alone stands
in a file of its own (test_pack_energia.py).
"""

from __future__ import annotations

import itertools
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from challenges.packs import Pack, PackCase, PackSuite, load
from scoring.graders import check_spec, grade
from scoring.solutions import prompt
from scoring.solutions.characters import find_unseen
from scoring.values import ContentLimits, PromptContent

PACKS = Path(__file__).resolve().parents[2] / "packs"
SLUGS = sorted(folder.name for folder in PACKS.iterdir() if (folder / "challenge.toml").exists())
EXAMPLES = {"pregunta-directa", "detallada", "con-ejemplos"}
LEAST_CASES = 60
LICENCE = "CC0-1.0"
# What a reader must find below «Ficha».
DATASHEET = ("cómo se escribió", "idioma", "grupos", "corrector", "ambigüedades", "qué no mide")
MONTHS: tuple[str, ...] = (
    "enero",
    "febrero",
    "marzo",
    "abril",
    "mayo",
    "junio",
    "julio",
    "agosto",
    "septiembre",
)
MONTHS += ("octubre", "noviembre", "diciembre")
UNITS = {
    "Y": ("año", "años"),
    "M": ("mes", "meses"),
    "D": ("día", "días"),
    "H": ("hora", "horas"),
    "MIN": ("minuto", "minutos"),
    "S": ("segundo", "segundos"),
}

each_pack = pytest.mark.parametrize("slug", SLUGS)


@cache
def pack(slug: str) -> Pack:
    return load(PACKS / slug)


def suites(slug: str) -> tuple[PackSuite, PackSuite]:
    return pack(slug).public, pack(slug).private


def every_case(slug: str) -> list[PackCase]:
    return [case for suite in suites(slug) for case in suite.cases]


def examples(slug: str) -> dict[str, PromptContent]:
    read = {}
    for file in sorted((PACKS / slug / "ejemplos").glob("*.json")):
        content, problems = prompt.decode(json.loads(file.read_text()))
        assert content is not None, (file.name, problems)
        read[file.stem] = content
    return read


def normalised(text: str) -> str:
    """Letters and digits alone, without case and accents: two questions that differ in more are two."""
    plain = unicodedata.normalize("NFD", text.casefold())
    return "".join(character for character in plain if character.isalnum())


def question(case: PackCase) -> str:
    return normalised(" ".join(case.inputs[slot] for slot in sorted(case.inputs)))


def test_there_are_packs() -> None:
    assert SLUGS
    assert sorted(folder.name for folder in PACKS.iterdir() if folder.is_dir()) == SLUGS


# --- the two suites -------------------------------------------------------------------------------------


@each_pack
def test_a_pack_loads_under_the_name_of_its_folder_and_gives_its_cases_away(slug: str) -> None:
    assert pack(slug).slug == slug
    assert pack(slug).licence == LICENCE


@each_pack
def test_a_pack_has_enough_cases_in_both_files(slug: str) -> None:
    for suite in suites(slug):
        assert len(suite.cases) >= LEAST_CASES, suite.visibility


@each_pack
def test_both_files_have_the_same_groups_in_the_same_number(slug: str) -> None:
    public, private = (Counter(case.group for case in suite.cases) for suite in suites(slug))
    assert "" not in public
    assert public == private


@each_pack
def test_no_key_and_no_question_stands_twice(slug: str) -> None:
    cases = every_case(slug)
    assert [key for key, times in Counter(case.key for case in cases).items() if times > 1] == []
    asked = Counter(question(case) for case in cases)
    assert [case.key for case in cases if asked[question(case)] > 1] == []


@each_pack
def test_no_text_that_a_model_reads_holds_a_character_that_nobody_sees(slug: str) -> None:
    for case in every_case(slug):
        for slot, text in case.inputs.items():
            assert find_unseen(text, field=slot) == (), case.key
            assert text.strip() == text != "", (case.key, slot)


# --- the answers ----------------------------------------------------------------------------------------


@each_pack
def test_the_expected_answer_is_right_by_its_own_grader(slug: str) -> None:
    for case in every_case(slug):
        check_spec(spec=case.grader, expected=case.expected)
        answers = right_answers(case.grader, case.expected)
        values = {
            answer: grade(spec=case.grader, answer=answer, expected=case.expected).value for answer in answers
        }
        assert values, f"{case.key}: no natural answer is known for «{case.grader['name']}»"
        if case.grader["name"] in PARTS:
            assert max(values.values()) == 1, (case.key, values)
        else:
            assert set(values.values()) == {1}, (case.key, values)


@each_pack
def test_no_other_option_is_right(slug: str) -> None:
    for case in every_case(slug):
        for letter, text in case.grader.get("options", {}).items():
            if letter != case.expected:
                for answer in (letter, text, f"{letter}) {text}"):
                    graded = grade(spec=case.grader, answer=answer, expected=case.expected)
                    assert graded.value == 0, (case.key, answer)


@each_pack
def test_every_option_is_shown_to_the_model_with_its_letter(slug: str) -> None:
    for case in every_case(slug):
        shown = "\n".join(case.inputs.values())
        for letter, text in case.grader.get("options", {}).items():
            # To its end: «escalera» is not what «b) escaleras» shows.
            told = re.search(rf"{re.escape(f'{letter}) {text}')}(?=[;.\n]|$)", shown)
            assert told is not None, (case.key, letter)


@each_pack
def test_always_giving_the_same_option_is_right_in_less_than_half_of_its_group(slug: str) -> None:
    for suite in suites(slug):
        choices = [case for case in suite.cases if case.grader["name"] == "choice"]
        for group, of_group in itertools.groupby(sorted(choices, key=by_group), key=by_group):
            cases = list(of_group)
            letters = min(len(case.grader["options"]) for case in cases)
            commonest = max(Counter(case.expected for case in cases).values())
            assert commonest <= max(-(-len(cases) // letters), len(cases) // 2), (suite.visibility, group)


@each_pack
def test_neither_silence_nor_the_question_itself_is_a_right_answer(slug: str) -> None:
    for case in every_case(slug):
        for answer in ("", *case.inputs.values(), "\n".join(case.inputs.values())):
            graded = grade(spec=case.grader, answer=answer, expected=case.expected)
            assert graded.value < 1, (case.key, answer)


def by_group(case: PackCase) -> str:
    return case.group


# --- how a person would write the expected answer, by its grader -----------------------------------------

PARTS = frozenset({"all", "any", "first", "weighted"})
Spec = Mapping[str, Any]


def right_answers(spec: Spec, expected: Any) -> list[str]:
    """Natural ways of writing the right answer; for a grader of several parts, one of them must be right."""
    write = NATURAL.get(spec["name"])
    return list(write(spec, expected)) if write else []


def of_choice(spec: Spec, expected: Any) -> Iterator[str]:
    text = spec["options"][expected]
    yield from (expected, f"{expected})", f"{expected}) {text}", text, f"Respuesta: {expected}")


def of_exact(spec: Spec, expected: Any) -> Iterator[str]:
    yield from (expected, f" {expected}.\n", f"Respuesta: {expected}", *spec.get("accept", []))


def of_number(spec: Spec, expected: Any) -> Iterator[str]:
    if isinstance(expected, Mapping):  # a range: both of its ends are in it
        yield from (spanish(end) for end in expected.values())
        return
    yield from (
        spanish(expected),
        f"{spanish(expected)} {spec.get('unit', '')}".strip(),
        f"Respuesta: {spanish(expected)}",
    )


def of_texts(spec: Spec, expected: Any) -> Iterator[str]:
    yield from [expected] if isinstance(expected, str) else expected


def of_date(spec: Spec, expected: Any) -> Iterator[str]:
    year, month, day = map(int, expected.split("-"))
    yield from (
        f"{day} de {MONTHS[month - 1]} de {year}",
        f"El {day} de {MONTHS[month - 1]} de {year}.",
        expected,
    )
    yield (
        f"{day:02}/{month:02}/{year}" if spec.get("order", "dmy") == "dmy" else f"{month:02}/{day:02}/{year}"
    )


def of_duration(spec: Spec, expected: Any) -> Iterator[str]:
    """«P1Y6M» is «1 año y 6 meses»; «PT1H30M», «1 hora y 30 minutos»."""
    days, _, time = expected.removeprefix("P").partition("T")
    written = [*counted(days, UNITS), *counted(time.replace("M", "MIN"), UNITS)]
    said = " y ".join(written)
    yield f"{said} hábiles" if spec.get("working_days") else said


def counted(text: str, names: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    number = letters = ""
    for character in [*text, "0"]:
        if character.isdigit() and letters:
            one, many = names[letters]
            yield f"{number} {one if number == '1' else many}"
            number = letters = ""
        number, letters = (
            (number + character, letters) if character.isdigit() else (number, letters + character)
        )


def of_items(spec: Spec, expected: Any) -> Iterator[str]:
    items = [item if isinstance(item, str) else item[0] for item in expected]
    if separator := spec.get("separator"):
        yield separator.join(items)
        return
    yield from ("; ".join(items), "\n".join(f"- {item}" for item in items))
    yield "\n".join(f"{number}. {item}" for number, item in enumerate(items, start=1))
    if not any(mark in item for item in items for mark in (",", " y ", " e ")):
        yield ", ".join(items)


def of_object(spec: Spec, expected: Any) -> Iterator[str]:
    written = json.dumps(plain(expected, spec.get("graders", {})), ensure_ascii=False)
    yield from (written, f"```json\n{written}\n```", f"Respuesta: {written}")


def of_table(spec: Spec, expected: Any) -> Iterator[str]:
    rows = [plain(row, spec.get("graders", {})) for row in expected]
    columns = list(rows[0])
    lines = [columns, ["---"] * len(columns), *([str(row[column]) for column in columns] for row in rows)]
    yield "\n".join(f"| {' | '.join(line)} |" for line in lines)
    yield json.dumps(rows, ensure_ascii=False)


def plain(row: Mapping[str, Any], graders: Mapping[str, Spec]) -> dict[str, Any]:
    """The fields of an object as one would write them: those with a grader of their own, its natural way."""
    return {
        name: right_answers(graders[name], value)[0]
        if name in graders and graders[name]["name"] not in ("number", "exact")
        else value
        for name, value in row.items()
    }


def of_refusal(spec: Spec, expected: Any) -> Iterator[str]:
    yield "No se puede saber: el texto no lo dice." if expected == "abstains" else "Es el martes."


def of_parts(spec: Spec, expected: Any) -> Iterator[str]:
    """Each part's answers, also in the forms that another part may ask for."""
    for part in spec["of"]:
        for answer in right_answers(part["spec"], part.get("expected")):
            yield from (answer, answer.upper(), answer.lower(), f"- {answer}")
    yield from (
        " ".join(answers)
        for answers in itertools.product(
            *(right_answers(part["spec"], part.get("expected"))[:1] for part in spec["of"])
        )
    )


def spanish(number: Any) -> str:
    return str(number).replace(".", ",")


NATURAL = {
    "choice": of_choice,
    "exact": of_exact,
    "number": of_number,
    **dict.fromkeys(("token_f1", "rouge_l", "chrf", "bleu"), of_texts),
    "date": of_date,
    "duration": of_duration,
    **dict.fromkeys(("set_f1", "list_f1"), of_items),
    "json_fields": of_object,
    "table": of_table,
    "refusal": of_refusal,
    **dict.fromkeys(PARTS, of_parts),
}


# --- the examples and the page about the pack -------------------------------------------------------------


@each_pack
def test_the_three_examples_can_be_handed_in(slug: str) -> None:
    contents = examples(slug)
    assert set(contents) == EXAMPLES
    for phase in pack(slug).phases:
        limits = ContentLimits(
            max_characters=phase.max_characters,
            max_lines=phase.max_lines,
            max_output_tokens=phase.max_output_tokens,
        )
        for name, content in contents.items():
            assert prompt.check(content, limits=limits, slots=tuple(pack(slug).private.slots)) == (), name


@each_pack
def test_no_example_holds_a_whole_case(slug: str) -> None:
    """Else it would be right in that case by heart. A question or options may recur with another text."""
    for name, content in examples(slug).items():
        text = normalised(content.system + content.user)
        for case in every_case(slug):
            assert not all(normalised(part) in text for part in case.inputs.values()), (name, case.key)


@each_pack
def test_a_pack_tells_how_it_was_made_and_what_it_does_not_measure(slug: str) -> None:
    readme = (PACKS / slug / "README.md").read_text().casefold()
    assert "cc0" in readme
    assert "private.jsonl" in readme
    _, heading, datasheet = readme.partition("\n## ficha")
    assert heading
    missing = [word for word in DATASHEET if word not in datasheet]
    assert missing == []


@each_pack
def test_the_statement_names_every_group(slug: str) -> None:
    statement = (PACKS / slug / "statement.md").read_text()
    for group in {case.group for case in every_case(slug)}:
        assert group in statement, group


@pytest.mark.parametrize("slug", ["atencion-ciudadana", "energia-casa-oficina", "justicia"])
def test_the_statement_and_the_datasheet_count_the_groups_as_they_are(slug: str) -> None:
    for file in ("statement.md", "README.md"):
        page = (PACKS / slug / file).read_text()
        for group, count in Counter(case.group for case in pack(slug).private.cases).items():
            assert f"| {group} | {count} |" in page, (file, group)
