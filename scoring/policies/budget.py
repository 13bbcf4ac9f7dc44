"""``budget``: quality alone, within a purse of energy that is the same for everybody.

    S = 100 · Q        G = clip((purse − E) / purse, 0, 1)

Whoever keeps within ``purse_mj`` in the whole evaluation, failed cases included, is ranked before all that
do not. What is left in the purse buys nothing: equal qualities share a place, whatever they used. Over it,
places go by quality too.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from scoring.decimals import EXACT_ENOUGH
from scoring.policies.terms.parameters import energy, refuse_unknown
from scoring.policies.terms.values import ALL_FOR_QUALITY, OUT_OF_REACH, SIX_DECIMALS, Terms
from scoring.values import Use

NAMES = ("purse_mj",)


def check_parameters(parameters: Mapping[str, Any]) -> None:
    """One: ``{"purse_mj": 200000}``, what a whole evaluation may use."""
    _purse_mj(parameters)


def terms(*, parameters: Mapping[str, Any], use: Use) -> Terms:
    """50 J of a purse of 200 J leave three quarters of it, and 200.001 J are too many.

    >>> from scoring.policies import apply
    >>> for energy_mj in (50000, 200000, 200001):
    ...     use = Use(energy_mj=energy_mj, prompt_tokens=900, completion_tokens=100)
    ...     result = apply(
    ...         policy="budget", parameters={"purse_mj": 200000}, quality=Decimal("0.65"), use=use)
    ...     print(energy_mj, result.score, result.green, result.reaches_minimum)
    50000 65.0000 0.750000 True
    200000 65.0000 0.000000 True
    200001 65.0000 0.000000 False
    """
    purse_mj = _purse_mj(parameters)
    left_mj = max(purse_mj - use.energy_mj, 0)
    context = EXACT_ENOUGH.copy()
    green = context.divide(Decimal(left_mj), Decimal(purse_mj)).quantize(SIX_DECIMALS, context=context)
    keeps_within = use.energy_mj <= purse_mj
    return Terms(
        green=green,
        reaches_from=0 if keeps_within else OUT_OF_REACH,
        reached=ALL_FOR_QUALITY,
        below=ALL_FOR_QUALITY,
    )


def _purse_mj(parameters: Mapping[str, Any]) -> int:
    refuse_unknown(parameters, NAMES)
    return energy("purse_mj", parameters)
