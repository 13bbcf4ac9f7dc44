"""Values of any shape inside a pack (a grader's options, a policy's parameters): may they be kept as JSON?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _

from challenges.packs.texts import shown, unfit_characters

# No grader or policy nests deeper than three; beyond some hundreds, Python itself gives up.
MAX_DEPTH = 8

KeyPath = tuple[str, ...]


def wrong_in_value(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    """Everything in the value of the field ``path`` that may not stand there: where, and as a sentence."""
    waiting: list[tuple[KeyPath, Any]] = [(path, value)]
    while waiting:
        where, part = waiting.pop()
        if len(where) - len(path) > MAX_DEPTH:
            sentence = _("«%(name)s» tiene demasiados niveles, unos dentro de otros. Simplifícalo.")
            yield path, sentence % {"name": dotted(path)}
            return
        yield from _wrong_by_itself(part, where)
        # From the end, because the last one waiting is looked at first.
        waiting += reversed([((*where, name), inner) for name, inner in _inside(part)])


def dotted(path: KeyPath) -> str:
    return shown(".".join(path))


def _inside(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from ((str(number), inner) for number, inner in enumerate(value, start=1))


def _wrong_by_itself(value: Any, where: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(value, str):
        for sentence in unfit_characters(value, dotted(where), is_prose=False):
            yield where, sentence
    elif isinstance(value, dict):
        for name in value:
            inside = (*where, name)
            for sentence in unfit_characters(name, dotted(inside), is_prose=False):
                yield inside, sentence
    elif isinstance(value, float) and not math.isfinite(value):
        yield where, _("«%(name)s» no es un número finito. Escribe un número.") % {"name": dotted(where)}
    elif not isinstance(value, int | float | list | None):
        sentence = _("«%(name)s» es una fecha, que aquí no se puede guardar. Escribe un texto o un número.")
        yield where, sentence % {"name": dotted(where)}
