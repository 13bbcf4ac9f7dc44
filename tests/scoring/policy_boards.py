"""Boards under any policy, as the properties of policies and of ranking need them: rows in, places out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from scoring.policies import apply, in_layers
from scoring.ranking import rank
from scoring.values import Ranked, RankEntry, Use

# Each policy with parameters that part small figures: the boards below have qualities and energies on both
# sides of every mark.
RULES: Mapping[str, Mapping[str, Any]] = {
    "verde": {"q_min": "0.4", "e_ref_mj": 64, "e_min_mj": 2, "lambda": "0.5"},
    "threshold": {"q_min": "0.4", "e_half_mj": 10},
    "budget": {"purse_mj": 20},
    "tokens": {"q_min": "0.4", "half_tokens": 40, "prompt_weight": 1, "completion_weight": 3},
    "pareto": {"q_min": "0.4", "e_ref_mj": 64, "e_min_mj": 2},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A participation's submission; quality in tenths."""

    quality: int
    use: Use


def a_row(quality: int = 5, energy_mj: int = 10, prompt_tokens: int = 20, completion_tokens: int = 5) -> Row:
    return Row(
        quality=quality,
        use=Use(energy_mj=energy_mj, prompt_tokens=prompt_tokens, completion_tokens=completion_tokens),
    )


# Few different figures, so that rows meet in quality, in energy and in both.
ROWS = st.builds(
    a_row,
    quality=st.integers(0, 10),
    energy_mj=st.sampled_from([1, 2, 3, 5, 8, 13, 20, 21, 34, 55, 89]),
    prompt_tokens=st.integers(0, 6).map(lambda tens: 10 * tens),
    completion_tokens=st.integers(0, 6),
)
BOARDS = st.lists(ROWS, min_size=1, max_size=8)


def board(policy: str, rows: Sequence[Row]) -> list[Ranked]:
    """The places of the rows, whose ids are their positions."""
    entries = []
    for position, row in enumerate(rows):
        result = apply(
            policy=policy,
            parameters=RULES[policy],
            quality=Decimal(row.quality) / 10,
            use=row.use,
        )
        entries.append(
            RankEntry(
                id=str(position),
                score=result.score,
                reaches_minimum=result.reaches_minimum,
                quality=result.quality,
                energy_mj=row.use.energy_mj,
            )
        )
    return rank(in_layers(policy, entries))


def places(policy: str, rows: Sequence[Row]) -> list[int]:
    """The rank of each row, in the order of the rows."""
    of = {int(place.id): place.rank for place in board(policy, rows)}
    return [of[position] or 0 for position in range(len(rows))]
