"""Scores that are held because their energy stands out: what an organizer decides, and what speaks for it.

``standings.record`` holds them. The admin calls ``decide`` and shows ``evidence``, pages and API tell the
author what ``told`` gives, and the ranking's file lists ``reviewed``. A decision is never changed: a later
one takes its place, and all of them stay to be seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from challenges import calibrated, energy_words, figure, sealing, standings
from challenges.errors import ContestError
from challenges.merit import NOBODY_YET, last_of
from challenges.models import Person, Phase, Review, ReviewDecision, Score, Verdict
from challenges.models.immutable import AppendOnlyQuerySet
from scoring.energy import outliers
from scoring.energy.calibration import Prediction
from scoring.values import TokenUse

# Organizers who may decide have it; it comes with no role of the jury.
RIGHT = "challenges.add_reviewdecision"
LONGEST_REASON = 300
# What a held score is called, by its last verdict: shown to its author, organizers and judges alike.
STATUS_WORDS = {NOBODY_YET: _("en revisión"), **dict(Verdict.choices)}


class DecisionRefused(ContestError):
    """Nothing was decided. ``code`` says why."""

    def __init__(
        self, *, code: Literal["not_allowed", "own_score", "reason_missing", "reason_too_long"]
    ) -> None:
        super().__init__(f"decision refused: {code}")
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the author of a held score is told. ``verdict`` is ``NOBODY_YET`` while it waits.

    ``why`` is the organizer's reason, as written; who decided stays with the organization.
    """

    verdict: str
    since: datetime
    flags: tuple[str, ...]
    flag_words: list[str]
    decided_at: datetime | None = None
    why: str = ""

    @property
    def is_waiting(self) -> bool:
        return self.verdict == NOBODY_YET

    @property
    def counts(self) -> bool:
        return self.verdict == Verdict.ACCEPTED

    @property
    def status(self) -> str:
        return str(STATUS_WORDS[self.verdict])


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One repetition that the figure is the median of, beside what it is held against.

    ``witness_mj`` is the part of the second witness that looked at the same hardware, if it saw any.
    ``from_median`` and ``from_witness`` are by how much of the other figure this window lies above it.
    """

    repetition: int
    energy_mj: int
    seconds: Decimal
    witness_mj: int | None
    from_median: Decimal | None
    from_witness: Decimal | None
    stands_out: bool
    flag_words: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """``expected`` is what the token model that is set up now says of the answers that were graded.

    None where there is none that holds for so many calls at a time. The one that held the score may have been
    another: ``calibration_sha256`` names it.
    """

    windows: list[Window]
    expected: Prediction | None = None
    calibration_sha256: str = ""


def decide(review: Review, verdict: Verdict, person: Person, reason: str) -> ReviewDecision:
    """Let a held score count, or not, from now on; the board follows in the same transaction.

    A decision may be taken back by a later one. The very same one again writes nothing and gives the first.
    Raises DecisionRefused: without the right, about one's own score, without a reason (the author reads it),
    or for one of more than ``LONGEST_REASON`` characters. Locks the phase's Leaderboard row until commit;
    the board is announced after it.
    """
    tidy = " ".join(reason.split())
    score = Score.objects.select_related("phase", "participation").get(pk=review.score_id)
    _check_may_decide(person, score)
    if not tidy:
        raise DecisionRefused(code="reason_missing")
    if len(tidy) > LONGEST_REASON:
        raise DecisionRefused(code="reason_too_long")
    with transaction.atomic():
        standings.lock_board(score.phase)
        # Asked anew under the lock, whatever came with the review.
        last = review.decisions.order_by("-pk").first()
        if last and (last.verdict, last.reason, last.person_id) == (verdict, tidy, person.pk):
            return last
        decision = ReviewDecision.objects.create(review=review, verdict=verdict, person=person, reason=tidy)
        standings.renew_place(score.phase, participation_id=score.participation_id)
    return decision


def may_decide(person: Person) -> bool:
    return person.is_active and person.has_perm(RIGHT)


def told(score: Score) -> Told | None:
    """None for a score that was never held. No query where review and decisions came with the score."""
    review: Review | None = getattr(score, "review", None)
    if review is None:
        return None
    last = last_of(review)
    return Told(
        verdict=last.verdict if last else NOBODY_YET,
        since=review.created_at,
        flags=tuple(review.flags),
        flag_words=energy_words.of_flags(review.flags),
        decided_at=last.decided_at if last else None,
        why=last.reason if last else "",
    )


def reviewed(phase: Phase) -> AppendOnlyQuerySet[Score]:
    """The phase's scores that are held or were, the first one first, with review, decisions and deciders."""
    rows = Score.objects.filter(phase=phase, review__isnull=False).order_by("pk")
    return rows.select_related("review", "participation__person").prefetch_related(
        "review__decisions__person"
    )


def evidence(score: Score) -> Evidence:
    """What an organizer looks at to decide: each repetition, the second witness, and the token model."""
    measured = list(figure.windows(score.evaluation))
    wild = outliers.unlike_the_others([row.energy_mj for row in measured])
    windows = [
        Window(
            repetition=row.repetition,
            energy_mj=row.energy_mj,
            seconds=row.seconds,
            witness_mj=(part_mj := figure.witness_mj(row)),
            from_median=_more_than(score.energy_mj, row.energy_mj),
            from_witness=_more_than(part_mj, row.energy_mj),
            stands_out=place in wild,
            flag_words=energy_words.of_flags(row.flags),
        )
        for place, row in enumerate(measured)
    ]
    found = calibrated.current_or_none()
    expected = calibrated.expected_of(_calls(score), in_flight=score.phase.concurrency)
    return Evidence(
        windows=windows,
        expected=expected,
        calibration_sha256=found.sha256 if found and expected else "",
    )


def _check_may_decide(person: Person, score: Score) -> None:
    if not may_decide(person):
        raise DecisionRefused(code="not_allowed")
    if score.participation.person_id == person.pk:
        raise DecisionRefused(code="own_score")


def _more_than(other_mj: int | None, energy_mj: int) -> Decimal | None:
    return Decimal(energy_mj) / Decimal(other_mj) - 1 if other_mj else None


def _calls(score: Score) -> list[TokenUse]:
    """The calls of the repetition whose answers were graded; another repetition asks the same."""
    suite = sealing.suite_of(score.phase, score.suite_sha256)
    return figure.calls_of(score.evaluation_id, repetition=score.evaluation.series, suite=suite)
