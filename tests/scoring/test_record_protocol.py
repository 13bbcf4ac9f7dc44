"""Claims on a measured score: nobody can pick the best repetitions, nor hide that the device drifted."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from decimal import localcontext
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.energy.counter import Edge
from scoring.energy.drift import drift_of
from scoring.energy.edges import edges_bytes
from scoring.record import audit, canonical, sealed
from scoring.record.chain import seal
from scoring.record.counted import all_counted, window_differences
from scoring.record.difference import Difference
from scoring.record.errors import RecordUnreadable
from scoring.record.protocol import void_repetitions
from scoring.record.recompute import differences, recompute
from scoring.record.sealed import Baseline, Hardware, Protocol, Record
from tests.scoring.contexts import UNDER_ANY_DECIMAL_SETTINGS
from tests.scoring.records import (
    a_bundle,
    a_measured_record,
    a_protocol,
    a_reference_run,
    with_its_score,
)


def found(record: Record) -> list[Difference]:
    """What differs though the figures of the score were worked out again: whoever forges one does that."""
    return list(differences(record, recompute(record)))


def differing(record: Record) -> list[str]:
    return [each.field for each in found(record)]


def counting(record: Record, *repetitions: int, **outcome: Any) -> Record:
    counted = {"energy_repetitions": repetitions, "quality_repetitions": repetitions[:1], **outcome}
    return with_its_score(replace(record, score=replace(record.score, **counted)))


def without_protocol(**overrides: Any) -> Record:
    return a_measured_record(protocol=None, **overrides)


def test_an_auditor_is_told_which_repetitions_were_begun_and_do_not_count(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    several = sealed.read(seal(a_measured_record(repetitions=(3, 4, 6, 7, 8))).content)
    assert void_repetitions(several) == (1, 2, 5)
    assert void_repetitions(sealed.read(seal(a_measured_record()).content)) == ()
    path = a_bundle(tmp_path / "a.zip", [seal(a_measured_record(repetitions=(3, 4, 6, 7, 8)))])
    assert audit.main(["recompute", str(path)]) == 0
    told = capsys.readouterr().out.splitlines()[0]
    assert told.endswith("; repeticiones nulas, que no cuentan: 1, 2, 5")


# --- five repetitions --------------------------------------------------------------------------------------


def test_five_repetitions_read_back_and_recompute(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    link = seal(a_measured_record())
    record = sealed.read(link.content)
    assert (len(record.windows), len(record.runs)) == (5, 15)
    assert record.score.energy_mj == 7003
    assert differing(record) == []
    path = a_bundle(tmp_path / "b.zip", [link])
    assert audit.main(["verify", str(path)]) == audit.main(["recompute", str(path)]) == audit.WELL
    assert "energía 7003 mJ: idéntica" in capsys.readouterr().out


def test_a_series_that_began_later_counts_from_its_first() -> None:
    """What was measured before was voided, and is not in the record."""
    assert differing(a_measured_record(repetitions=(3, 4, 6, 7, 8))) == []


def test_a_void_window_may_stand_in_the_record_uncounted() -> None:
    record = a_measured_record(repetitions=(1, 2, 3, 4, 5, 6))
    windows = tuple(
        replace(window, flags=("throttled",)) if window.repetition == 2 else window
        for window in record.windows
    )
    assert differing(counting(replace(record, windows=windows), 1, 3, 4, 5, 6)) == []
    assert "windows.1.flags" in differing(replace(record, windows=windows))


# --- nobody picks ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("picked", [(1, 2, 3), (3, 4, 5), (1, 3, 5), (2,)])
def test_a_repetition_that_was_measured_and_not_counted_is_named(picked: tuple[int, ...]) -> None:
    """The best three of five; the figures of the score follow from those three."""
    named = found(counting(without_protocol(), *picked))
    assert named == [
        Difference(
            field="score.energy_repetitions",
            claimed=", ".join(map(str, picked)),
            computed="1, 2, 3, 4, 5",
        )
    ]


def test_a_picker_who_takes_the_window_out_too_is_betrayed_by_the_answers() -> None:
    record = without_protocol()
    picked = counting(replace(record, windows=record.windows[:3]), 1, 2, 3)
    assert found(picked) == [
        Difference(
            field="windows", claimed="1, 2, 3", computed="1, 2, 3, 4, 5, que son las que tienen respuestas"
        )
    ]


def test_a_picker_who_takes_out_everything_has_fewer_than_the_protocol_asks_for() -> None:
    named = {each.field: each for each in found(a_measured_record(repetitions=(1, 2, 3)))}
    assert named.keys() == {"protocol.repetitions", "protocol.window_seconds"}
    assert (named["protocol.repetitions"].claimed, named["protocol.repetitions"].computed) == ("5 o más", "3")
    assert named["protocol.window_seconds"].computed == "21.000 s"


@pytest.mark.parametrize("quality", [(2,), (5,), (1, 2), (1, 2, 3, 4, 5)])
def test_quality_from_another_repetition_than_the_first_is_named(quality: tuple[int, ...]) -> None:
    named = found(counting(a_measured_record(), 1, 2, 3, 4, 5, quality_repetitions=quality))
    assert [each.field for each in named] == ["score.quality_repetitions"]
    assert named[0].computed == "1, la primera que cuenta"


@pytest.mark.parametrize("name", ["energy_repetitions", "quality_repetitions"])
@pytest.mark.parametrize("listed", [[1, 2, 2, 3], [2, 1], [5, 4, 3, 2, 1]])
def test_a_repetition_twice_or_out_of_order_is_no_record(name: str, listed: list[int]) -> None:
    value = canonical.loads(seal(a_measured_record()).content)
    value["score"][name] = listed
    with pytest.raises(RecordUnreadable, match=f"score.{name}: debe estar en orden y sin repetir"):
        sealed.read(canonical.dumps(value))


@pytest.mark.parametrize("change", [lambda windows: windows[::-1], lambda windows: [windows[0], *windows]])
def test_a_window_twice_or_out_of_order_is_no_record(change: Any) -> None:
    value = canonical.loads(seal(a_measured_record()).content)
    value["windows"] = change(value["windows"])
    with pytest.raises(RecordUnreadable, match="windows: una repetición está repetida o fuera de su orden"):
        sealed.read(canonical.dumps(value))


def test_a_repetition_with_a_case_left_out_is_named() -> None:
    record = a_measured_record()
    short = replace(record, runs=tuple(run for run in record.runs if run.repetition != 4 or run.weight == 1))
    assert [(each.field, each.computed) for each in found(short)] == [("suite.cases", "2 en la repetición 4")]


def test_windows_that_last_less_than_the_protocol_asks_for_are_named() -> None:
    record = a_measured_record(protocol=a_protocol(window_seconds="35.001"))
    assert [(each.field, each.claimed, each.computed) for each in found(record)] == [
        ("protocol.window_seconds", "35.001 s o más", "35.000 s")
    ]
    assert differing(a_measured_record(protocol=a_protocol(window_seconds="35.000"))) == []


# --- the reference workload --------------------------------------------------------------------------------


def with_references(before_mj: int, after_mj: int, **overrides: Any) -> Protocol:
    references = (a_reference_run(energy_mj=before_mj), a_reference_run(place="after", energy_mj=after_mj))
    return a_protocol(**{"baseline": None, "references": references, **overrides})


@pytest.mark.parametrize(
    ("before_mj", "after_mj", "is_well"),
    [
        (3_000_000, 3_060_000, True),
        (3_000_000, 3_060_001, False),
        (3_000_000, 2_940_000, True),
        (3_000_000, 2_939_999, False),
    ],
    ids=["2 %", "above 2 %", "-2 %", "below -2 %"],
)
def test_a_drift_beyond_the_records_own_tolerance_is_named(
    before_mj: int, after_mj: int, is_well: bool
) -> None:
    named = found(a_measured_record(protocol=with_references(before_mj, after_mj)))
    assert [each.field for each in named] == ([] if is_well else ["protocol.references.1.energy_mj"])
    assert is_well or named[0].computed == "a 2.001 % de protocol.references.0 por pasada"


def test_the_energy_is_compared_pass_by_pass() -> None:
    longer = a_reference_run(place="after", passes=20, energy_mj=6_000_000)
    well = a_protocol(references=(a_reference_run(), longer))
    assert differing(a_measured_record(protocol=well)) == []
    fewer = a_protocol(references=(a_reference_run(), replace(longer, passes=19)))
    assert "protocol.references.1.energy_mj" in differing(a_measured_record(protocol=fewer))


def test_both_runs_are_held_against_the_baseline_of_the_day() -> None:
    protocol = with_references(3_000_000, 3_000_000, baseline=Baseline(passes=1, energy_mj=290_000))
    named = found(a_measured_record(protocol=protocol))
    assert [each.field for each in named] == [
        "protocol.references.0.energy_mj",
        "protocol.references.1.energy_mj",
    ]
    assert {each.computed for each in named} == {"a 3.449 % de protocol.baseline por pasada"}


@pytest.mark.parametrize("place", ["before", "after"])
def test_a_reference_run_that_is_missing_is_named(place: Any) -> None:
    protocol = a_protocol(references=(a_reference_run(place=place),))
    named = found(a_measured_record(protocol=protocol))
    assert [(each.field, each.claimed) for each in named] == [("protocol.references", place)]


def test_a_void_reference_run_is_named() -> None:
    protocol = a_protocol(
        references=(a_reference_run(), a_reference_run(place="after", flags=("throttled",)))
    )
    assert differing(a_measured_record(protocol=protocol)) == ["protocol.references.1.flags"]


def test_where_no_reference_was_run_there_is_none_to_miss() -> None:
    protocol = a_protocol(workload="", references=(), baseline=None)
    assert differing(a_measured_record(protocol=protocol)) == []


@given(
    energies=st.tuples(st.integers(1, 10**12), st.integers(1, 10**12)),
    passes=st.tuples(st.integers(1, 10**6), st.integers(1, 10**6)),
)
def test_the_drift_is_exact_and_hangs_on_no_number_of_passes(
    energies: tuple[int, int], passes: tuple[int, int]
) -> None:
    run = a_reference_run(energy_mj=energies[0], passes=passes[0])
    base = Baseline(energy_mj=energies[1], passes=passes[1])
    assert drift_of(run, base) == Fraction(energies[0] * passes[1], energies[1] * passes[0]) - 1
    assert drift_of(replace(run, energy_mj=3 * energies[0], passes=3 * passes[0]), base) == drift_of(
        run, base
    )


@UNDER_ANY_DECIMAL_SETTINGS
def test_the_same_is_named_under_any_decimal_settings(ambient: Any) -> None:
    lying = a_measured_record(protocol=with_references(3_000_000, 3_060_001, window_seconds="35.001"))
    named = found(lying)
    with localcontext(ambient):
        assert found(lying) == named


def test_a_reference_run_is_counted_again_from_its_edges() -> None:
    raw = edges_bytes([Edge(step * 10**8, step * 30_000) for step in range(102)])
    device = Hardware(uuid="GPU-1", name="H200", driver="570", update_ms=100, max_power_mw=700_000)
    run = a_reference_run(
        started_ns=str(10**8),
        ended_ns=str(10**8 + 10**10),
        edges_sha256=hashlib.sha256(raw).hexdigest(),
        edges_count=102,
        hardware=device,
    )
    protocol = a_protocol(references=(run, replace(run, place="after")))
    record = a_measured_record(protocol=protocol)
    assert list(window_differences(record, lambda _: raw)) == []
    assert not all_counted(record, lambda _: None)
    lying = replace(
        record, protocol=replace(protocol, references=(run, replace(run, place="after", energy_mj=3_000_001)))
    )
    assert [each.field for each in window_differences(lying, lambda _: raw)] == [
        "protocol.references.1.energy_mj"
    ]
