"""The policies: each turns quality and what was used into one score.

A policy is one module in this folder, found by its name: add ``mine.py`` with ``NAMES``, ``check_parameters``
and ``terms`` like those of ``threshold.py``, and a phase may name it. One whose places hang on the other rows
has ``layers`` too, as ``pareto.py``. The evaluation comes in through ``apply``, the board through
``in_layers``, whoever resamples through ``terms``, the admin and the loader of packs through
``check_parameters``; no policy knows who the contestant is.
"""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Protocol

from scoring.decimals import EXACT_ENOUGH
from scoring.errors import SpecError
from scoring.policies.terms.values import SIX_DECIMALS, Terms, millionths
from scoring.record import canonical
from scoring.values import PolicyResult, RankEntry, Use


class FindTerms(Protocol):
    def __call__(self, *, parameters: Mapping[str, Any], use: Use) -> Terms: ...


# The layer of each row, from 1, of rows that are a quality in millionths and an energy in millijoules.
Layers = Callable[[Sequence[tuple[int, int]]], list[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The functions of a policy's module; ``layers`` is None where the score alone says the place.

    ``names`` are those of its parameters, all of which a phase has to give.
    """

    name: str
    names: tuple[str, ...]
    check_parameters: Callable[[Mapping[str, Any]], None]
    terms: FindTerms
    layers: Layers | None


def _load(name: str) -> Policy:
    module = importlib.import_module(f"{__name__}.{name}")
    return Policy(
        name=name,
        names=module.NAMES,
        check_parameters=module.check_parameters,
        terms=module.terms,
        layers=getattr(module, "layers", None),
    )


POLICIES: Mapping[str, Policy] = MappingProxyType(
    {found.name: _load(found.name) for found in pkgutil.iter_modules(__path__) if not found.ispkg}
)


def check_parameters(policy: str, parameters: Mapping[str, Any]) -> None:
    """Raise ``SpecError`` where a phase's policy cannot work with these parameters."""
    _find(policy).check_parameters(parameters)


def fingerprint(policy: str, parameters: Mapping[str, Any]) -> str:
    """SHA-256 of the rule as canonical JSON (RFC 8785): whoever has the same one ranks by the same rule.

    Raises ``SpecError`` for a rule that cannot work.

    >>> fingerprint("budget", {"purse_mj": 1000000})[:16]
    'eb143e785536c49e'
    """
    check_parameters(policy, parameters)
    rule = {"policy": policy, "policy_parameters": dict(parameters)}
    return hashlib.sha256(canonical.dumps(rule)).hexdigest()


def apply(*, policy: str, parameters: Mapping[str, Any], quality: Decimal, use: Use) -> PolicyResult:
    """Score a submission; the same inputs give the same bytes on every machine.

    ``quality`` in [0, 1]; ``use`` the whole evaluation's, failed cases included. Raises ``ValueError``
    outside of these, and where ``terms`` does. Raises ``SpecError`` for wrong parameters.
    """
    if not (quality.is_finite() and 0 <= quality <= 1):
        raise ValueError(f"quality must lie in [0, 1], not {quality}")
    found = terms(policy=policy, parameters=parameters, use=use)
    context = EXACT_ENOUGH.copy()
    # What is scored is the quality that is shown.
    shown_quality = quality.quantize(SIX_DECIMALS, context=context)
    reaches_minimum, ten_thousandths = found.at(millionths(shown_quality))
    return PolicyResult(
        score=Decimal(ten_thousandths).scaleb(-4, context),
        quality=shown_quality,
        green=found.green,
        reaches_minimum=reaches_minimum,
    )


def terms(*, policy: str, parameters: Mapping[str, Any], use: Use) -> Terms:
    """The score of every quality, for one use: ``terms(…).at(650_000)`` is that of 0.65, in whole numbers.

    Raises ``ValueError`` for an energy that is not above 0, since no energy at all is a fault of the
    measurement and never a win, and for negative tokens. Raises ``SpecError`` for wrong parameters.
    """
    if use.energy_mj <= 0:
        raise ValueError(f"energy must be above 0 mJ, not {use.energy_mj}")
    if use.prompt_tokens < 0 or use.completion_tokens < 0:
        raise ValueError(f"tokens cannot be negative: {use}")
    return _find(policy).terms(parameters=parameters, use=use)


def in_layers(policy: str, entries: Iterable[RankEntry]) -> list[RankEntry]:
    """The entries of a whole board, ready for ``scoring.ranking.rank``.

    Under a policy by layers each is put into the one that it has among those with whom it shares
    ``is_ranked`` and ``reaches_minimum``: whoever stands outside the ranking pushes nobody back. Under any
    other, and one that nobody knows, they come out as they went in.
    """
    known = POLICIES.get(policy)
    if known is None or known.layers is None:
        return list(entries)
    groups: dict[tuple[bool, bool], list[RankEntry]] = defaultdict(list)
    for entry in entries:
        groups[entry.is_ranked, entry.reaches_minimum].append(entry)
    return [
        replace(entry, layer=layer)
        for group in groups.values()
        for entry, layer in zip(
            group,
            known.layers([(millionths(entry.quality), entry.energy_mj) for entry in group]),
            strict=True,
        )
    ]


def _find(policy: str) -> Policy:
    if policy not in POLICIES:
        raise SpecError(field="policy", fix=f"Escribe una de estas políticas: {', '.join(POLICIES)}.")
    return POLICIES[policy]
