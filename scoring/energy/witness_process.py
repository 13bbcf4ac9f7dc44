"""codecarbon's own process: takes "open N" and "close N" lines, writes a line of JSON for each window.

Only ``witness.Witness`` starts it (``python -m scoring.energy.witness_process``), with an environment that
holds no configuration for codecarbon. It writes no file, asks nothing of the network, and ends when its
input does or when the process that started it is gone.
"""

from __future__ import annotations

import json
import os
import select
import sys
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

COUNTRY = "ESP"  # 174.05 gCO2e/kWh in 2023 by codecarbon's own table (Our World in Data)
LOOK_FOR_PARENT_EVERY_S = 1.0


def main() -> None:
    # Whatever a library prints goes to stderr, so that our answers are all that stdout carries.
    answers = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    parent = os.getppid()
    meter = _Meter()
    for line in _lines(sys.stdin.fileno(), parent):
        command, _, window = line.partition(" ")
        if command == "open":
            meter.open()
        elif command == "close":
            answer = {"window": int(window), **meter.close()}
            os.write(answers, json.dumps(answer).encode() + b"\n")
    # codecarbon leaves timers and exit handlers behind; nothing of ours is left to do.
    os._exit(0)


class _Meter:
    """One tracker for the life of the process; a window is one of its tasks."""

    def __init__(self) -> None:
        self._version = version("codecarbon")
        from codecarbon import OfflineEmissionsTracker

        # Several runs allowed: no lock file in /tmp, and no handler in place of SIGTERM's own.
        self._tracker = OfflineEmissionsTracker(
            country_iso_code=COUNTRY,
            output_methods=[],
            log_level="critical",
            allow_multiple_runs=True,
            tracking_mode="machine",
        )
        self._windows = 0
        self._is_open = False
        # The first task looks the hardware up for about 2.4 s: done now, before anything is measured.
        self.open()
        self.close()

    def open(self) -> None:
        if self._is_open:
            self._tracker.stop_task()
        self._windows += 1
        self._tracker.start_task(f"window-{self._windows}")
        self._is_open = True

    def close(self) -> dict[str, Any]:
        if not self._is_open:
            return {"error": "no window is open"}
        self._is_open = False
        task = self._tracker.stop_task()
        if task is None:
            return {"error": "stop_task gave nothing"}
        return {
            "version": self._version,
            "energy_kwh": task.energy_consumed,
            "cpu_kwh": task.cpu_energy,
            "ram_kwh": task.ram_energy,
            "gpu_kwh": task.gpu_energy,
            "co2_kg": task.emissions,
            "seconds": task.duration,
        }


def _lines(descriptor: int, parent: int) -> Iterator[str]:
    """Lines until the input ends, or the parent: a fork of it may hold the pipe open behind its back."""
    unread = b""
    while os.getppid() == parent:
        readable, _, _ = select.select([descriptor], [], [], LOOK_FOR_PARENT_EVERY_S)
        if not readable:
            continue
        received = os.read(descriptor, 4096)
        if not received:
            return
        *lines, unread = (unread + received).split(b"\n")
        yield from (line.decode("ascii", "replace") for line in lines)


if __name__ == "__main__":
    main()
