"""Who gets in where: every address of API, judges and admin, for every role and method, in one table.

The addresses come from the URL map: a new one without a row fails here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from challenges.models import Person
from tests.factories import PROMPT, a_participation, a_person, a_phase, a_submission

pytestmark = pytest.mark.django_db

ROLES = ("anonymous", "contestant", "judge", "organizer", "superuser")
METHODS = ("get", "post", "put", "delete")

# One status a role, in the order of ROLES. A method that is not here must give 405 (or what "any" says).
Row = dict[str, tuple[int, int, int, int, int]]
EVERYBODY = (200,) * 5
KNOWN_PEOPLE = (401, 200, 200, 200, 200)
JUDGES = (302, 403, 200, 403, 200)
NO_RECORDS = (302, 403, 404, 403, 404)

TABLE: dict[str, Row] = {
    "api:login": {"post": (422,) * 5},
    "api:logout": {"post": (401, 401, 401, 401, 401)},  # a session is no token
    "api:challenges": {"get": EVERYBODY},
    "api:challenge": {"get": EVERYBODY},
    "api:join": {"post": KNOWN_PEOPLE},
    "api:board": {"get": EVERYBODY},
    "api:kind-schema": {"get": EVERYBODY},
    "api:quota": {"get": (401, 200, 403, 403, 403)},
    "api:submissions": {"get": KNOWN_PEOPLE, "post": (401, 400, 400, 400, 400)},
    "api:check": {"post": KNOWN_PEOPLE},
    "api:expect": {"post": KNOWN_PEOPLE},
    "api:submission": {"get": (401, 200, 404, 404, 404)},
    "api:withdraw": {"post": (401, 200, 404, 404, 404)},
    "api:schema": {"get": EVERYBODY},
    "api:docs": {"get": EVERYBODY},
    "api:nowhere": {method: (404,) * 5 for method in METHODS},
    "jury:home": {"get": JUDGES},
    "jury:board": {"get": JUDGES},
    "jury:export": {"get": (302, 403, 405, 403, 405), "post": JUDGES},
    # There is no record yet.
    "jury:records": {"get": NO_RECORDS},
}
# Refused before the method is looked at.
BEHIND_A_DOOR = dict.fromkeys(("jury:home", "jury:board", "jury:export", "jury:records"), JUDGES)


@pytest.fixture
def world() -> dict[str, Any]:
    phase = a_phase()
    participation = a_participation(phase)
    submission = a_submission(phase, participation=participation)
    judge = a_person()
    judge.user_permissions.add(Permission.objects.get(codename="export_ranking"))
    organizer = a_person(is_staff=True)
    organizer.user_permissions.set(
        Permission.objects.filter(content_type__app_label="challenges").exclude(codename="export_ranking")
    )
    return {
        "phase": phase,
        "submission": submission,
        "anonymous": None,
        "contestant": participation.person,
        "judge": judge,
        "organizer": organizer,
        "superuser": a_person(is_staff=True, is_superuser=True),
    }


def names_below(namespace: str) -> set[str]:
    """Every name in the URL map of one door, with its namespace."""
    resolvers = [each for each in get_resolver().url_patterns if isinstance(each, URLResolver)]
    door = next(each for each in resolvers if each.namespace == namespace)
    return {f"{namespace}:{name}" for name in _names(door.url_patterns)}


def _names(patterns: Sequence[URLPattern | URLResolver]) -> Iterator[str]:
    for each in patterns:
        if isinstance(each, URLResolver):
            yield from _names(each.url_patterns)
        elif each.name:
            yield each.name


def address(name: str, world: dict[str, Any]) -> str:
    phase = world["phase"]
    arguments: dict[str, list[Any]] = {
        "api:challenge": [phase.challenge.slug],
        "api:join": [phase.challenge.slug],
        "api:board": [phase.challenge.slug, phase.slug],
        "api:kind-schema": ["pipeline"],
        "api:quota": [phase.challenge.slug, phase.slug],
        "api:submission": [world["submission"].pk],
        "api:withdraw": [world["submission"].pk],
        "jury:board": [phase.challenge.slug, phase.slug],
        "jury:export": [phase.challenge.slug, phase.slug],
        "jury:records": [phase.challenge.slug, phase.slug],
    }
    return "/api/nada/" if name == "api:nowhere" else reverse(name, args=arguments.get(name))


def body(name: str, world: dict[str, Any]) -> dict[str, Any]:
    phase = world["phase"]
    if name in ("api:check", "api:expect"):
        return {"challenge": phase.challenge.slug, "phase": phase.slug, "content": PROMPT}
    return {"consents": ["rules"]} if name == "api:join" else {}


def client_of(person: Person | None) -> Client:
    client = Client()
    if person is not None:
        client.force_login(person)
    return client


def test_every_address_has_a_row() -> None:
    assert names_below("api") | names_below("jury") == set(TABLE)


@pytest.mark.parametrize("name", TABLE)
def test_an_address_answers_each_role_as_written(name: str, world: dict[str, Any]) -> None:
    found: dict[tuple[str, str], int] = {}
    expected: dict[tuple[str, str], int] = {}
    for position, role in enumerate(ROLES):
        client = client_of(world[role])
        for method in METHODS:
            sent = {"data": body(name, world), "content_type": "application/json"} if method != "get" else {}
            found[role, method] = getattr(client, method)(address(name, world), **sent).status_code
            expected[role, method] = _expected(name, method, position)
    assert found == expected


def _expected(name: str, method: str, position: int) -> int:
    row = TABLE[name]
    if method in row:
        return row[method][position]
    if name in BEHIND_A_DOOR:
        return 405 if BEHIND_A_DOOR[name][position] == 200 else BEHIND_A_DOOR[name][position]
    return 401 if any(statuses[position] == 401 for statuses in row.values()) else 405


@pytest.mark.parametrize("url", ["/gestion/", "/gestion/challenges/"])
def test_the_admin_is_for_organizers(url: str, world: dict[str, Any]) -> None:
    found = tuple(client_of(world[role]).get(url).status_code for role in ROLES)
    # Who is logged in but is no organizer is sent to the login, which answers 403.
    assert found == (302, 302, 302, 200, 200)
    for role in ("contestant", "judge"):
        assert client_of(world[role]).get(url, follow=True).status_code == 403


def test_every_page_of_the_admin_refuses_who_is_no_organizer(world: dict[str, Any]) -> None:
    resolver = next(
        each
        for each in get_resolver().url_patterns
        if isinstance(each, URLResolver) and each.namespace == "admin"
    )
    arguments = {
        "object_id": "1",
        "content_type_id": 1,
        "app_label": "challenges",
        "url": "x",
        "id": "1",
        "pk": 1,
        "path": "x",
    }
    for name in set(_names(resolver.url_patterns)) - {"login", "logout"}:
        url = _reversed(f"admin:{name}", arguments)
        for role in ("anonymous", "contestant", "judge"):
            status = client_of(world[role]).get(url).status_code
            assert status in (302, 403, 404), (name, role, status)


def _reversed(name: str, arguments: dict[str, Any]) -> str:
    wanted = (
        get_resolver("desafio.urls").namespace_dict["admin"][1].reverse_dict.getlist(name.partition(":")[2])
    )
    parameters = wanted[0][0][0][1]
    return reverse(name, kwargs={each: arguments[each] for each in parameters})
