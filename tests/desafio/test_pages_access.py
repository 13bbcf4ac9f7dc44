"""Who gets in where: every address of pages and accounts, for every role and method, in one table.

The addresses come from the URL map: a new one without a row fails here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from tests.contest import as_
from tests.factories import a_participation, a_person, a_phase, a_submission

pytestmark = pytest.mark.django_db

ROLES = ("visitor", "newcomer", "contestant", "staff")
METHODS = ("get", "head", "post", "put", "patch", "delete", "options", "trace")

# One status a role, in the order of ROLES. A method that has no row gives 405 to whoever is let in so far.
World = dict[str, Any]
Row = dict[str, tuple[int, int, int, int]]
ALL, LOGIN = (200,) * 4, (302,) * 4
OWN = (302, 200, 200, 200)
# The submission in the address is the contestant's.
MINE = (302, 404, 200, 404)
# It has begun, so that nothing of it is changed here: its author is sent back to its page.
TOO_LATE = (302, 404, 302, 404)
VISITORS = (200, 302, 302, 302)
TRIES = (422, 302, 302, 302)

TABLE: dict[str, Row] = {
    "home": {"get": ALL, "head": ALL},
    "pages:challenge": {"get": ALL, "head": ALL},
    "pages:board": {"get": ALL, "head": ALL},
    "pages:join": {**dict.fromkeys(METHODS, LOGIN), "post": (302, 422, 302, 422)},
    "pages:submit": {"get": (302, 403, 200, 403), "head": (302, 403, 200, 403), "post": (302, 403, 422, 403)},
    "pages:lint": {"post": OWN},
    "pages:submissions": {"get": OWN, "head": OWN},
    "pages:submission": {"get": MINE, "head": MINE},
    "pages:progress": {"get": MINE, "head": MINE},
    # It has no score yet, so there is no curve of it.
    "pages:power": dict.fromkeys(("get", "head"), (302, 404, 404, 404)),
    # It is open still.
    "pages:records": dict.fromkeys(("get", "head"), (404,) * 4),
    "pages:withdraw": dict.fromkeys(("get", "head", "post"), TOO_LATE),
    "accounts:profile": {"get": OWN, "head": OWN},
    "accounts:rename": {**dict.fromkeys(METHODS, LOGIN), "post": (302, 422, 422, 422)},
    "accounts:consent": dict.fromkeys(METHODS, LOGIN),
    "account_signup": {"get": VISITORS, "head": VISITORS, "post": TRIES},
    "account_email_verification_sent": {"get": ALL, "head": ALL},
    "account_confirm_email": {"get": ALL, "head": ALL, "post": (404,) * 4},
    "account_login": {"get": VISITORS, "head": VISITORS, "post": TRIES},
    "account_reauthenticate": {"get": OWN, "head": OWN, "post": (302, 422, 422, 422)},
    "account_logout": {"get": OWN, "head": OWN, "post": LOGIN},
    "account_inactive": {"get": ALL, "head": ALL},
    "account_reset_password": {"get": ALL, "head": ALL, "post": (422,) * 4},
    "account_reset_password_done": {"get": ALL, "head": ALL},
    # A link that is not good any more is told by a page, whatever one does with it.
    "account_reset_password_from_key": dict.fromkeys(METHODS, ALL),
    "account_reset_password_from_key_done": {"get": ALL, "head": ALL},
    "account_change_password": {"get": OWN, "head": OWN, "post": (302, 422, 422, 422)},
    "account_set_password": {"get": ALL, "head": ALL, "post": (422,) * 4},
    "account_email": {"get": OWN, "head": OWN, "post": (302, 302, 302, 302)},
}
# Sent to the login before the method is looked at.
BEHIND_THE_LOGIN = {
    "pages:lint",
    "pages:submissions",
    "pages:submission",
    "pages:progress",
    "pages:power",
    "pages:withdraw",
    "accounts:profile",
    "account_reauthenticate",
    "account_change_password",
    "account_email",
}
# allauth sends whoever is logged in away from the forms of visitors, whatever the method.
SENT_AWAY = {"account_signup", "account_login"}
ANSWERS_OPTIONS = {name for name in TABLE if name.startswith("account_")}


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """One world for the whole table: no address of it is asked for anything that would change a row."""
    with django_db_blocker.unblock(), transaction.atomic():
        phase = a_phase()
        contestant = a_participation(phase)
        yield {
            "phase": phase,
            "submission": a_submission(phase, participation=contestant, state="RUNNING"),
            "visitor": None,
            "newcomer": a_person(),
            "contestant": contestant.person,
            "staff": a_person(is_staff=True, is_superuser=True),
        }
        transaction.set_rollback(True)


def names_of(modules: tuple[str, ...]) -> set[str]:
    return {name for name, module in _named(get_resolver().url_patterns) if module.startswith(modules)}


def _named(patterns: Sequence[URLPattern | URLResolver], above: str = "") -> Iterator[tuple[str, str]]:
    for each in patterns:
        if isinstance(each, URLResolver):
            yield from _named(each.url_patterns, f"{above}{each.namespace}:" if each.namespace else above)
        elif each.name:
            view = getattr(each.callback, "view_class", each.callback)
            yield f"{above}{each.name}", view.__module__


def address(name: str, world: World) -> str:
    slug, pk = world["phase"].challenge.slug, world["submission"].pk
    of_a_challenge = {"pages:challenge", "pages:board", "pages:join", "pages:submit", "pages:lint"}
    arguments: dict[str, list[Any]] = {
        "pages:submission": [pk],
        "pages:progress": [pk],
        "pages:power": [pk, 1],
        "pages:records": [slug, world["phase"].slug, 1],
        "pages:withdraw": [pk],
        "accounts:consent": ["news"],
        "account_confirm_email": ["no-vale"],
        "account_reset_password_from_key": ["1", "no-vale"],
    }
    return reverse(name, args=[slug] if name in of_a_challenge else arguments.get(name))


def client_of(role: str, world: World) -> Client:
    return as_(world[role]) if world[role] else Client()


def test_every_address_has_a_row() -> None:
    assert names_of(("desafio.pages", "desafio.accounts", "allauth")) == set(TABLE)


@pytest.mark.parametrize("name", TABLE)
def test_an_address_answers_each_role_as_written(name: str, world: World) -> None:
    path = address(name, world)
    found = {
        method: tuple(getattr(client_of(role, world), method)(path).status_code for role in ROLES)
        for method in METHODS
    }
    assert found == {method: expected(name, method) for method in METHODS}


def expected(name: str, method: str) -> tuple[int, int, int, int]:
    if method in TABLE[name]:
        return TABLE[name][method]
    refused = 200 if method == "options" and name in ANSWERS_OPTIONS else 405
    if name in SENT_AWAY:
        return (refused, 302, 302, 302)
    return (302 if name in BEHIND_THE_LOGIN else refused, refused, refused, refused)
