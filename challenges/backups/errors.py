"""Why a backup was not made or not put back. Nothing was changed, except after ``RestoredDiffers``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from challenges.errors import ContestError


class BackupError(ContestError):
    """Fields, not sentences: ``telling`` makes these."""


class FileFault(BackupError):
    """The system does not let us read or write ``path``; ``reason`` is its own word for it."""

    def __init__(self, path: Path, *, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class FileExists(BackupError):
    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} exists")
        self.path = path


class NotABackup(BackupError):
    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is no backup")
        self.path = path


class Damaged(BackupError):
    """``how``: its end is missing, a byte of it is another, or what is in it is not what it says."""

    def __init__(self, path: Path, *, how: Literal["cut", "changed", "contents"]) -> None:
        super().__init__(f"{path} is damaged: {how}")
        self.path = path
        self.how = how


class TooNew(BackupError):
    """Made by code that knows more than this one: ``found`` is beyond ``ours``."""

    def __init__(self, *, what: Literal["format", "engine", "migration"], found: str, ours: str) -> None:
        super().__init__(f"{what} {found} is beyond {ours}")
        self.what = what
        self.found = found
        self.ours = ours


class OtherDatabase(BackupError):
    """A backup of one kind of database, to be put into one of another kind."""

    def __init__(self, *, backup: str, target: str) -> None:
        super().__init__(f"backup of {backup}, target {target}")
        self.backup = backup
        self.target = target


class NoTables(BackupError):
    """There is nothing to back up: the database was never migrated."""


class HoldsRows(BackupError):
    """The target is somebody's database already. ``rows`` counts what would be lost."""

    def __init__(self, *, rows: int) -> None:
        super().__init__(f"the target holds {rows} rows")
        self.rows = rows


class InUse(BackupError):
    """Processes of the platform work on the target; ``who`` names some of them."""

    def __init__(self, *, who: Sequence[str] = ()) -> None:
        super().__init__(f"the target is in use: {', '.join(who)}")
        self.who = tuple(who)


class ToolMissing(BackupError):
    """No ``tool`` of PostgreSQL ``major`` or later was found."""

    def __init__(self, *, tool: str, major: int) -> None:
        super().__init__(f"no {tool} of version {major} or later")
        self.tool = tool
        self.major = major


class ToolFailed(BackupError):
    """``said`` is one line of its own, without any row's values."""

    def __init__(self, *, tool: str, said: str) -> None:
        super().__init__(f"{tool}: {said}")
        self.tool = tool
        self.said = said


class RestoredDiffers(BackupError):
    """What was put back does not count as many rows as the backup says: of ``tables``."""

    def __init__(self, *, tables: Sequence[str]) -> None:
        super().__init__(f"other rows than the backup's in {', '.join(tables)}")
        self.tables = tuple(tables)
