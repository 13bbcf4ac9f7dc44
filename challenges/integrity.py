"""The rules of ``scoring.integrity`` over the rows: what holds a score, and what organizers look at.

``judging`` asks ``review_flags`` once for each score. The admin shows ``findings``, worked out anew whenever
somebody looks, so that no row tells private cases; ``near_duplicates`` takes seconds and never runs in a
worker. Nothing here takes a score away: an organizer decides (``reviewing``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from django.db import transaction

from challenges import dispatch, reviewing, standings
from challenges.errors import ContestError
from challenges.models import (
    Case,
    Challenge,
    Evaluation,
    Person,
    Phase,
    Review,
    Run,
    Score,
    Submission,
    Suite,
)
from challenges.models import Visibility as Seen
from scoring.integrity import FLAG, canaries, watch
from scoring.integrity.near_duplicates import THRESHOLD, Pair, Prompt, find
from scoring.integrity.values import Background, Finding, PrivateCase, texts_of
from scoring.integrity.watch import Watched

# Of a grader's options those that hold what is right; the others may hold wrong answers too.
RIGHT_ANSWERS = ("accept", "expected")


class HoldRefused(ContestError):
    """Nothing was held. ``code`` says why."""

    def __init__(self, *, code: Literal["not_allowed", "own_score", "frozen"]) -> None:
        super().__init__(f"hold refused: {code}")
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """What stands beside a private case where its file is kept."""

    key: str
    text: str


def review_flags(evaluation: Evaluation, phase: Phase) -> tuple[str, ...]:
    """Why an organizer has to look at the submission before its score counts; mostly nothing.

    One flag for all findings, whatever and however many: see docs/integrity.md on guessing.
    """
    return (FLAG,) if findings(evaluation, phase) else ()


def findings(evaluation: Evaluation, phase: Phase) -> tuple[Finding, ...]:
    """What the rules say of an evaluation that has its answers. For organizers: it may tell private cases."""
    public, private = _answers(evaluation)
    watched = Watched(
        prompt=prompt_text(evaluation.submission), public_answers=public, private_answers=private
    )
    return watch.look(watched, _private_cases(phase.ranked_suite), background_of(phase.challenge))


def canaries_of(suite: Suite) -> list[Canary]:
    """Of a private suite; none of a public one, whose file anybody may have."""
    return [Canary(key=case.key, text=case.canary) for case in _private_cases(suite)]


def near_duplicates(
    phase: Phase,
    *,
    most: int | None = None,
    examples: Sequence[str] = (),
    threshold: Fraction = THRESHOLD,
) -> list[Pair]:
    """Prompts of different participations that are nearly the same, the most alike first.

    ``most`` takes only that many of the newest; ``examples`` are prompts that everybody was given.
    """
    rows = Submission.objects.filter(phase=phase).order_by("-created_at", "-pk")
    newest = list(rows[:most] if most else rows)
    prompts = [
        Prompt(id=str(each.pk), owner=each.participation_id, text=prompt_text(each))
        for each in reversed(newest)
    ]
    background = (*background_of(phase.challenge).texts, *examples)
    return find(prompts, background=background, threshold=threshold)


def hold(score: Score, person: Person) -> Review:
    """Set a score that counts aside until somebody decides about it; one that was held stays as it is.

    Raises HoldRefused: without the right to decide, about one's own score, or while the board is frozen, for
    what it shows would change. Locks the phase's Leaderboard row until commit; the board is announced after.
    """
    if not reviewing.may_decide(person):
        raise HoldRefused(code="not_allowed")
    if score.participation.person_id == person.pk:
        raise HoldRefused(code="own_score")
    with transaction.atomic():
        standings.lock_board(score.phase)
        if score.phase.is_frozen(dispatch.now()):
            raise HoldRefused(code="frozen")
        review, is_new = Review.objects.get_or_create(score=score, defaults={"flags": [FLAG]})
        if is_new:
            standings.renew_place(score.phase, participation_id=score.participation_id)
    return review


def prompt_text(submission: Submission) -> str:
    """Every text of what was handed in, whatever its kind; without its numbers."""
    return "\n\n".join(_prose(submission.content))


def background_of(challenge: Challenge) -> Background:
    """What everybody may know and quote of a challenge: its statement, and all that is in a public case."""
    texts = [challenge.title, challenge.summary, challenge.statement]
    for slots in challenge.suites.values_list("slots", flat=True):
        texts += texts_of(slots)
    rows = Case.objects.filter(suite__challenge=challenge, suite__visibility=Seen.PUBLIC)
    for case in rows.order_by("suite", "position"):
        texts += [*texts_of(case.inputs), *texts_of(case.expected), *texts_of(case.grader)]
    # Versions of a suite share most cases, and each text needs looking at once.
    return Background(texts=tuple(dict.fromkeys(texts)))


def _private_cases(suite: Suite) -> list[PrivateCase]:
    if suite.visibility == Seen.PUBLIC:
        return []
    return [
        PrivateCase(
            key=case.key,
            inputs=tuple(texts_of(case.inputs)),
            answers=tuple(dict.fromkeys(_right_answers(case))),
            canary=canaries.canary(suite.salt, case.key),
        )
        for case in suite.cases.order_by("position")
    ]


def _right_answers(case: Case) -> Iterator[str]:
    yield from texts_of(case.expected)
    for name in RIGHT_ANSWERS:
        yield from texts_of(case.grader.get(name))
    options = case.grader.get("options")
    # Of a question with options, what stands behind the right letter.
    if isinstance(options, dict) and isinstance(case.expected, str):
        yield from texts_of(options.get(case.expected))


def _answers(evaluation: Evaluation) -> tuple[list[str], list[str]]:
    """What was answered to public cases and to private ones, of the repetition that is graded."""
    rows = Run.objects.filter(evaluation=evaluation, repetition=evaluation.series).order_by("pk")
    told: dict[bool, list[str]] = {True: [], False: []}
    for answer, visibility in rows.values_list("answer", "case__suite__visibility"):
        told[visibility == Seen.PUBLIC].append(answer)
    return told[True], told[False]


def _prose(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _prose(each)
    elif isinstance(value, list):
        for each in value:
            yield from _prose(each)
