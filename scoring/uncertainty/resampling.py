"""The paired bootstrap of a board: each resample takes the same cases for all rows.

Whole numbers throughout. A resampled quality is Σ n·w·g / Σ n·w with grades g in millionths: both sums are
below 2^53, so that a matrix product in doubles is exact, in any order; the quotient is below 2^20 and, as
Σ n·w is below 2^31, its double can be told from a half, so that rounding it half to even is exact too. The
score of a quality comes from the policy's own lines (``scoring.policies.terms``), in integers of 64 bits.

A score is resampled on its row's side of the minimum: on which side a row stands is a rule on the quality
that is published, and an interval across the border would mix two scales.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scoring import policies
from scoring.policies.terms.values import MILLIONTHS, WHOLE_SLOPE, Line, Terms
from scoring.record.recompute import median_mj
from scoring.uncertainty import interval
from scoring.uncertainty.seeded import draws
from scoring.uncertainty.values import BoardRule, RankedRow
from scoring.values import Use

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Positions = npt.NDArray[np.uint16]

ROWS_AT_ONCE = 128  # a block of resampled scores stays in the processor's cache
MOST_ENERGY_MJ = 10**15
MOST_REPETITIONS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What each row has by itself, whoever else is on the board; one entry a row.

    ``deviations`` (rows x cases) and ``spread`` are for ``pairs``: how far each case lies from the row's
    mean, times its weight, in thousandths of a point, and the sum of their squares; ``energy_spread`` is what
    the repetitions add to it, in the same unit.
    """

    score: Whole
    quality: Whole
    energy_mj: Whole
    reaches_minimum: npt.NDArray[np.bool_]
    low: Whole
    high: Whole
    interval: Whole
    deviations: Floats
    spread: Floats
    energy_spread: Floats


class Resampling:
    """The resamples of one rule, drawn once; ``figures`` then works out any rows, alone or together.

    Raises ``ValueError`` for a seed that is none and ``SpecError`` for a policy that cannot work.
    """

    def __init__(self, rule: BoardRule) -> None:
        policies.check_parameters(rule.policy, rule.parameters)
        self.rule = rule
        self.weights = np.array(rule.reduced_weights, dtype=np.int64)
        self.cases = len(self.weights)
        self.whole_weight = int(self.weights.sum())
        counts = _case_counts(rule, self.cases) * self.weights
        self.weighted_counts = counts.T.astype(np.float64)  # cases x resamples
        self.totals = counts.sum(axis=1).astype(np.float64)

    def figures(self, rows: Sequence[RankedRow]) -> Figures:
        """Raises ``ValueError`` for a row that has other cases than the rule, no energy, or a wrong grade."""
        grades = self._checked(rows)
        sides = [
            self._sides(row, int(quality)) for row, quality in zip(rows, self._qualities(grades), strict=True)
        ]
        deviations = self._deviations(grades, sides)
        low, high, kind = self._intervals(grades, sides)
        return Figures(
            score=np.array([side.score for side in sides], dtype=np.int64),
            quality=self._qualities(grades),
            energy_mj=np.array([side.energy_mj for side in sides], dtype=np.int64),
            reaches_minimum=np.array([side.reaches_minimum for side in sides], dtype=np.bool_),
            low=low,
            high=high,
            interval=kind,
            deviations=deviations,
            spread=(deviations * deviations).sum(axis=1),
            energy_spread=np.array([side.energy_spread for side in sides], dtype=np.float64),
        )

    def qualities(self, grades: Whole) -> Whole:
        """Resampled qualities in millionths, rows x resamples, of grades that are rows x cases."""
        sums = grades.astype(np.float64) @ self.weighted_counts
        result: Whole = np.rint(sums / self.totals).astype(np.int64)
        return result

    def _checked(self, rows: Sequence[RankedRow]) -> Whole:
        for row in rows:
            if len(row.grades) != self.cases:
                raise ValueError(f"{row.id}: {len(row.grades)} grades for {self.cases} cases")
            if not 0 < len(row.energies_mj) <= MOST_REPETITIONS:
                raise ValueError(f"{row.id}: it needs energies of 1 to {MOST_REPETITIONS} repetitions")
            if not all(0 < energy <= MOST_ENERGY_MJ for energy in row.energies_mj):
                raise ValueError(f"{row.id}: energies must lie above 0 and up to {MOST_ENERGY_MJ} mJ")
        grades = np.array([row.grades for row in rows], dtype=np.int64).reshape(len(rows), self.cases)
        outside = ((grades < 0) | (grades > MILLIONTHS)).any(axis=1)
        if outside.any():
            raise ValueError(f"{rows[int(outside.argmax())].id}: a grade outside [0, 1]")
        return grades

    def _qualities(self, grades: Whole) -> Whole:
        """Σ w·g / Σ w, half to even: what ``scoring.quality.weighted_mean`` gives."""
        return np.rint((grades @ self.weights) / self.whole_weight).astype(np.int64)

    def _sides(self, row: RankedRow, quality: int) -> _Side:
        energy_mj = median_mj(row.energies_mj)
        terms = self._terms(row, energy_mj)
        reaches, score = terms.at(quality)
        line = _line(terms, reaches)
        if len(set(row.energies_mj)) == 1:
            return _Side(score=score, energy_mj=energy_mj, reaches_minimum=reaches, line=line)
        medians, which = self._resampled_energies(row)
        lines = [_line(self._terms(row, median), reaches) for median in medians]
        worths = [each.at(quality) for each in lines]
        return _Side(
            score=score,
            energy_mj=energy_mj,
            reaches_minimum=reaches,
            line=line,
            lines=lines,
            which=which,
            energy_spread=self._energy_spread(worths, np.bincount(which, minlength=len(lines)).tolist()),
        )

    def _terms(self, row: RankedRow, energy_mj: int) -> Terms:
        use = Use(
            energy_mj=energy_mj, prompt_tokens=row.prompt_tokens, completion_tokens=row.completion_tokens
        )
        return policies.terms(policy=self.rule.policy, parameters=self.rule.parameters, use=use)

    def _resampled_energies(self, row: RankedRow) -> tuple[list[int], Positions]:
        """The medians that resamples of a row's repetitions have, and which of them each resample has.

        Drawn apart from all other rows': the first repetition of one row has nothing in common with that of
        another; and from the sorted energies, so that their order does not matter.
        """
        energies = sorted(row.energies_mj)
        size = len(energies)
        purpose = f"repetitions {hashlib.sha256(row.id.encode()).hexdigest()}"
        drawn = draws(
            seed=self.rule.seed, purpose=purpose, count=self.rule.resamples * size, bound=size
        ).astype(np.uint8)
        places = np.sort(drawn.reshape(self.rule.resamples, size), axis=1)
        middles = places[:, (size - 1) // 2].astype(np.int64) * size + places[:, size // 2]
        found = np.flatnonzero(np.bincount(middles, minlength=size * size))
        position_of = np.zeros(size * size, dtype=np.uint16)
        position_of[found] = np.arange(len(found))
        medians = [
            median_mj([energies[middle // size], energies[middle % size]]) for middle in found.tolist()
        ]
        return medians, position_of[middles]

    def _energy_spread(self, worths: Sequence[int], counts: Sequence[int]) -> float:
        """The variance that energy gives the score, in the unit of ``spread``: whole numbers but for the last
        division.
        """
        resamples = self.rule.resamples
        mean = sum([worth * count for worth, count in zip(worths, counts, strict=True)])
        square = sum([worth * worth * count for worth, count in zip(worths, counts, strict=True)])
        # From (ten-thousandths of a point)² to thousandths, and from a variance to a sum over cases.
        above = (resamples * square - mean * mean) * self.whole_weight**2 * (self.cases - 1)
        return above / (resamples * resamples * 100 * self.cases)

    def _deviations(self, grades: Whole, sides: Sequence[_Side]) -> Floats:
        slopes = np.array([side.line.slope for side in sides], dtype=np.float64)[:, np.newaxis]
        total = (grades @ self.weights)[:, np.newaxis]
        # (grade - quality) times the whole weight, in millionths: whole, and below 2^53.
        away = (grades * self.whole_weight - total).astype(np.float64) / self.whole_weight
        thousandths = np.rint(away * slopes / (WHOLE_SLOPE * 10))
        result: Floats = thousandths * self.weights
        return result

    def _intervals(self, grades: Whole, sides: Sequence[_Side]) -> tuple[Whole, Whole, Whole]:
        parts = []
        acceleration = interval.accelerations(grades=np.ascontiguousarray(grades.T), weights=self.weights)
        scores = np.array([side.score for side in sides], dtype=np.int64)
        for at in range(0, len(sides), ROWS_AT_ONCE):
            block = slice(at, at + ROWS_AT_ONCE)
            resampled = _scores(self.qualities(grades[block]), sides[block])
            parts.append(
                interval.intervals(
                    resampled=resampled, scores=scores[block], acceleration=acceleration[block]
                )
            )
        empty = np.zeros(0, dtype=np.int64)
        low, high, kind = zip(*parts, strict=True) if parts else ((empty,),) * 3
        return np.concatenate(low), np.concatenate(high), np.concatenate(kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """A row's own score, and the line on its side of the minimum.

    Where its energy is resampled, ``lines`` are those of the medians, and ``which`` says each resample's.
    """

    score: int
    energy_mj: int
    reaches_minimum: bool
    line: Line
    lines: Sequence[Line] = ()
    which: Positions | None = None
    energy_spread: float = 0.0


def _scores(qualities: Whole, sides: Sequence[_Side]) -> interval.Scores:
    """Scores in ten-thousandths, half to even; no product passes 10^18."""
    slopes = np.array([side.line.slope for side in sides], dtype=np.int64)[:, np.newaxis]
    starts = np.array([side.line.start for side in sides], dtype=np.int64)[:, np.newaxis]
    if any(side.which is not None for side in sides):
        shape = qualities.shape
        slopes, starts = np.broadcast_to(slopes, shape).copy(), np.broadcast_to(starts, shape).copy()
        for at, side in enumerate(sides):
            if side.which is not None:
                slopes[at] = np.array([line.slope for line in side.lines], dtype=np.int64)[side.which]
                starts[at] = np.array([line.start for line in side.lines], dtype=np.int64)[side.which]
    products = qualities * slopes
    quotients = products // WHOLE_SLOPE
    rests = products - quotients * WHOLE_SLOPE
    half = WHOLE_SLOPE // 2
    quotients += (rests > half) | ((rests == half) & (quotients % 2 == 1))
    return (quotients + starts).astype(np.int32)


def _line(terms: Terms, reaches: bool) -> Line:
    return terms.reached if reaches else terms.below


def _case_counts(rule: BoardRule, cases: int) -> Whole:
    """How often each resample takes each case: resamples x cases."""
    drawn = draws(seed=rule.seed, purpose="cases", count=rule.resamples * cases, bound=cases)
    cells = np.repeat(np.arange(rule.resamples), cases) * cases + drawn
    return np.bincount(cells, minlength=rule.resamples * cases).reshape(rule.resamples, cases)
