"""The energy counters of the processor's packages, as Linux shows them under ``/sys/class/powercap``.

Only the package domains are summed: a package's figure already holds its cores, and "psys" holds the
packages. What they count is the whole package, with every other process that ran on it; so the evidence is
grade C and the figure says so in a flag. Counters are never written to.
"""

from __future__ import annotations

import re
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from scoring.errors import CounterUnavailable, MeasurementVoid
from scoring.values import EvidenceGrade, Measurement, TokenUse

POWERCAP = Path("/sys/class/powercap")
PACKAGE_FOLDER = re.compile(r"intel-rapl:\d+")  # AMD's too; "intel-rapl:0:0" is a part of "intel-rapl:0"
# The smallest usual range (65 kJ) lasts 2 minutes at 500 W: read often enough never to miss a whole round.
SAMPLE_EVERY_S = 20.0
# More than any package draws: beyond it the counter jumped.
MAX_PACKAGE_W = 1000
MICROJOULES_PER_MJ = 1000
Clock = Callable[[], int]  # monotonic nanoseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One package domain: its kernel name, its folder, and the value at which its counter starts again."""

    name: str
    folder: Path
    max_range_uj: int

    def read_uj(self) -> int:
        """The counter now, in microjoules. Raises ``CounterUnavailable`` where it cannot be read."""
        return _whole_number(self.folder / "energy_uj")


def find_packages(root: Path = POWERCAP) -> tuple[Package, ...]:
    """The package domains of this machine, each read once to see that it can be.

    Raises ``CounterUnavailable`` with the reason where there is none or where one cannot be read: half a
    machine's energy is not a measurement.
    """
    folders = sorted(root.glob("intel-rapl:*")) if root.is_dir() else []
    packages = []
    for folder in folders:
        name = _text(folder / "name") if PACKAGE_FOLDER.fullmatch(folder.name) else ""
        if name.startswith("package-"):
            max_range_uj = _whole_number(folder / "max_energy_range_uj")
            packages.append(Package(name=name, folder=folder, max_range_uj=max_range_uj))
    if not packages:
        raise CounterUnavailable(f"Esta máquina no muestra contadores RAPL de procesador en {root}.")
    for package in packages:
        package.read_uj()
    return tuple(packages)


class RaplCounter:
    """Adds up what the packages used since it was made, across the counters' wrap-around.

    ``sample`` must come more often than the fastest counter wraps; ``RaplWindow`` sees to it.
    """

    def __init__(self, packages: Sequence[Package]) -> None:
        self._packages = tuple(packages)
        self._last_uj = {package.name: package.read_uj() for package in packages}
        self._used_uj = dict.fromkeys(self._last_uj, 0)
        self._lock = threading.Lock()

    def sample(self) -> dict[str, int]:
        """Microjoules by package name so far. Raises ``CounterUnavailable`` when a counter went away."""
        with self._lock:
            for package in self._packages:
                now_uj = package.read_uj()
                step_uj = now_uj - self._last_uj[package.name]
                # The counter runs from 0 to its range and starts again, so one step back is one round.
                self._used_uj[package.name] += step_uj if step_uj >= 0 else step_uj + package.max_range_uj
                self._last_uj[package.name] = now_uj
            return dict(self._used_uj)


class RaplWindow:
    """One measured stretch of time; a thread samples the counter until the window is closed or forgotten."""

    def __init__(self, packages: Sequence[Package], *, clock: Clock, sample_every_s: float) -> None:
        self._names = "+".join(package.name for package in packages)
        self._package_count = len(packages)
        self._clock = clock
        self._counter = RaplCounter(packages)
        self._opened_ns = clock()
        self._closed = threading.Event()
        threading.Thread(
            target=_keep_sampling,
            args=(weakref.ref(self), self._closed, sample_every_s),
            name="rapl-window",
            daemon=True,
        ).start()

    def close(self, calls: Sequence[TokenUse]) -> Measurement:
        """The energy since ``open``; ``calls`` do not change it.

        Raises ``MeasurementVoid`` where the figure cannot be true: the counter went away, stood still or ran
        faster than any package can, or the window was closed before.
        """
        if self._closed.is_set():
            raise MeasurementVoid("La ventana de medida ya estaba cerrada.")
        self._closed.set()
        seconds = Decimal(self._clock() - self._opened_ns) / 10**9
        try:
            used_uj = self._counter.sample()
        except CounterUnavailable as error:
            raise MeasurementVoid(f"El contador dejó de poder leerse. {error.reason}") from error
        if min(used_uj.values()) < MICROJOULES_PER_MJ:
            raise MeasurementVoid("El contador de energía no avanzó durante la ventana.")
        total_uj = sum(used_uj.values())
        if total_uj > MAX_PACKAGE_W * self._package_count * max(seconds, Decimal(1)) * 10**6:
            raise MeasurementVoid("El contador de energía avanzó más de lo que un procesador puede gastar.")
        return Measurement(
            energy_mj=round(Decimal(total_uj) / MICROJOULES_PER_MJ),
            seconds=seconds.quantize(Decimal("0.001")),
            grade=EvidenceGrade.C,
            source=f"rapl:{self._names}",
            flags=("other-processes-included",),
        )

    def sample(self) -> None:
        """Take note of the counter now. A counter that is away is not told here: ``close`` meets it again."""
        try:
            self._counter.sample()
        except CounterUnavailable:
            return


@dataclass(frozen=True, slots=True, kw_only=True)
class RaplSource:
    """An ``EnergySource`` over these packages; a counter runs on while we are away, so none is resumed."""

    packages: tuple[Package, ...]
    reason: str
    clock: Clock = time.monotonic_ns
    sample_every_s: float = SAMPLE_EVERY_S
    name: str = "rapl"
    grade: EvidenceGrade = EvidenceGrade.C
    resumable: bool = False

    def open(self) -> RaplWindow:
        """Start a window. Raises ``CounterUnavailable`` where a counter went away since it was found."""
        return RaplWindow(self.packages, clock=self.clock, sample_every_s=self.sample_every_s)


def _keep_sampling(window: weakref.ref[RaplWindow], closed: threading.Event, sample_every_s: float) -> None:
    """Sample until the window is closed; a window that nobody holds any more ends its thread as well."""
    while not closed.wait(sample_every_s):
        open_window = window()
        if open_window is None:
            return
        open_window.sample()
        del open_window


def _whole_number(path: Path) -> int:
    text = _text(path)
    if not text.isascii() or not text.isdigit():
        raise CounterUnavailable(f"{path} no contiene un número.")
    return int(text)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except PermissionError as error:
        # Since CVE-2020-8694 only root reads these files, unless the administrator allows it.
        raise CounterUnavailable(f"No hay permiso para leer {path}.") from error
    except OSError as error:
        raise CounterUnavailable(f"No se puede leer {path}: {error.strerror}.") from error
