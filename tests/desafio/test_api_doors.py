"""Logging in and out, challenges, joining and the board, as a program meets them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from knox.models import AuthToken

from challenges import board
from challenges.models import Participation, Person, Phase, Visibility
from scoring import policies
from tests.factories import PASSWORD, a_challenge, a_person, a_phase, a_standing, a_suite

pytestmark = pytest.mark.django_db

LOGIN = "/api/v1/login/"


def verified(**fields: Any) -> Person:
    person = a_person(**fields)
    EmailAddress.objects.create(user=person, email=person.email, verified=True, primary=True)
    return person


def log_in(email: str, password: str = PASSWORD) -> Any:
    return Client().post(LOGIN, {"email": email, "password": password}, content_type="application/json")


def with_token(token: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def real_limits(settings: Any) -> Iterator[None]:
    """The limits of production instead of the tests' own; counted in a cache that starts empty."""
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": "100/m/ip,5/300s/key"}
    cache.clear()
    yield
    cache.clear()


def test_a_password_gives_a_token_that_expires_and_is_stored_as_a_hash_only() -> None:
    person = verified()
    answer = log_in(person.email)
    assert answer.status_code == 200
    token = answer.json()["token"]
    stored = AuthToken.objects.get(user=person)
    assert token not in (stored.digest, stored.token_key)
    assert stored.expiry is not None
    assert stored.expiry > timezone.now()
    assert with_token(token).get("/api/v1/submissions/").status_code == 200


def test_an_unknown_address_and_a_wrong_password_are_told_alike() -> None:
    person = verified()
    wrong, unknown = log_in(person.email, "no-es-esta-clave"), log_in("nadie@example.org")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.content == unknown.content


def test_an_unconfirmed_address_is_told_only_to_who_knows_the_password() -> None:
    person = a_person()
    EmailAddress.objects.create(user=person, email=person.email, verified=False, primary=True)
    assert log_in(person.email, "no-es-esta-clave").status_code == 401
    answer = log_in(person.email)
    assert answer.status_code == 403
    assert "sin confirmar" in answer.json()["detail"]
    assert not AuthToken.objects.exists()


def test_a_deactivated_account_gets_no_token() -> None:
    person = verified(is_active=False)
    assert log_in(person.email, "no-es-esta-clave").status_code == 401
    assert log_in(person.email).status_code == 403
    assert not AuthToken.objects.exists()


@pytest.mark.usefixtures("real_limits")
def test_guessing_at_one_account_is_stopped_whoever_guesses() -> None:
    person = verified()
    tries = [log_in(person.email, f"intento-{number}") for number in range(6)]
    assert [each.status_code for each in tries] == [401] * 5 + [429]
    assert int(tries[-1].headers["Retry-After"]) > 0
    assert tries[-1].headers["Content-Type"] == "application/problem+json"
    # Even the right password now has to wait, or the limit would tell which one it is.
    assert log_in(person.email).status_code == 429
    assert log_in(verified().email).status_code == 200


def test_guessing_from_one_address_is_stopped_whatever_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    from rest_framework.throttling import ScopedRateThrottle

    cache.clear()
    monkeypatch.setattr(ScopedRateThrottle, "THROTTLE_RATES", {"login": "3/min", "submit": "9/min"})
    tries = [log_in(f"nadie{number}@example.org") for number in range(4)]
    cache.clear()
    assert [each.status_code for each in tries] == [401, 401, 401, 429]
    assert 1 <= int(tries[-1].headers["Retry-After"]) <= 60


def test_after_logout_the_token_opens_nothing() -> None:
    person = verified()
    token = log_in(person.email).json()["token"]
    assert with_token(token).post("/api/v1/logout/").status_code == 204
    assert with_token(token).get("/api/v1/submissions/").status_code == 401


def test_an_expired_token_opens_nothing() -> None:
    person = verified()
    token = log_in(person.email).json()["token"]
    AuthToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    assert with_token(token).get("/api/v1/submissions/").status_code == 401


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer a b", "Bearer ñandú", "Bearer " + "x" * 5000, "Token x", "ÿ"]
)
def test_a_strange_authorization_header_is_refused_not_stumbled_over(header: str) -> None:
    answer = Client(headers={"Authorization": header}).get("/api/v1/submissions/")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"]
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "email"),
        ({"email": "no es un correo", "password": "x"}, "email"),
        ({"email": "a@example.org"}, "password"),
        ({"email": "a@example.org", "password": "x\x00"}, "password"),
        ({"email": "a@example.org", "password": "x" * 5000}, "password"),
        ({"email": "a@example.org", "password": "x", "pasword": "x"}, "pasword"),
        ({"email": ["a@example.org"], "password": {}}, "email"),
    ],
)
def test_a_login_with_wrong_fields_names_them(body: dict[str, Any], field: str) -> None:
    answer = Client().post(LOGIN, body, content_type="application/json")
    assert answer.status_code == 422
    assert field in [each["field"] for each in answer.json()["errors"]]


def test_challenges_are_public_and_unpublished_ones_do_not_exist() -> None:
    phase = a_phase()
    hidden = a_challenge(is_published=False)
    listed = Client().get("/api/v1/challenges/").json()
    assert [each["slug"] for each in listed] == [phase.challenge.slug]
    assert listed[0]["phases"][0]["state"] == "open"
    assert Client().get(f"/api/v1/challenges/{hidden.slug}/").status_code == 404


def test_a_challenge_tells_its_rules_and_public_cases_and_only_counts_the_private_ones() -> None:
    canary = "CANARIO-DE-CASO-PRIVADO"
    secret = {
        "inputs": {"pregunta": canary},
        "expected": canary,
        "group": canary,
        "grader": {"name": "exact", "accept": [canary]},
    }
    phase = a_phase(ranked_cases=[secret, secret])
    answer = Client().get(f"/api/v1/challenges/{phase.challenge.slug}/")
    told = answer.json()["phases"][0]
    assert told["private_case_count"] == 2
    assert [case["key"] for case in told["public_cases"]] == ["p0", "p1"]
    assert told["slots"] == {"pregunta": "La pregunta del caso."}
    assert told["limits"]["attempts_per_day"] == phase.attempts_per_day
    assert told["policy"] == {
        "name": "verde",
        "parameters": phase.policy_parameters,
        "fingerprint": policies.fingerprint("verde", phase.policy_parameters),
    }
    assert canary not in answer.content.decode()


def test_a_private_suite_given_as_feedback_by_mistake_shows_nothing() -> None:
    challenge = a_challenge()
    phase = a_phase(challenge, feedback_suite=a_suite(challenge, visibility=Visibility.PRIVATE))
    told = Client().get(f"/api/v1/challenges/{phase.challenge.slug}/").json()
    assert told["phases"][0]["public_cases"] == []


def join(person: Person, phase: Phase, **body: Any) -> Any:
    _row, token = AuthToken.objects.create(user=person)
    url = f"/api/v1/challenges/{phase.challenge.slug}/join/"
    return with_token(token).post(url, body, content_type="application/json")


def test_joining_needs_the_rules_and_twice_is_once() -> None:
    person, phase = a_person(), a_phase()
    refused = join(person, phase)
    assert (refused.status_code, refused.json()["purposes"]) == (422, ["rules"])
    first, second = join(person, phase, consents=["rules"]), join(person, phase)
    assert first.status_code == second.status_code == 200
    assert first.json() == second.json()
    assert Participation.objects.get().person == person


def test_the_board_is_the_one_everybody_gets_and_304_saves_sending_it_again() -> None:
    standing = a_standing()
    phase = standing.phase
    url = f"/api/v1/challenges/{phase.challenge.slug}/phases/{phase.slug}/board/"
    first = Client().get(url)
    assert first.content == board.build(phase).body
    again = Client().get(url, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    a_standing(phase)
    assert Client().get(url, headers={"If-None-Match": first.headers["ETag"]}).status_code == 200


def test_a_frozen_board_stays_frozen_for_judges_too_when_they_ask_the_api() -> None:
    phase = a_phase(freeze_at=timezone.now() - timedelta(minutes=5))
    a_standing(phase)
    url = f"/api/v1/challenges/{phase.challenge.slug}/phases/{phase.slug}/board/"
    client = with_token(AuthToken.objects.create(user=a_person(is_superuser=True))[1])
    assert json.loads(client.get(url).content)["rows"] == []
