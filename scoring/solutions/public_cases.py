"""What a few-shot example may take from a public case: its inputs, and its expected answer as a text.

A case's expected value is written for its grader (a letter, a number, a list of texts, a pattern), so it is
shown to the model only where that grader itself gives the text full marks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from scoring import graders
from scoring.values import PublicCase


def public_case(*, inputs: Mapping[str, str], spec: Mapping[str, Any], expected: Any) -> PublicCase:
    """One case of a pool; ``answer`` None where no text is sure to be right. Raises SpecError as ``grade``.

    >>> public_case(inputs={}, spec={"name": "exact"}, expected="sí").answer
    'sí'
    """
    for text in _texts(expected):
        if graders.grade(spec=spec, answer=text, expected=expected).value == 1:
            return PublicCase(inputs=inputs, answer=text)
    return PublicCase(inputs=inputs)


def _texts(expected: Any) -> Iterator[str]:
    if isinstance(expected, str):
        yield expected
        return
    if isinstance(expected, list | tuple) and expected and all(isinstance(each, str) for each in expected):
        # Either each of them is right alone, or all are asked for.
        yield expected[0]
        yield "\n".join(expected)
    if expected is not None:
        yield json.dumps(expected, ensure_ascii=False)
