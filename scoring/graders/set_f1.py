"""Set F1: partial credit for a list whose order does not matter and where a double counts once.

F1 = 2 · shared / (items read + items expected) over the two sets. Items are compared as ``exact`` compares
texts; how an answer is cut into items is said in ``reading/items.py`` and in docs/scoring.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from scoring.graders.reading import items
from scoring.graders.reading.items import ItemRule
from scoring.graders.reading.remembered import remembered
from scoring.graders.reading.shares import f1
from scoring.values import Grade

OPTIONS = items.OPTIONS


def check(*, spec: Mapping[str, Any], expected: Any) -> None:
    """``expected`` is a list of items, each a text or a list of texts that are right for it, all different.

    spec, all optional: ``{"separator": text, "accents": "keep" | "ignore"}``; with a separator the answer is
    cut there and nowhere else.
    """
    _rule(spec, expected)


def grade(*, spec: Mapping[str, Any], answer: str, expected: Any) -> Grade:
    """The best F1 over the ways to read the answer as a list, with 6 decimals."""
    rule = _rule(spec, expected)
    right = frozenset(rule.items)
    read = max(
        map(frozenset, rule.readings(answer)),
        key=lambda reading: f1(len(reading & right), len(reading), len(right)),
        default=frozenset[str](),
    )
    if not read:
        return Grade(value=Decimal(0), reason="La respuesta no contiene ningún elemento.")
    shared = sorted(read & right)
    return Grade(
        value=f1(len(shared), len(read), len(right)),
        reason=f"Son correctos {len(shared)} de los {len(read)} elementos leídos.",
        evidence="; ".join(shared),
    )


@remembered
def _rule(spec: Mapping[str, Any], expected: Any) -> ItemRule:
    return ItemRule.of(spec, expected, may_repeat=False)
