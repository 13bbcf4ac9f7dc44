"""Taking part: joining a challenge, the name on the board, and consents given and taken back.

Called by accounts, pages, API and demo. It never sends mail and never makes accounts; that is allauth's.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from challenges import announce, dispatch
from challenges.errors import BoardNameRefused, ChallengeClosed, ConsentMissing
from challenges.models import Challenge, Consent, Participation, Person, Purpose, Standing
from scoring.solutions.characters import find_unseen
from scoring.values import Problem

# Without these nobody takes part; every other purpose is free, and refusing it costs nothing (GDPR art. 7.4).
REQUIRED_TO_JOIN = (Purpose.RULES,)

SHORTEST_BOARD_NAME = 2
LONGEST_BOARD_NAME = 40


def join(*, person: Person, challenge: Challenge, consents: Collection[str]) -> Participation:
    """Put the person into the challenge, storing ``consents``. Joining again adds consents and nothing else.

    Raises ConsentMissing (naming what must be accepted) and ChallengeClosed.
    """
    with transaction.atomic():
        given = set(
            Consent.objects.filter(person=person, withdrawn_at=None).values_list("purpose", flat=True)
        )
        missing = [purpose.value for purpose in REQUIRED_TO_JOIN if purpose.value not in {*given, *consents}]
        if missing:
            raise ConsentMissing(purposes=missing)
        if not _takes_participations(challenge):
            existing = Participation.objects.filter(person=person, challenge=challenge).first()
            if existing is None:
                raise ChallengeClosed(slug=challenge.slug)
            return existing
        for purpose in Purpose:
            if purpose.value in consents:
                give_consent(person=person, purpose=purpose)
        participation, _ = Participation.objects.get_or_create(person=person, challenge=challenge)
    return participation


def give_consent(*, person: Person, purpose: Purpose) -> Consent:
    """Store that the person accepted the text of ``purpose``, as it reads now; again changes nothing."""
    with transaction.atomic():
        consent, is_new = Consent.objects.get_or_create(
            person=person, purpose=purpose, withdrawn_at=None, defaults={"text": str(purpose.label)}
        )
        if is_new and purpose == Purpose.PUBLISH_NAME:
            _renew_boards_of(person)
    return consent


def withdraw_consent(*, person: Person, purpose: Purpose) -> bool:
    """Take a consent back, keeping the row; False when none was. The board forgets the name at once."""
    with transaction.atomic():
        withdrawn = Consent.objects.filter(person=person, purpose=purpose, withdrawn_at=None).update(
            withdrawn_at=Now()
        )
        if withdrawn and purpose == Purpose.PUBLISH_NAME:
            _renew_boards_of(person)
    return bool(withdrawn)


def set_board_name(person: Person, name: str) -> str:
    """Give the person the name that the board shows; returns it as stored (NFC, spaces collapsed).

    Raises BoardNameRefused when it is empty, too short or long, holds characters that cannot be seen or that
    turn text around, or is somebody else's whatever the case of its letters.
    """
    tidy = _tidy_board_name(name)
    if tidy == person.board_name:
        return tidy
    try:
        with transaction.atomic():
            if _is_taken(tidy, by_other_than=person):
                raise BoardNameRefused(_problem("taken"))
            person.board_name = tidy
            person.save(update_fields=["board_name"])
            _renew_boards_of(person)
    except IntegrityError as fault:
        # Two people chose the same name in the same moment; the schema let one of them have it.
        person.refresh_from_db(fields=["board_name"])
        raise BoardNameRefused(_problem("taken")) from fault
    return tidy


def check_board_name(name: str) -> str:
    """A name for somebody without an account yet, tidied. Raises BoardNameRefused as ``set_board_name``."""
    tidy = _tidy_board_name(name)
    if _is_taken(tidy, by_other_than=None):
        raise BoardNameRefused(_problem("taken"))
    return tidy


def _tidy_board_name(name: str) -> str:
    tidy = " ".join(unicodedata.normalize("NFC", name).split())
    if (problem := _problem_with(tidy)) is not None:
        raise BoardNameRefused(problem)
    return tidy


def _takes_participations(challenge: Challenge) -> bool:
    return challenge.is_published and challenge.phases.filter(closes_at__gt=dispatch.now()).exists()


def _renew_boards_of(person: Person) -> None:
    phases = Standing.objects.filter(participation__person=person).values_list("phase_id", flat=True)
    for phase_id in sorted(set(phases)):
        announce.renew(phase_id)


def _is_taken(name: str, *, by_other_than: Person | None) -> bool:
    # In Python, because SQLite lowers the case of ASCII letters only: Ñandú and ñandú are one name.
    others = Person.objects.exclude(board_name="")
    if by_other_than is not None:
        others = others.exclude(pk=by_other_than.pk)
    wanted = name.casefold()
    return any(other.casefold() == wanted for other in others.values_list("board_name", flat=True))


def _problem_with(name: str) -> Problem | None:
    if not name:
        return _problem("required")
    if unseen := find_unseen(name, field="board_name"):
        return unseen[0]
    if len(name) < SHORTEST_BOARD_NAME:
        return _problem("too_short", length=len(name), limit=SHORTEST_BOARD_NAME)
    if len(name) > LONGEST_BOARD_NAME:
        return _problem("too_long", length=len(name), limit=LONGEST_BOARD_NAME)
    return None


def _problem(code: str, **params: str | int) -> Problem:
    return Problem(field="board_name", code=code, params=params)
