"""A text as a row of words, for the graders that count how many of them two texts share.

SQuAD's and ROUGE's own tokenizers were made for English: they drop letters with accents or join what stood on
both sides of a mark. Where ours differs from them is said in docs/scoring.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from scoring.graders.reading.words import fold

# A mark inside a number stays in it, so that "1,5" is neither "15" nor "1" and "5".
WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W_]+")

# Without accents, as words are compared. An elided article ("l'aigua") is a word of its own behind its mark.
ARTICLES: Mapping[str, frozenset[str]] = {
    "es": frozenset({"el", "la", "los", "las", "un", "una", "unos", "unas"}),
    "ca": frozenset({"el", "la", "els", "les", "l", "un", "una", "uns", "unes"}),
    "gl": frozenset({"o", "a", "os", "as", "un", "unha", "uns", "unhas"}),
    "eu": frozenset(),  # the Basque article is an ending, no word
}


def words(text: str) -> list[str]:
    """The words of a text in order, folded; accents do not count, ñ and ç do.

    >>> words("¡La CIGÜEÑA gastó 1,5 kWh/año!")
    ['la', 'cigueña', 'gasto', '1,5', 'kwh', 'año']
    """
    return WORD.findall(fold(text, accents=False))
