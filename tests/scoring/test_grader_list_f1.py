"""Claims on the grader ``list_f1``; how items are read is claimed in ``test_grader_set_f1.py``."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.errors import SpecError
from scoring.graders import check_spec, grade

STEPS = ["abrir", ["purgar", "sangrar"], "cerrar", "medir"]
NAMES = st.lists(st.sampled_from(["abrir", "purgar", "cerrar", "medir"]), min_size=1, max_size=8)


def value(answer: str, expected: Any = STEPS, name: str = "list_f1") -> Decimal:
    return grade(spec={"name": name}, answer=answer, expected=expected).value


def test_the_right_items_in_the_right_order_are_1() -> None:
    assert value("1. Abrir\n2. Sangrar\n3. Cerrar\n4. Medir") == 1
    assert value("abrir, purgar, cerrar y medir") == 1
    assert value("**Paso 1:** abrir\nPaso 2: purgar\n**3.** cerrar\n**4.- medir**") == 1


def test_order_matters_here_and_not_in_set_f1() -> None:
    swapped = "medir, abrir, purgar, cerrar"
    assert value(swapped) == Decimal("0.750000")
    assert value("medir, cerrar, purgar, abrir") == Decimal("0.250000")
    assert value(swapped, name="set_f1") == 1


def test_one_that_is_missing_or_too_many_does_not_spoil_the_rest() -> None:
    assert value("abrir, cerrar, medir") == Decimal("0.857143")
    assert value("abrir, purgar, mirar, cerrar, medir") == Decimal("0.888889")


def test_a_repeated_item_counts_as_often_as_it_stands() -> None:
    assert value("abrir, abrir, purgar, cerrar, medir") == Decimal("0.888889")
    assert value("abrir, medir, abrir", ["abrir", "medir", "abrir"]) == 1
    assert value("abrir, medir", ["abrir", "medir", "abrir"]) == Decimal("0.800000")
    assert value("abrir, sangrar", [["abrir", "destapar"], "sangrar", ["abrir", "destapar"]]) < 1


@settings(deadline=None, max_examples=60)
@given(read=NAMES, right=NAMES)
def test_it_is_symmetric_within_bounds_and_1_only_for_the_same_list(
    read: list[str], right: list[str]
) -> None:
    score = value("\n".join(read), right)
    assert 0 <= score <= 1
    assert score == value("\n".join(right), read)
    assert (score == 1) == (read == right)


def test_the_best_reading_is_that_with_the_best_f1_not_the_most_items() -> None:
    expected = ["Sanidad y Consumo", "Hacienda"]
    assert value("- Sanidad y Consumo\n- Hacienda", expected) == 1


def test_an_answer_without_items_earns_nothing() -> None:
    assert value("") == value("-, ;") == 0


@pytest.mark.parametrize("expected", [[], "abrir", ["abrir", ["abrir", "destapar"]], [["a", "b"], ["b"]]])
def test_an_expected_list_that_cannot_work_is_refused(expected: Any) -> None:
    with pytest.raises(SpecError) as refused:
        check_spec(spec={"name": "list_f1"}, expected=expected)
    assert refused.value.field.startswith("expected")
