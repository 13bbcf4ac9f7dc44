"""Standings are what the scores make them, and the board is the same bytes however often it is built."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby

from challenges import board
from challenges.invariants.findings import Broken, Check
from challenges.merit import best, scores_in_force
from challenges.models import Leaderboard, Phase, ReviewDecision, Score, Standing

# Score, scored attempts, last change: what a standing says.
Place = tuple[int, int, datetime]


def standings() -> Iterator[Broken]:
    for phase in Phase.objects.order_by("pk").iterator():
        stored: dict[int, Place] = {
            participation_id: (score_id, attempts, updated_at)
            for participation_id, score_id, attempts, updated_at in Standing.objects.filter(
                phase=phase
            ).values_list("participation_id", "score_id", "attempts", "updated_at")
        }
        for participation_id, due in _places(phase):
            has = stored.pop(participation_id, None)
            if has != due:
                row = f"participation {participation_id} in phase {phase.pk}"
                yield Broken(rule="standings", row=row, what=f"{_shown(has)}; made again it is {_shown(due)}")
        for participation_id, has in stored.items():
            row = f"participation {participation_id} in phase {phase.pk}"
            yield Broken(rule="standings", row=row, what=f"{_shown(has)}, but no score is in force")


def _places(phase: Phase) -> Iterator[tuple[int, Place]]:
    """One participation's scores at a time, as ``standings`` derives its row from them."""
    scores = scores_in_force(phase).order_by("participation_id").defer("policy_parameters")
    for participation_id, group in groupby(
        scores.iterator(chunk_size=500), key=lambda score: score.participation_id
    ):
        theirs = list(group)
        yield (
            participation_id,
            (best(theirs).pk, len(theirs), max(score.created_at for score in theirs)),
        )


def _shown(place: Place | None) -> str:
    if place is None:
        return "no standing"
    score_id, attempts, updated_at = place
    return f"score {score_id}, {attempts} attempts, changed {updated_at.isoformat()}"


def boards() -> Iterator[Broken]:
    rule = "board"
    for phase in Phase.objects.select_related("challenge").order_by("pk").iterator():
        row = f"phase {phase.pk}"
        leaderboard = Leaderboard.objects.filter(phase=phase).first()
        if leaderboard is None:
            if Standing.objects.filter(phase=phase).exists():
                yield Broken(rule=rule, row=row, what="it has standings, but its board has no version")
            continue
        scores = Score.objects.filter(phase=phase).count()
        decisions = ReviewDecision.objects.filter(review__score__phase=phase).count()
        if leaderboard.version < scores + decisions:
            what = f"version {leaderboard.version} after {scores} scores and {decisions} decisions"
            yield Broken(rule=rule, row=row, what=what)
        for restricted in (False, True):
            bodies = [board.build(phase, restricted=restricted).body for _time in range(3)]
            # Once they may change by right: the phase opens, freezes or closes in this very moment.
            if bodies[0] != bodies[1] != bodies[2]:
                yield Broken(rule=rule, row=row, what="built again it gives other bytes each time")


CHECKS = (
    Check(rules=("standings",), walk=standings),
    Check(rules=("board",), walk=boards),
)
