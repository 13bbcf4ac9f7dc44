"""The policy ``verde`` explained with numbers: worked examples for a phase, and the parts of one score.

The figures come from the policy itself, so that a page can never explain another formula than the one that
ranks.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from challenges.models import Phase, Score
from scoring import policies
from scoring.errors import SpecError

logger = logging.getLogger(__name__)

# Shown on the front page before any phase exists; the same figures as the first challenge.
EXAMPLE_PARAMETERS: Mapping[str, Any] = {
    "q_min": "0.20",
    "e_ref_mj": 2_000_000,
    "e_min_mj": 20_000,
    "lambda": "0.5",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """The constants that a phase publishes before it opens."""

    q_min: Decimal
    e_ref_mj: int
    e_min_mj: int
    weight_of_quality: Decimal

    @property
    def weight_of_green(self) -> Decimal:
        return 1 - self.weight_of_quality


@dataclass(frozen=True, slots=True, kw_only=True)
class Worked:
    """A score with every part of it. ``factor`` is λ + (1 − λ)·G."""

    quality: Decimal
    energy_mj: int
    green: Decimal
    factor: Decimal
    score: Decimal
    reaches_minimum: bool


def of(parameters: Mapping[str, Any]) -> Formula:
    return Formula(
        q_min=Decimal(str(parameters["q_min"])),
        e_ref_mj=int(parameters["e_ref_mj"]),
        e_min_mj=int(parameters["e_min_mj"]),
        weight_of_quality=Decimal(str(parameters["lambda"])),
    )


def of_phase(phase: Phase | None) -> Formula | None:
    """None for a phase with another policy: its page then names the policy without a formula."""
    if phase is None:
        return of(EXAMPLE_PARAMETERS)
    return of(phase.policy_parameters) if _is_explained(phase) else None


def example(phase: Phase | None) -> Worked | None:
    """A good answer sheet (Q = 0.8) for an energy half way, on the logarithmic scale, between both marks."""
    parameters = EXAMPLE_PARAMETERS if phase is None else phase.policy_parameters
    if phase is not None and not _is_explained(phase):
        return None
    marks = of(parameters)
    energy_mj = int((Decimal(marks.e_ref_mj) * marks.e_min_mj).sqrt())
    quality = Decimal("0.80")
    result = policies.apply(policy="verde", parameters=parameters, quality=quality, energy_mj=energy_mj)
    return Worked(
        quality=quality,
        energy_mj=energy_mj,
        green=result.green,
        factor=_factor(marks, result.green),
        score=result.score,
        reaches_minimum=result.reaches_minimum,
    )


def of_score(score: Score) -> Worked:
    return Worked(
        quality=score.quality,
        energy_mj=score.energy_mj,
        green=score.green,
        factor=_factor(of(score.policy_parameters), score.green),
        score=score.value,
        reaches_minimum=score.reaches_minimum,
    )


def _is_explained(phase: Phase) -> bool:
    """A row whose parameters are wrong (the admin writes none) must not take the front page down with it."""
    try:
        policies.check_parameters(phase.policy, phase.policy_parameters)
    except SpecError as wrong:
        logger.error("phase %s cannot be scored: %s", phase, wrong)
        return False
    return phase.policy == "verde"


def _factor(marks: Formula, green: Decimal) -> Decimal:
    return marks.weight_of_quality + marks.weight_of_green * green
