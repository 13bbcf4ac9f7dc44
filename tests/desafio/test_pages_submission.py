"""A submission's page: each state in words with what happens next, the score by parts, or whose fault."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from challenges.models import Evaluation, State, Submission
from tests.contest import Answer, as_
from tests.factories import (
    PROMPT,
    a_participation,
    a_phase,
    a_run,
    a_score,
    a_standing,
    a_submission,
    an_evaluation,
)
from tests.web_page import Page, read

pytestmark = pytest.mark.django_db

NEXT = {
    State.PENDING: ("recibido", "entra en la cola enseguida. No tienes que hacer nada."),
    State.HELD: ("en espera del modelo", "seguirá solo en cuanto vuelvan: no tienes que hacer nada."),
    State.QUEUED: ("en cola", "Espera su turno y empezará solo."),
    State.PREPARING: ("preparando", "En unos segundos el modelo empieza a responder."),
    State.RUNNING: ("respondiendo", "Después se corrigen y se puntúan."),
    State.GRADING: ("corrigiendo", "Se corrigen las respuestas y sale la puntuación."),
    State.SCORED: ("puntuado", "más abajo se explica de dónde sale."),
    State.REJECTED: ("rechazado", "Más abajo está el motivo y qué puedes cambiar."),
    State.ERRORED: ("error nuestro", "Te hemos devuelto el intento."),
    State.CANCELLED: ("cancelado", "La organización lo ha cancelado. Te hemos devuelto el intento."),
    State.SUPERSEDED: ("sustituido", "Aquí verás el resultado nuevo: no tienes que hacer nada."),
}


def get(submission: Submission, tail: str = "") -> Answer:
    return as_(submission.participation.person).get(f"/envios/{submission.pk}/{tail}")


def page_of(submission: Submission) -> Page:
    answer = get(submission)
    assert answer.status_code == 200
    return read(answer.content)


def facts(page: Page) -> dict[str, str]:
    terms, values = page.main.all("dt"), page.main.all("dd")
    return {term.text: value.text for term, value in zip(terms, values, strict=True)}


def in_state(state: State, **fields: Any) -> Submission:
    if state == State.SCORED:
        return a_standing().score.evaluation.submission
    submission = a_submission(state=None)
    an_evaluation(submission, state=state, **fields)
    return submission


# --- states -----------------------------------------------------------------------------------------------


def test_every_state_has_its_words() -> None:
    assert set(NEXT) == set(State)


@pytest.mark.parametrize("state", State)
def test_each_state_says_what_it_is_and_what_happens_next(state: State) -> None:
    submission = in_state(state)
    label, following = NEXT[state]
    for answer in (get(submission), get(submission, "estado/")):
        body = read(answer.content).root.by_id("progress-body")
        assert label in body.text
        assert following in body.text
        assert body.get("data-state") == state
        assert body.get("data-final") == ("true" if state in NOTHING_MORE else "false")


NOTHING_MORE = (State.SCORED, State.REJECTED, State.ERRORED, State.CANCELLED)


@pytest.mark.parametrize("state", State)
def test_only_a_page_that_can_change_follows_itself(state: State) -> None:
    page = page_of(in_state(state))
    scripts = [script.get("src") for script in page.root.all("script")]
    links = [link.text for link in page.main.all("a")]
    is_over = state in NOTHING_MORE
    assert scripts == ([] if is_over else ["/estatico/progress.js"])
    assert ("Actualizar esta página" in links) is not is_over


@pytest.mark.parametrize(
    ("older", "words"), [(0, "El tuyo es el siguiente."), (1, "Hay 1 envío delante"), (3, "Hay 3 envíos")]
)
def test_who_waits_is_told_how_many_wait_before(older: int, words: str) -> None:
    phase = a_phase()
    for _time in range(older):
        a_submission(phase, state=State.QUEUED)
    mine = a_submission(phase, state=State.QUEUED)
    a_submission(phase, state=State.QUEUED)
    assert words in page_of(mine).text


def test_progress_counts_the_cases_of_both_suites_in_this_repetition() -> None:
    phase = a_phase(ranked_cases=3, feedback_cases=2)
    submission = a_submission(phase, state=None)
    evaluation = an_evaluation(submission, state=State.RUNNING, repetition=2)
    first, second, _third = phase.ranked_suite.cases.all()
    a_run(evaluation, first, repetition=1)
    a_run(evaluation, first, repetition=2)
    a_run(evaluation, second, repetition=2)
    page = page_of(submission)
    bar = page.root.by_id("progress-bar")
    assert "2 de 5 casos respondidos" in page.text
    assert (bar.get("value"), bar.get("max")) == ("2", "5")


def test_a_fault_of_ours_that_is_tried_again_is_not_kept_quiet() -> None:
    assert (
        "Un fallo nuestro lo ha interrumpido. Lo intentamos otra vez"
        in page_of(in_state(State.QUEUED, failures=1)).text
    )
    assert "Un fallo nuestro" not in page_of(in_state(State.QUEUED)).text


def test_a_rejudged_submission_shows_the_evaluation_in_force() -> None:
    submission = a_standing(value="40").score.evaluation.submission
    Evaluation.objects.filter(submission=submission).update(state=State.SUPERSEDED)
    waiting = page_of(submission)
    assert "La organización lo ha retirado para evaluarlo de nuevo." in waiting.text
    assert "40,00" not in waiting.text
    assert as_(submission.participation.person).get("/envios/").status_code == 200
    an_evaluation(submission, state=State.RUNNING)
    assert "respondiendo" in page_of(submission).text


# --- faults -----------------------------------------------------------------------------------------------


def test_a_fault_of_ours_says_so_and_that_the_attempt_is_back() -> None:
    text = page_of(in_state(State.ERRORED, fault_code="backend_away", fault_detail="host 10.0.0.1")).text
    assert "Ha fallado algo nuestro, no tuyo." in text
    assert "Te hemos devuelto el intento" in text
    assert "Código para la organización: backend_away" in text
    assert "10.0.0.1" not in text


def test_a_cancelled_submission_does_not_pretend_to_be_a_fault() -> None:
    text = page_of(in_state(State.CANCELLED)).text
    assert "La organización ha cancelado este envío." in text
    assert "Ha fallado algo nuestro" not in text
    assert "Lo hemos intentado varias veces" not in text


def test_a_fault_of_theirs_names_the_public_case_and_the_fix() -> None:
    fault = {"fault_code": "exceed_context_size_error"}
    public = page_of(in_state(State.REJECTED, **fault, fault_detail="p1")).text
    assert "Con el caso p1, tu propuesta no cabe en el contexto del modelo." in public
    private = page_of(in_state(State.REJECTED, **fault, fault_detail="s1")).text
    assert "Con alguno de los casos, tu propuesta no cabe en el contexto del modelo." in private
    assert "s1" not in private
    for text in (public, private):
        assert "Acorta las instrucciones o la plantilla y vuelve a enviarla." in text
        assert "Este intento cuenta, porque el envío llegó a ejecutarse." in text
    other = page_of(in_state(State.REJECTED, fault_code="bad_request", fault_detail="secreto")).text
    assert "El modelo no ha podido ejecutar tu propuesta. Revisa la plantilla y vuelve a enviarla." in other
    assert "secreto" not in other


# --- the score --------------------------------------------------------------------------------------------


def test_a_score_is_explained_part_by_part() -> None:
    phase = a_phase(ranked_cases=[{"group": "consumo", "weight": 3}, {"group": "consumo"}, {"group": "luz"}])
    score = a_standing(phase, value="48.75", energy_mj=200_000, prompt_tokens=12_345).score
    first, second, third = phase.ranked_suite.cases.all()
    a_run(score.evaluation, first, grade=Decimal(1))
    a_run(score.evaluation, second, grade=Decimal(0))
    a_run(score.evaluation, third, grade=Decimal("0.5"))
    page = page_of(score.evaluation.submission)
    told = facts(page)
    assert told["Puntuación (S)"] == "48,75"
    assert told["Calidad (Q)"] == "0,650"
    assert told["Energía (E)"] == "200,0 J estimación, no medida (grado E)"
    assert told["Tokens de entrada"] == "12.345"
    assert told["Tu puesto"] == "1 este envío es el que cuenta"
    assert told["De dónde sale la cifra"] == "modelo de tokens de prueba"
    assert told["Tiempo"] == "1,5 s"
    assert "G = ln(2,00 kJ / 200,0 J) / ln(2,00 kJ / 20,0 J) = 0,500, entre 0 y 1" in page.text
    assert "S = 100 · 0,650 · (0,50 + 0,50 · 0,500) = 48,75" in page.text
    (groups,) = [table for table in page.main.all("table")]
    assert [[cell.text for cell in row.all("th", "td")] for row in groups.all("tr")] == [
        ["Grupo", "Casos", "Calidad"],
        ["consumo", "2", "0,750"],
        ["luz", "1", "0,500"],
    ]


def test_a_measured_energy_is_not_called_an_estimate() -> None:
    score = a_standing(a_phase(evidence_grade="A"), evidence_grade="A").score
    page = page_of(score.evaluation.submission)
    assert facts(page)["Energía (E)"] == "123,5 J medida (grado A)"


def test_a_score_that_is_not_ranked_or_below_the_minimum_says_so() -> None:
    apart = page_of(a_standing(is_ranked=False).score.evaluation.submission)
    assert "no entra en la clasificación: su energía tiene otro grado de evidencia" in apart.text
    below = page_of(a_standing(reaches_minimum=False).score.evaluation.submission)
    assert "La calidad no llega al mínimo de 0,20" in below.text


def test_of_two_equal_scores_only_the_one_on_the_board_counts() -> None:
    phase = a_phase()
    mine = a_participation(phase)
    counting = a_standing(phase, participation=mine, value="60").score
    other = a_score(phase, participation=mine, value="60")
    assert facts(page_of(counting.evaluation.submission))["Tu puesto"] == "1 este envío es el que cuenta"
    assert facts(page_of(other.evaluation.submission))["Tu puesto"] == "1 cuenta otro envío tuyo, con 60,00"


def test_behind_a_freeze_a_new_score_waits_and_says_so() -> None:
    phase = a_phase()
    mine = a_participation(phase)
    before = a_standing(phase, participation=mine, value="40").score
    phase.freeze_at = before.created_at + timedelta(milliseconds=1)
    phase.save()
    after = a_standing(phase, participation=mine, value="90").score
    assert after.created_at >= phase.freeze_at
    page = page_of(after.evaluation.submission)
    assert facts(page)["Tu puesto"] == "1 con tus envíos de antes de la congelación"
    assert "La clasificación está congelada" in page.text
    kept = page_of(before.evaluation.submission)
    assert facts(kept)["Tu puesto"] == "1 este envío es el que cuenta"
    assert "La clasificación está congelada" not in kept.text


def test_another_policy_shows_its_figures_without_the_formula_of_verde() -> None:
    phase = a_phase(policy="tokens", policy_parameters={})
    page = page_of(a_standing(phase).score.evaluation.submission)
    assert facts(page)["Puntuación (S)"] == "71,23"
    assert "G = ln(" not in page.text


def test_public_cases_show_input_answer_expected_and_grade() -> None:
    phase = a_phase(feedback_cases=[{"inputs": {"pregunta": "¿<b>Luz</b>?"}, "expected": "sí"}])
    score = a_standing(phase).score
    suite = phase.feedback_suite
    assert suite is not None
    a_run(score.evaluation, suite.cases.get(), answer="<i>no</i>", grade=Decimal(0), reason="No coincide.")
    page = page_of(score.evaluation.submission)
    (case,) = page.main.with_class("cases")[0].all("article")
    assert "¿<b>Luz</b>?" in case.text
    assert "Respuesta escrita por el modelo (ALIA): <i>no</i>" in case.text
    assert "Respuesta esperada sí" in case.text
    assert "0,00 · No coincide." in case.text


def test_an_empty_answer_is_shown_as_one() -> None:
    phase = a_phase(feedback_cases=1)
    score = a_standing(phase).score
    suite = phase.feedback_suite
    assert suite is not None
    a_run(score.evaluation, suite.cases.get(), answer="")
    assert "(respuesta vacía)" in page_of(score.evaluation.submission).text


def test_what_was_handed_in_is_shown_as_it_was() -> None:
    content = PROMPT | {"system": "", "user": "<script>{{pregunta}}</script>\n  fin"}
    content["sampling"] = content["sampling"] | {"stop": ["\n"]}
    page = page_of(a_submission(content=content))
    assert page.main.all("pre")[0].raw_text == "<script>{{pregunta}}</script>\n  fin"
    assert "Instrucciones del sistema" not in [heading.text for heading in page.main.all("h3")]


def test_who_is_not_logged_in_comes_back_after_the_login() -> None:
    submission = a_submission()
    for tail in ("", "estado/"):
        address = f"/envios/{submission.pk}/{tail}"
        answer = Client().get(address)
        assert (answer.status_code, answer.headers["Location"]) == (302, f"/entrar/?next={address}")


# --- the list ---------------------------------------------------------------------------------------------


def test_the_list_shows_each_with_its_state_and_figures() -> None:
    phase = a_phase()
    mine = a_participation(phase)
    a_standing(phase, participation=mine, value="71.2399", energy_mj=1_234_567_890)
    a_submission(phase, participation=mine, state=State.RUNNING)
    page = read(as_(mine.person).get("/envios/").content)
    rows = [[cell.text for cell in row.all("td")] for row in page.main.all("tbody")[0].all("tr")]
    where = f"{phase.challenge.title} · {phase.title}"
    assert rows == [
        [where, "respondiendo", "—", "—", "—"],
        [where, "puntuado", "71,23", "0,650", "1.234,57 kJ"],
    ]


def test_the_list_has_pages_and_any_number_is_one_of_them() -> None:
    phase = a_phase()
    mine = a_participation(phase)
    for ago in range(30):
        a_submission(phase, participation=mine, created_at=timezone.now() - timedelta(minutes=ago))
    client = as_(mine.person)
    first, second = (read(client.get("/envios/", {"pagina": number}).content) for number in ("1", "2"))
    assert [len(page.main.all("tbody")[0].all("tr")) for page in (first, second)] == [25, 5]
    assert "Página 2 de 2" in second.text
    assert first.title != second.title
    for odd in ("0", "99", "x", "-1", ""):
        assert client.get("/envios/", {"pagina": odd}).status_code == 200


def test_an_empty_list_says_where_to_begin() -> None:
    page = read(as_(a_participation().person).get("/envios/").content)
    assert "Todavía no has enviado nada." in page.text
    assert [link.get("href") for link in page.main.with_class("empty")[0].all("a")] == ["/"]
