"""Claims on a counter's windows: with their edges published, their energy is counted again, to the mJ."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.energy.counter import Device, Edge
from scoring.energy.edges import edges_bytes
from scoring.energy.window_energy import window_energy
from scoring.record import audit
from scoring.record.chain import seal
from scoring.record.counted import all_counted, window_differences
from scoring.record.errors import NotRecomputable
from scoring.record.sealed import Hardware, Record
from scoring.values import EvidenceGrade
from tests.scoring.records import a_bundle, a_record, a_window

# 300 mJ every 100 ms, on a clock that is past 2^53 ns: a machine that has been up for four months.
BOOTED_NS = 11 * 10**15
EDGES = [Edge(BOOTED_NS + step * 10**8, 5_000 + step * 300) for step in range(320)]
RAW = edges_bytes(EDGES)
DEVICE = Device(uuid="GPU-1", name="H200", driver="570", update_ms=100, max_power_mw=700_000)
HARDWARE = Hardware(uuid="GPU-1", name="H200", driver="570", update_ms=100, max_power_mw=700_000)
BEGIN_NS, END_NS = BOOTED_NS + 50_000_000, BOOTED_NS + 30_075_000_000


def a_counted_record(edges: list[Edge] = EDGES, raw: bytes = RAW, **window: Any) -> Record:
    """As the meter and the worker would tell it."""
    read = window_energy(
        edges, begin_ns=BEGIN_NS, end_ns=END_NS, device=DEVICE, grade=EvidenceGrade.A, source="nvml"
    )
    fields: dict[str, Any] = {
        "basis": "counter",
        "grade": EvidenceGrade.A,
        "source": "nvml",
        "energy_mj": read.energy_mj,
        "started_ns": str(BEGIN_NS),
        "ended_ns": str(END_NS),
        "edges_sha256": hashlib.sha256(raw).hexdigest(),
        "edges_count": len(edges),
        "hardware": HARDWARE,
    }
    record = a_record(windows=(a_window(**{**fields, **window}),), coefficients=None)
    return replace(record, score=replace(record.score, is_ranked=False))


def differing(record: Record, raw: bytes | None = RAW) -> list[str]:
    return [found.field for found in window_differences(record, lambda _: raw)]


def test_the_energy_of_a_window_is_counted_again_from_its_edges() -> None:
    record = a_counted_record()
    # By hand: 30.025 s at 3 W.
    assert record.windows[0].energy_mj == 90_075
    assert differing(record) == []
    assert all_counted(record, lambda _: RAW)


def test_a_counter_that_began_again_is_counted_across_its_range() -> None:
    edges = [Edge(edge.at_ns, edge.mj % 60_000) for edge in EDGES]
    raw = edges_bytes(edges)
    record = a_counted_record(edges, raw, energy_mj=90_075, hardware=replace(HARDWARE, range_mj=60_000))
    assert differing(record, raw) == []


@pytest.mark.parametrize("lie", [{"energy_mj": 90_074}, {"started_ns": str(BEGIN_NS + 10**6)}])
def test_a_window_that_claims_another_energy_or_another_time_is_named(lie: dict[str, Any]) -> None:
    assert differing(a_counted_record(**lie)) == ["windows.0.energy_mj"]


def test_edges_that_were_left_out_are_named_by_their_number() -> None:
    assert "windows.0.edges_count" in differing(a_counted_record(edges_count=319))


@given(steps=st.lists(st.integers(1, 2_000), min_size=310, max_size=320))
@settings(deadline=None, max_examples=20)
def test_whatever_the_meter_counted_is_counted_again(steps: list[int]) -> None:
    edges, mj = [], 0
    for place, step in enumerate(steps):
        mj += step
        edges.append(Edge(BOOTED_NS + place * 10**8, mj))
    raw = edges_bytes(edges)
    assert differing(a_counted_record(edges, raw), raw) == []


@pytest.mark.parametrize(
    ("record", "raw"),
    [
        (a_counted_record(), b"[]"),
        (a_counted_record(), b"[[1,2],[1,3]]"),
        (a_counted_record(), RAW.replace(b",", b", ")),
        (a_counted_record(), b"[[1,2.5]]"),
        (a_counted_record(), b"[1]"),
        (a_counted_record(), b"{"),
        (a_counted_record(), b"[" * 100_000),
        (a_counted_record(hardware=None), RAW),
        (a_counted_record(started_ns=None), RAW),
        (a_counted_record(ended_ns=str(BOOTED_NS + 10**12)), RAW),
    ],
)
def test_edges_from_which_nothing_can_be_counted_are_refused(record: Record, raw: bytes) -> None:
    with pytest.raises(NotRecomputable) as refused:
        differing(record, raw)
    assert refused.value.where.startswith("windows.0")


def test_without_edges_the_figure_is_taken_as_told_and_said_to_be() -> None:
    assert differing(a_counted_record(), None) == []
    assert not all_counted(a_counted_record(), lambda _: None)
    assert not all_counted(a_counted_record(edges_sha256="", edges_count=0), lambda _: RAW)
    assert all_counted(a_record(), lambda _: None)


def test_an_auditor_is_told_which_of_the_two_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    link = seal(a_counted_record())
    with_edges = a_bundle(tmp_path / "a.zip", [link], evidence=[RAW])
    without = a_bundle(tmp_path / "b.zip", [link])
    lying = a_bundle(tmp_path / "c.zip", [seal(a_counted_record(energy_mj=80_000))], evidence=[RAW])
    told = []
    for path, code in ((with_edges, 0), (without, 0), (lying, 1)):
        assert audit.main(["recompute", str(path)]) == code
        told.append(capsys.readouterr().out.splitlines()[0])
    assert told[0].endswith(": idéntica")
    assert told[1].endswith(audit.TAKEN_ON_TRUST)
    assert told[2].endswith("windows.0.energy_mj: el registro dice 80000 y sale 90075")
