"""Claims on the normal, Student's t and Holm's correction, against scipy's and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]  # it tells none

from scoring.uncertainty import holm, normal, student

P_VALUES = st.lists(st.floats(0, 1, allow_nan=False), min_size=1, max_size=30)
NORMAL_BITS = ["-0x1.f5c0331ef064ep+0", "0x1.488c829002be0p-10", "0x1.f5c0331ef064ep+0"]


def test_the_normal_agrees_with_scipy() -> None:
    x = np.linspace(-9, 9, 1801)
    assert np.abs(normal.cdf(x) - stats.norm.cdf(x)).max() < 1e-13
    shares = np.arange(1, 4000) / 4000
    assert np.abs(normal.quantile(shares) - stats.norm.ppf(shares)).max() < 1e-9


def test_the_normal_has_these_bits_on_every_machine() -> None:
    found = [float(x).hex() for x in normal.quantile(np.array([0.025, 0.5005, 0.975]))]
    assert found == NORMAL_BITS


@pytest.mark.parametrize("degrees", [2, 4, 18, 58, 98, 200])
def test_student_s_t_agrees_with_scipy(degrees: int) -> None:
    t = np.linspace(0, 12, 401)
    expected = 2 * stats.t.sf(t, degrees)
    assert np.abs(student.two_sided(t * t, degrees=degrees) - expected).max() < 1e-12
    for level in (0.4, 0.05, 0.05 / 128 / 127, 1e-9):
        assert student.critical(level=level, degrees=degrees) == pytest.approx(
            stats.t.isf(level / 2, degrees), rel=1e-6
        )


def test_degrees_of_freedom_are_even_and_never_more_than_there_are() -> None:
    assert [student.degrees_of(cases) for cases in (1, 2, 3, 4, 5, 60, 61, 10_000)] == [
        *(0, 0, 2, 2, 4, 58, 60, 200)
    ]


def test_too_few_cases_can_tell_nothing_apart() -> None:
    assert student.critical(level=0.05, degrees=0) == math.inf


def test_holm_by_hand() -> None:
    # Holm 1979: 4 · 0.005, 3 · 0.01, 2 · 0.03, and 0.04 may not be less than what came before it.
    found = holm.adjusted(np.array([0.01, 0.04, 0.03, 0.005]))
    assert found.tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm.adjusted(np.array([])).tolist() == []


@settings(deadline=None)
@given(p_values=P_VALUES)
def test_holm_keeps_the_order_and_is_between_the_p_value_and_bonferroni(p_values: list[float]) -> None:
    found = holm.adjusted(np.array(p_values))
    for before, after in zip(p_values, found.tolist(), strict=True):
        assert before <= after <= min(1.0, before * len(p_values))
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(found[order]) >= 0).all()


@settings(deadline=None)
@given(p_values=P_VALUES, data=st.data())
def test_holm_does_not_depend_on_the_order_of_the_comparisons(
    p_values: list[float], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(p_values))))
    moved = holm.adjusted(np.array([p_values[at] for at in order])).tolist()
    assert moved == holm.adjusted(np.array(p_values))[list(order)].tolist()
