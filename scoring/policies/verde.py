"""``verde``, the default policy: quality, up to doubled worth when it is had for little energy.

    G = clip(ln(E_ref / E) / ln(E_ref / E_min), 0, 1)        S = 100 · Q · (λ + (1 − λ) · G)

E_ref is the energy that saves nothing (G = 0), E_min the one that saves all (G = 1); each halving of energy
in between is worth the same. Below ``q_min`` a submission is ranked after all that reach it, however little
it used. The parameters are fixed and published before the phase opens.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import lru_cache
from typing import Any

from scoring.decimals import EXACT_ENOUGH
from scoring.errors import SpecError
from scoring.values import PolicyResult

SIX_DECIMALS, FOUR_DECIMALS = Decimal("0.000001"), Decimal("0.0001")
ZERO, ONE = Decimal(0), Decimal(1)
SHARE = re.compile(r"[01](?:\.[0-9]{1,6})?")
MAX_ENERGY_MJ = 10**15
NAMES = ("q_min", "e_ref_mj", "e_min_mj", "lambda")


def check_parameters(parameters: Mapping[str, Any]) -> None:
    """All four: ``{"q_min": "0.20", "e_ref_mj": 2000000, "e_min_mj": 20000, "lambda": "0.5"}``."""
    _Parameters.of(parameters)


def apply(*, parameters: Mapping[str, Any], quality: Decimal, energy_mj: int) -> PolicyResult:
    """Score with 4 decimals from quality and green with 6, as shown: the page's figures give it by hand.

    >>> result = apply(
    ...     parameters={"q_min": "0.20", "e_ref_mj": 2000000, "e_min_mj": 20000, "lambda": "0.5"},
    ...     quality=Decimal("0.65"), energy_mj=200000)
    >>> print(result.score, result.quality, result.green, result.reaches_minimum)
    48.7500 0.650000 0.500000 True
    """
    rule = _Parameters.of(parameters)
    context = EXACT_ENOUGH.copy()
    shown_quality = quality.quantize(SIX_DECIMALS, context=context)
    green = _green(rule, energy_mj, context)
    worth = context.fma(context.subtract(ONE, rule.base_share), green, rule.base_share)
    score = context.multiply(context.multiply(Decimal(100), shown_quality), worth)
    return PolicyResult(
        score=score.quantize(FOUR_DECIMALS, context=context),
        quality=shown_quality,
        green=green,
        reaches_minimum=shown_quality >= rule.q_min,
    )


def _green(rule: _Parameters, energy_mj: int, context: Context) -> Decimal:
    """How little energy was used, in [0, 1] with 6 decimals."""
    saved = _saving(rule.e_ref_mj, energy_mj, context)
    share = context.divide(saved, _whole_saving(rule.e_ref_mj, rule.e_min_mj))
    return min(max(share, ZERO), ONE).quantize(SIX_DECIMALS, context=context)


@lru_cache(maxsize=256)
def _whole_saving(e_ref_mj: int, e_min_mj: int) -> Decimal:
    """The same for a whole phase, and the dearest step of a score."""
    return _saving(e_ref_mj, e_min_mj, EXACT_ENOUGH.copy())


def _saving(e_ref_mj: int, energy_mj: int, context: Context) -> Decimal:
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
        unknown = sorted(set(parameters) - set(NAMES))
        if unknown:
            raise SpecError(field=unknown[0], fix=f"Quítalo: los parámetros son {', '.join(NAMES)}.")
        rule = cls(
            q_min=_share("q_min", parameters),
            e_ref_mj=_energy("e_ref_mj", parameters),
            e_min_mj=_energy("e_min_mj", parameters),
            base_share=_share("lambda", parameters),
        )
        if rule.e_min_mj >= rule.e_ref_mj:
            raise SpecError(field="e_min_mj", fix="Escribe una energía menor que e_ref_mj.")
        return rule


def _share(name: str, parameters: Mapping[str, Any]) -> Decimal:
    value = parameters.get(name)
    if not isinstance(value, str) or not SHARE.fullmatch(value) or Decimal(value) > 1:
        raise SpecError(field=name, fix='Escribe un texto de "0" a "1" con hasta 6 decimales, como "0.5".')
    return Decimal(value)


def _energy(name: str, parameters: Mapping[str, Any]) -> int:
    value = parameters.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= MAX_ENERGY_MJ:
        raise SpecError(field=name, fix="Escribe los milijulios como número entero mayor que 0.")
    return value
