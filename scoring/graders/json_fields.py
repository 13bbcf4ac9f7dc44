"""JSON, field by field: for an answer that a program would read.

Reads the first JSON object of the model's turn, also within ``` fences; how strictly is said in
``reading/json_text.py``. The grade is the mean over the expected fields. An object that its JSON Schema does
not accept earns nothing. Each field is graded by its own grader, or by ``exact`` and ``number``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from scoring.errors import SpecError
from scoring.graders.reading.answers import own_turn
from scoring.graders.reading.json_text import OBJECT, UnreadableJson, first_json, text_of
from scoring.graders.reading.parts import check_graders, check_part, grade_part, plain_grader
from scoring.graders.reading.remembered import remembered
from scoring.graders.reading.shares import share, total
from scoring.values import Grade

if TYPE_CHECKING:
    from jsonschema_rs import Validator

OPTIONS = frozenset({"schema", "graders", "strict"})
MAX_FIELDS = 100
MISSING = object()


def check(*, spec: Mapping[str, Any], expected: Any) -> None:
    """``expected`` is an object ``{field: value}`` of 1 to 100 fields.

    spec, all optional: ``{"schema": JSON Schema, "graders": {field: spec}, "strict": true}``; with ``strict``
    each field that was not asked for counts as one more that is wrong.
    """
    _checked(spec, expected)


def grade(*, spec: Mapping[str, Any], answer: str, expected: Any) -> Grade:
    """The mean of the fields' grades, with 6 decimals."""
    _checked(spec, expected)
    try:
        read = first_json(own_turn(answer), OBJECT)
    except UnreadableJson as refusal:
        return Grade(value=Decimal(0), reason=str(refusal))
    if "schema" in spec and (place := _where_invalid(_schema_text(spec["schema"]), read)):
        return Grade(value=Decimal(0), reason=f"El JSON no cumple el esquema {place}.")
    grades = {
        name: _grade_field(spec.get("graders", {}).get(name), read.get(name, MISSING), value)
        for name, value in expected.items()
    }
    extra = len(read.keys() - expected.keys()) if spec.get("strict", False) else 0
    right = [name for name, value in grades.items() if value == 1]
    reason = f"Campos correctos: {len(right)} de {len(expected)}"
    return Grade(
        value=share(total(list(grades.values())), len(expected) + extra),
        reason=f"{reason}; de más: {extra}." if extra else f"{reason}.",
        evidence=", ".join(right),
    )


@remembered
def _checked(spec: Mapping[str, Any], expected: Any) -> None:
    if not isinstance(expected, Mapping) or not 1 <= len(expected) <= MAX_FIELDS:
        raise SpecError(field="expected", fix=f'Escribe de 1 a {MAX_FIELDS} campos: {{"campo": valor}}.')
    if not isinstance(spec.get("strict", False), bool):
        raise SpecError(field="strict", fix="Escribe true o false.")
    graders = check_graders(spec, expected)
    for name, value in expected.items():
        grader = graders.get(name, plain_grader(value))
        if grader is not None:
            check_part(
                spec=grader, expected=value, spec_field=f"graders.{name}", expected_field=f"expected.{name}"
            )
    if "schema" in spec:
        _check_schema(spec["schema"])


def _grade_field(grader: Mapping[str, Any] | None, read: Any, expected: Any) -> Decimal:
    if read is MISSING:
        return Decimal(0)
    chosen = plain_grader(expected) if grader is None else grader
    if chosen is None:
        return Decimal(_is_same(read, expected))
    return grade_part(spec=chosen, answer=text_of(read), expected=expected)


def _is_same(read: Any, expected: Any) -> bool:
    """Equal as JSON: true is not 1, and 1.0 is."""
    if isinstance(read, bool) or isinstance(expected, bool):
        return read is expected
    if isinstance(read, Decimal) and isinstance(expected, int | float):
        return read == Decimal(str(expected))
    if isinstance(read, list) and isinstance(expected, list | tuple):
        return len(read) == len(expected) and all(map(_is_same, read, expected))
    if isinstance(read, dict) and isinstance(expected, Mapping):
        return read.keys() == expected.keys() and all(_is_same(read[key], expected[key]) for key in read)
    return bool(read == expected)


def _schema_text(schema: Any) -> str:
    try:
        return json.dumps(schema, sort_keys=True, default=str)
    except (TypeError, ValueError, RecursionError) as error:
        raise SpecError(field="schema", fix="Escribe un JSON Schema.") from error


def _check_schema(schema: Any) -> None:
    if not isinstance(schema, Mapping):
        raise SpecError(field="schema", fix='Escribe un JSON Schema: {"type": "object", …}.')
    try:
        _validator(_schema_text(schema))
    except ValueError as error:
        told = str(error).partition("\n")[0][:200]
        raise SpecError(field="schema", fix=f"Corrige el esquema: {told}") from error


def _where_invalid(schema: str, read: Any) -> str | None:
    """Where the schema first refuses an object and by which of its words, or None.

    Not what it wanted there: a ``const`` would tell the expected answer.
    """
    validator = _validator(schema)
    if validator.is_valid(read):
        return None
    error = next(iter(validator.iter_errors(read)))
    path = ".".join(str(step) for step in error.instance_path)
    return f"en «{path[:80]}» ({error.kind.name})" if path else f"({error.kind.name})"


@lru_cache(maxsize=256)
def _validator(schema: str) -> Validator:
    """A schema's validator, made once: it asks no network and no file, and its patterns take linear time."""
    import jsonschema_rs

    return jsonschema_rs.validator_for(
        json.loads(schema), offline=True, pattern_options=jsonschema_rs.RegexOptions(size_limit=1_000_000)
    )
