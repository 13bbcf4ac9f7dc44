"""Private cases on their way to everybody: one organizer proposes, another confirms, nobody takes it back.

The admin calls ``propose``, ``withdraw`` and ``confirm``; ``record_export`` asks which suites are published,
and for the file that tells them. Nothing is proposed or confirmed while somebody is judged on the cases.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from django.db import transaction
from django.db.models import Q

from challenges import dispatch, sealing
from challenges.errors import ContestError
from challenges.models import Case, CasePublication, Person, Phase, Score, Suite, Visibility
from scoring.record import commitments, disclosure
from scoring.record.bundle import DISCLOSURE_NAME
from scoring.record.errors import BundleTooLarge, RecordError
from scoring.record.stored_zip import MAX_ENTRY_BYTES

# Organizers who may propose and confirm have it; it comes with no role of the jury.
RIGHT = "challenges.publish_cases"

Code = Literal[
    "not_allowed",
    "not_private",
    "already_proposed",
    "already_published",
    "nothing_proposed",
    "same_person",
    "still_judged",
    "still_frozen",
    "cannot_be_told",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """The phase ("challenge/phase") because of which cases stay secret for now.

    ``until`` is when it closes, in UTC; None for a board that is frozen: nobody knows until when.
    """

    phase: str
    until: datetime | None

    @property
    def code(self) -> Literal["still_judged", "still_frozen"]:
        return "still_frozen" if self.until is None else "still_judged"


class PublicationRefused(ContestError):
    """Nothing was written. ``code`` says why; ``obstacle`` comes with "still_judged" and "still_frozen"."""

    def __init__(self, *, code: Code, obstacle: Obstacle | None = None) -> None:
        super().__init__(f"publication refused: {code}")
        self.code = code
        self.obstacle = obstacle


def may_publish(person: Person) -> bool:
    return person.is_active and person.has_perm(RIGHT)


def propose(suite: Suite, person: Person) -> CasePublication:
    """Ask for a second person who lets everybody have the cases of the suite. Nothing is told by it yet.

    Raises PublicationRefused: without the right, for a suite that is not private, where it was proposed or
    published before, while a phase is judged on its cases or hides its board, and for cases that no file can
    tell. Locks phases and suite until commit, as ``confirm`` does.
    """
    _check_right(suite, person)
    with transaction.atomic():
        known = _locked_publication(suite)
        if known is not None:
            raise PublicationRefused(code="already_published" if known.confirmed_at else "already_proposed")
        _check_can_be_told(suite)
        proposed = CasePublication.objects.create(suite=suite, proposed_by=person)
    proposed.refresh_from_db(fields=["proposed_at"])
    return proposed


def withdraw(suite: Suite, person: Person) -> None:
    """Take a proposal away that nobody confirmed, whoever made it.

    Raises PublicationRefused: without the right, where nothing was proposed, and for what is published: that
    stays so.
    """
    _check_right(suite, person)
    with transaction.atomic():
        _locked_proposal(suite).delete()


def confirm(suite: Suite, person: Person) -> CasePublication:
    """Let everybody have the cases, for good: ``record_export`` tells them as soon as this is committed.

    Raises PublicationRefused as ``propose``, and for the person who proposed it. Locks the phases that rank
    by these very cases, so that none of them gets another end meanwhile, and then the suite, so that of two
    clicks one is refused.
    """
    _check_right(suite, person)
    with transaction.atomic():
        proposal = _locked_proposal(suite)
        if proposal.proposed_by_id == person.pk:
            raise PublicationRefused(code="same_person")
        _check_can_be_told(suite)
        proposal.confirmed_by, proposal.confirmed_at = person, dispatch.now()
        proposal.save(update_fields=["confirmed_by", "confirmed_at"])
    return proposal


def obstacle(suite: Suite, *, at: datetime) -> Obstacle | None:
    """Why the cases of the suite stay secret at this moment of the database's clock; None where nothing does.

    A phase that is judged on them, or else a frozen board: until an organizer takes the freeze away no record
    of that phase is public, and so none of its answers.
    """
    if judging := still_judging([suite], at=at):
        return Obstacle(phase=_named(judging), until=judging.closes_at)
    scored = Score.objects.filter(suite_sha256=suite.sha256).values("phase")
    judged = Phase.objects.filter(Q(ranked_suite__sha256=suite.sha256) | Q(pk__in=scored))
    frozen = judged.filter(freeze_at__lte=at).select_related("challenge").order_by("pk").first()
    return Obstacle(phase=_named(frozen), until=None) if frozen else None


def still_judging(suites: Collection[Suite], *, at: datetime) -> Phase | None:
    """The last phase to close, of those not closed yet, that ranks by one of these suites' cases.

    Another version of a suite counts where it asks one of the same questions.
    """
    hashes = {suite.sha256 for suite in suites}
    asked: set[str] | None = None
    not_closed = Phase.objects.filter(closes_at__gt=at).select_related("challenge", "ranked_suite")
    for phase in not_closed.order_by("-closes_at"):
        if phase.ranked_suite.sha256 in hashes:
            return phase
        asked = _questions(suites) if asked is None else asked
        if not asked.isdisjoint(_questions([phase.ranked_suite])):
            return phase
    return None


def is_published(suite: Suite) -> bool:
    return bool(published([suite]))


def published(suites: Collection[Suite]) -> list[Suite]:
    """Those of the suites whose cases everybody may have, in their order."""
    rows = CasePublication.objects.filter(suite__in=suites, confirmed_at__isnull=False)
    confirmed = set(rows.values_list("suite", flat=True))
    return [suite for suite in suites if suite.pk in confirmed]


def disclosed(suites: Sequence[Suite]) -> bytes:
    """The file that tells slots, salt and cases of these suites.

    Raises ``DisclosureUnreadable`` where the rows do not give a suite's hash, and ``BundleTooLarge``.
    """
    content = disclosure.write([_told(suite) for suite in suites])
    if len(content) > MAX_ENTRY_BYTES:
        raise BundleTooLarge(f"tiene más de {MAX_ENTRY_BYTES} bytes", where=DISCLOSURE_NAME)
    return content


def _told(suite: Suite) -> dict[str, Any]:
    return {
        "sha256": suite.sha256,
        "salt": suite.salt,
        "slots": commitments.slots_text(suite.slots),
        "cases": [sealing.case_text(case) for case in suite.cases.order_by("position")],
    }


def _questions(suites: Collection[Suite]) -> set[str]:
    """What their cases ask, whatever the right answer is said to be."""
    inputs = Case.objects.filter(suite__in=suites).values_list("inputs", flat=True)
    return {json.dumps(each, sort_keys=True) for each in inputs}


def _named(phase: Phase) -> str:
    return f"{phase.challenge.slug}/{phase.slug}"


def _check_right(suite: Suite, person: Person) -> None:
    if not may_publish(person):
        raise PublicationRefused(code="not_allowed")
    if suite.visibility != Visibility.PRIVATE:
        raise PublicationRefused(code="not_private")


def _locked_publication(suite: Suite) -> CasePublication | None:
    """What is known of the suite's publication; the caller is in a transaction.

    Phases are locked before the suite, in the order in which ``packs.storing`` takes them.
    """
    same_cases = Phase.objects.filter(ranked_suite__sha256=suite.sha256).order_by("pk")
    list(same_cases.select_for_update(of=("self",), no_key=True))
    Suite.objects.select_for_update(of=("self",)).get(pk=suite.pk)
    return CasePublication.objects.filter(suite=suite).first()


def _locked_proposal(suite: Suite) -> CasePublication:
    known = _locked_publication(suite)
    if known is None:
        raise PublicationRefused(code="nothing_proposed")
    if known.confirmed_at:
        raise PublicationRefused(code="already_published")
    return known


def _check_can_be_told(suite: Suite) -> None:
    if found := obstacle(suite, at=dispatch.now()):
        raise PublicationRefused(code=found.code, obstacle=found)
    try:
        # What cannot be undone is known to work beforehand: else no file of the phase would go out any more.
        disclosed([suite])
    except RecordError as fault:
        raise PublicationRefused(code="cannot_be_told") from fault
