"""A submission as a file: the JSON of one of the kinds, read as the platform's pages read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scoring.commands.asking import NotJson, parsed, text_of
from scoring.solutions.characters import shown
from scoring.solutions.kinds import KINDS
from scoring.solutions.pipeline import SLOT_PREFIX
from scoring.solutions.template import SLOT
from scoring.values import Problem

MAX_BYTES = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionFile:
    """``content`` is None where the kind could not read it; ``problems`` are then those of its shape.

    ``slots`` are those that its texts name, steps' outputs left out.
    """

    kind: str
    content: Any | None
    problems: tuple[Problem, ...]
    slots: tuple[str, ...]


def read(path: Path, *, kind: str | None) -> SubmissionFile:
    """A file's submission; ``kind`` None takes the one that its fields belong to.

    Raises ``NotJson`` with line and column, ``Refused`` for what is no text, and ``OSError``.
    """
    text = text_of(path, limit=MAX_BYTES)
    raw = parsed(text)
    if not isinstance(raw, dict):
        raise NotJson("no es un objeto de JSON. Debe empezar por «{» y acabar por «}».")
    kind = kind or _kind_of(raw)
    try:
        if problem := _no_text(raw):
            return SubmissionFile(kind=kind, content=None, problems=(problem,), slots=())
        content, problems = KINDS[kind].decode(raw)
        return SubmissionFile(kind=kind, content=content, problems=problems, slots=_slots(raw))
    except RecursionError:
        raise NotJson("tiene demasiados niveles.") from None


def _kind_of(raw: Mapping[str, Any]) -> str:
    if "steps" in raw:
        return "pipeline"
    return "fewshot" if "examples" in raw else "prompt"


def _no_text(value: Any, field: str = "") -> Problem | None:
    """The first text that has no UTF-8 form, which JSON's escapes can write and nothing can store."""
    if isinstance(value, str):
        is_text = value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)
        return None if is_text else Problem(field=field, code="not_text")
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inside:
        place = f"{field}.{shown(str(name))}".removeprefix(".")
        if problem := _no_text(str(name), place) or _no_text(each, place):
            return problem
    return None


def _slots(value: Any) -> tuple[str, ...]:
    names = dict.fromkeys(found for text in _texts(value) for found in SLOT.findall(text))
    return tuple(name for name in names if not name.startswith(SLOT_PREFIX))


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for each in inside for text in _texts(each)]
