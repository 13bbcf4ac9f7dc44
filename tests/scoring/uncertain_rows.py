"""Builders of rows and rules for boards with doubt."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from scoring.ranking_full import rank_fully
from scoring.uncertainty.values import BoardRule, RankedRow

SEED = "5e" * 32
VERDE = {"q_min": "0.20", "e_ref_mj": 2_000_000, "e_min_mj": 20_000, "lambda": "0.5"}
# A purse that nobody empties: the score is 100 · Q.
QUALITY_ONLY = {"purse_mj": 10**15}
RIGHT = 10**6


def a_rule(
    cases: int = 30,
    *,
    policy: str = "verde",
    parameters: Mapping[str, Any] = VERDE,
    weights: Sequence[int] = (),
    seed: str = SEED,
    resamples: int = 199,
) -> BoardRule:
    return BoardRule(
        policy=policy,
        parameters=parameters,
        weights=tuple(weights) or (1,) * cases,
        seed=seed,
        resamples=resamples,
    )


def a_row(
    id: str = "ana",
    grades: Sequence[int] = (),
    *,
    energies_mj: Sequence[int] = (200_000,),
    tiebreak: str = "",
    is_ranked: bool = True,
) -> RankedRow:
    """Of 30 cases, unless grades in millionths are given; every second is right."""
    return RankedRow(
        id=id,
        grades=tuple(grades) or (RIGHT, 0) * 15,
        energies_mj=tuple(energies_mj),
        prompt_tokens=900,
        completion_tokens=100,
        tiebreak=tiebreak,
        is_ranked=is_ranked,
    )


def right(number: int, of: int = 30, *, first: int = 0) -> tuple[int, ...]:
    """``number`` right cases of so many, from the ``first`` on."""
    return tuple(RIGHT if first <= case < first + number else 0 for case in range(of))


def some_rows(
    number: int, *, cases: int = 30, seed: int = 1, repetitions: int = 1, hard: float = 0.5
) -> list[RankedRow]:
    """Rows of different ability over cases of different difficulty, the same for the same arguments."""
    chance = random.Random(seed)
    difficulty = [chance.uniform(-hard, hard) for _ in range(cases)]
    rows = []
    for at in range(number):
        ability = chance.uniform(0.05, 0.95)
        energy_mj = int(20_000 * 100 ** chance.random())
        rows.append(
            a_row(
                f"row-{at:04d}",
                [
                    chance.choice([RIGHT, RIGHT, 500_000, 333_333]) if chance.random() < ability + each else 0
                    for each in difficulty
                ],
                energies_mj=[max(1, int(energy_mj * chance.uniform(0.9, 1.1))) for _ in range(repetitions)],
            )
        )
    return rows


def sha256_of_a_large_board() -> str:
    """All columns of a board with weights, repetitions, several groups and both sides of the minimum."""
    rule = a_rule(120, weights=(1, 2, 3, 4) * 30, resamples=999)
    board = rank_fully(rule, some_rows(200, cases=120, repetitions=3, seed=7))
    assert len(set(board.tie_group)) > 3
    assert len(set(board.reaches_minimum)) == 2
    return hashlib.sha256(json.dumps(asdict(board), sort_keys=True).encode()).hexdigest()
