"""The worked examples in the documents and docstrings are run, so that they stay true."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
MODULES_WITH_EXAMPLES = (
    "scoring.energy.calibration",
    "scoring.energy.token_model",
    "scoring.graders.reading.abstentions",
    "scoring.graders.reading.dates",
    "scoring.graders.reading.digits",
    "scoring.graders.reading.durations",
    "scoring.graders.reading.json_text",
    "scoring.graders.reading.numerals",
    "scoring.graders.reading.shares",
    "scoring.graders.reading.spelled",
    "scoring.graders.reading.subsequence",
    "scoring.graders.reading.tokens",
    "scoring.graders.reading.words",
    "scoring.policies.verde",
    "scoring.quality",
    "scoring.solutions.outputs",
    "scoring.solutions.patterns",
    "scoring.solutions.public_cases",
    "scoring.solutions.template",
    "scoring.solutions.turn_marks",
)


@pytest.mark.parametrize(
    "name",
    [
        "by-hand.md",
        "energy.md",
        "graders.md",
        "kinds.md",
        "policies.md",
        "scoring.md",
        "tokens.md",
        "uncertainty.md",
    ],
)
def test_the_examples_of_a_document_are_true(name: str) -> None:
    results = doctest.testfile(str(DOCS / name), module_relative=False, encoding="utf-8")
    assert results.attempted > 0
    assert results.failed == 0


@pytest.mark.parametrize("name", MODULES_WITH_EXAMPLES)
def test_the_examples_of_a_module_are_true(name: str) -> None:
    results = doctest.testmod(importlib.import_module(name))
    assert results.attempted > 0
    assert results.failed == 0
