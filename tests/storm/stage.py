"""The real processes of a storm or of a bench: database, broker, backend, sweeper and workers.

Nothing here looks at a row or imports Django: ``prepare`` comes before the settings are read, and whoever
starts a process here ends it with ``close``. Each process writes a log of its own into ``folder``.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from desafio.worker.__main__ import QUIET
from tests import environment
from tests.postgres_server import PostgresServer
from tests.scripted_backend import MODEL
from tests.servers import Process, Valkey, wait_until
from tests.storm.plan import Database

LEASE_S = 3
CELERY = ["celery", "-A", "desafio", "worker", "-c", "1", "-l", "INFO"]
READY = " ready."


def prepare(folder: Path, *, database: Database, lease_s: int = LEASE_S) -> Stage:
    """Start the database and set every variable that the settings read; Django may be set up after it."""
    # The storm has a server of its own, whatever the tests were told to use.
    os.environ.pop("TEST_DATABASE", None)
    # Merely importing the package of the platform sets it; nobody has read a setting yet.
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)
    environment.prepare()
    stage = Stage(folder, postgres=PostgresServer() if database == "postgres" else None)
    try:
        stage.start_database()
    except BaseException:
        stage.close()
        raise
    os.environ.update(
        {
            "DATABASE_URL": stage.database_url,
            "REDIS_URL": stage.valkey.url,
            "INFERENCE_MODEL": MODEL,
            "LEASE_SECONDS": str(lease_s),
            "DJANGO_SETTINGS_MODULE": "desafio.settings",
        }
    )
    return stage


class Worker:
    """A Celery worker with a pool of one child; both are in one process group."""

    def __init__(self, process: Process, *, name: str) -> None:
        self.process = process
        self.name = name
        self.is_frozen = False
        self._was_ready = False

    @property
    def is_ready(self) -> bool:
        """Whether it takes evaluations; asking is cheap once it was."""
        if not self._was_ready:
            self._was_ready = READY in self.process.log()
        return self._was_ready and self.process.is_running and not self.is_frozen

    def owns(self, pid: int) -> bool:
        """Whether ``pid`` is one of its processes."""
        try:
            return os.getpgid(pid) == self.process.pid
        except ProcessLookupError:
            return False

    def freeze(self) -> None:
        """SIGSTOP for both of its processes, as a machine that hangs."""
        self.is_frozen = True
        os.killpg(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.killpg(self.process.pid, signal.SIGCONT)
        self.is_frozen = False


class Stage:
    """All processes of one run. ``workers`` holds those that were not killed; the logs hold all."""

    def __init__(self, folder: Path, *, postgres: PostgresServer | None) -> None:
        self.folder = folder
        self.postgres = postgres
        self.valkey = Valkey(folder / "valkey.sock", folder / "valkey")
        self.workers: list[Worker] = []
        self.sweeper: Process | None = None
        self._started: list[Process] = []

    @property
    def database_url(self) -> str:
        return self.postgres.url if self.postgres else f"sqlite:///{self.folder / 'desafio.sqlite3'}"

    def start_database(self) -> None:
        if self.postgres is not None:
            self.postgres.start()

    def start_backend(self, *, answer_ms: int) -> str:
        """Start the backend and name it to all processes that start from now on; returns its address."""
        arguments = ["tests.storm.backend", "--answer-ms", str(answer_ms)]
        process = self.start_process(*arguments, name="backend")
        wait_until(lambda: "http://" in process.log(), "the backend listens")
        url = process.log().split()[-1]
        os.environ["INFERENCE_URL"] = url
        return url

    def start_sweeper(self) -> None:
        self.sweeper = self.start_process("django", "sweep", name=self._numbered("sweeper"))

    def start_worker(self) -> Worker:
        """Does not wait until it is ready: a storm has no time for that."""
        name = self._numbered("worker")
        worker = Worker(self.start_process(*CELERY, *QUIET, name=name), name=name)
        self.workers.append(worker)
        return worker

    def kill_worker(self, worker: Worker) -> None:
        self.workers.remove(worker)
        worker.process.kill()

    def wipe_broker(self) -> None:
        """Delete all that the stopped broker has written: every ring in it is gone."""
        shutil.rmtree(self.folder / "valkey" / "appendonlydir")

    def start_process(
        self, *module_and_arguments: str, name: str, env: Mapping[str, str] | None = None
    ) -> Process:
        """``python -m …`` with the settings of this run; its log is ``<name>.log``."""
        arguments = [sys.executable, "-m", *module_and_arguments]
        process = Process(arguments, log=self.folder / f"{name}.log", env=env)
        self._started.append(process)
        process.start()
        return process

    def stop_workers(self) -> None:
        """SIGTERM to all of them at once, as a deploy does, and wait for each."""
        for worker in self.workers:
            if worker.is_frozen:
                worker.thaw()
            os.kill(worker.process.pid, signal.SIGTERM)
        for worker in self.workers:
            worker.process.stop()
        self.workers.clear()

    def close(self) -> None:
        """End every process that was started here, whatever state it is in."""
        for process in reversed(self._started):
            if process.is_running:
                process.kill()
        self.valkey.stop()
        if self.postgres is not None:
            self.postgres.remove()

    def worker_logs(self) -> str:
        logs = sorted(self.folder.glob("worker-*.log"))
        return "\n".join(log.read_text(errors="replace") for log in logs)

    def _numbered(self, name: str) -> str:
        return f"{name}-{1 + len(list(self.folder.glob(f'{name}-*.log')))}"


def pid_in(worker_name: str) -> int | None:
    """The process id in the name under which a worker claims (``host:pid``)."""
    numbers = re.findall(r":(\d+)", worker_name)
    return int(numbers[-1]) if numbers else None
