"""What no answer may do to any grader: raise, leave [0, 1], change its mind, or draw out what is expected.

Every grader of the registry is asked, with its rows of ``grader_samples.py``. Answers are made up by a seeded
generator from pieces that lie near what graders look for; 2,000 a grader in every run, more in the storm:
``GRADER_FUZZ_ANSWERS`` (answers a grader) makes it larger, the full size is 100000.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from scoring.errors import SpecError
from scoring.graders import GRADERS, MAX_ANSWER_CHARACTERS, check_spec, grade
from scoring.values import Grade
from tests.scoring.grader_samples import BEHIND_AN_EXTRA, SAMPLES, SECRET, Sample

ANSWERS = 2_000
STORM_ANSWERS = int(os.environ.get("GRADER_FUZZ_ANSWERS", "5000"))
SEED = 20260315
HEAVY = ("numpy", "sacrebleu", "jsonschema_rs", "tokenizers", "re2")
ROOT = Path(__file__).parents[2]

# Text near what graders look for, and text that breaks readers: other digits and scripts, accents of their
# own, lone surrogates, invisible characters, patterns, JSON.
PIECES = [
    *["respuesta: ", "pregunta: ", "\n", "\n\n", " ", " y ", " o ", ", ", "; ", ". ", " no es ", " la "],
    *["a", "b)", "(c)", "- ", "1. ", "2) ", "* ", "| ", "|---|", "```json\n", "```", "**", "«", "»", "'"],
    *[
        "12",
        "1.234,5",
        "1e9",
        "10²",
        "½",
        "-",
        "+",
        "NaN",
        "inf",
        "-Infinity",
        "1/2",
        "٣",
        "１２",
        "0",
        "9" * 31,
    ],
    *["kWh", "€", "%", " h ", " min ", " días ", " hábiles", "hora y media", "tres ", "mil ", "un millón "],
    *["15 de marzo", " de 2026", "15/03/2026", "2026-03-15", "31 de febrero de ", "martxoaren 15", "P10D"],
    *[
        "no lo sé",
        "el texto no lo dice",
        "pero ",
        "ez dakit",
        "sí",
        "Cigüeña",
        "e\u0301",
        "n\u0303",
        "\u0301",
    ],
    *["\u200b", "\u202e", "\ud800", "\udfff", "\x00", "\ufeff", "а", "Ⅻ", "ﬁ", "ß", "İ", "ñ", "ç", "🙂", "٫"],
    *[
        '{"a": ',
        "[[",
        "]]",
        "}",
        ":",
        '"',
        "null",
        "1e999",
        "(a+)+$",
        ".*",
        "\\1",
        "(?=",
        "{1000}",
        "\\",
        "^",
    ],
    *["apagar", "la luz", "uno", "dos", "MAYÚSCULAS", "x" * 40, "\t", "\u2028", "\x0b", "col;fila", "a,b"],
]
HOSTILE = [
    "",
    " \n\t ",
    "\ud800",
    "\udcff respuesta: \ud800\udc00",
    "NaN",
    "-Infinity",
    "e\u0301" * 200,
    "a" + "\u0301" * 2_000,
    "١٢٣٤٥٦٧٨٩٠" * 20,
    "раypаl",
    "[" * 15_000,
    '{"a":' * 3_000,
    "{" * 200 + "}" * 200,
    "(a+)+$ " * 500,
    "|" * 19_000,
    "- \n" * 6_000,
    "1 o " * 1_000,
    "1" * MAX_ANSWER_CHARACTERS,
    "\u0301" * MAX_ANSWER_CHARACTERS,
    "9" * 1_000_000,
    "\ud800" * 1_000_000,
]
# What no grader can expect; the number is longer than what Python writes.
UNEXPECTED = [object(), [], [[]], {}, 10**5000, float("nan"), "", True]
ALWAYS_HERE = [name for name in GRADERS if name not in BEHIND_AN_EXTRA]
EVERY_ROW = [
    pytest.param(sample, id=f"{name}-{place}")
    for name, samples in SAMPLES.items()
    for place, sample in enumerate(samples)
]


@cache
def made_up(seed: int, size: int) -> list[str]:
    source = random.Random(seed)
    return ["".join(source.choices(PIECES, k=source.choice((1, 2, 3, 4, 6, 9)))) for _ in range(size)]


def verdict_on(sample: Sample, answer: str) -> Grade:
    """The grade of one answer, which must be one that may be kept and shown."""
    spec, expected, _, _ = sample
    verdict = grade(spec=spec, answer=answer, expected=expected)
    assert verdict.value.is_finite()
    assert 0 <= verdict.value <= 1
    assert int(verdict.value.as_tuple().exponent) >= -6
    assert verdict.reason
    assert SECRET not in verdict.reason.casefold()
    return verdict


def is_graded_whatever_it_says(name: str, answers: list[str]) -> None:
    """Every answer is graded, by one row of the grader after another, and some of them twice."""
    samples = SAMPLES[name]
    for place, answer in enumerate(answers):
        sample = samples[place % len(samples)]
        verdict = verdict_on(sample, answer)
        if place % 8 == 0:
            assert verdict_on(sample, answer) == verdict


def test_every_grader_has_a_row() -> None:
    assert set(ALWAYS_HERE) <= set(SAMPLES)


@pytest.mark.parametrize("sample", EVERY_ROW)
def test_the_right_answer_gets_all_and_the_wrong_one_less(sample: Sample) -> None:
    spec, expected, right, wrong = sample
    check_spec(spec=spec, expected=expected)
    assert verdict_on((spec, expected, right, wrong), wrong).value < 1
    assert grade(spec=spec, answer=right, expected=expected).value == 1


@pytest.mark.parametrize("name", ALWAYS_HERE)
def test_no_made_up_answer_breaks_a_grader(name: str) -> None:
    is_graded_whatever_it_says(name, made_up(SEED, ANSWERS))


@pytest.mark.storm
@pytest.mark.parametrize("name", ALWAYS_HERE)
def test_no_made_up_answer_of_very_many_breaks_a_grader(name: str) -> None:
    is_graded_whatever_it_says(name, made_up(SEED + 1, STORM_ANSWERS))


@pytest.mark.parametrize("name", ALWAYS_HERE)
def test_no_hostile_answer_breaks_a_grader(name: str) -> None:
    for answer in HOSTILE:
        verdict_on(SAMPLES[name][0], answer)


@pytest.mark.parametrize("sample", EVERY_ROW)
def test_a_misspelt_option_is_refused_by_its_name(sample: Sample) -> None:
    spec, expected, _, _ = sample
    with pytest.raises(SpecError) as refused:
        check_spec(spec={**spec, "opcion": 1}, expected=expected)
    assert refused.value.field == "opcion"


@pytest.mark.parametrize("name", ALWAYS_HERE)
def test_what_cannot_be_expected_is_refused_and_never_crashes(name: str) -> None:
    spec, _, _, _ = SAMPLES[name][0]
    for expected in UNEXPECTED:
        with pytest.raises(SpecError) as refused:
            check_spec(spec=spec, expected=expected)
        assert refused.value.field.split(".")[0] == "expected"
        assert refused.value.fix


def test_the_registry_loads_nothing_heavy() -> None:
    code = f"import sys, scoring.graders; print(*(name for name in {HEAVY} if name in sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.split() == []
