"""``tokens``, token golf: among those that answer well enough, whoever reads and writes the fewest tokens.

    T = w_p · prompt tokens + w_c · completion tokens
    G = T_half / (T_half + T)        S = 100 · G where Q ≥ q_min, else S = 100 · Q

The tokens are those of all ranked cases, as the backend counted them. Below ``q_min`` a submission is ranked
by its quality, after all that reach it. For rooms without a meter: tokens can be counted anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from scoring.errors import SpecError
from scoring.policies.terms.parameters import refuse_unknown, share, token_weight
from scoring.policies.terms.parameters import tokens as whole_tokens
from scoring.policies.terms.scarce import frugality, ranked_by_frugality
from scoring.policies.terms.values import Terms
from scoring.values import Use

NAMES = ("q_min", "half_tokens", "prompt_weight", "completion_weight")


def check_parameters(parameters: Mapping[str, Any]) -> None:
    """All four: ``{"q_min": "0.60", "half_tokens": 6000, "prompt_weight": 1, "completion_weight": 3}``.

    At ``half_tokens`` weighted tokens the score is 50; a weight of 0 leaves tokens of that kind out.
    """
    _Parameters.of(parameters)


def terms(*, parameters: Mapping[str, Any], use: Use) -> Terms:
    """1 · 900 + 3 · 200 = 1500 weighted tokens, and 100 · 6000 / (6000 + 1500) = 80.

    >>> from scoring.policies import apply
    >>> parameters = {"q_min": "0.60", "half_tokens": 6000, "prompt_weight": 1, "completion_weight": 3}
    >>> use = Use(energy_mj=50000, prompt_tokens=900, completion_tokens=200)
    >>> for quality in ("0.95", "0.55"):
    ...     result = apply(policy="tokens", parameters=parameters, quality=Decimal(quality), use=use)
    ...     print(quality, result.score, result.green, result.reaches_minimum)
    0.95 80.0000 0.800000 True
    0.55 55.0000 0.800000 False
    """
    rule = _Parameters.of(parameters)
    weighted = rule.prompt_weight * use.prompt_tokens + rule.completion_weight * use.completion_tokens
    return ranked_by_frugality(frugality(rule.half_tokens, weighted), q_min=rule.q_min)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parameters:
    q_min: Decimal
    half_tokens: int
    prompt_weight: int
    completion_weight: int

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> _Parameters:
        refuse_unknown(parameters, NAMES)
        rule = cls(
            q_min=share("q_min", parameters),
            half_tokens=whole_tokens("half_tokens", parameters),
            prompt_weight=token_weight("prompt_weight", parameters),
            completion_weight=token_weight("completion_weight", parameters),
        )
        if rule.prompt_weight == rule.completion_weight == 0:
            fix = "Pon algún peso por encima de 0: con los dos a 0 no se cuenta ningún token."
            raise SpecError(field="completion_weight", fix=fix)
        return rule
