"""The energy figure of an evaluation: the median of its windows, and whether it stands out.

``judging`` scores with it, the invariants look whether a score says the same. Which windows count is said
here alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from challenges import backend, calibrated
from challenges.models import Call, Evaluation, Measurement, Suite
from scoring.energy import outliers
from scoring.energy.flags import for_review
from scoring.energy.token_model import MODEL_GRADES
from scoring.record.recompute import median_mj
from scoring.values import EvidenceGrade, TokenUse

# What of the second witness's figure counts the same hardware, by our grade.
WITNESS_PART = {EvidenceGrade.A: "gpu_mj", EvidenceGrade.B: "gpu_mj", EvidenceGrade.C: "cpu_mj"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """``energy_mj`` is of one pass through the ranked suite; the grade is the weakest of its windows'."""

    energy_mj: int
    grade: EvidenceGrade


def windows(evaluation: Evaluation) -> QuerySet[Measurement]:
    """Those that the evaluation's figure is made of, in their order."""
    return windows_of(evaluation.pk, series=evaluation.series)


def windows_of(evaluation_id: int, *, series: int) -> QuerySet[Measurement]:
    rows = Measurement.objects.filter(evaluation=evaluation_id, is_ranked=True, repetition__gte=series)
    return rows.order_by("repetition")


def calls_of(evaluation_id: int, *, repetition: int, suite: Suite) -> list[TokenUse]:
    """Tokens of every stored call of a repetition, in the suite's order: the same after any interruption."""
    calls = Call.objects.filter(
        run__evaluation=evaluation_id, run__repetition=repetition, run__case__suite=suite
    ).order_by("run__case__position", "index")
    return [
        TokenUse(prompt_tokens=read, completion_tokens=written)
        for read, written in calls.values_list("prompt_tokens", "completion_tokens")
    ]


def of_windows(counted: Sequence[Measurement]) -> Figure:
    """Raises ``ValueError`` for none at all."""
    return Figure(
        energy_mj=median_mj([each.energy_mj for each in counted]),
        grade=EvidenceGrade(max(each.evidence_grade for each in counted)),
    )


def review_flags(
    counted: Sequence[Measurement], calls: Sequence[TokenUse], *, in_flight: int
) -> tuple[str, ...]:
    """Why an organizer has to look at the figure before it counts, sorted; mostly nothing.

    ``calls`` are those of one pass, ``in_flight`` how many of them ran at a time. A figure that comes from
    tokens is held against nothing but the range of its model: each comparison would be with itself.
    """
    figure = of_windows(counted)
    seen = {flag for each in counted for flag in each.flags}
    if figure.grade in MODEL_GRADES:
        return for_review(seen)
    parts = [part for each in counted if (part := witness_mj(each)) is not None]
    beside = outliers.look(
        energy_mj=figure.energy_mj,
        prediction=calibrated.expected_of(calls, in_flight=in_flight),
        repetitions_mj=[each.energy_mj for each in counted],
        witness_mj=median_mj(parts) if parts else None,
    )
    return for_review({*seen, *beside})


def witness_mj(measured: Measurement) -> int | None:
    """The witness's part that counts what our counter counts; None where it looks at another machine."""
    told: dict[str, Any] = measured.evidence.get("witness", {})
    if settings.METER_URL and not backend.is_this_machine(settings.METER_URL):
        return None
    found: int | None = told.get(WITNESS_PART.get(EvidenceGrade(measured.evidence_grade), ""))
    # A witness that sees no such device says 0.
    return found or None
