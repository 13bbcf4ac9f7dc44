"""Whoever tries too often waits, and reads in Spanish for how long. The limits are those of production."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core.cache import cache
from django.test import Client

from tests.contest import PASSWORD, Answer, as_, sign_up_fields
from tests.factories import a_person
from tests.web_page import read

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def limits_of_production() -> Any:
    """``ACCOUNT_RATE_LIMITS`` as a process reads it where no variable says anything else."""
    env = {name: value for name, value in os.environ.items() if name != "ACCOUNT_RATE_LIMITS"}
    env |= {
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'platform'}",
        "DJANGO_SETTINGS_MODULE": "desafio.settings",
    }
    code = "import json; from django.conf import settings; print(json.dumps(settings.ACCOUNT_RATE_LIMITS))"
    ended = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    return json.loads(ended.stdout)


@pytest.fixture(autouse=True)
def limits(settings: Any, limits_of_production: Any) -> Iterator[Any]:
    settings.ACCOUNT_RATE_LIMITS = limits_of_production
    cache.clear()
    yield limits_of_production
    cache.clear()


def too_many(answer: Answer, words: str) -> None:
    page = read(answer.content)
    assert answer.status_code == 429
    assert "Demasiados intentos seguidos" in page.title
    assert words in page.text
    assert int(answer.headers["Retry-After"]) == 60


def first_refused(post: Callable[[int], Answer], *, most: int) -> tuple[int, Answer]:
    for number in range(most):
        answer = post(number)
        if answer.status_code == 429:
            return number, answer
    raise AssertionError(f"{most} times, and never refused")


def test_logins_from_one_place(limits: Any, settings: Any) -> None:
    assert limits["login"] == "30/m/ip"
    # The limit on failures would speak before it: not ten in a minute from one place.
    settings.ACCOUNT_RATE_LIMITS = {**limits, "login_failed": ""}
    number, answer = first_refused(
        lambda number: Client().post("/entrar/", {"login": f"n{number}@example.org", "password": "x"}),
        most=31,
    )
    assert number == 30
    too_many(answer, "Puedes volver a intentarlo dentro de 1 minuto.")
    assert Client().get("/entrar/").status_code == 200


def test_wrong_passwords_for_one_account() -> None:
    person = a_person()
    EmailAddress.objects.create(user=person, email=person.email, verified=True, primary=True)
    number, answer = first_refused(
        lambda _number: Client().post("/entrar/", {"login": person.email, "password": "no-es-esta"}), most=6
    )
    assert number == 5
    assert "Demasiados intentos fallidos. Espera 5 minutos" in read(answer.content).text
    # Nor does the right one help now: a guesser must not learn that it was right.
    answer = Client().post("/entrar/", {"login": person.email, "password": "una-clave-larga-de-prueba"})
    assert answer.status_code == 429


def test_sign_ups_from_one_place(limits: Any) -> None:
    assert limits["signup"] == "20/m/ip"
    number, answer = first_refused(lambda _number: Client().post("/registro/", {"email": "no"}), most=21)
    assert number == 20
    too_many(answer, "Puedes volver a intentarlo dentro de 1 minuto.")


def test_links_for_one_address(mailoutbox: list[Any], limits: Any) -> None:
    assert limits["reset_password"] == "20/m/ip,5/m/key"
    email = a_person().email
    number, answer = first_refused(lambda _number: Client().post("/contrasena/", {"email": email}), most=6)
    assert number == 5
    too_many(answer, "dentro de 1 minuto.")
    assert len(mailoutbox) == 5


def test_verification_mails_to_one_address(mailoutbox: list[Any]) -> None:
    """Two sign-ups within ten seconds send one mail: nobody's inbox is filled through us."""
    for name in ("Lucía", "Otra"):
        assert Client().post("/registro/", sign_up_fields(board_name=name)).status_code == 302
    assert len(mailoutbox) == 1


def test_changes_of_a_password_by_one_person() -> None:
    client = as_(a_person())
    posted = {"oldpassword": "x", "password1": PASSWORD, "password2": PASSWORD}
    number, answer = first_refused(lambda _number: client.post("/perfil/contrasena/", posted), most=6)
    assert number == 5
    too_many(answer, "dentro de 1 minuto.")
