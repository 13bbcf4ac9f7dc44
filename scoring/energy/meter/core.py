"""What the meter counts and what a window is, with no thread, no socket and no clock of its own.

``sample`` is called every few milliseconds by one thread; everything else by whoever answers requests. A
window holds no energy while it is open: its begin and end are moments of our clock, and ``reading`` works it
out from the edges once one after the end was seen. So a window outlives whoever opened it, and a fault of
the counter ends in a flag, never in a wait without end.
"""

from __future__ import annotations

import dataclasses
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from scoring.energy.counter import Clock, CounterSource, Device, DeviceState, Edge
from scoring.energy.edges import MOST_EDGES, MOST_SAMPLE_STEPS, SAMPLE_EVERY_MS, EdgeLog, Gap
from scoring.energy.flags import Flag, voiding
from scoring.energy.meter.errors import (
    NotSampling,
    TooManyWindows,
    WindowEnded,
    WindowForgotten,
    WrongDevice,
)
from scoring.energy.meter.window_ids import WindowIds, new_boot
from scoring.energy.window_energy import WindowReading, window_energy
from scoring.errors import CounterUnavailable
from scoring.values import EvidenceGrade

NS_PER_S, NS_PER_MS = 10**9, 10**6
WINDOW_LIMIT_S = 3600
MOST_OPEN = 64
MOST_KEPT = 1000
# A device whose state turns about more often than this in one window is flagged for it already.
MOST_STATES = 100
LOOK_EVERY_NS = NS_PER_S
# An edge after the end is awaited for so many steps of the counter, and for a second at least.
SETTLE_STEPS = 4
SETTLE_LEAST_MS = 1000
# After its window is closed, its edges can be asked for at least this long.
EDGES_KEPT_S = 60
POWER_OVER_NS = NS_PER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """``most_processes`` is how many the device may serve in a window: one is the inference server."""

    sample_every_ms: int = SAMPLE_EVERY_MS
    window_limit_s: int = WINDOW_LIMIT_S
    most_processes: int = 1
    most_open: int = MOST_OPEN
    most_kept: int = MOST_KEPT


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A window without a reading; ``expires_ns`` is when it ends if nobody ends it.

    ``end_ns`` is set where it has ended, and an edge after that is awaited.
    """

    id: str
    client: str
    begin_ns: int
    expires_ns: int
    end_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """A window that has ended, with what it used and how the device was set in it."""

    id: str
    client: str
    reading: WindowReading
    state: DeviceState
    edges_from_ns: int
    edges_to_ns: int


@dataclass(slots=True, kw_only=True)
class _Window:
    opened: Opened
    has_expired: bool = False
    states: list[DeviceState] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Counts:
    """What happened since the start, for the metrics."""

    samples: int = 0
    unreadable: int = 0
    edges: int = 0
    opened: int = 0
    expired: int = 0
    closed: int = 0
    void: int = 0


class Meter:
    """See the module. ``source`` is the meter's alone from now on; ``token`` seals the ids of windows."""

    def __init__(
        self, source: CounterSource, *, clock: Clock, token: str, limits: Limits | None = None, boot: str = ""
    ) -> None:
        self.boot = boot or new_boot()
        self.limits = limits or Limits()
        self.device: Device = source.device()
        self.source_name = source.name
        self.grade: EvidenceGrade = source.grade
        self.counts = Counts()
        self.clock = clock
        self._source = source
        self._ids = WindowIds(boot=self.boot, token=token)
        self.log = EdgeLog(
            update_ms=self.device.update_ms,
            sample_every_ms=self.limits.sample_every_ms,
            keep_s=self._longest_s(),
        )
        self._lock = threading.Lock()
        self._windows: dict[str, _Window] = {}
        self._kept: OrderedDict[str, Closed] = OrderedDict()
        self._state = DeviceState()
        self._looked_ns: int | None = None
        self._look_now = True
        self._trouble = ""

    # --- what is known now --------------------------------------------------------------------------------

    @property
    def settle_ns(self) -> int:
        """How long after its end a window waits for an edge."""
        return max(SETTLE_STEPS * self.device.update_ms, SETTLE_LEAST_MS) * NS_PER_MS

    @property
    def window_limit_s(self) -> int:
        """The longest window: as asked for, and never more than the edges that are kept allow."""
        least_ms_an_edge = max(self.limits.sample_every_ms, self.device.update_ms // 2)
        kept_s = MOST_EDGES * least_ms_an_edge // 1000
        return min(self.limits.window_limit_s, kept_s - EDGES_KEPT_S - self.settle_ns // NS_PER_S - 1)

    @property
    def trouble(self) -> str:
        """Why the counter cannot be counted on now, in Spanish; "" where it can."""
        if self._trouble:
            return self._trouble
        read_ns = self.log.sampled_until_ns
        if read_ns is None:
            return "El contador todavía no se ha leído."
        if self.clock() - read_ns > self.settle_ns:
            return "El contador dejó de leerse."
        if self.log.last is None:
            # A window needs a change before its begin: one that opened now could only be void.
            return "El contador todavía no ha cambiado desde que arrancó el medidor."
        return ""

    @property
    def state(self) -> DeviceState:
        """The device as it was at the last look, about a second ago."""
        return self._state

    @property
    def open_windows(self) -> int:
        return len(self._windows)

    @property
    def kept_readings(self) -> int:
        return len(self._kept)

    def power_mw(self) -> int | None:
        """Mean power over the last second; None where no two edges tell it."""
        last = self.log.last
        if last is None or self.clock() - last.at_ns > self.settle_ns:
            return None
        first = self.log.around(last.at_ns - POWER_OVER_NS, last.at_ns)[0]
        if first.at_ns == last.at_ns or last.mj < first.mj:
            return None
        return (last.mj - first.mj) * NS_PER_S // (last.at_ns - first.at_ns)

    def _longest_s(self) -> int:
        return self.window_limit_s + self.settle_ns // NS_PER_S + 1 + EDGES_KEPT_S

    # --- counting -----------------------------------------------------------------------------------------

    def sample(self) -> Edge | None:
        """Read the counter once, and look at the device when it is time to; the edge that showed, if any."""
        edge = self._read()
        now_ns = self.clock()
        if self._look_now or self._looked_ns is None or now_ns - self._looked_ns >= LOOK_EVERY_NS:
            self._look()
        return edge

    def _read(self) -> Edge | None:
        before_ns = self.clock()
        try:
            mj = self._source.read_mj()
            at_ns = (before_ns + self.clock()) // 2
            edge = self.log.sample(at_ns, mj)
        except CounterUnavailable as error:
            self._cannot_read(error.reason)
            return None
        except ValueError as error:
            # No energy and no time of this world: as good as not read, and a gap in the log.
            self._cannot_read(f"El contador dio una lectura imposible ({error}).")
            return None
        self._trouble = ""
        self.counts.samples += 1
        self.counts.edges += edge is not None
        return edge

    def _cannot_read(self, reason: str) -> None:
        self._trouble = reason
        self.counts.unreadable += 1

    def _look(self) -> None:
        """Note how the device is set, and tell each window where that differs from what it has seen."""
        self._look_now = False
        began_ns = self.clock()
        try:
            state = self._source.state()
        except CounterUnavailable:
            state = DeviceState()
        with self._lock:
            self._state = state
            self._looked_ns = began_ns
            for window in self._windows.values():
                seen = window.states
                if len(seen) < MOST_STATES and (not seen or seen[-1] != state):
                    seen.append(state)

    # --- windows ------------------------------------------------------------------------------------------

    def open_window(self, *, client: str, device_uuid: str = "", limit_s: int | None = None) -> Opened:
        """Begin a window. Raises ``WrongDevice``, ``NotSampling`` and ``TooManyWindows``."""
        if device_uuid and device_uuid != self.device.uuid:
            raise WrongDevice(self.device.uuid)
        if trouble := self.trouble:
            raise NotSampling(trouble)
        self.close_due()
        with self._lock:
            if len(self._windows) >= self.limits.most_open:
                raise TooManyWindows
            begin_ns = self.clock()
            limit_ns = min(limit_s or self.window_limit_s, self.window_limit_s) * NS_PER_S
            opened = Opened(
                id=self._ids.make(), client=client, begin_ns=begin_ns, expires_ns=begin_ns + limit_ns
            )
            self._windows[opened.id] = _Window(opened=opened)
            self.counts.opened += 1
            self._look_now = True
        return opened

    def end_window(self, window_id: str) -> None:
        """End a window now; ``reading`` has its energy once an edge after the end was seen.

        Raises ``WindowEnded`` for one that ended before, and what ``reading`` raises.
        """
        now_ns = self.clock()
        with self._lock:
            window = self._find(window_id)
            if window:
                self._expire(window)
            if window is None or window.opened.end_ns is not None:
                raise WindowEnded(window_id)
            self._end(window, now_ns)

    def window(self, window_id: str) -> Opened | Closed:
        """A window as it is: closed, with its reading, as soon as that can be had.

        Raises ``WindowUnknown``, ``WindowForgotten`` and ``MeterRestarted``.
        """
        with self._lock:
            window = self._find(window_id)
            if window is None:
                return self._kept[window_id]
            self._expire(window)
            end_ns = self._settled_end_ns(window)
        return window.opened if end_ns is None else self._close(window, end_ns)

    def close_due(self) -> None:
        """Close what nobody asks for any more: windows past their limit, and ended ones whose caller left."""
        with self._lock:
            for window in self._windows.values():
                self._expire(window)
            ends = [(window, self._settled_end_ns(window)) for window in self._windows.values()]
        for window, end_ns in ends:
            if end_ns is not None:
                self._close(window, end_ns)

    def _find(self, window_id: str) -> _Window | None:
        """An open or ending window; None for one whose reading is kept."""
        if window := self._windows.get(window_id):
            return window
        if window_id in self._kept:
            return None
        self._ids.check(window_id)
        raise WindowForgotten(window_id)

    def _expire(self, window: _Window) -> None:
        if window.opened.end_ns is None and self.clock() >= window.opened.expires_ns:
            window.has_expired = True
            self.counts.expired += 1
            self._end(window, window.opened.expires_ns)

    def _end(self, window: _Window, end_ns: int) -> None:
        window.opened = dataclasses.replace(window.opened, end_ns=end_ns)
        self._look_now = True

    def _settled_end_ns(self, window: _Window) -> int | None:
        """The window's end, once there is an edge after it and a look at the device; or no more waiting."""
        end_ns, last = window.opened.end_ns, self.log.last
        if end_ns is None:
            return None
        has_edge = last is not None and last.at_ns >= end_ns
        has_look = self._looked_ns is not None and self._looked_ns >= end_ns
        return end_ns if (has_edge and has_look) or self.clock() - end_ns >= self.settle_ns else None

    def _close(self, window: _Window, end_ns: int) -> Closed:
        """Work a settled window out. Two callers at once come to the same; the first one's is kept."""
        begin_ns = window.opened.begin_ns
        edges = self.log.around(begin_ns, end_ns)
        reading = self._worked_out(window, edges, begin_ns=begin_ns, end_ns=end_ns)
        closed = Closed(
            id=window.opened.id,
            client=window.opened.client,
            reading=reading,
            state=window.states[0] if window.states else DeviceState(),
            edges_from_ns=edges[0].at_ns if edges else begin_ns,
            edges_to_ns=edges[-1].at_ns if edges else end_ns,
        )
        with self._lock:
            if self._windows.pop(closed.id, None) is None:
                return self._kept.get(closed.id, closed)
            self._kept[closed.id] = closed
            while len(self._kept) > self.limits.most_kept:
                self._kept.popitem(last=False)
            self.counts.closed += 1
            self.counts.void += bool(voiding(reading.flags))
        return closed

    def _worked_out(
        self, window: _Window, edges: Sequence[Edge], *, begin_ns: int, end_ns: int
    ) -> WindowReading:
        reading = window_energy(
            edges,
            begin_ns=begin_ns,
            end_ns=max(end_ns, begin_ns + 1),
            device=self.device,
            grade=self.grade,
            source=self.source_name,
            states=tuple(window.states),
            gaps=self._gaps(edges, begin_ns=begin_ns, end_ns=end_ns),
            sample_ms=self.limits.sample_every_ms,
        )
        return flagged(reading, self._own_flags(window))

    def _gaps(self, edges: Sequence[Edge], *, begin_ns: int, end_ns: int) -> tuple[Gap, ...]:
        """Those that touch the window and its edges, and the one that is not over yet."""
        from_ns = min(edges[0].at_ns, begin_ns) if edges else begin_ns
        to_ns = max(edges[-1].at_ns, end_ns) if edges else end_ns
        gaps = self.log.gaps(from_ns, to_ns)
        read_ns, now_ns = self.log.sampled_until_ns, self.clock()
        longest_ns = MOST_SAMPLE_STEPS * self.limits.sample_every_ms * NS_PER_MS
        if read_ns is None or now_ns - read_ns <= longest_ns:
            return gaps
        return (*gaps, Gap(read_ns, now_ns))

    def _own_flags(self, window: _Window) -> set[Flag]:
        flags = set()
        if window.has_expired:
            flags.add(Flag.WINDOW_EXPIRED)
        crowd = [len(state.processes) for state in window.states if state.processes is not None]
        if max(crowd, default=0) > self.limits.most_processes:
            flags.add(Flag.OTHER_PROCESS)
        return flags


def flagged(reading: WindowReading, flags: set[Flag]) -> WindowReading:
    """The reading with more said against it; without a grade if that voids it."""
    told = tuple(sorted({*reading.flags, *flags}))
    return dataclasses.replace(reading, flags=told, grade=None if voiding(told) else reading.grade)
