"""Every part must be right: the grade is the lowest of its parts' grades.

Not their product: two parts at 0.5 that fail for one and the same reason are not a quarter right.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scoring.graders.reading.combining import check_parts, graded_parts, told
from scoring.values import Grade

OPTIONS = frozenset({"of"})


def check(*, spec: Mapping[str, Any], expected: Any) -> None:
    """spec ``{"of": [{"spec": …, "expected": …}, …]}``; ``expected`` is null. See ``combining.py``."""
    check_parts(spec=spec, expected=expected)


def grade(*, spec: Mapping[str, Any], answer: str, expected: Any) -> Grade:
    """The lowest grade of the parts, with the reason of the first part that has it."""
    parts = graded_parts(spec=spec, answer=answer, expected=expected)
    worst = min(parts, key=lambda part: part.grade.value)
    return told(worst, value=worst.grade.value)
