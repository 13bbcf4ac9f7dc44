"""One option among several, named by its letter or by its text.

Reads the announced answer ("Respuesta: b") or else all that the model wrote in its turn, because naming a
second option anywhere is hedging and earns nothing; so does "no es la b". How a letter must stand to be the
name of an option, and not the word "a", is said at ``LetterNames``. See docs/scoring.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from scoring.errors import SpecError
from scoring.graders.reading.answers import whole_or_final
from scoring.graders.reading.remembered import remembered
from scoring.graders.reading.words import bare, fold
from scoring.values import Grade

OPTIONS = frozenset({"options"})
KEY = re.compile(r"[a-z0-9]{1,2}")
MAX_OPTIONS = 26
WORDS_OF_ONE_LETTER = frozenset("aeouy")
DENIAL = re.compile(
    r"(?<!\w)(?:no|ni|nunca|tampoco|excepto|salvo|descarto)(?:\s+(?:es|son|era|seria|puede ser))?"
    r"(?:\s+(?:el|la|los|las|un|una|opcion|letra|respuesta)){0,3}[\s(¿\"'«]*$"
)
LONGEST_DENIAL = 60


def check(*, spec: Mapping[str, Any], expected: Any) -> None:
    """spec ``{"options": {"a": "text", …}}``, 2 to 26 options of distinct texts; ``expected`` is a key."""
    _rule(spec, expected)


def grade(*, spec: Mapping[str, Any], answer: str, expected: Any) -> Grade:
    """1 where the answer names the expected option and no other, else 0."""
    rule = _rule(spec, expected)
    read = fold(whole_or_final(answer).replace("\n", " ; "), accents=False)
    named = rule.options.named_in(read)
    chosen = sorted({key for key, _, _ in named})
    evidence = ", ".join(read[start:end] for _, start, end in named[:5])
    if not chosen:
        return Grade(value=Decimal(0), reason="La respuesta no nombra ninguna de las opciones.")
    if len(chosen) > 1:
        reason = f"La respuesta nombra varias opciones ({', '.join(chosen)}) y solo vale nombrar una."
        return Grade(value=Decimal(0), reason=reason, evidence=evidence)
    if any(_is_denied(read, start, named) for _, start, _ in named):
        return Grade(value=Decimal(0), reason=f"La respuesta niega la opción {chosen[0]}.", evidence=evidence)
    if chosen[0] != rule.right:
        return Grade(value=Decimal(0), reason=f"Eligió la opción {chosen[0]}.", evidence=evidence)
    return Grade(value=Decimal(1), reason=f"Eligió la opción {chosen[0]}, la correcta.", evidence=evidence)


Mention = tuple[str, int, int]  # key of the option, start and end in the folded text


@dataclass(frozen=True, slots=True)
class _Options:
    """The options of a case: ``texts`` maps each key to its folded text, ``by_text`` the other way round."""

    texts: Mapping[str, str]
    by_text: Mapping[str, str]
    letters: LetterNames
    pattern: re.Pattern[str]

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> _Options:
        options = spec.get("options")
        if not isinstance(options, Mapping) or not 2 <= len(options) <= MAX_OPTIONS:
            raise SpecError(
                field="options", fix=f'Escribe de 2 a {MAX_OPTIONS} opciones: {{"a": "…", "b": "…"}}.'
            )
        texts: dict[str, str] = {}
        for key, text in options.items():
            texts[_key(key)] = _text(key, text)
        if len(set(texts.values())) < len(options):
            raise SpecError(field="options", fix="Dos opciones se leen igual: cambia el texto o la letra.")
        by_text = {text: key for key, text in texts.items()}
        return cls(texts, by_text, _letter_names(tuple(texts)), _texts_pattern(tuple(by_text)))

    def named_in(self, read: str) -> list[Mention]:
        """Every mention of an option in folded text, by its text or its letter, in order."""
        texts = [(self.by_text[m[0]], *m.span()) for m in self.pattern.finditer(read)]
        letters = [
            mention
            for mention in self.letters.mentions(read)
            if not any(start <= mention[1] < end for _, start, end in texts)
        ]
        return sorted({*texts, *letters}, key=lambda mention: mention[1])


@dataclass(frozen=True, slots=True)
class _Rule:
    """A spec that was checked: the options and the key of the right one."""

    options: _Options
    right: str


@remembered
def _rule(spec: Mapping[str, Any], expected: Any) -> _Rule:
    options = _Options.of(spec)
    if not isinstance(expected, str) or expected.casefold() not in options.texts:
        keys = ", ".join(options.texts)
        raise SpecError(field="expected", fix=f"Escribe la letra de una opción: {keys}.")
    return _Rule(options, expected.casefold())


@dataclass(frozen=True, slots=True)
class LetterNames:
    """Where a lone letter names an option in Spanish prose, in which "a", "e", "o", "u" and "y" are words.

    ``patterns`` find it by the group ``key``: it is all the answer; in brackets or quotes, or before ")";
    first on a line before "." ":" or "-"; after "opción", "letra", "respuesta"; where a clause ends, as no
    such word does; and, where the letter is no word, anywhere but behind a number ("20 h"). ``series`` are
    letters joined by a comma, "/", "o", "y", or with nothing else around: every one of them is named.
    """

    patterns: tuple[re.Pattern[str], ...]
    series: tuple[re.Pattern[str], ...]
    letter: re.Pattern[str]

    def mentions(self, read: str) -> Iterator[Mention]:
        for pattern in self.patterns:
            for found in pattern.finditer(read):
                yield found["key"], *found.span("key")
        for pattern in self.series:
            for several in pattern.finditer(read):
                for letter in self.letter.finditer(read, *several.span()):
                    yield letter[0], *letter.span()


@lru_cache(maxsize=256)
def _letter_names(keys: tuple[str, ...]) -> LetterNames:
    any_key, letters, no_words = (
        _either(keys),
        _either([key for key in keys if key.isalpha()]),
        _either([key for key in keys if key.isalpha() and key not in WORDS_OF_ONE_LETTER]),
    )
    article = r"(?:(?:la|el|opcion|letra)\s+){0,2}"
    join = rf"\s*(?:,|/|&|\+|(?<!\w)(?:[oyeu]|ni)(?!\w))\s*(?:[oyu]\s+)?{article}"
    called = r"(?:opcion|letra|alternativa|respuesta)(?:\s+(?:correcta|final|es|la))*"
    return LetterNames(
        patterns=(
            re.compile(rf"\A\W*(?P<key>{any_key})\W*\Z"),
            re.compile(rf"[(\[\"'«“‘*]\s?(?P<key>{any_key})\s?[)\]\"'»”’*]"),
            re.compile(rf"(?<![\w(])(?P<key>{any_key})\)"),
            re.compile(rf"(?:\A|; )\W{{0,8}}(?P<key>{any_key})\s?[.:\-–](?!\d)"),
            re.compile(rf"(?<!\w){called}[\s:]+(?P<key>{any_key})(?!\w)"),
            re.compile(rf"(?<![\w°])(?<!\d\s)(?P<key>{letters})(?=\s*(?:\Z|[.,;:!?)]))"),
            re.compile(rf"(?<![\w°])(?<!\d\s)(?P<key>{no_words})(?!\w)"),
        ),
        series=(
            re.compile(rf"(?<!\w){any_key}(?:\)?{join}\(?{any_key}(?!\w))+"),
            re.compile(rf"\A\W*{any_key}(?:\W+{any_key})+\W*\Z"),
        ),
        letter=re.compile(rf"(?<!\w){any_key}(?!\w)"),
    )


def _either(words: Sequence[str]) -> str:
    """A pattern for any of the words, the longest first; one that never matches where there is none."""
    longest_first = sorted(words, key=len, reverse=True)
    return f"(?:{'|'.join(re.escape(word) for word in longest_first)})" if words else r"(?!)"


@lru_cache(maxsize=256)
def _texts_pattern(texts: tuple[str, ...]) -> re.Pattern[str]:
    """The options' texts as whole words and whole numbers: "5 kWh" is not in "1,5 kWh"."""
    return re.compile(rf"(?<!\w)(?<!\d[.,])(?<![-−+](?=\d)){_either(texts)}(?!\w)(?![.,]\d)")


def _is_denied(read: str, start: int, named: list[Mention]) -> bool:
    """Whether "no (es la)" stands right before this mention and is not itself an option ("No (b)")."""
    denial = DENIAL.search(read[max(0, start - LONGEST_DENIAL) : start])
    if denial is None:
        return False
    said_at = max(0, start - LONGEST_DENIAL) + denial.start()
    return not any(first <= said_at < end for _, first, end in named)


def _key(key: Any) -> str:
    if not isinstance(key, str) or not KEY.fullmatch(key.casefold()):
        raise SpecError(field="options", fix="Nombra las opciones con una letra o un número: a, b, c…")
    return key.casefold()


def _text(key: str, text: Any) -> str:
    if not isinstance(text, str) or not bare(text, accents=False):
        raise SpecError(field=f"options.{key}", fix="Escribe el texto de la opción.")
    return bare(text, accents=False)
