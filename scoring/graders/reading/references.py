"""The expected texts of a grader that compares whole texts: one, or several that are all right."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

from scoring.errors import SpecError
from scoring.graders.reading.remembered import remembered
from scoring.graders.reading.tokens import words

MAX_REFERENCES = 20


@remembered
def references(spec: Mapping[str, Any], expected: Any) -> tuple[str, ...]:
    """``expected`` as composed texts (NFC); raises ``SpecError`` unless each of them has a word."""
    texts = expected if isinstance(expected, list | tuple) else [expected]
    if not 1 <= len(texts) <= MAX_REFERENCES or not all(
        isinstance(text, str) and words(text) for text in texts
    ):
        raise SpecError(
            field="expected",
            fix=f"Escribe un texto o una lista de 1 a {MAX_REFERENCES} textos, cada uno con alguna palabra.",
        )
    return tuple(unicodedata.normalize("NFC", text).strip() for text in texts)
