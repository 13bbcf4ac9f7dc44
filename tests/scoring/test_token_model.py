"""Claims on the token model: the sum by hand, parts that add up, no estimate dressed as measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.energy.token_model import DEFAULT_CPU, TokenModel, call_mj, estimate
from scoring.values import EvidenceGrade, TokenUse
from tests.scoring.contexts import UNDER_ANY_DECIMAL_SETTINGS

TOKENS = st.integers(0, 5000) | st.integers(0, 10**7)
CALLS = st.builds(TokenUse, prompt_tokens=TOKENS, completion_tokens=TOKENS)
COEFFICIENT = st.decimals(0, 10**4, places=6, allow_nan=False, allow_infinity=False)
MODELS = st.builds(
    TokenModel,
    version=st.just("una"),
    c0=COEFFICIENT,
    c1=COEFFICIENT,
    c2=COEFFICIENT,
    c3=COEFFICIENT,
    c4=COEFFICIENT,
    source=st.just(""),
    grade=st.sampled_from([EvidenceGrade.D, EvidenceGrade.E]),
)
# All five terms at once: 10 + 43·in + 300·w + 7·w·(in + out/2)/1000 + 1000·(in/1000)², with w = out − 1.
ALL_TERMS = TokenModel(
    version="todos-los-terminos",
    c0=Decimal(10),
    c1=Decimal(43),
    c2=Decimal(300),
    c3=Decimal(7),
    c4=Decimal(1000),
    source="",
    grade=EvidenceGrade.D,
)


def a_call(read: int, written: int) -> TokenUse:
    return TokenUse(prompt_tokens=read, completion_tokens=written)


def energy_of(model: TokenModel, calls: Sequence[TokenUse]) -> int:
    return estimate(model, calls, seconds=Decimal(1)).energy_mj


# --- by hand --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "call", "by_hand"),
    [
        (DEFAULT_CPU, a_call(134, 9), 43 * 134 + 300 * 8),
        (DEFAULT_CPU, a_call(98, 1), 43 * 98),
        (DEFAULT_CPU, a_call(98, 0), 43 * 98),  # a call that wrote none
        (DEFAULT_CPU, a_call(0, 0), 0),
        (DEFAULT_CPU, a_call(0, 3), 600),
        (ALL_TERMS, a_call(2000, 11), 10 + 86_000 + 3_000 + 140 + 4_000),  # c3: 70 · 2005.5 / 1000 = 140.385
        (ALL_TERMS, a_call(0, 0), 10),
        (replace(DEFAULT_CPU, c1=Decimal("0.5")), a_call(1, 0), 0),  # half a millijoule: to the even one
        (replace(DEFAULT_CPU, c1=Decimal("0.5")), a_call(3, 0), 2),
        (replace(DEFAULT_CPU, c1=Decimal("0.500001")), a_call(1, 0), 1),
    ],
)
def test_a_call_is_the_sum_that_one_does_by_hand(model: TokenModel, call: TokenUse, by_hand: int) -> None:
    assert call_mj(model, call) == by_hand


@settings(deadline=None)
@given(model=MODELS, call=CALLS)
def test_a_call_is_the_exact_formula_rounded_once(model: TokenModel, call: TokenUse) -> None:
    read, out = call.prompt_tokens, call.completion_tokens
    written = max(out - 1, 0)
    exact = (
        Fraction(model.c0)
        + Fraction(model.c1) * read
        + Fraction(model.c2) * written
        + Fraction(model.c3) * written * (read + Fraction(out, 2)) / 1000
        + Fraction(model.c4) * Fraction(read, 1000) ** 2
    )
    assert call_mj(model, call) == round(exact)  # Fraction rounds half to even


# --- parts and the whole --------------------------------------------------------------------------------


@settings(deadline=None)
@given(model=MODELS, calls=st.lists(CALLS, max_size=12), cut=st.integers(0, 12), data=st.data())
def test_parts_add_to_the_whole_in_any_order_and_after_any_interruption(
    model: TokenModel, calls: list[TokenUse], cut: int, data: st.DataObject
) -> None:
    whole = energy_of(model, calls)
    assert whole == sum(call_mj(model, call) for call in calls)
    assert whole == energy_of(model, calls[:cut]) + energy_of(model, calls[cut:])
    assert whole == energy_of(model, data.draw(st.permutations(calls)))


@settings(deadline=None)
@given(model=MODELS, call=CALLS, more_read=TOKENS, more_written=TOKENS)
def test_more_tokens_never_cost_less(
    model: TokenModel, call: TokenUse, more_read: int, more_written: int
) -> None:
    longer = a_call(call.prompt_tokens + more_read, call.completion_tokens + more_written)
    assert 0 <= call_mj(model, call) <= call_mj(model, longer)


@settings(deadline=None)
@given(calls=st.lists(CALLS, min_size=1, max_size=12), extra=CALLS)
def test_one_more_call_never_costs_less(calls: list[TokenUse], extra: TokenUse) -> None:
    assert energy_of(DEFAULT_CPU, [*calls, extra]) >= energy_of(DEFAULT_CPU, calls)


@UNDER_ANY_DECIMAL_SETTINGS
def test_it_does_not_depend_on_the_decimal_settings_around_it(ambient: Context) -> None:
    with localcontext(ambient):
        measurement = estimate(ALL_TERMS, [a_call(123_457, 98_765)], seconds=Decimal("1234.56789"))
    # 10 + 5308651 + 29629200 + 691348 · (123457 + 49382.5) / 1000 + 15241630.849
    assert measurement.energy_mj == 169_671_734
    assert str(measurement.seconds) == "1234.568"


# --- what the figure claims -----------------------------------------------------------------------------


def test_the_default_is_an_estimate_and_names_its_version() -> None:
    measurement = estimate(DEFAULT_CPU, [a_call(10, 2)], seconds=Decimal("0.0005"))
    assert measurement.grade is EvidenceGrade.E
    assert measurement.source == DEFAULT_CPU.version
    assert measurement.flags == ()
    assert str(measurement.seconds) == "0.000"


@pytest.mark.parametrize("grade", [EvidenceGrade.A, EvidenceGrade.B, EvidenceGrade.C])
def test_a_model_can_not_claim_to_have_measured(grade: EvidenceGrade) -> None:
    with pytest.raises(ValueError, match="measure"):
        replace(DEFAULT_CPU, grade=grade)


@pytest.mark.parametrize(
    ("calls", "flags"),
    [
        ([], ("no-calls",)),
        ([a_call(0, 5)], ("tokens-missing",)),
        ([a_call(10, 5), a_call(0, 0)], ("tokens-missing",)),
        ([a_call(10, 0)], ()),  # a model may well write nothing
    ],
)
def test_what_is_missing_is_flagged(calls: list[TokenUse], flags: tuple[str, ...]) -> None:
    assert estimate(DEFAULT_CPU, iter(calls), seconds=Decimal(1)).flags == flags


@pytest.mark.parametrize("call", [a_call(-1, 0), a_call(0, -1)])
def test_a_count_below_zero_is_refused(call: TokenUse) -> None:
    with pytest.raises(ValueError, match="below zero"):
        estimate(DEFAULT_CPU, [a_call(10, 5), call], seconds=Decimal(1))


@pytest.mark.parametrize("name", ["c0", "c1", "c2", "c3", "c4"])
@pytest.mark.parametrize("value", ["-0.000001", "NaN", "sNaN", "Infinity", "-Infinity"])
def test_no_coefficient_may_pay_for_waste(name: str, value: str) -> None:
    coefficients: dict[str, Any] = {other: Decimal(1) for other in ("c0", "c1", "c2", "c3", "c4")}
    with pytest.raises(ValueError, match="coefficient"):
        TokenModel(
            version="v",
            source="",
            grade=EvidenceGrade.D,
            **{**coefficients, name: Decimal(value)},
        )
