"""Claims on the policies and on ``verde``: the sums by hand, more for better and for greener."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import scoring.policies
from scoring.errors import SpecError
from scoring.policies import POLICIES, apply, check_parameters
from scoring.values import PolicyResult, Use
from tests.scoring.contexts import UNDER_ANY_DECIMAL_SETTINGS

PARAMETERS: dict[str, Any] = {"q_min": "0.20", "e_ref_mj": 2_000_000, "e_min_mj": 20_000, "lambda": "0.5"}
QUALITIES = st.integers(0, 10**6).map(lambda millionths: Decimal(millionths) / 10**6)
ENERGIES = st.integers(1, 10**9) | st.integers(1, 10**18)
SHARES = st.integers(0, 10**6).map(lambda millionths: f"{Decimal(millionths) / 10**6:.6f}")
RULES = st.builds(
    lambda q_min, share, low, more: {
        "q_min": q_min,
        "e_ref_mj": low + more,
        "e_min_mj": low,
        "lambda": share,
    },
    q_min=SHARES,
    share=SHARES,
    low=st.integers(1, 10**9),
    more=st.integers(1, 10**14),
)


def scored(quality: str | Decimal, energy_mj: int, **changes: Any) -> PolicyResult:
    return apply(
        policy="verde",
        parameters={**PARAMETERS, **changes},
        quality=Decimal(quality),
        use=of(energy_mj),
    )


def of(energy_mj: int) -> Use:
    """This energy, and tokens that verde does not look at."""
    return Use(energy_mj=energy_mj, prompt_tokens=900, completion_tokens=100)


# --- by hand --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quality", "energy_mj", "changes", "green", "score"),
    [
        ("0.65", 200_000, {}, "0.500000", "48.7500"),  # ln 10 / ln 100, as in docs/scoring.md
        ("1", 2_000_000, {}, "0.000000", "50.0000"),  # nothing saved: 100 · λ
        ("1", 20_000, {}, "1.000000", "100.0000"),
        ("1", 19_999, {}, "1.000000", "100.0000"),  # less than E_min is worth no more
        ("1", 1, {}, "1.000000", "100.0000"),
        ("1", 2_000_001, {}, "0.000000", "50.0000"),  # more than E_ref takes no more away
        ("1", 10**18, {}, "0.000000", "50.0000"),
        ("0", 1, {}, "1.000000", "0.0000"),  # no quality, no score
        (
            "0.8",
            8,
            {"e_ref_mj": 1024, "e_min_mj": 1, "lambda": "0.3"},
            "0.700000",
            "63.2000",
        ),  # 7 of 10 halvings
        ("0.8", 8, {"e_ref_mj": 1024, "e_min_mj": 1, "lambda": "1"}, "0.700000", "80.0000"),
        ("0.8", 8, {"e_ref_mj": 1024, "e_min_mj": 1, "lambda": "0"}, "0.700000", "56.0000"),
        ("0.5", 3, {"e_ref_mj": 9, "e_min_mj": 1, "lambda": "0.123456"}, "0.500000", "28.0864"),
        ("0.333333", 2, {"e_ref_mj": 8, "e_min_mj": 1, "lambda": "0.5"}, "0.666667", "27.7778"),
    ],
)
def test_it_is_the_sum_that_one_does_by_hand(
    quality: str, energy_mj: int, changes: dict[str, Any], green: str, score: str
) -> None:
    result = scored(quality, energy_mj, **changes)
    assert (str(result.green), str(result.score)) == (green, score)


def test_each_halving_of_energy_is_worth_the_same() -> None:
    halvings = {"e_ref_mj": 2**20, "e_min_mj": 2**10}
    greens = [scored("1", 2**power, **halvings).green for power in range(20, 9, -1)]
    assert greens == [Decimal(step) / 10 for step in range(11)]


@pytest.mark.parametrize(
    ("quality", "reaches"),
    [
        ("0.2", True),
        ("0.199999", False),
        ("0.1999996", True),
        ("0.1999994", False),
        ("0", False),
        ("1", True),
    ],
)
def test_the_minimum_is_reached_by_the_quality_that_is_shown(quality: str, reaches: bool) -> None:
    result = scored(quality, 1)
    assert result.reaches_minimum is reaches
    assert result.quality == Decimal(quality).quantize(Decimal("0.000001"))


# --- for every submission -------------------------------------------------------------------------------


@settings(deadline=None)
@given(rule=RULES, quality=QUALITIES, energy_mj=ENERGIES)
def test_nothing_leaves_its_bounds_or_its_decimals(
    rule: dict[str, Any], quality: Decimal, energy_mj: int
) -> None:
    result = apply(policy="verde", parameters=rule, quality=quality, use=of(energy_mj))
    assert 0 <= result.score <= 100
    assert 0 <= result.green <= 1
    assert [value.as_tuple().exponent for value in (result.score, result.quality, result.green)] == [
        -4,
        -6,
        -6,
    ]


@settings(deadline=None)
@given(rule=RULES, quality=QUALITIES, energy_mj=ENERGIES)
def test_the_score_follows_from_the_figures_that_the_page_shows(
    rule: dict[str, Any], quality: Decimal, energy_mj: int
) -> None:
    result = apply(policy="verde", parameters=rule, quality=quality, use=of(energy_mj))
    base = Decimal(rule["lambda"])
    by_hand = 100 * result.quality * (base + (1 - base) * result.green)
    assert result.score == by_hand.quantize(Decimal("0.0001"), ROUND_HALF_EVEN)


@settings(deadline=None)
@given(rule=RULES, energy_mj=ENERGIES)
def test_green_is_the_formula_with_more_digits_than_we_use(rule: dict[str, Any], energy_mj: int) -> None:
    wide = Context(prec=90)
    saved, most = (
        wide.ln(wide.divide(Decimal(rule["e_ref_mj"]), Decimal(energy)))
        for energy in (energy_mj, rule["e_min_mj"])
    )
    exact = min(max(wide.divide(saved, most), Decimal(0)), Decimal(1))
    result = apply(policy="verde", parameters=rule, quality=Decimal(1), use=of(energy_mj))
    assert abs(result.green - exact) <= Decimal("0.0000005")


@settings(deadline=None)
@given(rule=RULES, one=QUALITIES, other=QUALITIES, energy_mj=ENERGIES)
def test_more_quality_never_scores_less(
    rule: dict[str, Any], one: Decimal, other: Decimal, energy_mj: int
) -> None:
    low, high = (
        apply(policy="verde", parameters=rule, quality=quality, use=of(energy_mj))
        for quality in sorted((one, other))
    )
    assert low.score <= high.score
    assert low.reaches_minimum <= high.reaches_minimum


@settings(deadline=None)
@given(rule=RULES, quality=QUALITIES, one=ENERGIES, other=ENERGIES)
def test_more_energy_never_scores_more(rule: dict[str, Any], quality: Decimal, one: int, other: int) -> None:
    assume(one != other)
    thrifty, dear = (
        apply(policy="verde", parameters=rule, quality=quality, use=of(energy_mj))
        for energy_mj in sorted((one, other))
    )
    assert thrifty.score >= dear.score
    assert thrifty.reaches_minimum == dear.reaches_minimum


@UNDER_ANY_DECIMAL_SETTINGS
def test_it_does_not_depend_on_the_decimal_settings_around_it(ambient: Context) -> None:
    expected = scored("0.333333", 123_457, **{"lambda": "0.123457"})
    with localcontext(ambient):
        result = scored("0.333333", 123_457, **{"lambda": "0.123457"})
    assert repr(result) == repr(expected)
    assert (str(result.green), str(result.score)) == ("0.604757", "21.7851")


# --- what is refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize("energy_mj", [0, -1, -(10**15)])
def test_no_energy_is_a_fault_and_never_a_win(energy_mj: int) -> None:
    with pytest.raises(ValueError, match="energy"):
        scored("1", energy_mj)


@pytest.mark.parametrize("quality", ["-0.000001", "1.000001", "NaN", "sNaN", "Infinity"])
def test_a_quality_outside_its_range_is_refused(quality: str) -> None:
    with pytest.raises(ValueError, match="quality"):
        scored(quality, 1)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"q_min": None}, "q_min"),
        ({"q_min": 0.2}, "q_min"),
        ({"q_min": 1}, "q_min"),
        ({"q_min": "1.1"}, "q_min"),
        ({"q_min": "-0.1"}, "q_min"),
        ({"q_min": "0,2"}, "q_min"),
        ({"q_min": "0.2000001"}, "q_min"),
        ({"q_min": "0.2\n"}, "q_min"),
        ({"q_min": "٠"}, "q_min"),
        ({"q_min": "NaN"}, "q_min"),
        ({"lambda": 0.5}, "lambda"),
        ({"lambda": ""}, "lambda"),
        ({"lambda": "1e0"}, "lambda"),
        ({"e_ref_mj": "2000000"}, "e_ref_mj"),
        ({"e_ref_mj": 2e6}, "e_ref_mj"),
        ({"e_ref_mj": True}, "e_ref_mj"),
        ({"e_ref_mj": 0}, "e_ref_mj"),
        ({"e_ref_mj": 10**15 + 1}, "e_ref_mj"),
        ({"e_min_mj": None}, "e_min_mj"),
        ({"e_min_mj": -1}, "e_min_mj"),
        ({"e_min_mj": 2_000_000}, "e_min_mj"),
        ({"e_min_mj": 2_000_001}, "e_min_mj"),
        ({"lambd": "0.5"}, "lambd"),
    ],
)
def test_a_bad_parameter_is_refused_by_its_name(changes: dict[str, Any], field: str) -> None:
    for refuse in (
        lambda: check_parameters("verde", {**PARAMETERS, **changes}),
        lambda: scored("1", 1, **changes),
    ):
        with pytest.raises(SpecError) as refused:
            refuse()
        assert refused.value.field == field
        assert refused.value.fix.endswith(".")


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_parameter_that_is_missing_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(SpecError) as refused:
        check_parameters("verde", {key: value for key, value in PARAMETERS.items() if key != name})
    assert refused.value.field == name


def test_good_parameters_pass() -> None:
    check_parameters("verde", PARAMETERS)
    check_parameters("verde", {"q_min": "0", "e_ref_mj": 10**15, "e_min_mj": 1, "lambda": "1.000000"})


# --- finding a policy -----------------------------------------------------------------------------------


def test_every_module_of_the_folder_is_a_policy() -> None:
    folder = Path(scoring.policies.__file__).parent
    assert set(POLICIES) == {path.stem for path in folder.glob("*.py")} - {"__init__"}


@pytest.mark.parametrize("name", ["", "Verde", "os", "__init__", "verde "])
def test_an_unknown_policy_is_refused_with_the_known_ones(name: str) -> None:
    for refuse in (
        lambda: check_parameters(name, PARAMETERS),
        lambda: apply(policy=name, parameters=PARAMETERS, quality=Decimal(1), use=of(1)),
    ):
        with pytest.raises(SpecError) as refused:
            refuse()
        assert refused.value.field == "policy"
        assert "verde" in refused.value.fix
