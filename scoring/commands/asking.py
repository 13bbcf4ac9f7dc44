"""How the verbs are asked, and how they say no: Spanish usage, and files and JSON that are read with a bound.

Each verb's ``main`` catches ``Refused``, prints it on standard error and ends with ``CANNOT``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, NoReturn

WELL, WRONG, CANNOT = 0, 1, 2
MAX_OPTION_CHARACTERS = 100_000


class Refused(Exception):
    """Something that we cannot do was asked for; ``str`` is the sentence."""


class Parser(argparse.ArgumentParser):
    """Refuses with a sentence that shows how it is written; ``usage_line`` is what stands behind the verb."""

    def __init__(self, *, verb: str, usage_line: str, description: str) -> None:
        self._line = f"python -m scoring {verb} {usage_line}"
        # No abbreviated options: a later option must not change what an old script asks for.
        super().__init__(prog=f"python -m scoring {verb}", description=description, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise Refused(f"Escribe {self._line}.")


def refused_file(error: OSError) -> str:
    """Why a file cannot be read, with its name."""
    reasons = (
        (FileNotFoundError, "no existe"),
        (IsADirectoryError, "es una carpeta, y hace falta un archivo"),
        (PermissionError, "no hay permiso para leerlo"),
    )
    reason = next((words for kind, words in reasons if isinstance(error, kind)), error.strerror)
    return f"No se puede leer {error.filename}: {reason}."


def text_of(path: Path, *, limit: int) -> str:
    """A file's text. Raises ``Refused`` for one above ``limit`` bytes or not in UTF-8, and ``OSError``."""
    with path.open("rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise Refused(f"{path.name} tiene más de {limit} bytes: no parece un archivo de estos.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Refused(f"{path.name}, línea {line}: no es texto en UTF-8. Guárdalo en UTF-8.") from None


def json_option(text: str, *, option: str) -> dict[str, Any]:
    """The object that an option holds. Raises ``Refused``."""
    try:
        found = parsed(text[: MAX_OPTION_CHARACTERS + 1])
    except NotJson as wrong:
        raise Refused(f"{option}: {wrong}") from None
    if not isinstance(found, dict):
        raise Refused(f"{option}: debe ser un objeto de JSON, como {{}}.")
    return found


class NotJson(Exception):
    """A text that is no JSON; ``str`` is the sentence, with line and column where they are known."""


def parsed(text: str | bytes, *, is_line: bool = False) -> Any:
    """The value of a JSON text, in which no field stands twice and no number is NaN. Raises ``NotJson``.

    ``is_line`` says that it is one line of a file, whose number the caller tells.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_each_once)
    except json.JSONDecodeError as error:
        place = f"columna {error.colno}" if is_line else f"línea {error.lineno}, columna {error.colno}"
        raise NotJson(
            f"no es JSON a partir de la {place}. Mira si falta una coma, una comilla o una llave."
        ) from None
    except UnicodeDecodeError:
        raise NotJson("no es texto en UTF-8.") from None
    except RecursionError:
        raise NotJson("tiene demasiados niveles.") from None
    except ValueError:
        # Python reads no whole number above 4300 digits.
        raise NotJson("tiene un número de demasiadas cifras.") from None


def _refuse_constant(name: str) -> NoReturn:
    raise NotJson(f"{name} no es un número de JSON.")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise NotJson(f"el campo «{twice[:60]}» está dos veces. Deja uno.")
    return found
