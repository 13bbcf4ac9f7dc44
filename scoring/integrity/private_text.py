"""Stretches of private cases' inputs in a text: whoever writes one has read the case.

The rule: ``STRETCH`` letters and digits in a row, about eight Spanish words, whatever stands between them. A
stretch that holds ``KNOWN`` of them as they stand in a public text never counts, so that a case made after a
public one's pattern is no evidence; nor does one that more than ``MOST_CASES`` private cases share.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from scoring.integrity.reading import Reading, squeezed
from scoring.integrity.values import Background, Finding, PrivateCase, Rule, Where

STRETCH = 40
KNOWN = 20
MOST_CASES = 3
SHOWN = 80


def look(
    read: Sequence[Reading],
    private: Sequence[PrivateCase],
    background: Background,
    *,
    where: Where,
) -> Iterator[Finding]:
    """One finding for each reading that shows stretches, with the first of them and all the cases."""
    stretches = distinctive(private, background)
    seen: set[str] = set()
    for reading in read:
        text = squeezed(reading.text)
        starts = [
            start for start in range(len(text) - STRETCH + 1) if text[start : start + STRETCH] in stretches
        ]
        keys = {key for start in starts for key in stretches[text[start : start + STRETCH]]} - seen
        seen |= keys
        if keys:
            yield Finding(
                rule=Rule.PRIVATE_TEXT,
                where=where,
                reading=reading.name,
                keys=tuple(sorted(keys)),
                what=text[starts[0] : starts[0] + SHOWN],
            )


def distinctive(private: Sequence[PrivateCase], background: Background) -> Mapping[str, frozenset[str]]:
    """Every stretch that tells a private case, with the keys of the cases that hold it."""
    known = {
        background.squeezed[start : start + KNOWN] for start in range(len(background.squeezed) - KNOWN + 1)
    }
    found: dict[str, set[str]] = defaultdict(set)
    for case in private:
        for text in map(squeezed, case.inputs):
            for start in _starts(text, known):
                found[text[start : start + STRETCH]].add(case.key)
    return {stretch: frozenset(keys) for stretch, keys in found.items() if len(keys) <= MOST_CASES}


def _starts(text: str, known: set[str]) -> Iterator[int]:
    """Where stretches without anything known begin."""
    clear_from = 0
    for end in range(KNOWN, len(text) + 1):
        if text[end - KNOWN : end] in known:
            # A stretch from here on holds all but the first of these.
            clear_from = end - KNOWN + 1
        if end - STRETCH >= clear_from:
            yield end - STRETCH
