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

from scoring.decimals import EXACT_ENOUGH
from scoring.errors import CounterUnavailable, MeasurementVoid
from scoring.values import EvidenceGrade, Measurement, TokenUse

POWERCAP = Path("/sys/class/powercap")
PACKAGE_FOLDER = re.compile(r"intel-rapl:\d+")  # AMD's too; "intel-rapl:0:0" is a part of "intel-rapl:0"
WHOLE_NUMBER = re.compile(r"[0-9]{1,20}")  # 64 bits have 20 digits
# The smallest usual range (65 kJ) lasts 2 minutes at 500 W: read often enough never to miss a whole round.
SAMPLE_EVERY_S = 20.0
# More than any package draws: beyond it the counter jumped.
MAX_PACKAGE_W = 1000
MICROJOULES_PER_MJ = 1000
NS_PER_S = 10**9
# A counter that could start again within two samples: a missed round would be a small number.
MIN_RANGE_UJ = round(2 * SAMPLE_EVERY_S) * MAX_PACKAGE_W * 10**6
STOOD_STILL = "El contador de energía no avanzó durante la ventana."
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
    packages = []
    for folder in _folders(root):
        name = _text(folder / "name") if PACKAGE_FOLDER.fullmatch(folder.name) else ""
        if name.startswith("package-"):
            packages.append(_package(name, folder))
    if not packages:
        raise CounterUnavailable(f"Esta máquina no muestra contadores RAPL de procesador en {root}.")
    return tuple(packages)


def _folders(root: Path) -> list[Path]:
    try:
        return sorted(root.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise CounterUnavailable(f"No se puede leer {root}: {error.strerror}.") from error


def _package(name: str, folder: Path) -> Package:
    package = Package(name=name, folder=folder, max_range_uj=_whole_number(folder / "max_energy_range_uj"))
    if package.max_range_uj < MIN_RANGE_UJ:
        raise CounterUnavailable(f"El contador de {name} vuelve a cero demasiado pronto para seguirlo.")
    package.read_uj()
    return package


@dataclass(frozen=True, slots=True)
class _Reading:
    at_ns: int
    uj: int


class RaplCounter:
    """Adds up what the packages used since it was made, across the counters' wrap-around.

    ``sample`` must come more often than the fastest counter wraps; ``RaplWindow`` sees to it. Each step is
    looked at by itself, as a fault of seconds does not show in the mean of an hour; and a fault that a sample
    met is told by all later ones, as what was used meanwhile is lost.
    """

    def __init__(self, packages: Sequence[Package], *, clock: Clock) -> None:
        self._packages = tuple(packages)
        self._clock = clock
        self._last = [self._read(package) for package in self._packages]
        self._used_uj = [0] * len(self._packages)
        self._fault = ""
        self._lock = threading.Lock()

    def sample(self) -> tuple[int, ...]:
        """Microjoules so far, package by package. Raises ``MeasurementVoid`` where they cannot be true."""
        with self._lock:
            if not self._fault:
                self._take()
            if self._fault:
                raise MeasurementVoid(self._fault)
            return tuple(self._used_uj)

    def _take(self) -> None:
        try:
            for index, package in enumerate(self._packages):
                now = self._read(package)
                self._used_uj[index] += _step_uj(package, self._last[index], now)
                self._last[index] = now
        except CounterUnavailable as error:
            self._fault = f"El contador dejó de poder leerse. {error.reason}"
        except MeasurementVoid as error:
            self._fault = error.reason

    def _read(self, package: Package) -> _Reading:
        return _Reading(self._clock(), package.read_uj())


def _step_uj(package: Package, before: _Reading, now: _Reading) -> int:
    """What a package used between two readings. Raises ``MeasurementVoid`` where that cannot be told."""
    elapsed_ns = max(now.at_ns - before.at_ns, NS_PER_S)
    most_uj = MAX_PACKAGE_W * elapsed_ns // 1000  # W · ns are nanojoules
    if most_uj >= package.max_range_uj:
        raise MeasurementVoid(
            "El contador de energía no se leyó a tiempo: pudo dar una vuelta sin que se viera."
        )
    step_uj = now.uj - before.uj
    if step_uj < 0:
        # The counter runs from 0 to its range and starts again, so one step back is one round.
        step_uj += package.max_range_uj
    if not 0 <= step_uj <= most_uj:
        raise MeasurementVoid("El contador de energía avanzó más de lo que un procesador puede gastar.")
    if elapsed_ns > NS_PER_S and step_uj < MICROJOULES_PER_MJ:
        raise MeasurementVoid(STOOD_STILL)
    return step_uj


class RaplWindow:
    """One measured stretch of time; a thread samples the counter until the window is closed or forgotten."""

    def __init__(self, packages: Sequence[Package], *, clock: Clock, sample_every_s: float) -> None:
        self._names = "+".join(package.name for package in packages)
        self._clock = clock
        self._counter = RaplCounter(packages, clock=clock)
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
        context = EXACT_ENOUGH.copy()
        seconds = context.divide(Decimal(self._clock() - self._opened_ns), Decimal(NS_PER_S))
        used_uj = self._counter.sample()
        if min(used_uj) < MICROJOULES_PER_MJ:
            raise MeasurementVoid(STOOD_STILL)
        return Measurement(
            energy_mj=round(context.divide(Decimal(sum(used_uj)), Decimal(MICROJOULES_PER_MJ))),
            seconds=seconds.quantize(Decimal("0.001"), context=context),
            grade=EvidenceGrade.C,
            source=f"rapl:{self._names}",
            flags=("other-processes-included",),
        )

    def sample(self) -> None:
        """Take note of the counter now. What is wrong with it is not told here: ``close`` tells it."""
        try:
            self._counter.sample()
        except MeasurementVoid:
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
    if not WHOLE_NUMBER.fullmatch(text):
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
