"""What a kind of database must be able to do for its backups, and which one ``DATABASE_URL`` names."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from django.db import connection

from challenges.backups.manifest import Contents, Manifest


class Store(Protocol):
    """``kind`` is Django's name for it; ``folder`` is where a dump has room, None for the system's place."""

    kind: str

    @property
    def folder(self) -> Path | None: ...

    def dump(self, to: Path) -> tuple[Contents, int]:
        """Write everything as of one moment, and tell what that is; also the tool's version.

        The platform may run meanwhile. Raises NoTables, ToolMissing, ToolFailed.
        """

    def check(self, dump: Path, manifest: Manifest) -> bool:
        """Whether the dump can be put back, as far as can be seen without doing it. Raises ToolMissing."""

    def contents(self) -> Contents | None:
        """What the database holds now; None when it has no tables of ours, or is not even there."""

    def load(self, dump: Path, manifest: Manifest) -> None:
        """Put the dump in the place of everything, in one step that either happens or does not.

        Raises InUse, ToolMissing, ToolFailed: then nothing was changed.
        """


def of_settings() -> Store:
    # Here, or each of the two would be imported where only the other is used.
    if connection.vendor == "sqlite":
        from challenges.backups.sqlite import SqliteStore

        return SqliteStore(Path(connection.settings_dict["NAME"]))
    from challenges.backups.postgres import PostgresStore

    return PostgresStore(connection)
