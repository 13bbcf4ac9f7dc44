"""What stands behind the energy of a score, as the API tells it: repetitions, interval, reference, witness.

``report`` puts it into a submission's detail. Energies are whole mJ, per cents decimals as text.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from challenges import energy_account
from challenges.drift import Drift
from challenges.energy_account import Account, Reference
from challenges.models import Evaluation, Measurement, State

PERCENT_DECIMALS = 4


def measurement(evaluation: Evaluation) -> dict[str, Any] | None:
    """None before there is a score. ``seconds`` are of all repetitions together."""
    account = energy_account.of(evaluation) if evaluation.state == State.SCORED else None
    if account is None:
        return None
    return {
        "energy_mj": account.energy_mj,
        "seconds": f"{sum(window.seconds for window in account.windows):.3f}",
        "evidence_grade": account.grade.value,
        "source": account.median.source,
        "flags": account.flags,
        "witness_mj": account.witness_mj,
        "co2_mg": account.co2_mg,
        "interval": _interval(account),
        "spread_percent": _percent(account.spread_percent),
        "repetitions": _repetitions(account),
        "reference": account.reference and _reference(account.reference),
    }


def _interval(account: Account) -> dict[str, Any] | None:
    """Of the repetitions and the counter; for a calibrated figure that of prediction, which has no parts."""
    found, predicted = account.interval, account.predicted
    if found is not None:
        parts = {"repetitions_mj": found.repetitions_mj, "counter_mj": found.counter_mj}
        return {"low_mj": found.low_mj, "high_mj": found.high_mj, **parts}
    if predicted is not None:
        parts = {"repetitions_mj": None, "counter_mj": None}
        return {"low_mj": predicted.low_mj, "high_mj": predicted.high_mj, **parts}
    return None


def _repetitions(account: Account) -> list[dict[str, Any]]:
    return [_window(number, window) for number, window in enumerate(account.windows, start=1)]


def _window(number: int, window: Measurement) -> dict[str, Any]:
    return {
        "number": number,
        "energy_mj": window.energy_mj,
        "seconds": f"{window.seconds:.3f}",
        "flags": window.flags,
    }


def _reference(found: Reference) -> dict[str, Any]:
    return {
        "runs": [_run(each) for each in found.runs],
        "between_percent": _percent(found.between_percent),
    }


def _run(each: Drift) -> dict[str, Any]:
    return {
        "place": each.run.place,
        "measured_at": each.run.created_at,
        "energy_mj": each.run.energy_mj,
        "passes": each.run.passes,
        "is_baseline": each.is_baseline,
        "drift_percent": _percent(each.percent),
        "idle_mw": each.idle_mw,
    }


def _percent(value: Fraction | None) -> str | None:
    if value is None:
        return None
    return f"{round(value * 10**PERCENT_DECIMALS) / 10**PERCENT_DECIMALS:.{PERCENT_DECIMALS}f}"
