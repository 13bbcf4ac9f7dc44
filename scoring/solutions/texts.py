"""What is asked of every text that somebody hands in for the model: of a template, and of an example."""

from __future__ import annotations

from collections.abc import Iterator

from scoring.solutions.characters import find_unseen
from scoring.solutions.template import SLOT
from scoring.solutions.turn_marks import find_turn_marks
from scoring.values import ContentLimits, Problem


def check_text(
    field: str, text: str, limits: ContentLimits, *, is_template: bool = False
) -> Iterator[Problem]:
    """``too_long`` (length, limit), ``too_many_lines`` (count, limit), unseen characters, ``turn_mark``."""
    if len(text) > limits.max_characters:
        params = {"length": len(text), "limit": limits.max_characters}
        yield Problem(field=field, code="too_long", params=params)
    lines = text.count("\n") + 1
    if lines > limits.max_lines:
        yield Problem(field=field, code="too_many_lines", params={"count": lines, "limit": limits.max_lines})
    # What is beyond the limit has to go anyway: a text of a megabyte costs no more than one of the limit.
    looked_at = text[: limits.max_characters]
    yield from find_unseen(looked_at, field=field)
    # Without its slots: a mark can also be put together around one.
    yield from find_turn_marks(SLOT.sub("", looked_at) if is_template else looked_at, field=field)
