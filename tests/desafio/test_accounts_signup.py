"""Signing up: consents one by one, a name of one's own, a proved address, and nothing told to a guesser."""

from __future__ import annotations

import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.test import Client

from challenges.models import Consent, Person, Purpose
from tests.contest import PASSWORD, Answer, as_, sign_up_fields
from tests.factories import a_participation, a_person, a_phase
from tests.in_parallel import errors_in, in_parallel
from tests.web_page import read

pytestmark = pytest.mark.django_db

EMAIL = "lucia@example.org"
LINK = re.compile(r"http://testserver(/\S+)")


def sign_up(client: Client | None = None, **changes: Any) -> Answer:
    return (client or Client()).post("/registro/", sign_up_fields(**changes))


def link_in(message: Any) -> str:
    found = LINK.search(message.body)
    assert found, message.body
    return found[1]


def verify(client: Client, message: Any) -> Answer:
    """Open the link of the message and press its button."""
    link = link_in(message)
    assert "Sí, es mi dirección" in client.get(link).content.decode()
    return client.post(link)


# --- from the form to the first page ----------------------------------------------------------------------


def test_a_person_signs_up_proves_the_address_and_is_in(mailoutbox: list[Any]) -> None:
    client = Client()
    answer = sign_up(client)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/registro/correo-enviado/")
    assert (
        "Hemos enviado un mensaje a lucia@example.org."
        in read(client.get("/registro/correo-enviado/").content).text
    )
    (message,) = mailoutbox
    assert (message.to, message.subject) == ([EMAIL], "[Desafío ALIA] Confirma tu dirección de correo")
    assert client.get("/perfil/").status_code == 302
    assert verify(client, message).status_code == 302
    page = read(client.get("/perfil/").content)
    assert page.value("board_name") == "Lucía"
    assert EMAIL in page.text


def test_without_proof_of_the_address_nobody_gets_in(mailoutbox: list[Any]) -> None:
    sign_up()
    client = Client()
    answer = client.post("/entrar/", {"login": EMAIL, "password": PASSWORD})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/registro/correo-enviado/")
    assert client.get("/perfil/").status_code == 302
    verify(Client(), mailoutbox[0])
    assert client.post("/entrar/", {"login": EMAIL, "password": PASSWORD}).headers["Location"] == "/"
    assert client.get("/perfil/").status_code == 200


def test_the_link_opened_elsewhere_proves_the_address_and_lets_nobody_in(mailoutbox: list[Any]) -> None:
    sign_up()
    stranger = Client()
    verify(stranger, mailoutbox[0])
    assert EmailAddress.objects.get(email=EMAIL).verified
    assert stranger.get("/perfil/").status_code == 302


def test_reading_the_link_alone_proves_nothing(mailoutbox: list[Any]) -> None:
    """Mail scanners open every link."""
    sign_up()
    Client().get(link_in(mailoutbox[0]))
    assert not EmailAddress.objects.get(email=EMAIL).verified


def test_whoever_came_from_a_challenge_is_taken_back_to_it(mailoutbox: list[Any]) -> None:
    here = f"/desafios/{a_phase().challenge.slug}/"
    client = Client()
    assert read(client.get("/registro/", {"next": here}).content).value("next") == here
    sign_up(client, next=here)
    assert verify(client, mailoutbox[0]).headers["Location"] == here


def test_the_password_is_kept_as_an_argon2_hash() -> None:
    sign_up()
    person = Person.objects.get(email=EMAIL)
    assert person.password.startswith("argon2$argon2id$")
    assert person.check_password(PASSWORD)


def test_an_address_is_one_whatever_the_case_of_its_letters(mailoutbox: list[Any]) -> None:
    sign_up(email="LUCIA@Example.ORG")
    assert Person.objects.get().email == EMAIL
    verify(Client(), mailoutbox[0])
    client = Client()
    client.post("/entrar/", {"login": "Lucia@example.org", "password": PASSWORD})
    assert client.get("/perfil/").status_code == 200


# --- consents ---------------------------------------------------------------------------------------------


def test_no_box_is_ticked_and_each_says_whether_it_is_needed() -> None:
    page = read(Client().get("/registro/").content)
    boxes = [page.field(f"consent_{purpose}") for purpose in Purpose.values]
    assert [box for box in boxes if "checked" in box.attributes] == []
    assert [each.text for each in page.main.all("em")] == [
        "(necesario)",
        "(opcional)",
        "(opcional)",
        "(opcional)",
    ]


def test_each_consent_is_stored_by_itself_with_the_text_that_was_read() -> None:
    sign_up(consent_publish_prompt=None, consent_news=None)
    given = {consent.purpose: consent for consent in Consent.objects.all()}
    assert set(given) == {Purpose.RULES, Purpose.PUBLISH_NAME}
    assert {purpose: consent.text for purpose, consent in given.items()} == {
        "rules": "Acepto las bases del desafío.",
        "publish_name": "Acepto que mi nombre de la clasificación sea público.",
    }
    assert all(consent.given_at and not consent.withdrawn_at for consent in given.values())


def test_only_the_rules_are_needed() -> None:
    """GDPR art. 7(4): refusing the rest must not cost the account."""
    optional = ("publish_name", "publish_prompt", "news")
    answer = sign_up(**{f"consent_{purpose}": None for purpose in optional})
    assert answer.status_code == 302
    assert [consent.purpose for consent in Consent.objects.all()] == ["rules"]


def test_without_the_rules_nothing_is_stored_and_everything_typed_stays() -> None:
    answer = sign_up(consent_rules=None)
    page = read(answer.content)
    assert answer.status_code == 422
    assert page.errors_of("consent_rules") == ["Para registrarte hace falta que marques esta casilla."]
    assert (page.value("email"), page.value("board_name")) == (EMAIL, "Lucía")
    assert "checked" in page.field("consent_news").attributes
    assert page.value("password1") == ""
    assert not Person.objects.exists()
    assert not Consent.objects.exists()


# --- names and passwords ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("x", "Es demasiado corto: necesita al menos 2 caracteres."),
        ("x" * 41, "Tiene 41 caracteres y el máximo es 40. Acórtalo."),
        ("   ", "Falta. Escríbelo para poder seguir."),
        ("Ana\u202eaná", "Hay un carácter que cambia la dirección de lectura (U+202E, columna 4)."),
        ("Lu\u200bcía", "Hay un carácter invisible (U+200B, columna 3)."),
        ("ana", "Ya lo usa otra persona. Elige otro."),
        ("ANA", "Ya lo usa otra persona. Elige otro."),
        ("  ana ", "Ya lo usa otra persona. Elige otro."),
    ],
)
def test_a_name_that_cannot_be_is_refused_in_words(name: str, sentence: str) -> None:
    a_person(board_name="Ana")
    answer = sign_up(board_name=name)
    (told,) = read(answer.content).errors_of("board_name")
    assert answer.status_code == 422
    assert told.startswith(sentence)
    assert Person.objects.count() == 1


def test_a_name_is_stored_tidy() -> None:
    sign_up(board_name="  Lucía   de  Vigo ")
    assert Person.objects.get().board_name == "Lucía de Vigo"


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"password1": "corta", "password2": "corta"}, "password1", "La contraseña es demasiado corta."),
        ({"password1": "1234567890", "password2": "1234567890"}, "password1", "Esta contraseña es demasiado"),
        ({"password2": "otra-cosa-distinta"}, "password2", "Las dos contraseñas no son iguales."),
        ({"email": "lucia"}, "email", "Escribe una dirección de correo completa, como nombre@ejemplo.es."),
        ({"email": ""}, "email", "Falta. Escríbelo para poder seguir."),
    ],
)
def test_each_other_mistake_is_told_under_its_field(
    changes: dict[str, Any], field: str, sentence: str
) -> None:
    answer = sign_up(**changes)
    page = read(answer.content)
    assert answer.status_code == 422
    assert page.errors_of(field)[0].startswith(sentence)
    (box,) = [each for each in page.main.with_class("problems") if each.get("role") == "alert"]
    assert box.all("a")[0].get("href") == f"#id_{field}"
    assert not Person.objects.exists()


def test_a_password_like_the_address_is_refused() -> None:
    page = read(sign_up(password1="lucia@example", password2="lucia@example").content)
    assert "demasiado similar" in page.errors_of("password1")[0]


# --- guessers and hurried hands ---------------------------------------------------------------------------


def test_a_sign_up_tells_nobody_whether_an_address_has_an_account(mailoutbox: list[Any]) -> None:
    EmailAddress.objects.create(user=a_person(EMAIL), email=EMAIL, verified=True, primary=True)
    client, other = Client(), Client()
    known, unknown = sign_up(client), sign_up(other, email="nadie@example.org", board_name="Otra")
    assert (known.status_code, known.headers["Location"]) == (
        unknown.status_code,
        unknown.headers["Location"],
    )
    pages = [each.get("/registro/correo-enviado/").content.decode() for each in (client, other)]
    assert pages[0].replace(EMAIL, "") == pages[1].replace("nadie@example.org", "")
    assert [message.subject for message in mailoutbox] == [
        "[Desafío ALIA] Ya tienes una cuenta",
        "[Desafío ALIA] Confirma tu dirección de correo",
    ]
    assert link_in(mailoutbox[0]) == "/contrasena/"
    assert Person.objects.filter(email=EMAIL).count() == 1


def test_a_second_click_leads_where_the_first_one_did(mailoutbox: list[Any]) -> None:
    client = Client()
    first, second = sign_up(client), sign_up(client)
    assert (second.status_code, second.headers["Location"]) == (302, first.headers["Location"])
    assert Person.objects.count() == 1


def test_a_second_click_is_known_by_its_password_and_tells_a_guesser_nothing() -> None:
    """Else anybody could learn which address is behind a name of the board."""
    sign_up()
    guess = sign_up(password1="otra-clave-larga-9", password2="otra-clave-larga-9")
    other = sign_up(email="nadie@example.org")
    for answer in (guess, other):
        assert answer.status_code == 422
        assert read(answer.content).errors_of("board_name") == ["Ya lo usa otra persona. Elige otro."]


@pytest.mark.django_db(transaction=True)
def test_two_clicks_in_the_same_instant_make_one_account() -> None:
    answers = in_parallel(sign_up, sign_up)
    assert errors_in(answers) == []
    assert {(answer.status_code, answer.headers.get("Location")) for answer in answers} == {
        (302, "/registro/correo-enviado/")
    }
    assert Person.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_people_who_want_one_name_in_the_same_instant_one_gets_it() -> None:
    answers = in_parallel(sign_up, lambda: sign_up(email="otra@example.org", board_name="LUCÍA"))
    assert errors_in(answers) == []
    assert sorted(answer.status_code for answer in answers) == [302, 422]
    assert Person.objects.count() == 1
    assert Consent.objects.count() == 4


# --- the profile ------------------------------------------------------------------------------------------


def test_a_name_can_be_changed_and_a_taken_one_cannot() -> None:
    person = a_person(board_name="Ana")
    a_person(board_name="Luis")
    client = as_(person)
    answer = client.post("/perfil/nombre/", {"board_name": "  Ana   II "})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/perfil/")
    assert "Nombre cambiado." in read(client.get("/perfil/").content).text
    refused = client.post("/perfil/nombre/", {"board_name": "luis"})
    page = read(refused.content)
    assert refused.status_code == 422
    assert page.errors_of("board_name") == ["Ya lo usa otra persona. Elige otro."]
    assert page.value("board_name") == "luis"
    person.refresh_from_db()
    assert person.board_name == "Ana II"


def test_consents_are_given_and_taken_back_one_by_one() -> None:
    person = a_person()
    client = as_(person)
    client.post("/perfil/consentimientos/news/", {"action": "give"})
    assert [consent.purpose for consent in person.consents.filter(withdrawn_at=None)] == ["news"]
    client.post("/perfil/consentimientos/news/", {"action": "withdraw"})
    assert not person.consents.filter(withdrawn_at=None).exists()
    assert person.consents.get().withdrawn_at is not None


@pytest.mark.parametrize("posted", [{}, {"action": ""}, {"action": "otra"}])
def test_without_its_button_nothing_is_consented(posted: dict[str, str]) -> None:
    person = a_person()
    assert as_(person).post("/perfil/consentimientos/news/", posted).status_code == 302
    assert not person.consents.exists()


def test_a_purpose_that_does_not_exist_is_not_found() -> None:
    assert as_(a_person()).post("/perfil/consentimientos/otra/", {"action": "give"}).status_code == 404


def test_whoever_takes_part_cannot_take_back_the_rules() -> None:
    person = a_participation().person
    client = as_(person)
    client.post("/perfil/consentimientos/rules/", {"action": "withdraw"})
    page = read(client.get("/perfil/").content)
    assert "Mientras participas en un desafío no puedes retirar la aceptación de sus bases." in page.text
    assert person.consents.filter(purpose="rules", withdrawn_at=None).exists()
    client.post("/perfil/consentimientos/publish_name/", {"action": "withdraw"})
    assert not person.consents.filter(purpose="publish_name", withdrawn_at=None).exists()


@pytest.mark.parametrize("tail", ["nombre/", "consentimientos/news/"])
def test_coming_back_from_the_login_shows_the_profile(tail: str) -> None:
    answer = Client().post(f"/perfil/{tail}", {"action": "give"})
    assert answer.headers["Location"] == f"/entrar/?next=/perfil/{tail}"
    assert as_(a_person()).get(f"/perfil/{tail}").headers["Location"] == "/perfil/"
