"""The seam between an evaluation and whatever tells its energy.

The evaluation asks ``best_source`` once, opens a window, runs its cases and closes the window with the
tokens of its calls. A new kind of meter is one more class with ``open``; nothing here knows a backend or a
database.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from scoring.decimals import EXACT_ENOUGH
from scoring.energy.rapl import POWERCAP, Clock, RaplSource, find_packages
from scoring.energy.token_model import DEFAULT_CPU, TokenModel, estimate
from scoring.errors import CounterUnavailable
from scoring.values import EvidenceGrade, Measurement, TokenUse


class EnergyWindow(Protocol):
    """A stretch of time whose energy is asked for."""

    def close(self, calls: Sequence[TokenUse]) -> Measurement:
        """End it, once. ``calls`` are all that the backend answered in it, those of failed cases included.

        Where the source is resumable they are those of the whole evaluation, from before an interruption too.
        Raises ``MeasurementVoid`` where the figure cannot be trusted: the window must be run again.
        """


class EnergySource(Protocol):
    """Opens windows. ``resumable`` False: an interrupted window is void, its repetition runs again whole."""

    @property
    def name(self) -> str: ...
    @property
    def grade(self) -> EvidenceGrade: ...
    @property
    def resumable(self) -> bool: ...
    @property
    def reason(self) -> str:
        """Why this source and no better one, a sentence in Spanish."""

    def open(self) -> EnergyWindow: ...


def coefficients_of(model: TokenModel, *, calibration_sha256: str = "") -> dict[str, Any]:
    """A token model as plain JSON values, decimals as text: what is stored beside each figure of it."""
    return {
        "version": model.version,
        **{f"c{number}": f"{value:f}" for number, value in enumerate(model.coefficients)},
        "source": model.source,
        "grade": model.grade.value,
        "range": model.range and asdict(model.range),
        "calibration_sha256": calibration_sha256,
    }


@dataclass(frozen=True, slots=True)
class TokenModelWindow:
    """A window whose energy comes from the tokens; the clock only tells how long it took."""

    model: TokenModel
    clock: Clock
    opened_ns: int
    calibration_sha256: str = ""

    def close(self, calls: Sequence[TokenUse]) -> Measurement:
        elapsed_ns = Decimal(self.clock() - self.opened_ns)
        seconds = EXACT_ENOUGH.copy().divide(elapsed_ns, Decimal(10**9))
        coefficients = coefficients_of(self.model, calibration_sha256=self.calibration_sha256)
        estimated = estimate(self.model, calls, seconds=seconds)
        return replace(estimated, evidence={"coefficients": coefficients})


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenModelSource:
    """An ``EnergySource`` that needs no counter; calls from before an interruption count like any other."""

    reason: str
    model: TokenModel = DEFAULT_CPU
    clock: Clock = time.monotonic_ns
    name: str = "token-model"
    resumable: bool = True
    calibration_sha256: str = ""

    @property
    def grade(self) -> EvidenceGrade:
        return self.model.grade

    def open(self) -> TokenModelWindow:
        return TokenModelWindow(self.model, self.clock, self.clock(), self.calibration_sha256)


def best_source(*, rapl_root: Path = POWERCAP) -> EnergySource:
    """The processor's counter where it can be read, else the token model with its default coefficients."""
    try:
        packages = find_packages(rapl_root)
    except CounterUnavailable as error:
        return TokenModelSource(
            reason=f"{error.reason} La energía se estima a partir de los tokens, sin medirla."
        )
    names = ", ".join(package.name for package in packages)
    return RaplSource(
        packages=packages,
        reason=f"Se lee el contador RAPL del procesador ({names}), con los demás procesos incluidos.",
    )
