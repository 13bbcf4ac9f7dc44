"""A board with its doubt beside a bare numpy bootstrap of the same shape: ``./alia bench ranking``.

Both resample the same cases 2,000 times for all rows. The bare one only takes the 95 % percentiles of the
quality of each row; ours adds the policy's exact scores, BCa, all pairs, Holm's correction, tie groups and
ranges of ranks. "Bare, gathered" picks the drawn cases resample by resample, the plain way to write it;
"bare, matrix" multiplies by how often each was drawn, the fastest that we know. Each is measured in a process
of its own, for its memory.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

# One thread for all of them: what a matrix product gains from a second one is not the question.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # the number of threads comes first
import numpy.typing as npt

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from scoring.ranking_full import rank_fully  # noqa: E402  # the path comes first
from scoring.ranking_live import LiveRanking  # noqa: E402
from scoring.uncertainty.values import BoardRule, RankedRow  # noqa: E402

GOAL_RATIO, GOAL_MB, GOAL_MS = 2.0, 1000, 50
RESAMPLES = 2000
SEED = "5e" * 32
VERDE = {"q_min": "0.20", "e_ref_mj": 2_000_000, "e_min_mj": 20_000, "lambda": "0.5"}
RIGHT = 10**6
PERCENTS = (2.5, 97.5)

Grades = npt.NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("--repetitions", type=int, default=1, help="energies of each row")
    parser.add_argument("--rounds", type=int, default=3, help="the best of so many")
    parser.add_argument("--changes", type=int, default=60, help="new and changed scores on the live board")
    chosen = parser.parse_args()
    shape = (chosen.rows, chosen.cases, chosen.repetitions)
    print(f"{shape[0]} rows x {shape[1]} cases, {shape[2]} repetitions, {RESAMPLES} resamples.\n")
    print("| | wall s | processor s | peak MB | ours / it, processor |")
    print("|---|---|---|---|---|")
    ours_s = 0.0
    for name in WAYS:
        rounds = [_apart(name, shape) for _ in range(chosen.rounds)]
        wall_s, processor_s, most_mb = min(rounds, key=_processor_s)
        ours_s = ours_s or processor_s
        print(f"| {name} | {wall_s:.2f} | {processor_s:.2f} | {most_mb:.0f} | {ours_s / processor_s:.2f} |")
    print(f"\nGoal: at most {GOAL_RATIO:g} times a bare one, under {GOAL_MB} MB.\n")
    _live(shape, chosen.changes)
    load = " ".join(f"{each:.1f}" for each in os.getloadavg())
    versions = f"Python {platform.python_version()}, numpy {np.__version__}"
    print(f"{os.cpu_count()} processors, load {load}, {versions}")


def _processor_s(measured: tuple[float, float, float]) -> float:
    return measured[1]


def rows_of(shape: tuple[int, int, int]) -> list[RankedRow]:
    """Rows of different ability over cases of different difficulty."""
    rows, cases, repetitions = shape
    chance = np.random.default_rng(1)
    odds = chance.normal(0, 1, (rows, 1)) - chance.normal(0, 1, cases)
    grades = (chance.random((rows, cases)) < 1 / (1 + np.exp(-odds))) * RIGHT
    energies = np.exp(chance.normal(12, 1, (rows, 1)) + chance.normal(0, 0.02, (rows, repetitions)))
    return [
        RankedRow(id=f"row-{at:06d}", grades=tuple(graded), energies_mj=tuple(energy))
        for at, (graded, energy) in enumerate(
            zip(grades.tolist(), (energies.astype(np.int64) + 1).tolist(), strict=True)
        )
    ]


def rule_of(shape: tuple[int, int, int]) -> BoardRule:
    return BoardRule(
        policy="verde", parameters=VERDE, weights=(1,) * shape[1], seed=SEED, resamples=RESAMPLES
    )


# --- the ways -------------------------------------------------------------------------------------------


def _ours(rows: list[RankedRow], shape: tuple[int, int, int]) -> object:
    return rank_fully(rule_of(shape), rows)


def _gathered(rows: list[RankedRow], shape: tuple[int, int, int]) -> object:
    # Cases first, so that what one resample picks is read in a row.
    grades = np.array([row.grades for row in rows], dtype=np.float64).T.copy()
    chance = np.random.default_rng(1)
    means = np.empty((RESAMPLES, len(rows)))
    for at in range(RESAMPLES):
        means[at] = grades[chance.integers(shape[1], size=shape[1])].mean(axis=0)
    return np.percentile(means, PERCENTS, axis=0)


def _matrix(rows: list[RankedRow], shape: tuple[int, int, int]) -> object:
    grades = np.array([row.grades for row in rows], dtype=np.float64)
    chance = np.random.default_rng(1)
    counts = chance.multinomial(shape[1], np.full(shape[1], 1 / shape[1]), size=RESAMPLES)
    return np.percentile(grades @ counts.T.astype(np.float64) / shape[1], PERCENTS, axis=1)


WAYS: dict[str, Callable[[list[RankedRow], tuple[int, int, int]], object]] = {
    "ours": _ours,
    "bare, gathered": _gathered,
    "bare, matrix": _matrix,
}


def _apart(name: str, shape: tuple[int, int, int]) -> tuple[float, float, float]:
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(_measured, (name, shape))


def _measured(name: str, shape: tuple[int, int, int]) -> tuple[float, float, float]:
    """Wall and processor seconds, and the process's peak in MB, the rows themselves with it."""
    rows = rows_of(shape)
    WAYS[name](rows[:200], shape)  # what is only done the first time
    began_s, used_s = time.perf_counter(), time.process_time()
    WAYS[name](rows, shape)
    wall_s, processor_s = time.perf_counter() - began_s, time.process_time() - used_s
    return wall_s, processor_s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


# --- the live board -------------------------------------------------------------------------------------


def _live(shape: tuple[int, int, int], changes: int) -> None:
    rows = rows_of(shape)
    live = LiveRanking(rule_of(shape), rows)
    live.board()
    chance = random.Random(1)
    taken_ms, used_ms = [], []
    for number in range(changes):
        row = replace(chance.choice(rows), id=f"new-{number}" if number % 2 else chance.choice(rows).id)
        began_s, used_s = time.perf_counter(), time.process_time()
        live.put(row)
        live.board()
        used_ms.append((time.process_time() - used_s) * 1000)
        taken_ms.append((time.perf_counter() - began_s) * 1000)
    print(
        f"One new score on a live board, and the whole board from it: {statistics.median(taken_ms):.0f} ms "
        f"(median; {statistics.median(used_ms):.0f} ms of processor), {max(taken_ms):.0f} ms "
        f"(worst of {changes}; {max(used_ms):.0f} ms); goal {GOAL_MS} ms.\n"
    )


if __name__ == "__main__":
    main()
