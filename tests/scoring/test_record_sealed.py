"""Claims on the record's format: it reads back as it was written, and nothing else is taken for one."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.record import canonical, commitments, sealed
from scoring.record.chain import seal
from scoring.record.errors import NotCanonical, RecordError, RecordUnreadable
from scoring.record.sealed import Hardware, Range, Record, Witness
from scoring.record.shapes import Shape, fraction_text, text, whole
from tests.scoring.contexts import UNDER_ANY_DECIMAL_SETTINGS
from tests.scoring.records import (
    ANSWERS,
    CASE_TEXTS,
    CASES,
    DEFAULT_COEFFICIENTS,
    SALT,
    SLOTS,
    SUITE_SHA256,
    a_call,
    a_measured_record,
    a_protocol,
    a_record,
    a_reference_run,
    a_sealed,
    a_window,
    the_runs,
)

SEALED_IN_FORMAT_1 = "6764a1fd02d6fc1544aa7586caade062f87554d28911253a05674f1590dab07a"
FULL: dict[str, Any] = {
    "windows": (
        a_window(
            the_runs(),
            started_ns=str(10**17),
            ended_ns=str(10**17 + 31 * 10**9),
            edges_sha256="d" * 64,
            edges_count=310,
            flags=("other-processes-included", "unlike-witness"),
            hardware=Hardware(
                uuid="GPU-1",
                name="NVIDIA H200",
                driver="570.1",
                clocks_mhz=(1980, 2619),
                power_limit_mw=700_000,
            ),
            witness=Witness(energy_mj=None, co2_mg=3, note="codecarbon dio 0 J de procesador."),
        ),
    ),
    "protocol": a_protocol(
        references=(
            a_reference_run(
                window_id="w0",
                flags=("reference-drift",),
                idle_mj=550_000,
                idle_seconds="5.000",
                started_ns="1",
                ended_ns=str(10**10),
                edges_sha256="d" * 64,
                edges_count=100,
                hardware=Hardware(uuid="GPU-1", name="NVIDIA H200", driver="570.1"),
            ),
            a_reference_run(place="after"),
        )
    ),
    "coefficients": replace(
        DEFAULT_COEFFICIENTS,
        c3="0.000001",
        range=Range(
            min_prompt_tokens=1, max_prompt_tokens=9, min_completion_tokens=0, max_completion_tokens=3
        ),
        calibration_sha256="b" * 64,
    ),
}


def the_value(record: Record | None = None) -> dict[str, Any]:
    value: dict[str, Any] = canonical.loads(a_sealed(record).content)
    return value


def refused(value: Any) -> RecordError:
    with pytest.raises(RecordUnreadable) as error:
        sealed.read(canonical.dumps(value))
    return error.value


def at(value: Any, path: str) -> tuple[Any, Any]:
    """What holds the last step of the path, and that step."""
    *steps, last = (int(step) if step.isdigit() else step for step in path.split("."))
    for step in steps:
        value = value[step]
    return value, last


# --- there and back ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("parts", [{}, FULL], ids=["least", "everything"])
def test_a_record_reads_back_as_it_was_written(parts: dict[str, Any]) -> None:
    record = a_record(**parts)
    raw = seal(record).content
    assert sealed.write(sealed.read(raw)) == raw
    assert replace(sealed.read(raw), runs=record.runs) == record
    assert canonical.dumps(canonical.loads(raw)) == raw


def test_the_chain_reads_the_same_place_as_the_whole_record() -> None:
    link = a_sealed(a_record(number=2), a_sealed().head)
    place, whole = sealed.place_of(link.content), sealed.read(link.content).chain
    assert (place.number, place.previous_sha256) == (whole.number, whole.previous_sha256)
    assert place.of_phase == (whole.challenge, whole.phase, whole.phase_id)


# --- nothing else is a record ------------------------------------------------------------------------------

EVERY_OBJECT = (
    "",
    "chain",
    "subject",
    "rules",
    "suite",
    "model",
    "runs.0",
    "runs.2.calls.0",
    "windows.0",
    "windows.0.hardware",
    "windows.0.witness",
    "protocol",
    "protocol.baseline",
    "protocol.references.0",
    "protocol.references.0.hardware",
    "coefficients",
    "coefficients.range",
    "score",
)


@pytest.mark.parametrize("path", EVERY_OBJECT)
def test_an_unknown_and_a_missing_key_are_named_with_their_path(path: str) -> None:
    prefix = f"{path}." if path else ""
    more, less = the_value(a_record(**FULL)), the_value(a_record(**FULL))
    holder = at(more, f"{prefix}x")[0]
    holder["un_nombre"] = "Ana"
    assert str(refused(more)) == f"{prefix}un_nombre: nadie conoce esta clave"
    holder = at(less, f"{prefix}x")[0]
    for name in sorted(set(holder) - {"format"}):
        kept = holder.pop(name)
        assert str(refused(less)) == f"{prefix}{name}: falta esta clave"
        holder[name] = kept


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("idle", 0),
        ("references", {}),
        ("references", [{}]),
        ("protocol", None),
        ("format", "desafio-record/4"),
        ("format", []),
        ("chain.number", 0),
        ("chain.previous_sha256", "F" * 64),
        ("chain.challenge", "con espacio"),
        ("created_at", "2026-11-25T08:20:00Z"),
        ("created_at", "2026-11-25T08:20:00.123456+01:00"),
        ("subject.participation", "Ana García"),
        ("subject.submission", "7"),
        ("rules.parameters", {"q_min": None}),
        ("rules.parameters", {"con espacio": 1}),
        ("rules.evidence_grade", "F"),
        ("suite.visibility", "secret"),
        ("suite.cases", 0),
        ("runs", []),
        ("runs.1.grade", "1"),
        ("runs.1.grade", "-0.500000"),
        ("runs.1.grade", "01.000000"),
        ("runs.1.grade", 1),
        ("runs.1.weight", 0),
        ("runs.1.weight", True),
        ("runs.1.calls", []),
        ("runs.1.calls.0.prompt_tokens", -1),
        ("runs.1.calls.0.duration_us", "25000"),
        ("runs.1.calls.0.attempts", 0),
        ("runs.1.calls.0.answer", "sí"),
        ("windows", []),
        ("windows.0.basis", "guess"),
        ("windows.0.energy_mj", -1),
        ("windows.0.seconds", "1.5"),
        ("windows.0.flags", ["b", "a"]),
        ("windows.0.flags", ["a", "a"]),
        ("score.value", "48.75"),
        ("score.value", "NaN"),
        ("score.is_ranked", 1),
        ("score.energy_rule", "the-best"),
        ("score.energy_repetitions", []),
        ("score.quality_repetitions", [2, 1]),
        ("coefficients.c1", "1E+3"),
        ("coefficients.c1", "-1"),
        ("environment", {"python": ["3.11"]}),
        ("runs.2.key", "s0"),
    ],
)
def test_a_value_of_another_form_is_refused_with_its_path(path: str, wrong: Any) -> None:
    value = the_value()
    holder, last = at(value, path)
    holder[last] = wrong
    assert refused(value).where.startswith(path.removesuffix(".0.answer"))


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("format", "desafio-record/1"),
        ("protocol", None),
        ("protocol", []),
        ("protocol.repetitions", 0),
        ("protocol.window_seconds", "30"),
        ("protocol.tolerance_percent", "-2.000"),
        ("protocol.workload", ""),
        ("protocol.baseline", {"passes": 0, "energy_mj": 1}),
        ("protocol.references.0.place", "during"),
        ("protocol.references.0.passes", 0),
        ("protocol.references.0.energy_mj", 0),
        ("protocol.references.1.idle_mj", 5),
        ("protocol.references.1.idle_seconds", "5.000"),
        ("protocol.references.1.edges_sha256", "d"),
    ],
)
def test_a_protocol_of_another_form_is_refused_with_its_path(path: str, wrong: Any) -> None:
    value = the_value(a_record(**FULL))
    holder, last = at(value, path)
    holder[last] = wrong
    first, *_ = path.split(".")
    assert refused(value).where.startswith("protocol" if first == "format" else first)


def test_a_reference_run_of_before_behind_one_of_after_is_refused() -> None:
    value = the_value(a_record(**FULL))
    value["protocol"]["references"].reverse()
    assert refused(value).where == "protocol.references"


def test_a_score_without_a_protocol_has_the_bytes_of_format_1() -> None:
    """Those of the records that were sealed before there was another: none of their hashes may change."""
    value = the_value()
    assert (value["format"], value["idle"], value["references"]) == ("desafio-record/1", None, [])
    assert "protocol" not in value
    assert a_sealed().sha256 == SEALED_IN_FORMAT_1


def test_a_score_that_was_measured_by_the_protocol_has_format_2() -> None:
    value = the_value(a_measured_record())
    assert value["format"] == "desafio-record/2"
    assert not {"idle", "references"} & value.keys()


@pytest.mark.parametrize("member", ["idle", "references"])
def test_a_member_of_one_format_is_refused_in_the_other(member: str) -> None:
    old, new = the_value(), the_value(a_measured_record())
    new[member] = old.pop(member)
    assert refused(old).where == refused(new).where == member


def test_a_case_twice_in_a_repetition_and_another_order_are_refused() -> None:
    twice, turned = the_value(), the_value()
    twice["runs"].append(twice["runs"][-1])
    turned["runs"].reverse()
    assert refused(twice).where == refused(turned).where == "runs"


def test_two_windows_of_one_repetition_are_refused() -> None:
    value = the_value()
    value["windows"] *= 2
    assert refused(value).where == "windows"


@pytest.mark.parametrize("raw", [b"null", b"[]", b'"x"', b"{}", b'{"format":"otro"}', b'{"format":{}}'])
def test_other_json_is_no_record(raw: bytes) -> None:
    with pytest.raises(RecordUnreadable, match="format"):
        sealed.read(raw)


@given(where=st.integers(0), change=st.integers(1, 255))
def test_bytes_that_read_as_a_record_are_the_only_ones_for_it(where: int, change: int) -> None:
    raw = bytearray(a_sealed().content)
    raw[where % len(raw)] ^= change
    try:
        record = sealed.read(bytes(raw))
    except RecordError:
        return
    assert sealed.write(record) == bytes(raw)


def test_huge_numbers_and_deep_levels_are_refused_though_the_shape_reads_them() -> None:
    raw = a_sealed().content
    for hostile in (b"9007199254740992", b"1" * 5000, b"1.5", b"[" * 5000 + b"]" * 5000):
        with pytest.raises((NotCanonical, RecordUnreadable)):
            sealed.read(raw.replace(b'"e_ref_mj":2000000', b'"e_ref_mj":' + hostile))


def test_a_shape_that_forgets_a_field_is_no_shape() -> None:
    with pytest.raises(TypeError, match="co2_mg"):
        Shape(Witness, energy_mj=whole(), note=text())


# --- decimals as text --------------------------------------------------------------------------------------


@UNDER_ANY_DECIMAL_SETTINGS
def test_a_decimal_is_written_as_its_column_holds_it_whatever_others_set(ambient: Any) -> None:
    with localcontext(ambient):
        assert fraction_text(Decimal(1), 6) == "1.000000"
        assert fraction_text(Decimal("48.75"), 4) == "48.7500"
        assert fraction_text(Decimal("1E+2"), 4) == "100.0000"
        assert fraction_text(Decimal("0E-9"), 6) == "0.000000"
        assert fraction_text(Decimal("0.5000000000"), 6) == "0.500000"


@pytest.mark.parametrize("value", ["0.1234567", "-1", "-0", "NaN", "Infinity"])
def test_a_decimal_that_would_have_to_be_rounded_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"decimals|not a number"):
        fraction_text(Decimal(value), 6)


# --- salted hashes -----------------------------------------------------------------------------------------


def an_answer(**overrides: Any) -> str:
    fields: dict[str, Any] = {
        "evaluation": "17",
        "case_sha256": "a" * 64,
        "repetition": 1,
        "index": 0,
        "text": "b",
    }
    return commitments.answer_sha256(overrides.pop("salt", SALT), **{**fields, **overrides})


def test_equal_answers_do_not_look_alike_in_another_place() -> None:
    others = [
        an_answer(evaluation="18"),
        an_answer(case_sha256="b" * 64),
        an_answer(repetition=2),
        an_answer(index=1),
        an_answer(text="c"),
        an_answer(salt="00" * 32),
    ]
    assert len({an_answer(), *others}) == 1 + len(others)


def test_a_private_record_tells_no_case_no_key_and_no_answer() -> None:
    raw = a_sealed(a_record(**FULL)).content.decode()
    for case in CASES:
        assert case["inputs"]["pregunta"] not in raw
        assert f'"{case["key"]}"' not in raw
    for answer in ANSWERS:
        assert f'"{answer}"' not in raw
    assert SALT not in raw


def test_parts_cannot_be_shifted_from_one_to_the_next() -> None:
    with pytest.raises(ValueError, match="NUL"):
        commitments.content_sha256(SALT, submission="a\0b", sha256="c")
    with pytest.raises(ValueError, match="salt"):
        commitments.case_sha256("5A" * 32, "{}")


def test_the_suites_hash_follows_from_the_texts_that_are_disclosed() -> None:
    told = {"slots": json.loads(SLOTS), "cases": [dict(case) for case in CASES]}
    whole = json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert hashlib.sha256(whole.encode()).hexdigest() == SUITE_SHA256
    assert commitments.suite_sha256(slots=SLOTS, cases=CASE_TEXTS) == SUITE_SHA256


# --- the quick way -----------------------------------------------------------------------------------------


def the_long_way(raw: bytes) -> Record | str:
    """What ``read`` gives, or the sentence that it refuses with, without the quick way."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sealed, "_read_quickly", lambda raw: None)
        return read_or_refused(raw)


def read_or_refused(raw: bytes) -> Record | str:
    try:
        return sealed.read(raw)
    except RecordError as refused:
        return str(refused)


USUAL = (a_sealed(), a_sealed(a_record(**FULL)), a_sealed(a_measured_record()))


@pytest.mark.parametrize("link", USUAL, ids=["model", "everything", "measured"])
def test_records_of_the_usual_kind_are_read_quickly_and_come_out_the_same(link: Any) -> None:
    assert sealed._read_quickly(link.content) == the_long_way(link.content)


@given(link=st.sampled_from(USUAL), where=st.integers(0), change=st.integers(1, 255), cut=st.integers(0, 3))
def test_no_bytes_are_read_quickly_that_the_long_way_refuses(
    link: Any, where: int, change: int, cut: int
) -> None:
    raw = bytearray(link.content)
    at = where % len(raw)
    raw[at : at + 1 + cut] = bytes([raw[at] ^ change])
    assert read_or_refused(bytes(raw)) == the_long_way(bytes(raw))


@pytest.mark.parametrize(
    ("was", "instead"),
    [
        (b'{"calls":[{"answer":null,', b'{"calls":[{"answer":null,"answer":null,'),
        (b'"cached_tokens":0,', b'"cached_tokens":-0,'),
        (b'"cached_tokens":0,', b'"cached_tokens": 0,'),
        (b'"cached_tokens":0,', b'"cached_tokens":00,'),
        (b'"completion_tokens":4,', b'"completion_tokens":04,'),
        (b'"cached_tokens":0,', b'"cached_tokens":0.0,'),
        (b'"cached_tokens":0,', b'"cached_tokens":true,'),
        (b'"cached_tokens":0,', b'"cached_tokens":9007199254740992,'),
        (b'"finish_reason":"stop"', b'"finish_reason":"\\u0073top"'),
        (b'"finish_reason":"stop"', b'"finish_reason":"sto\xed\xa0\x80"'),
        (b'"runs":[', b'"runs":[ '),
        (b'"runs":[', b'"runs":[],"runs":['),
        (b'"runs":[', b'"runs":[null,'),
        (b'],"score":', b',],"score":'),
        (b'"weight":1}', b'"weight":1,"zeta":1}'),
        (b'"weight":1}', b'"weight":0}'),
        (b'"repetition":1', b'"repetition":32768'),
        (b'"key":""', b'"key":"s0"'),
        (b'},{"calls"', b'}{"calls"'),
    ],
)
def test_what_would_slip_through_a_careless_pattern_is_refused_with_its_reason(
    was: bytes, instead: bytes
) -> None:
    raw = a_sealed().content
    assert was in raw
    forged = raw.replace(was, instead, 1)
    refused = read_or_refused(forged)
    assert isinstance(refused, str)
    assert refused == the_long_way(forged)


@pytest.mark.parametrize(
    "calls", [(a_call(answer="sí\n"),), (a_call(), a_call()), (a_call(prompt_tokens=2**53 - 1),)]
)
def test_what_the_quick_way_leaves_out_is_read_all_the_same(calls: Any) -> None:
    record = a_record()
    runs = tuple(replace(run, calls=calls, key="s") for run in record.runs)
    suite = replace(record.suite, visibility="public")
    raw = seal(replace(record, runs=runs, suite=suite)).content
    assert sealed._read_quickly(raw) is None
    assert sealed.read(raw).runs[0].calls == calls
