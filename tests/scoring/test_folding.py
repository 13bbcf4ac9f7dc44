"""Claims on ``fold`` and ``bare``: what makes two texts the same, told again here in the plainest way."""

from __future__ import annotations

import random
import unicodedata

import pytest

from scoring.graders.reading.digits import ascii_digits
from scoring.graders.reading.words import bare, fold

LETTERS = "anecNAÑçÇáÜıİßﬁﬀ½²Ⅻ０٣ـº·' .,-\n\u00a0\u200b\u200d\u2067\ufeff\u0301\u0303\u0327\u031f\u0345\ud800"


def told_plainly(text: str, *, accents: bool) -> str:
    seen = "".join(character for character in text if unicodedata.category(character) != "Cf")
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", seen).casefold())
    if not accents:
        kept = ""
        for character in unicodedata.normalize("NFD", folded):
            is_own_letter = kept[-1:] + character in ("n\u0303", "c\u0327")
            if is_own_letter or not unicodedata.combining(character):
                kept += character
        folded = unicodedata.normalize("NFC", kept)
    return " ".join(folded.split())


def made_up_texts(count: int) -> list[str]:
    source = random.Random(7)
    return ["".join(source.choices(LETTERS, k=source.randint(1, 6))) for _ in range(count)]


@pytest.mark.parametrize("accents", [True, False])
def test_every_character_folds_as_the_rule_says(accents: bool) -> None:
    for code in range(0x3100):
        for text in (chr(code), f"n{chr(code)}", f"é{chr(code)}\u0301"):
            assert fold(text, accents=accents) == told_plainly(text, accents=accents), ascii(text)


@pytest.mark.parametrize("accents", [True, False])
def test_made_up_texts_fold_as_the_rule_says_and_only_once(accents: bool) -> None:
    for text in made_up_texts(5_000):
        folded = fold(text, accents=accents)
        assert folded == told_plainly(text, accents=accents), ascii(text)
        assert fold(folded, accents=accents) == folded, ascii(text)
        once = bare(text, accents=accents)
        assert bare(once, accents=accents) == once, ascii(text)


def test_the_letters_of_spanish_and_catalan_stay() -> None:
    assert fold("ÑANDÚ Cigüeña França Perçò", accents=False) == "ñandu cigueña frança perço"
    assert fold("n\u0303, n\u200b\u0303, c\u0327", accents=False) == "ñ, ñ, ç"


def test_the_digits_of_a_text_are_those_of_every_script() -> None:
    assert ascii_digits("١٢ ３ 𝟒 ५ ² ½ Ⅻ 7") == "12 3 4 5 ² ½ Ⅻ 7"
