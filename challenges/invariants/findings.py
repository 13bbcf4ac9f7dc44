"""What a check finds, and how checks go through many rows without holding them all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

ROWS_AT_ONCE = 500

ItemT = TypeVar("ItemT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """One row that breaks one rule: ``row`` names it ("evaluation 17"), ``what`` says how, for operators.

    ``is_certain`` is False where something that an organizer may do looks the same as damage.
    """

    rule: str
    row: str
    what: str
    is_certain: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One walk over the rows; it finds breaches of ``rules`` alone."""

    rules: tuple[str, ...]
    walk: Callable[[], Iterator[Broken]]


def in_batches(rows: Iterable[ItemT]) -> Iterator[list[ItemT]]:
    """The rows in lists of at most ``ROWS_AT_ONCE``; hand in a queryset's ``iterator``."""
    waiting = iter(rows)
    while batch := list(islice(waiting, ROWS_AT_ONCE)):
        yield batch
