"""A demo of its own for the journeys: fresh data folder, free ports, and the real browser of the system."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.servers import free_port, wait_until

ROOT = Path(__file__).resolve().parents[2]
SHOTS = ROOT / "shots"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
READY_S = 120
# Three submissions of 120 cases on two slow cores, and the start of everything.
ONCE_S = 25 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoRun:
    """A ``--once --json`` that has ended."""

    folder: Path
    returncode: int
    stdout: str
    stderr: str

    @property
    def board(self) -> Any:
        return json.loads(self.stdout)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningDemo:
    folder: Path
    url: str
    process: subprocess.Popen[str]
    log: Path

    def password_of(self, role: str) -> tuple[str, str]:
        """E-mail and password of the first account of the role."""
        accounts = json.loads((self.folder / "accounts.json").read_text())
        account = next(account for account in accounts if account["role"] == role)
        return account["email"], account["password"]


def demo_environment() -> dict[str, str]:
    """That of a person's terminal: none of the variables of the tests may help the demo along."""
    ours = ("DJANGO_", "DESAFIO_", "INFERENCE_", "SECRET_KEY", "DATABASE_URL", "REDIS_URL", "LIVE_URL")
    limits = ("ACCOUNT_RATE_LIMITS", "API_THROTTLE_RATES", "ALLOWED_HOSTS", "PUBLIC_URL", "WITNESS_ENABLED")
    kept = {name: value for name, value in os.environ.items() if not name.startswith((*ours, *limits))}
    return {**kept, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'platform'}"}


def demo_command(folder: Path, port: int, *more: str) -> list[str]:
    return [sys.executable, "-m", "desafio.demo", "--data", str(folder), "--port", str(port), *more]


def run_once(folder: Path) -> DemoRun:
    ended = subprocess.run(
        demo_command(folder, free_port(), "--once", "--json"),
        env=demo_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=ONCE_S,
    )
    return DemoRun(folder=folder, returncode=ended.returncode, stdout=ended.stdout, stderr=ended.stderr)


def processes_of(folder: Path) -> list[str]:
    """The command lines of all processes that were started for this data folder."""
    mark = f"DESAFIO_DATA_DIR={folder}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


@pytest.fixture(scope="session")
def first_run() -> Iterator[DemoRun]:
    """The three examples on a fresh folder, run to their end."""
    base = Path(tempfile.mkdtemp(prefix="desafio-demo-"))
    yield run_once(base / "datos")
    shutil.rmtree(base, ignore_errors=True)


@pytest.fixture(scope="session")
def running_demo(first_run: DemoRun) -> Iterator[RunningDemo]:
    """The demo as it stands after its first start: examples scored, everything up.

    In a copy of the folder, because people hand in here and look for what was there at first there.
    """
    port = free_port()
    folder = first_run.folder.with_name("copia")
    shutil.copytree(first_run.folder, folder)
    log = folder.with_suffix(".log")
    with log.open("w") as output:
        process = subprocess.Popen(
            demo_command(folder, port),
            env=demo_environment(),
            stdout=output,
            stderr=output,
            text=True,
        )
    demo = RunningDemo(folder=folder, url=f"http://127.0.0.1:{port}", process=process, log=log)

    def is_up() -> bool:
        assert process.poll() is None, log.read_text()
        return "Ctrl-C para terminar" in log.read_text()

    try:
        wait_until(is_up, "the demo is up", seconds=READY_S)
        yield demo
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(20)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert path, "Chromium is missing: apt install chromium (./alia test does it where it may)"
    SHOTS.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=BROWSER_ARGUMENTS)
        yield launched
        launched.close()
