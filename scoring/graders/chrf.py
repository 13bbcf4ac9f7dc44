"""chrF2: how many character n-grams a text shares with a reference, for translations and rewriting.

sacrebleu's definition and code (Popović 2015): n-grams of 1 to 6 characters without blanks, β = 2, no word
n-grams, case counts; with several references the best one. ``Grade.evidence`` begins with its signature.
Texts are composed first (NFC): "e" and a combining accent are "é".
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from scoring.graders.reading.overlap import overlap_grade
from scoring.graders.reading.references import references
from scoring.values import Grade

if TYPE_CHECKING:
    from sacrebleu.metrics.chrf import CHRF

OPTIONS: frozenset[str] = frozenset()


def check(*, spec: Mapping[str, Any], expected: Any) -> None:
    """``expected`` is a text or a list of texts, each with a word; no options."""
    references(spec, expected)


def grade(*, spec: Mapping[str, Any], answer: str, expected: Any) -> Grade:
    """chrF2 / 100 with 6 decimals; reads the whole turn or what was announced."""
    return overlap_grade(
        answer=answer,
        texts=references(spec, expected),
        score=score,
        signature=_signature,
        grams_of="caracteres",
    )


def score(read: str, texts: tuple[str, ...]) -> Decimal:
    """chrF2 in [0, 100], of a text that was read.

    sacrebleu only adds, multiplies and divides here, which IEEE 754 rounds alike on every machine; so its
    float, unlike that of BLEU, may become a grade.
    """
    return Decimal(_metric(texts).corpus_score([read], None).score)


@lru_cache(maxsize=256)
def _signature(texts: tuple[str, ...]) -> str:
    return f"chrF2|{_metric(texts).get_signature()}"


@lru_cache(maxsize=256)
def _metric(texts: tuple[str, ...]) -> CHRF:
    """The metric with the n-grams of a case's references, which are counted once."""
    from sacrebleu.metrics.chrf import CHRF

    return CHRF(references=[[text] for text in texts])
