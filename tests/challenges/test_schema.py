"""The database itself refuses what a rule forbids, whatever the code above it forgets."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from challenges.models import Consent, Evaluation, Participation, Person, Phase, Purpose, Run, State
from challenges.models.evaluation import ACTIVE, FINAL
from challenges.models.immutable import ImmutableRowError
from tests.factories import (
    a_participation,
    a_person,
    a_phase,
    a_run,
    a_score,
    a_standing,
    a_submission,
    a_suite,
    an_evaluation,
)

pytestmark = pytest.mark.django_db


def _refused(make: Any) -> bool:
    try:
        with transaction.atomic():
            make()
    except IntegrityError:
        return True
    return False


@pytest.mark.parametrize("state", ACTIVE)
def test_an_active_evaluation_has_a_lease(state: State) -> None:
    assert _refused(lambda: an_evaluation(state=state, lease_until=None))


@pytest.mark.parametrize("state", sorted(set(State) - set(ACTIVE)))
def test_no_other_evaluation_has_a_lease(state: State) -> None:
    assert _refused(lambda: an_evaluation(state=state, lease_until=timezone.now()))


@pytest.mark.parametrize("state", FINAL)
def test_a_final_evaluation_has_an_end(state: State) -> None:
    assert _refused(lambda: an_evaluation(state=state, finished_at=None))


def test_only_a_held_evaluation_says_since_when() -> None:
    assert _refused(lambda: an_evaluation(state=State.HELD, held_since=None))
    assert _refused(lambda: an_evaluation(state=State.QUEUED, held_since=timezone.now()))


def test_an_evaluation_has_a_known_state() -> None:
    assert _refused(lambda: an_evaluation(state="SCORD"))


def test_a_submission_has_one_evaluation_in_force() -> None:
    submission = a_submission()
    assert _refused(lambda: an_evaluation(submission))
    Evaluation.objects.filter(submission=submission).update(
        state=State.SUPERSEDED, finished_at=timezone.now()
    )
    an_evaluation(submission)


def test_a_case_is_run_once_per_repetition() -> None:
    evaluation = an_evaluation(state=State.RUNNING)
    case = evaluation.submission.phase.ranked_suite.cases.first()
    assert case is not None
    a_run(evaluation, case)
    assert _refused(lambda: a_run(evaluation, case))
    a_run(evaluation, case, repetition=2)


@pytest.mark.parametrize("grade", ["-0.000001", "1.000001"])
def test_a_grade_lies_between_0_and_1(grade: str) -> None:
    evaluation = an_evaluation(state=State.RUNNING)
    case = evaluation.submission.phase.ranked_suite.cases.first()
    assert case is not None
    assert _refused(lambda: a_run(evaluation, case, grade=Decimal(grade)))


@pytest.mark.parametrize(
    "unfit", [{"value": "100.0001"}, {"value": "-0.0001"}, {"quality": "1.1"}, {"green": "-0.1"}]
)
def test_a_score_lies_in_its_range(unfit: dict[str, Any]) -> None:
    fields: dict[str, Any] = {name: Decimal(value) for name, value in unfit.items()}
    assert _refused(lambda: a_score(**fields))


def test_an_evaluation_is_scored_once() -> None:
    score = a_score()
    assert _refused(
        lambda: type(score).objects.create(
            **{
                field.attname: getattr(score, field.attname)
                for field in score._meta.concrete_fields
                if not field.primary_key
            }
        )
    )


def test_a_participation_has_one_standing_in_a_phase() -> None:
    standing = a_standing()
    assert _refused(
        lambda: type(standing).objects.create(
            phase=standing.phase,
            participation=standing.participation,
            score=standing.score,
            updated_at=timezone.now(),
        )
    )


def test_an_idempotency_key_makes_one_submission() -> None:
    submission = a_submission(idempotency_key="k1")
    again: dict[str, Any] = {"participation": submission.participation, "idempotency_key": "k1"}
    assert _refused(lambda: a_submission(submission.phase, **again))
    a_submission(submission.phase, idempotency_key="k1")
    assert _refused(lambda: a_submission(idempotency_key=""))


def test_a_phase_closes_after_it_opens() -> None:
    now = timezone.now()
    assert _refused(lambda: a_phase(opens_at=now, closes_at=now))


@pytest.mark.parametrize("unfit", [{"attempts_per_day": 0}, {"attempts_per_phase": 0}, {"concurrency": 0}])
def test_a_phase_lets_somebody_take_part(unfit: dict[str, Any]) -> None:
    assert _refused(lambda: a_phase(**unfit))


def test_a_phase_and_a_challenge_have_one_participation_of_a_person() -> None:
    participation = a_participation()
    assert _refused(
        lambda: Participation.objects.create(person=participation.person, challenge=participation.challenge)
    )


def test_names_and_addresses_are_one_whatever_the_case() -> None:
    a_person("ana@example.org", board_name="Ana")
    assert _refused(lambda: a_person("otra@example.org", board_name="ANA"))
    assert _refused(lambda: Person.objects.create(email="ANA@example.org"))
    a_person(board_name="")
    a_person(board_name="")


def test_a_consent_is_in_force_once_per_purpose() -> None:
    person = a_person()
    fields = {"person": person, "purpose": Purpose.NEWS, "text": "Texto"}
    Consent.objects.create(**fields)
    assert _refused(lambda: Consent.objects.create(**fields))
    Consent.objects.filter(person=person).update(withdrawn_at=timezone.now())
    Consent.objects.create(**fields)


def test_a_suite_version_is_used_once() -> None:
    suite = a_suite()
    assert _refused(
        lambda: type(suite).objects.create(
            challenge=suite.challenge, version=suite.version, visibility=suite.visibility, sha256=""
        )
    )


def test_evidence_is_written_once() -> None:
    score = a_score()
    for row in (score, score.evaluation.submission, score.phase.ranked_suite):
        with pytest.raises(ImmutableRowError):
            row.save()
    with pytest.raises(ImmutableRowError):
        Run.objects.update(answer="otra")


def test_a_phase_is_open_up_to_but_not_at_its_end() -> None:
    now = timezone.now()
    phase = a_phase(opens_at=now, closes_at=now + timedelta(hours=1))
    phase = Phase.objects.get(pk=phase.pk)
    assert phase.is_open(phase.opens_at)
    assert not phase.is_open(phase.closes_at)
