"""``threshold``: whoever answers well enough competes for the least energy, and for nothing else.

    G = E_half / (E_half + E)        S = 100 · G where Q ≥ q_min, else S = 100 · Q

A curve that never reaches its ends: less energy always scores more, and no energy is so dear that more of it
would be free. Below ``q_min`` a submission is ranked by its quality, after all that reach it. Energies whose
scores are alike to the last digit share a place: those within some 4 parts in a million around E_half, and
within 100 at a hundredth or a hundred times of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from scoring.policies.terms.parameters import energy, refuse_unknown, share
from scoring.policies.terms.scarce import frugality, ranked_by_frugality
from scoring.policies.terms.values import Terms
from scoring.values import Use

NAMES = ("q_min", "e_half_mj")


def check_parameters(parameters: Mapping[str, Any]) -> None:
    """Both: ``{"q_min": "0.60", "e_half_mj": 200000}``; at ``e_half_mj`` the score is 50."""
    _Parameters.of(parameters)


def terms(*, parameters: Mapping[str, Any], use: Use) -> Terms:
    """100 · 200 J / (200 J + 50 J) = 80 for whoever reaches the minimum, however well.

    >>> from scoring.policies import apply
    >>> parameters = {"q_min": "0.60", "e_half_mj": 200000}
    >>> use = Use(energy_mj=50000, prompt_tokens=900, completion_tokens=100)
    >>> for quality in ("0.95", "0.60", "0.55"):
    ...     result = apply(policy="threshold", parameters=parameters, quality=Decimal(quality), use=use)
    ...     print(quality, result.score, result.green, result.reaches_minimum)
    0.95 80.0000 0.800000 True
    0.60 80.0000 0.800000 True
    0.55 55.0000 0.800000 False
    """
    rule = _Parameters.of(parameters)
    return ranked_by_frugality(frugality(rule.e_half_mj, use.energy_mj), q_min=rule.q_min)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parameters:
    q_min: Decimal
    e_half_mj: int

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> _Parameters:
        refuse_unknown(parameters, NAMES)
        return cls(q_min=share("q_min", parameters), e_half_mj=energy("e_half_mj", parameters))
