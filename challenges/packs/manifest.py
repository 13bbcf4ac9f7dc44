"""challenge.toml: what the challenge is called, which slots its cases fill, and its phases.

``load`` calls ``read`` first, because cases are checked against the slots.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from django.utils.translation import gettext as _

from challenges.models import Challenge
from challenges.packs import phases
from challenges.packs.columns import longest
from challenges.packs.fields import Table
from challenges.packs.files import read_lines
from challenges.packs.problems import Findings
from challenges.packs.texts import shown
from challenges.packs.toml_lines import KeyPath, key_lines, line_of
from challenges.packs.values import PackPhase

FILE = "challenge.toml"
FORMAT = 1
SLOT = re.compile(r"[a-z][a-z0-9_]*")
LANGUAGE = re.compile(r"[a-z]{2}(?:-[A-Z]{2})?")
WHERE = re.compile(r"\(at line (\d+), column (\d+)\)")
# How the parser begins when something is there twice.
TWICE = ("Cannot overwrite", "Cannot declare", "Duplicate", "Cannot mutate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """``slots`` is None where they could not be read."""

    slug: str
    title: str
    summary: str
    language: str
    licence: str
    slots: Mapping[str, str] | None
    phases: tuple[PackPhase, ...]


def read(folder: Path, findings: Findings) -> Manifest | None:
    """What the file says, or None where it cannot be read at all. Raises PackError for an unknown format."""
    lines = read_lines(folder, FILE, findings)
    if lines is None or None in lines:
        return None
    text = "\n".join(line for line in lines if line is not None)
    content = _parsed(text, findings)
    if content is None:
        return None

    @cache
    def lines_of_keys() -> dict[KeyPath, int]:
        return key_lines(text)

    def report(path: KeyPath, sentence: str) -> None:
        findings.add(FILE, line_of(path, lines_of_keys()), sentence)

    document = Table(content, report)
    _check_format(document, findings)
    document.check_names(required=("format", "challenge", "slots"), optional=("phases",))
    challenge = _challenge(document)
    return Manifest(
        slug=challenge.slug("slug", limit=longest(Challenge, "slug")),
        title=challenge.text("title", limit=longest(Challenge, "title")),
        summary=challenge.text("summary", limit=longest(Challenge, "summary")),
        language=_language(challenge),
        licence=challenge.text("licence", limit=longest(Challenge, "licence")),
        slots=_slots(document.table("slots")),
        phases=phases.read(content.get("phases", []), report),
    )


def _parsed(text: str, findings: Findings) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as wrong:
        line, column = _place(str(wrong), text)
        params = {"column": column}
        if str(wrong).startswith(TWICE):
            sentence = _("repite una clave o una tabla (columna %(column)d). Deja solo una.") % params
        else:
            sentence = (
                _("no es TOML válido en la columna %(column)d. Revisa comillas, corchetes y signos =.")
                % params
            )
        findings.add(FILE, line, sentence)
    except RecursionError:
        findings.add(FILE, None, _("tiene demasiados niveles, unos dentro de otros. Simplifícalo."))
    except ValueError:  # a whole number of thousands of digits
        findings.add(FILE, None, _("tiene un número demasiado largo. Acórtalo."))
    return None


def _place(message: str, text: str) -> tuple[int, int]:
    """Line and column of the parser's message; it names neither where the document ends too early."""
    if found := WHERE.search(message):
        return int(found[1]), int(found[2])
    lines = text.rstrip().split("\n")
    return len(lines), len(lines[-1]) + 1


def _check_format(document: Table, findings: Findings) -> None:
    written = document.content.get("format", FORMAT)
    if written == FORMAT and isinstance(written, int) and not isinstance(written, bool):
        return
    sentence = _(
        "«format» es %(written)s, y este programa solo conoce format = %(known)d. Actualízalo o corrígelo."
    )
    document.report(("format",), sentence % {"written": shown(written), "known": FORMAT})
    # Another format has other rules: whatever else we said of it would be made up.
    raise findings.error()


def _challenge(document: Table) -> Table:
    """The table, or an empty one in the place of one that is missing, which has been reported."""
    challenge = document.table("challenge")
    if challenge is None:
        return Table({}, document.report)
    challenge.check_names(required=("slug", "title", "summary", "language", "licence"))
    return challenge


def _language(challenge: Table) -> str:
    language = challenge.text("language", limit=longest(Challenge, "language"))
    if language.strip() and not LANGUAGE.fullmatch(language):
        challenge.report(
            ("challenge", "language"),
            _("«challenge.language» es «%(value)s». Escribe el código del idioma: es, ca, eu, gl…")
            % {"value": shown(language)},
        )
    return language


def _slots(table: Table | None) -> Mapping[str, str] | None:
    if table is None:
        return None
    if not table.content:
        table.report(table.path, _('no hay ningún hueco. Escribe al menos uno: nombre = "descripción".'))
        return None
    slots = {name: table.text(name) for name in table.content}
    wrong = [name for name in slots if not SLOT.fullmatch(name)]
    for name in wrong:
        sentence = _("el hueco «%(name)s» debe empezar por una letra y llevar solo a-z, 0-9 y _.")
        table.report((*table.path, name), sentence % {"name": shown(name)})
    # They will be renamed: that the cases do not fill them so is no second problem.
    return None if wrong else MappingProxyType(slots)
