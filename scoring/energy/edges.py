"""When an energy counter changed: found from samples, kept in a bounded log, written down and read again.

The meter samples its counter every 20 ms or so into an ``EdgeLog``; ``window_energy`` works windows out from
the edges, and so can anybody from a record's edges or from a recorded log. Nothing here reads a counter. The
log keeps what the counter showed, faults and all: judging it is ``window_energy``'s.
"""

from __future__ import annotations

import hashlib
import json
import threading
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

from scoring.energy.counter import Device, Edge

NS_PER_MS = 10**6
# A counter is read five times a step, but no more often than this.
SAMPLE_EVERY_MS = 20
SAMPLES_A_STEP = 5
# The counter's own step is learnt: from each edge a fiftieth of what was wrong with the one foretold, never
# further than 5 % from what is known of the device. bench/energy.py has the figures.
LEARNS = 50
FURTHEST_PERCENT = 5
# Two lost samples are a busy machine; a change seen after more has no time that could be told.
MOST_SAMPLE_STEPS = 3
KEEP_S = 3600
# An hour of changes at every sample. 16 bytes an edge, and at most as many again that wait to be forgotten.
MOST_EDGES = 180_000
MOST_GAPS = 1000
LARGEST = 2**63 - 1  # in ns and in mJ: 292 years, 2.5 GWh
# Eleven days of changes every 100 ms.
MOST_RECORDED_EDGES = 10_000_000
MOST_LINE_BYTES = 10_000
RECORDING = "energy-edges"
RECORDING_VERSION = 1


class EdgesInvalid(ValueError):
    """Edges that cannot be: ``file`` ("" for none), ``line`` (1-based, or None) and ``what`` is wrong."""

    def __init__(self, what: str, *, file: str = "", line: int | None = None) -> None:
        self.what = what
        self.file = file
        self.line = line
        place = ":".join([part for part in (file, str(line or "")) if part])
        super().__init__(f"{place}: {what}" if place else what)


@dataclass(frozen=True, slots=True, order=True)
class Gap:
    """A stretch in which nobody read the counter."""

    from_ns: int
    to_ns: int


def sample_every_ms(update_ms: int) -> int:
    """How often a counter that changes every ``update_ms`` is read, in ms."""
    return max(SAMPLE_EVERY_MS, update_ms // SAMPLES_A_STEP)


class EdgeFinder:
    """Turns samples into edges: a sample that differs from the one before means a change between the two.

    The change lies after the earlier sample and not after the later one, and less than one step of the
    counter before the later (else a newer change would have been seen). A counter keeps a beat that its
    samples do not share, so the edge is put one step after the one before, or at the nearest moment that the
    samples allow; without an edge before, or far from it, in the middle of what they allow. It is never off
    by as much as the time between the two samples, whatever the counter does.

    What changed while nobody read for more than three samples makes no edge, as its time is not known, and
    the stretch is a ``Gap``.
    """

    def __init__(self, *, update_ms: int, sample_every_ms: int = SAMPLE_EVERY_MS) -> None:
        if update_ms < 1 or sample_every_ms < 1:
            raise ValueError("a counter's step and the time between samples are at least 1 ms")
        self._known_ns = self._step_ns = update_ms * NS_PER_MS
        self._longest_ns = MOST_SAMPLE_STEPS * sample_every_ms * NS_PER_MS
        self._last: Edge | None = None
        self._edge_ns: int | None = None

    def sample(self, at_ns: int, mj: int) -> Edge | Gap | None:
        """Take a reading of the counter at a moment: an edge, a gap before it, or nothing new.

        Raises ``ValueError`` for a time that is not after the one before, and for a reading below zero.
        """
        _check(at_ns, mj)
        before, self._last = self._last, Edge(at_ns, mj)
        if before is None:
            return None
        if at_ns <= before.at_ns:
            self._last = before
            raise ValueError(f"a sample of {at_ns} ns does not come after that of {before.at_ns} ns")
        if at_ns - before.at_ns > self._longest_ns:
            self._edge_ns = None
            return Gap(before.at_ns, at_ns)
        if mj == before.mj:
            return None
        self._edge_ns = self._placed(max(before.at_ns, at_ns - self._known_ns) + 1, at_ns)
        return Edge(self._edge_ns, mj)

    def _placed(self, earliest_ns: int, latest_ns: int) -> int:
        middle_ns, span_ns = (earliest_ns + latest_ns) // 2, latest_ns - earliest_ns
        if self._edge_ns is None:
            return middle_ns
        foretold_ns = self._edge_ns + self._step_ns
        if not earliest_ns - span_ns <= foretold_ns <= latest_ns + span_ns:
            return middle_ns
        placed_ns = min(max(foretold_ns, earliest_ns), latest_ns)
        furthest_ns = self._known_ns * FURTHEST_PERCENT // 100
        learnt_ns = self._step_ns + (placed_ns - foretold_ns) // LEARNS
        self._step_ns = min(max(learnt_ns, self._known_ns - furthest_ns), self._known_ns + furthest_ns)
        return placed_ns


class EdgeLog:
    """The edges of one counter, in order, only ever added to; those older than ``keep_s`` are forgotten.

    One thread samples, any thread reads. Never more than ``MOST_EDGES`` edges and ``MOST_GAPS`` gaps.
    """

    def __init__(
        self, *, update_ms: int, sample_every_ms: int = SAMPLE_EVERY_MS, keep_s: int = KEEP_S
    ) -> None:
        self._finder = EdgeFinder(update_ms=update_ms, sample_every_ms=sample_every_ms)
        self._keep_ns = keep_s * 10**9
        self._at_ns = array("q")
        self._mj = array("q")
        self._gaps: list[Gap] = []
        self._sampled_until_ns: int | None = None
        self._lock = threading.Lock()

    def sample(self, at_ns: int, mj: int) -> Edge | None:
        """Take a reading; the edge that it showed, if any. Raises ``ValueError`` as ``EdgeFinder.sample``.

        ``at_ns`` is best the middle of the moments before and after the reading.
        """
        with self._lock:
            found = self._finder.sample(at_ns, mj)
            self._sampled_until_ns = at_ns
            if isinstance(found, Gap):
                self._gaps = [*self._gaps[1 - MOST_GAPS :], found]
                return None
            if found is not None:
                self._at_ns.append(found.at_ns)
                self._mj.append(found.mj)
                self._forget(before_ns=at_ns - self._keep_ns)
            return found

    @property
    def sampled_until_ns(self) -> int | None:
        """The moment of the last reading; None before the first."""
        return self._sampled_until_ns

    @property
    def last(self) -> Edge | None:
        """The newest edge."""
        with self._lock:
            return Edge(self._at_ns[-1], self._mj[-1]) if self._at_ns else None

    def __len__(self) -> int:
        return len(self._at_ns)

    def around(self, begin_ns: int, end_ns: int) -> tuple[Edge, ...]:
        """What a window needs: the last edge not after its begin to the first not before its end.

        Without such an edge, from the oldest or to the newest that there is.
        """
        with self._lock:
            first = max(bisect_right(self._at_ns, begin_ns) - 1, 0)
            after = bisect_left(self._at_ns, end_ns) + 1
            return self._cut(first, after)

    def between(self, from_ns: int, to_ns: int) -> tuple[Edge, ...]:
        """The edges of a stretch, both ends included."""
        with self._lock:
            return self._cut(bisect_left(self._at_ns, from_ns), bisect_right(self._at_ns, to_ns))

    def gaps(self, from_ns: int, to_ns: int) -> tuple[Gap, ...]:
        """The gaps that touch a stretch."""
        with self._lock:
            return tuple(gap for gap in self._gaps if gap.from_ns < to_ns and from_ns < gap.to_ns)

    def _cut(self, first: int, after: int) -> tuple[Edge, ...]:
        return tuple(map(Edge, self._at_ns[first:after], self._mj[first:after]))

    def _forget(self, *, before_ns: int) -> None:
        """Drop what is too old, once it is half of all: each edge is moved once in its life."""
        old = max(bisect_left(self._at_ns, before_ns), len(self._at_ns) - MOST_EDGES)
        if old * 2 > len(self._at_ns):
            del self._at_ns[:old]
            del self._mj[:old]


# --- naming edges -------------------------------------------------------------------------------------------


def checked(edges: Iterable[Edge]) -> tuple[Edge, ...]:
    """The edges as they are. Raises ``EdgesInvalid`` where they are out of order or cannot be."""
    found = tuple(edges)
    for number, edge in enumerate(found):
        try:
            _check(edge.at_ns, edge.mj)
        except ValueError as error:
            raise EdgesInvalid(f"edge {number}: {error}") from None
    for number, (earlier, later) in enumerate(pairwise(found), 1):
        if (problem := _problem_between(earlier, later)) is not None:
            raise EdgesInvalid(f"edge {number}: {problem}")
    return found


def edges_bytes(edges: Iterable[Edge]) -> bytes:
    """The canonical form: a JSON array of ``[at_ns,mj]``, whole numbers, no spaces (RFC 8785 gives the same
    below 2^53). Raises ``EdgesInvalid``."""
    return json.dumps([[edge.at_ns, edge.mj] for edge in checked(edges)], separators=(",", ":")).encode(
        "ascii"
    )


def edges_sha256(edges: Iterable[Edge]) -> str:
    """By what a record names its edges. Raises ``EdgesInvalid``."""
    return hashlib.sha256(edges_bytes(edges)).hexdigest()


def _check(at_ns: object, mj: object) -> None:
    _whole("the time", at_ns)
    _whole("the energy", mj)


def _whole(name: str, value: object) -> int:
    if type(value) is not int:
        raise ValueError(f"{name} is no whole number: {value!r:.40}")
    if not 0 <= value <= LARGEST:
        raise ValueError(f"{name} is out of range")
    return value


def _problem_between(earlier: Edge, later: Edge) -> str | None:
    """Equal energies are none: what a counter that fails shows after a gap may be what it showed before."""
    if later.at_ns <= earlier.at_ns:
        return f"out of order: {later.at_ns} ns does not come after {earlier.at_ns} ns"
    return None


# --- a recorded log -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A stretch of one counter's edges as a file holds it; ``source`` is the adapter that read them."""

    device: Device
    source: str
    edges: tuple[Edge, ...]


def write_recording(path: Path, recording: Recording) -> None:
    """Write JSON lines: a header with the device, ``[at_ns,mj]`` for each edge, an end that counts them.

    Raises ``EdgesInvalid`` before anything is written, and ``OSError``.
    """
    edges = checked(recording.edges)
    head = {
        "format": RECORDING,
        "version": RECORDING_VERSION,
        "source": recording.source,
        "device": asdict(recording.device),
    }
    end = {"edges": len(edges), "edges_sha256": edges_sha256(edges)}
    lines = [_line(head), *(_line([edge.at_ns, edge.mj]) for edge in edges), _line(end)]
    path.write_text("".join(lines), encoding="ascii")


def read_recording(path: Path) -> Recording:
    """Read what ``write_recording`` wrote, and nothing else.

    Raises ``EdgesInvalid`` with file, line and what is wrong, for a file cut short or a changed edge as well,
    and ``OSError`` where it cannot be read.
    """
    with path.open("rb") as file:
        lines = _Lines(file, str(path))
        source, device = _head(lines)
        edges: list[Edge] = []
        while isinstance(entry := lines.next(), list):
            edge = _edge(entry, lines)
            if edges and (problem := _problem_between(edges[-1], edge)) is not None:
                raise lines.invalid(problem)
            if len(edges) == MOST_RECORDED_EDGES:
                raise lines.invalid(f"more than {MOST_RECORDED_EDGES} edges")
            edges.append(edge)
        if entry != {"edges": len(edges), "edges_sha256": edges_sha256(edges)}:
            raise lines.invalid(f"the end does not count and name the {len(edges)} edges before it")
        lines.expect_no_more()
    return Recording(device=device, source=source, edges=tuple(edges))


class _Lines:
    """The JSON values of a file, a line each, of bounded length; knows where it is."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name
        self._number = 0

    def invalid(self, what: str) -> EdgesInvalid:
        return EdgesInvalid(what, file=self._name, line=self._number)

    def next(self) -> object:
        self._number += 1
        line = self._file.readline(MOST_LINE_BYTES)
        if not line.endswith(b"\n"):
            raise self.invalid("the file ends too early" if len(line) < MOST_LINE_BYTES else "line too long")
        try:
            value: object = json.loads(
                line.decode("ascii"),
                object_pairs_hook=_without_doubles,
                parse_constant=_refuse_number,
                parse_float=_refuse_number,
            )
        except (ValueError, RecursionError) as error:
            raise self.invalid(f"no JSON of ours: {error}"[:200]) from None
        return value

    def expect_no_more(self) -> None:
        self._number += 1
        if self._file.read(1):
            raise self.invalid("something follows the end")


def _head(lines: _Lines) -> tuple[str, Device]:
    head = lines.next()
    if not isinstance(head, dict) or head.keys() != {"format", "version", "source", "device"}:
        raise lines.invalid("a header with format, version, source and device was expected")
    if (head["format"], head["version"]) != (RECORDING, RECORDING_VERSION):
        raise lines.invalid(f"not {RECORDING} version {RECORDING_VERSION}")
    if not isinstance(head["source"], str):
        raise lines.invalid("source is no text")
    try:
        return head["source"], device_from(head["device"])
    except ValueError as error:
        raise lines.invalid(str(error)) from None


def device_from(values: object) -> Device:
    """A device from its plain JSON values, all of them. Raises ``ValueError`` that names the wrong one."""
    names = {field.name for field in fields(Device)}
    if not isinstance(values, Mapping) or values.keys() != names:
        raise ValueError(f"a device has {', '.join(sorted(names))}")
    for name in ("uuid", "name", "driver"):
        if not isinstance(values[name], str):
            raise ValueError(f"device.{name} is no text")
    for name in ("update_ms", "range_mj", "max_power_mw", "idle_power_mw"):
        value = values[name]
        if value is None and name != "update_ms":
            continue
        if type(value) is not int or not 0 < value <= LARGEST:
            raise ValueError(f"device.{name} is no whole number above 0")
    return Device(**values)


def _edge(entry: list[object], lines: _Lines) -> Edge:
    if len(entry) != 2:
        raise lines.invalid("an edge is [at_ns,mj]")
    try:
        return Edge(_whole("the time", entry[0]), _whole("the energy", entry[1]))
    except ValueError as error:
        raise lines.invalid(str(error)) from None


def _line(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True) + "\n"


def _without_doubles(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key comes twice")
    return found


def _refuse_number(text: str) -> object:
    raise ValueError(f"{text[:20]} is no whole number")
