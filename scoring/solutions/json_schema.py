"""The pieces of the JSON Schemas that are published, one for each kind (draft 2020-12).

A schema tells the shape that a kind's ``decode`` reads, no more: what a phase allows, and what its suite
calls its slots, is the check's to say. One difference is the language's: to JSON Schema 64.0 is a whole
number, and here it is not.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from scoring.solutions.prompt_json import DEFAULT_MAX_OUTPUT_TOKENS, MAX_STOP_ITEMS

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
LARGEST = sys.float_info.max


def document(title: str, properties: Mapping[str, Schema]) -> Schema:
    """A whole schema."""
    return {"$schema": DIALECT, "title": title, **fields(properties)}


def fields(properties: Mapping[str, Schema]) -> Schema:
    """An object with only these fields, any of which may be left out."""
    return {"type": "object", "additionalProperties": False, "properties": dict(properties)}


def text(description: str = "") -> Schema:
    return {"type": "string", **({"description": description} if description else {})}


def or_null(schema: Schema) -> Schema:
    """Null says the same as leaving the field out."""
    return {"anyOf": [schema, {"type": "null"}]}


def exactly_one(names: Sequence[str]) -> Schema:
    """The part of an object's schema that asks for one of these fields, not null, and for no second one."""
    given = [{"required": [name], "properties": {name: {"not": {"type": "null"}}}} for name in names]
    return {"oneOf": given}


def prompt_fields() -> dict[str, Schema]:
    """A system text, a user template and a sampling."""
    number = {"type": "number", "minimum": -LARGEST, "maximum": LARGEST}
    return {
        "system": text("El papel del modelo; vacío si no hace falta."),
        "user": text("La plantilla de la pregunta, con huecos {{nombre}}."),
        "sampling": fields(
            {
                "temperature": {**number, "default": 0.0},
                "top_p": {**number, "default": 1.0},
                "max_output_tokens": {"type": "integer", "default": DEFAULT_MAX_OUTPUT_TOKENS},
                "stop": {"type": "array", "items": text(), "maxItems": MAX_STOP_ITEMS},
                "seed": {"type": "integer", "default": 0},
            }
        ),
    }
