"""Which of a participation's scores stands for it: one rule, for standings and frozen boards."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from challenges.models import Phase, Score, State
from challenges.models.immutable import AppendOnlyQuerySet


def scores_in_force(phase: Phase) -> AppendOnlyQuerySet[Score]:
    """All scores of the phase but those that a rejudging replaced."""
    return Score.objects.filter(phase=phase).exclude(evaluation__state=State.SUPERSEDED)


def best(scores: Iterable[Score]) -> Score:
    """Ranked evidence first, then whoever reaches the minimum, then value; of equal ones the earlier."""
    return min(scores, key=_merit)


def by_participation(scores: Iterable[Score]) -> dict[int, list[Score]]:
    grouped: dict[int, list[Score]] = defaultdict(list)
    for score in scores:
        grouped[score.participation_id].append(score)
    return grouped


def _merit(score: Score) -> tuple[bool, bool, Decimal, datetime, int]:
    return (not score.is_ranked, not score.reaches_minimum, -score.value, score.created_at, score.pk)
