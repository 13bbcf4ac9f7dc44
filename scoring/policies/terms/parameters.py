"""How a policy reads its parameters: a value comes out as it should be, or ``SpecError`` says what to write.

Fractions are texts, since a JSON number with a point is another one on another machine; all else is whole.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from scoring.errors import SpecError

SHARE = re.compile(r"[01](?:\.[0-9]{1,6})?")
MAX_ENERGY_MJ = 10**15
MAX_TOKENS = 10**12
MAX_TOKEN_WEIGHT = 1000


def refuse_unknown(parameters: Mapping[str, Any], names: Sequence[str]) -> None:
    unknown = sorted(set(parameters) - set(names))
    if unknown:
        raise SpecError(field=unknown[0], fix=f"Quítalo: los parámetros son {', '.join(names)}.")


def share(name: str, parameters: Mapping[str, Any]) -> Decimal:
    """From "0" to "1", with up to 6 decimals."""
    value = parameters.get(name)
    if not isinstance(value, str) or not SHARE.fullmatch(value) or Decimal(value) > 1:
        raise SpecError(field=name, fix='Escribe un texto de "0" a "1" con hasta 6 decimales, como "0.5".')
    return Decimal(value)


def energy(name: str, parameters: Mapping[str, Any]) -> int:
    """Millijoules, above 0."""
    if not _is_whole(parameters.get(name), least=1, most=MAX_ENERGY_MJ):
        raise SpecError(field=name, fix="Escribe los milijulios como número entero mayor que 0.")
    return int(parameters[name])


def refuse_no_saving(*, e_ref_mj: int, e_min_mj: int) -> None:
    """What saves all has to be less than what saves nothing; both in mJ."""
    if e_min_mj >= e_ref_mj:
        raise SpecError(field="e_min_mj", fix="Escribe una energía menor que e_ref_mj.")


def tokens(name: str, parameters: Mapping[str, Any]) -> int:
    """A number of weighted tokens, above 0."""
    if not _is_whole(parameters.get(name), least=1, most=MAX_TOKENS):
        raise SpecError(field=name, fix="Escribe los tokens como número entero mayor que 0.")
    return int(parameters[name])


def token_weight(name: str, parameters: Mapping[str, Any]) -> int:
    """What one token of a kind counts; 0 leaves the kind out."""
    if not _is_whole(parameters.get(name), least=0, most=MAX_TOKEN_WEIGHT):
        raise SpecError(field=name, fix=f"Escribe el peso como número entero de 0 a {MAX_TOKEN_WEIGHT}.")
    return int(parameters[name])


def _is_whole(value: Any, *, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
