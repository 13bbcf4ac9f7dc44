"""The ways in which a text can be read: as it stands, and decoded from what people hide things in.

Every rule looks at all of them. What is compared is a folded text: without case, accents, look-alike letters
of other alphabets, or whatever stands between letters and digits.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

PLAIN = "plain"
# How often a decoded text is read again: base64 within base64 is found, a third layer is not.
DEPTH = 2
# Of all readings together: decoding never makes more of a text than so many times itself.
MOST_CHARACTERS = 200_000
# Below this share of printable characters a decoded stretch is the noise that any word decodes to.
PRINTABLE = 0.9

# Small letters of Cyrillic, Greek and Armenian that look like Latin ones, after Unicode's confusables.txt;
# the compatibility forms (full width, mathematical) are NFKD's. And the digits of Arabic and Persian.
LOOK_ALIKES = str.maketrans(
    "авекмнорстухѕіјԁɡӏոαοντρικυχε" + "٠١٢٣٤٥٦٧٨٩" + "۰۱۲۳۴۵۶۷۸۹",
    "abekmhopctyxsijdglnaovtpikuxe" + "0123456789" * 2,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A text as somebody could read it; ``name`` is ``PLAIN`` or how it was decoded, outer layer first."""

    name: str
    text: str


def folded(text: str) -> str:
    """Letters and digits in small Latin ones without accents, one space wherever anything else stood.

    >>> folded("¿Cuánta  ENERGÍA…?")
    'cuanta energia'
    """
    marked = (each if each.isalnum() else "" if _is_mark(each) else " " for each in _decomposed(text))
    return " ".join("".join(marked).split())


def squeezed(text: str) -> str:
    """The same without any space: no separator and no line break hides a text.

    >>> squeezed("E-n-e-r-g-í-a") == squeezed("energia")
    True
    """
    return "".join(filter(str.isalnum, _decomposed(text)))


def readings(text: str) -> list[Reading]:
    """The text as it stands first, then every other way, each different text once."""
    found: list[Reading] = []
    seen: set[str] = set()
    room = max(MOST_CHARACTERS, len(text))
    level = [Reading(name=PLAIN, text=text)]
    for _ in range(DEPTH + 1):
        following = []
        for each in level:
            if each.text in seen or len(each.text) > room:
                continue
            room -= len(each.text)
            seen.add(each.text)
            found.append(each)
            following += list(_decoded(each))
        level = following
    return found


def _decomposed(text: str) -> str:
    return unicodedata.normalize("NFKD", text.casefold()).casefold().translate(LOOK_ALIKES)


def _is_mark(character: str) -> bool:
    # Accents that stand by themselves, and what nobody sees: neither parts a word.
    return unicodedata.category(character) in ("Mn", "Me", "Cf")


def _decoded(reading: Reading) -> Iterator[Reading]:
    for name, decode in READINGS.items():
        if (text := decode(reading.text)) and text != reading.text:
            yield Reading(name=name if reading.name == PLAIN else f"{reading.name}+{name}", text=text)


def _stretches(pattern: re.Pattern[str], to_bytes: Callable[[str], bytes]) -> Callable[[str], str]:
    """All stretches of a text that look like an encoding and decode to something readable, a line each."""

    def decode(text: str) -> str:
        return "\n".join(filter(None, (_readable(to_bytes, found[0]) for found in pattern.finditer(text))))

    return decode


def _readable(to_bytes: Callable[[str], bytes], stretch: str) -> str:
    try:
        text = to_bytes(re.sub(r"[\s=]", "", stretch)).decode()
    except (ValueError, binascii.Error):
        return ""
    shown = sum(each.isprintable() or each in "\n\t" for each in text)
    return text if shown >= PRINTABLE * len(text) else ""


def _padded(block: int) -> Callable[[str], str]:
    return lambda text: text + "=" * (-len(text) % block)


_pad4, _pad8 = _padded(4), _padded(8)


def _base64(text: str) -> bytes:
    return base64.b64decode(_pad4(text.translate(str.maketrans("-_", "+/"))), validate=True)


def _base32(text: str) -> bytes:
    return base64.b32decode(_pad8(text.upper()))


def _hex(text: str) -> bytes:
    return bytes.fromhex(re.sub(r"0x|\\x|[:,]", "", text))


def _codes(text: str) -> str:
    """Characters written as their decimal numbers: "101 110 101 114 103 105 97"."""
    lines = (
        "".join(chr(int(number)) for number in re.findall(r"\d+", found[0]) if int(number) < 0x300)
        for found in CODES.finditer(text)
    )
    return "\n".join(lines)


def _spelled(text: str) -> str:
    """Words whose letters stand apart, each put together: "m-a-r-t-e-s" is "martes"."""
    return SPELLED.sub(lambda found: found[0].replace(found["between"], ""), text)


def _unescaped(text: str) -> str:
    if "&" not in text and "\\" not in text:
        return ""
    return ESCAPE.sub(lambda found: chr(int(found[1], 16)), html.unescape(text))


CODES = re.compile(r"(?<!\d)\d{2,3}(?:[\s,;.-]{1,2}\d{2,3}(?!\d)){4,}")
SPELLED = re.compile(r"(?<!\w)\w(?P<between>[-._·*|/ ])\w(?:(?P=between)\w)+(?!\w)")
ESCAPE = re.compile(r"\\(?:u|x)([0-9a-fA-F]{2,4})")

READINGS: Mapping[str, Callable[[str], str]] = {
    "reversed": lambda text: text[::-1],
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "base64": _stretches(re.compile(r"[A-Za-z0-9+/_-]{8,}(?:\n[A-Za-z0-9+/_-]{4,})*={0,2}"), _base64),
    "base32": _stretches(re.compile(r"[A-Za-z2-7]{8,}(?:\n[A-Za-z2-7]{4,})*={0,6}"), _base32),
    "hex": _stretches(re.compile(r"(?:(?:0x|\\x)?[0-9a-fA-F]{2}[\s:,]{0,2}){5,}"), _hex),
    "url": lambda text: unquote(text) if "%" in text else "",
    "escapes": _unescaped,
    "codes": _codes,
    "spelled": _spelled,
}
