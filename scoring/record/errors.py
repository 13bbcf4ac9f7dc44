"""What can be wrong with a record, a chain, a bundle or the store, each with what and where.

``what`` is Spanish, for whoever checks a record; ``where`` is the place: a path inside a record
("runs.3.grade"), or an entry of a bundle.
"""

from __future__ import annotations

from typing import Literal, Self

from scoring.errors import ScoringError

Break = Literal["missing", "doubled", "reordered", "other-phase", "previous"]


class RecordError(ScoringError):
    """Anything that ``scoring.record`` raises on purpose; ``str`` is a sentence in Spanish.

    Its arguments are those of ``Exception``, so that it travels from one process to another.
    """

    def __init__(self, what: str, where: str = "") -> None:
        self.what = what
        self.where = where
        super().__init__(what, where)

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what

    def inside(self, step: str | int) -> Self:
        """The same one, seen from one level further out."""
        return type(self)(self.what, where=f"{step}.{self.where}" if self.where else str(step))


class NotCanonical(RecordError):
    """A value that canonical JSON cannot hold, or bytes that are not canonical JSON."""


class RecordUnreadable(RecordError):
    """Canonical JSON that is no record of a format that we know."""


class NotRecomputable(RecordError):
    """A record, whole in form, from which no score can be worked out."""


class DisclosureUnreadable(RecordError):
    """Salts, cases or answers that were disclosed do not have the form that they must have."""


class BundleRefused(RecordError):
    """A file that is not, byte for byte, what ``bundle`` writes."""


class EntryChanged(BundleRefused):
    """An entry or a file whose bytes are not those of its own hash."""


class BundleTooLarge(RecordError):
    """More than one bundle can hold: export the phase in several, each with a part of the chain."""


class ChainBroken(RecordError):
    """The first place at which a chain does not hold.

    ``number`` is the link's; ``expected`` and ``found`` are what should stand there and what does.
    """

    def __init__(self, *, number: int, problem: Break, expected: str, found: str) -> None:
        self.number = number
        self.problem: Break = problem
        self.expected = expected
        self.found = found
        what = f"{SAID[problem]}: se esperaba {expected} y se encontró {found}."
        super().__init__(what, where=f"registro {number}")


SAID: dict[Break, str] = {
    "missing": "falta",
    "doubled": "está repetido",
    "reordered": "está fuera de su orden",
    "other-phase": "es de otra fase",
    "previous": "no enlaza con el anterior",
}


class StoreError(RecordError):
    """The store of records did not do its part; ``where`` is the hash that was asked for."""


class StoreFull(StoreError):
    """The disk or the quota is full: nothing was written under that name, and it may be tried again."""


class StoreConflict(StoreError):
    """Under this name lie other bytes than those that it stands for: somebody or something changed them."""


class NotStored(StoreError):
    """Nothing lies under this name."""
