"""Each policy explained with numbers: a worked example for a phase, and the parts of one score.

The figures come from the policies themselves, so that a page can never explain another formula than the one
that ranks. A policy is explained by its template, ``pages/_formula_<policy>.html``, from a phase's marks; one
score under it by ``pages/_sum_<policy>.html``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from challenges.models import Phase, Score
from scoring import policies
from scoring.errors import SpecError
from scoring.policies import pareto
from scoring.policies.terms.values import millionths
from scoring.values import PolicyResult, Use

logger = logging.getLogger(__name__)

# Shown on the front page before any phase exists; the same figures as the first challenge.
EXAMPLE_PARAMETERS: Mapping[str, Any] = {
    "q_min": "0.20",
    "e_ref_mj": 2_000_000,
    "e_min_mj": 20_000,
    "lambda": "0.5",
}
# A good answer sheet, and how many times less than the mark that halves a score it uses.
EXAMPLE_QUALITY = Decimal("0.80")
EXAMPLE_THRIFT = 4
# Of the tokens of an example, one in ten is written by the model.
READ_FOR_EACH_WRITTEN = 9
# What layers are, told with three: nobody beats the first two, the first beats the third.
LAYERED = ((Decimal("0.90"), 50_000), (Decimal("0.70"), 20_000), (Decimal("0.70"), 60_000))

Marks = Mapping[str, Decimal | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """The constants that a phase under ``verde`` publishes before it opens."""

    q_min: Decimal
    e_ref_mj: int
    e_min_mj: int
    weight_of_quality: Decimal

    @property
    def weight_of_green(self) -> Decimal:
        return 1 - self.weight_of_quality


@dataclass(frozen=True, slots=True, kw_only=True)
class InLayer:
    """A row of the example that says what layers are."""

    quality: Decimal
    energy_mj: int
    layer: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A phase's rule, ready for its template. ``fingerprint`` is that of ``scoring.policies``.

    ``marks`` are the published constants by their names.
    """

    policy: str
    template: str
    fingerprint: str
    marks: Formula | Marks
    layered: tuple[InLayer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Worked:
    """A score with every part of it. ``factor`` is what ``verde`` takes the quality by: λ + (1 − λ)·G.

    ``tokens`` are weighted, as ``tokens`` counts them; 0 under the other policies.
    """

    quality: Decimal
    energy_mj: int
    green: Decimal
    score: Decimal
    reaches_minimum: bool
    factor: Decimal | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """A score by parts, ready for its template, with the constants of its rule by their names."""

    policy: str
    template: str
    marks: Formula | Marks
    worked: Worked


def of(parameters: Mapping[str, Any]) -> Formula:
    return Formula(
        q_min=Decimal(str(parameters["q_min"])),
        e_ref_mj=int(parameters["e_ref_mj"]),
        e_min_mj=int(parameters["e_min_mj"]),
        weight_of_quality=Decimal(str(parameters["lambda"])),
    )


def of_phase(phase: Phase | None) -> Explained | None:
    """None for a phase whose rule cannot work: its page then names the policy without a formula.

    Without a phase, ``verde`` with the figures of the first challenge.
    """
    rule = _rule(phase)
    if rule is None:
        return None
    policy, parameters = rule
    return Explained(
        policy=policy,
        template=f"pages/_formula_{policy}.html",
        fingerprint=policies.fingerprint(policy, parameters),
        marks=_marks(policy, parameters),
        layered=_layered() if policy == "pareto" else (),
    )


def example(phase: Phase | None) -> Worked | None:
    """A good answer sheet (Q = 0.8, or the minimum where that is more) with a use that is easy to reckon."""
    rule = _rule(phase)
    if rule is None:
        return None
    policy, parameters = rule
    use = _EXAMPLE_USES[policy](parameters)
    quality = (
        max(EXAMPLE_QUALITY, Decimal(parameters["q_min"])) if policy in _BY_SCARCITY else EXAMPLE_QUALITY
    )
    result = policies.apply(policy=policy, parameters=parameters, quality=quality, use=use)
    return _worked(policy, parameters, result, use)


def of_score(score: Score) -> Sum | None:
    """Of the figures that are stored; None for a rule that cannot work or that no page explains."""
    if not _can_be_explained(score.policy, score.policy_parameters, score):
        return None
    stored = PolicyResult(
        score=score.value, quality=score.quality, green=score.green, reaches_minimum=score.reaches_minimum
    )
    return _sum(score.policy, score.policy_parameters, stored, use_of(score))


def of_figures(phase: Phase, *, quality: Decimal, use: Use) -> Sum | None:
    """What a phase would give for somebody's own figures; None as in ``of_phase``.

    Raises ``ValueError`` where ``policies.apply`` does.
    """
    rule = _rule(phase)
    if rule is None:
        return None
    policy, parameters = rule
    result = policies.apply(policy=policy, parameters=parameters, quality=quality, use=use)
    return _sum(policy, parameters, result, use)


def use_of(score: Score) -> Use:
    return Use(
        energy_mj=score.energy_mj,
        prompt_tokens=score.prompt_tokens,
        completion_tokens=score.completion_tokens,
    )


def _sum(policy: str, parameters: Mapping[str, Any], result: PolicyResult, use: Use) -> Sum:
    return Sum(
        policy=policy,
        template=f"pages/_sum_{policy}.html",
        marks=_marks(policy, parameters),
        worked=_worked(policy, parameters, result, use),
    )


def _worked(policy: str, parameters: Mapping[str, Any], result: PolicyResult, use: Use) -> Worked:
    return Worked(
        quality=result.quality,
        energy_mj=use.energy_mj,
        green=result.green,
        score=result.score,
        reaches_minimum=result.reaches_minimum,
        factor=_factor(of(parameters), result.green) if policy == "verde" else None,
        prompt_tokens=use.prompt_tokens,
        completion_tokens=use.completion_tokens,
        tokens=_weighted(parameters, use) if policy == "tokens" else 0,
    )


def _rule(phase: Phase | None) -> tuple[str, Mapping[str, Any]] | None:
    """A row whose parameters are wrong (the admin writes none) must not take the front page down with it."""
    if phase is None:
        return "verde", EXAMPLE_PARAMETERS
    if not _can_be_explained(phase.policy, phase.policy_parameters, phase):
        return None
    return phase.policy, phase.policy_parameters


def _can_be_explained(policy: str, parameters: Mapping[str, Any], row: Phase | Score) -> bool:
    try:
        policies.check_parameters(policy, parameters)
    except SpecError as wrong:
        logger.error("the rule of %s %s cannot work: %s", type(row).__name__, row.pk, wrong)
        return False
    return policy in _EXAMPLE_USES


def _marks(policy: str, parameters: Mapping[str, Any]) -> Formula | Marks:
    """Fractions are stored as texts: a template shows numbers."""
    if policy == "verde":
        return of(parameters)
    return {
        name: Decimal(value) if isinstance(value, str) else int(value) for name, value in parameters.items()
    }


def _layered() -> tuple[InLayer, ...]:
    found = pareto.layers([(millionths(quality), energy_mj) for quality, energy_mj in LAYERED])
    return tuple(
        InLayer(quality=quality, energy_mj=energy_mj, layer=layer)
        for (quality, energy_mj), layer in zip(LAYERED, found, strict=True)
    )


def _factor(marks: Formula, green: Decimal) -> Decimal:
    return marks.weight_of_quality + marks.weight_of_green * green


def _half_way(parameters: Mapping[str, Any]) -> Use:
    """On the logarithmic scale between both marks, where the saving is a half."""
    return _energy(int((Decimal(parameters["e_ref_mj"]) * parameters["e_min_mj"]).sqrt()))


def _few_tokens(parameters: Mapping[str, Any]) -> Use:
    written_with_its_read = READ_FOR_EACH_WRITTEN * int(parameters["prompt_weight"]) + int(
        parameters["completion_weight"]
    )
    written = max(int(parameters["half_tokens"]) // (EXAMPLE_THRIFT * written_with_its_read), 1)
    return Use(energy_mj=1, prompt_tokens=READ_FOR_EACH_WRITTEN * written, completion_tokens=written)


def _weighted(parameters: Mapping[str, Any], use: Use) -> int:
    return int(
        parameters["prompt_weight"] * use.prompt_tokens
        + parameters["completion_weight"] * use.completion_tokens
    )


def _energy(energy_mj: int) -> Use:
    return Use(energy_mj=max(energy_mj, 1), prompt_tokens=0, completion_tokens=0)


# The policies that a page explains, with what the example of each uses.
_EXAMPLE_USES: Mapping[str, Callable[[Mapping[str, Any]], Use]] = MappingProxyType(
    {
        "verde": _half_way,
        "pareto": _half_way,
        "threshold": lambda parameters: _energy(int(parameters["e_half_mj"]) // EXAMPLE_THRIFT),
        "budget": lambda parameters: _energy(int(parameters["purse_mj"]) // EXAMPLE_THRIFT),
        "tokens": _few_tokens,
    }
)
# Those where quality beyond the minimum is worth nothing: the example has to reach it.
_BY_SCARCITY = ("threshold", "tokens")
