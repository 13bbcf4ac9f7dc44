"""The JSON shape of a ``fewshot`` submission, read strictly and written in one way only.

    {"system": "…", "user": "…", "sampling": {…}, "examples": [{"inputs": {"pregunta": "…"}, "answer": "…"},
                                                               {"public": "c07", "answer": null}]}

The first three are a prompt's. Only types are looked at here; the rest is ``fewshot.check``'s to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scoring.solutions import json_schema, prompt_json, prompt_part
from scoring.solutions.json_reader import JsonReader
from scoring.values import Example, FewshotContent, Problem, PromptContent

CONTENT_FIELDS = (*prompt_json.CONTENT_FIELDS, "examples")
EXAMPLE_FIELDS = ("public", "inputs", "answer")
MAX_EXAMPLE_ITEMS = 100
MAX_INPUTS = 50


def decode(raw: Mapping[str, Any]) -> tuple[FewshotContent | None, tuple[Problem, ...]]:
    """The content, or None and every problem of shape: a prompt's, and ``one_of`` (names).

    An example has either ``public`` or ``inputs``. What is missing has a default: no examples, no answer.
    """
    reader = JsonReader()
    given = reader.fields("", raw, CONTENT_FIELDS)
    part, problems = prompt_part.decode(given)
    items = reader.items("examples", given.get("examples", []), limit=MAX_EXAMPLE_ITEMS)
    content = FewshotContent(
        system=part.system,
        user=part.user,
        sampling=part.sampling,
        examples=tuple(_example(reader, f"examples.{index}", item) for index, item in enumerate(items)),
    )
    problems = (*problems, *reader.problems)
    return (None if problems else content), problems


def encode(content: FewshotContent) -> dict[str, Any]:
    """The canonical shape; ``decode`` of it gives the content back."""
    part = PromptContent(system=content.system, user=content.user, sampling=content.sampling)
    return {
        **prompt_json.encode(part),
        "examples": [
            {"inputs": dict(sorted(example.inputs.items())), "answer": example.answer}
            if example.public is None
            else {"public": example.public, "answer": example.answer}
            for example in content.examples
        ],
    }


def schema() -> dict[str, Any]:
    """The JSON Schema of the shape."""
    inputs = {"type": "object", "additionalProperties": json_schema.text(), "maxProperties": MAX_INPUTS}
    example = json_schema.fields(
        {
            "public": json_schema.or_null(json_schema.text("La clave de un caso público.")),
            "inputs": json_schema.or_null({**inputs, "description": "El texto de cada hueco."}),
            "answer": json_schema.or_null(
                json_schema.text("La respuesta; de un caso público, la esperada si no se escribe otra.")
            ),
        }
    )
    example |= json_schema.exactly_one(("public", "inputs"))
    examples = {"type": "array", "items": example, "maxItems": MAX_EXAMPLE_ITEMS}
    return json_schema.document("fewshot", {**json_schema.prompt_fields(), "examples": examples})


def _example(reader: JsonReader, field: str, item: Any) -> Example:
    given = reader.fields(field, item, EXAMPLE_FIELDS)
    if isinstance(item, Mapping):
        reader.exactly_one(field, given, ("public", "inputs"))
    inputs = given.get("inputs")
    return Example(
        public=reader.text_or_none(f"{field}.public", given.get("public")),
        inputs={} if inputs is None else reader.texts_by_name(f"{field}.inputs", inputs, limit=MAX_INPUTS),
        answer=reader.text_or_none(f"{field}.answer", given.get("answer")),
    )
