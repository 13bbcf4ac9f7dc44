"""The policies: each turns quality and energy into one score.

A policy is one module in this folder, found by its name: add ``mine.py`` with a ``check_parameters`` and an
``apply`` like those of ``verde.py``, and a phase may name it. The evaluation comes in through ``apply``,
the admin and the loader of packs through ``check_parameters``; no policy knows who the contestant is.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Protocol

from scoring.errors import SpecError
from scoring.values import PolicyResult


class Apply(Protocol):
    def __call__(
        self, *, parameters: Mapping[str, Any], quality: Decimal, energy_mj: int
    ) -> PolicyResult: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The two functions of a policy's module."""

    name: str
    check_parameters: Callable[[Mapping[str, Any]], None]
    apply: Apply


def _load(name: str) -> Policy:
    module = importlib.import_module(f"{__name__}.{name}")
    return Policy(name=name, check_parameters=module.check_parameters, apply=module.apply)


POLICIES: Mapping[str, Policy] = MappingProxyType(
    {found.name: _load(found.name) for found in pkgutil.iter_modules(__path__) if not found.ispkg}
)


def check_parameters(policy: str, parameters: Mapping[str, Any]) -> None:
    """Raise ``SpecError`` where a phase's policy cannot work with these parameters."""
    _find(policy).check_parameters(parameters)


def apply(*, policy: str, parameters: Mapping[str, Any], quality: Decimal, energy_mj: int) -> PolicyResult:
    """Score a submission; the same inputs give the same bytes on every machine.

    ``quality`` in [0, 1]; ``energy_mj`` the whole evaluation's, failed cases included, above 0. Raises
    ``ValueError`` outside of these: no energy at all is a fault of the measurement, never a win. Raises
    ``SpecError`` for wrong parameters.
    """
    if not (quality.is_finite() and 0 <= quality <= 1):
        raise ValueError(f"quality must lie in [0, 1], not {quality}")
    if energy_mj <= 0:
        raise ValueError(f"energy must be above 0 mJ, not {energy_mj}")
    return _find(policy).apply(parameters=parameters, quality=quality, energy_mj=energy_mj)


def _find(policy: str) -> Policy:
    if policy not in POLICIES:
        raise SpecError(field="policy", fix=f"Escribe una de estas políticas: {', '.join(POLICIES)}.")
    return POLICIES[policy]
