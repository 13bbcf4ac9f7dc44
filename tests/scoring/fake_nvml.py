"""Stands in for the module ``pynvml`` where there is no GPU: one or more GPUs that a test sets and breaks.

It answers as NVIDIA's reference says that NVML does; no GPU was at hand to compare it with.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace


class NVMLError(Exception):
    """The root of NVML's errors."""


class NVMLError_NotSupported(NVMLError):  # pynvml's own name
    pass


class NVMLError_FunctionNotFound(NVMLError):
    pass


class NVMLError_NotFound(NVMLError):
    pass


class NVMLError_GpuIsLost(NVMLError):
    pass


class NVMLError_LibraryNotFound(NVMLError):
    pass


@dataclass
class FakeGpu:
    uuid: str = "GPU-0b3c"
    name: str = "NVIDIA H100 80GB HBM3"
    energy_mj: int = 123_456
    power_limit_mw: int = 650_000
    most_power_mw: int = 700_000
    clocks_mhz: tuple[int, int] = (1980, 2619)
    reasons: int = 0
    compute: tuple[int, ...] = ()
    graphics: tuple[int, ...] = ()
    mig: int | None = None  # None: the GPU knows no MIG


@dataclass
class FakeNvml:
    """``fails`` maps a function's name to the error that it raises from now on."""

    gpus: list[FakeGpu] = field(default_factory=lambda: [FakeGpu()])
    fails: dict[str, NVMLError] = field(default_factory=dict)
    opened: int = 0

    NVMLError = NVMLError
    NVML_CLOCK_GRAPHICS = 0
    NVML_CLOCK_MEM = 2
    NVML_DEVICE_MIG_ENABLE = 1

    def _may_fail(self, name: str) -> None:
        if name in self.fails:
            raise self.fails[name]

    def nvmlInit(self) -> None:
        self._may_fail("nvmlInit")
        self.opened += 1

    def nvmlShutdown(self) -> None:
        self.opened -= 1

    def nvmlDeviceGetCount(self) -> int:
        return len(self.gpus)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> FakeGpu:
        if index >= len(self.gpus):
            raise NVMLError_NotFound("Not Found")
        return self.gpus[index]

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> FakeGpu:
        for gpu in self.gpus:
            if gpu.uuid == uuid:
                return gpu
        raise NVMLError_NotFound("Not Found")

    def nvmlDeviceGetUUID(self, gpu: FakeGpu) -> str:
        return gpu.uuid

    def nvmlDeviceGetName(self, gpu: FakeGpu) -> bytes:
        return gpu.name.encode()  # older drivers' bindings give bytes

    def nvmlSystemGetDriverVersion(self) -> str:
        return "575.57.08"

    def nvmlDeviceGetTotalEnergyConsumption(self, gpu: FakeGpu) -> int:
        self._may_fail("nvmlDeviceGetTotalEnergyConsumption")
        return gpu.energy_mj

    def nvmlDeviceGetPowerManagementLimit(self, gpu: FakeGpu) -> int:
        self._may_fail("nvmlDeviceGetPowerManagementLimit")
        return gpu.power_limit_mw

    def nvmlDeviceGetPowerManagementLimitConstraints(self, gpu: FakeGpu) -> list[int]:
        self._may_fail("nvmlDeviceGetPowerManagementLimitConstraints")
        return [100_000, gpu.most_power_mw]

    def nvmlDeviceGetApplicationsClock(self, gpu: FakeGpu, kind: int) -> int:
        self._may_fail("nvmlDeviceGetApplicationsClock")
        return gpu.clocks_mhz[0 if kind == self.NVML_CLOCK_GRAPHICS else 1]

    def nvmlDeviceGetCurrentClocksEventReasons(self, gpu: FakeGpu) -> int:
        self._may_fail("nvmlDeviceGetCurrentClocksEventReasons")
        return gpu.reasons

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, gpu: FakeGpu) -> int:
        self._may_fail("nvmlDeviceGetCurrentClocksThrottleReasons")
        return gpu.reasons

    def nvmlDeviceGetComputeRunningProcesses(self, gpu: FakeGpu) -> list[SimpleNamespace]:
        self._may_fail("nvmlDeviceGetComputeRunningProcesses")
        return [SimpleNamespace(pid=pid) for pid in gpu.compute]

    def nvmlDeviceGetGraphicsRunningProcesses(self, gpu: FakeGpu) -> list[SimpleNamespace]:
        self._may_fail("nvmlDeviceGetGraphicsRunningProcesses")
        return [SimpleNamespace(pid=pid) for pid in gpu.graphics]

    def nvmlDeviceGetMigMode(self, gpu: FakeGpu) -> list[int]:
        if gpu.mig is None:
            raise NVMLError_NotSupported("Not Supported")
        return [gpu.mig, gpu.mig]
