"""How far two runs of the reference workload are apart: one formula for worker, pages and auditors."""

from __future__ import annotations

from fractions import Fraction
from typing import Protocol


class Counted(Protocol):
    """The energy of some whole passes; a row and a record have it alike."""

    @property
    def energy_mj(self) -> int: ...
    @property
    def passes(self) -> int: ...


def energy_of_a_pass(run: Counted) -> Fraction:
    """In mJ, exact."""
    return Fraction(run.energy_mj, run.passes)


def drift_of(run: Counted, base: Counted) -> Fraction:
    """By how much a pass of ``run`` needed more energy than one of ``base``, exact; 1/50 is 2 % more.

    Raises ``ValueError`` for a base without energy, beside which everything is infinitely more.
    """
    if base.energy_mj == 0:
        raise ValueError("drift from a base without energy")
    return energy_of_a_pass(run) / energy_of_a_pass(base) - 1
