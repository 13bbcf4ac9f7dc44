"""ROUGE-L: how many words of a longer text stand in the order of a reference, for summaries and explanations.

F1 over the longest common subsequence of words, sentence-level and with β = 1 as in the ``rouge-score``
package; source: Lin, ROUGE: A Package for Automatic Evaluation of Summaries (2004). Ours reads words in any
language (``reading/tokens.py``) where that package's tokenizer keeps ASCII letters only. With several
references the best one counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from scoring.graders.reading.long_answers import text_or_final
from scoring.graders.reading.references import references
from scoring.graders.reading.shares import f1
from scoring.graders.reading.subsequence import common_length
from scoring.graders.reading.tokens import words
from scoring.values import Grade

OPTIONS: frozenset[str] = frozenset()


def check(*, spec: Mapping[str, Any], expected: Any) -> None:
    """``expected`` is a text or a list of texts, each with a word; no options."""
    references(spec, expected)


def grade(*, spec: Mapping[str, Any], answer: str, expected: Any) -> Grade:
    """The best F1 over the references, with 6 decimals; reads the whole turn or what was announced."""
    rights = _words_of(references(spec, expected))
    read = words(text_or_final(answer))
    if not read:
        return Grade(value=Decimal(0), reason="La respuesta está vacía.")
    in_order, right = max(
        ((common_length(right, read), right) for right in rights),
        key=lambda found: f1(found[0], len(read), len(found[1])),
    )
    return Grade(
        value=f1(in_order, len(read), len(right)),
        reason=f"Están en el orden de la referencia {in_order} de las {len(read)} palabras leídas.",
        evidence=f"rougeL|lcs:{in_order}|read:{len(read)}|reference:{len(right)}",
    )


@lru_cache(maxsize=256)
def _words_of(texts: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(words(text)) for text in texts)
