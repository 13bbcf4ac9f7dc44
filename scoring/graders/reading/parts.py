"""How one part of an answer (a field, a cell) is graded: by the grader that its spec names, or a plain one.

Called by the graders of answers with several parts, when a pack is loaded and for each answer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from scoring.errors import SpecError
from scoring.values import Grade


def check_graders(spec: Mapping[str, Any], names: Collection[str]) -> Mapping[str, Any]:
    """The spec's ``graders``, ``{part: spec}``; raises ``SpecError`` where a part is none of ``names``."""
    graders = spec.get("graders", {})
    if not isinstance(graders, Mapping):
        raise SpecError(field="graders", fix='Escribe {"parte": {"name": "corrector"}}.')
    for name, part in graders.items():
        if name not in names:
            raise SpecError(field=f"graders.{name}", fix=f"Usa una de estas partes: {', '.join(names)}.")
        if not isinstance(part, Mapping):
            raise SpecError(field=f"graders.{name}", fix='Escribe {"name": "corrector"}.')
    return graders


def check_part(*, spec: Mapping[str, Any], expected: Any, spec_field: str, expected_field: str) -> None:
    """``check_spec`` of a part, whose errors are told by where the part stands in the whole spec."""
    # The package finds its graders by importing them: it is not there yet when this module is imported.
    from scoring.graders import check_spec

    try:
        check_spec(spec=spec, expected=expected)
    except SpecError as error:
        is_expected = error.field.split(".")[0] == "expected"
        field = f"{expected_field}{error.field[8:]}" if is_expected else f"{spec_field}.{error.field}"
        raise SpecError(field=field, fix=error.fix) from error


def grade_part(*, spec: Mapping[str, Any], answer: str, expected: Any) -> Decimal:
    from scoring.graders import grade

    verdict: Grade = grade(spec=spec, answer=answer, expected=expected)
    return verdict.value


def plain_grader(expected: Any) -> Mapping[str, Any] | None:
    """``number`` for numbers and ``exact`` for texts; None for what is only compared as it is."""
    if isinstance(expected, bool):
        return None
    if isinstance(expected, int | float | Decimal):
        return {"name": "number"}
    return {"name": "exact"} if isinstance(expected, str) else None
