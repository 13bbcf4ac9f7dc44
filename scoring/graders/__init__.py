"""The graders: each says how right one answer is.

A grader is one module in this folder, found by its name: add ``mine.py`` with ``OPTIONS``, ``check`` and
``grade`` like those of ``exact.py``, and a case may say ``{"name": "mine"}``. What graders share lives in
``reading/``. The evaluation and the loader of packs come in through ``grade`` and ``check_spec``; no grader
calls a model.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Protocol

from scoring.errors import SpecError
from scoring.values import Grade

# Far above what any phase lets a model write; it keeps a broken backend from costing us seconds.
MAX_ANSWER_CHARACTERS = 20_000
ZERO = Decimal(0)


class CheckSpec(Protocol):
    def __call__(self, *, spec: Mapping[str, Any], expected: Any) -> None: ...


class GradeAnswer(Protocol):
    def __call__(self, *, spec: Mapping[str, Any], answer: str, expected: Any) -> Grade: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Grader:
    """A grader's module: its two functions, and the names that its spec may hold beside ``name``."""

    name: str
    options: frozenset[str]
    check: CheckSpec
    grade: GradeAnswer


def _load(name: str) -> Grader:
    module = importlib.import_module(f"{__name__}.{name}")
    return Grader(name=name, options=module.OPTIONS, check=module.check, grade=module.grade)


GRADERS: Mapping[str, Grader] = MappingProxyType(
    {found.name: _load(found.name) for found in pkgutil.iter_modules(__path__) if not found.ispkg}
)


def check_spec(*, spec: Mapping[str, Any], expected: Any) -> None:
    """Raise ``SpecError`` where a case's grader cannot work; asked when a pack is loaded."""
    grader = _find(spec)
    for option in spec:
        if option != "name" and option not in grader.options:
            known = ", ".join(sorted(grader.options)) or "ninguna"
            raise SpecError(field=str(option), fix=f"Quítala: las opciones de {grader.name} son {known}.")
    grader.check(spec=spec, expected=expected)


def grade(*, spec: Mapping[str, Any], answer: str, expected: Any) -> Grade:
    """Grade one whole answer of the model; never raises over what the answer says.

    ``spec`` is ``{"name": …}`` plus the grader's own options, ``expected`` the right answer in the shape that
    the grader documents. ``Grade.value`` has at most 6 decimals. No reason tells the expected answer, so a
    reason may be shown for a private case. Raises ``SpecError`` when the spec itself is wrong.
    """
    grader = _find(spec)
    if len(answer) > MAX_ANSWER_CHARACTERS:
        return Grade(
            value=ZERO,
            reason=f"La respuesta tiene {len(answer)} caracteres y solo se leen {MAX_ANSWER_CHARACTERS}.",
        )
    return grader.grade(spec=spec, answer=answer, expected=expected)


def _find(spec: Mapping[str, Any]) -> Grader:
    name = spec.get("name")
    if not isinstance(name, str) or name not in GRADERS:
        raise SpecError(field="name", fix=f"Escribe uno de estos correctores: {', '.join(GRADERS)}.")
    return GRADERS[name]
