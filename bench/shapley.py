"""The published split of a shared GPU's energy beside exact Shapley values: ``./alia bench shapley``.

A small simulated GPU serves up to eight calls by continuous batching. The split sees what the platform sees:
slices of whole millijoules, times and tokens. The Shapley value of a call is its mean added cost over all
orders of arrival, where a set of calls costs one of two things: "as it ran", each step that served one of
them, with only their tokens in it; "without the others", what the GPU would use if only they came, with the
schedule simulated anew for each of the 2^n sets. All figures are of the simulation; no GPU is measured.
"""

from __future__ import annotations

import argparse
import math
import platform
import random
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import combinations, pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from scoring.energy.attribution import (  # noqa: E402  # the path comes first
    ESTIMATED_H200,
    Attribution,
    Call,
    Slice,
    Weights,
    attribute,
    slice_bounds,
)

NS_PER_S = 10**9
GOAL = 0.02
MOST_PLAYERS = 8
COLUMNS = ("as it ran", "without the others", "estimate", "time")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """A roofline: a step takes as long as its bytes or its arithmetic, whichever is longer, and a fixed rest.

    Of the order of one H200 with 40e9 parameters of 2 bytes, from its data sheet; energies chosen so that a
    busy GPU draws 500 to 700 W.
    """

    weight_bytes: float = 80e9
    context_bytes_a_token: float = 0.2e6
    bytes_a_s: float = 4.8e12
    operations_a_token: float = 80e9
    operations_a_s: float = 0.5e15
    fixed_s: float = 0.001
    idle_w: float = 120.0
    j_a_byte: float = 1.0e-10
    j_an_operation: float = 0.7e-12
    prefill_chunk: int = 2048

    def step(self, *, tokens: int, context_tokens: int) -> tuple[float, float]:
        """Seconds and joules of a step that computes ``tokens`` and reads the context of those it writes."""
        moved = self.weight_bytes + self.context_bytes_a_token * context_tokens
        operations = self.operations_a_token * tokens
        seconds = max(moved / self.bytes_a_s, operations / self.operations_a_s) + self.fixed_s
        return seconds, self.idle_w * seconds + self.j_a_byte * moved + self.j_an_operation * operations

    def weights(self) -> Weights:
        """What a calibration of this GPU would give: each weight from the steps that it belongs to."""
        _, step_j = self.step(tokens=0, context_tokens=0)
        token_j = self.j_an_operation * self.operations_a_token
        return replace(
            ESTIMATED_H200,
            version="simulada",
            # Reading takes as long as its arithmetic, writing as long as the weights take to be read.
            prefill=_mj(token_j + self.idle_w * self.operations_a_token / self.operations_a_s),
            decode=_mj(token_j),
            context=_mj((self.j_a_byte + self.idle_w / self.bytes_a_s) * self.context_bytes_a_token * 1000),
            step=_mj(step_j),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A call as it comes: when, and how much it reads and writes."""

    id: str
    comes_s: float
    prompt_tokens: int
    completion_tokens: int


@dataclass(slots=True)
class Running:
    wanted: Wanted
    read: int = 0
    written: int = 0
    first_token_s: float = 0.0

    def advance(self, tokens: int, now_s: float) -> None:
        if self.written:
            self.written += tokens
            return
        self.read += tokens
        if self.read == self.wanted.prompt_tokens:
            self.written, self.first_token_s = 1, now_s


# What each call had in a step: the tokens that were computed for it, and those of context that were read.
Step = dict[str, tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What happened: the energy so far by each moment, each step, and the calls as the platform sees them."""

    until_s: list[float]
    joules: list[float]
    steps: list[Step]
    calls: list[Call]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="random loads of each kind")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    print(f"Python {platform.python_version()}, {chosen.rounds} loads of each kind, seed {chosen.seed}.")
    print("Mean / worst relative distance of a call's part from its Shapley value:\n")
    print("| load | as it ran | without the others | with the H200 estimate | by time alone | goal |")
    print("|---|---|---|---|---|---|")
    for name, load in LOADS.items():
        chance = random.Random(chosen.seed)
        errors: dict[str, list[float]] = {column: [] for column in COLUMNS}
        for _ in range(chosen.rounds):
            for column, found in compare(Gpu(), load(chance)).items():
                errors[column] += found
        goal = f"{GOAL:.0%}" if statistics.mean(errors[COLUMNS[0]]) <= GOAL else f"{GOAL:.0%}, **missed**"
        print(" | ".join([f"| {name}", *(_shown(errors[column]) for column in COLUMNS), f"{goal} |"]))


def compare(gpu: Gpu, wanted: Sequence[Wanted]) -> dict[str, list[float]]:
    """Each call's relative distance from its Shapley value, by column of the table."""
    served = serve(gpu, wanted)
    ids = [one.id for one in wanted]
    as_it_ran = shapley(ids, lambda those: cost_of_steps(gpu, served.steps, those))
    alone = shapley(ids, lambda those: serve(gpu, [one for one in wanted if one.id in those]).joules[-1])
    own, nothing = gpu.weights(), Decimal(0)
    by_time = replace(own, prefill=nothing, decode=nothing, context=nothing, step=nothing)
    of_columns = [(own, as_it_ran), (own, alone), (ESTIMATED_H200, as_it_ran), (by_time, as_it_ran)]
    return {
        column: distances(attribute(weights, slices(served), served.calls), exact)
        for column, (weights, exact) in zip(COLUMNS, of_columns, strict=True)
    }


def distances(found: Attribution, exact: Mapping[str, float]) -> list[float]:
    return [abs(part.energy_mj / 1000 - exact[part.id]) / exact[part.id] for part in found.parts]


def cost_of_steps(gpu: Gpu, steps: Sequence[Step], those: frozenset[str]) -> float:
    theirs = ([had for id, had in step.items() if id in those] for step in steps)
    return sum(
        gpu.step(tokens=sum(had[0] for had in one), context_tokens=sum(had[1] for had in one))[1]
        for one in theirs
        if one
    )


def serve(gpu: Gpu, wanted: Sequence[Wanted]) -> Served:
    """Continuous batching: in each step all who write write one token, and a part of the prompts is read.

    While nobody is there no energy is counted: it is nobody's.
    """
    coming = sorted(wanted, key=lambda one: one.comes_s)
    running: list[Running] = []
    now_s, joules = 0.0, 0.0
    served = Served(until_s=[0.0], joules=[0.0], steps=[], calls=[])
    while coming or running:
        if not running and coming[0].comes_s > now_s:
            now_s = coming[0].comes_s
            served.until_s.append(now_s)
            served.joules.append(joules)
        while coming and coming[0].comes_s <= now_s:
            running.append(Running(coming.pop(0)))
        step = next_step(gpu, running)
        seconds, used_j = gpu.step(
            tokens=sum(had[0] for had in step.values()), context_tokens=sum(had[1] for had in step.values())
        )
        now_s, joules = now_s + seconds, joules + used_j
        served.until_s.append(now_s)
        served.joules.append(joules)
        served.steps.append(step)
        for one in running:
            one.advance(step.get(one.wanted.id, (0, 0))[0], now_s)
        for one in [one for one in running if one.written >= one.wanted.completion_tokens]:
            running.remove(one)
            served.calls.append(_seen(one, now_s))
    return served


def next_step(gpu: Gpu, running: Sequence[Running]) -> Step:
    step: Step = {
        one.wanted.id: (1, one.wanted.prompt_tokens + one.written) for one in running if one.written
    }
    left = gpu.prefill_chunk
    for one in running:
        if not one.written and left:
            part = min(left, one.wanted.prompt_tokens - one.read)
            step[one.wanted.id] = (part, 0)
            left -= part
    return step


def _seen(one: Running, ended_s: float) -> Call:
    return Call(
        id=one.wanted.id,
        started_ns=round(one.wanted.comes_s * NS_PER_S),
        first_token_ns=round(one.first_token_s * NS_PER_S),
        ended_ns=round(ended_s * NS_PER_S),
        prompt_tokens=one.wanted.prompt_tokens,
        completion_tokens=one.wanted.completion_tokens,
    )


def slices(served: Served) -> list[Slice]:
    """As a meter would give them: its log, interpolated and rounded at the cuts."""
    bounds = slice_bounds(0, math.ceil(served.until_s[-1]) * NS_PER_S, served.calls)
    by_bound = [round(1000 * _at(served, bound / NS_PER_S)) for bound in bounds]
    return [
        Slice(starts_ns=a, ends_ns=b, energy_mj=mj_b - mj_a)
        for (a, mj_a), (b, mj_b) in pairwise(zip(bounds, by_bound, strict=True))
    ]


def _at(served: Served, at_s: float) -> float:
    if at_s >= served.until_s[-1]:
        return served.joules[-1]
    after = next(index for index, until_s in enumerate(served.until_s) if until_s > at_s)
    since_s, until_s = served.until_s[after - 1], served.until_s[after]
    share = (at_s - since_s) / (until_s - since_s)
    return served.joules[after - 1] + share * (served.joules[after] - served.joules[after - 1])


def shapley(ids: Sequence[str], cost_of: Callable[[frozenset[str]], float]) -> dict[str, float]:
    """Exactly, over all sets. Source: Shapley, A Value for n-Person Games (1953)."""
    assert len(ids) <= MOST_PLAYERS
    cost = {frozenset[str](): 0.0}
    for size in range(1, len(ids) + 1):
        for those in combinations(ids, size):
            cost[frozenset(those)] = cost_of(frozenset(those))
    return {id: _value_of(id, ids, cost) for id in ids}


def _value_of(id: str, ids: Sequence[str], cost: Mapping[frozenset[str], float]) -> float:
    others = [other for other in ids if other != id]
    value = 0.0
    for size in range(len(ids)):
        weight = math.factorial(size) * math.factorial(len(ids) - size - 1) / math.factorial(len(ids))
        for those in combinations(others, size):
            value += weight * (cost[frozenset((*those, id))] - cost[frozenset(those)])
    return value


# --- loads ------------------------------------------------------------------------------------------------


def _load(chance: random.Random, *, players: int, within_s: float, read: int, written: int) -> list[Wanted]:
    return [
        Wanted(
            id=f"c{number}",
            comes_s=round(chance.uniform(0, within_s), 3),
            prompt_tokens=chance.randint(read // 4, read),
            completion_tokens=chance.randint(max(written // 4, 1), written),
        )
        for number in range(players)
    ]


LOADS: dict[str, Callable[[random.Random], list[Wanted]]] = {
    "alike, together": lambda chance: [
        replace(one, prompt_tokens=400, completion_tokens=150)
        for one in _load(chance, players=8, within_s=0.0, read=400, written=150)
    ],
    "short answers, a burst": lambda chance: _load(chance, players=8, within_s=0.5, read=1000, written=40),
    "long answers, a burst": lambda chance: _load(chance, players=8, within_s=0.5, read=1000, written=300),
    "long prompts": lambda chance: _load(chance, players=6, within_s=1.0, read=8000, written=200),
    "a steady mix": lambda chance: _load(chance, players=8, within_s=3.0, read=600, written=200),
    "as in a suite": lambda chance: _load(chance, players=8, within_s=1.0, read=300, written=60),
    "one after the other": lambda chance: _load(chance, players=8, within_s=20.0, read=1000, written=100),
}


def _mj(joules: float) -> Decimal:
    return Decimal(round(joules * 1000, 3)).quantize(Decimal("0.001"))


def _shown(errors: Sequence[float]) -> str:
    return f"{statistics.mean(errors):.2%} / {max(errors):.2%}"


if __name__ == "__main__":
    main()
