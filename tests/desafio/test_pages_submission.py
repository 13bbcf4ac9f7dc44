"""A submission's page: each state in words with what happens next, the score by parts, or whose fault."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from challenges import cancelling, dispatch, energy_words, submission, transitions
from challenges.models import (
    Actor,
    Circuit,
    Evaluation,
    Measurement,
    Reason,
    Record,
    State,
    StateChange,
    Submission,
)
from desafio.pages.templatetags import figures
from scoring import policies
from scoring.energy.flags import Flag
from scoring.values import EvidenceGrade, Use
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


def test_progress_of_what_is_measured_tells_which_repetition_it_is(settings: Any) -> None:
    settings.MEASUREMENT_REPETITIONS = 5
    phase = a_phase(ranked_cases=3, feedback_cases=2, evidence_grade="A")
    submission = a_submission(phase, state=None)
    evaluation = an_evaluation(submission, state=State.RUNNING, repetition=3, series=1)
    first, second, _third = phase.ranked_suite.cases.all()
    for repetition in (1, 2):
        Measurement.objects.create(
            evaluation=evaluation, repetition=repetition, energy_mj=1, seconds=1, evidence_grade="A"
        )
    a_run(evaluation, first, repetition=3)
    a_run(evaluation, second, repetition=3)
    page = page_of(submission)
    assert "Repetición 3 de 5" in page.text
    assert "8 de 17 casos respondidos" in page.text


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


# --- waiting ----------------------------------------------------------------------------------------------


def is_away(name: str, *, minutes: float) -> Circuit:
    return Circuit.objects.create(name=name, opened_at=dispatch.now() - timedelta(minutes=minutes))


def local_hour(at: Any) -> str:
    local = at.astimezone(ZoneInfo("Europe/Madrid"))
    if local.date() != timezone.localdate():
        return f"el {local:%d/%m/%Y} a las {local:%H:%M}"
    return f"{'la' if local.hour == 1 else 'las'} {local:%H:%M}"


@pytest.mark.parametrize(
    ("name", "words"), [("backend", "El modelo no responde"), ("meter", "El medidor de energía no responde")]
)
@pytest.mark.parametrize("state", [State.PENDING, State.QUEUED, State.HELD])
def test_who_waits_for_model_or_meter_is_told_since_when_and_that_it_goes_on_by_itself(
    name: str, words: str, state: State
) -> None:
    submission = a_submission(a_phase(evidence_grade="A"), state=state)
    circuit = is_away(name, minutes=4)
    for answer in (get(submission), get(submission, "estado/")):
        text = read(answer.content).root.by_id("progress-body").text
        assert (
            f"{words} desde {local_hour(circuit.opened_at)} (hora de Madrid), hace unos 4 minutos."
        ) in text


@pytest.mark.parametrize("state", [State.RUNNING, State.GRADING, State.SCORED, State.CANCELLED])
def test_who_does_not_wait_hears_nothing_of_it(state: State) -> None:
    is_away("backend", minutes=4)
    assert "no responde" not in page_of(in_state(state)).text


def test_the_meter_is_nothing_to_who_is_not_measured() -> None:
    is_away("meter", minutes=4)
    assert "no responde" not in page_of(in_state(State.QUEUED)).text


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (Reason.BACKEND_AWAY, "El modelo no responde"),
        (Reason.METER_AWAY, "El medidor de energía no responde"),
    ],
)
def test_one_that_was_held_alone_says_what_it_waits_for_and_since_when(reason: Reason, words: str) -> None:
    evaluation = an_evaluation(state=State.RUNNING)
    transitions.move(
        Evaluation.objects.filter(pk=evaluation.pk), to=State.HELD, by=Actor.WORKER, reason=reason
    )
    evaluation.refresh_from_db()
    text = page_of(evaluation.submission).text
    assert f"{words} desde {local_hour(evaluation.held_since)} (hora de Madrid), hace menos de un" in text


def test_the_wait_is_a_round_figure_and_none_where_nobody_knows() -> None:
    phase = a_phase()
    for _time in range(2):
        a_score(phase)
    mine = a_submission(phase, state=State.QUEUED)
    assert "Espera prevista" not in page_of(mine).text, "two say nothing about a rate"
    score = a_score(phase)
    assert "Espera prevista: menos de un minuto." in page_of(mine).text
    ended = dispatch.now() - timedelta(minutes=9)
    Evaluation.objects.filter(state=State.SCORED).update(finished_at=ended)
    assert "Espera prevista: unos 3 minutos." in page_of(mine).text
    is_away("backend", minutes=1)
    assert "Espera prevista" not in page_of(mine).text, "while the model is away nobody knows"
    assert score.phase == phase


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "menos de un minuto"),
        (59.9, "menos de un minuto"),
        (60, "alrededor de un minuto"),
        (240, "unos 4 minutos"),
        (7 * 60, "unos 5 minutos"),
        (22 * 60, "unos 20 minutos"),
        (54 * 60, "unos 50 minutos"),
        (56 * 60, "alrededor de una hora"),
        (110 * 60, "unas 2 horas"),
        (23 * 3600, "unas 23 horas"),
        (24 * 3600, "más de un día"),
        (10**9, "más de un día"),
    ],
)
def test_a_time_that_nobody_knows_exactly_is_told_as_such(seconds: float, words: str) -> None:
    assert figures.about(seconds) == words


# --- steps ------------------------------------------------------------------------------------------------


def steps(page: Page) -> list[str]:
    return [each.all("span")[0].text for each in page.root.by_id("history-body").all("li")]


def test_the_steps_are_told_in_words_the_newest_last_and_without_who_or_what() -> None:
    evaluation = an_evaluation(state=State.RUNNING)
    transitions.move(
        Evaluation.objects.filter(pk=evaluation.pk),
        to=State.HELD,
        by=Actor.WORKER,
        reason=Reason.BACKEND_AWAY,
        who="obrero-secreto:7",
        detail="caso-secreto",
    )
    for answer in (get(evaluation.submission), get(evaluation.submission, "estado/")):
        page = read(answer.content)
        assert steps(page) == ["Ya existía cuando empezó este registro", "El modelo no responde"]
        assert "secreto" not in answer.content.decode()
    (shut,) = [each for each in page_of(evaluation.submission).main.all("details") if each.get("id")]
    assert shut.all("summary")[0].text == "Pasos de la evaluación"
    assert "open" not in shut.attributes


def test_of_very_many_steps_the_last_are_shown_and_the_others_counted() -> None:
    evaluation = an_evaluation(state=State.QUEUED)
    StateChange.objects.bulk_create(
        StateChange(
            evaluation=evaluation,
            number=number,
            before=State.HELD,
            after=State.QUEUED,
            by=Actor.SWEEPER,
            reason=Reason.TRIAL,
        )
        for number in range(2, 73)
    )
    page = page_of(evaluation.submission)
    assert len(steps(page)) == 50
    assert "Antes hay 22 pasos más." in page.text


def test_a_repetition_that_replaces_a_void_one_is_said_to() -> None:
    words = "Una medida anterior se interrumpió y no cuenta"
    scored = a_standing().score.evaluation
    running = an_evaluation(state=State.RUNNING)
    for evaluation in (scored, running):
        assert words not in page_of(evaluation.submission).text
        Evaluation.objects.filter(pk=evaluation.pk).update(repetition=2, series=2)
        assert words in page_of(evaluation.submission).text
    assert "este resultado es de una repetición hecha entera" in page_of(scored.submission).text


# --- taking back ------------------------------------------------------------------------------------------


def withdraw(which: Submission) -> Answer:
    return as_(which.participation.person).post(f"/envios/{which.pk}/retirar/", follow=True)


@pytest.mark.parametrize("state", State)
def test_only_what_has_not_begun_offers_to_be_withdrawn(state: State) -> None:
    which = in_state(state)
    can = state in (State.PENDING, State.QUEUED, State.HELD)
    links = [link.get("href") for link in page_of(which).main.all("a")]
    assert (f"/envios/{which.pk}/retirar/" in links) is can
    asked = get(which, "retirar/")
    assert asked.status_code == (200 if can else 302)
    assert Evaluation.objects.get(submission=which).state == state, "asking changes nothing"


def test_a_withdrawn_submission_is_its_authors_doing_and_the_attempt_is_back() -> None:
    which = in_state(State.QUEUED)
    (form,) = [each for each in read(get(which, "retirar/").content).main.all("form")]
    assert (form.get("method"), form.get("action")) == ("post", f"/envios/{which.pk}/retirar/")
    page = read(withdraw(which).content)
    assert "Envío retirado. Has recuperado el intento" in page.text
    assert page.root.by_id("progress-body").all("span")[0].text == "retirado"
    assert "Lo retiraste tú." in page.text
    assert "La organización" not in page.main.text
    assert steps(page)[-1] == "Retirado por su autor antes de empezar"
    assert submission.quota(which.participation, which.phase).used_phase == 0
    listed = read(as_(which.participation.person).get("/envios/").content)
    assert "retirado" in listed.main.text


def test_who_comes_too_late_is_told_kindly_and_nothing_changes() -> None:
    which = in_state(State.RUNNING)
    page = read(withdraw(which).content)
    assert "La evaluación de este envío ya ha empezado, así que no se puede retirar." in page.text
    assert Evaluation.objects.get().state == State.RUNNING
    ended = in_state(State.SCORED)
    assert "Este envío ya ha terminado («puntuado»)" in read(withdraw(ended).content).text


def test_two_clicks_withdraw_once() -> None:
    which = in_state(State.QUEUED)
    withdraw(which)
    assert "ya estaba retirado" in read(withdraw(which).content).text
    assert Evaluation.objects.get().changes.filter(reason=Reason.WITHDRAWN).count() == 1


def test_nobody_withdraws_what_is_somebody_elses_nor_without_a_token() -> None:
    which, other = in_state(State.QUEUED), a_participation().person
    address = f"/envios/{which.pk}/retirar/"
    assert as_(other).get(address).status_code == as_(other).post(address).status_code == 404
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(which.participation.person)
    assert strict.post(address).status_code == 403
    assert Client().post(address).status_code == 302
    assert cancelling.can_be_withdrawn(Evaluation.objects.get())


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
    assert "G = ln(2.000 J / 200 J) / ln(2.000 J / 20 J) = 0,500000, entre 0 y 1" in page.text
    assert "S = 100 · 0,650000 · (0,50 + 0,50 · 0,500000) = 48,7500" in page.text
    (groups,) = [table for table in page.main.all("table")]
    assert [[cell.text for cell in row.all("th", "td")] for row in groups.all("tr")] == [
        ["Grupo", "Casos", "Calidad"],
        ["consumo", "2", "0,750"],
        ["luz", "1", "0,500"],
    ]


def test_an_energy_says_what_stands_behind_it_and_what_it_compares_to() -> None:
    score = a_standing(a_phase(), energy_mj=200_000).score
    told = facts(page_of(score.evaluation.submission))
    assert told["Para hacerse una idea"] == "lo que gasta una bombilla de 8 W en 25 s (200,0 J entre 8 W)"
    assert "Estimación, no medida" in page_of(score.evaluation.submission).text


def test_a_score_shows_the_hash_of_its_record() -> None:
    score = a_standing(a_phase()).score
    assert "Registro sellado" not in page_of(score.evaluation.submission).text
    hashes = {"sha256": "a1" * 32, "previous_sha256": "0" * 64}
    Record.objects.create(score=score, phase=score.phase, number=1, size=2, **hashes)
    text = page_of(score.evaluation.submission).text
    assert "en el registro 1 de la fase" in text
    assert "a1" * 32 in text


def test_every_grade_and_every_flag_has_its_words() -> None:
    assert set(energy_words.GRADE_WORDS) == set(EvidenceGrade)
    assert set(energy_words.FLAG_WORDS) == set(Flag)
    assert energy_words.of_flags(["b-from-the-future", Flag.ZERO_ENERGY]) == [
        "b-from-the-future",
        "La medida dio cero.",
    ]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "menos de 1 s"),
        (53.4, "53 s"),
        (250, "4 min 10 s"),
        (7_500, "2 h 5 min"),
        (3_599.9, "1 h 0 min"),
    ],
)
def test_a_length_of_time_is_told_in_its_two_largest_units(seconds: float, words: str) -> None:
    assert figures.time_span(seconds) == words


FORMULA = re.compile(r"S = 100 · ([\d,]+) · \(([\d,]+) \+ ([\d,]+) · ([\d,]+)\) = ([\d,.]+)")
shares = st.integers(0, 1_000_000).map(lambda millionths: Decimal(millionths).scaleb(-6))


@given(quality=shares, base=shares, energy_mj=st.integers(1, 3_000_000))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_figures_that_are_shown_give_the_score_by_hand(
    quality: Decimal, base: Decimal, energy_mj: int
) -> None:
    parameters = {"q_min": "0.2", "e_ref_mj": 2_000_000, "e_min_mj": 20_000, "lambda": str(base)}
    use = Use(energy_mj=energy_mj, prompt_tokens=1, completion_tokens=1)
    result = policies.apply(policy="verde", parameters=parameters, quality=quality, use=use)
    score = a_score(
        a_phase(policy_parameters=parameters),
        value=result.score,
        quality=result.quality,
        green=result.green,
        energy_mj=energy_mj,
    )
    found = FORMULA.search(page_of(score.evaluation.submission).text)
    assert found is not None
    q, weight, rest, green, shown = (Decimal(each.replace(",", ".")) for each in found.groups())
    assert (100 * q * (weight + rest * green)).quantize(Decimal("0.0001"), "ROUND_HALF_EVEN") == shown
    assert shown == result.score


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
