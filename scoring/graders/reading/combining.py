"""The parts of a combinator (``all``, ``any``, ``weighted``, ``first``): each a grader with what it expects.

Every part reads the same whole answer by its own rules. Graders are asked for by name when they are needed
and not when this module is read, as the registry is still being filled then.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from scoring.errors import SpecError
from scoring.graders.reading.remembered import remembered
from scoring.values import Grade

MAX_PARTS = 20
MAX_DEPTH = 3
MAX_WEIGHT = 1000
PART_FIELDS = {"spec", "expected", "weight"}


@dataclass(frozen=True, slots=True)
class Part:
    """One part: the grader's spec with its name, what it expects, and its weight (1 but in ``weighted``)."""

    spec: Mapping[str, Any]
    expected: Any
    weight: int


@dataclass(frozen=True, slots=True)
class GradedPart:
    """A part's grade and its place among the parts, from 1."""

    place: int
    weight: int
    grade: Grade


def check_parts(*, spec: Mapping[str, Any], expected: Any) -> None:
    """Raise ``SpecError`` with the dotted name of the part's field: "of.1.spec.tolerance.absolute".

    spec ``{"of": [{"spec": {"name": …, …}, "expected": …, "weight": 1}, …]}``, 1 to 20 parts, 3 combinators
    one inside another at most; ``weight`` is a whole number, and 1 everywhere but in ``weighted``. What the
    combinator itself expects is null.
    """
    _parts(spec, expected)


def graded_parts(*, spec: Mapping[str, Any], answer: str, expected: Any) -> Iterator[GradedPart]:
    """The grade of each part in order, worked out when it is asked for."""
    from scoring.graders import grade  # the registry loads this module

    for place, part in enumerate(_parts(spec, expected), start=1):
        verdict = grade(spec=part.spec, answer=answer, expected=part.expected)
        yield GradedPart(place=place, weight=part.weight, grade=verdict)


def told(part: GradedPart, *, value: Decimal) -> Grade:
    """The combinator's grade, with the part that explains it."""
    return Grade(value=value, reason=f"Parte {part.place}: {part.grade.reason}", evidence=part.grade.evidence)


@remembered
def _parts(spec: Mapping[str, Any], expected: Any) -> tuple[Part, ...]:
    if expected is not None:
        raise SpecError(field="expected", fix="Escribe null: lo que se espera va en cada parte de `of`.")
    of = spec.get("of")
    if not isinstance(of, list | tuple) or not 1 <= len(of) <= MAX_PARTS:
        raise SpecError(field="of", fix=f'Escribe de 1 a {MAX_PARTS} partes: {{"spec": …, "expected": …}}.')
    if not _is_at_most(MAX_DEPTH, spec):
        raise SpecError(field="of", fix=f"Anida {MAX_DEPTH} combinaciones como mucho, una dentro de otra.")
    is_weighted = spec.get("name") == "weighted"
    return tuple(_part(f"of.{index}", part, is_weighted=is_weighted) for index, part in enumerate(of))


def _is_at_most(depth: int, spec: Any) -> bool:
    """Whether no more than ``depth`` combinators stand one inside another; looks no deeper than that."""
    of = spec.get("of") if isinstance(spec, Mapping) else None
    if not isinstance(of, list | tuple):
        return True
    return depth > 0 and all(
        _is_at_most(depth - 1, part.get("spec")) for part in of if isinstance(part, Mapping)
    )


def _part(field: str, part: Any, *, is_weighted: bool) -> Part:
    from scoring.graders import check_spec  # the registry loads this module

    if not isinstance(part, Mapping) or not isinstance(part.get("spec"), Mapping):
        raise SpecError(field=field, fix='Escribe {"spec": {"name": …}, "expected": …}.')
    for name in part:
        if name not in PART_FIELDS:
            raise SpecError(field=f"{field}.{name}", fix="Quítalo: una parte tiene spec, expected y weight.")
    if "expected" not in part:
        raise SpecError(
            field=f"{field}.expected", fix="Escribe lo que se espera, o null si no se espera nada."
        )
    try:
        check_spec(spec=part["spec"], expected=part["expected"])
    except SpecError as error:
        inner = error.field if _is_expected(error.field) else f"spec.{error.field}"
        raise SpecError(field=f"{field}.{inner}", fix=error.fix) from error
    return Part(
        spec=copy.deepcopy(part["spec"]),
        expected=copy.deepcopy(part["expected"]),
        weight=_weight(f"{field}.weight", part.get("weight", 1), is_weighted=is_weighted),
    )


def _is_expected(field: str) -> bool:
    return field.split(".")[0] == "expected"


def _weight(field: str, weight: Any, *, is_weighted: bool) -> int:
    if type(weight) is not int or not 1 <= weight <= MAX_WEIGHT:
        raise SpecError(field=field, fix=f"Escribe un peso entero de 1 a {MAX_WEIGHT}.")
    if weight != 1 and not is_weighted:
        raise SpecError(field=field, fix="Quítalo: solo `weighted` pesa sus partes.")
    return weight
