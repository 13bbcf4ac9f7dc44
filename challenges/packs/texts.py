"""Texts of a pack: what may not stand in them, and how they are quoted in a sentence about them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.utils.translation import gettext as _

from scoring.solutions.characters import find_unseen
from scoring.solutions.turn_marks import find_turn_marks
from scoring.values import Problem

MAX_SHOWN_CHARACTERS = 60
LINE_BREAKS_AND_TABS = frozenset("\n\t")


def shown(text: object) -> str:
    """What somebody wrote, short, on one line and visible."""
    written = str(text)
    short = written if len(written) <= MAX_SHOWN_CHARACTERS else f"{written[: MAX_SHOWN_CHARACTERS - 1]}…"
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in short)


def listed(names: Iterable[str]) -> str:
    """«a», «a» y «b», «a», «b» y «c»."""
    *head, last = [f"«{shown(name)}»" for name in names] or ["—"]
    return _("%(head)s y %(last)s") % {"head": ", ".join(head), "last": last} if head else last


def wrong_in(text: str, name: str, *, limit: int | None = None, is_prose: bool = False) -> Iterator[str]:
    """Everything wrong with the text of field ``name``, as sentences; only prose may have several lines."""
    if not text.strip():
        yield _("«%(name)s» está vacío. Escribe algo.") % {"name": name}
    if limit is not None and len(text) > limit:
        params = {"name": name, "length": len(text), "limit": limit}
        yield _("«%(name)s» tiene %(length)d caracteres y el máximo es %(limit)d. Acórtalo.") % params
    yield from unfit_characters(text, name, is_prose=is_prose)


def unfit_characters(text: str, name: str, *, is_prose: bool) -> Iterator[str]:
    if not is_prose and not LINE_BREAKS_AND_TABS.isdisjoint(text):
        yield _("«%(name)s» tiene un salto de línea o un tabulador. Escríbelo en una sola línea.") % {
            "name": name
        }
    for problem in find_unseen(text, field=name):
        yield _("en «%(name)s» hay %(what)s (línea %(line)d y columna %(column)d del texto). Bórralo.") % {
            "name": name,
            "what": unseen(problem),
            "line": problem.line,
            "column": problem.params["column"],
        }

    for problem in find_turn_marks(text, field=name):
        yield _("en «%(name)s» está «%(found)s», una marca de turnos del modelo. Bórrala.") % {
            "name": name,
            "found": problem.params["found"],
        }


def unseen(problem: Problem) -> str:
    """What a problem of ``find_unseen`` found: «un carácter invisible, U+200B»."""
    character = problem.params["character"]
    if problem.code == "bidi_character":
        return _("un carácter que cambia la dirección de lectura, %(character)s") % {"character": character}
    if problem.code == "control_character":
        return _("un carácter de control, %(character)s") % {"character": character}
    return _("un carácter invisible, %(character)s") % {"character": character}
