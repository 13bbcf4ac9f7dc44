"""Pages for what goes wrong: each says in Spanish what happened and where to go, whoever asks."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.contest import PASSWORD, Answer, a_broken_phase, as_, sign_up_fields
from tests.factories import a_person, a_phase
from tests.web_page import Page, read

pytestmark = pytest.mark.django_db


def page_of(answer: Answer, status: int) -> Page:
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    page = read(answer.content)
    assert page.main.all("a")[-1].get("href") == "/"
    return page


def test_an_address_that_does_not_exist() -> None:
    for client in (Client(), as_(a_person())):
        assert "Esta página no existe" in page_of(client.get("/no/existe/"), 404).title


def test_a_page_that_one_may_not_see() -> None:
    assert "No puedes ver esta página" in page_of(as_(a_person()).get("/jurado/"), 403).title


def test_a_form_without_its_token_keeps_nobody_from_saving_the_text() -> None:
    client = Client(enforce_csrf_checks=True)
    page = page_of(client.post("/entrar/", {"login": "a@b.es", "password": PASSWORD}), 403)
    assert "El formulario ha caducado" in page.title
    assert "copia lo que hayas escrito" in page.text


@pytest.mark.parametrize(
    "address",
    ["/entrar/", "/registro/", "/contrasena/", "/salir/", "/perfil/nombre/", "/perfil/consentimientos/news/"],
)
def test_every_form_asks_for_its_token(address: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(a_person())
    assert client.post(address, sign_up_fields()).status_code == 403


def test_the_forms_of_a_challenge_ask_for_their_token_too() -> None:
    slug = a_phase().challenge.slug
    client = Client(enforce_csrf_checks=True)
    client.force_login(a_person())
    for tail in ("unirse", "enviar", "revisar"):
        assert client.post(f"/desafios/{slug}/{tail}/", {"consent_rules": "on"}).status_code == 403


def test_a_token_of_the_page_is_taken() -> None:
    client = Client(enforce_csrf_checks=True)
    token = read(client.get("/registro/").content).value("csrfmiddlewaretoken")
    answer = client.post("/registro/", sign_up_fields(csrfmiddlewaretoken=token))
    assert answer.status_code == 302


def test_a_host_that_is_not_ours_gets_a_page_and_no_echo() -> None:
    page = page_of(Client().get("/", headers={"host": "malo.example"}), 400)
    assert "No hemos entendido la petición" in page.title
    assert "malo.example" not in page.text


def test_a_fault_of_ours_needs_nothing_that_may_be_broken() -> None:
    phase = a_broken_phase()
    client = Client(raise_request_exception=False)
    client.force_login(a_person())
    page = page_of(client.get(f"/desafios/{phase.challenge.slug}/"), 500)
    assert "Algo ha fallado por nuestra parte" in page.title
    assert "No se ha perdido ningún envío guardado." in page.text
    assert page.root.all("nav")[0].text == ""


def test_health_says_that_the_database_answers() -> None:
    answer = Client().get("/salud/")
    assert (answer.status_code, answer.content) == (200, b"ok\n")
    assert "no-store" in answer.headers["Cache-Control"]


def test_a_phase_whose_policy_is_wrong_takes_no_page_down_with_it() -> None:
    phase = a_phase(policy_parameters={"q_min": "mucha"})
    for address in ("/", f"/desafios/{phase.challenge.slug}/"):
        assert Client().get(address).status_code == 200
