"""In which layer a row of a board stands, for the page of its submission, where the policy ranks by layers.

It asks the rows that the page was given and nothing else: what a frozen board hides is hidden here too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from scoring.policies import POLICIES
from scoring.policies.terms.values import millionths

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfBoard:
    """``number`` from 1 of ``of``; ``rows`` share it, this one included. ``beaten_by`` counts who beats it.

    All among those that, as this one, reach the minimum of quality, or do not.
    """

    number: int
    of: int
    rows: int
    beaten_by: int


def find(policy: str, rows: Sequence[Row], mine: Row) -> OfBoard | None:
    """Of ``mine``, which is one of ``rows``. None without layers, and for whoever is outside the ranking."""
    known = POLICIES.get(policy)
    if known is None or known.layers is None or not mine["is_ranked"]:
        return None
    side = [row for row in rows if row["is_ranked"] and row["reaches_minimum"] == mine["reaches_minimum"]]
    figures = [_figures(row) for row in side]
    layers = known.layers(figures)
    number = layers[side.index(mine)]
    quality, energy_mj = its = _figures(mine)
    return OfBoard(
        number=number,
        of=max(layers),
        rows=layers.count(number),
        beaten_by=sum(q >= quality and mj <= energy_mj and (q, mj) != its for q, mj in figures),
    )


def _figures(row: Row) -> tuple[int, int]:
    return millionths(Decimal(row["quality"])), row["energy_mj"]
