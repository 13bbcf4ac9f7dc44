"""Claims on ``all``, ``any``, ``weighted`` and ``first``: how the grades of the parts make one."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from scoring.errors import SpecError
from scoring.graders import check_spec, grade

# «12 luces» is half right for WORDS (one of its two words), wrong for YES and right for TWELVE.
WORDS = {"spec": {"name": "token_f1"}, "expected": "12 sombras"}
YES = {"spec": {"name": "exact"}, "expected": "sí"}
TWELVE = {"spec": {"name": "number"}, "expected": 12}
SHORT = {"spec": {"name": "length", "max_words": 2}, "expected": None}


def value(name: str, *parts: Any, answer: str = "12 luces") -> Decimal:
    return grade(spec={"name": name, "of": list(parts)}, answer=answer, expected=None).value


def weighing(part: dict[str, Any], weight: int) -> dict[str, Any]:
    return {**part, "weight": weight}


def test_all_is_the_lowest_grade_and_not_the_product() -> None:
    assert value("all", TWELVE, SHORT) == 1
    assert value("all", TWELVE, WORDS, WORDS) == Decimal("0.5")
    assert value("all", TWELVE, YES) == 0


def test_any_is_the_highest_grade() -> None:
    assert value("any", YES, WORDS) == Decimal("0.5")
    assert value("any", YES, WORDS, TWELVE) == 1
    assert value("any", YES) == 0


def test_first_stays_with_the_first_part_that_gives_anything() -> None:
    assert value("first", YES, WORDS, TWELVE) == Decimal("0.5")
    assert value("first", TWELVE, WORDS) == 1
    assert value("first", YES, YES) == 0


def test_weighted_is_the_mean_by_weight_with_six_decimals() -> None:
    assert value("weighted", TWELVE, YES) == Decimal("0.5")
    assert value("weighted", weighing(TWELVE, 2), YES) == Decimal("0.666667")
    assert value("weighted", TWELVE, weighing(YES, 2)) == Decimal("0.333333")
    assert value("weighted", weighing(WORDS, 3), weighing(YES, 997)) == Decimal("0.001500")
    assert value("weighted", weighing(TWELVE, 7)) == 1


def test_the_order_of_the_parts_matters_only_to_first() -> None:
    for name in ("all", "any", "weighted"):
        assert value(name, WORDS, TWELVE, YES) == value(name, YES, WORDS, TWELVE)
    assert value("first", WORDS, TWELVE) != value("first", TWELVE, WORDS)


def test_the_reason_is_of_the_part_that_decides() -> None:
    spec = {"name": "all", "of": [TWELVE, YES]}
    verdict = grade(spec=spec, answer="12", expected=None)
    assert verdict.reason == "Parte 2: Se leyó «12», que no es la respuesta esperada."
    spec = {"name": "weighted", "of": [weighing(TWELVE, 2), YES]}
    assert "parte 1: 1,00; parte 2: 0,00" in grade(spec=spec, answer="12", expected=None).reason


def test_combinations_stand_inside_one_another_three_deep() -> None:
    inner = {"spec": {"name": "any", "of": [YES, TWELVE]}, "expected": None}
    middle = {"spec": {"name": "all", "of": [inner, SHORT]}, "expected": None}
    assert value("weighted", weighing(middle, 3), YES, answer="12") == Decimal("0.75")
    deepest = {"spec": {"name": "first", "of": [middle]}, "expected": None}
    with pytest.raises(SpecError) as refused:
        value("all", deepest)
    assert refused.value.field == "of"


def test_a_spec_that_was_graded_may_be_changed() -> None:
    accepted = ["nunca"]
    part = {"spec": {"name": "exact", "accept": accepted}, "expected": "sí"}
    assert value("any", part, answer="nunca") == 1
    accepted[0] = "jamás"
    assert value("any", part, answer="nunca") == 0
    accepted[0] = "nunca"
    assert value("any", part, answer="nunca") == 1
    accepted[0] = "jamás"
    assert value("any", {**part, "spec": {"name": "exact", "accept": ["nunca"]}}, answer="nunca") == 1


@pytest.mark.parametrize("name", ["all", "any", "weighted", "first"])
@pytest.mark.parametrize(
    ("of", "field"),
    [
        (None, "of"),
        ([], "of"),
        ([YES] * 21, "of"),
        ({"spec": {}}, "of"),
        (["exact"], "of.0"),
        ([YES, {"expected": 1}], "of.1"),
        ([{"spec": {"name": "exact"}}], "of.0.expected"),
        ([{"spec": {"name": "magia"}, "expected": 1}], "of.0.spec.name"),
        ([YES, {"spec": {"name": "exact", "acepta": []}, "expected": "x"}], "of.1.spec.acepta"),
        ([{"spec": {"name": "exact"}, "expected": None}], "of.0.expected"),
        ([{"spec": {"name": "exact", "accept": [3]}, "expected": "x"}], "of.0.spec.accept.0"),
        (
            [{"spec": {"name": "number", "tolerance": {"absolute": -1}}, "expected": 1}],
            "of.0.spec.tolerance.absolute",
        ),
        ([{"spec": {"name": "number"}, "expected": {"min": 2, "max": 1}}], "of.0.expected.max"),
        ([{**YES, "peso": 2}], "of.0.peso"),
        ([{**YES, "weight": 0}], "of.0.weight"),
        ([{**YES, "weight": True}], "of.0.weight"),
        ([{**YES, "weight": 1.5}], "of.0.weight"),
        (
            [{"spec": {"name": "any", "of": [{**YES, "weight": 0}]}, "expected": None}],
            "of.0.spec.of.0.weight",
        ),
    ],
)
def test_a_part_that_cannot_work_is_refused_by_its_place_and_field(name: str, of: Any, field: str) -> None:
    with pytest.raises(SpecError) as refused:
        check_spec(spec={"name": name, "of": of}, expected=None)
    assert refused.value.field == field


@pytest.mark.parametrize("name", ["all", "any", "first"])
def test_only_weighted_weighs(name: str) -> None:
    with pytest.raises(SpecError) as refused:
        value(name, weighing(YES, 2))
    assert refused.value.field == "of.0.weight"
    assert value(name, weighing(YES, 1), answer="sí") == 1


def test_what_is_expected_stands_in_the_parts() -> None:
    with pytest.raises(SpecError) as refused:
        check_spec(spec={"name": "all", "of": [YES]}, expected="sí")
    assert refused.value.field == "expected"
