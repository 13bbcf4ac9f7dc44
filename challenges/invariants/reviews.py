"""A score that is held for review has no standing until it is accepted; what had to be held is."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import F

from challenges.invariants.findings import ROWS_AT_ONCE, Broken, Check
from challenges.merit import reviews
from challenges.models import Measurement, Review, Standing, Verdict
from scoring.energy.flags import for_review


def no_standing_of_what_is_held() -> Iterator[Broken]:
    kept_out = reviews().exclude(verdict=Verdict.ACCEPTED)
    rows = Standing.objects.filter(score__review__in=kept_out).order_by("pk")
    for phase_id, participation_id, score_id in rows.values_list(
        "phase_id", "participation_id", "score_id"
    ).iterator(chunk_size=ROWS_AT_ONCE):
        yield Broken(
            rule="review-standing",
            row=f"participation {participation_id} in phase {phase_id}",
            what=f"score {score_id} stands, but its review keeps it out",
        )


def flagged_are_held() -> Iterator[Broken]:
    """A phase without any review may be from before there were reviews."""
    begun = set(Review.objects.values_list("score__phase_id", flat=True).distinct())
    rows = (
        Measurement.objects.filter(
            is_ranked=True,
            repetition__gte=F("evaluation__series"),
            repetition__lte=F("evaluation__repetition"),
            evaluation__score__isnull=False,
            evaluation__score__review=None,
        )
        .exclude(flags=[])
        .order_by("pk")
        .values_list("evaluation__score", "evaluation__score__phase_id", "repetition", "flags")
    )
    for score_id, phase_id, repetition, flags in rows.iterator(chunk_size=ROWS_AT_ONCE):
        if found := for_review(flags):
            yield Broken(
                rule="review-flags",
                row=f"score {score_id}",
                what=f"repetition {repetition} has {', '.join(found)}, and it is not held for review",
                is_certain=phase_id in begun,
            )


CHECKS = (
    Check(rules=("review-standing",), walk=no_standing_of_what_is_held),
    Check(rules=("review-flags",), walk=flagged_are_held),
)
