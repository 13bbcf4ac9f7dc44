"""How often each page asks the database: at most ten times, however many submissions there are.

A submission's own page asks up to twelve times: it tells of the queue, of the circuits and of each step too.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from challenges.models import Circuit, State
from tests.contest import Contest, a_contest, as_, submit_fields
from tests.factories import a_person

pytestmark = pytest.mark.django_db

MOST_QUERIES = 10
MOST_OF_A_SUBMISSION = 10


@pytest.fixture
def contest() -> Contest:
    """Thirty-three submissions of one person, three in each state."""
    return a_contest(submissions_each=3)


@pytest.mark.parametrize(
    "address", ["/", "/desafios/{slug}/", "/desafios/{slug}/clasificacion/", "/entrar/", "/registro/"]
)
def test_a_visitors_page(contest: Contest, address: str, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(MOST_QUERIES):
        assert Client().get(address.format(slug=contest.slug)).status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        "/",
        "/desafios/{slug}/",
        "/desafios/{slug}/enviar/",
        "/desafios/{slug}/clasificacion/",
        "/envios/",
        "/perfil/",
        "/perfil/correo/",
        "/perfil/contrasena/",
    ],
)
@pytest.mark.parametrize("is_frozen", [False, True])
def test_a_contestants_page(
    contest: Contest, address: str, is_frozen: bool, django_assert_max_num_queries: Any
) -> None:
    if is_frozen:
        freeze(contest)
    contest.person.groups.add(Group.objects.get(name="jueces"))
    client = as_(contest.person)
    with django_assert_max_num_queries(MOST_QUERIES):
        assert client.get(address.format(slug=contest.slug)).status_code == 200


@pytest.mark.parametrize("state", State.values)
@pytest.mark.parametrize("is_frozen", [False, True])
def test_a_submissions_page(
    contest: Contest, state: str, is_frozen: bool, django_assert_max_num_queries: Any
) -> None:
    if is_frozen:
        freeze(contest)
    Circuit.objects.create(name=Circuit.Name.BACKEND, opened_at=timezone.now())
    client, submission = as_(contest.person), contest.submissions[state]
    for tail in ("", "estado/"):
        with django_assert_max_num_queries(MOST_OF_A_SUBMISSION):
            assert client.get(f"/envios/{submission.pk}/{tail}").status_code == 200


def test_a_newcomer_at_a_challenge(contest: Contest, django_assert_max_num_queries: Any) -> None:
    client = as_(a_person())
    for address in (f"/desafios/{contest.slug}/", f"/desafios/{contest.slug}/enviar/"):
        with django_assert_max_num_queries(MOST_QUERIES):
            client.get(address)


def test_what_is_checked_while_one_writes(contest: Contest, django_assert_max_num_queries: Any) -> None:
    client = as_(contest.person)
    with django_assert_max_num_queries(MOST_QUERIES):
        assert client.post(f"/desafios/{contest.slug}/revisar/", submit_fields()).status_code == 200


def freeze(contest: Contest) -> None:
    contest.phase.freeze_at = timezone.now() - timedelta(minutes=1)
    contest.phase.save()
