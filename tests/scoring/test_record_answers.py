"""Records of answers that were made of several calls: format 3, told, promised and graded again."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from typing import Any

import pytest

from scoring.record import canonical, commitments, disclosure, sealed
from scoring.record.errors import DisclosureUnreadable, RecordUnreadable
from scoring.record.recompute import differences, grading_differences, recompute
from scoring.record.sealed import AnsweredRun, Record, Run
from tests.scoring.records import (
    ANSWERS,
    EVALUATION,
    SALT,
    SUITE_SHA256,
    a_disclosure,
    a_measured_record,
    a_record,
    with_its_score,
)

SUITE = disclosure.read(a_disclosure())[SUITE_SHA256]
THOUGHTS = ("una idea", "otra", "")


def answered(run: Run, thought: str, answer: str) -> AnsweredRun:
    """The run with a step before it: its one call thinks, and what was graded is no call's text."""

    def promised(index: int, text: str) -> str:
        return commitments.answer_sha256(
            SALT, evaluation=EVALUATION, case_sha256=run.case_sha256, repetition=1, index=index, text=text
        )

    (call,) = run.calls
    fields = {field.name: getattr(run, field.name) for field in dataclasses.fields(Run)}
    told = {**fields, "calls": (replace(call, answer_sha256=promised(0, thought)),)}
    return AnsweredRun(**told, answer_sha256=promised(1, answer))


def a_record_of_steps() -> Record:
    plain = in_order(a_record())
    by_case = dict(
        zip([run.case_sha256 for run in the_order()], zip(THOUGHTS, ANSWERS, strict=True), strict=True)
    )
    return replace(plain, runs=tuple(answered(run, *by_case[run.case_sha256]) for run in plain.runs))


def in_order(record: Record) -> Record:
    return replace(record, runs=tuple(sorted(record.runs, key=sealed.run_order)))


def the_order() -> list[Run]:
    """The cases in the suite's order, as ``ANSWERS`` are; a record has its own."""
    runs = {run.case_sha256: run for run in a_record().runs}
    return [runs[case] for case in SUITE.cases]


def texts(record: Record) -> list[list[str]]:
    by_case = dict(zip(SUITE.cases, zip(THOUGHTS, ANSWERS, strict=True), strict=True))
    return [list(by_case[run.case_sha256]) for run in record.runs]


def test_it_reads_back_and_recomputes() -> None:
    record = a_record_of_steps()
    raw = sealed.write(record)
    assert b'"format":"desafio-record/3"' in raw
    again = sealed.read(raw)
    assert (again, sealed.write(again)) == (record, raw)
    assert differences(again, recompute(again)) == ()


def test_its_answers_are_graded_again_and_not_its_calls() -> None:
    record = a_record_of_steps()
    assert list(grading_differences(record, SUITE, texts(record))) == []


def test_another_answer_than_the_promised_one_is_named() -> None:
    record = a_record_of_steps()
    told = texts(record)
    told[1][-1] = "otra cosa"
    fields = [each.field for each in grading_differences(record, SUITE, told)]
    assert "runs.1.answer_sha256" in fields
    told = texts(record)
    told[2][0] = "otra idea"
    fields = [each.field for each in grading_differences(record, SUITE, told)]
    assert fields == ["runs.2.calls.0.answer_sha256"]


def test_answers_without_the_one_that_was_graded_are_refused() -> None:
    record = a_record_of_steps()
    short = disclosure.write_answers("0" * 64, [each[:-1] for each in texts(record)])
    with pytest.raises(DisclosureUnreadable, match="answers"):
        disclosure.read_answers(short, record=record, record_sha256="0" * 64)


def test_a_private_answer_may_not_stand_in_the_record() -> None:
    record = a_record_of_steps()
    first = record.runs[0]
    assert isinstance(first, AnsweredRun)
    runs = (replace(first, answer="sí"), *record.runs[1:])
    with pytest.raises(RecordUnreadable, match=r"runs\.0\.calls"):
        sealed.write(replace(record, runs=runs))


def test_it_may_be_measured_by_the_protocol_too() -> None:
    measured = in_order(a_measured_record())
    runs = tuple(answered(run, "una idea", "sí") for run in measured.runs)
    record = with_its_score(replace(measured, runs=runs))
    assert sealed.read(sealed.write(record)).protocol == measured.protocol


@pytest.mark.parametrize(
    ("member", "value"), [("answer_sha256", "corto"), ("answer_sha256", None), ("answer", 7)]
)
def test_a_run_without_what_the_format_tells_is_refused(member: str, value: Any) -> None:
    told = canonical.loads(sealed.write(a_record_of_steps()))
    told["runs"][0][member] = value
    with pytest.raises(RecordUnreadable, match=rf"runs\.0\.{member}"):
        sealed.read(canonical.dumps(told))


def test_a_run_of_another_format_is_refused() -> None:
    plain, steps = (
        canonical.loads(sealed.write(in_order(a_record()))),
        canonical.loads(sealed.write(a_record_of_steps())),
    )
    steps["runs"][0] = plain["runs"][0]
    with pytest.raises(RecordUnreadable, match=r"runs\.0"):
        sealed.read(canonical.dumps(steps))
