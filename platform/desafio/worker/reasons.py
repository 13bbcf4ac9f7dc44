"""Why a worker does not start, as a sentence for whoever started it; ``__main__`` shows it."""

from __future__ import annotations


class CannotStart(Exception):
    """``str`` is one Spanish sentence or two that say what to do. It never holds a setting's value: those of
    addresses carry passwords."""
