"""The real meter as a process of its own, over the synthetic counter, for tests that measure with it."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import httpx

from scoring.energy.metered import MeteredSource, find_meter
from tests.servers import Process, free_port, wait_until

TOKEN = "a-token-for-tests-only"
CURVE = "synthetic:constant=250"
MODULE = [sys.executable, "-m", "scoring.energy.meter"]
ENDS_S = 60


class MeterProcess:
    """A meter on a port that stays its own over a restart."""

    def __init__(self, folder: Path, *, source: str = CURVE, options: tuple[str, ...] = ()) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        arguments = [*MODULE, "--source", source, "--listen", f"127.0.0.1:{port}", *options]
        self.process = Process(arguments, log=folder / "meter.log", env={"METER_TOKEN": TOKEN})

    def start(self) -> None:
        self.process.start()
        wait_until(self._counts, f"the meter counts\n{self.process.log()}")

    def ask(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=ENDS_S)

    def find(self) -> MeteredSource:
        return find_meter(self.url, token=TOKEN, client="test")

    def terminate(self) -> int:
        """SIGTERM, and its exit code."""
        child = self.process._child
        assert child is not None
        child.send_signal(signal.SIGTERM)
        return child.wait(ENDS_S)

    def _counts(self) -> bool:
        assert self.process.is_running, f"the meter ended:\n{self.process.log()}"
        try:
            # Some edges lie before whatever window begins now.
            return len(self.ask("/v1/edges?from=0&to=9000000000000000000").json()["edges"]) > 2
        except httpx.HTTPError:
            return False
