"""What a planted mistake is: edits of the code, and the tests that must notice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Database = Literal["sqlite", "postgres"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """``caught_by`` are arguments of pytest: a file, or a file and the part of a test's name after ``-k``."""

    name: str
    edits: tuple[Edit, ...]
    caught_by: tuple[str, ...]
    database: Database = "sqlite"


def planted(
    name: str, file: str, old: str, new: str, *caught_by: str, database: Database = "sqlite"
) -> Mutant:
    return Mutant(
        name=name, edits=(Edit(file=file, old=old, new=new),), caught_by=caught_by, database=database
    )
