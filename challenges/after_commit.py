"""What is done once a transaction has been committed, and may fail without taking anything back."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec

from django.db import transaction

P = ParamSpec("P")


def after_commit(call: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
    """Call it after the commit, with these arguments. What it raises is logged and harms nobody.

    Never hand ``on_commit`` a ``functools.partial`` for that: Django's own line in the log asks for the name
    of what failed, which a partial has not, so the caller would get an error for what is stored and well.
    """

    def run() -> None:
        call(*args, **kwargs)

    transaction.on_commit(run, robust=True)
