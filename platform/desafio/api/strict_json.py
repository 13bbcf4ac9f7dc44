"""Reads a request's body as JSON and refuses whatever two readers could understand differently.

Only UTF-8, no NaN or Infinity, no key twice in one object, bounded in bytes. The framework's own parser reads
any length and lets the last of two equal keys win.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from django.conf import settings
from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.parsers import BaseParser

from desafio.api.problems import LargeBody


class StrictJSONParser(BaseParser):
    """Raises ParseError with a sentence that says where, LargeBody, or UnsupportedMediaType."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        charset = (parser_context or {}).get("encoding", "utf-8")
        if str(charset).lower().replace("_", "-") not in ("utf-8", "utf8"):
            raise UnsupportedMediaType(media_type or self.media_type)
        return parse(_read(stream))


def parse(body: bytes) -> Any:
    try:
        return json.loads(
            body.decode("utf-8"), parse_constant=_refuse_constant, object_pairs_hook=_without_twins
        )
    except UnicodeDecodeError as wrong:
        raise ParseError(
            _("El byte %(at)d no es UTF-8. Envía JSON en UTF-8.") % {"at": wrong.start}
        ) from wrong
    except json.JSONDecodeError as wrong:
        where = {"line": wrong.lineno, "column": wrong.colno}
        raise ParseError(
            _("El JSON está mal en la línea %(line)d, columna %(column)d. Corrígelo y repite.") % where
        ) from wrong
    except RecursionError as deep:
        raise ParseError(_("El JSON tiene demasiados niveles, unos dentro de otros.")) from deep
    except ValueError as wrong:  # a whole number of thousands of digits
        raise ParseError(_("El JSON tiene un número que no se puede leer.")) from wrong


def _read(stream: IO[Any]) -> bytes:
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    body: bytes = stream.read(limit + 1)
    if len(body) > limit:
        raise LargeBody(limit=limit)
    return body


def _refuse_constant(name: str) -> NoReturn:
    raise ParseError(_("%(name)s no es un número de JSON. Escribe un número.") % {"name": name})


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ParseError(_("Un objeto del JSON repite una clave. Deja solo una."))
    return found
