"""Claims on recomputing: the score comes out of its record alone, and no figure can be changed unseen."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring import policies, quality
from scoring.energy.token_model import DEFAULT_CPU, estimate
from scoring.record import commitments, disclosure, sealed
from scoring.record.chain import seal
from scoring.record.difference import Difference
from scoring.record.errors import DisclosureUnreadable, NotRecomputable
from scoring.record.recompute import differences, grading_differences, median_mj, recompute
from scoring.record.sealed import Record, Rules
from scoring.values import EvidenceGrade, GradedCase, TokenUse, Use
from tests.scoring.contexts import UNDER_ANY_DECIMAL_SETTINGS
from tests.scoring.records import (
    ANSWERS,
    CASE_TEXTS,
    CASES,
    GRADES,
    SLOTS,
    SUITE_SHA256,
    VERDE,
    a_call,
    a_disclosure,
    a_record,
    a_sealed,
    a_window,
    the_answers,
    the_runs,
    with_its_score,
)


def differing(record: Record) -> list[str]:
    return [found.field for found in differences(record, recompute(record))]


# --- the score comes out -----------------------------------------------------------------------------------


def test_a_records_score_is_what_the_scoring_functions_give() -> None:
    """By hand: 3 of 4 by weight, 3 calls of 20 · 43 and 3, 4 and 5 · 300 mJ."""
    assert recompute(a_record()).quality == "0.750000"
    assert recompute(a_record()).energy_mj == 3 * 20 * 43 + (3 + 4 + 5) * 300
    graded = [
        GradedCase(value=Decimal(grade), weight=case["weight"])
        for grade, case in zip(GRADES, CASES, strict=True)
    ]
    uses = [TokenUse(prompt_tokens=20, completion_tokens=4 + index) for index in range(3)]
    energy_mj = estimate(DEFAULT_CPU, uses, Decimal(1)).energy_mj
    result = policies.apply(
        policy="verde",
        parameters=VERDE,
        quality=quality.weighted_mean(graded),
        use=Use(energy_mj=energy_mj, prompt_tokens=60, completion_tokens=15),
    )
    computed = recompute(sealed.read(a_sealed().content))
    assert (computed.value, computed.quality, computed.green) == (
        str(result.score),
        str(result.quality),
        str(result.green),
    )
    assert (computed.energy_mj, computed.reaches_minimum) == (energy_mj, result.reaches_minimum)
    assert (computed.prompt_tokens, computed.completion_tokens) == (60, 15)
    assert differing(a_record()) == []


@UNDER_ANY_DECIMAL_SETTINGS
def test_the_same_under_any_decimal_settings(ambient: Any) -> None:
    record = a_record()
    with localcontext(ambient):
        assert differing(sealed.read(seal(record).content)) == []


@given(
    grades=st.lists(st.integers(0, 10**6), min_size=3, max_size=3),
    weights=st.lists(st.integers(1, 50), min_size=3, max_size=3),
    tokens=st.lists(st.tuples(st.integers(1, 5000), st.integers(0, 900)), min_size=3, max_size=3),
)
@settings(deadline=None, max_examples=50)
def test_whatever_was_scored_recomputes_from_its_bytes(
    grades: list[int], weights: list[int], tokens: list[tuple[int, int]]
) -> None:
    runs = tuple(
        replace(
            run,
            grade=f"{grade // 10**6}.{grade % 10**6:06d}",
            weight=weight,
            calls=(a_call(prompt_tokens=read, completion_tokens=written),),
        )
        for run, grade, weight, (read, written) in zip(the_runs(), grades, weights, tokens, strict=True)
    )
    assert differing(sealed.read(seal(a_record(runs=runs)).content)) == []


@given(energies=st.lists(st.integers(1, 10**12), min_size=1, max_size=9), order=st.randoms())
def test_the_median_is_whole_and_hangs_on_no_order(energies: list[int], order: Any) -> None:
    shuffled = list(energies)
    order.shuffle(shuffled)
    assert median_mj(shuffled) == median_mj(energies)
    assert sum(e < median_mj(energies) for e in energies) <= len(energies) / 2
    assert sum(e > median_mj(energies) for e in energies) <= len(energies) / 2


@pytest.mark.parametrize(
    ("energies", "middle"), [([5], 5), ([3, 1, 2], 2), ([1, 2], 2), ([2, 3], 2), ([4, 1, 3, 9], 4)]
)
def test_the_median_of_an_even_number_is_rounded_half_to_even(energies: list[int], middle: int) -> None:
    assert median_mj(energies) == middle


# --- several repetitions -----------------------------------------------------------------------------------


def three_repetitions(**outcome: Any) -> Record:
    runs = tuple(run for repetition in (1, 2, 3) for run in the_runs(repetition=repetition))
    windows = tuple(
        a_window(repetition=repetition, basis="counter", grade=EvidenceGrade.A, source="nvml", energy_mj=mj)
        for repetition, mj in ((1, 7000), (2, 6000), (3, 9000))
    )
    record = a_record(runs=runs, windows=windows, coefficients=None)
    counted = {"energy_repetitions": (1, 2, 3), "is_ranked": False, **outcome}
    return with_its_score(replace(record, score=replace(record.score, **counted)))


def test_the_energy_is_the_median_of_the_windows_that_were_counted() -> None:
    assert three_repetitions().score.energy_mj == 7000
    assert three_repetitions(energy_repetitions=(1, 3)).score.energy_mj == 8000
    assert differing(three_repetitions()) == []


def test_quality_and_tokens_come_from_their_own_repetitions() -> None:
    record = three_repetitions(quality_repetitions=(2,))
    assert (record.score.prompt_tokens, record.score.quality) == (60, "0.750000")


def test_the_evidence_is_as_good_as_the_weakest_window() -> None:
    record = three_repetitions()
    first, *others = record.windows
    weaker = replace(record, windows=(replace(first, grade=EvidenceGrade.C), *others))
    assert differing(weaker) == ["score.evidence_grade"]


def test_attributed_energy_is_the_sum_of_its_calls() -> None:
    runs = tuple(
        replace(run, calls=tuple(replace(call, energy_mj=100) for call in run.calls)) for run in the_runs()
    )
    window = a_window(basis="calls", grade=EvidenceGrade.B, source="reparto", energy_mj=300)
    record = a_record(runs=runs, windows=(window,), coefficients=None)
    record = replace(record, score=replace(record.score, is_ranked=False))
    assert differing(record) == []
    more = replace(record, windows=(replace(window, energy_mj=299),))
    assert "windows.0.energy_mj" in differing(more)


# --- nothing can be changed unseen -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "lie"),
    [
        ("value", "99.9999"),
        ("quality", "0.750001"),
        ("green", "1.000000"),
        ("reaches_minimum", False),
        ("energy_mj", 6179),
        ("prompt_tokens", 59),
        ("completion_tokens", 14),
        ("evidence_grade", EvidenceGrade.A),
    ],
)
def test_a_changed_figure_of_the_score_is_named(name: str, lie: Any) -> None:
    record = a_record()
    lying = replace(record, score=replace(record.score, **{name: lie}))
    assert f"score.{name}" in differing(lying)
    found = next(each for each in differences(lying, recompute(lying)) if each.field == f"score.{name}")
    assert found.claimed != found.computed


def a_run_changed(**fields: Any) -> Record:
    record = a_record()
    first, *others = record.runs
    return replace(record, runs=(replace(first, **fields), *others))


@pytest.mark.parametrize(
    ("lying", "field"),
    [
        (a_run_changed(grade="0.000000"), "score.quality"),
        (a_run_changed(weight=9), "score.quality"),
        (a_run_changed(calls=(a_call(completion_tokens=3),)), "windows.0.energy_mj"),
        (a_run_changed(calls=(a_call(prompt_tokens=19),)), "windows.0.energy_mj"),
        (replace(a_record(), runs=the_runs()[:2]), "suite.cases"),
        (replace(a_record(), windows=(a_window(energy_mj=100),)), "windows.0.energy_mj"),
        (replace(a_record(), windows=(a_window(the_runs(), flags=("tokens-missing",)),)), "windows.0.flags"),
        (
            replace(a_record(), windows=(a_window(the_runs(), grade=EvidenceGrade.D),)),
            "windows.0.grade",
        ),
        (
            replace(
                a_record(), rules=Rules(policy="verde", parameters=VERDE, evidence_grade=EvidenceGrade.A)
            ),
            "score.is_ranked",
        ),
        (
            replace(
                a_record(),
                rules=Rules(
                    policy="verde",
                    parameters={**VERDE, "lambda": "0.6"},
                    evidence_grade=EvidenceGrade.E,
                ),
            ),
            "score.value",
        ),
    ],
    ids=[
        "grade",
        "weight",
        "written",
        "read",
        "case-left-out",
        "window",
        "void-window",
        "estimate-for-measured",
        "other-evidence-ranked",
        "parameters",
    ],
)
def test_whatever_the_score_hangs_on_cannot_be_changed(lying: Record, field: str) -> None:
    assert field in differing(lying)


def test_other_cases_in_another_repetition_are_named() -> None:
    record = three_repetitions()
    *others, last = record.runs
    assert "runs" in differing(replace(record, runs=(*others, replace(last, case_sha256="f" * 64))))


@pytest.mark.parametrize(
    ("record", "where"),
    [
        (replace(a_record(), rules=replace(a_record().rules, policy="otra")), "rules.policy"),
        (replace(a_record(), rules=replace(a_record().rules, parameters={})), "rules.q_min"),
        (replace(a_record(), coefficients=None), "coefficients"),
        (replace(a_record(), windows=(a_window(repetition=2),)), "windows"),
        (replace(a_record(), runs=the_runs(repetition=2)), "runs"),
        (replace(a_record(), windows=(a_window(energy_mj=0),)), "score"),
        (
            replace(
                a_record(),
                coefficients=replace(
                    a_record().coefficients,  # type: ignore[type-var]  # the builder's is there
                    grade=EvidenceGrade.A,
                ),
            ),
            "coefficients",
        ),
    ],
    ids=["policy", "parameters", "no-coefficients", "no-window", "no-runs", "no-energy", "grade-of-model"],
)
def test_what_cannot_be_recomputed_says_why_and_where(record: Record, where: str) -> None:
    with pytest.raises(NotRecomputable) as refused:
        differing(record)
    assert refused.value.where == where


# --- once the cases are public -----------------------------------------------------------------------------

SUITE = disclosure.read(a_disclosure())[SUITE_SHA256]


def regraded(record: Record, answers: Any = None) -> list[Difference]:
    return list(grading_differences(record, SUITE, answers))


def told(answers: tuple[str, ...] = ANSWERS) -> tuple[tuple[str, ...], ...]:
    link = a_sealed()
    raw = the_answers(link, answers)
    return disclosure.read_answers(raw, record=sealed.read(link.content), record_sha256=link.sha256)


THE_RECORD = sealed.read(a_sealed().content)


def test_disclosed_cases_and_answers_give_the_same_grades() -> None:
    assert regraded(THE_RECORD, told()) == []
    assert regraded(THE_RECORD) == []


def test_another_answer_than_the_one_that_was_given_is_named() -> None:
    found = [each.field for each in regraded(THE_RECORD, told(("sí", "Respuesta: 13 kWh", "no sé")))]
    assert [field.split(".", 2)[2] for field in found] == ["calls.0.answer_sha256", "grade"]


def test_a_grade_that_the_answer_did_not_earn_is_named() -> None:
    at = next(place for place, run in enumerate(THE_RECORD.runs) if run.grade == "0.000000")
    runs = tuple(replace(run, grade="1.000000") for run in THE_RECORD.runs)
    generous = replace(THE_RECORD, runs=runs)
    assert regraded(generous, told()) == [
        Difference(field=f"runs.{at}.grade", claimed="1.000000", computed="0.000000")
    ]


def test_a_case_of_another_suite_and_another_weight_are_named() -> None:
    first, *others = THE_RECORD.runs
    foreign = replace(THE_RECORD, runs=(replace(first, case_sha256="f" * 64), *others))
    heavy = replace(THE_RECORD, runs=(replace(first, weight=9), *others))
    assert [each.field for each in regraded(foreign)] == ["runs.0.case_sha256"]
    assert [each.field for each in regraded(heavy)] == ["runs.0.weight"]


def test_a_public_record_grades_again_from_its_own_answers() -> None:
    record = a_record(runs=the_runs(is_public=True), suite=replace(THE_RECORD.suite, visibility="public"))
    public = sealed.read(seal(record).content)
    assert [run.key for run in public.runs] == ["s0", "s1", "s2"]
    assert regraded(public) == []
    first, *others = public.runs
    assert [
        each.field for each in regraded(replace(public, runs=(replace(first, grade="0.000000"), *others)))
    ]
    assert [each.field for each in regraded(replace(public, runs=(replace(first, key="s9"), *others)))] == [
        "runs.0.key"
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"cases": [*CASE_TEXTS[:2], CASE_TEXTS[2].replace("porque", "por que")]},
        {"cases": list(CASE_TEXTS[::-1])},
        {"slots": "{}"},
        {"salt": "no"},
        {"sha256": "0" * 64},
    ],
)
def test_a_disclosure_that_is_not_the_suites_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(DisclosureUnreadable):
        a_disclosure(**wrong)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({**CASES[0], "more": 1}),
        json.dumps({name: value for name, value in CASES[0].items() if name != "group"}),
        json.dumps({**CASES[0], "weight": "1"}),
        json.dumps({**CASES[0], "grader": None}),
        "[]",
        "no es JSON",
    ],
)
def test_a_text_that_is_no_case_is_refused_though_its_suite_has_that_hash(text: str) -> None:
    with pytest.raises(DisclosureUnreadable, match=r"suites\.0\.cases\.0"):
        a_disclosure(cases=[text], sha256=commitments.suite_sha256(slots=SLOTS, cases=[text]))


def test_another_salt_makes_other_cases() -> None:
    other = disclosure.read(a_disclosure(salt="00" * 32))[SUITE_SHA256]
    assert len(list(grading_differences(THE_RECORD, other))) == len(CASES)


def test_answers_of_another_record_or_too_few_are_refused() -> None:
    link = a_sealed()
    for raw in (
        disclosure.write_answers("0" * 64, [["a"], ["b"], ["c"]]),
        disclosure.write_answers(link.sha256, [["a"], ["b"]]),
        disclosure.write_answers(link.sha256, [["a"], ["b"], ["c", "d"]]),
        b"{}",
    ):
        with pytest.raises(DisclosureUnreadable):
            disclosure.read_answers(raw, record=THE_RECORD, record_sha256=link.sha256)
