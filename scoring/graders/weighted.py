"""Parts that count by their weight: the grade is Σ (grade · weight) / Σ weight, with 6 decimals."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from scoring.decimals import EXACT_ENOUGH
from scoring.graders.reading.combining import check_parts, graded_parts
from scoring.values import Grade

OPTIONS = frozenset({"of"})
SIX_DECIMALS = Decimal("0.000001")


def check(*, spec: Mapping[str, Any], expected: Any) -> None:
    """spec ``{"of": [{"spec": …, "expected": …, "weight": 2}, …]}``; ``expected`` is null."""
    check_parts(spec=spec, expected=expected)


def grade(*, spec: Mapping[str, Any], answer: str, expected: Any) -> Grade:
    """The weighted mean of the parts; the reason tells each part's grade, rounded to hundredths."""
    parts = list(graded_parts(spec=spec, answer=answer, expected=expected))
    exact = EXACT_ENOUGH.copy()
    total = sum((exact.multiply(part.grade.value, Decimal(part.weight)) for part in parts), Decimal(0))
    mean = exact.divide(total, Decimal(sum(part.weight for part in parts)))
    told = "; ".join(f"parte {part.place}: {part.grade.value:.2f}".replace(".", ",") for part in parts)
    return Grade(
        value=mean.quantize(SIX_DECIMALS, context=exact),
        reason=f"Media ponderada de las partes ({told}).",
        evidence="; ".join(part.grade.evidence for part in parts if part.grade.evidence)[:500],
    )
