"""Token F1: partial credit for short texts that can be said in several ways.

The rule is SQuAD's (Rajpurkar et al. 2016, ``evaluate-v2.0.py``) with the Spanish articles of MLQA (Lewis
et al. 2020): F1 = 2·P·R/(P+R) over the bag of words shared by answer and expected text, the best over all
accepted texts. Ours differs in two things: accents do not count (ñ and ç do), and a mark inside a number
stays in it, so that "1,5" is not "15". Reads the announced answer or else the first line that is not blank.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from scoring.errors import SpecError
from scoring.graders.reading.answers import line_or_final
from scoring.graders.reading.words import fold
from scoring.values import Grade

OPTIONS: frozenset[str] = frozenset()
ARTICLES = frozenset({"el", "la", "los", "las", "un", "una", "unos", "unas"})
WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W_]+")
SIX_DECIMALS = Decimal("0.000001")


def check(*, spec: Mapping[str, Any], expected: Any) -> None:
    """``expected`` is a text or a list of accepted texts, each with a word that is no article; no options."""
    _accepted(expected)


def grade(*, spec: Mapping[str, Any], answer: str, expected: Any) -> Grade:
    """The best F1 over the accepted texts, with 6 decimals."""
    read = _words(line_or_final(answer))
    if not read:
        return Grade(value=Decimal(0), reason="La respuesta está vacía.")
    best = max(_accepted(expected), key=lambda right: _f1(read, right))
    shared = read & best
    return Grade(
        value=_f1(read, best),
        reason=f"Coinciden {shared.total()} de las {read.total()} palabras leídas.",
        evidence=" ".join(sorted(shared.elements())),
    )


def _f1(read: Counter[str], right: Counter[str]) -> Decimal:
    """2·P·R/(P+R) with P = shared/read and R = shared/right, which is 2·shared/(read + right)."""
    return (Decimal(2 * (read & right).total()) / (read.total() + right.total())).quantize(SIX_DECIMALS)


def _words(text: str) -> Counter[str]:
    return Counter(word for word in WORD.findall(fold(text, accents=False)) if word not in ARTICLES)


def _accepted(expected: Any) -> list[Counter[str]]:
    texts = expected if isinstance(expected, list | tuple) else [expected]
    if not texts or not all(isinstance(text, str) and _words(text) for text in texts):
        raise SpecError(
            field="expected",
            fix="Escribe un texto o una lista de textos, cada uno con alguna palabra que no sea un artículo.",
        )
    return [_words(text) for text in texts]
