"""What a phase's ranked suite can tell apart, for whoever is about to open the phase.

The phase's page in the admin asks for it. The figures are those of ``scoring.uncertainty.power``: at 5 %, in
4 cases of 5. numpy is loaded the first time that somebody asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache

from django.db.models import QuerySet

from challenges.models import Case, Phase, Standing, Suite

TWO = 2
BOARDS = (TWO, 10, 100, 1_000)
# What is asked of a suite, in points of quality from 0 to 1; one that cannot tell the first is warned about.
DIFFERENCES = (Decimal("0.10"), Decimal("0.05"))
# With weights that cost more than a tenth of the cases, evening them out is worth the while.
EVEN_ENOUGH = Decimal("0.9")
# Pairs are compared, so that time grows with the square; more would hardly change the greatest spread.
MOST_BASELINES = 30
ONE = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardPower:
    """The least difference of quality that is found on a board of ``rows``, rounded up; None for nothing.

    ``measured`` is None too where there are no scores to measure a spread from. ``cases_needed`` are the
    fewest cases of equal weight for each of ``DIFFERENCES``, by the measured spread where there is one;
    None where no suite would do.
    """

    rows: int
    worst: Decimal | None
    measured: Decimal | None
    cases_needed: tuple[int | None, ...]

    @property
    def best_known(self) -> Decimal | None:
        return self.worst if self.measured is None else self.measured


@dataclass(frozen=True, slots=True, kw_only=True)
class SuitePower:
    """``baselines`` is how many scores the measured spread comes from; 0 where none was measured."""

    cases: int
    effective_cases: Decimal
    baselines: int
    boards: tuple[BoardPower, ...]

    @property
    def of_two(self) -> BoardPower:
        return self.boards[0]

    @property
    def tells_a_tenth(self) -> bool:
        least = self.of_two.best_known
        return least is not None and least <= DIFFERENCES[0]

    @property
    def has_even_weights(self) -> bool:
        return self.effective_cases >= self.cases * EVEN_ENOUGH


def places_on(suite: Suite) -> QuerySet[Standing]:
    """The best score of each participation in any phase that this suite ranks, the newest first."""
    rows = Standing.objects.filter(
        phase__ranked_suite=suite, score__suite_sha256=suite.sha256, score__case_grades__isnull=False
    )
    return rows.order_by("-score_id")


def of_phase(phase: Phase, places: QuerySet[Standing]) -> SuitePower | None:
    """None for a suite without cases. ``places`` are those of ``places_on`` that the reader may know of."""
    cases = Case.objects.filter(suite=phase.ranked_suite_id).order_by("position")
    weights = list(cases.values_list("weight", flat=True))
    if not weights:
        return None
    grades = places.values_list("score__case_grades", flat=True)[:MOST_BASELINES]
    return _power(weights, [each for each in grades if each is not None and len(each) == len(weights)])


def _power(weights: Sequence[int], baselines: Sequence[Sequence[int]]) -> SuitePower:
    from scoring.uncertainty.power import minimum_detectable

    spread = _spread(baselines)
    found = minimum_detectable(weights=weights)
    return SuitePower(
        cases=found.cases,
        effective_cases=found.effective_cases,
        baselines=0 if spread is None else len(baselines),
        boards=tuple(_board(weights, rows, spread) for rows in BOARDS),
    )


def _board(weights: Sequence[int], rows: int, spread: Decimal | None) -> BoardPower:
    return BoardPower(
        rows=rows,
        worst=_least(weights, rows, None),
        measured=None if spread is None else _least(weights, rows, spread),
        cases_needed=tuple(_cases_for(each, rows, spread) for each in DIFFERENCES),
    )


def _spread(baselines: Sequence[Sequence[int]]) -> Decimal | None:
    """The greatest between two of them, rounded up to two decimals; None where nobody can tell."""
    from scoring.uncertainty.power import spread_of

    if len(baselines) < TWO or len(baselines[0]) < TWO:
        return None
    spread = Decimal(spread_of(baselines)).quantize(Decimal("0.000001"))
    # All of them alike: that says nothing of how much others would differ.
    return spread.quantize(Decimal("0.01"), rounding=ROUND_CEILING) if spread else None


def _least(weights: Sequence[int], rows: int, spread: Decimal | None) -> Decimal | None:
    from scoring.uncertainty.power import minimum_detectable

    found = minimum_detectable(weights=weights, rows=rows, spread=None if spread is None else float(spread))
    return found.difference if found.difference < ONE else None


@lru_cache(maxsize=256)
def _cases_for(difference: Decimal, rows: int, spread: Decimal | None) -> int | None:
    """Kept, because it is a search; that a spread has two decimals makes the same ones come again."""
    from scoring.uncertainty.power import cases_for

    known = None if spread is None else float(spread)
    return cases_for(difference=float(difference), rows=rows, spread=known)
