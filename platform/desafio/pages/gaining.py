"""What would have to change in a scored submission for a point more, one figure at a time and all else equal.

The page of a submission calls it. Every answer is found by asking ``scoring.policies.terms``, and no formula
is turned around here: what is told is what the policy gives, to the last unit, under a new policy too.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from scoring import policies
from scoring.policies.terms.values import MILLIONTHS, millionths
from scoring.values import Use

# A point, in what scores are counted in.
POINT = 10_000

# Whether the submission does what its policy asks for, and the score in ten-thousandths.
Merit = tuple[bool, int]
# The merit with a figure that is better by so many of its units.
After = Callable[[int], Merit]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a figure would have to be, and how far that is from what it is."""

    to: Decimal | int
    by: Decimal | int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What better values of one figure are worth.

    ``meets`` does what the policy asks for; None where the submission does already, or where this figure
    alone does not help. ``point`` is worth a whole point; None where none is, or only together with
    ``meets``. ``best`` is the score at the figure's end: Q = 1, 1 mJ, no token.
    """

    meets: Target | None
    point: Target | None
    best: Decimal
    is_worth_nothing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Gains:
    """Quality in [0, 1], energy in mJ, and tokens of the ranked cases."""

    quality: Change
    energy: Change
    prompt_tokens: Change
    completion_tokens: Change


def of(*, policy: str, parameters: Mapping[str, Any], quality: Decimal, use: Use) -> Gains:
    """Raises what ``scoring.policies.terms`` does."""
    shown = millionths(quality)
    terms = policies.terms(policy=policy, parameters=parameters, use=use)

    def with_use(**changes: int) -> Merit:
        return policies.terms(policy=policy, parameters=parameters, use=replace(use, **changes)).at(shown)

    better_answers = _change(lambda by: terms.at(shown + by), furthest=MILLIONTHS - shown)
    return Gains(
        quality=replace(
            better_answers,
            meets=_in_quality(better_answers.meets, shown),
            point=_in_quality(better_answers.point, shown),
        ),
        energy=_less(
            lambda by: with_use(energy_mj=use.energy_mj - by), now=use.energy_mj, furthest=use.energy_mj - 1
        ),
        prompt_tokens=_less(
            lambda by: with_use(prompt_tokens=use.prompt_tokens - by),
            now=use.prompt_tokens,
            furthest=use.prompt_tokens,
        ),
        completion_tokens=_less(
            lambda by: with_use(completion_tokens=use.completion_tokens - by),
            now=use.completion_tokens,
            furthest=use.completion_tokens,
        ),
    )


def _less(after: After, *, now: int, furthest: int) -> Change:
    found = _change(after, furthest=furthest)
    return replace(found, meets=_below(found.meets, now), point=_below(found.point, now))


def _change(after: After, *, furthest: int) -> Change:
    """In the figure's own units: ``to`` is left for the caller, who knows which way is better."""
    now, end = after(0), after(furthest)
    is_met, score = now

    def gains(by: int) -> bool:
        meets, then = after(by)
        return meets > is_met or then >= score + POINT

    first = _first(gains, furthest)
    # What crosses the policy's condition may even lower the score: it is told as that alone.
    point = first if first is not None and after(first)[0] == is_met else None
    meets = None if is_met else _first(lambda by: after(by)[0], furthest)
    return Change(
        meets=None if meets is None else Target(to=0, by=meets),
        point=None if point is None else Target(to=0, by=point),
        best=Decimal(end[1]).scaleb(-4),
        is_worth_nothing=end == now,
    )


def _first(is_enough: Callable[[int], bool], furthest: int) -> int | None:
    """The least step that is enough. No policy makes a better figure worth less, so halving finds it."""
    steps = range(1, furthest + 1)
    found = bisect_left(steps, True, key=is_enough)
    return steps[found] if found < len(steps) else None


def _in_quality(target: Target | None, now: int) -> Target | None:
    if target is None:
        return None
    by = int(target.by)
    return Target(to=Decimal(now + by).scaleb(-6), by=Decimal(by).scaleb(-6))


def _below(target: Target | None, now: int) -> Target | None:
    return None if target is None else replace(target, to=now - int(target.by))
