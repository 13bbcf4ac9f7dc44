"""Handing in examples and steps by the form: what each kind's fields take, show again, and say when wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from challenges.models import Participation, Phase, Submission
from tests.contest import Answer, as_, submit_fields
from tests.factories import a_participation, a_phase
from tests.web_page import Page, read

pytestmark = pytest.mark.django_db

KINDS = ["prompt", "fewshot", "pipeline"]
STEPS: dict[str, Any] = {
    "steps": [
        {"name": "idea", "user": "{{pregunta}}", "sampling": {"max_output_tokens": 8}},
        {"name": "fin", "user": "{{pregunta}} {{paso_idea}}", "sampling": {"max_output_tokens": 8}},
    ]
}


class Desk:
    """One contestant at the form of a phase that takes every kind."""

    def __init__(self, **phase_fields: Any) -> None:
        self.phase: Phase = a_phase(**{"kinds": KINDS, **phase_fields})
        self.participation: Participation = a_participation(self.phase)
        self.client = as_(self.participation.person)
        self.address = f"/desafios/{self.phase.challenge.slug}/enviar/"

    def open(self, kind: str = "") -> Page:
        return read(self.client.get(self.address, {"tipo": kind} if kind else {}).content)

    def post(self, kind: str, **changes: Any) -> Answer:
        return self.client.post(self.address, submit_fields(kind=kind, **changes))

    def lint(self, kind: str, **changes: Any) -> list[dict[str, str]]:
        address = self.address.replace("enviar", "revisar")
        answer = self.client.post(address, submit_fields(kind=kind, **changes))
        found: list[dict[str, str]] = answer.json()["problems"]
        return found


@pytest.fixture
def desk() -> Desk:
    return Desk()


# --- the choice ---------------------------------------------------------------------------------------------


def test_the_kinds_of_the_phase_are_offered_with_what_they_are(desk: Desk) -> None:
    (offered,) = desk.open().main.with_class("kinds")
    assert [link.text for link in offered.all("a")] == ["prompt", "prompt con ejemplos", "cadena de pasos"]
    assert "una petición por caso" in offered.text
    current = [link.text for link in offered.all("a") if link.get("aria-current") == "page"]
    assert current == ["prompt"]


def test_a_phase_of_prompts_alone_offers_no_choice() -> None:
    page = Desk(kinds=["prompt"]).open("pipeline")
    assert page.main.with_class("kinds") == []
    assert page.value("kind") == "prompt"


def test_a_kind_that_the_phase_does_not_take_is_refused_by_name() -> None:
    desk = Desk(kinds=["prompt", "fewshot"])
    answer = desk.post("pipeline", document=json.dumps(STEPS))
    assert answer.status_code == 422
    assert (
        "Tipo de envío: esta fase no lo admite. Puedes enviar: «prompt» y «fewshot»."
        in read(answer.content).text
    )
    assert not Submission.objects.exists()


# --- examples -----------------------------------------------------------------------------------------------


def test_examples_are_written_one_a_line_by_key_or_whole(desk: Desk) -> None:
    own = json.dumps({"inputs": {"pregunta": "¿Y una vela?"}, "answer": "no"}, ensure_ascii=False)
    answer = desk.post("fewshot", examples=f"p0\r\n\r\np1 = tal vez\r\n{own}")
    made = Submission.objects.get()
    assert answer.headers["Location"] == f"/envios/{made.pk}/"
    assert made.kind == "fewshot"
    assert [each["answer"] for each in made.content["examples"]] == ["sí", "tal vez", "no"]
    page = read(desk.client.get(answer.headers["Location"]).content)
    assert "Ejemplo 3" in page.text
    assert "¿Y una vela?" in page.text


def test_the_form_shows_public_cases_whose_keys_may_be_used(desk: Desk) -> None:
    (keys,) = desk.open("fewshot").main.with_class("keys")
    assert [item.text for item in keys.all("li")] == ["p0", "p1"]


@pytest.mark.parametrize(
    ("examples", "told"),
    [
        ("nada", "Ejemplo 1, caso público: no hay ningún caso público «nada». Los hay como «p0» y «p1»."),
        ("p1\n{", "Línea 2: no es JSON válido a partir de la columna 2."),
        ("p1\n{}", "Ejemplo 2"),
        ("\n".join(["p1"] * 9), "Hay 9 y el máximo es 8. Quita las que sobran."),
    ],
)
def test_a_wrong_example_is_told_under_its_field_with_its_place(desk: Desk, examples: str, told: str) -> None:
    page = read(desk.post("fewshot", examples=examples).content)
    assert any(each.startswith(told) for each in page.errors_of("examples")), page.errors_of("examples")
    assert page.value("examples") == examples
    assert not Submission.objects.exists()


def test_a_preview_shows_the_examples_as_turns(desk: Desk) -> None:
    page = read(desk.post("fewshot", action="check", examples="p1", case="p0").content)
    headings = [each.text for each in page.main.all("h3")]
    assert headings[-3:] == ["Mensaje del usuario", "Respuesta del ejemplo", "Mensaje del usuario"]


# --- steps --------------------------------------------------------------------------------------------------


def test_the_steps_begin_as_an_example_that_can_be_handed_in(desk: Desk) -> None:
    page = desk.open("pipeline")
    answer = desk.post("pipeline", document=page.value("document"))
    made = Submission.objects.get()
    assert answer.status_code == 302
    assert [step["name"] for step in made.content["steps"]] == ["borrador", "respuesta"]
    page = read(desk.client.get(answer.headers["Location"]).content)
    assert "Paso 2: respuesta" in page.text
    assert '"is_empty": false' in page.text


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ("", "Falta. Escríbelo para poder seguir."),
        ('{"steps": [\n{"name": "a",}\n]}', "Línea 2: no es JSON válido a partir de la columna 14."),
        ("[]", "Debe ser un objeto con campos."),
        ('{"steps": []}', "Falta. Escríbelo para poder seguir."),
        (
            '{"steps": [{"name": "a", "user": "{{nada}}"}]}',
            "Paso 1, plantilla del usuario, línea 1: no existe",
        ),
        (
            json.dumps({"steps": [{"name": "a", "user": "{{pregunta}}", "extract": {"regex": "(?=x)"}}]}),
            "Paso 1, expresión regular de «extract»: no es una expresión regular de RE2",
        ),
        (
            json.dumps({**STEPS, "answer": "otro"}),
            "Paso que da la respuesta: no hay ningún paso anterior que se llame «otro».",
        ),
        ('{"pasos": []}', ""),
    ],
)
def test_wrong_steps_are_told_with_line_and_fix_and_nothing_is_lost(
    desk: Desk, document: str, told: str
) -> None:
    page = read(desk.post("pipeline", document=document).content)
    shown = page.errors_of("document")
    assert any(each.startswith(told) for each in shown) or (not told and "no existe el campo" in page.text), (
        shown
    )
    assert page.value("document") == document
    assert not Submission.objects.exists()


def test_problems_are_told_while_one_writes(desk: Desk) -> None:
    (problem,) = desk.lint("pipeline", document='{"steps": [\n{"name": "a",}\n]}')
    assert (problem["field"], problem["text"][:7]) == ("document", "Línea 2")
    assert desk.lint("pipeline", document=json.dumps(STEPS)) == []
    (problem,) = desk.lint("fewshot", examples="nada")
    assert problem["field"] == "examples"


def test_what_was_written_waits_as_a_draft_of_its_kind(desk: Desk) -> None:
    text = json.dumps(STEPS)[:-1]
    desk.post("pipeline", document=text)
    page = desk.open()
    assert page.value("kind") == "pipeline"
    assert page.value("document") == text
    assert "Hemos recuperado lo que habías escrito sin enviar." in page.text
    assert desk.open("prompt").value("user") == ""


def test_the_expected_energy_counts_every_step(desk: Desk) -> None:
    one = read(
        desk.post("pipeline", action="expect", document=json.dumps({"steps": STEPS["steps"][:1]})).content
    )
    two = read(desk.post("pipeline", action="expect", document=json.dumps(STEPS)).content)
    assert "No se ha podido calcular" not in one.text + two.text
    assert one.root.by_id("gasto").text != two.root.by_id("gasto").text


def test_the_schema_of_the_steps_is_one_link_away(desk: Desk) -> None:
    links = [each.get("href") for each in desk.open("pipeline").main.all("a")]
    assert "/api/v1/kinds/pipeline/schema/" in links
    schema = desk.client.get("/api/v1/kinds/pipeline/schema/").json()
    assert schema["$schema"].endswith("2020-12/schema")
    assert "steps" in schema["properties"]
