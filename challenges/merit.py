"""Which scores count, and which of a participation's stands for it: one rule for all who ask.

A score that is held for review counts once the last decision about it says so, and not before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from challenges.models import Phase, Review, ReviewDecision, Score, State, Verdict
from challenges.models.immutable import AppendOnlyQuerySet

# The verdict of a review that waits.
NOBODY_YET = ""


def scores_in_force(phase: Phase) -> AppendOnlyQuerySet[Score]:
    """All scores of the phase but those that a rejudging replaced, and those that a review keeps out."""
    # Asked of each score by itself: hardly any has a review, and often only one participation's are read.
    return not_replaced(phase).filter(~is_kept_out())


def not_replaced(phase: Phase) -> AppendOnlyQuerySet[Score]:
    """All scores of the phase but those that a rejudging replaced, whether or not they count yet."""
    return Score.objects.filter(phase=phase).exclude(evaluation__state=State.SUPERSEDED)


def is_kept_out(*, at: datetime | None = None) -> Exists:
    """Whether a score's review keeps it out: nobody has decided, or the last decision was against it.

    For the column ``pk`` of scores. With ``at``, by what had been decided before that moment.
    """
    return Exists(reviews(at=at).filter(score=OuterRef("pk")).exclude(verdict=Verdict.ACCEPTED))


def reviews(*, at: datetime | None = None) -> QuerySet[Any]:
    """All reviews with their last ``verdict``, ``NOBODY_YET`` where there is none."""
    return Review.objects.annotate(verdict=last_verdict(at=at))


def last_verdict(*, at: datetime | None = None) -> Coalesce:
    """The same, for a column of reviews."""
    decisions = ReviewDecision.objects.filter(review=OuterRef("pk"))
    if at is not None:
        decisions = decisions.filter(decided_at__lt=at)
    # By their keys: decisions of one phase are written one after the other, under the lock of its board.
    last = Subquery(decisions.order_by("-pk").values("verdict")[:1])
    return Coalesce(last, Value(NOBODY_YET))


def last_of(review: Review) -> ReviewDecision | None:
    """The decision that holds, of a review whose decisions were read with it; else it takes a query."""
    return max(review.decisions.all(), key=lambda decision: decision.pk, default=None)


def verdict_of(review: Review) -> str:
    """As ``last_verdict``, of one review at hand."""
    last = last_of(review)
    return last.verdict if last else NOBODY_YET


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
