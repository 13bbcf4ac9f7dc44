"""A recorded counter, played against the clock from its first edge: for tests, demos and disputes.

What it shows was measured once, elsewhere or at another time, and nobody's calls are in it: grade E. A
dispute about a stored window needs no replay, as ``window_energy`` takes its edges directly.
"""

from __future__ import annotations

from bisect import bisect_right
from pathlib import Path

from scoring.energy.counter import Clock, Device, DeviceState
from scoring.energy.edges import EdgesInvalid, Recording, read_recording
from scoring.errors import CounterUnavailable
from scoring.values import EvidenceGrade


def open_replay(file: str, clock: Clock) -> ReplaySource:
    """Raises ``ValueError`` for no file's name, and ``CounterUnavailable`` with what is wrong in the file."""
    if not file:
        raise ValueError("Falta el fichero.")
    try:
        return ReplaySource(read_recording(Path(file)), clock=clock)
    except OSError as error:
        raise CounterUnavailable(f"No se puede leer {file}: {error.strerror}.") from None
    except EdgesInvalid as error:
        raise CounterUnavailable(f"La grabación no vale: {error}.") from None


class ReplaySource:
    """A ``CounterSource`` that shows each edge when it is due; after the last it ends, and does not loop.

    Raises ``CounterUnavailable`` for a recording without edges.
    """

    name = "replay"
    grade = EvidenceGrade.E

    def __init__(self, recording: Recording, *, clock: Clock) -> None:
        if not recording.edges:
            raise CounterUnavailable("La grabación no tiene ningún cambio del contador.")
        self._recording = recording
        self._at_ns = [edge.at_ns for edge in recording.edges]
        self._clock = clock
        self._opened_ns = clock()

    def device(self) -> Device:
        return self._recording.device

    def read_mj(self) -> int:
        at_ns = self._clock() - self._opened_ns + self._at_ns[0]
        if at_ns > self._at_ns[-1]:
            raise CounterUnavailable("La grabación del contador terminó.")
        return self._recording.edges[bisect_right(self._at_ns, at_ns) - 1].mj

    def state(self) -> DeviceState:
        """A recording holds no states."""
        return DeviceState()

    def close(self) -> None:
        """Nothing is held."""
