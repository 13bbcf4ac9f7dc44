"""What is ranked with uncertainty, by which rule, and the board that comes out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from scoring.decimals import EXACT_ENOUGH

MILLIONTHS = 10**6
RESAMPLES = 2000
FEWEST_RESAMPLES = 199
MOST_RESAMPLES = 100_000
# Σ weight · grade in millionths stays below 2^53 and Σ weight below 2^31: see ``resampling``.
MOST_WEIGHT = 2**31
# Σ weight² · (a deviation of up to 100 points in thousandths)² stays below 2^50: see ``pairs``.
MOST_SQUARED_WEIGHT = 2**50 // 10**10


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedRow:
    """One participation's best: a grade a case in millionths, an energy a repetition in millijoules.

    The grades stand in the order of the suite's cases. ``tiebreak`` orders equal scores on the page and does
    nothing else.
    """

    id: str
    grades: tuple[int, ...]
    energies_mj: tuple[int, ...]
    prompt_tokens: int = 0
    completion_tokens: int = 0
    tiebreak: str = ""
    is_ranked: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardRule:
    """What a phase fixes before it opens: the same rule and the same rows make the same board.

    ``weights`` are the suite's, one a case; ``seed`` is the phase's SHA-256, ``resamples`` may be odd.
    Raises ``ValueError`` for what cannot be worked with exactly.
    """

    policy: str
    parameters: Mapping[str, Any]
    weights: tuple[int, ...]
    seed: str
    resamples: int = RESAMPLES

    def __post_init__(self) -> None:
        if not self.weights or min(self.weights) < 1:
            raise ValueError("a suite needs cases, each with a weight of at least 1")
        if not FEWEST_RESAMPLES <= self.resamples <= MOST_RESAMPLES:
            raise ValueError(
                f"resamples must be {FEWEST_RESAMPLES} to {MOST_RESAMPLES}, not {self.resamples}"
            )
        weights = self.reduced_weights
        if len(weights) * max(weights) > MOST_WEIGHT:
            raise ValueError(f"cases times the greatest weight must not pass {MOST_WEIGHT}")
        if sum([weight * weight for weight in weights]) > MOST_SQUARED_WEIGHT:
            raise ValueError(f"the sum of the squared weights must not pass {MOST_SQUARED_WEIGHT}")

    @property
    def reduced_weights(self) -> tuple[int, ...]:
        """Without what all weights have in common: quality does not change by it, and sums stay small."""
        common = math.gcd(*self.weights)
        return tuple(weight // common for weight in self.weights)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A place with its doubt. Outside the ranking all ranks and the group are None.

    ``low`` and ``high`` bound the score at 95 %; ``best_rank`` to ``worst_rank`` are the places that the
    evidence leaves open; rows of one ``tie_group`` (from 1) share ``rank``. ``p_above`` is the probability of
    such a difference to the next better score by chance, corrected for all neighbours; None without one.
    """

    id: str
    rank: int | None
    tied: bool
    tie_group: int | None
    best_rank: int | None
    worst_rank: int | None
    score: Decimal
    low: Decimal
    high: Decimal
    interval: str
    quality: Decimal
    energy_mj: int
    reaches_minimum: bool
    p_above: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A board in columns, in the order of the page: ten thousand rows are made and compared at once.

    Scores are whole ten-thousandths of a point, qualities and ``p_above`` millionths. 0 stands for no rank
    and no group, -1 for no ``p_above``; ``interval`` is a place in ``INTERVALS``.
    """

    ids: list[str]
    rank: list[int]
    tied: list[bool]
    tie_group: list[int]
    best_rank: list[int]
    worst_rank: list[int]
    score: list[int]
    low: list[int]
    high: list[int]
    interval: list[int]
    quality: list[int]
    energy_mj: list[int]
    reaches_minimum: list[bool]
    p_above: list[int]

    def __len__(self) -> int:
        return len(self.ids)

    def standings(self) -> Iterator[Standing]:
        """The rows as values, in the order of the page."""
        for at, id in enumerate(self.ids):
            yield Standing(
                id=id,
                rank=self.rank[at] or None,
                tied=self.tied[at],
                tie_group=self.tie_group[at] or None,
                best_rank=self.best_rank[at] or None,
                worst_rank=self.worst_rank[at] or None,
                score=_decimal(self.score[at], 4),
                low=_decimal(self.low[at], 4),
                high=_decimal(self.high[at], 4),
                interval=INTERVALS[self.interval[at]],
                quality=_decimal(self.quality[at], 6),
                energy_mj=self.energy_mj[at],
                reaches_minimum=self.reaches_minimum[at],
                p_above=None if self.p_above[at] < 0 else _decimal(self.p_above[at], 6),
            )


INTERVALS = ("percentile", "bca")


def _decimal(whole: int, decimals: int) -> Decimal:
    return Decimal(whole).scaleb(-decimals, EXACT_ENOUGH.copy())
