"""A real worker, started as ``./alia worker`` starts it, on the test's database and a queue of its own."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from celery import current_app
from django.conf import settings
from django.db import connection

from tests.servers import Process, Valkey, wait_until

# How long a worker that was told to stop may take, whatever it is doing.
DRAINED_S = 10


class Worker:
    """``queue`` is named after the log's folder, so that no other test's rings are heard."""

    def __init__(
        self, folder: Path, *, inference_url: str, model: str, valkey: Valkey, name: str = "worker"
    ) -> None:
        self.queue = folder.name[-60:]
        self._environment = {
            "DATABASE_URL": database_url(),
            "REDIS_URL": valkey.url,
            "INFERENCE_URL": inference_url,
            "INFERENCE_MODEL": model,
        }
        self._name = name
        self._log = folder / f"{name}.log"
        self.process: Process | None = None

    def start(self, *arguments: str, **more: str) -> None:
        """Returns when the worker is ready."""
        command = [sys.executable, "-m", "desafio.worker", "--queue", self.queue, "--name", self._name]
        self.process = Process([*command, *arguments], log=self._log, env={**self._environment, **more})
        self.process.start()
        wait_until(lambda: " ready." in self.log(), f"the worker is ready\n{self.log()}")

    def ring(self, *content: object, **named_content: object) -> None:
        send(self.queue, content, named_content)

    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def drain(self) -> None:
        """SIGTERM, and it ends by itself in time; an AssertionError with its log when it does not."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGTERM)
        wait_until(lambda: not self._is_running(), f"it ends by itself\n{self.log()}", seconds=DRAINED_S)

    def stop(self) -> None:
        if self.process is not None:
            self.process.stop()

    def _is_running(self) -> bool:
        return self.process is not None and self.process.is_running


def send(
    queue: str, content: tuple[object, ...] = (), named_content: Mapping[str, object] | None = None
) -> None:
    current_app.send_task("challenges.work", args=content, kwargs=dict(named_content or {}), queue=queue)


def database_url() -> str:
    """The address of the test's own database, for another process."""
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return f"postgresql://postgres:@/{name}?host={settings.DATABASES['default']['OPTIONS']['host']}"
