"""List F1: partial credit for a list in which the order counts, as that of the steps of a procedure.

F1 = 2 · L / (items read + items expected), where L is the length of the longest common subsequence: the most
items that stand in the right order. Items are read and compared as ``set_f1`` does, but doubles are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from scoring.graders.reading import items
from scoring.graders.reading.items import ItemRule
from scoring.graders.reading.remembered import remembered
from scoring.graders.reading.shares import f1
from scoring.graders.reading.subsequence import common_length
from scoring.values import Grade

OPTIONS = items.OPTIONS


def check(*, spec: Mapping[str, Any], expected: Any) -> None:
    """``expected`` and spec as in ``set_f1``; here a whole item may stand several times."""
    _rule(spec, expected)


def grade(*, spec: Mapping[str, Any], answer: str, expected: Any) -> Grade:
    """The best F1 over the ways to read the answer as a list, with 6 decimals."""
    rule = _rule(spec, expected)
    in_order, read = max(
        ((common_length(rule.items, reading), reading) for reading in rule.readings(answer) if reading),
        key=lambda found: f1(found[0], len(found[1]), len(rule.items)),
        default=(0, ()),
    )
    if not read:
        return Grade(value=Decimal(0), reason="La respuesta no contiene ningún elemento.")
    known = set(rule.items)
    return Grade(
        value=f1(in_order, len(read), len(rule.items)),
        reason=f"Están en su orden {in_order} de los {len(read)} elementos leídos.",
        evidence="; ".join(item for item in read if item in known),
    )


@remembered
def _rule(spec: Mapping[str, Any], expected: Any) -> ItemRule:
    return ItemRule.of(spec, expected, may_repeat=True)
