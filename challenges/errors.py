"""What can go wrong in the contest, as a small tree by whose fault it is.

Errors carry fields, not sentences: each door makes the sentence in its reader's language
(challenges/sentences.py) and says what to do next.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from scoring.values import Problem


class ContestError(Exception):
    """Anything that the contest's rules refuse."""


class ContestantError(ContestError):
    """The caller can mend it: nothing was stored and nothing was spent."""


class ChallengeClosed(ContestantError):
    """Nobody can join the challenge now: it is not published, or its last phase is over."""

    def __init__(self, *, slug: str) -> None:
        super().__init__(f"challenge {slug} takes no new participations")
        self.slug = slug


class ConsentMissing(ContestantError):
    def __init__(self, *, purposes: Sequence[str]) -> None:
        super().__init__(f"consents missing: {', '.join(purposes)}")
        self.purposes = tuple(purposes)


class BoardNameRefused(ContestantError):
    """``problem.field`` is "board_name".

    Codes: required, too_short, too_long, taken, control_character, invisible_character, bidi_character.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"board name refused: {problem.code}")
        self.problem = problem


class NotParticipating(ContestantError):
    def __init__(self, *, slug: str) -> None:
        super().__init__(f"no participation in {slug}")
        self.slug = slug


class PhaseClosed(ContestantError):
    """``when`` says whether the phase has not opened yet or is over; ``at`` is that moment."""

    def __init__(self, *, when: Literal["not_yet", "over"], at: datetime) -> None:
        super().__init__(f"phase closed ({when})")
        self.when = when
        self.at = at


class QuotaExhausted(ContestantError):
    """``scope`` names the limit that is used up; ``next_attempt_at`` is None when the phase gives no more."""

    def __init__(
        self, *, scope: Literal["day", "phase"], limit: int, next_attempt_at: datetime | None
    ) -> None:
        super().__init__(f"no attempts left in this {scope} (limit {limit})")
        self.scope = scope
        self.limit = limit
        self.next_attempt_at = next_attempt_at


class PurseExhausted(ContestantError):
    """The phase's energy purse holds less than this content may cost. All in whole millijoules."""

    def __init__(self, *, limit_mj: int, left_mj: int, needed_mj: int) -> None:
        super().__init__(f"{needed_mj} mJ needed, {left_mj} mJ left of {limit_mj}")
        self.limit_mj = limit_mj
        self.left_mj = left_mj
        self.needed_mj = needed_mj


class TooLateToWithdraw(ContestantError):
    """The evaluation has begun or has ended: what was spent on it cannot be given back."""

    def __init__(self, *, state: str) -> None:
        super().__init__(f"cannot be withdrawn: {state}")
        self.state = state


class CasesStillSecret(ContestError):
    """Cases cannot be told while ``phase`` ("challenge/phase"), which judges on them, is open."""

    def __init__(self, *, phase: str, closes_at: datetime) -> None:
        super().__init__(f"{phase} is open until {closes_at}")
        self.phase = phase
        self.closes_at = closes_at


class InvalidContent(ContestantError):
    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{problem.field}: {problem.code}" for problem in problems))
        self.problems = tuple(problems)


class IdempotencyConflict(ContestantError):
    """The key was used before for other content; the first submission stands."""

    def __init__(self, *, key: str) -> None:
        super().__init__("idempotency key was used for other content")
        self.key = key


class OurFault(ContestError):
    """The contestant did nothing wrong: no attempt is lost by it."""


class LeaseLost(OurFault):
    """Another worker owns the evaluation now (or it ended): this one must write nothing more."""

    def __init__(self, *, evaluation_id: int, fence: int) -> None:
        super().__init__(f"evaluation {evaluation_id} is no longer held with fence {fence}")
        self.evaluation_id = evaluation_id
        self.fence = fence


class DeviceBusy(OurFault):
    """What would be measured is in another evaluation's use: this one waits for its turn."""
