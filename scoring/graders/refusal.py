"""Whether the model says that it does not know: right where the text does not tell, wrong elsewhere.

Reads the announced answer ("Respuesta: …") or else all that the model wrote in its turn. The phrases that
count, in Spanish, Catalan, Galician and Basque, are those of ``reading/abstentions.py``. To abstain and then
guess is neither one nor the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from scoring.errors import SpecError
from scoring.graders.reading.abstentions import abstention_in, guess_after_abstention
from scoring.graders.reading.answers import whole_or_final
from scoring.values import Grade

OPTIONS: frozenset[str] = frozenset()
EXPECTED = ("abstains", "answers")


def check(*, spec: Mapping[str, Any], expected: Any) -> None:
    """``expected`` is "abstains" (the model must say that it does not know) or "answers"; no options."""
    if expected not in EXPECTED:
        raise SpecError(field="expected", fix='Escribe "abstains" (se abstiene) o "answers" (responde).')


def grade(*, spec: Mapping[str, Any], answer: str, expected: Any) -> Grade:
    """1 where the model does what is expected, else 0; the reason tells what it did."""
    check(spec=spec, expected=expected)
    read = whole_or_final(answer)
    if not any(character.isalnum() for character in read):
        return Grade(value=Decimal(0), reason="La respuesta está vacía.")
    phrase = abstention_in(read)
    if phrase is None:
        return Grade(value=Decimal(expected == "answers"), reason="La respuesta no se abstiene.")
    if guess := guess_after_abstention(read):
        reason = "Dice que no lo sabe y después da una respuesta."
        return Grade(value=Decimal(0), reason=reason, evidence=f"{phrase}; {guess}")
    value = Decimal(expected == "abstains")
    return Grade(value=value, reason="Dice que no lo sabe o que no se puede saber.", evidence=phrase)
