"""A case's spec is checked once and not again for each answer: that is most of the work of a plain grader.

What is kept is what the build made of the values, never the spec itself, so that a caller may change it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

Built = TypeVar("Built")
# Far above the cases of a suite; a longer memory would only keep what nobody grades any more.
MAX_REMEMBERED = 2048


def remembered(
    build: Callable[[Mapping[str, Any], Any], Built],
) -> Callable[[Mapping[str, Any], Any], Built]:
    """``build(spec, expected)`` whose results are kept by what spec and expected hold; errors are not kept.

    ``repr`` tells 1 from True and from 1.0, which are equal as keys. ``build`` must be pure and its result
    frozen and free of the very objects it got. Two threads may build the same twice, which does no harm.
    """
    kept: dict[tuple[str, str], Built] = {}

    def rebuilt(spec: Mapping[str, Any], expected: Any) -> Built:
        try:
            key = (repr(spec), repr(expected))
        except (ValueError, RecursionError):  # a number of 5000 digits, a list in itself: the build tells
            return build(spec, expected)
        if key in kept:
            return kept[key]
        built = build(spec, expected)
        if len(kept) >= MAX_REMEMBERED:
            kept.clear()
        kept[key] = built
        return built

    return rebuilt
