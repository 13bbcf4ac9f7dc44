"""Joining, consents and the name on the board."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from challenges import board, registration
from challenges.errors import BoardNameRefused, ChallengeClosed, ConsentMissing
from challenges.models import Consent, Leaderboard, Participation, Purpose
from tests.factories import a_challenge, a_participation, a_person, a_phase, a_standing
from tests.in_parallel import errors_in, in_parallel

pytestmark = pytest.mark.django_db


def test_joining_needs_the_rules_and_nothing_else() -> None:
    person, challenge = a_person(), a_phase().challenge
    with pytest.raises(ConsentMissing) as refused:
        registration.join(person=person, challenge=challenge, consents={Purpose.NEWS})
    assert refused.value.purposes == ("rules",)
    assert not Consent.objects.filter(person=person).exists()
    registration.join(person=person, challenge=challenge, consents={"rules"})
    assert list(person.consents.values_list("purpose", flat=True)) == ["rules"]


def test_joining_twice_is_joining_once() -> None:
    person, challenge = a_person(), a_phase().challenge
    first = registration.join(person=person, challenge=challenge, consents={"rules"})
    assert registration.join(person=person, challenge=challenge, consents=()) == first
    assert Participation.objects.filter(person=person).count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_clicks_join_once() -> None:
    person, challenge = a_person(), a_phase().challenge

    def join() -> Participation:
        return registration.join(person=person, challenge=challenge, consents={"rules", "news"})

    results = in_parallel(join, join, join)
    assert not errors_in(results)
    assert len({participation.pk for participation in results}) == 1
    assert person.consents.count() == 2


def test_nobody_joins_what_is_over_or_hidden() -> None:
    person = a_person()
    past = timezone.now() - timedelta(days=2)
    over = a_phase(opens_at=past, closes_at=past + timedelta(days=1)).challenge
    hidden = a_phase(a_challenge(is_published=False)).challenge
    for challenge in (over, hidden, a_challenge()):
        with pytest.raises(ChallengeClosed):
            registration.join(person=person, challenge=challenge, consents={"rules"})


def test_who_takes_part_still_does_after_the_end() -> None:
    past = timezone.now() - timedelta(days=2)
    participation = a_participation(a_phase(opens_at=past, closes_at=past + timedelta(days=1)))
    again = registration.join(
        person=participation.person, challenge=participation.challenge, consents={"rules"}
    )
    assert again == participation


def test_a_board_name_is_tidied() -> None:
    person = a_person()
    assert registration.set_board_name(person, "  Jose\u0301 \u2003\t Luis \n") == "José Luis"
    person.refresh_from_db()
    assert person.board_name == "José Luis"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", "required"),
        ("   ", "required"),
        ("a", "too_short"),
        ("a" * 41, "too_long"),
        ("Ana\x00", "control_character"),
        ("Ana\u202eaíraM", "bidi_character"),
        ("Ana\u2066x", "bidi_character"),
        ("An\u200ba", "invisible_character"),
        ("An\u00ada", "invisible_character"),
        ("\u3164\u3164", "invisible_character"),
    ],
)
def test_a_board_name_that_misleads_is_refused(name: str, code: str) -> None:
    person = a_person(board_name="Antes")
    with pytest.raises(BoardNameRefused) as refused:
        registration.set_board_name(person, name)
    assert refused.value.problem.code == code
    assert refused.value.problem.field == "board_name"
    person.refresh_from_db()
    assert person.board_name == "Antes"


@pytest.mark.parametrize("name", ["ÑANDÚ", "ñandú", "N\u0303andu\u0301"])
def test_a_board_name_is_taken_whatever_its_case(name: str) -> None:
    a_person(board_name="Ñandú")
    with pytest.raises(BoardNameRefused) as refused:
        registration.set_board_name(a_person(board_name=""), name)
    assert refused.value.problem.code == "taken"


def test_ones_own_name_may_change_its_case() -> None:
    person = a_person(board_name="Ñandú")
    assert registration.set_board_name(person, "ÑANDÚ") == "ÑANDÚ"


@pytest.mark.django_db(transaction=True)
def test_two_people_cannot_take_the_same_name_at_once() -> None:
    one, two = a_person(board_name=""), a_person(board_name="")
    results = in_parallel(
        lambda: registration.set_board_name(one, "Ola"), lambda: registration.set_board_name(two, "OLA")
    )
    errors = errors_in(results)
    assert len(errors) == 1
    assert isinstance(errors[0], BoardNameRefused)


def test_the_board_follows_a_change_of_name_and_forgets_it_with_the_consent() -> None:
    standing = a_standing(participation=None)
    person, phase = standing.participation.person, standing.phase
    before = Leaderboard.objects.get(phase=phase).version
    registration.set_board_name(person, "Nombre nuevo")
    assert board.build(phase).rows[0]["name"] == "Nombre nuevo"
    assert Leaderboard.objects.get(phase=phase).version == before + 1
    assert registration.withdraw_consent(person=person, purpose=Purpose.PUBLISH_NAME)
    hidden = board.build(phase)
    assert b"Nombre nuevo" not in hidden.body
    assert hidden.version == before + 2
    assert not registration.withdraw_consent(person=person, purpose=Purpose.PUBLISH_NAME)
    assert person.consents.filter(purpose=Purpose.PUBLISH_NAME).count() == 1
