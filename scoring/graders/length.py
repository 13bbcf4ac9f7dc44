"""Bounds on how long an answer is, in words, sentences, lines or characters: right within all of them.

Reads all that the model wrote in its turn, without the blanks around it. A word is a run of letters and
digits, with the marks inside a number ("1,5"); a line is one that is not blank; a sentence ends with ".",
"!", "?" or "…" before a blank, or with its line, but "Sr." and "núm." end none; a character is a code point
of the text in NFC.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from scoring.errors import SpecError
from scoring.graders.reading.answers import own_turn
from scoring.graders.reading.remembered import remembered
from scoring.values import Grade

WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W_]+(?:['’·-][^\W_]+)*")
# The usual Spanish abbreviations that a sentence goes on after; and a single capital ("J. Pérez").
ABBREVIATION = re.compile(
    r"(?<!\w)(?:sra?s?|dra?s?|d|dña|ud|uds|núm|nº|n|art|arts|pág|págs|ej|etc(?= [a-zñ])|aprox|avda|c|tel|"
    r"ee|uu|[A-ZÑ])\.(?= )",
    re.IGNORECASE,
)
SENTENCE_END = re.compile(r"[.!?…]+[\"'»”)\]]*(?=\s|$)")
HAS_WORD = re.compile(r"[^\W_]")


def _lines(text: str) -> int:
    return sum(1 for line in text.splitlines() if line.strip())


def _sentences(text: str) -> int:
    pieces = (
        piece for line in text.splitlines() for piece in SENTENCE_END.split(ABBREVIATION.sub(" ", line))
    )
    return sum(1 for piece in pieces if HAS_WORD.search(piece))


MEASURES: Mapping[str, tuple[str, Callable[[str], int]]] = {
    "words": ("palabras", lambda text: len(WORD.findall(text))),
    "sentences": ("frases", _sentences),
    "lines": ("líneas", _lines),
    "characters": ("caracteres", len),
}
OPTIONS = frozenset(f"{end}_{measure}" for end in ("min", "max") for measure in MEASURES)
MAX_BOUND = 20_000
NO_BOUND = (0, MAX_BOUND)


def check(*, spec: Mapping[str, Any], expected: Any) -> None:
    """spec: at least one of ``min_`` and ``max_`` of words, sentences, lines, characters: whole numbers.

    ``expected`` is null.
    """
    _bounds(spec, expected)


def grade(*, spec: Mapping[str, Any], answer: str, expected: Any) -> Grade:
    """1 where every measure lies within its bounds, both included, else 0; the bounds are no secret."""
    read = unicodedata.normalize("NFC", own_turn(answer).strip())
    counted: list[str] = []
    for measure, (lowest, highest) in _bounds(spec, expected).items():
        name, count = MEASURES[measure]
        size = count(read)
        if size < lowest:
            return Grade(value=Decimal(0), reason=f"Tiene {size} {name} y se piden {lowest} como mínimo.")
        if size > highest:
            return Grade(value=Decimal(0), reason=f"Tiene {size} {name} y se piden {highest} como máximo.")
        counted.append(f"{size} {name}")
    return Grade(
        value=Decimal(1), reason="La respuesta tiene la longitud pedida.", evidence=", ".join(counted)
    )


@remembered
def _bounds(spec: Mapping[str, Any], expected: Any) -> Mapping[str, tuple[int, int]]:
    if expected is not None:
        raise SpecError(field="expected", fix="Escribe null: aquí no se espera un texto.")
    bounds: dict[str, tuple[int, int]] = {}
    for measure in MEASURES:
        lowest, highest = _bound(spec, f"min_{measure}", 0), _bound(spec, f"max_{measure}", MAX_BOUND)
        if lowest > highest:
            raise SpecError(field=f"max_{measure}", fix="Escribe un máximo que no sea menor que el mínimo.")
        if (lowest, highest) != NO_BOUND:
            bounds[measure] = (lowest, highest)
    if not bounds:
        raise SpecError(field="name", fix=f"Escribe al menos un límite: {', '.join(sorted(OPTIONS))}.")
    return bounds


def _bound(spec: Mapping[str, Any], option: str, missing: int) -> int:
    bound = spec.get(option, missing)
    if type(bound) is not int or not 0 <= bound <= MAX_BOUND:
        raise SpecError(field=option, fix=f"Escribe un número entero de 0 a {MAX_BOUND}.")
    return bound
