"""SQLite: the standard library's online backup, which gives one moment while others go on writing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from challenges.backups.contents import read_contents
from challenges.backups.errors import InUse, NoTables, ToolFailed
from challenges.backups.manifest import Contents, Manifest

# All pages in one step: a copy in pieces starts again with each write, and under load would never end.
ALL_PAGES = -1


class SqliteStore:
    kind = "sqlite"

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def folder(self) -> Path | None:
        return self._path.parent

    def dump(self, to: Path) -> tuple[Contents, int]:
        if not self._is_there():
            raise NoTables
        with _told(), closing(_opened(self._path)) as source, closing(sqlite3.connect(to)) as copy:
            moment = _now(source)
            source.backup(copy, pages=ALL_PAGES)
            # One file, without the two others that a database in WAL mode has beside it.
            copy.execute("PRAGMA journal_mode=DELETE")
            return _contents(copy, moment), 0

    def check(self, dump: Path, manifest: Manifest) -> bool:
        try:
            with closing(_opened(dump)) as copy:
                is_whole = copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
                found = _contents(copy, manifest.contents.moment)
        except (sqlite3.DatabaseError, NoTables):
            return False
        return is_whole and found == manifest.contents

    def contents(self) -> Contents | None:
        if not self._is_there():
            return None
        try:
            with _told(), closing(_opened(self._path)) as connection:
                return _contents(connection, _now(connection))
        except NoTables:
            return None

    def load(self, dump: Path, manifest: Manifest) -> None:
        is_new = not self._path.exists()
        with _told(), closing(_opened(dump)) as copy, closing(_opened_alone(self._path)) as target:
            if is_new:
                self._path.chmod(0o600)
            # One transaction by SQLite's own journal: a power cut in the middle leaves the old rows.
            copy.backup(target, pages=ALL_PAGES)

    def _is_there(self) -> bool:
        # Opening one that is not there would make an empty one.
        return self._path.is_file() and self._path.stat().st_size > 0


@contextmanager
def _told() -> Iterator[None]:
    """A full disk, or a file that is no database: raises ToolFailed."""
    try:
        yield
    except sqlite3.Error as fault:
        raise ToolFailed(tool="SQLite", said=str(fault)) from fault


def _opened_alone(path: Path) -> sqlite3.Connection:
    """Nobody else may open it until it is closed. Raises InUse when somebody has it open."""
    # Never waits: whoever holds it now holds it for longer than we would want to.
    target = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        # In WAL mode, as the platform has it, this fails even for somebody who has it open and does nothing.
        target.execute("PRAGMA locking_mode=EXCLUSIVE")
        target.execute("BEGIN EXCLUSIVE")
        target.execute("COMMIT")
    except sqlite3.OperationalError as fault:
        target.close()
        raise InUse from fault
    return target


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True)


def _now(connection: sqlite3.Connection) -> datetime:
    written = connection.execute("SELECT STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')").fetchone()[0]
    return datetime.fromisoformat(written).replace(tzinfo=UTC)


def _contents(connection: sqlite3.Connection, moment: datetime) -> Contents:
    names = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'"
    )
    tables = [name for (name,) in names]
    return read_contents(lambda sql: connection.execute(sql).fetchall(), tables=tables, moment=moment)
