"""A pattern that the answer must have: for codes, references and other texts with a fixed form.

Reads the announced answer ("Respuesta: …") or else the first line that is not blank, in NFC. Patterns are
RE2's: it reads each character once, so that no pattern and no answer can make it slow, and it has no
lookaround and no back references. It is loaded when the first pattern is.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from scoring.errors import SpecError
from scoring.graders.reading.answers import line_or_final
from scoring.graders.reading.remembered import remembered
from scoring.values import Grade

OPTIONS = frozenset({"match", "case"})
MAX_PATTERN_CHARACTERS = 1000
# What one compiled pattern and its automaton may take; "(a{1000}){1000}" is refused for it.
MAX_MEMORY_BYTES = 1 << 20
MAX_COMPILED = 64


def check(*, spec: Mapping[str, Any], expected: Any) -> None:
    """``expected`` is the pattern in RE2's syntax, at most 1000 characters.

    spec, all optional: ``{"match": "full" | "search", "case": "keep" | "ignore"}``; full is the whole text.
    """
    _rule(spec, expected)


def grade(*, spec: Mapping[str, Any], answer: str, expected: Any) -> Grade:
    """1 where the text that is read has the pattern, else 0; what matched is the evidence."""
    read = _readable(line_or_final(answer))
    if not read:
        return Grade(value=Decimal(0), reason="La respuesta está vacía.")
    rule = _rule(spec, expected)
    pattern = _compiled(rule.pattern, is_case_kept=rule.is_case_kept)
    found = pattern.fullmatch(read) if rule.is_whole else pattern.search(read)
    if found is None:
        return Grade(value=Decimal(0), reason=f"Se leyó «{read[:80]}», que no tiene la forma esperada.")
    return Grade(value=Decimal(1), reason="La respuesta tiene la forma esperada.", evidence=found[0][:200])


def _readable(text: str) -> str:
    """NFC, with "?" for lone surrogates, which RE2 does not take: it reads UTF-8."""
    return unicodedata.normalize("NFC", text).encode("utf-8", "replace").decode()


@dataclass(frozen=True, slots=True)
class _Rule:
    """A spec that was checked; the compiled pattern is not in it, so that few stand in memory at once."""

    pattern: str
    is_whole: bool
    is_case_kept: bool


@remembered
def _rule(spec: Mapping[str, Any], expected: Any) -> _Rule:
    match, case = spec.get("match", "full"), spec.get("case", "keep")
    if match not in ("full", "search"):
        raise SpecError(field="match", fix='Escribe "full" (todo el texto) o "search" (en cualquier parte).')
    if case not in ("keep", "ignore"):
        raise SpecError(field="case", fix='Escribe "keep" o "ignore".')
    if not isinstance(expected, str) or not 1 <= len(expected) <= MAX_PATTERN_CHARACTERS:
        raise SpecError(
            field="expected", fix=f"Escribe un patrón de 1 a {MAX_PATTERN_CHARACTERS} caracteres."
        )
    rule = _Rule(_readable(expected), is_whole=match == "full", is_case_kept=case == "keep")
    _compiled(rule.pattern, is_case_kept=rule.is_case_kept)
    return rule


@lru_cache(maxsize=MAX_COMPILED)
def _compiled(pattern: str, *, is_case_kept: bool) -> Any:
    import re2  # type: ignore[import-untyped]  # heavy, and few cases have a pattern

    options = re2.Options()
    options.max_mem, options.log_errors, options.case_sensitive = MAX_MEMORY_BYTES, False, is_case_kept
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        raise SpecError(
            field="expected", fix="Escribe un patrón que RE2 entienda: sin (?=…), (?<=…) ni \\1, y más corto."
        ) from error
