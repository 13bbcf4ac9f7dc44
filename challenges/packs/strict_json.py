"""One line of JSON, read so that no two readers can understand it differently: no key twice, no NaN.

The reader of cases calls ``parse``; what cannot be read is raised as a sentence with its column.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from challenges.packs.texts import shown

# What the decoder says, by how it begins, and what that means to whoever wrote the line.
REASONS = {
    "Expecting ',' delimiter": gettext_lazy("falta una coma, o hay una comilla sin \\ dentro de un texto"),
    "Expecting property name": gettext_lazy("se esperaba un nombre entre comillas dobles"),
    "Illegal trailing comma": gettext_lazy("sobra una coma al final"),
    "Expecting ':' delimiter": gettext_lazy("faltan los dos puntos detrás de un nombre"),
    "Expecting value": gettext_lazy("se esperaba un valor"),
    "Extra data": gettext_lazy("sobra lo que hay detrás del objeto"),
    "Unterminated string": gettext_lazy("un texto empieza aquí y no se cierra con comillas"),
    "Invalid control character": gettext_lazy(
        "hay un tabulador o un carácter de control, que se escribe \\t o \\uXXXX"
    ),
    "Invalid \\": gettext_lazy('la barra \\ solo va delante de " \\ / b f n r t u'),
}


class NotJson(Exception):
    """``str`` says in Spanish what is wrong and where in the line."""


def parse(line: str) -> Any:
    """The value that the line holds. Raises NotJson."""
    try:
        return json.loads(
            line, object_pairs_hook=_without_twins, parse_constant=_no_number, parse_float=_finite
        )
    except json.JSONDecodeError as wrong:
        params = {"column": wrong.colno, "reason": _reason(wrong.msg)}
        raise NotJson(_("no es JSON válido en la columna %(column)d: %(reason)s.") % params) from wrong
    except RecursionError as deep:
        raise NotJson(_("tiene demasiados niveles, unos dentro de otros. Simplifícalo.")) from deep
    except ValueError as wrong:  # a whole number of thousands of digits
        raise NotJson(_("tiene un número demasiado largo. Acórtalo.")) from wrong


def _reason(message: str) -> str:
    for beginning, reason in REASONS.items():
        if message.startswith(beginning):
            return str(reason)
    return _("revisa comillas, comas y llaves")


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise NotJson(_("repite el campo «%(name)s». Deja solo uno.") % {"name": shown(name)})
        found[name] = value
    return found


def _no_number(name: str) -> NoReturn:
    raise NotJson(_("%(name)s no es un número de JSON. Escribe un número.") % {"name": name})


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise NotJson(_("el número %(digits)s es demasiado grande. Corrígelo.") % {"digits": shown(digits)})
    return number
