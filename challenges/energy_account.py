"""The account of an energy figure: its windows, its interval, and the reference workload around them.

Pages and API ask it, each tells it in its own words. Read only; of cases it knows nothing. Which windows
count is ``figure``'s to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from challenges import calibrated, drift, figure
from challenges.drift import Drift
from challenges.models import Evaluation, Measurement, ReferenceRun
from scoring.energy.calibration import Prediction, predict
from scoring.energy.interval import Interval, interval_of, spread_percent
from scoring.energy.token_model import MODEL_GRADES
from scoring.record.recompute import median_mj
from scoring.values import EvidenceGrade


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The reference workload around the repetitions, in the order of its runs.

    ``between_percent`` is what the last run after them drew more than the last before; None where one is
    missing.
    """

    runs: tuple[Drift, ...]
    between_percent: Fraction | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """``windows`` are the measurements that count, in their order: one, unless a counter told them.

    ``interval`` and ``spread_percent`` are None for a figure that no counter told. ``predicted`` is what the
    calibration behind a figure of grade D says of such calls; None for any other, and where the calibration
    that made the figure is no longer the one in use.
    """

    windows: tuple[Measurement, ...]
    is_counted: bool
    interval: Interval | None
    predicted: Prediction | None
    spread_percent: Fraction | None
    reference: Reference | None

    @property
    def energy_mj(self) -> int:
        return figure.of_windows(self.windows).energy_mj

    @property
    def grade(self) -> EvidenceGrade:
        """The weakest of its windows', as the score tells it."""
        return figure.of_windows(self.windows).grade

    @property
    def median(self) -> Measurement:
        """The window whose energy is the figure, or the first that is nearest to it."""
        energy_mj = self.energy_mj
        return min(self.windows, key=lambda window: abs(window.energy_mj - energy_mj))

    @property
    def flags(self) -> list[str]:
        """All that was said against any of them."""
        return sorted({flag for window in self.windows for flag in window.flags})

    @property
    def witness_mj(self) -> int | None:
        """As the figure: the median of what the witness told."""
        return _median([window.witness_mj for window in self.windows])

    @property
    def co2_mg(self) -> int | None:
        return _median([window.co2_mg for window in self.windows])


def of(evaluation: Evaluation) -> Account | None:
    """None where nothing was measured.

    One query for an estimate, two for a calibrated figure, four for what a counter told; three more for an
    estimate with a reference workload.
    """
    windows = tuple(figure.windows(evaluation))
    if not windows:
        return None
    is_counted = all(was_counted(window) for window in windows)
    energies_mj = [window.energy_mj for window in windows]
    uncertainties_mj = [window.evidence.get("uncertainty_mj", 0) for window in windows]
    return Account(
        windows=windows,
        is_counted=is_counted,
        interval=interval_of(energies_mj, uncertainties_mj) if is_counted else None,
        predicted=None if is_counted else _predicted(evaluation, windows[0]),
        spread_percent=spread_percent(energies_mj) if is_counted else None,
        reference=_reference(evaluation) if windows[0].evidence.get("protocol") or is_counted else None,
    )


def was_counted(window: Measurement) -> bool:
    """Whether a counter told it, and no model of tokens."""
    return can_be_drawn(window) or window.evidence_grade not in MODEL_GRADES


def can_be_drawn(window: Measurement) -> bool:
    """Whether the counter's edges were kept: only a meter gives them."""
    return bool(window.evidence.get("edges_sha256"))


def _predicted(evaluation: Evaluation, window: Measurement) -> Prediction | None:
    named = (window.evidence.get("coefficients") or {}).get("calibration_sha256")
    found = calibrated.current_or_none() if named else None
    if found is None or found.sha256 != named:
        return None
    suite = evaluation.submission.phase.ranked_suite
    uses = figure.calls_of(evaluation.pk, repetition=window.repetition, suite=suite)
    prediction = predict(found.calibration, uses)
    return prediction if prediction.energy_mj == window.energy_mj else None


def _reference(evaluation: Evaluation) -> Reference | None:
    around = evaluation.reference_runs.filter(series=evaluation.series).order_by("created_at", "pk")
    runs = drift.of_series(list(around))
    if not runs:
        return None
    last = {each.run.place: each.run for each in runs}
    before, after = (last.get(place) for place in ReferenceRun.Place)
    return Reference(
        runs=tuple(runs),
        between_percent=drift.percent(after, before) if before and after else None,
    )


def _median(values: Sequence[int | None]) -> int | None:
    told = [value for value in values if value is not None]
    return median_mj(told) if told else None
