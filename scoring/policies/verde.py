"""``verde``, the default policy: quality, up to doubled worth when it is had for little energy.

    G = clip(ln(E_ref / E) / ln(E_ref / E_min), 0, 1)        S = 100 · Q · (λ + (1 − λ) · G)

E_ref is the energy that saves nothing (G = 0), E_min the one that saves all (G = 1); each halving of energy
in between is worth the same. Below ``q_min`` a submission is ranked after all that reach it, however little
it used. The parameters are fixed and published before the phase opens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import lru_cache
from typing import Any

from scoring.decimals import EXACT_ENOUGH
from scoring.policies.terms.parameters import energy, refuse_no_saving, refuse_unknown, share
from scoring.policies.terms.values import SIX_DECIMALS, WHOLE_SLOPE, Line, Terms, millionths
from scoring.values import Use

ZERO, ONE = Decimal(0), Decimal(1)
NAMES = ("q_min", "e_ref_mj", "e_min_mj", "lambda")


def check_parameters(parameters: Mapping[str, Any]) -> None:
    """All four: ``{"q_min": "0.20", "e_ref_mj": 2000000, "e_min_mj": 20000, "lambda": "0.5"}``."""
    _Parameters.of(parameters)


def terms(*, parameters: Mapping[str, Any], use: Use) -> Terms:
    """The score has 4 decimals, from quality and green with the 6 that are shown: the page's figures give it
    by hand.

    >>> from scoring.policies import apply
    >>> result = apply(
    ...     policy="verde",
    ...     parameters={"q_min": "0.20", "e_ref_mj": 2000000, "e_min_mj": 20000, "lambda": "0.5"},
    ...     quality=Decimal("0.65"), use=Use(energy_mj=200000, prompt_tokens=900, completion_tokens=100))
    >>> print(result.score, result.quality, result.green, result.reaches_minimum)
    48.7500 0.650000 0.500000 True
    """
    rule = _Parameters.of(parameters)
    context = EXACT_ENOUGH.copy()
    green = saving(rule.e_ref_mj, rule.e_min_mj, use.energy_mj)
    worth = context.fma(context.subtract(ONE, rule.base_share), green, rule.base_share)
    # λ and G have 6 decimals each, so that their product is whole in this unit.
    line = Line(slope=int(context.multiply(worth, Decimal(WHOLE_SLOPE))))
    return Terms(green=green, reaches_from=millionths(rule.q_min), reached=line, below=line)


def saving(e_ref_mj: int, e_min_mj: int, energy_mj: int) -> Decimal:
    """G: how little energy was used, in [0, 1] with 6 decimals. ``pareto`` asks for it too."""
    context = EXACT_ENOUGH.copy()
    saved = _log_ratio(e_ref_mj, energy_mj, context)
    part = context.divide(saved, _whole_saving(e_ref_mj, e_min_mj))
    return min(max(part, ZERO), ONE).quantize(SIX_DECIMALS, context=context)


@lru_cache(maxsize=256)
def _whole_saving(e_ref_mj: int, e_min_mj: int) -> Decimal:
    """The same for a whole phase, and the dearest step of a score."""
    return _log_ratio(e_ref_mj, e_min_mj, EXACT_ENOUGH.copy())


def _log_ratio(e_ref_mj: int, energy_mj: int, context: Context) -> Decimal:
    return context.ln(context.divide(Decimal(e_ref_mj), Decimal(energy_mj)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parameters:
    """A phase's parameters that were checked; ``base_share`` is λ, what quality alone is worth."""

    q_min: Decimal
    e_ref_mj: int
    e_min_mj: int
    base_share: Decimal

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> _Parameters:
        refuse_unknown(parameters, NAMES)
        rule = cls(
            q_min=share("q_min", parameters),
            e_ref_mj=energy("e_ref_mj", parameters),
            e_min_mj=energy("e_min_mj", parameters),
            base_share=share("lambda", parameters),
        )
        refuse_no_saving(e_ref_mj=rule.e_ref_mj, e_min_mj=rule.e_min_mj)
        return rule
