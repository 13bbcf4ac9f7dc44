"""Handing in: one function from the raw content to a stored submission that waits for its evaluation.

Pages, API and demo call it; they translate what it raises. It never evaluates, and no attempt is spent before
everything that can be wrong has been told.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Count, Q

from challenges import dispatch, purse, solution, transitions, turns
from challenges.after_commit import after_commit
from challenges.errors import (
    IdempotencyConflict,
    InvalidContent,
    NotParticipating,
    PhaseClosed,
    QuotaExhausted,
)
from challenges.models import Case, Evaluation, Kind, Participation, Phase, Submission, Visibility
from challenges.models.evaluation import REFUNDED
from challenges.solution import Solution
from scoring.solutions.kinds import KINDS
from scoring.values import CompletionRequest, Message, Problem

LONGEST_IDEMPOTENCY_KEY = 80
PROMPT = Kind.PROMPT.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """Attempts of one participation in one phase; ``next_attempt_at`` is None while there is one to take now.

    It is also None when the phase gives no more: then ``left_phase`` is 0, or the next day comes after the
    end.
    """

    used_today: int
    left_today: int
    used_phase: int
    left_phase: int
    next_attempt_at: datetime | None


def submit(
    *,
    participation: Participation,
    phase: Phase,
    content: Mapping[str, Any],
    idempotency_key: str,
    kind: str = PROMPT,
) -> Submission:
    """Store a submission, take one attempt, and ask for its evaluation.

    ``content`` is the raw JSON shape of the kind; what it takes from public cases is stored with it. The same
    key with the same content gives the first submission again. Raises NotParticipating, IdempotencyConflict,
    InvalidContent (every problem at once), PhaseClosed, QuotaExhausted and PurseExhausted, in this order.
    Locks the participation's row until commit; rings after it.
    """
    if participation.challenge_id != phase.challenge_id:
        raise NotParticipating(slug=phase.challenge.slug)
    _check_key(idempotency_key)
    read, problems = _read(phase, content, kind)
    if (earlier := _earlier(participation, phase, idempotency_key, read)) is not None:
        return earlier
    if read is None or problems:
        raise InvalidContent(problems)
    canonical = read.canonical
    estimated_mj = purse.estimate_mj(phase, read) if phase.energy_purse_mj is not None else 0
    with transaction.atomic():
        # Under this lock two clicks wait for each other, and attempts are counted one at a time. "No key": a
        # score that is being written names the participation, and must not wait for us while we wait for it.
        locked = Participation.objects.select_for_update(of=("self",), no_key=True).select_related("person")
        participation = locked.get(pk=participation.pk)
        if (earlier := _earlier(participation, phase, idempotency_key, read)) is not None:
            return earlier
        now = dispatch.now()
        _check_open(phase, now)
        _check_quota(participation, phase, now)
        submission = Submission.objects.create(
            participation=participation,
            phase=phase,
            kind=read.kind,
            content=canonical,
            content_sha256=_sha256(canonical),
            idempotency_key=idempotency_key,
            created_at=now,
        )
        evaluation = Evaluation.objects.create(
            submission=submission, participation=participation, turn=turns.next_turn(participation)
        )
        transitions.begin(evaluation, who=f"person {participation.person_id}")
        purse.reserve(evaluation, phase, estimated_mj=estimated_mj)
        after_commit(dispatch.wake_workers, evaluation.pk)
    return submission


def check(phase: Phase, content: Mapping[str, Any], kind: str = PROMPT) -> tuple[Problem, ...]:
    """Everything that is wrong with ``content``, without spending anything."""
    return _read(phase, content, kind)[1]


def read(phase: Phase, content: Mapping[str, Any], kind: str = PROMPT) -> Solution:
    """What would be stored. Raises InvalidContent with everything that is wrong."""
    found, problems = _read(phase, content, kind)
    if found is None or problems:
        raise InvalidContent(problems)
    return found


def reserves_mj(phase: Phase, content: Mapping[str, Any], kind: str = PROMPT) -> int | None:
    """What handing it in would set aside; None where the phase has no purse. Raises InvalidContent."""
    return None if phase.energy_purse_mj is None else purse.estimate_mj(phase, read(phase, content, kind))


def preview(solution: Solution, case: Case) -> tuple[Message, ...]:
    """The messages that the model would first get for a public case; ``solution`` is what ``read`` gave."""
    if case.suite.visibility != Visibility.PUBLIC:
        raise ValueError(f"case {case.pk} is private: nobody may see it, not even inside a prompt")
    request = solution.next_request(inputs=case.inputs)
    return request.messages if isinstance(request, CompletionRequest) else ()


def quota(participation: Participation, phase: Phase) -> Quota:
    """Attempts used and left, by the database's clock; those that ended by our fault were given back."""
    return _quota(participation, phase, dispatch.now())


def slots_of(phase: Phase) -> dict[str, str]:
    """The slots that a template of this phase may use, with their descriptions: those of all its suites."""
    slots: dict[str, str] = dict(phase.ranked_suite.slots)
    if phase.feedback_suite is not None:
        slots = {name: text for name, text in slots.items() if name in phase.feedback_suite.slots}
    return slots


def _read(phase: Phase, content: Mapping[str, Any], kind: str) -> tuple[Solution | None, tuple[Problem, ...]]:
    """The content as it would be stored, with all that is wrong; None where it cannot be."""
    if kind not in KINDS or kind not in phase.kinds:
        offered = tuple(name for name in KINDS if name in phase.kinds)
        return None, (Problem(field="kind", code="unknown_kind", params={"known": offered}),)
    rules = KINDS[kind]
    decoded, problems = rules.decode(content)
    if decoded is None:
        return None, problems
    pool = {} if kind == PROMPT else solution.pool_of(phase)
    found = rules.check(decoded, limits=phase.limits, slots=tuple(slots_of(phase)), pool=pool)
    if all_of_them := (*problems, *(problem for problem in found if problem not in problems)):
        return Solution(kind=kind, content=decoded) if kind == PROMPT else None, all_of_them
    return Solution(kind=kind, content=rules.resolve(decoded, pool=pool)), ()


def _check_key(key: str) -> None:
    if not key.strip():
        raise InvalidContent([Problem(field="idempotency_key", code="required")])
    if len(key) > LONGEST_IDEMPOTENCY_KEY:
        params = {"length": len(key), "limit": LONGEST_IDEMPOTENCY_KEY}
        raise InvalidContent([Problem(field="idempotency_key", code="too_long", params=params)])
    for column, character in enumerate(key, start=1):
        if not character.isprintable():
            unfit: dict[str, str | int] = {"character": f"U+{ord(character):04X}", "column": column}
            raise InvalidContent([Problem(field="idempotency_key", code="control_character", params=unfit)])


def _earlier(
    participation: Participation, phase: Phase, key: str, read: Solution | None
) -> Submission | None:
    """The submission that this key already made. Raises IdempotencyConflict where it was for another."""
    found = Submission.objects.filter(participation=participation, idempotency_key=key).first()
    if found is None:
        return None
    if read is None or (found.phase_id, found.kind) != (phase.pk, read.kind):
        raise IdempotencyConflict(key=key)
    if found.content_sha256 != _sha256(read.canonical):
        raise IdempotencyConflict(key=key)
    return found


def _check_open(phase: Phase, now: datetime) -> None:
    if now < phase.opens_at:
        raise PhaseClosed(when="not_yet", at=phase.opens_at)
    if now >= phase.closes_at:
        raise PhaseClosed(when="over", at=phase.closes_at)


def _check_quota(participation: Participation, phase: Phase, now: datetime) -> None:
    """Caller holds the participation's lock."""
    state = _quota(participation, phase, now)
    if state.left_phase == 0:
        raise QuotaExhausted(scope="phase", limit=phase.attempts_per_phase, next_attempt_at=None)
    if state.left_today == 0:
        raise QuotaExhausted(scope="day", limit=phase.attempts_per_day, next_attempt_at=state.next_attempt_at)


def _quota(participation: Participation, phase: Phase, now: datetime) -> Quota:
    start, end = day_around(now, phase.time_zone)
    used = (
        Submission.objects.filter(participation=participation, phase=phase)
        .exclude(evaluations__state__in=REFUNDED)
        .aggregate(phase=Count("id"), today=Count("id", filter=Q(created_at__gte=start, created_at__lt=end)))
    )
    left_phase = max(phase.attempts_per_phase - used["phase"], 0)
    left_today = min(max(phase.attempts_per_day - used["today"], 0), left_phase)
    waits_for_tomorrow = left_today == 0 and left_phase > 0 and end < phase.closes_at
    return Quota(
        used_today=used["today"],
        left_today=left_today,
        used_phase=used["phase"],
        left_phase=left_phase,
        next_attempt_at=end if waits_for_tomorrow else None,
    )


def day_around(moment: datetime, time_zone: str) -> tuple[datetime, datetime]:
    """First moment of the local day that holds ``moment``, and of the next; 23 to 25 hours apart."""
    zone = ZoneInfo(time_zone)
    today = moment.astimezone(zone).date()
    start = datetime.combine(today, time.min, tzinfo=zone)
    end = datetime.combine(today + timedelta(days=1), time.min, tzinfo=zone)
    return start, end


def _sha256(canonical: Mapping[str, Any]) -> str:
    text = json.dumps(canonical, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    # Half a surrogate pair is refused later, with its place; here it must only not stop us.
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
