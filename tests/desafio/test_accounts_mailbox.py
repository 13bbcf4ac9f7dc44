"""The demo's mailbox: a page shows the link that a sign-up's mail would have brought, and no other mail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.mail import send_mail
from django.test import Client

from desafio.accounts import mailbox
from tests.contest import sign_up_fields
from tests.factories import a_person
from tests.web_page import Page, read

pytestmark = pytest.mark.django_db

EMAIL = "lucia@example.org"


@pytest.fixture(autouse=True)
def a_demo(settings: Any, tmp_path: Path) -> None:
    settings.SHOW_MAIL_ON_PAGE = True
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path / "mail")


def page_after(client: Client) -> Page:
    return read(client.get("/registro/correo-enviado/").content)


def test_the_link_is_on_the_page_and_works() -> None:
    client = Client()
    client.post("/registro/", sign_up_fields())
    page = page_after(client)
    assert "Esto es una demostración" in page.text
    (link,) = [each.get("href") for each in page.main.all("a")]
    assert client.post(link).status_code == 302
    assert client.get("/perfil/").status_code == 200


def test_a_browser_that_typed_nothing_sees_no_link() -> None:
    Client().post("/registro/", sign_up_fields())
    page = page_after(Client())
    assert page.main.all("a") == []
    assert "no hay ningún enlace que enseñar" in page.text


def test_a_link_for_a_new_password_is_never_shown() -> None:
    a_person(EMAIL)
    client = Client()
    client.post("/contrasena/", {"email": EMAIL})
    client.post("/registro/", sign_up_fields())
    assert page_after(client).main.all("a") == []


def test_of_several_mails_the_newest_link_counts_and_a_mail_without_one_hides_none() -> None:
    client = Client()
    client.post("/registro/", sign_up_fields())
    link = mailbox.confirmation_link(EMAIL)
    send_mail("Aviso", "Sin enlace.", None, [EMAIL])
    assert link is not None
    assert mailbox.confirmation_link(EMAIL) == link


@pytest.mark.parametrize(
    "address", ["", "ucia@example.org", "lucia@example.or", "xlucia@example.org", "example"]
)
def test_part_of_an_address_is_not_the_address(address: str) -> None:
    Client().post("/registro/", sign_up_fields())
    assert mailbox.confirmation_link(EMAIL) is not None
    assert mailbox.confirmation_link(EMAIL.upper()) is not None
    assert mailbox.confirmation_link(address) is None


def test_outside_a_demo_no_mail_is_shown(settings: Any) -> None:
    settings.SHOW_MAIL_ON_PAGE = False
    client = Client()
    client.post("/registro/", sign_up_fields())
    page = page_after(client)
    assert page.main.all("a") == []
    assert "demostración" not in page.text


def test_before_any_mail_there_is_no_folder_and_no_link() -> None:
    assert mailbox.confirmation_link(EMAIL) is None
