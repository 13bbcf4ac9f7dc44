"""What a database of ours holds, counted by any connection that answers SQL; each kind of store calls it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from challenges.backups.errors import NoTables
from challenges.backups.manifest import Contents

Ask = Callable[[str], list[tuple[Any, ...]]]
NEEDED_TABLES = frozenset({"django_migrations", "challenges_engine"})


def read_contents(ask: Ask, *, tables: Iterable[str], moment: datetime) -> Contents:
    """Rows of each of ``tables``, engine and migrations as of ``moment``. Raises NoTables."""
    known = sorted(tables)
    if not set(known) >= NEEDED_TABLES:
        raise NoTables
    # The names come from the database's own catalogue.
    rows = {table: int(ask(f"SELECT COUNT(*) FROM {_quoted(table)}")[0][0]) for table in known}  # noqa: S608
    engine = ask("SELECT COALESCE(MAX(version), 0) FROM challenges_engine")[0][0]
    migrations = ask("SELECT app, name FROM django_migrations ORDER BY app, name")
    return Contents(
        moment=moment,
        engine=int(engine),
        migrations=tuple(f"{app}.{name}" for app, name in migrations),
        rows=rows,
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
