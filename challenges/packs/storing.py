"""A pack as rows: made the first time, and brought up to date afterwards without changing a game that is on.

``store`` is the one use case. What it did comes back as values (``telling`` makes sentences of them), because
a rule that stayed as it was must never go unnoticed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Max, QuerySet

from challenges import dispatch
from challenges.models import Case, Challenge, Phase, Suite
from challenges.models.challenge import FIXED_ONCE_OPEN
from challenges.packs.values import Pack, PackPhase, PackSuite
from scoring.values import EvidenceGrade

CHALLENGE_FIELDS = ("title", "summary", "statement", "language", "licence")
# Beside the rules, the clock: people extend and freeze an open phase in the admin, and a pack that is loaded
# again must neither shut it nor show what is behind the freeze.
KEPT_ONCE_OPEN = frozenset({*FIXED_ONCE_OPEN, "closes_at", "freeze_at"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A field whose row and pack said different things before the pack was stored."""

    field: str
    in_row: Any
    in_pack: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSuite:
    """The version that holds the pack's cases."""

    suite: Suite
    cases: int
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPhase:
    """A phase of the pack as it is now; ``kept`` are the differences that its row does not follow."""

    phase: Phase
    is_new: bool
    changed: tuple[Difference, ...] = ()
    kept: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What storing a pack did. ``left_alone`` are phases of the challenge that the pack does not name."""

    challenge: Challenge
    is_new: bool
    changed: tuple[Difference, ...]
    suites: tuple[StoredSuite, ...]
    phases: tuple[StoredPhase, ...]
    left_alone: tuple[Phase, ...]

    @property
    def changed_nothing(self) -> bool:
        has_new = self.is_new or any(suite.is_new for suite in self.suites)
        return not (has_new or self.changed or any(phase.is_new or phase.changed for phase in self.phases))


def store(pack: Pack, *, evidence_grade: EvidenceGrade | None = None) -> Stored:
    """Make the challenge, its suites and its phases, or bring them up to what the pack says now.

    Equal cases keep their suite, others make its next version. A phase that has opened (by the database's
    clock) keeps ``KEPT_ONCE_OPEN``. ``evidence_grade`` is that of phases made now, whatever the pack says; of
    others it then changes none. One transaction, which locks the challenge's row until commit: two that store
    at once wait for each other, and the second finds everything done.
    """
    with transaction.atomic():
        named = {field: getattr(pack, field) for field in CHALLENGE_FIELDS}
        _, is_new = Challenge.objects.get_or_create(slug=pack.slug, defaults=named)
        challenge = Challenge.objects.select_for_update().get(slug=pack.slug)
        changed = _differences(challenge, named)
        _write(challenge, changed)
        private, public = (_suite(challenge, suite) for suite in (pack.private, pack.public))
        suites = {"ranked_suite": private.suite, "feedback_suite": public.suite}
        phases = _phases(challenge, pack.phases, suites, evidence_grade)
        left_alone = challenge.phases.exclude(slug__in=[phase.slug for phase in pack.phases])
        return Stored(
            challenge=challenge,
            is_new=is_new,
            changed=changed,
            suites=(private, public),
            phases=phases,
            left_alone=tuple(left_alone),
        )


def _suite(challenge: Challenge, wanted: PackSuite) -> StoredSuite:
    """The version with these very cases, or a new one. The caller holds the challenge's lock."""
    versions = challenge.suites.filter(visibility=wanted.visibility)
    sha256 = wanted.sha256
    if (known := versions.filter(sha256=sha256).order_by("-version").first()) is not None:
        return StoredSuite(suite=known, cases=len(wanted.cases), is_new=False)
    latest: int = versions.aggregate(latest=Max("version"))["latest"] or 0
    suite = Suite.objects.create(
        challenge=challenge,
        visibility=wanted.visibility,
        version=latest + 1,
        slots=dict(wanted.slots),
        sha256=sha256,
    )
    Case.objects.bulk_create(Case(suite=suite, **fields) for fields in wanted.case_fields())
    return StoredSuite(suite=suite, cases=len(wanted.cases), is_new=True)


def _phases(
    challenge: Challenge,
    wanted: Sequence[PackPhase],
    suites: Mapping[str, Suite],
    evidence_grade: EvidenceGrade | None,
) -> tuple[StoredPhase, ...]:
    known = {phase.slug: phase for phase in _locked(challenge)}
    stored = []
    for phase in wanted:
        fields = {**_fields(phase), **suites}
        if (row := known.get(phase.slug)) is not None:
            stored.append(_brought_up_to_date(row, fields, is_grade_overridden=evidence_grade is not None))
            continue
        if evidence_grade is not None:
            fields["evidence_grade"] = evidence_grade.value
        row = Phase.objects.create(challenge=challenge, **fields)
        stored.append(StoredPhase(phase=row, is_new=True))
    return tuple(stored)


def _locked(challenge: Challenge) -> QuerySet[Phase]:
    rows = challenge.phases.select_related("ranked_suite", "feedback_suite")
    return rows.select_for_update(of=("self",))


def _brought_up_to_date(row: Phase, fields: Mapping[str, Any], *, is_grade_overridden: bool) -> StoredPhase:
    found = _differences(row, fields)
    if is_grade_overridden:
        # The caller knows better than the pack what a machine can measure, but only for phases made on it.
        found = tuple(difference for difference in found if difference.field != "evidence_grade")
    kept: tuple[Difference, ...] = ()
    if dispatch.now() >= row.opens_at:
        kept = tuple(difference for difference in found if difference.field in KEPT_ONCE_OPEN)
    changed = tuple(difference for difference in found if difference not in kept)
    _write(row, changed)
    return StoredPhase(phase=row, is_new=False, changed=changed, kept=kept)


def _fields(phase: PackPhase) -> dict[str, Any]:
    """The columns of a Phase row, but for its challenge and suites."""
    fields = {field.name: getattr(phase, field.name) for field in dataclasses.fields(phase)}
    return {
        **fields,
        "policy_parameters": dict(phase.policy_parameters),
        "kinds": list(phase.kinds),
        "evidence_grade": phase.evidence_grade.value,
    }


def _differences(row: Challenge | Phase, fields: Mapping[str, Any]) -> tuple[Difference, ...]:
    return tuple(
        Difference(field=field, in_row=getattr(row, field), in_pack=value)
        for field, value in fields.items()
        if getattr(row, field) != value
    )


def _write(row: Challenge | Phase, changes: Sequence[Difference]) -> None:
    for change in changes:
        setattr(row, change.field, change.in_pack)
    if changes:
        row.save(update_fields=[change.field for change in changes])
