"""A GPU's counter as NVIDIA's DCGM exporter shows it to Prometheus: coarse, for where nothing else is open.

The exporter reads the GPU every 30 s unless told otherwise (its option ``-c``), so only long windows have a
figure. Written from the exporter's documentation: DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION is in mJ.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from scoring.energy.counter import Clock, Device, DeviceState
from scoring.energy.sources.daemon import Daemon
from scoring.energy.sources.nvml import throttled
from scoring.errors import CounterUnavailable
from scoring.values import EvidenceGrade

ENERGY = "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"
POWER_LIMIT_W = "DCGM_FI_DEV_POWER_MGMT_LIMIT"
REASONS = ("DCGM_FI_DEV_CLOCKS_EVENT_REASONS", "DCGM_FI_DEV_CLOCK_THROTTLE_REASONS")  # newer, older
UPDATE_MS = 30_000
MOST_UPDATE_MS = 600_000
SAMPLE = re.compile(r"(?P<name>[A-Za-z_:][A-Za-z0-9_:]*)\{(?P<labels>[^\n]*)\} (?P<value>\S+)(?: \d+)?")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
LARGEST = 2**63


def open_dcgm(where: str, clock: Clock) -> DcgmSource:
    """``where``: the URL, and after "#" the GPU's UUID where there are several, and "@" with the exporter's
    interval in ms where it is not 30 s: "http://127.0.0.1:9400/metrics#GPU-…@1000".

    Raises ``ValueError`` and ``CounterUnavailable``.
    """
    address, _, rest = where.partition("#")
    uuid, _, update_ms = rest.partition("@")
    if update_ms and not (update_ms.isdecimal() and 0 < int(update_ms[:9]) <= MOST_UPDATE_MS):
        raise ValueError(f"«{update_ms[:40]}» no es un intervalo en milisegundos.")
    return DcgmSource(Daemon(address), uuid, update_ms=int(update_ms or UPDATE_MS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One sample of Prometheus's text format."""

    name: str
    labels: Mapping[str, str]
    value: str


class DcgmSource:
    """A ``CounterSource`` over one GPU of an exporter's. Who uses the GPU is not told: grade B."""

    name = "dcgm"
    grade = EvidenceGrade.B

    def __init__(self, daemon: Daemon, uuid: str = "", *, update_ms: int = UPDATE_MS) -> None:
        self._daemon = daemon
        self._uuid = uuid
        ours = self._read()[ENERGY]
        self._uuid = ours.labels.get("UUID", "")
        self._device = Device(
            uuid=self._uuid,
            name=ours.labels.get("modelName", ""),
            driver=ours.labels.get("DCGM_FI_DRIVER_VERSION", ""),
            update_ms=update_ms,
        )
        self.read_mj()

    def device(self) -> Device:
        return self._device

    def read_mj(self) -> int:
        return _whole(self._read()[ENERGY])

    def state(self) -> DeviceState:
        ours = self._read()
        limit = ours.get(POWER_LIMIT_W)
        reasons = next((ours[name] for name in REASONS if name in ours), None)
        return DeviceState(
            power_limit_mw=None if limit is None else _whole(limit, times=1000),
            throttled=None if reasons is None else throttled(_whole(reasons)),
        )

    def close(self) -> None:
        self._daemon.close()

    def _read(self) -> Mapping[str, Metric]:
        """Our GPU's metrics by name, that of the energy among them."""
        metrics = parse(self._daemon.text(self._daemon.path or "/metrics"))
        energies = [one for one in metrics if one.name == ENERGY]
        if self._uuid:
            energies = [one for one in energies if one.labels.get("UUID") == self._uuid]
        if len(energies) != 1:
            raise CounterUnavailable(
                f"El exportador de DCGM muestra {len(energies)} contadores {ENERGY}"
                + (f" de {self._uuid}." if self._uuid else ": di cuál con #UUID.")
            )
        uuid = energies[0].labels.get("UUID")
        return {one.name: one for one in metrics if one.labels.get("UUID") == uuid}


def parse(text: str) -> list[Metric]:
    """The samples with labels of a Prometheus text; other lines are nobody's of ours."""
    found = (SAMPLE.fullmatch(line) for line in text.splitlines())
    return [
        Metric(name=one["name"], labels=dict(LABEL.findall(one["labels"])), value=one["value"])
        for one in found
        if one is not None
    ]


def _whole(metric: Metric, *, times: int = 1) -> int:
    try:
        value = Decimal(metric.value) * times
    except InvalidOperation:
        value = Decimal("NaN")
    if not (value.is_finite() and 0 <= value < LARGEST):
        raise CounterUnavailable(f"{metric.name} no es una cantidad: {metric.value[:40]}.")
    return int(value)
