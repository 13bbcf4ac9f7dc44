"""Claims on the calibration: the one best fit, the same bytes everywhere, an interval that keeps its word."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.energy import calibration as module
from scoring.energy.calibration import (
    MIN_SAMPLES,
    T_975,
    Calibration,
    calibrate,
    non_negative_least_squares,
    normal_equations,
    predict,
    t_975,
)
from scoring.energy.calibration_file import dump, sha256_of, to_token_model
from scoring.energy.token_model import TokenRange, amounts, call_mj, estimate
from scoring.values import TokenUse
from tests.scoring.calibrations import READ, SUBJECT, TRUTH, WRITTEN, a_call, refusal_of, windows
from tests.scoring.contexts import UNDER_ANY_DECIMAL_SETTINGS


@pytest.fixture(scope="module")
def noisy() -> Calibration:
    return calibrate(SUBJECT, windows(noise=0.01))


# --- the fit --------------------------------------------------------------------------------------------


def test_without_noise_the_machine_s_own_coefficients_come_out() -> None:
    # With these no call is rounded on any of the grid's lengths.
    truth = replace(TRUTH, c3=Decimal(1000), c4=Decimal(10**6))
    fit = calibrate(SUBJECT, windows(truth)).fit
    assert list(map(str, fit.coefficients)) == [f"{c}.000000" for c in truth.coefficients]
    assert list(map(str, (fit.r_squared, fit.worst_relative))) == ["1.000000", "0.000000"]
    assert fit.spread == 0
    assert fit.degrees_of_freedom == len(READ) * len(WRITTEN) * 2 - 5


def test_with_noise_they_come_out_within_it(noisy: Calibration) -> None:
    for found, true in list(zip(noisy.fit.coefficients, TRUTH.coefficients, strict=True))[1:3]:
        assert abs(found / true - 1) < Decimal("0.05")
    assert Decimal("0.005") < noisy.fit.spread < Decimal("0.02")
    assert noisy.fit.worst_relative < Decimal("0.03")
    assert noisy.fit.r_squared > Decimal("0.99")


def test_a_cost_that_is_not_there_comes_out_as_nothing_and_never_below() -> None:
    """Without c0, c3 and c4 in the machine, plain least squares would give some of them a minus sign."""
    truth = replace(TRUTH, c0=Decimal(0), c3=Decimal(0), c4=Decimal(0))
    for seed in range(6):
        fitted = calibrate(SUBJECT, windows(truth, noise=0.02, seed=seed)).fit.coefficients
        assert min(fitted) >= 0
        assert abs(fitted[1] / truth.c1 - 1) < Decimal("0.1")


SMALL = st.integers(-9, 9).map(Fraction)


@settings(deadline=None, max_examples=60)
@given(
    rows=st.lists(st.lists(SMALL, min_size=4, max_size=4), min_size=4, max_size=8),
    right=st.lists(SMALL, min_size=8, max_size=8),
)
def test_the_best_fit_meets_the_conditions_that_only_the_best_meets(
    rows: list[list[Fraction]], right: list[Fraction]
) -> None:
    """Karush, Kuhn and Tucker: β ≥ 0, gradient ≥ 0, and one of the two is 0 in each place."""
    # The unit rows make it positive definite.
    rows = rows + [[Fraction(i == j) for j in range(4)] for i in range(4)]
    target = right[: len(rows)] + [Fraction(1)] * (len(rows) - len(right))
    gram = [[sum((r[i] * r[j] for r in rows), Fraction(0)) for j in range(4)] for i in range(4)]
    moments = [sum((r[i] * y for r, y in zip(rows, target, strict=True)), Fraction(0)) for i in range(4)]
    found = non_negative_least_squares(gram, moments)
    for i, value in enumerate(found):
        gradient = sum((gram[i][j] * found[j] for j in range(4)), Fraction(0)) - moments[i]
        assert value >= 0
        assert gradient >= 0
        assert value * gradient == 0


def test_the_fit_of_measured_windows_meets_them_too() -> None:
    gram, moments = normal_equations(windows(replace(TRUTH, c3=Decimal(0), c0=Decimal(0)), noise=0.05))
    found = non_negative_least_squares(gram, moments)
    gradient = [sum((g * f for g, f in zip(row, found, strict=True)), Fraction(0)) for row in gram]
    for value, slope, moment in zip(found, gradient, moments, strict=True):
        assert value >= 0
        assert slope - moment >= 0
        assert value * (slope - moment) == 0


def test_the_residuals_are_those_that_one_does_by_hand(noisy: Calibration) -> None:
    model = to_token_model(noisy)
    for residual in noisy.fit.cells:
        own = [sample for sample in noisy.samples if sample.cell == residual.cell]
        measured = sum(sample.energy_mj for sample in own)
        predicted = sum(call_mj(model, use) for sample in own for use in sample.calls)
        assert (residual.windows, residual.calls) == (2, 41)
        assert (residual.measured_mj, residual.predicted_mj) == (measured, predicted)
        assert residual.relative == round(Decimal(predicted - measured) / measured, 6)
    assert noisy.fit.worst_relative == max(abs(cell.relative) for cell in noisy.fit.cells)


# --- the same bytes -------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=10)
@given(data=st.data())
def test_the_order_of_windows_and_calls_changes_no_byte(noisy: Calibration, data: st.DataObject) -> None:
    turned = [replace(sample, calls=tuple(reversed(sample.calls))) for sample in noisy.samples]
    assert dump(calibrate(SUBJECT, data.draw(st.permutations(turned)))) == dump(noisy)


@UNDER_ANY_DECIMAL_SETTINGS
def test_it_does_not_depend_on_the_decimal_settings_around_it(noisy: Calibration, ambient: Context) -> None:
    calls = [a_call(700, 90), a_call(41, 3)]
    with localcontext(ambient):
        again = calibrate(SUBJECT, windows(noise=0.01))
        written, expected, model = dump(again), predict(again, calls), to_token_model(again)
    assert written == dump(noisy)
    assert expected == predict(noisy, calls)
    assert model == to_token_model(noisy)


def test_these_windows_gave_this_hash_when_it_was_written() -> None:
    """A change of the arithmetic or of the file's form shows here, and needs a new FORMAT."""
    assert sha256_of(calibrate(SUBJECT, windows()))[:16] == "be1c55cd854dc7a1"


# --- what the model says then ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "is_flagged"),
    [
        (a_call(32, 1), False),
        (a_call(3072, 128), False),
        (a_call(32, 0), False),  # to the formula, the same as one written
        (a_call(31, 1), True),
        (a_call(3073, 1), True),
        (a_call(32, 129), True),
    ],
)
def test_a_call_beyond_the_calibrated_lengths_is_flagged(
    noisy: Calibration, call: TokenUse, is_flagged: bool
) -> None:
    calls = [a_call(100, 10), call]
    measurement = estimate(to_token_model(noisy), calls, seconds=Decimal(1))
    assert measurement.flags == (("token-model-out-of-range",) if is_flagged else ())
    assert predict(noisy, calls).in_range is not is_flagged


@pytest.mark.parametrize("ends", [(2, 1, 0, 0), (-1, 1, 0, 0), (0, 0, 2, 1), (0, 0, -1, 0)])
def test_a_range_that_holds_nothing_is_refused(ends: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="holds nothing"):
        TokenRange(
            min_prompt_tokens=ends[0],
            max_prompt_tokens=ends[1],
            min_completion_tokens=ends[2],
            max_completion_tokens=ends[3],
        )


def test_the_interval_is_the_formula_of_the_handbook(noisy: Calibration) -> None:
    calls = [a_call(700, 90)] * 7 + [a_call(41, 3)]
    expected, fit = predict(noisy, calls), noisy.fit
    x = [float(sum(amounts(use)[i] for use in calls)) for i in range(5)]
    of_fit = sum(x[i] * float(fit.covariance[i][j]) * x[j] for i in range(5) for j in range(5))
    half = 2.093 * math.sqrt((float(fit.spread) * expected.energy_mj) ** 2 + of_fit)  # 24 − 5 = 19
    assert expected.low_mj == math.floor(expected.energy_mj - half)
    assert expected.high_mj == math.ceil(expected.energy_mj + half)
    assert expected.energy_mj == estimate(to_token_model(noisy), calls, seconds=Decimal(1)).energy_mj


def test_of_windows_measured_later_about_95_in_100_fall_into_their_interval() -> None:
    inside = total = 0
    for seed in range(12):
        calibration = calibrate(SUBJECT, windows(noise=0.02, seed=seed))
        for later in windows(noise=0.02, seed=1000 + seed):
            expected = predict(calibration, later.calls)
            inside += expected.low_mj <= later.energy_mj <= expected.high_mj
            total += 1
    assert 0.91 <= inside / total <= 0.99


def test_no_interval_reaches_below_nothing() -> None:
    calibration = calibrate(SUBJECT, windows(noise=0.6, seed=3))
    assert predict(calibration, [a_call(32, 1)]).low_mj == 0
    assert predict(calibration, []).low_mj == predict(calibration, []).high_mj == 0


def student_within(t: float, degrees: int) -> float:
    """How likely |T| < t. Source: Abramowitz and Stegun, 26.7.3 and 26.7.4."""
    angle = math.atan(t / math.sqrt(degrees))
    term, total = (math.cos(angle), 0.0) if degrees % 2 else (1.0, 0.0)
    for step in range(1 + degrees % 2, degrees, 2):
        total += term
        term *= math.cos(angle) ** 2 * step / (step + 1)
    within = math.sin(angle) * total
    return 2 / math.pi * (angle + within) if degrees % 2 else within


@pytest.mark.parametrize("degrees", sorted(T_975))
def test_the_table_is_student_s(degrees: int) -> None:
    assert student_within(float(t_975(degrees)) + 0.0005, degrees) > 0.95
    assert student_within(float(t_975(degrees)) - 0.0005, degrees) < 0.95


@pytest.mark.parametrize(("degrees", "row"), [(31, 30), (39, 30), (59, 40), (99, 60), (5000, 100)])
def test_between_two_rows_the_wider_one_holds(degrees: int, row: int) -> None:
    assert t_975(degrees) == t_975(row)


# --- what cannot be calibrated --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"version": "Con Mayúsculas"}, "version"),
        ({"version": ""}, "version"),
        ({"hardware": ""}, "hardware"),
        ({"backend": "dos\nlíneas"}, "backend"),
        ({"model": "m" * 201}, "model"),
        ({"in_flight": 0}, "in_flight"),
    ],
)
def test_what_was_calibrated_must_be_named(change: dict[str, Any], field: str) -> None:
    assert refusal_of(lambda: calibrate(replace(SUBJECT, **change), windows())).field == field


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"energy_mj": 0}, "samples.32/1.energy_mj"),
        ({"energy_mj": -5}, "samples.32/1.energy_mj"),
        ({"calls": ()}, "samples.32/1.calls"),
        ({"calls": (a_call(0, 1),)}, "samples.32/1.calls"),
        ({"calls": (a_call(5, -1),)}, "samples.32/1.calls"),
        ({"seconds": Decimal("NaN")}, "samples.32/1.seconds"),
        ({"seconds": Decimal(-1)}, "samples.32/1.seconds"),
        ({"cell": ""}, "samples.cell"),
    ],
)
def test_a_window_that_cannot_be_one_is_refused(change: dict[str, Any], field: str) -> None:
    first, *others = windows()
    assert refusal_of(lambda: calibrate(SUBJECT, [replace(first, **change), *others])).field == field


def test_too_few_windows_are_refused() -> None:
    refused = refusal_of(lambda: calibrate(SUBJECT, windows()[: MIN_SAMPLES - 1]))
    assert refused.field == "samples"
    assert "hay 9" in refused.fix


@pytest.mark.parametrize("same", ["prompts", "answers"])
def test_windows_that_are_too_much_alike_are_refused(same: str) -> None:
    alike = [
        sample
        for sample in windows(repetitions=5)
        if sample.cell.split("/")[same == "answers"] in ("256", "16")
    ]
    refused = refusal_of(lambda: calibrate(SUBJECT, alike))
    assert "más longitudes" in refused.fix


def test_more_calls_than_any_grid_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CALLS", 100)
    assert refusal_of(lambda: calibrate(SUBJECT, windows())).field == "samples"
