"""What must be true of the rows at any moment, told rule by rule: the proof that no fault left a trace.

``manage.py check_invariants`` calls it, and so do the tests that break the engine on purpose. It reads and
never writes; it walks the rows in pieces, so that its memory does not grow with the contest. What it tells
holds no prompt, no answer and no case.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from challenges.invariants import (
    boards,
    circuits,
    evaluations,
    histories,
    purses,
    quotas,
    records,
    reviews,
    scores,
    suites,
)
from challenges.invariants.findings import Broken, Check
from challenges.invariants.snapshot import snapshot

__all__ = ["RULES", "Broken", "broken", "snapshot"]

CHECKS: tuple[Check, ...] = (
    *evaluations.CHECKS,
    *scores.CHECKS,
    *records.CHECKS,
    *histories.CHECKS,
    *purses.CHECKS,
    *quotas.CHECKS,
    *boards.CHECKS,
    *reviews.CHECKS,
    *suites.CHECKS,
    *circuits.CHECKS,
)
RULES: tuple[str, ...] = tuple(rule for check in CHECKS for rule in check.rules)


def broken(rules: Collection[str] = RULES) -> Iterator[Broken]:
    """Every row that breaks one of ``rules``. Raises ValueError for a rule that is none.

    While the contest goes on, call it inside ``snapshot()``: else rows that change between two queries look
    broken.
    """
    if unknown := sorted(set(rules) - set(RULES)):
        raise ValueError(f"no such rule: {', '.join(unknown)}")
    for check in CHECKS:
        if not set(check.rules).isdisjoint(rules):
            yield from (found for found in check.walk() if found.rule in rules)
