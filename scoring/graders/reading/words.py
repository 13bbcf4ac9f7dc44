"""Text made comparable: one way to write each letter, one space, no marks around it."""

from __future__ import annotations

import unicodedata

# Marks that writers and models put around an answer. Signs that carry meaning (-, +, %, €, º, /) stay.
OUTER_MARKS = " \t\n.,;:…!¡?¿\"'`´«»“”‘’()[]{}*_"
COMBINING_TILDE, COMBINING_CEDILLA = "\u0303", "\u0327"


def fold(text: str, *, accents: bool) -> str:
    """NFKC, case folded, format characters dropped, spaces collapsed; ``accents`` False also drops accents.

    ñ and ç are letters of their own and are kept in both.

    >>> fold("  La  CIGÜEÑA ", accents=False)
    'la cigueña'
    """
    if text.isascii():  # most answers: the rest would change nothing in them
        return " ".join(text.lower().split())
    if not text.isprintable():  # first, or they would keep an accent from its letter
        text = "".join(character for character in text if unicodedata.category(character) != "Cf")
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    if not accents:
        folded = _without_accents(folded)
    return " ".join(folded.split())


def bare(text: str, *, accents: bool) -> str:
    """``fold`` without the marks around it: dots, commas, quotes, brackets, asterisks.

    >>> bare("**«Sí.»**", accents=True)
    'sí'
    """
    return fold(text, accents=accents).strip(OUTER_MARKS)


def _without_accents(text: str) -> str:
    """The text, which is in NFKC, without the marks on its letters."""
    if max(text, default="") < FIRST_COMBINING:
        return text.translate(BASES)
    return _without_marks(text)


def _without_marks(text: str) -> str:
    kept: list[str] = []
    for character in unicodedata.normalize("NFD", text):
        base = kept[-1] if kept else ""
        is_letter_of_its_own = (base, character) in {("n", COMBINING_TILDE), ("c", COMBINING_CEDILLA)}
        if is_letter_of_its_own or not unicodedata.combining(character):
            kept.append(character)
    return unicodedata.normalize("NFC", "".join(kept))


# Below it stand all Latin letters of Europe, each with its accent in one code point: a table does for them.
FIRST_COMBINING = "\u0300"
BASES = {code: _without_marks(chr(code)) for code in range(0x80, ord(FIRST_COMBINING))}
