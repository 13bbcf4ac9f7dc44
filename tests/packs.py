"""Builders of packs: a small right one in a folder, of which a test spoils or changes a part."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from challenges.packs import Pack, PackError, load

MANIFEST = """\
format = 1

[challenge]
slug = "energia"
title = "Energía"
summary = "Preguntas de energía."
language = "es"
licence = "CC0-1.0"

[slots]
pregunta = "La pregunta."
opciones = "Las opciones, una por línea."

[[phases]]
slug = "abierta"
title = "Fase abierta"
opens_at = 2026-01-01T00:00:00+01:00
closes_at = 2036-01-01T00:00:00+01:00
policy = "verde"

[phases.policy_parameters]
q_min = "0.10"
e_ref_mj = 2000000
e_min_mj = 100000
lambda = "0.5"
"""


def a_case(name: str, **overrides: Any) -> dict[str, Any]:
    """A case line's object; None takes a field away."""
    fields: dict[str, Any] = {
        "key": name,
        "group": "general",
        "inputs": {"pregunta": f"¿Qué gasta más, {name}?", "opciones": "a) Horno\nb) Led"},
        "expected": "a",
        "grader": {"name": "choice", "options": {"a": "Horno", "b": "Led"}},
        **overrides,
    }
    return {name: value for name, value in fields.items() if value is not None}


def lines(*cases: dict[str, Any] | str) -> str:
    written = [case if isinstance(case, str) else json.dumps(case, ensure_ascii=False) for case in cases]
    return "".join(f"{line}\n" for line in written)


def a_pack(folder: Path, **files: str | bytes | None) -> Path:
    """A small right pack; ``manifest``, ``statement``, ``public`` and ``private`` replace a file."""
    names = {
        "manifest": "challenge.toml",
        "statement": "statement.md",
        "public": "public.jsonl",
        "private": "private.jsonl",
    }
    content: dict[str, str | bytes | None] = {
        "manifest": MANIFEST,
        "statement": "# Enunciado\n\nResponde bien y gasta poco.\n",
        "public": lines(a_case("p-1"), a_case("p-2", weight=2)),
        "private": lines(a_case("s-1"), a_case("s-2"), a_case("s-3")),
        **files,
    }
    folder.mkdir(exist_ok=True)
    for name, text in content.items():
        if text is not None:
            (folder / names[name]).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def problems_of(folder: Path) -> list[str]:
    with pytest.raises(PackError) as refused:
        load(folder)
    assert str(refused.value).splitlines()[: len(refused.value.problems)] == [
        str(problem) for problem in refused.value.problems
    ]
    return [str(problem) for problem in refused.value.problems]


def a_loaded(folder: Path, **files: str | bytes | None) -> Pack:
    return load(a_pack(folder, **files))
