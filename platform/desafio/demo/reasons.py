"""Why a demo cannot go on, as a sentence for whoever started it: raised anywhere, shown by ``__main__``."""

from __future__ import annotations


class CannotStart(Exception):
    """``str`` is a Spanish sentence that says what to do; shown as it is, without a traceback."""


class DidNotScore(Exception):
    """A seeded submission did not come to a score; ``str`` says which, and why."""
