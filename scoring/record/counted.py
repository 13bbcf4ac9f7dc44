"""A counter's windows, worked out again from the edges that a bundle holds beside its records.

``audit`` calls it where a window, or a run of the reference workload, names its edges and they were
published. The file is that of ``scoring.energy.edges.edges_bytes``, and the sum that of the meter:
``scoring.energy.window_energy``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from scoring.energy.counter import Device, Edge
from scoring.energy.edges import EdgesInvalid, edges_bytes
from scoring.energy.window_energy import levels_mj
from scoring.record.difference import Difference
from scoring.record.errors import NotRecomputable
from scoring.record.sealed import Hardware, Record, ReferenceRun, Window

EdgesOf = Callable[[str], bytes | None]
Counted = Window | ReferenceRun


def window_differences(record: Record, edges_of: EdgesOf) -> Iterator[Difference]:
    """What differs in what was counted, where ``edges_of`` its hash gives the edges' file.

    Raises ``NotRecomputable`` for edges that cannot be a counter's, and for a window that lacks what the sum
    needs.
    """
    for field, window in _counter_windows(record):
        raw = edges_of(window.edges_sha256) if window.edges_sha256 else None
        if raw is not None:
            yield from _differences(window, raw, field)


def all_counted(record: Record, edges_of: EdgesOf) -> bool:
    """Whether no figure had to be taken as the record tells it, for want of its edges."""
    named = [window.edges_sha256 for _, window in _counter_windows(record)]
    return all(sha256 and edges_of(sha256) is not None for sha256 in named)


def _counter_windows(record: Record) -> Iterator[tuple[str, Counted]]:
    for index, window in enumerate(record.windows):
        if window.basis == "counter" and window.repetition in record.score.energy_repetitions:
            yield f"windows.{index}", window
    for index, run in enumerate(record.protocol.references if record.protocol else ()):
        yield f"protocol.references.{index}", run


def _differences(window: Counted, raw: bytes, field: str) -> Iterator[Difference]:
    edges = _read(raw, field)
    if len(edges) != window.edges_count:
        yield Difference(
            field=f"{field}.edges_count", claimed=str(window.edges_count), computed=str(len(edges))
        )
    if window.started_ns is None or window.ended_ns is None or window.hardware is None:
        raise NotRecomputable("tiene flancos, y le faltan el principio, el final o el aparato", where=field)
    try:
        begin_mj, end_mj = levels_mj(
            edges, (int(window.started_ns), int(window.ended_ns)), device=_device(window.hardware)
        )
    except ValueError as error:
        raise NotRecomputable(f"no se puede contar con sus flancos ({error})", where=field) from None
    if end_mj - begin_mj != window.energy_mj:
        yield Difference(
            field=f"{field}.energy_mj", claimed=str(window.energy_mj), computed=str(end_mj - begin_mj)
        )


def _read(raw: bytes, field: str) -> list[Edge]:
    """Not by ``canonical``: a clock's nanoseconds may be beyond 2^53."""
    try:
        edges = [Edge(at_ns, mj) for at_ns, mj in json.loads(raw)]
        if edges_bytes(edges) != raw:
            raise EdgesInvalid("otra forma de escribirlos")
    except (EdgesInvalid, ValueError, TypeError, RecursionError):
        raise NotRecomputable("no son los flancos de un contador", where=f"{field}.edges_sha256") from None
    return edges


def _device(hardware: Hardware) -> Device:
    return Device(
        uuid=hardware.uuid,
        name=hardware.name,
        driver=hardware.driver,
        update_ms=hardware.update_ms,
        range_mj=hardware.range_mj,
        max_power_mw=hardware.max_power_mw,
        idle_power_mw=hardware.idle_power_mw,
    )
