"""An NVIDIA GPU's own counter, through NVML: millijoules since the driver was loaded, Volta and newer.

Written from NVIDIA's NVML API reference. It never changes a setting of the GPU.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from scoring.energy.counter import Clock, Device, DeviceState
from scoring.errors import CounterUnavailable
from scoring.values import EvidenceGrade

UPDATE_MS = 100
# Slowdowns by heat or by the board's supply, the only ones that are no setting: NVML's
# nvmlClocksEventReasons. The last stands for the others on boards that do not tell them apart.
THROTTLES = {
    0x20: "sw-thermal",
    0x40: "hw-thermal",
    0x80: "hw-power-brake",
    0x08: "hw-slowdown",
}
# What a GPU or its driver does not know is not known; whatever else fails is a fault.
NOT_KNOWN = (
    "NVMLError_NotSupported",
    "NVMLError_FunctionNotFound",
    "NVMLError_NoPermission",
    "NVMLError_Deprecated",
)


def open_nvml(which: str, clock: Clock) -> NvmlSource:
    """``which``: a UUID, an index, or "" for the only GPU. Raises ``CounterUnavailable``."""
    try:
        # By name: it may not be installed, and has no types.
        library = importlib.import_module("pynvml")
    except ImportError:
        raise CounterUnavailable("No está instalado nvidia-ml-py, que lee el contador de la GPU.") from None
    return NvmlSource(library, which)


class NvmlSource:
    """A ``CounterSource`` over one GPU. ``library`` is the module ``pynvml``.

    Raises ``CounterUnavailable`` where there is no such GPU, or no counter in it. Where the GPU is cut into
    MIG instances its counter holds all of them, so the grade is B.
    """

    name = "nvml"

    def __init__(self, library: Any, which: str = "") -> None:
        self._nvml = library
        self._is_open = False
        self._asked(self._nvml.nvmlInit)
        self._is_open = True
        try:
            self._handle = self._find(which)
            self._device = self._look()
            self.grade = EvidenceGrade.B if self._is_cut() else EvidenceGrade.A
            self.read_mj()
        except CounterUnavailable:
            self.close()
            raise

    def device(self) -> Device:
        return self._device

    def read_mj(self) -> int:
        return int(self._asked(self._nvml.nvmlDeviceGetTotalEnergyConsumption, self._handle))

    def state(self) -> DeviceState:
        """Locked clocks have no reader in NVML: only application clocks are told, where the GPU has them."""
        return DeviceState(
            clocks_mhz=self._clocks(),
            power_limit_mw=self._known(self._nvml.nvmlDeviceGetPowerManagementLimit, self._handle),
            throttled=self._throttled(),
            processes=self._processes(),
        )

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._known(self._nvml.nvmlShutdown)

    def _find(self, which: str) -> Any:
        if which and not which.isdecimal():
            return self._asked(self._nvml.nvmlDeviceGetHandleByUUID, which)
        count = self._asked(self._nvml.nvmlDeviceGetCount)
        if not which and count != 1:
            raise CounterUnavailable(f"Hay {count} GPU: di cuál con nvml:UUID o nvml:ÍNDICE.")
        return self._asked(self._nvml.nvmlDeviceGetHandleByIndex, int(which or 0))

    def _look(self) -> Device:
        limits = self._known(self._nvml.nvmlDeviceGetPowerManagementLimitConstraints, self._handle)
        return Device(
            uuid=_text(self._asked(self._nvml.nvmlDeviceGetUUID, self._handle)),
            name=_text(self._asked(self._nvml.nvmlDeviceGetName, self._handle)),
            driver=_text(self._asked(self._nvml.nvmlSystemGetDriverVersion)),
            update_ms=UPDATE_MS,
            max_power_mw=int(limits[1]) if limits else None,
        )

    def _is_cut(self) -> bool:
        mode = self._known(self._nvml.nvmlDeviceGetMigMode, self._handle)
        return bool(mode) and mode[0] == self._nvml.NVML_DEVICE_MIG_ENABLE

    def _clocks(self) -> tuple[int, ...] | None:
        clocks = [
            self._known(self._nvml.nvmlDeviceGetApplicationsClock, self._handle, kind)
            for kind in (self._nvml.NVML_CLOCK_GRAPHICS, self._nvml.NVML_CLOCK_MEM)
        ]
        return None if None in clocks else tuple(int(clock) for clock in clocks)

    def _throttled(self) -> str | None:
        # The newer name first: a driver knows one of the two.
        for name in ("nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"):
            reasons = self._known(getattr(self._nvml, name), self._handle)
            if reasons is not None:
                return throttled(int(reasons))
        return None

    def _processes(self) -> frozenset[int] | None:
        """Of compute and graphics, in the meter's PID namespace: in a container of its own it sees none."""
        found = [
            self._known(reader, self._handle)
            for reader in (
                self._nvml.nvmlDeviceGetComputeRunningProcesses,
                self._nvml.nvmlDeviceGetGraphicsRunningProcesses,
            )
        ]
        if found[0] is None:
            return None
        return frozenset(int(process.pid) for those in found for process in those or ())

    def _asked(self, function: Callable[..., Any], *arguments: object) -> Any:
        try:
            return function(*arguments)
        except self._nvml.NVMLError as error:
            raise CounterUnavailable(f"La GPU no se puede leer con NVML: {error}.") from None

    def _known(self, function: Callable[..., Any], *arguments: object) -> Any:
        """What it says, or None where this GPU or driver does not know it."""
        try:
            return function(*arguments)
        except self._nvml.NVMLError as error:
            if type(error).__name__ in NOT_KNOWN:
                return None
            raise CounterUnavailable(f"La GPU no se puede leer con NVML: {error}.") from None


def throttled(reasons: int) -> str:
    """NVML's bits in words that ``DeviceState`` takes; "" for none of ours."""
    return "+".join(name for bit, name in THROTTLES.items() if reasons & bit)


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
