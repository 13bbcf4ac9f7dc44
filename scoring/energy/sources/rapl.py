"""The processor's packages, through Linux's powercap: one counter that runs on where theirs start again.

It holds whatever else runs on the processor: grade C.
"""

from __future__ import annotations

import hashlib
import platform
import time
from pathlib import Path

from scoring.energy.counter import Clock, Device, DeviceState
from scoring.energy.rapl import (
    MAX_PACKAGE_W,
    MICROJOULES_PER_MJ,
    POWERCAP,
    RaplCounter,
    find_packages,
)
from scoring.errors import CounterUnavailable, MeasurementVoid
from scoring.values import EvidenceGrade

# "The energy status is updated every 1 ms or so" (Intel SDM, volume 3B, RAPL interfaces).
UPDATE_MS = 1
CPUINFO = Path("/proc/cpuinfo")
MACHINE_ID = Path("/etc/machine-id")


def open_rapl(rest: str, clock: Clock) -> RaplCounterSource:
    """Raises ``ValueError`` for anything after the name, and ``CounterUnavailable``."""
    if rest:
        raise ValueError(f"«{rest[:40]}» sobra: se cuentan todos los procesadores.")
    return RaplCounterSource(clock=clock)


class RaplCounterSource:
    """A ``CounterSource`` over the sum of all packages, from 0 when it is made.

    After a fault it begins again at 0, as what was used meanwhile is lost: a window across it sees a counter
    that went back. Read it more often than once a minute.
    """

    name = "rapl"
    grade = EvidenceGrade.C

    def __init__(self, *, root: Path = POWERCAP, clock: Clock = time.monotonic_ns) -> None:
        self._root = root
        self._clock = clock
        self._packages = find_packages(root)
        self._counter: RaplCounter | None = RaplCounter(self._packages, clock=clock)
        names = "+".join(package.name for package in self._packages)
        self._device = Device(
            uuid=f"rapl-{_machine()}-{names}",
            name=_model(),
            driver=f"powercap, {platform.system()} {platform.release()}",
            update_ms=UPDATE_MS,
            max_power_mw=MAX_PACKAGE_W * 1000 * len(self._packages),
        )

    def device(self) -> Device:
        return self._device

    def read_mj(self) -> int:
        try:
            if self._counter is None:
                self._counter = RaplCounter(self._packages, clock=self._clock)
            return sum(self._counter.sample()) // MICROJOULES_PER_MJ
        except MeasurementVoid as error:
            self._counter = None
            raise CounterUnavailable(error.reason) from None

    def state(self) -> DeviceState:
        """Powercap tells nothing of clocks or processes; a package's limits are not read."""
        return DeviceState()

    def close(self) -> None:
        self._counter = None


def _machine() -> str:
    """A name of this machine that gives nothing away: the manual of machine-id asks for a hash."""
    try:
        name = MACHINE_ID.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        name = platform.node()
    return hashlib.sha256(f"alia-meter:{name}".encode()).hexdigest()[:16]


def _model() -> str:
    try:
        lines = CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.machine())
