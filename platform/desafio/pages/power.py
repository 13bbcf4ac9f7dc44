"""The power of the windows behind a measured figure: which one is drawn, its curve, and the same in a table.

``submissions`` asks it for a submission's page and for the figures that static/power-chart.js draws. Of a
case it tells the position alone, whoever asks and whichever suite it is of.
"""

from __future__ import annotations

from dataclasses import dataclass

from challenges import energy_account, energy_words, power_curve, sealing
from challenges.energy_account import Account
from challenges.models import Measurement
from challenges.power_curve import Curve, CurveUnavailable
from scoring.record.errors import StoreError


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One repetition that counts. ``number`` is as people count, from 1; ``is_the_median`` says that its
    energy is the figure."""

    number: int
    measurement: Measurement
    power_mw: int | None
    flag_words: list[str]
    is_the_median: bool
    is_shown: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """All windows, and the curve of the one that was asked for.

    ``curve`` is None where no edges were kept (``was_drawn`` False), or where they cannot be read any more.
    """

    windows: list[Window]
    shown: Window
    was_drawn: bool
    curve: Curve | None


def of(account: Account | None, *, asked: str = "") -> Power | None:
    """None for a figure that no counter told: nothing was measured, so there is nothing to draw.

    ``asked`` is the number of a window; whatever else it is, the one whose energy is the figure is shown.
    """
    if account is None or not account.is_counted:
        return None
    median = account.windows.index(account.median)
    chosen = int(asked) - 1 if asked.isascii() and asked.isdecimal() and len(asked) < 6 else median
    if not 0 <= chosen < len(account.windows):
        chosen = median
    windows = [
        Window(
            number=index + 1,
            measurement=row,
            power_mw=_mean_mw(row),
            flag_words=energy_words.of_flags(row.flags),
            is_the_median=row.energy_mj == account.energy_mj,
            is_shown=index == chosen,
        )
        for index, row in enumerate(account.windows)
    ]
    shown = windows[chosen]
    return Power(
        windows=windows,
        shown=shown,
        was_drawn=energy_account.can_be_drawn(shown.measurement),
        curve=curve_of(shown.measurement),
    )


def curve_of(row: Measurement) -> Curve | None:
    """None where its edges were never kept, are gone from the disk, or do not make a curve."""
    if not energy_account.can_be_drawn(row):
        return None
    try:
        edges = sealing.evidence_store().read(row.evidence["edges_sha256"])
        return power_curve.curve(edges, row.evidence)
    except (StoreError, CurveUnavailable, ValueError):
        return None


def _mean_mw(row: Measurement) -> int | None:
    # mJ in a second are mW.
    return round(row.energy_mj / row.seconds) if row.seconds else None
