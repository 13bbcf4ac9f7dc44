"""A window's edges as power against time: nothing is lost, nothing is made up, and a peak stays a peak."""

from __future__ import annotations

from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from challenges.power_curve import MOST_POINTS, Curve, CurveUnavailable, Stretch, curve, thinned
from scoring.energy.counter import Device, Edge
from scoring.energy.edges import edges_bytes
from scoring.energy.window_energy import levels_mj
from scoring.values import TokenUse
from tests.meter_process import MeterProcess
from tests.servers import wait_until

MS = 10**6
OPENED_NS = 7 * 10**12
GPU = Device(uuid="GPU-1", name="GPU", driver="1", update_ms=100)


def evidence(begin_ns: int, end_ns: int, *, device: Device = GPU, marks: Any = ()) -> dict[str, Any]:
    hardware = {**asdict(device), "clocks_mhz": None, "power_limit_mw": None}
    return {"started_ns": begin_ns, "ended_ns": end_ns, "hardware": hardware, "marks": list(marks)}


def steps_of(watts: list[int], *, step_ms: int = 100, from_mj: int = 0) -> list[Edge]:
    edges = [Edge(OPENED_NS, from_mj)]
    for power in watts:
        edges.append(Edge(edges[-1].at_ns + step_ms * MS, edges[-1].mj + power * step_ms))
    return edges


def drawn(edges: list[Edge], begin_ms: int, end_ms: int, **more: Any) -> Curve:
    told = evidence(OPENED_NS + begin_ms * MS, OPENED_NS + end_ms * MS, **more)
    return curve(edges_bytes(edges), told)


def test_each_step_between_two_changes_of_the_counter_has_its_own_power() -> None:
    found = drawn(steps_of([100, 300, 200]), 0, 300)
    assert [(each.begin_s, each.end_s, each.watts) for each in found.steps] == [
        (0.0, 0.1, 100.0),
        (0.1, 0.2, 300.0),
        (0.2, 0.3, 200.0),
    ]
    assert (found.least_mw, found.most_mw, found.whole.power_mw) == (100_000, 300_000, 200_000)


def test_the_window_cuts_the_steps_at_its_ends_and_not_their_power() -> None:
    found = drawn(steps_of([100, 300, 200]), 99, 201)
    assert [(each.begin_us, each.end_us, each.watts) for each in found.steps] == [
        (0, 1_000, 100.0),
        (1_000, 101_000, 300.0),
        (101_000, 102_000, 200.0),
    ]


@given(
    watts=st.lists(st.integers(1, 700), min_size=3, max_size=60),
    begin_ms=st.integers(0, 99),
    cut_ms=st.integers(0, 99),
)
def test_the_area_under_the_steps_is_the_windows_energy(watts: list[int], begin_ms: int, cut_ms: int) -> None:
    edges = steps_of(watts)
    end_ms = len(watts) * 100 - cut_ms
    found = drawn(edges, begin_ms, end_ms)
    moments = (OPENED_NS + begin_ms * MS, OPENED_NS + end_ms * MS)
    before, after = levels_mj(edges, moments, device=GPU)
    area_mj = sum(each.power_mw * (each.end_us - each.begin_us) for each in found.steps) / 10**6
    assert found.energy_mj == after - before
    assert abs(area_mj - found.energy_mj) <= 1


def test_a_counter_that_began_again_draws_no_cliff() -> None:
    device = Device(uuid="CPU", name="CPU", driver="1", update_ms=100, range_mj=50_000)
    edges = [Edge(OPENED_NS, 30_000), Edge(OPENED_NS + 100 * MS, 49_000), Edge(OPENED_NS + 200 * MS, 18_000)]
    found = drawn(edges, 0, 200, device=device)
    assert [each.watts for each in found.steps] == [190.0, 190.0]


@pytest.mark.parts
def test_a_window_of_the_real_meter_is_drawn_with_the_power_of_its_counter(tmp_path: Path) -> None:
    meter = MeterProcess(tmp_path, source="synthetic:constant=250")
    meter.start()
    try:
        window = meter.find().open()
        before = edges_told(meter)
        wait_until(lambda: edges_told(meter) > before + 5, "the counter changes")
        measured = window.close([TokenUse(prompt_tokens=3, completion_tokens=2)])
    finally:
        meter.process.stop()
    found = curve(measured.files[0], measured.evidence)
    assert found.energy_mj == measured.energy_mj
    assert abs(found.whole.watts - 250) < 25
    assert len(found.steps) >= 5


def edges_told(meter: MeterProcess) -> int:
    return len(meter.ask("/v1/edges?from=0&to=9000000000000000000").json()["edges"])


# --- cases --------------------------------------------------------------------------------------------------


def test_a_case_has_its_position_its_time_and_the_boards_power_meanwhile() -> None:
    found = drawn(steps_of([100, 300]), 0, 200, marks=[[4, 50, 150], [0, 0, 50]])
    assert [(mark.position, mark.number, mark.ran.begin_s, mark.ran.watts) for mark in found.marks] == [
        (0, 1, 0.0, 100.0),
        (4, 5, 0.05, 200.0),
    ]


def test_a_mark_outside_of_the_window_is_cut_or_left_out() -> None:
    marks = [[0, -20, 50], [1, 150, 900], [2, 200, 300], [3, 80, 80]]
    found = drawn(steps_of([100, 300]), 0, 200, marks=marks)
    assert [(mark.position, mark.ran.begin_us, mark.ran.end_us) for mark in found.marks] == [
        (0, 0, 50_000),
        (1, 150_000, 200_000),
    ]


def test_a_window_from_before_there_were_marks_is_drawn_without_any() -> None:
    told = evidence(OPENED_NS, OPENED_NS + 200 * MS)
    del told["marks"]
    assert curve(edges_bytes(steps_of([100, 300])), told).marks == ()


# --- the size -----------------------------------------------------------------------------------------------


def test_ten_minutes_stay_small_and_their_peak_and_their_dip_are_kept() -> None:
    watts = [300] * 6000
    watts[1234], watts[4321] = 650, 80
    found = drawn(steps_of(watts), 0, 600_000)
    points = found.as_json()["points"]
    assert len(found.steps) == 6000
    assert len(points) <= MOST_POINTS
    assert {650.0, 80.0} <= {power for _, power in points}
    assert points[0][0] == 0.0
    assert points[-1][0] == 600.0


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=400), st.integers(2, 50))
def test_what_is_thinned_still_covers_the_window_in_order(powers: list[int], most: int) -> None:
    steps = [
        Stretch(begin_us=10 * at, end_us=10 * at + 10, power_mw=power) for at, power in enumerate(powers)
    ]
    kept = thinned(steps, most=most)
    assert len(kept) <= max(most, 1)
    assert (kept[0].begin_us, kept[-1].end_us) == (0, 10 * len(powers))
    assert all(one.end_us == two.begin_us for one, two in pairwise(kept))
    assert {min(powers), max(powers)} <= {each.power_mw for each in kept}


def test_the_table_tells_the_curve_in_ten_stretches() -> None:
    found = drawn(steps_of([100] * 50 + [300] * 50), 0, 10_000)
    assert [each.watts for each in found.stretches] == [100.0] * 5 + [300.0] * 5
    assert found.stretches[0].begin_us == 0
    assert found.stretches[-1].end_us == 10_000_000


# --- what is no curve ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "edges_file",
    [b"", b"no", b"{}", b"[[1]]", b"[[2,1],[1,2]]", b'[["a",1],["b",2]]', b"[[1,-5],[2,6]]", b"[]"],
)
def test_a_file_that_holds_no_edges_is_refused(edges_file: bytes) -> None:
    with pytest.raises(CurveUnavailable):
        curve(edges_file, evidence(1, 2))


@pytest.mark.parametrize(
    "wrong",
    [
        {"started_ns": None},
        {"ended_ns": OPENED_NS - 1},
        {"ended_ns": OPENED_NS},
        {"hardware": {}},
        {"hardware": None},
        {"marks": [[1]]},
        {"marks": [["a", "b", "c"]]},
        {"marks": 7},
    ],
)
def test_evidence_that_no_window_has_is_refused(wrong: dict[str, Any]) -> None:
    told = {**evidence(OPENED_NS, OPENED_NS + 100 * MS), **wrong}
    with pytest.raises(CurveUnavailable):
        curve(edges_bytes(steps_of([100, 200])), told)


def test_a_window_beyond_its_edges_is_refused() -> None:
    with pytest.raises(CurveUnavailable):
        drawn(steps_of([100, 200]), 0, 201)
