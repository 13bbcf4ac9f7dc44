"""``pareto``: nobody says how much quality a joule is worth; whom nobody beats in both stands in front.

    a beats b where Q_a ≥ Q_b and E_a ≤ E_b, and one of the two is better
    layer 1: whom nobody beats; layer n: whom only those of the layers before beat, and somebody of n − 1 does

All of one layer share its place, however different they are. Which submission stands for a participation is
said by one figure, S = 100 · Q · G, with the G of ``verde``; so is the order within a layer on the page. The
layers are among the submissions that stand for their participations. Below ``q_min`` a submission is ranked
after all that reach it, in layers among those below.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from scoring.policies.terms.parameters import energy, refuse_no_saving, refuse_unknown, share
from scoring.policies.terms.values import MILLIONTHS, Line, Terms, millionths
from scoring.policies.verde import saving
from scoring.values import Use

NAMES = ("q_min", "e_ref_mj", "e_min_mj")


def check_parameters(parameters: Mapping[str, Any]) -> None:
    """All three: ``{"q_min": "0.20", "e_ref_mj": 2000000, "e_min_mj": 20000}``."""
    _Parameters.of(parameters)


def terms(*, parameters: Mapping[str, Any], use: Use) -> Terms:
    """Half of the saving on the scale from 2000 J to 20 J, and 100 · 0.65 · 0.5 = 32.5.

    >>> from scoring.policies import apply
    >>> result = apply(
    ...     policy="pareto", parameters={"q_min": "0.20", "e_ref_mj": 2000000, "e_min_mj": 20000},
    ...     quality=Decimal("0.65"), use=Use(energy_mj=200000, prompt_tokens=900, completion_tokens=100))
    >>> print(result.score, result.green, result.reaches_minimum)
    32.5000 0.500000 True
    """
    rule = _Parameters.of(parameters)
    green = saving(rule.e_ref_mj, rule.e_min_mj, use.energy_mj)
    line = Line(slope=millionths(green) * MILLIONTHS)
    return Terms(green=green, reaches_from=millionths(rule.q_min), reached=line, below=line)


def layers(rows: Sequence[tuple[int, int]]) -> list[int]:
    """The layer of each row (quality in millionths, energy in mJ), from 1; in O(n log n).

    Nobody beats 0.9 for 50 J, nor 0.7 for 20 J; the first beats 0.7 for 60 J, which beats 0.6 for 70 J.

    >>> layers([(900_000, 50_000), (700_000, 20_000), (700_000, 60_000), (600_000, 70_000)])
    [1, 1, 2, 3]
    """
    layer_of: dict[tuple[int, int], int] = {}
    # Each layer's best quality so far, negated. A row goes behind some row of the layer before its own, so
    # that the best of a layer never exceeds that of the one before: the list is in order.
    best_of: list[int] = []
    for quality, energy_mj in sorted(set(rows), key=_thriftiest_first):
        # Whoever came before used no more, so a layer beats this row where its best has this quality.
        behind = bisect_right(best_of, -quality)
        if behind == len(best_of):
            best_of.append(-quality)
        else:
            best_of[behind] = -quality
        layer_of[quality, energy_mj] = behind + 1
    return [layer_of[row] for row in rows]


def _thriftiest_first(row: tuple[int, int]) -> tuple[int, int]:
    quality, energy_mj = row
    return energy_mj, -quality


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parameters:
    q_min: Decimal
    e_ref_mj: int
    e_min_mj: int

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> _Parameters:
        refuse_unknown(parameters, NAMES)
        rule = cls(
            q_min=share("q_min", parameters),
            e_ref_mj=energy("e_ref_mj", parameters),
            e_min_mj=energy("e_min_mj", parameters),
        )
        refuse_no_saving(e_ref_mj=rule.e_ref_mj, e_min_mj=rule.e_min_mj)
        return rule
