"""Claims on every policy alike: what is better never stands lower, and one rule gives one set of bytes."""

from __future__ import annotations

import doctest
import hashlib
import importlib
import pkgutil
from dataclasses import replace
from decimal import Context, Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scoring.policies
from scoring.errors import SpecError
from scoring.policies import POLICIES, apply, check_parameters, fingerprint, in_layers, terms
from scoring.policies.terms.values import WHOLE_SLOPE, Line
from scoring.values import RankEntry, Use
from tests.scoring.contexts import UNDER_ANY_DECIMAL_SETTINGS
from tests.scoring.policy_boards import BOARDS, ROWS, RULES, Row, board, places

each_policy = pytest.mark.parametrize("policy", RULES)
USE = Use(energy_mj=200_000, prompt_tokens=900, completion_tokens=100)
QUALITIES = st.integers(0, 10**6)
USES = st.builds(
    Use,
    energy_mj=st.integers(1, 100) | st.integers(1, 10**18),
    prompt_tokens=st.integers(0, 10**12),
    completion_tokens=st.integers(0, 10**12),
)


def test_these_are_the_policies() -> None:
    assert set(POLICIES) == set(RULES) == {"verde", "threshold", "budget", "tokens", "pareto"}


@pytest.mark.parametrize(
    "name",
    [
        "scoring.policies",
        *(found.name for found in pkgutil.walk_packages(scoring.policies.__path__, "scoring.policies.")),
    ],
)
def test_the_worked_examples_are_true(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@each_policy
def test_a_policy_has_a_worked_example(policy: str) -> None:
    assert doctest.testmod(importlib.import_module(f"scoring.policies.{policy}")).attempted > 0


# --- better never stands lower ----------------------------------------------------------------------------


@each_policy
@settings(deadline=None, max_examples=40)
@given(rows=BOARDS, quality=st.integers(0, 10))
def test_more_quality_never_lowers_the_place(policy: str, rows: list[Row], quality: int) -> None:
    first, *others = rows
    low, high = sorted((first.quality, quality))
    before, after = (places(policy, [replace(first, quality=each), *others])[0] for each in (low, high))
    assert after <= before


@each_policy
@settings(deadline=None, max_examples=40)
@given(rows=BOARDS, more=ROWS)
def test_more_energy_never_raises_the_place(policy: str, rows: list[Row], more: Row) -> None:
    first, *others = rows
    thrifty, dear = sorted((first.use.energy_mj, more.use.energy_mj))
    before, after = (
        places(policy, [replace(first, use=replace(first.use, energy_mj=each)), *others])[0]
        for each in (thrifty, dear)
    )
    assert after >= before


@each_policy
@pytest.mark.parametrize("kind", ["prompt_tokens", "completion_tokens"])
@settings(deadline=None, max_examples=20)
@given(rows=BOARDS, more=ROWS)
def test_more_tokens_never_raise_the_place(policy: str, kind: str, rows: list[Row], more: Row) -> None:
    first, *others = rows
    few, many = sorted((getattr(first.use, kind), getattr(more.use, kind)))
    before, after = (
        places(policy, [replace(first, use=replace(first.use, **{kind: each})), *others])[0]
        for each in (few, many)
    )
    assert after >= before


@each_policy
@settings(deadline=None, max_examples=40)
@given(rows=BOARDS)
def test_a_tie_is_one_for_both(policy: str, rows: list[Row]) -> None:
    """Who shares a rank is marked as tied, and nobody else is; equal rows share theirs."""
    found = board(policy, rows)
    ranks = [place.rank for place in found]
    assert [place.tied for place in found] == [ranks.count(place.rank) > 1 for place in found]
    twice = places(policy, [*rows, rows[0]])
    assert twice[0] == twice[-1]


@each_policy
@settings(deadline=None, max_examples=40)
@given(rows=BOARDS, data=st.data())
def test_the_order_of_the_rows_does_not_matter(policy: str, rows: list[Row], data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(rows))))
    assert places(policy, [rows[at] for at in order]) == [places(policy, rows)[at] for at in order]


# --- one set of bytes -------------------------------------------------------------------------------------


@each_policy
@settings(deadline=None, max_examples=40)
@given(quality=QUALITIES, use=USES)
def test_nothing_leaves_its_bounds_or_its_decimals(policy: str, quality: int, use: Use) -> None:
    result = apply(policy=policy, parameters=RULES[policy], quality=Decimal(quality).scaleb(-6), use=use)
    assert 0 <= result.score <= 100
    assert 0 <= result.green <= 1
    exponents = [value.as_tuple().exponent for value in (result.score, result.quality, result.green)]
    assert exponents == [-4, -6, -6]


@each_policy
@settings(deadline=None, max_examples=40)
@given(quality=QUALITIES, use=USES)
def test_the_terms_in_whole_numbers_are_the_score(policy: str, quality: int, use: Use) -> None:
    """What a resampling takes; no product of it passes 64 bits."""
    result = apply(policy=policy, parameters=RULES[policy], quality=Decimal(quality).scaleb(-6), use=use)
    found = terms(policy=policy, parameters=RULES[policy], use=use)
    assert found.at(quality) == (result.reaches_minimum, int(result.score * 10_000))
    assert max(line.slope * 10**6 + line.start for line in (found.reached, found.below)) < 2**63


@pytest.mark.parametrize(("quality", "score"), [(0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (5, 2), (7, 4)])
def test_the_half_of_a_last_digit_goes_to_the_even_one(quality: int, score: int) -> None:
    assert Line(slope=WHOLE_SLOPE // 2).at(quality) == score


@each_policy
@UNDER_ANY_DECIMAL_SETTINGS
def test_it_does_not_depend_on_the_decimal_settings_around_it(policy: str, ambient: Context) -> None:
    def scored() -> str:
        quality = Decimal("0.654321")
        use = Use(energy_mj=7, prompt_tokens=11, completion_tokens=13)
        return repr(apply(policy=policy, parameters=RULES[policy], quality=quality, use=use))

    expected = scored()
    with localcontext(ambient):
        assert scored() == expected


# --- the fingerprint --------------------------------------------------------------------------------------


def test_a_fingerprint_is_of_the_rule_and_not_of_how_it_was_written() -> None:
    rule = b'{"policy":"threshold","policy_parameters":{"e_half_mj":200000,"q_min":"0.6"}}'
    for parameters in ({"q_min": "0.6", "e_half_mj": 200_000}, {"e_half_mj": 200_000, "q_min": "0.6"}):
        assert fingerprint("threshold", parameters) == hashlib.sha256(rule).hexdigest()


@pytest.mark.parametrize("changes", [{"q_min": "0.7"}, {"q_min": "0.60"}, {"e_half_mj": 200_001}])
def test_another_rule_has_another_fingerprint(changes: dict[str, Any]) -> None:
    rule = {"q_min": "0.6", "e_half_mj": 200_000}
    assert fingerprint("threshold", {**rule, **changes}) != fingerprint("threshold", rule)


def test_two_policies_with_the_same_parameters_have_two_fingerprints(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {**POLICIES, "other": replace(POLICIES["budget"], name="other")}
    monkeypatch.setattr(scoring.policies, "POLICIES", known)
    assert fingerprint("budget", {"purse_mj": 1}) != fingerprint("other", {"purse_mj": 1})


def test_a_rule_that_cannot_work_has_no_fingerprint() -> None:
    with pytest.raises(SpecError) as refused:
        fingerprint("budget", {"purse_mj": 0.5})
    assert refused.value.field == "purse_mj"


# --- what is refused --------------------------------------------------------------------------------------


@each_policy
@pytest.mark.parametrize("energy_mj", [0, -1])
def test_no_energy_is_a_fault_and_never_a_win(policy: str, energy_mj: int) -> None:
    with pytest.raises(ValueError, match="energy"):
        terms(policy=policy, parameters=RULES[policy], use=replace(USE, energy_mj=energy_mj))


@each_policy
@pytest.mark.parametrize("kind", ["prompt_tokens", "completion_tokens"])
def test_negative_tokens_are_refused(policy: str, kind: str) -> None:
    with pytest.raises(ValueError, match="tokens"):
        terms(policy=policy, parameters=RULES[policy], use=replace(USE, **{kind: -1}))


BAD_SHARES = (None, 0.2, 1, "1.1", "-0.1", "0,2", "0.2000001", "0.2\n", "٠", "NaN", "")
BAD_WHOLES = (None, "200000", 2e6, True, 0, -1, 10**15 + 1)
BAD_WEIGHTS = (None, "1", 1.0, True, -1, 1001)


@pytest.mark.parametrize(
    ("policy", "field", "value"),
    [
        *[(policy, "q_min", value) for policy in ("threshold", "tokens", "pareto") for value in BAD_SHARES],
        *[("threshold", "e_half_mj", value) for value in BAD_WHOLES],
        *[("budget", "purse_mj", value) for value in BAD_WHOLES],
        *[("tokens", "half_tokens", value) for value in BAD_WHOLES],
        *[
            ("tokens", name, value)
            for name in ("prompt_weight", "completion_weight")
            for value in BAD_WEIGHTS
        ],
        *[("pareto", name, value) for name in ("e_ref_mj", "e_min_mj") for value in BAD_WHOLES],
        ("pareto", "e_min_mj", 64),
        ("pareto", "lambda", "0"),
        ("budget", "q_min", "0.2"),
        ("threshold", "e_ref_mj", 1),
    ],
)
def test_a_bad_parameter_is_refused_by_its_name(policy: str, field: str, value: Any) -> None:
    with pytest.raises(SpecError) as refused:
        check_parameters(policy, {**RULES[policy], field: value})
    assert refused.value.field == field
    assert refused.value.fix.endswith(".")


@pytest.mark.parametrize(("policy", "name"), [(policy, name) for policy in RULES for name in RULES[policy]])
def test_a_parameter_that_is_missing_is_refused_by_its_name(policy: str, name: str) -> None:
    with pytest.raises(SpecError) as refused:
        check_parameters(policy, {key: value for key, value in RULES[policy].items() if key != name})
    assert refused.value.field == name


def test_weights_that_count_no_token_are_refused() -> None:
    with pytest.raises(SpecError) as refused:
        check_parameters("tokens", {**RULES["tokens"], "prompt_weight": 0, "completion_weight": 0})
    assert refused.value.field == "completion_weight"


# --- layers only where there are any ------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["verde", "threshold", "budget", "tokens", "nobody knows it"])
def test_a_policy_whose_score_says_the_place_has_no_layers(policy: str) -> None:
    entry = RankEntry(id="a", score=Decimal(1), reaches_minimum=True)
    assert in_layers(policy, [entry]) == [entry]
