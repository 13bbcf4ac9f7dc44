"""Token F1: partial credit for short texts that can be said in several ways.

The rule is SQuAD's (Rajpurkar et al. 2016, ``evaluate-v1.1.py``) with the Spanish articles of MLQA (Lewis
et al. 2020): F1 = 2·P·R/(P+R) over the bag of words shared by answer and expected text, the best over all
accepted texts. Ours differs in three things: accents do not count (ñ and ç do), a mark inside a number stays
in it, so that "1,5" is not "15", and any other mark parts two words, so that "kWh/año" is not "kwhaño". Reads
the announced answer or else the first line that is not blank.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from scoring.errors import SpecError
from scoring.graders.reading.answers import line_or_final
from scoring.graders.reading.remembered import remembered
from scoring.graders.reading.shares import f1
from scoring.graders.reading.tokens import ARTICLES, words
from scoring.values import Grade

OPTIONS = frozenset({"language"})


def check(*, spec: Mapping[str, Any], expected: Any) -> None:
    """``expected`` is a text or a list of accepted texts, each with a word that is no article.

    spec, optional: ``{"language": "es" | "ca" | "gl" | "eu"}``, the one whose articles do not count.
    """
    _accepted(spec, expected)


def grade(*, spec: Mapping[str, Any], answer: str, expected: Any) -> Grade:
    """The best F1 over the accepted texts, with 6 decimals."""
    language, bags = _accepted(spec, expected)
    read = _bag(line_or_final(answer), language)
    if not read:
        return Grade(value=Decimal(0), reason="La respuesta está vacía.")
    size = read.total()
    shared, right = max(
        ((read & right, right) for right in bags),
        key=lambda found: f1(found[0].total(), size, found[1].total()),
    )
    return Grade(
        value=f1(shared.total(), size, right.total()),
        reason=f"Coinciden {shared.total()} de las {size} palabras leídas.",
        evidence=" ".join(sorted(shared.elements())),
    )


def _bag(text: str, language: str) -> Counter[str]:
    articles = ARTICLES[language]
    return Counter(word for word in words(text) if word not in articles)


@remembered
def _accepted(spec: Mapping[str, Any], expected: Any) -> tuple[str, tuple[Counter[str], ...]]:
    """The language and the words of each accepted text, which nobody changes."""
    language = spec.get("language", "es")
    if not isinstance(language, str) or language not in ARTICLES:
        raise SpecError(field="language", fix=f"Escribe una de estas lenguas: {', '.join(ARTICLES)}.")
    texts = expected if isinstance(expected, list | tuple) else [expected]
    bags = tuple(_bag(text, language) for text in texts if isinstance(text, str))
    if not bags or len(bags) < len(texts) or not all(bags):
        raise SpecError(
            field="expected",
            fix="Escribe un texto o una lista de textos, cada uno con alguna palabra que no sea un artículo.",
        )
    return language, bags
