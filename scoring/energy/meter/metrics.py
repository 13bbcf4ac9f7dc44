"""What Prometheus reads of the meter, written by hand: the process holds no library for it.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from scoring.energy.meter.core import Meter

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MJ_PER_J = 1000


def text(meter: Meter) -> str:
    """All metrics. The device is a label; clients and windows are none, as there is no end of them."""
    labels = f'{{uuid="{_escaped(meter.device.uuid)}",source="{_escaped(meter.source_name)}"}}'
    lines = []
    for name, kind, help_text, value in _metrics(meter):
        if value is not None:
            lines += [f"# HELP {name} {help_text}", f"# TYPE {name} {kind}", f"{name}{labels} {value}"]
    return "\n".join(lines) + "\n"


def _metrics(meter: Meter) -> Iterator[tuple[str, str, str, int | Decimal | None]]:
    counts, last, power_mw = meter.counts, meter.log.last, meter.power_mw()
    limit_mw = meter.state.power_limit_mw
    yield "meter_up", "gauge", "1 where the counter is read, 0 where it is not.", int(not meter.trouble)
    yield (
        "meter_energy_joules_total",
        "counter",
        "The device's own counter.",
        _thousandth(last.mj if last else None),
    )
    yield "meter_power_watts", "gauge", "Mean power over the last second.", _thousandth(power_mw)
    yield "meter_power_limit_watts", "gauge", "The power limit that is set.", _thousandth(limit_mw)
    yield "meter_samples_total", "counter", "Readings of the counter.", counts.samples
    yield "meter_unreadable_total", "counter", "Readings that failed.", counts.unreadable
    yield "meter_edges_total", "counter", "Changes of the counter that were seen.", counts.edges
    yield "meter_edges_kept", "gauge", "Changes that can still be asked for.", len(meter.log)
    yield "meter_windows_open", "gauge", "Windows without a reading yet.", meter.open_windows
    yield "meter_readings_kept", "gauge", "Closed windows that can still be asked for.", meter.kept_readings
    yield "meter_windows_opened_total", "counter", "Windows that were opened.", counts.opened
    yield "meter_windows_closed_total", "counter", "Windows that have a reading.", counts.closed
    yield "meter_windows_expired_total", "counter", "Windows that nobody ended in time.", counts.expired
    yield "meter_windows_void_total", "counter", "Readings with a flag that voids them.", counts.void


def _thousandth(value: int | None) -> Decimal | None:
    return None if value is None else Decimal(value) / MJ_PER_J


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
