"""Whether an energy figure stands out: beside the token model, its own repetitions, the second witness.

Nothing here judges. What stands out is flagged, and an organizer looks at it before it counts
(``flags.FOR_REVIEW``); the figure itself never changes. All comparisons are of whole numbers, so that they
come out alike everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from statistics import median

from scoring.energy.calibration import Prediction
from scoring.energy.flags import Flag

# Iglewicz and Hoaglin, How to Detect and Handle Outliers (1993), as in the NIST/SEMATECH e-Handbook
# 1.3.5.17: |0.6745 · (x − median) / MAD| > 3.5.
MAD_OF_NORMAL = Fraction(6745, 10_000)
LARGEST_Z = Fraction(35, 10)
# Repetitions that agree to the millijoule would make an outlier of the next one. What is nearer than this
# does not part two scores either.
NEVER_OUTLIES = Fraction(1, 100)
FEWEST_REPETITIONS = 3
WITNESS_TOLERANCE = Fraction(1, 10)


def look(
    *,
    energy_mj: int,
    prediction: Prediction | None = None,
    repetitions_mj: Sequence[int] = (),
    witness_mj: int | None = None,
) -> tuple[str, ...]:
    """The flags of a figure beside whatever there is to hold it against, sorted.

    ``prediction`` is what the calibrated model expects of the same calls; ``repetitions_mj`` are those that
    the figure is the median of; ``witness_mj`` is the part of the witness that counts the same hardware.
    """
    flags = {
        *beside_model(energy_mj, prediction),
        *((Flag.UNLIKE_REPETITIONS,) if unlike_the_others(repetitions_mj) else ()),
        *beside_witness(energy_mj, witness_mj),
    }
    return tuple(sorted(flag.value for flag in flags))


def beside_model(energy_mj: int, prediction: Prediction | None) -> tuple[Flag, ...]:
    """``unlike-token-model`` outside the model's 95 % interval, both ends within.

    Where a call was out of the calibrated range the interval claims nothing, and the flag says only that.
    """
    if prediction is None:
        return ()
    if not prediction.in_range:
        return (Flag.OUT_OF_RANGE,)
    is_inside = prediction.low_mj <= energy_mj <= prediction.high_mj
    return () if is_inside else (Flag.UNLIKE_TOKEN_MODEL,)


def unlike_the_others(repetitions_mj: Sequence[int]) -> tuple[int, ...]:
    """The places (from 0) of the repetitions that stand out from their median.

    By the median absolute deviation, which one or two wild repetitions do not move; and by more than 1 % of
    the median. Of fewer than three nobody can tell which one is wild: none is.
    """
    if len(repetitions_mj) < FEWEST_REPETITIONS:
        return ()
    exact = [Fraction(energy_mj) for energy_mj in repetitions_mj]
    middle = median(exact)
    deviations = [abs(energy_mj - middle) for energy_mj in exact]
    deviation = median(deviations)
    return tuple(
        place
        for place, own in enumerate(deviations)
        if own > NEVER_OUTLIES * middle and MAD_OF_NORMAL * own > LARGEST_Z * deviation
    )


def beside_witness(energy_mj: int, witness_mj: int | None) -> tuple[Flag, ...]:
    """``unlike-witness`` where they are more than 10 % of ours apart; without its figure there is no flag."""
    if witness_mj is None or abs(witness_mj - energy_mj) <= WITNESS_TOLERANCE * energy_mj:
        return ()
    return (Flag.UNLIKE_WITNESS,)
