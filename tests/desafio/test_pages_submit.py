"""The form of a submission: what it takes, what it says when it refuses, and that a refusal costs nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from challenges import preview as energy_preview
from challenges import purse
from challenges import submission as use_case
from challenges.models import Participation, Phase, Purse, Submission
from desafio.pages import prompt_form
from scoring.energy.calibration_file import dump
from tests.contest import Answer, as_, submit_fields
from tests.factories import a_participation, a_person, a_phase, a_submission
from tests.in_parallel import errors_in, in_parallel
from tests.scoring.calibrations import a_calibration
from tests.web_page import Page, read

pytestmark = pytest.mark.django_db


class Desk:
    """One contestant at the form of one phase."""

    def __init__(self, phase: Phase | None = None, **phase_fields: Any) -> None:
        self.phase = phase or a_phase(**phase_fields)
        self.participation: Participation = a_participation(self.phase)
        self.client = as_(self.participation.person)

    @property
    def address(self) -> str:
        return f"/desafios/{self.phase.challenge.slug}/enviar/"

    def open(self) -> Page:
        return read(self.client.get(self.address).content)

    def post(self, **changes: Any) -> Answer:
        return self.client.post(self.address, submit_fields(**changes))

    @property
    def spent(self) -> int:
        return use_case.quota(self.participation, self.phase).used_phase


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    # Whatever a test of this module does, the count of attempts and the rows agree.
    assert desk.spent == Submission.objects.filter(participation=desk.participation).count()


# --- taken ------------------------------------------------------------------------------------------------


def test_a_good_proposal_is_stored_and_leads_to_its_page(desk: Desk) -> None:
    answer = desk.post(user="Una palabra:\r\n{{pregunta}}", stop="\\n\r\nFIN", temperature="0,5")
    made = Submission.objects.get()
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/envios/{made.pk}/")
    assert made.content == {
        "system": "",
        "user": "Una palabra:\n{{pregunta}}",
        "sampling": {
            "temperature": 0.5,
            "top_p": 1.0,
            "max_output_tokens": 8,
            "stop": ["\n", "FIN"],
            "seed": 0,
        },
    }
    page = read(desk.client.get(answer.headers["Location"]).content)
    assert "Envío recibido. Aquí verás cómo avanza." in page.text


def test_every_opening_of_the_form_has_a_key_of_its_own(desk: Desk) -> None:
    keys = {desk.open().value("idempotency_key") for _time in range(3)}
    assert len(keys) == 3
    assert all(len(key) == 32 for key in keys)


def test_two_clicks_make_one_submission_and_lead_to_the_same_page(desk: Desk) -> None:
    first, second = desk.post(), desk.post()
    assert (first.status_code, second.status_code) == (302, 302)
    assert first.headers["Location"] == second.headers["Location"]
    assert desk.spent == 1


@pytest.mark.django_db(transaction=True)
def test_two_clicks_in_the_same_instant_make_one_submission() -> None:
    desk = Desk()
    clients = [as_(desk.participation.person) for _click in range(2)]
    answers = in_parallel(*[lambda c=client: c.post(desk.address, submit_fields()) for client in clients])
    assert errors_in(answers) == []
    assert [answer.status_code for answer in answers] == [302, 302]
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert desk.spent == 1


def test_the_same_key_with_other_words_is_refused_and_gets_a_new_key(desk: Desk) -> None:
    desk.post()
    answer = desk.post(user="Otra cosa: {{pregunta}}")
    page = read(answer.content)
    assert answer.status_code == 409
    assert "Este formulario ya se envió antes con otro contenido" in page.text
    assert page.value("user") == "Otra cosa: {{pregunta}}"
    again = desk.post(user="Otra cosa: {{pregunta}}", idempotency_key=page.value("idempotency_key"))
    assert again.status_code == 302
    assert desk.spent == 2


@pytest.mark.parametrize("key", ["", "corta", "Z" * 32, "0" * 33, "0123456789abcdef0123456789abcde\n"])
def test_a_form_without_a_good_key_is_given_one_and_loses_nothing(desk: Desk, key: str) -> None:
    answer = desk.post(idempotency_key=key)
    page = read(answer.content)
    assert answer.status_code == 422
    assert "el formulario ha caducado. Pulsa otra vez el botón: tu texto sigue aquí." in page.text
    assert page.value("user") == submit_fields()["user"]
    assert desk.spent == 0
    assert desk.post(idempotency_key=page.value("idempotency_key")).status_code == 302


def test_a_check_shows_what_the_model_would_get_and_spends_nothing(desk: Desk) -> None:
    answer = desk.post(action="check", system="Sé breve.", case="p1")
    page = read(answer.content)
    assert answer.status_code == 200
    assert "Todo correcto. No se ha gastado ningún intento." in page.text
    assert "Lo que recibiría el modelo en el caso p1" in page.text
    assert [each.text for each in page.main.all("pre")][1:] == [
        "Sé breve.",
        "Responde en una palabra: ¿Pregunta p1?",
    ]
    assert desk.spent == 0


def test_a_check_works_where_there_is_no_public_case() -> None:
    desk = Desk(feedback_suite=None)
    answer = desk.post(action="check")
    assert answer.status_code == 200
    assert "Todo correcto." in read(answer.content).text


# --- refused ----------------------------------------------------------------------------------------------

NO_SLOT = "Sin hueco"
TOO_LONG = "x" * 1_000_000 + "{{pregunta}}"
LINES = "\r\n" * 10_000 + "{{pregunta}}"
RTL = "Hola \u202e {{pregunta}}"
UNSEEN = "Ho\u200bla {{pregunta}}"

REFUSED: dict[str, tuple[dict[str, str], str, str]] = {
    "an empty template": ({"user": "  \n "}, "user", "Falta. Escríbelo para poder seguir."),
    "an unknown slot": (
        {"user": "Hola\n{{consumo_anual}}"},
        "user",
        "Línea 2: no existe {{consumo_anual}}. Puedes usar {{pregunta}}.",
    ),
    "no slot": (
        {"user": NO_SLOT},
        "user",
        "No usa ningún hueco, así que todos los casos preguntarían lo mismo. Puedes usar {{pregunta}}.",
    ),
    "half a slot": (
        {"user": "{{pregunta"},
        "user",
        "Línea 1: no se entiende «{{pregunta». Un hueco se escribe con dos llaves y un nombre en minúsculas, "
        "como {{pregunta}}, y nada más dentro.",
    ),
    "a megabyte": ({"user": TOO_LONG}, "user", "Tiene 1.000.012 caracteres y el máximo es 8.000. Acórtalo."),
    "ten thousand lines": ({"user": LINES}, "user", "Tiene 10.001 líneas y el máximo es 400. Quita líneas."),
    "text that turns around": (
        {"user": RTL},
        "user",
        "Línea 1: hay un carácter que cambia la dirección de lectura (U+202E, columna 6). "
        "Bórralo: haría que el texto se leyera distinto de como es.",
    ),
    "a character of no width": (
        {"system": UNSEEN},
        "system",
        "Línea 1: hay un carácter invisible (U+200B, columna 3). Bórralo o escribe el texto de nuevo.",
    ),
    "a null": (
        {"system": "a\x00"},
        "system",
        "Línea 1: hay un carácter de control (U+0000, columna 2). Bórralo.",
    ),
    "a word for a number": ({"temperature": "calor"}, "temperature", "Debe ser un número."),
    "too hot": ({"temperature": "2,5"}, "temperature", "Debe estar entre 0,0 y 2,0."),
    "half a token": ({"max_output_tokens": "1,5"}, "max_output_tokens", "Debe ser un número entero."),
    "no tokens": ({"max_output_tokens": "0"}, "max_output_tokens", "Debe estar entre 1 y 64."),
    "a negative share": ({"top_p": "-1"}, "top_p", "Debe estar entre 0,01 y 1,0."),
    "five stops": ({"stop": "a\nb\nc\nd\ne"}, "stop", "Hay 5 y el máximo es 4. Quita las que sobran."),
    "a long stop": ({"stop": "x" * 41}, "stop", "Tiene 41 caracteres y el máximo es 40. Acórtalo."),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("action", ["send", "check"])
def test_a_mistake_is_told_under_its_field_with_its_fix(desk: Desk, name: str, action: str) -> None:
    changes, field, sentence = REFUSED[name]
    answer = desk.post(**changes, action=action)
    page = read(answer.content)
    assert answer.status_code == 422
    assert sentence in page.errors_of(field)
    assert "No se ha enviado nada y no se ha gastado ningún intento." in page.text
    for typed_in, typed in changes.items():
        # A browser shows one kind of line break, whichever it was given.
        assert page.value(typed_in).replace("\r\n", "\n") == typed.replace("\r\n", "\n")
    assert desk.spent == 0


def test_every_mistake_is_told_at_once_above_the_form_too(desk: Desk) -> None:
    page = read(desk.post(user="{{otra}}", system="{{una}}", temperature="9", stop="x" * 99).content)
    (box,) = [each for each in page.main.with_class("problems") if each.get("role") == "alert"]
    told = [item.text for item in box.all("li")]
    assert [each.split(":")[0] for each in told] == [
        "Instrucciones del sistema, línea 1",
        "Plantilla del usuario, línea 1",
        "Temperatura",
        "Secuencias de parada, elemento 1",
    ]


def test_a_mistake_in_a_hidden_field_is_told_above_the_form(desk: Desk) -> None:
    answer = desk.post(seed="-5")
    assert answer.status_code == 422
    assert "Semilla: debe estar entre 0 y 2.147.483.647." in read(answer.content).text


def test_markup_that_was_typed_comes_back_as_text(desk: Desk) -> None:
    typed = '</textarea><script>alert(1)</script>{{"><img src=x onerror=alert(1)>'
    page = read(desk.post(user=typed, temperature='"><b>').content)
    assert page.value("user") == typed
    assert page.value("temperature") == '"><b>'
    assert page.main.all("script") == []
    assert [image for image in page.main.all("img")] == []


def test_a_body_above_the_limit_is_a_413_that_says_what_to_do(desk: Desk) -> None:
    answer = desk.post(user="x" * 2_100_000)
    assert answer.status_code == 413
    assert "El máximo es de 2 MB" in read(answer.content).text
    assert "No se ha gastado ningún intento." in read(answer.content).text
    assert desk.spent == 0


# --- whoever may not, or not now --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("opens_in_h", "closes_in_h", "sentence"),
    [
        (-48, -24, "La fase se cerró el "),
        (24, 48, "La fase todavía no está abierta: abre el "),
    ],
)
def test_a_phase_that_is_not_open_takes_nothing_and_says_when(
    opens_in_h: int, closes_in_h: int, sentence: str
) -> None:
    now = timezone.now()
    desk = Desk(opens_at=now + timedelta(hours=opens_in_h), closes_at=now + timedelta(hours=closes_in_h))
    assert desk.client.get(desk.address).status_code == 200
    answer = desk.post()
    page = read(answer.content)
    assert answer.status_code == 409
    assert sentence in page.text
    assert "No se ha gastado ningún intento." in page.text
    assert page.value("user") == submit_fields()["user"]
    assert desk.spent == 0


def test_without_attempts_today_it_says_when_the_next_one_comes() -> None:
    desk = Desk(attempts_per_day=2, closes_at=timezone.now() + timedelta(days=3))
    desk.post()
    desk.post(idempotency_key="e" * 32)
    answer = desk.post(user="Otra: {{pregunta}}", idempotency_key="f" * 32)
    page = read(answer.content)
    assert answer.status_code == 409
    assert "Ya has usado los 2 intentos de hoy. Podrás enviar otra vez el " in page.text
    assert "(hora de Madrid)" in page.text
    assert page.value("user") == "Otra: {{pregunta}}"
    assert desk.spent == 2


def test_without_attempts_in_the_phase_it_says_that_there_are_no_more() -> None:
    desk = Desk(attempts_per_phase=2)
    desk.post()
    desk.post(idempotency_key="e" * 32)
    answer = desk.post(user="Otra: {{pregunta}}", idempotency_key="f" * 32)
    assert answer.status_code == 409
    assert "Ya has usado los 2 intentos de esta fase y no quedan más." in read(answer.content).text


def test_who_does_not_take_part_is_told_how_and_keeps_what_was_typed() -> None:
    phase = a_phase()
    person = a_person()
    client, address = as_(person), f"/desafios/{phase.challenge.slug}/enviar/"
    assert client.get(address).status_code == 403
    answer = client.post(address, submit_fields(user="Mi idea: {{pregunta}}"))
    page = read(answer.content)
    assert answer.status_code == 403
    (box,) = [each for each in page.main.with_class("problems") if each.get("role") == "alert"]
    assert "Todavía no participas en este desafío." in box.text
    assert "Lo que has escrito queda guardado y te estará esperando." in box.text
    assert [link.get("href") for link in box.all("a")] == [f"/desafios/{phase.challenge.slug}/#unirse"]
    assert page.value("user") == "Mi idea: {{pregunta}}"
    assert Submission.objects.count() == 0

    client.post(f"/desafios/{phase.challenge.slug}/unirse/", {"consent_rules": "on"})
    back = read(client.get(address).content)
    assert "Hemos recuperado lo que habías escrito sin enviar." in back.text
    assert back.value("user") == "Mi idea: {{pregunta}}"


def test_who_is_not_logged_in_logs_in_and_finds_what_was_typed() -> None:
    phase = a_phase()
    person = a_participation(phase).person
    client, address = Client(), f"/desafios/{phase.challenge.slug}/enviar/"
    for answer in (client.get(address), client.post(address, submit_fields(user="Mía: {{pregunta}}"))):
        assert (answer.status_code, answer.headers["Location"]) == (302, f"/entrar/?next={address}")
    client.force_login(person)
    assert read(client.get(address).content).value("user") == "Mía: {{pregunta}}"
    assert Submission.objects.count() == 0


def test_a_draft_too_long_to_be_kept_is_said_to_be() -> None:
    phase = a_phase()
    client, address = as_(a_person()), f"/desafios/{phase.challenge.slug}/enviar/"
    page = read(client.post(address, submit_fields(user="x" * 50_000)).content)
    assert "Lo que has escrito es demasiado largo para guardarlo: cópialo antes." in page.text
    assert len(page.value("user")) == 50_000


def test_a_draft_goes_when_it_is_handed_in_and_is_of_one_challenge_alone(desk: Desk) -> None:
    other = a_phase()
    a_participation(other, person=desk.participation.person)
    desk.post(user="{{mal}}")
    assert desk.open().value("user") == "{{mal}}"
    elsewhere = desk.client.get(f"/desafios/{other.challenge.slug}/enviar/")
    assert read(elsewhere.content).value("user") == ""
    desk.post(user="Bien: {{pregunta}}")
    assert desk.open().value("user") == ""
    assert desk.open().value("max_output_tokens") == "64"


def test_a_challenge_without_phases_has_no_form() -> None:
    challenge = a_phase().challenge
    challenge.phases.all().delete()
    assert as_(a_person()).get(f"/desafios/{challenge.slug}/enviar/").status_code == 404


# --- a file instead of the fields -------------------------------------------------------------------------


def a_file(content: Any, name: str = "propuesta.json") -> SimpleUploadedFile:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return SimpleUploadedFile(name, body, content_type="application/json")


def test_a_json_file_takes_the_place_of_the_fields(desk: Desk) -> None:
    sampling = {"temperature": 0.25, "top_p": 1, "max_output_tokens": 5, "stop": ["\\n", "\n"], "seed": 3}
    content = {"user": "Del fichero: {{pregunta}}", "system": "Breve.", "sampling": sampling}
    assert desk.post(file=a_file(content), user="").status_code == 302
    assert Submission.objects.get().content == content | {"sampling": sampling | {"top_p": 1.0}}


def test_the_example_beside_the_field_can_be_handed_in_as_it_is(desk: Desk) -> None:
    shown = next(each.raw_text for each in desk.open().main.all("pre"))
    assert desk.post(file=a_file(shown.encode()), user="").status_code == 302


def test_what_a_file_says_is_shown_in_the_fields_and_can_be_sent_from_there(desk: Desk) -> None:
    stop = ["\n", "\\n", "a\tb", "\\"]
    content = {"user": "{{mal}}", "sampling": {"max_output_tokens": 5, "stop": stop}}
    page = read(desk.post(file=a_file(content)).content)
    assert page.value("user") == "{{mal}}"
    fields = {
        name: page.value(name) for name in ("system", "max_output_tokens", "temperature", "top_p", "stop")
    }
    assert desk.post(**fields, user="{{pregunta}}").status_code == 302
    assert Submission.objects.get().content["sampling"]["stop"] == stop


WRONG_FILES: dict[str, tuple[bytes, str]] = {
    "binary": (b"\x89PNG\r\n\x1a\n\x00\xff", "El fichero no es texto en UTF-8."),
    "UTF-16": ('{"user": "á"}'.encode("utf-16"), "El fichero no es texto en UTF-8."),
    "empty": (b"", "Línea 1: el fichero no es JSON válido."),
    "no JSON": (b"user: {{pregunta}}", "Línea 1: el fichero no es JSON válido."),
    "half": (b'{"user": "x"', "Línea 1: el fichero no es JSON válido."),
    "not a number": (b'{"sampling": {"temperature": NaN}}', "El fichero no es JSON válido."),
    "a list": (b"[1, 2]", "Debe ser un objeto con campos."),
    "a text": (b'"hola"', "Debe ser un objeto con campos."),
    "a hole": (b"null", "Debe ser un objeto con campos."),
    "a number of ten thousand digits": (b'{"user": ' + b"9" * 10_000 + b"}", "El fichero no es JSON válido."),
    "half a character": (b'{"user": "\\ud800 {{pregunta}}"}', "El fichero no es texto en UTF-8."),
    "brackets a hundred deep": (b'{"a":' + b"[" * 100 + b"]" * 100 + b"}", "El fichero no es JSON válido."),
    "brackets as deep as Python goes": (
        b'{"a":' + b"[" * 900 + b"]" * 900 + b"}",
        "El fichero no es JSON válido.",
    ),
    "brackets without end": (b"[" * 200_000, "El fichero no es JSON válido."),
    "two megabytes": (
        b'{"user": "' + b"x" * 2_000_001 + b'"}',
        "Tiene 2.000.013 caracteres y el máximo es 2.000.000. Acórtalo.",
    ),
}


@pytest.mark.parametrize("name", WRONG_FILES)
def test_a_file_that_cannot_be_read_is_told_and_the_fields_stay(desk: Desk, name: str) -> None:
    body, sentence = WRONG_FILES[name]
    answer = desk.post(file=a_file(body), user="Lo mío: {{pregunta}}")
    page = read(answer.content)
    assert answer.status_code == 422
    (told,) = page.errors_of("file")
    assert told.startswith(sentence)
    assert page.value("user") == "Lo mío: {{pregunta}}"
    (box,) = [each for each in page.main.all("details") if each.all("input")]
    assert "open" in box.attributes
    assert desk.spent == 0


WRONG_CONTENTS: dict[str, tuple[Any, str]] = {
    "the wrong JSON": (
        {"name": "x", "version": 2},
        "no existe el campo «name». Los que existen son «system», ",
    ),
    "numbers for texts": ({"user": 7, "system": [1]}, "Plantilla del usuario: debe ser un texto."),
    "a text for an object": (
        {"user": "{{pregunta}}", "sampling": "x"},
        "Muestreo: debe ser un objeto con campos.",
    ),
    "a text for a list": (
        {"user": "{{pregunta}}", "sampling": {"stop": "x"}},
        "Secuencias de parada: debe ser una lista de textos.",
    ),
    "an unknown way of sampling": (
        {"user": "{{pregunta}}", "sampling": {"top_k": 4}},
        "no existe el campo «top_k».",
    ),
    "a truth for a number": (
        {"user": "{{pregunta}}", "sampling": {"max_output_tokens": True}},
        "Tokens de respuesta como máximo: debe ser un número entero.",
    ),
    "a number beyond all": (
        {"user": "{{pregunta}}", "sampling": {"seed": 10**4000}},
        "Semilla: debe estar entre 0 y 2.147.483.647.",
    ),
    "nothing": ({}, "Plantilla del usuario: falta. Escríbelo para poder seguir."),
}


@pytest.mark.parametrize("name", WRONG_CONTENTS)
def test_a_file_with_the_wrong_content_is_told_by_field(desk: Desk, name: str) -> None:
    content, sentence = WRONG_CONTENTS[name]
    answer = desk.post(file=a_file(content))
    assert answer.status_code == 422
    assert sentence in read(answer.content).text
    assert desk.spent == 0


# --- while one writes -------------------------------------------------------------------------------------


def test_what_is_being_written_is_checked_without_spending(desk: Desk) -> None:
    address = f"/desafios/{desk.phase.challenge.slug}/revisar/"
    answer = desk.client.post(address, submit_fields(user="{{otra}}", seed="-1"))
    assert answer.json() == {
        "problems": [
            {"field": "user", "text": "Línea 1: no existe {{otra}}. Puedes usar {{pregunta}}."},
            {"field": "__all__", "text": "Semilla: debe estar entre 0 y 2.147.483.647."},
        ]
    }
    assert desk.client.post(address, submit_fields()).json() == {"problems": []}
    # Whoever has just begun is not told that something is missing.
    assert desk.client.post(address, submit_fields(user="")).json() == {"problems": []}
    assert desk.client.get(address).status_code == 405
    assert Client().post(address, submit_fields()).status_code == 302


def test_attempts_given_back_can_be_used_again(desk: Desk) -> None:
    a_submission(desk.phase, participation=desk.participation, state="ERRORED")
    a_submission(desk.phase, participation=desk.participation, state="REJECTED")
    page = desk.open()
    facts = dict(
        zip(
            (each.text for each in page.main.all("dt")),
            (each.text for each in page.main.all("dd")),
            strict=True,
        )
    )
    assert facts["Intentos que te quedan hoy"] == "9 de 10"
    assert facts["Intentos que te quedan en la fase"] == "99 de 100"
    assert facts["Próximo intento"] == "Ahora mismo"
    Submission.objects.filter(evaluations__state="ERRORED").delete()


# --- the energy purse -------------------------------------------------------------------------------------


def needed_mj(desk: Desk) -> int:
    """What the form's own proposal reserves."""
    found = use_case.read(desk.phase, prompt_form.content_from(submit_fields()))
    return purse.estimate_mj(desk.phase, found)


def with_a_purse(desk: Desk, limit_mj: int) -> None:
    Phase.objects.filter(pk=desk.phase.pk).update(energy_purse_mj=limit_mj)
    desk.phase.refresh_from_db()


def energy_left(page: Page) -> str:
    terms, values = page.main.all("dt"), page.main.all("dd")
    told = {term.text: value.text for term, value in zip(terms, values, strict=True)}
    return told.get("Energía que te queda en la fase", "")


def test_a_phase_without_a_purse_says_nothing_of_one(desk: Desk) -> None:
    assert energy_left(desk.open()) == ""
    assert "reserva" not in read(desk.post(action="check").content).text


def test_what_is_left_of_the_purse_is_told_with_what_waits_for_its_measure(desk: Desk) -> None:
    with_a_purse(desk, 5_000_900)
    assert energy_left(desk.open()) == "5.000 J de 5.000 J", "never more than there is"
    desk.post()
    left_j = (5_000_900 - needed_mj(desk)) // 1000
    reserved_j = -(-needed_mj(desk) // 1000)
    assert energy_left(desk.open()) == (
        f"{left_j:,} J de 5.000 J".replace(",", ".")
        + f" Tus envíos sin terminar reservan {reserved_j} J hasta que se midan."
    )
    page = read(desk.client.get(f"/desafios/{desk.phase.challenge.slug}/").content)
    assert energy_left(page) == energy_left(desk.open())


def test_a_run_that_cost_more_than_there_was_leaves_nothing_and_not_less(desk: Desk) -> None:
    with_a_purse(desk, 1_000_000)
    Purse.objects.create(phase=desk.phase, participation=desk.participation, spent_mj=1_200_000)
    assert energy_left(desk.open()) == "0 J de 1.000 J"


def test_a_check_says_what_it_would_reserve_and_reserves_nothing(desk: Desk) -> None:
    with_a_purse(desk, 5_000_000)
    needed_j = -(-needed_mj(desk) // 1000)
    page = read(desk.post(action="check").content)
    assert f"Te quedan 5.000 J de 5.000 J; este envío reserva {needed_j} J hasta que se mida." in page.text
    assert not Purse.objects.exists()


def test_an_empty_purse_refuses_in_words_and_keeps_the_text(desk: Desk) -> None:
    with_a_purse(desk, needed_mj(desk) - 1)
    answer = desk.post()
    page = read(answer.content)
    assert answer.status_code == 409
    needed_j, left_j = -(-needed_mj(desk) // 1000), (needed_mj(desk) - 1) // 1000
    assert f"reservaría {needed_j} J y te quedan {left_j} J de los {left_j} J de la fase" in page.text
    assert page.value("user") == submit_fields()["user"]
    assert desk.spent == 0
    assert not Purse.objects.exists()


# --- the energy that is expected --------------------------------------------------------------------------


def expectation(page: Page) -> str:
    return page.main.by_id("gasto").text


def test_the_button_tells_the_energy_and_keeps_everything_that_was_typed(desk: Desk) -> None:
    typed = {"user": "Con calma: {{pregunta}}", "system": "Sé breve.", "stop": "FIN", "case": "p1"}
    page = read(desk.post(action="expect", **typed).content)
    at_most_j = -(-expected_of(desk, **typed).at_most_mj // 1000)
    assert f"Unos {at_most_j} J como mucho (estimación, no medida)." in expectation(page)
    assert "una vuelta a los 3 casos de la clasificación" in expectation(page)
    assert "Se calcula con los casos públicos" in expectation(page)
    assert {name: page.value(name) for name in ("user", "system", "stop")} == {
        name: typed[name] for name in ("user", "system", "stop")
    }
    assert "Lo que recibiría el modelo" not in page.text
    assert desk.spent == 0


def expected_of(desk: Desk, **typed: str) -> energy_preview.Expected:
    return energy_preview.expected(
        desk.phase, use_case.read(desk.phase, prompt_form.content_from(submit_fields(**typed)))
    )


def test_a_check_tells_it_too(desk: Desk) -> None:
    assert "estimación, no medida" in expectation(read(desk.post(action="check").content))


def test_a_form_that_nobody_asked_yet_offers_to_tell_it(desk: Desk) -> None:
    told = expectation(desk.open())
    assert "Calcula antes de enviar" in told
    assert "Calcular" in told
    assert " J " not in told


def test_what_cannot_be_handed_in_has_no_figure(desk: Desk) -> None:
    answer = desk.post(action="expect", user="{{desconocido}}")
    page = read(answer.content)
    assert answer.status_code == 422
    assert "No se ha podido calcular" in expectation(page)
    assert page.value("user") == "{{desconocido}}"
    assert "No se ha podido calcular" not in read(desk.post(user="").content).text


@pytest.mark.parametrize(
    ("question", "said"), [("x" * 600, "(predicción, 95 %)."), ("x", "solo como orientación.")]
)
def test_a_calibrated_phase_is_told_an_interval(
    settings: Any, tmp_path: Path, question: str, said: str
) -> None:
    (tmp_path / "calibrado.json").write_text(dump(a_calibration()))
    settings.TOKEN_MODEL = str(tmp_path / "calibrado.json")
    public = [{"inputs": {"pregunta": question}}]
    desk = Desk(evidence_grade="C", concurrency=1, ranked_cases=20, feedback_cases=public)
    told = expectation(read(desk.post(action="expect").content))
    interval = expected_of(desk).interval
    assert interval is not None
    low_j, high_j = interval.low_mj // 1000, -(-interval.high_mj // 1000)
    assert f"Entre {low_j} J y {high_j} J" in told
    assert said in told
    assert "estimación" not in told
    assert "si todas llegan a tu límite de 8 tokens" in told


def test_no_text_of_a_private_case_moves_what_is_told() -> None:
    told = set()
    for private in ("a", "b" * 5_000):
        desk = Desk(ranked_cases=[{"inputs": {"pregunta": private}}] * 3)
        with_a_purse(desk, 1)
        page, refused = read(desk.post(action="check").content), read(desk.post().content)
        told.add((expectation(page), page.main.all("div")[0].text, refused.main.all("div")[0].text))
    assert len(told) == 1
