"""Parts in order of preference: the grade is that of the first part that gives anything at all, else 0.

It differs from ``any`` where an earlier part gives less than a later one: the earlier one then stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from scoring.graders.reading.combining import check_parts, graded_parts, told
from scoring.values import Grade

OPTIONS = frozenset({"of"})


def check(*, spec: Mapping[str, Any], expected: Any) -> None:
    """spec ``{"of": [{"spec": …, "expected": …}, …]}``; ``expected`` is null. See ``combining.py``."""
    check_parts(spec=spec, expected=expected)


def grade(*, spec: Mapping[str, Any], answer: str, expected: Any) -> Grade:
    """The first grade above 0, with its part's reason; where there is none, 0."""
    for part in graded_parts(spec=spec, answer=answer, expected=expected):
        if part.grade.value > 0:
            return told(part, value=part.grade.value)
    return Grade(value=Decimal(0), reason="Ninguna de las partes da puntos a la respuesta.")
