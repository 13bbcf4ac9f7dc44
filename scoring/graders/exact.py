"""Exact match after a stated normalisation: for one right short text, with its accepted variants.

Reads the announced answer ("Respuesta: …") or else the first line that is not blank. Both sides are compared
after NFKC, case folding, collapsed spaces and without outer punctuation; accents count unless the spec says
``"accents": "ignore"``. See docs/scoring.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from scoring.errors import SpecError
from scoring.graders.reading.answers import line_or_final
from scoring.graders.reading.remembered import remembered
from scoring.graders.reading.words import bare
from scoring.values import Grade

OPTIONS = frozenset({"accept", "accents"})


def check(*, spec: Mapping[str, Any], expected: Any) -> None:
    """``expected`` is a text; spec, all optional: ``{"accept": [texts], "accents": "keep" | "ignore"}``."""
    _rule(spec, expected)


def grade(*, spec: Mapping[str, Any], answer: str, expected: Any) -> Grade:
    """1 where the answer read equals the expected text or an accepted one, else 0."""
    rule = _rule(spec, expected)
    read = bare(line_or_final(answer), accents=rule.accents)
    if not read:
        return Grade(value=Decimal(0), reason="La respuesta está vacía.")
    if read in rule.accepted:
        return Grade(value=Decimal(1), reason="Coincide con la respuesta esperada.", evidence=read)
    return Grade(value=Decimal(0), reason=f"Se leyó «{read[:80]}», que no es la respuesta esperada.")


@dataclass(frozen=True, slots=True)
class _Rule:
    """A spec that was checked: the right texts, folded, and whether accents count."""

    accepted: frozenset[str]
    accents: bool


@remembered
def _rule(spec: Mapping[str, Any], expected: Any) -> _Rule:
    mode = spec.get("accents", "keep")
    if mode not in ("keep", "ignore"):
        raise SpecError(field="accents", fix='Escribe "keep" o "ignore".')
    others = spec.get("accept", [])
    if not isinstance(others, list | tuple):
        raise SpecError(field="accept", fix="Escribe una lista de textos.")
    accents = mode == "keep"
    named = [("expected", expected), *((f"accept.{index}", text) for index, text in enumerate(others))]
    return _Rule(frozenset(_bare_text(field, text, accents=accents) for field, text in named), accents)


def _bare_text(field: str, text: Any, *, accents: bool) -> str:
    if not isinstance(text, str) or not bare(text, accents=accents):
        raise SpecError(field=field, fix="Escribe un texto con al menos una letra o un número.")
    return bare(text, accents=accents)
