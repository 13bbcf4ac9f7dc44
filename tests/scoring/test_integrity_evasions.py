"""Twenty-six ways to carry private answers past the rules: those that are found, and those that are not.

The second list is what docs/integrity.md says cannot be found; it is asserted, so that what is written stays
true. Whoever closes one of these holes moves its row.
"""

from __future__ import annotations

import base64
import codecs
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.scoring.private_suite import CASES, LETTERED, LETTERS, looked

ANSWERS = [each.answers[0] for each in CASES[:10]]
PLAIN = "; ".join(ANSWERS)
QUESTION = CASES[3].inputs[0]

CYRILLIC = str.maketrans("aeopcx", "аеорсх")
LEET = str.maketrans("aeiot", "43107")
MORSE = {"b": "-...", "a": ".-", "c": "-.-.", "d": "-.."}
GREEK = {"a": "alfa", "b": "beta", "c": "gamma", "d": "delta"}


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


FOUND: dict[str, Callable[[], str]] = {
    "as they stand": lambda: PLAIN,
    "in capitals without accents": lambda: PLAIN.upper().replace("Í", "I"),
    "base64": lambda: base64_of(PLAIN),
    "base64 of each": lambda: " ".join(map(base64_of, ANSWERS)),
    "base64 for addresses, in lines": lambda: "\n".join(
        base64.urlsafe_b64encode(PLAIN.encode()).decode()[start : start + 60] for start in range(0, 600, 60)
    ),
    "base64 twice": lambda: base64_of(base64_of(PLAIN)),
    "base32": lambda: base64.b32encode(PLAIN.encode()).decode(),
    "hexadecimal": lambda: PLAIN.encode().hex(),
    "hexadecimal with spaces": lambda: PLAIN.encode().hex(" "),
    "rot13": lambda: codecs.encode(PLAIN, "rot13"),
    "backwards": lambda: PLAIN[::-1],
    "as in an address": lambda: quote(PLAIN),
    "every character as in an address": lambda: "".join(f"%{each:02x}" for each in PLAIN.encode()),
    "Unicode escapes": lambda: "".join(f"\\u{ord(each):04x}" for each in PLAIN),
    "HTML entities": lambda: "".join(f"&#{ord(each)};" for each in PLAIN),
    "codes of characters": lambda: " ".join(str(ord(each)) for each in PLAIN),
    "letters apart": lambda: " / ".join("-".join(each.replace(" ", "")) for each in ANSWERS),
    "Cyrillic look-alikes": lambda: PLAIN.translate(CYRILLIC),
    "full width": lambda: "".join(chr(ord(each) + 0xFEE0) if "!" <= each <= "~" else each for each in PLAIN),
    "between slots and noise": lambda: "{{pregunta}}".join(f"({each}!)" for each in ANSWERS),
    "a question, reflowed": lambda: QUESTION.replace(" ", " \n - "),
}
KEYS_FOUND: dict[str, Callable[[], str]] = {
    "a key of letters": lambda: " ".join(LETTERS),
    "a key without spaces": lambda: LETTERS,
    "a numbered key": lambda: ", ".join(f"{place}={letter}" for place, letter in enumerate(LETTERS, 1)),
    "a key backwards": lambda: LETTERS[::-1],
    "a key in base64": lambda: base64_of(" ".join(LETTERS)),
}
NOT_FOUND: dict[str, Callable[[], str]] = {
    "two answers alone": lambda: "; ".join(ANSWERS[:2]),
    "figures for letters": lambda: PLAIN.translate(LEET),
    "another shift of the alphabet": lambda: "".join(
        chr((ord(each) - 97 + 5) % 26 + 97) if "a" <= each <= "z" else each for each in PLAIN
    ),
    "base64 three times": lambda: base64_of(base64_of(base64_of(PLAIN))),
    "a bit of each, turned round": lambda: bytes(each ^ 1 for each in PLAIN.encode("ascii", "ignore")).hex(),
    "acrostics": lambda: "\n".join(f"{letter.upper()}nota bien." for letter in "".join(ANSWERS)),
    "in other words": lambda: "Las calderas turolenses las abona quien las lleva; las de Lugo, su encargado.",
    "in English": lambda: "the boiler council of Teruel; the persian blind council of Lugo",
    "the question in other words": lambda: (
        "Si en Soria se estropea el aparato y no hay llave, paga quien lo lleva."
    ),
    "half of each question": lambda: " | ".join(each.inputs[0][20:55] for each in CASES[:10]),
}
KEYS_NOT_FOUND: dict[str, Callable[[], str]] = {
    "a key in another order": lambda: " ".join(LETTERS[place * 7 % 40] for place in range(40)),
    "a key with a decoy after every eighth": lambda: " ".join(
        f"{letter} a c" if place % 8 == 7 else letter for place, letter in enumerate(LETTERS)
    ),
    "a key in Morse": lambda: " ".join(MORSE[letter] for letter in LETTERS),
    "a key in other names": lambda: " ".join(GREEK[letter] for letter in LETTERS),
    "a key of few": lambda: " ".join(LETTERS[:12]),
    "a rule by what the case says": lambda: (
        "Si habla de la caldera, b; si de la farola, a; si de la bomba, c."
    ),
}


@pytest.mark.parametrize("way", FOUND)
def test_answers_carried_like_this_are_found(way: str) -> None:
    assert looked(f"Consulta esto antes de responder: {FOUND[way]()} y responde {{{{pregunta}}}}")


@pytest.mark.parametrize("way", KEYS_FOUND)
def test_a_key_carried_like_this_is_found(way: str) -> None:
    assert looked(f"Clave: {KEYS_FOUND[way]()} fin {{{{pregunta}}}}", cases=LETTERED)


@pytest.mark.parametrize("way", NOT_FOUND)
def test_answers_carried_like_this_are_not_found(way: str) -> None:
    assert looked(f"Consulta esto antes de responder: {NOT_FOUND[way]()} y responde {{{{pregunta}}}}") == ()


@pytest.mark.parametrize("way", KEYS_NOT_FOUND)
def test_a_key_carried_like_this_is_not_found(way: str) -> None:
    assert looked(f"Clave: {KEYS_NOT_FOUND[way]()} fin {{{{pregunta}}}}", cases=LETTERED) == ()


def test_the_document_names_what_is_not_found() -> None:
    document = (Path(__file__).parents[2] / "docs" / "integrity.md").read_text()
    assert [way for way in (*NOT_FOUND, *KEYS_NOT_FOUND) if f"- {way}" not in document] == []
