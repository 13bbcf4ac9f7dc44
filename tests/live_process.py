"""The live process for tests: a real uvicorn on a free port, and a client that reads its streams.

Tests of the process and of the board page start it, beside the fixture ``valkey``. It is no stand-in.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import httpx
from django.conf import settings
from django.db import connection

from challenges.models import Phase
from tests.servers import Process, free_port, wait_until

WEB_ORIGIN = "http://web.example"
READ_S = 10
METRICS_TOKEN = "quien-mira-el-directo"
SHOWS_THE_TOKEN = {"Authorization": f"Bearer {METRICS_TOKEN}"}


@dataclass(frozen=True, kw_only=True)
class Live:
    """The running process. ``get`` asks, ``events`` opens a stream."""

    process: Process
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, **headers: str) -> httpx.Response:
        return httpx.get(self.url + path, headers=headers, timeout=READ_S)

    def health(self) -> dict[str, Any]:
        return cast(dict[str, Any], self.get("/vivo/salud/listo", **SHOWS_THE_TOKEN).json())

    @contextlib.contextmanager
    def events(self, phase: Phase, query: str = "", **headers: str) -> Iterator[Events]:
        url = f"{self.url}{path_of(phase)}/eventos{query}"
        with httpx.stream("GET", url, headers=headers, timeout=READ_S) as answer:
            yield Events(answer=answer, lines=answer.iter_lines())


@dataclass(frozen=True, kw_only=True)
class Event:
    id: str
    name: str
    content: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Events:
    """An open stream; a read that takes longer than READ_S fails the test."""

    answer: httpx.Response
    lines: Iterator[str]
    comments: list[str] = field(default_factory=list)

    def next(self) -> Event:
        fields: dict[str, str] = {}
        for line in self.lines:
            if line.startswith(":"):
                self.comments.append(line[1:].strip())
            elif line == "" and "data" in fields:
                return Event(id=fields["id"], name=fields["event"], content=json.loads(fields["data"]))
            elif line:
                name, _, value = line.partition(": ")
                fields[name] = value
        raise AssertionError(f"the stream ended; comments: {self.comments}")

    def until_the_end(self) -> list[str]:
        return [*self.comments, *(line[1:].strip() for line in self.lines if line.startswith(":"))]


def path_of(phase: Phase) -> str:
    return f"/vivo/{phase.challenge.slug}/{phase.slug}"


def _database_url() -> str:
    """The test database's address: pytest gives it another name than the settings do."""
    kept = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{kept['NAME']}"
    address, _, options = os.environ["DATABASE_URL"].partition("?")
    return f"{address.rpartition('/')[0]}/{kept['NAME']}?{options}"


def start_live(folder: Path, *, port: int | None = None, **variables: str) -> Live:
    port = port or free_port()
    arguments = [
        sys.executable,
        "-m",
        "uvicorn",
        "desafio.live.asgi:app",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    process = Process(
        [*arguments, "--timeout-graceful-shutdown", "5", "--no-access-log"],
        log=folder / "live.log",
        env={
            "DATABASE_URL": _database_url(),
            "REDIS_URL": settings.REDIS_URL,
            "LIVE_ALLOWED_ORIGINS": WEB_ORIGIN,
            "METRICS_TOKEN": METRICS_TOKEN,
            "DJANGO_SETTINGS_MODULE": "desafio.settings",
            **variables,
        },
    )
    process.start()
    live = Live(process=process, port=port)
    wait_until(lambda: _is_well(live), f"the live process answers\n{process.log()}")
    return live


def _is_well(live: Live) -> bool:
    assert live.process.is_running, live.process.log()
    try:
        told = live.health()
    except httpx.HTTPError:
        return False
    return bool(told["status"] == "ready")
