"""The seam between the meter and whatever counts energy: what a source tells, and what an edge is.

A source is one class with ``device``, ``read_mj`` and ``state``; ``scoring.energy.sources`` has them. Energy
is whole millijoules, time is monotonic nanoseconds of the meter's own process.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from scoring.values import EvidenceGrade

Clock = Callable[[], int]  # monotonic nanoseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """What is counted, as it stays for the life of the source.

    ``uuid`` names the very piece of hardware. ``update_ms`` is how often its counter is known to change;
    ``range_mj`` the value at which it starts again at 0 (None: it does not in practice); ``max_power_mw`` is
    what it can draw at most, ``idle_power_mw`` what it draws at least (None: not known, so not checked).
    """

    uuid: str
    name: str
    driver: str
    update_ms: int
    range_mj: int | None = None
    max_power_mw: int | None = None
    idle_power_mw: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceState:
    """What may change under a window. None is "this source cannot tell", never "all is well".

    ``clocks_mhz`` are the application clocks or locked clocks that were set, not those of the moment;
    ``throttled`` names the slowdown by heat or power brake that is on now ("" none); ``processes`` are the
    process ids that use the device.
    """

    clocks_mhz: tuple[int, ...] | None = None
    power_limit_mw: int | None = None
    throttled: str | None = None
    processes: frozenset[int] | None = None


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """One change of a counter: it had reached ``mj`` at ``at_ns``."""

    at_ns: int
    mj: int


class CounterSource(Protocol):
    """A cumulative energy counter. All methods raise ``CounterUnavailable`` where it cannot be read."""

    @property
    def name(self) -> str:
        """The adapter: "nvml", "rapl", "zeusd", "dcgm", "replay", "synthetic"."""

    @property
    def grade(self) -> EvidenceGrade:
        """The best grade that a figure of this source can claim."""

    def device(self) -> Device: ...

    def read_mj(self) -> int:
        """The counter now."""

    def state(self) -> DeviceState: ...

    def close(self) -> None: ...
