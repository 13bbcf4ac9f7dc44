"""Logging in and out, a new password by the link of a mail, another address: and nobody is sent elsewhere."""

from __future__ import annotations

import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.test import Client

from challenges.models import Person
from tests.contest import PASSWORD, as_, sign_up_fields
from tests.factories import a_person as a_person_without_address
from tests.factories import a_phase
from tests.web_page import read

pytestmark = pytest.mark.django_db

NEW_PASSWORD = "otro-paraguas-azul-8"
LINK = re.compile(r"http://testserver(/\S+)")
ELSEWHERE = [
    "https://malo.example/",
    "//malo.example/",
    "///malo.example",
    "/\\malo.example",
    "\\\\malo.example",
    "http:malo.example",
    "javascript:alert(1)",
    "https:/malo.example",
    "/\t/malo.example",
]


def a_person(**fields: Any) -> Person:
    """An account with ``PASSWORD`` whose address is proved."""
    person = a_person_without_address(**fields)
    person.set_password(PASSWORD)
    person.save()
    EmailAddress.objects.create(user=person, email=person.email, verified=True, primary=True)
    return person


def log_in(person: Person, client: Client | None = None, **fields: Any) -> Any:
    posted = {"login": person.email, "password": PASSWORD, **fields}
    return (client or Client()).post("/entrar/", posted)


# --- in and out -------------------------------------------------------------------------------------------


def test_whoever_knows_the_password_is_in() -> None:
    client, person = Client(), a_person()
    answer = log_in(person, client)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    page = read(client.get("/").content)
    assert "Has entrado." in page.text
    assert "Salir" in page.text


def test_a_session_gets_a_new_name_at_the_login() -> None:
    """Whoever planted the old one must not be in too."""
    client, person = Client(), a_person()
    client.post(f"/desafios/{a_phase().challenge.slug}/enviar/", {"user": "x"})
    before = client.cookies["sessionid"].value
    log_in(person, client)
    assert client.cookies["sessionid"].value != before


def test_a_session_lasts_longer_only_for_who_asks() -> None:
    for remember, lasts in (({}, False), ({"remember": "on"}, True)):
        client = Client()
        log_in(a_person(), client, **remember)
        assert bool(client.cookies["sessionid"]["max-age"]) is lasts


def test_logging_out_takes_a_post() -> None:
    client = as_(a_person())
    page = read(client.get("/salir/").content)
    assert "¿Quieres cerrar la sesión en este navegador?" in page.text
    assert client.get("/perfil/").status_code == 200
    answer = client.post("/salir/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert client.get("/perfil/").status_code == 302


def test_a_wrong_password_and_an_unknown_address_are_told_alike() -> None:
    known = log_in(a_person(), password="no-es-esta-clave")
    unknown = Client().post("/entrar/", {"login": "nadie@example.org", "password": "no-es-esta-clave"})
    assert (known.status_code, unknown.status_code) == (422, 422)
    told = [read(answer.content).main.with_class("problems")[0].text for answer in (known, unknown)]
    assert told[0] == told[1]
    assert "El correo o la contraseña no son correctos." in told[0]
    assert PASSWORD not in known.content.decode()


def test_an_account_that_is_switched_off_stays_out() -> None:
    client, person = Client(), a_person(is_active=False)
    assert log_in(person, client).headers["Location"] == "/cuenta-desactivada/"
    assert client.get("/perfil/").status_code == 302


def test_a_page_behind_the_login_is_where_one_arrives() -> None:
    client, person = Client(), a_person()
    asked = client.get("/envios/?pagina=2")
    assert asked.headers["Location"] == "/entrar/?next=/envios/%3Fpagina%3D2"
    form = read(client.get(asked.headers["Location"]).content)
    assert form.value("next") == "/envios/?pagina=2"
    assert log_in(person, client, next="/envios/?pagina=2").headers["Location"] == "/envios/?pagina=2"


@pytest.mark.parametrize("target", ELSEWHERE)
def test_nobody_is_sent_elsewhere(target: str, mailoutbox: list[Any]) -> None:
    person = a_person()
    assert log_in(person, next=target).headers["Location"] == "/"
    assert as_(person).get("/entrar/", {"next": target}).headers["Location"] == "/"
    assert as_(person).post("/salir/", {"next": target}).headers["Location"] == "/"
    assert (
        as_(person).post("/entrar/otra-vez/", {"password": PASSWORD, "next": target}).headers["Location"]
        == "/"
    )
    client = Client()
    client.post("/registro/", sign_up_fields(next=target))
    link = LINK.search(mailoutbox[-1].body)
    assert link
    assert client.post(link[1]).headers["Location"] == "/"


# --- a new password ---------------------------------------------------------------------------------------


def ask_for_a_link(email: str) -> Any:
    return Client().post("/contrasena/", {"email": email})


def test_the_link_of_the_mail_gives_a_new_password(mailoutbox: list[Any]) -> None:
    person = a_person()
    elsewhere = as_(person)
    answer = ask_for_a_link(person.email)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/contrasena/enviada/")
    (message,) = mailoutbox
    assert message.subject == "[Desafío ALIA] Elige una contraseña nueva"
    link = LINK.search(message.body)
    assert link
    client = Client()
    form = client.get(link[1])
    # The link's secret is taken out of the address, where a referrer or a history would keep it.
    person_part = link[1].removeprefix("/contrasena/nueva/").split("-")[0]
    assert form.headers["Location"] == f"/contrasena/nueva/{person_part}-set-password/"
    posted = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    assert client.post(form.headers["Location"], posted).headers["Location"] == "/contrasena/cambiada/"
    assert log_in(person).status_code == 422
    assert log_in(person, password=NEW_PASSWORD).status_code == 302
    assert elsewhere.get("/perfil/").status_code == 302
    used = Client().get(link[1])
    assert "Este enlace no vale: ha caducado o ya se ha usado." in read(used.content).text


def test_a_weak_or_mistyped_new_password_is_told(mailoutbox: list[Any]) -> None:
    ask_for_a_link(a_person().email)
    link = LINK.search(mailoutbox[0].body)
    assert link
    client = Client()
    form = client.get(link[1]).headers["Location"]
    for first, second, field in (
        ("corta", "corta", "password1"),
        (NEW_PASSWORD, "otra-distinta-1", "password2"),
    ):
        answer = client.post(form, {"password1": first, "password2": second})
        assert answer.status_code == 422
        assert read(answer.content).errors_of(field)


def test_asking_for_a_link_tells_nobody_whether_an_address_has_an_account(mailoutbox: list[Any]) -> None:
    known, unknown = ask_for_a_link(a_person().email), ask_for_a_link("nadie@example.org")
    assert (known.status_code, known.headers["Location"]) == (
        unknown.status_code,
        unknown.headers["Location"],
    )
    assert [message.subject for message in mailoutbox] == [
        "[Desafío ALIA] Elige una contraseña nueva",
        "[Desafío ALIA] No tienes cuenta con esta dirección",
    ]


def test_the_password_is_changed_by_who_knows_the_old_one() -> None:
    person = a_person()
    client, elsewhere = as_(person), as_(person)
    posted = {"oldpassword": "no-es-esta", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    refused = client.post("/perfil/contrasena/", posted)
    assert refused.status_code == 422
    assert read(refused.content).errors_of("oldpassword") == ["Escribe tu contraseña actual."]
    answer = client.post("/perfil/contrasena/", {**posted, "oldpassword": PASSWORD})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/perfil/")
    assert client.get("/perfil/").status_code == 200
    assert elsewhere.get("/perfil/").status_code == 302


# --- another address --------------------------------------------------------------------------------------


def test_another_address_counts_once_it_is_proved(mailoutbox: list[Any]) -> None:
    person = a_person()
    client = as_(person)
    log_in(person, client)
    client.post("/perfil/correo/", {"email": "nueva@example.org", "action_add": ""})
    assert not EmailAddress.objects.get(email="nueva@example.org").verified
    assert "sin confirmar" in read(client.get("/perfil/correo/").content).text
    link = LINK.search(mailoutbox[-1].body)
    assert link
    client.post(link[1])
    client.post("/perfil/correo/", {"email": "nueva@example.org", "action_primary": ""})
    person.refresh_from_db()
    assert person.email == "nueva@example.org"


def test_adding_an_address_tells_nobody_whether_it_has_an_account() -> None:
    other = a_person()
    person = a_person()
    answers = []
    for email in (other.email, "nadie@example.org"):
        client = Client()
        log_in(person, client)
        answer = client.post("/perfil/correo/", {"email": email, "action_add": ""})
        answers.append((answer.status_code, answer.headers.get("Location")))
    assert answers[0] == answers[1]
