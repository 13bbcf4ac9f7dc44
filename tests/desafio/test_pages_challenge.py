"""The front page, a challenge's page and joining it: what is told, to whom, and when."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from challenges.models import Participation, Phase, Purpose
from desafio.pages import formula, markdown
from tests.contest import as_
from tests.factories import a_challenge, a_participation, a_person, a_phase, a_submission
from tests.web_page import Page, read

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def a_phase_from(opens_in_h: float, closes_in_h: float, **fields: Any) -> Phase:
    now = timezone.now()
    return a_phase(opens_at=now + opens_in_h * HOUR, closes_at=now + closes_in_h * HOUR, **fields)


def show(phase: Phase, client: Client | None = None) -> Page:
    return read((client or Client()).get(f"/desafios/{phase.challenge.slug}/").content)


def aside(page: Page) -> str:
    return page.main.all("aside")[0].text


# --- the front page ---------------------------------------------------------------------------------------


def test_without_challenges_the_front_page_says_so_and_still_explains_the_score() -> None:
    page = read(Client().get("/").content)
    assert "Todavía no hay ningún desafío publicado." in page.text
    assert "S = 100 · Q · (0,50 + 0,50 · G)" in page.text
    # E is half way between both marks on the logarithmic scale: sqrt(2,000 J * 20 J) = 200 J.
    assert "con Q = 0,80 y E = 200,0 J, el ahorro es G = 0,50" in page.text
    assert "S = 100 · 0,80 · (0,50 + 0,50 · 0,50) = 60,00" in page.text


@pytest.mark.parametrize(
    ("opens_in_h", "closes_in_h", "state", "words"),
    [
        (-1, 5.1, "Abierta", "quedan 5"),
        (3.1, 5, "Todavía no abierta", "faltan 3"),
        (-5, -1, "Cerrada", "Se cerró el "),
    ],
)
def test_each_challenge_is_listed_with_its_clock(
    opens_in_h: float, closes_in_h: float, state: str, words: str
) -> None:
    phase = a_phase_from(opens_in_h, closes_in_h)
    (card,) = read(Client().get("/").content).main.with_class("card")
    assert phase.challenge.title in card.text
    assert card.with_class("state")[0].text == state
    assert words in card.text
    assert "(hora de Madrid)" in card.text


def test_a_challenge_without_dates_is_listed_as_such() -> None:
    a_challenge()
    assert "Todavía no tiene fechas." in read(Client().get("/").content).text


def test_of_several_phases_the_open_one_speaks_then_the_next_then_the_last() -> None:
    challenge = a_challenge()
    over = a_phase_from(-9, -8, challenge=challenge, title="La de antes")
    page = show(over)
    assert "Cerrada" in page.main.with_class("clock")[0].text
    a_phase_from(8, 9, challenge=challenge, title="La de después")
    assert "Todavía no abierta" in show(over).main.with_class("clock")[0].text
    a_phase_from(-1, 1, challenge=challenge, title="La de ahora")
    assert "Abierta" in show(over).main.with_class("clock")[0].text
    for title in ("La de antes", "La de ahora", "La de después"):
        assert title in aside(show(over))


def test_hours_are_those_of_the_phases_own_zone_and_say_so() -> None:
    opens_at = timezone.now().replace(month=1, day=15, hour=11, minute=0) - timedelta(days=366)
    phase = a_phase(opens_at=opens_at, closes_at=opens_at + HOUR, time_zone="Atlantic/Canary")
    clock = show(phase).main.with_class("clock")[0]
    assert "12:00 (hora de Canary)" in clock.text
    assert clock.all("time")[0].get("datetime") == phase.closes_at.isoformat()


def test_a_zone_that_this_machine_does_not_know_breaks_no_page() -> None:
    assert "(hora de Madrid)" in show(a_phase(time_zone="Marte/Olympus")).text


# --- a challenge ------------------------------------------------------------------------------------------


def test_the_page_gives_all_that_one_needs_to_begin() -> None:
    phase = a_phase(feedback_cases=7, ranked_cases=4)
    page = show(phase)
    headings = [heading.text for heading in page.main.all("h2")]
    assert headings[:4] == [
        "Enunciado",
        "Huecos que puedes usar",
        "Cómo se puntúa",
        "Casos públicos para probar",
    ]
    assert "{{pregunta}} — La pregunta del caso." in page.text
    first, more = page.main.with_class("cases")
    assert [len(first.all("article")), len(more.all("article"))] == [5, 2]
    assert more.inside("details")
    assert "Ver 2 casos más" in page.text
    assert "estimación, no medida" in page.text


def test_a_phase_without_public_cases_shows_none() -> None:
    assert "Casos públicos" not in show(a_phase(feedback_suite=None)).text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"expected": "b", "grader": {"name": "choice", "options": {"a": "40 W", "b": "60 W"}}}, "b) 60 W"),
        ({"expected": 1234.5, "grader": {"name": "number", "unit": "kWh"}}, "1234,5 kWh"),
        ({"expected": ["uno", "dos"], "grader": {"name": "token_f1"}}, "uno · dos"),
        ({"expected": "c", "grader": {"name": "choice"}}, "c"),
    ],
)
def test_a_right_answer_is_told_as_a_person_would(fields: dict[str, Any], words: str) -> None:
    case = show(a_phase(feedback_cases=[fields])).main.with_class("cases")[0]
    assert case.all("dd")[-1].text == words


def test_a_statement_cannot_bring_a_script_nor_a_second_title() -> None:
    statement = (
        "# Título\n\n<script>alert(1)</script><b onclick=x>b</b> [a](javascript:alert(1)) "
        "[b](https://example.org) ![c](https://example.org/c.png)\n\n| x |\n|---|\n| y |\n\n###### seis"
    )
    page = show(a_phase(a_challenge(statement=statement)))
    prose = page.main.with_class("prose")[0]
    assert prose.all("script", "b", "h1", "img") == []
    assert [link.get("href") for link in prose.all("a")] == ["https://example.org"]
    assert [heading.tag for heading in prose.all("h2", "h6")] == ["h2", "h6"]
    assert [header.get("scope") for header in prose.all("th")] == ["col"]
    assert "href" not in markdown.to_html("<javascript:alert(1)> [x](data:text/html,y)")


def test_the_worked_example_is_what_the_policy_gives() -> None:
    phase = a_phase(
        policy_parameters={"q_min": "0.3", "e_ref_mj": 9_000, "e_min_mj": 1_000, "lambda": "0.25"}
    )
    example = formula.example(phase)
    assert example is not None
    assert example.factor is not None
    assert example.energy_mj == 3_000
    assert example.factor == formula.of(phase.policy_parameters).weight_of_quality + example.green * 3 / 4
    assert abs(example.score - 100 * example.quality * example.factor) < 1
    assert formula.example(a_phase(policy="tokens")) is None


# --- taking part ------------------------------------------------------------------------------------------


def test_a_visitor_is_sent_to_sign_up_or_log_in_and_back() -> None:
    phase = a_phase()
    (card, *_rest) = show(phase).main.all("aside")[0].with_class("card")
    here = f"/desafios/{phase.challenge.slug}/"
    assert [link.get("href") for link in card.all("a")][:2] == [
        f"/registro/?next={here}",
        f"/entrar/?next={here}",
    ]


def test_joining_asks_for_each_consent_by_itself_and_ticks_none() -> None:
    phase, person = a_phase(), a_person()
    form = show(phase, as_(person)).root.by_id("unirse")
    boxes = [box for box in form.all("input") if box.get("type") == "checkbox"]
    assert [box.get("name") for box in boxes] == [f"consent_{purpose}" for purpose in Purpose.values]
    assert [box for box in boxes if "checked" in box.attributes] == []
    assert [each.text for each in form.all("em")] == ["(necesario)", "(opcional)", "(opcional)", "(opcional)"]


def test_joining_stores_what_was_ticked_and_nothing_else() -> None:
    phase, person = a_phase(), a_person()
    client, here = as_(person), f"/desafios/{phase.challenge.slug}/"
    answer = client.post(f"{here}unirse/", {"consent_rules": "on", "consent_news": "on"})
    assert (answer.status_code, answer.headers["Location"]) == (302, here)
    given = {consent.purpose: consent.text for consent in person.consents.all()}
    assert given == {purpose: str(Purpose(purpose).label) for purpose in ("rules", "news")}
    page = show(phase, client)
    assert "Ya participas en este desafío." in page.text
    assert "Intentos que te quedan hoy 10 de 10" in aside(page)
    assert "Hacer un envío" in aside(page)


def test_joining_without_the_rules_is_refused_and_keeps_the_other_ticks() -> None:
    phase, person = a_phase(), a_person()
    answer = as_(person).post(f"/desafios/{phase.challenge.slug}/unirse/", {"consent_news": "on"})
    page = read(answer.content)
    assert answer.status_code == 422
    assert "Para participar falta que marques «Acepto las bases del desafío.»" in page.text
    assert "checked" in page.field("consent_news").attributes
    assert not person.participations.exists()
    assert not person.consents.exists()


def test_joining_twice_is_joining_once() -> None:
    phase, person = a_phase(), a_person()
    for _click in range(2):
        as_(person).post(f"/desafios/{phase.challenge.slug}/unirse/", {"consent_rules": "on"})
    assert Participation.objects.filter(person=person).count() == 1


def test_a_challenge_that_is_over_offers_no_form_and_takes_nobody() -> None:
    phase, person = a_phase_from(-9, -8), a_person()
    page = show(phase, as_(person))
    assert "Este desafío ha terminado y ya no admite participantes." in aside(page)
    assert page.main.all("aside")[0].all("form") == []
    answer = as_(person).post(f"/desafios/{phase.challenge.slug}/unirse/", {"consent_rules": "on"})
    assert answer.status_code == 409
    assert "Este desafío ya no admite participantes nuevos." in read(answer.content).text
    assert not person.participations.exists()


def test_coming_back_to_the_address_of_joining_shows_the_challenge() -> None:
    phase = a_phase()
    here = f"/desafios/{phase.challenge.slug}/"
    answer = Client().post(f"{here}unirse/", {"consent_rules": "on"})
    assert answer.headers["Location"] == f"/entrar/?next={here}unirse/"
    assert as_(a_person()).get(f"{here}unirse/").headers["Location"] == here


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"attempts_per_day": 1, "attempts_per_phase": 5}, "a las 00:00 (hora de Madrid)"),
        ({"attempts_per_phase": 1}, "No quedan intentos en esta fase"),
    ],
)
def test_who_has_no_attempt_left_reads_when_there_is_one(fields: dict[str, Any], words: str) -> None:
    phase = a_phase(closes_at=timezone.now() + timedelta(days=3), **fields)
    mine = a_participation(phase)
    a_submission(phase, participation=mine)
    told = aside(show(phase, as_(mine.person)))
    assert words in told
    assert "Ahora mismo" not in told


def test_before_the_opening_a_proposal_can_be_prepared() -> None:
    phase = a_phase_from(1, 2)
    told = aside(show(phase, as_(a_participation(phase).person)))
    assert "La fase no está abierta" in told
    assert "Preparar un envío" in told
