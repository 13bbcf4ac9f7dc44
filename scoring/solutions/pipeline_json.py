"""The JSON shape of a ``pipeline`` submission, read strictly and written in one way only.

    {"steps": [{"name": "extracto", "system": "…", "user": "… {{pregunta}}", "sampling": {…},
                "extract": {"regex": "…"} | {"json": "/…"} | null, "when": null, "stop_if": null},
               {"name": "respuesta", …, "when": {"step": "extracto", "is_empty": true, "not": true}}],
     "answer": "respuesta"}

Only types are looked at here; the rest is ``pipeline.check``'s to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scoring.solutions import json_schema, prompt_json, prompt_part
from scoring.solutions.json_reader import JsonReader
from scoring.values import (
    Condition,
    JsonExtract,
    PipelineContent,
    Problem,
    PromptContent,
    RegexExtract,
    Step,
)

CONTENT_FIELDS = ("steps", "answer")
STEP_FIELDS = ("name", *prompt_json.CONTENT_FIELDS, "extract", "when", "stop_if")
EXTRACT_FIELDS = ("regex", "json")
FINDINGS = ("equals", "matches", "is_empty")
CONDITION_FIELDS = ("step", *FINDINGS, "not")
MAX_STEP_ITEMS = 50


def decode(raw: Mapping[str, Any]) -> tuple[PipelineContent | None, tuple[Problem, ...]]:
    """The content, or None and every problem of shape: a prompt's under each step, and ``one_of`` (names).

    ``extract`` has one way to read, a condition one finding. What is missing or null is not asked for.
    """
    reader = JsonReader()
    given = reader.fields("", raw, CONTENT_FIELDS)
    items = reader.items("steps", given.get("steps", []), limit=MAX_STEP_ITEMS)
    content = PipelineContent(
        steps=tuple(_step(reader, f"steps.{index}", item) for index, item in enumerate(items)),
        answer=reader.text_or_none("answer", given.get("answer")),
    )
    problems = tuple(reader.problems)
    return (None if problems else content), problems


def encode(content: PipelineContent) -> dict[str, Any]:
    """The canonical shape; ``decode`` of it gives the content back."""
    return {"steps": [_encode_step(step) for step in content.steps], "answer": content.answer}


def schema() -> dict[str, Any]:
    """The JSON Schema of the shape."""
    extract = json_schema.fields(
        {
            "regex": json_schema.or_null(json_schema.text("Expresión RE2; se toma su primer grupo.")),
            "json": json_schema.or_null(json_schema.text("Puntero JSON (RFC 6901), como /importe.")),
        }
    )
    extract |= json_schema.exactly_one(EXTRACT_FIELDS)
    condition = json_schema.fields(
        {
            "step": json_schema.text("El paso que se mira; vacío, este mismo."),
            "equals": json_schema.or_null(json_schema.text("El texto exacto.")),
            "matches": json_schema.or_null(json_schema.text("Expresión RE2 que debe encontrarse.")),
            "is_empty": json_schema.or_null({"type": "boolean"}),
            "not": {"type": "boolean", "default": False},
        }
    )
    condition |= json_schema.exactly_one(FINDINGS)
    step = json_schema.fields(
        {
            "name": json_schema.text("Su salida se usa después como {{paso_nombre}}."),
            **json_schema.prompt_fields(),
            "extract": json_schema.or_null(extract),
            "when": json_schema.or_null(condition),
            "stop_if": json_schema.or_null(condition),
        }
    )
    steps = {"type": "array", "items": step, "maxItems": MAX_STEP_ITEMS}
    answer = json_schema.or_null(json_schema.text("El paso que responde; si falta, el último que se hizo."))
    return json_schema.document("pipeline", {"steps": steps, "answer": answer})


def _step(reader: JsonReader, field: str, item: Any) -> Step:
    given = reader.fields(field, item, STEP_FIELDS)
    part, problems = prompt_part.decode(given, within=field)
    reader.problems += problems
    return Step(
        name=reader.text(f"{field}.name", given.get("name", "")),
        system=part.system,
        user=part.user,
        sampling=part.sampling,
        extract=_extract(reader, f"{field}.extract", given.get("extract")),
        when=_condition(reader, f"{field}.when", given.get("when")),
        stop_if=_condition(reader, f"{field}.stop_if", given.get("stop_if")),
    )


def _extract(reader: JsonReader, field: str, raw: Any) -> RegexExtract | JsonExtract | None:
    if raw is None:
        return None
    given = reader.fields(field, raw, EXTRACT_FIELDS)
    pattern = reader.text_or_none(f"{field}.regex", given.get("regex"))
    pointer = reader.text_or_none(f"{field}.json", given.get("json"))
    if isinstance(raw, Mapping):
        reader.exactly_one(field, given, EXTRACT_FIELDS)
    return RegexExtract(pattern=pattern) if pattern is not None else JsonExtract(pointer=pointer or "")


def _condition(reader: JsonReader, field: str, raw: Any) -> Condition | None:
    if raw is None:
        return None
    given = reader.fields(field, raw, CONDITION_FIELDS)
    if isinstance(raw, Mapping):
        reader.exactly_one(field, given, FINDINGS)
    is_empty = given.get("is_empty")
    return Condition(
        step=reader.text(f"{field}.step", given.get("step", "")),
        equals=reader.text_or_none(f"{field}.equals", given.get("equals")),
        matches=reader.text_or_none(f"{field}.matches", given.get("matches")),
        is_empty=None if is_empty is None else reader.flag(f"{field}.is_empty", is_empty),
        negated=reader.flag(f"{field}.not", given.get("not", False)),
    )


def _encode_step(step: Step) -> dict[str, Any]:
    part = PromptContent(system=step.system, user=step.user, sampling=step.sampling)
    return {
        "name": step.name,
        **prompt_json.encode(part),
        "extract": _encode_extract(step.extract),
        "when": _encode_condition(step.when),
        "stop_if": _encode_condition(step.stop_if),
    }


def _encode_extract(extract: RegexExtract | JsonExtract | None) -> dict[str, str] | None:
    if extract is None:
        return None
    if isinstance(extract, RegexExtract):
        return {"regex": extract.pattern}
    return {"json": extract.pointer}


def _encode_condition(condition: Condition | None) -> dict[str, Any] | None:
    if condition is None:
        return None
    findings = ((name, getattr(condition, name)) for name in FINDINGS)
    found = {name: value for name, value in findings if value is not None}
    return {"step": condition.step, **found, "not": condition.negated}
