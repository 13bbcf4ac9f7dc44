"""The grade of a text by the n-grams it shares with its references; BLEU and chrF2 differ in the score."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from decimal import Decimal

from scoring.graders.reading.long_answers import text_or_final
from scoring.graders.reading.shares import share
from scoring.values import Grade

Texts = tuple[str, ...]


def overlap_grade(
    *,
    answer: str,
    texts: Texts,
    score: Callable[[str, Texts], Decimal],
    signature: Callable[[Texts], str],
    grams_of: str,
) -> Grade:
    """``score``, in [0, 100], over 100 with 6 decimals; reads the whole turn or what was announced.

    ``grams_of`` says in the reason what the n-grams are made of; the evidence is the metric's signature.
    """
    read = unicodedata.normalize("NFC", text_or_final(answer))
    if not read:
        return Grade(value=Decimal(0), reason="La respuesta está vacía.")
    value = score(read, texts)
    return Grade(
        value=share(value, 100),
        reason=f"Se parece a la referencia, por grupos de {grams_of}, un {int(value)} %.",
        evidence=signature(texts),
    )
