"""Claims on the edges of a counter: where they are put, what is kept of them, and what a recording must be.

Time is what a test hands in: nothing here waits.
"""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.energy import edges as module
from scoring.energy.counter import Device, Edge
from scoring.energy.edges import (
    EdgeFinder,
    EdgeLog,
    EdgesInvalid,
    Gap,
    Recording,
    edges_bytes,
    edges_sha256,
    read_recording,
    write_recording,
)
from scoring.energy.sources.synthetic import changed_ns

MS = 10**6
DEVICE = Device(uuid="GPU-1", name="GPU de prueba", driver="1.2", update_ms=100, max_power_mw=700_000)
EDGES = (Edge(100 * MS, 1000), Edge(200 * MS, 1025), Edge(300 * MS, 1050))


def found_by(finder: EdgeFinder, samples: list[tuple[int, int]]) -> list[Edge | Gap]:
    """What the finder says of samples in ms and mJ."""
    said = (finder.sample(at_ms * MS, mj) for at_ms, mj in samples)
    return [one for one in said if one is not None]


# --- finding ------------------------------------------------------------------------------------------------


def test_an_edge_lies_in_the_middle_between_the_samples_that_saw_the_change() -> None:
    finder = EdgeFinder(update_ms=100)
    (edge,) = found_by(finder, [(0, 7), (20, 7), (40, 9), (60, 9)])
    assert edge == Edge(30 * MS, 9)


def test_the_first_sample_is_no_edge_as_nobody_saw_its_change() -> None:
    assert EdgeFinder(update_ms=100).sample(0, 12) is None


def test_a_counter_faster_than_its_samples_changed_just_before_the_sample() -> None:
    (edge,) = found_by(EdgeFinder(update_ms=1), [(0, 7), (20, 9)])
    assert isinstance(edge, Edge)
    assert 19 * MS < edge.at_ns <= 20 * MS


def test_an_edge_is_put_one_step_after_the_one_before_where_the_samples_allow_it() -> None:
    finder = EdgeFinder(update_ms=100)
    samples = [(0, 1), (20, 2), (60, 2), (105, 2), (125, 3), (165, 3), (215, 3), (230, 4)]
    # The middle of 0 to 20 ms; 110 ms, which the samples allow; then 210 ms, which they do not.
    first, second, third = found_by(finder, samples)
    assert first == Edge(10 * MS, 2)
    assert second == Edge(110 * MS, 3)
    assert third == Edge(215 * MS + 1, 4)


def test_a_beat_that_does_not_fit_is_given_up() -> None:
    finder = EdgeFinder(update_ms=100)
    _, edge = found_by(finder, [(0, 1), (20, 2), (40, 2), (60, 3)])
    assert edge == Edge(50 * MS, 3)


@pytest.mark.parametrize("true_step_us", [96_500, 99_300, 100_700, 103_500])
def test_a_step_that_is_not_quite_the_known_one_is_learnt(true_step_us: int) -> None:
    finder, edges = EdgeFinder(update_ms=100), []
    for number in range(20_000):
        at_us = number * 20_000 + number * number % 1000
        edge = finder.sample(at_us * 1000, at_us // true_step_us)
        if isinstance(edge, Edge):
            edges.append(edge)
    off_us = [abs(edge.at_ns / 1000 - edge.mj * true_step_us) for edge in edges[1000:]]
    assert sorted(off_us)[len(off_us) // 2] < 1000


@settings(max_examples=60)
@given(
    seed=st.integers(0, 1000),
    jitter_ms=st.integers(0, 40),
    steps_us=st.lists(st.integers(15_000, 25_000), min_size=30, max_size=120),
)
def test_an_edge_is_never_off_by_as_much_as_the_time_between_two_samples(
    seed: int, jitter_ms: int, steps_us: list[int]
) -> None:
    finder, at_ns = EdgeFinder(update_ms=100), 7 * MS
    edges = []
    for step_us in steps_us:
        at_ns += step_us * 1000
        true_ns = changed_ns(at_ns, 100, jitter_ms, seed)
        edge = finder.sample(at_ns, true_ns)
        if isinstance(edge, Edge):
            edges.append(edge)
            assert at_ns - step_us * 1000 < edge.at_ns <= at_ns
            assert abs(edge.at_ns - edge.mj) < step_us * 1000
    assert all(earlier.at_ns < later.at_ns for earlier, later in pairwise(edges))


def test_what_changed_while_nobody_looked_is_a_gap_and_no_edge() -> None:
    said = found_by(EdgeFinder(update_ms=100), [(0, 1), (20, 1), (100, 5), (120, 5), (140, 6)])
    assert said == [Gap(20 * MS, 100 * MS), Edge(130 * MS, 6)]


def test_two_lost_samples_are_still_an_edge() -> None:
    assert found_by(EdgeFinder(update_ms=100), [(0, 1), (60, 2)]) == [Edge(30 * MS, 2)]


def test_a_counter_that_goes_back_is_kept_as_it_was() -> None:
    assert found_by(EdgeFinder(update_ms=100), [(0, 50), (20, 3)]) == [Edge(10 * MS, 3)]


@pytest.mark.parametrize("at_ns", [20 * MS, 19 * MS])
def test_samples_out_of_order_are_refused_and_change_nothing(at_ns: int) -> None:
    finder = EdgeFinder(update_ms=100)
    finder.sample(20 * MS, 1)
    with pytest.raises(ValueError, match="does not come after"):
        finder.sample(at_ns, 2)
    assert finder.sample(40 * MS, 2) == Edge(30 * MS, 2)


@pytest.mark.parametrize("mj", [-1, 2**63, float("nan"), 1.5, True, None, "7"])
def test_a_reading_that_is_no_amount_is_refused(mj: object) -> None:
    with pytest.raises(ValueError, match="the energy"):
        EdgeFinder(update_ms=100).sample(0, mj)  # type: ignore[arg-type]  # what a bad source might give


# --- keeping ------------------------------------------------------------------------------------------------


def a_log(*, seconds: int, keep_s: int = 3600) -> EdgeLog:
    """A counter that changes every 100 ms, sampled every 20 ms."""
    log = EdgeLog(update_ms=100, keep_s=keep_s)
    for number in range(seconds * 50 + 1):
        log.sample(number * 20 * MS, number // 5)
    return log


def test_a_window_gets_one_edge_on_each_side_of_it() -> None:
    log = a_log(seconds=10)
    used = log.around(2000 * MS, 3000 * MS)
    assert used[0].at_ns <= 2000 * MS < used[1].at_ns
    assert used[-2].at_ns < 3000 * MS <= used[-1].at_ns


def test_an_edge_at_the_very_end_is_the_last() -> None:
    log = a_log(seconds=5)
    at = log.between(0, 5000 * MS)[7].at_ns
    assert log.around(at - 1, at)[-1].at_ns == at
    assert log.around(at, at + 1)[0].at_ns == at


def test_old_edges_are_forgotten_and_the_memory_stays_bounded() -> None:
    log = a_log(seconds=300, keep_s=10)
    assert len(log) <= 2 * 10 * 10 + 1
    last = log.last
    assert last is not None
    assert len(log.between(last.at_ns - 9000 * MS, last.at_ns)) >= 90


def test_a_counter_that_changes_at_every_sample_cannot_fill_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_EDGES", 100)
    log = EdgeLog(update_ms=1)
    for number in range(1000):
        log.sample(number * 20 * MS, number)
    assert 100 <= len(log) <= 201


def test_gaps_cannot_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_GAPS", 5)
    log = EdgeLog(update_ms=100)
    for number in range(20):
        log.sample(number * 1000 * MS, number)
    assert len(log.gaps(0, 10**12)) == 5
    assert log.last is None


def test_the_gaps_of_a_window_are_those_that_touch_it() -> None:
    log = EdgeLog(update_ms=100)
    for at_ms in (0, 1000, 1020, 5000):
        log.sample(at_ms * MS, at_ms)
    assert log.gaps(500 * MS, 600 * MS) == (Gap(0, 1000 * MS),)
    assert log.gaps(1000 * MS, 1020 * MS) == ()
    assert log.sampled_until_ns == 5000 * MS


def test_a_reader_never_sees_half_an_edge() -> None:
    log = EdgeLog(update_ms=1, keep_s=1)
    done = threading.Event()
    wrong: list[Edge] = []

    def look() -> None:
        while not done.is_set():
            wrong.extend(edge for edge in log.between(0, 10**15) if not 0 <= edge.at_ns - edge.mj <= MS)

    reader = threading.Thread(target=look)
    reader.start()
    for number in range(1, 5000):
        log.sample(number * 20 * MS, number * 20 * MS - MS)
    done.set()
    reader.join()
    assert wrong == []


# --- naming -------------------------------------------------------------------------------------------------


def test_the_canonical_bytes_and_their_hash_are_these() -> None:
    assert edges_bytes(EDGES) == b"[[100000000,1000],[200000000,1025],[300000000,1050]]"
    assert edges_sha256(EDGES) == "7cab639f0febd435d06868d740be8b353b062f008fdda9430e21399115ebd051"
    assert edges_bytes(()) == b"[]"


@pytest.mark.parametrize(
    ("edges", "what"),
    [
        ([EDGES[1], EDGES[0]], "edge 1: out of order"),
        ([EDGES[0], EDGES[0]], "edge 1: out of order"),
        ([Edge(-1, 0)], "edge 0: the time is out of range"),
        ([EDGES[0], Edge(300 * MS, -5)], "edge 1: the energy is out of range"),
        ([Edge(0, float("nan"))], "edge 0: the energy is no whole number"),  # type: ignore[arg-type]
    ],
)
def test_edges_that_cannot_be_are_refused_by_number(edges: list[Edge], what: str) -> None:
    with pytest.raises(EdgesInvalid, match=what):
        edges_sha256(edges)


# --- recording ----------------------------------------------------------------------------------------------


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    path = tmp_path / "edges.jsonl"
    write_recording(path, Recording(device=DEVICE, source="nvml", edges=EDGES))
    return path


def test_a_recording_is_read_as_it_was_written(recorded: Path) -> None:
    assert read_recording(recorded) == Recording(device=DEVICE, source="nvml", edges=EDGES)


@settings(max_examples=30)
@given(
    times=st.lists(st.integers(0, 2**63 - 1), unique=True, max_size=20),
    mj=st.lists(st.integers(0, 2**63 - 1), min_size=20, max_size=20),
)
def test_whatever_edges_there_are_come_back(
    tmp_path_factory: pytest.TempPathFactory, times: list[int], mj: list[int]
) -> None:
    edges = tuple(Edge(at_ns, energy) for at_ns, energy in zip(sorted(times), mj, strict=False))
    path = tmp_path_factory.mktemp("edges") / "edges.jsonl"
    write_recording(path, Recording(device=DEVICE, source="rapl", edges=edges))
    assert read_recording(path).edges == edges


def test_edges_that_cannot_be_are_not_written(tmp_path: Path) -> None:
    path = tmp_path / "edges.jsonl"
    with pytest.raises(EdgesInvalid):
        write_recording(path, Recording(device=DEVICE, source="nvml", edges=(EDGES[1], EDGES[0])))
    assert not path.exists()


def test_a_file_cut_short_anywhere_is_refused(recorded: Path) -> None:
    whole = recorded.read_bytes()
    for length in range(len(whole)):
        recorded.write_bytes(whole[:length])
        with pytest.raises(EdgesInvalid):
            read_recording(recorded)


def test_a_changed_edge_is_refused(recorded: Path) -> None:
    recorded.write_text(recorded.read_text().replace("1025", "1024"))
    with pytest.raises(EdgesInvalid, match="does not count and name the 3 edges"):
        read_recording(recorded)


@pytest.mark.parametrize(
    ("line", "text", "what"),
    [
        (3, "[100000000,1025]", "out of order"),
        (3, "[50,1025]", "out of order"),
        (3, "[200000000,-1]", "the energy is out of range"),
        (3, "[200000000,NaN]", "NaN is no whole number"),
        (3, "[200000000,1e3]", "1e3 is no whole number"),
        (3, "[200000000,1025.0]", "1025.0 is no whole number"),
        (3, "[200000000,true]", "the energy is no whole number"),
        (3, "[200000000]", "an edge is"),
        (3, "[200000000,1025,1]", "an edge is"),
        (3, "[" * 9000, "no JSON of ours"),
        (3, "9" * 9000, "no JSON of ours"),
        (3, "1" * 20_000, "line too long"),
        (3, "ñ", "no JSON of ours"),
        (3, "", "no JSON of ours"),
        (3, '{"edges":1,"edges":1}', "a key comes twice"),
        (1, "[1,2]", "a header"),
        (1, '{"format":"x","version":1,"source":"nvml","device":{}}', "not energy-edges version 1"),
        (
            1,
            '{"format":"energy-edges","version":2,"source":"nvml","device":{}}',
            "not energy-edges version 1",
        ),
        (1, '{"format":"energy-edges","version":1,"source":3,"device":{}}', "source is no text"),
        (1, '{"format":"energy-edges","version":1,"source":"nvml","device":{}}', "a device has"),
        (6, "[400000000,1075]", "something follows the end"),
    ],
)
def test_a_line_that_is_not_ours_is_refused_with_file_line_and_what(
    recorded: Path, line: int, text: str, what: str
) -> None:
    lines = recorded.read_text().splitlines()
    lines[line - 1 : line] = [text]
    recorded.write_text("\n".join(lines) + "\n")
    with pytest.raises(EdgesInvalid) as refused:
        read_recording(recorded)
    assert refused.value.file == str(recorded)
    assert refused.value.line == line
    assert what in refused.value.what


@pytest.mark.parametrize(
    ("name", "value"), [("uuid", 1), ("update_ms", None), ("update_ms", 0), ("max_power_mw", "7")]
)
def test_a_device_that_cannot_be_is_refused_by_name(recorded: Path, name: str, value: object) -> None:
    head, *rest = recorded.read_text().splitlines()
    changed = json.loads(head)
    changed["device"][name] = value
    recorded.write_text("\n".join([json.dumps(changed), *rest]) + "\n")
    with pytest.raises(EdgesInvalid, match=f"device.{name}"):
        read_recording(recorded)


def test_a_device_of_which_little_is_known_comes_back(tmp_path: Path) -> None:
    device = replace(DEVICE, max_power_mw=None)
    path = tmp_path / "edges.jsonl"
    write_recording(path, Recording(device=device, source="dcgm", edges=()))
    assert read_recording(path).device == device
