"""A GPU's counter through the Zeus daemon, for meters that may not open the GPU themselves.

Written from the daemon's HTTP API reference, ml.energy/zeus/zeusd/api: GET /discover, GET
/gpu/get_cumulative_energy, GET /gpu/get_power_limit and its constraints. It asks for nothing that changes a
GPU.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scoring.energy.counter import Clock, Device, DeviceState
from scoring.energy.sources.daemon import Daemon
from scoring.errors import CounterUnavailable
from scoring.values import EvidenceGrade

UPDATE_MS = 100  # of the GPU's counter: the daemon reads it when it is asked


def open_zeusd(where: str, clock: Clock) -> ZeusdSource:
    """``where``: a URL or a socket's path, and after "#" the GPU's index where there are several.

    Raises ``ValueError`` for neither, and ``CounterUnavailable``.
    """
    address, _, index = where.partition("#")
    if index and not index.isdecimal():
        raise ValueError(f"«{index[:40]}» no es el índice de una GPU.")
    return ZeusdSource(Daemon(address), index)


class ZeusdSource:
    """A ``CounterSource`` over one GPU of a daemon's.

    The daemon does not tell the GPU's UUID, only its place in the machine, nor who uses it: grade B.
    """

    name = "zeusd"
    grade = EvidenceGrade.B

    def __init__(self, daemon: Daemon, index: str = "") -> None:
        self._daemon = daemon
        gpu = self._find(index)
        self._id = str(gpu["id"])
        limits = self._known("get_power_limit_constraints", "max_power_limit_mw")
        self._device = Device(
            uuid=f"pci-{gpu.get('pci_address')}",
            name=str(gpu.get("name")),
            driver="zeusd",
            update_ms=UPDATE_MS,
            max_power_mw=limits,
        )
        self.read_mj()

    def device(self) -> Device:
        return self._device

    def read_mj(self) -> int:
        return self._figure("get_cumulative_energy", "energy_mj")

    def state(self) -> DeviceState:
        return DeviceState(power_limit_mw=self._known("get_power_limit", "power_limit_mw"))

    def close(self) -> None:
        self._daemon.close()

    def _find(self, index: str) -> Mapping[str, Any]:
        found = self._daemon.json("/discover")
        listed = found.get("gpus") if isinstance(found, Mapping) else None
        gpus: list[Mapping[str, Any]] = [
            gpu
            for gpu in (listed if isinstance(listed, list) else ())
            if isinstance(gpu, Mapping) and type(gpu.get("id")) is int
        ]
        if not index and len(gpus) != 1:
            raise CounterUnavailable(f"zeusd tiene {len(gpus)} GPU: di cuál con #ÍNDICE.")
        for gpu in gpus:
            if not index or gpu["id"] == int(index):
                if gpu.get("cumulative_energy_available") is False:
                    raise CounterUnavailable("Esa GPU no tiene contador de energía, dice zeusd.")
                return gpu
        raise CounterUnavailable(f"zeusd no tiene una GPU {index}.")

    def _figure(self, what: str, field: str) -> int:
        """One whole number of our GPU."""
        answer = self._daemon.json(f"/gpu/{what}?gpu_ids={self._id}")
        ours = answer.get(self._id) if isinstance(answer, Mapping) else None
        figure = ours.get(field) if isinstance(ours, Mapping) else None
        if type(figure) is not int or figure < 0:
            raise CounterUnavailable(f"zeusd contesta a {what} algo que no es un número.")
        return figure

    def _known(self, what: str, field: str) -> int | None:
        """The same where this daemon tells it: older ones do not."""
        try:
            return self._figure(what, field)
        except CounterUnavailable:
            return None
