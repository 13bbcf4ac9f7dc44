"""What a submission's page shows of a measured figure: its windows, its curve, its reference, and to whom."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.db.models import QuerySet
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from challenges import sealing
from challenges.models import Evaluation, Measurement, Person, Score, State
from scoring.energy import calibration_file
from scoring.energy.calibration import Calibration, predict
from scoring.values import TokenUse
from tests.contest import SECRET, a_secret_case, as_
from tests.factories import (
    a_measured_score,
    a_person,
    a_phase,
    a_reference_run,
    a_run,
    a_score,
    a_submission,
    a_window,
    an_evaluation,
)
from tests.scoring.calibrations import a_calibration
from tests.web_page import Element, Page, read

pytestmark = pytest.mark.django_db

MARKS = [[0, 0, 150], [1, 150, 300], [2, 300, 400]]
FIVE = (200, 204, 208, 212, 216)


def five_windows() -> list[dict[str, Any]]:
    return [a_window(watts=[power] * 5, marks=MARKS) for power in FIVE]


@pytest.fixture
def score(db: None) -> Score:
    phase = a_phase(ranked_cases=[a_secret_case(number) for number in range(3)], evidence_grade="A")
    return a_measured_score(phase, windows=five_windows())


def author_of(score: Score) -> Person:
    return score.participation.person


def page_of(score: Score, query: str = "") -> Page:
    answer = as_(author_of(score)).get(f"/envios/{score.evaluation.submission_id}/{query}")
    assert answer.status_code == 200
    return read(answer.content)


def curve_address(score: Score, repetition: int = 1) -> str:
    return f"/envios/{score.evaluation.submission_id}/potencia/{repetition}/"


def rows_of(table: Element) -> list[list[str]]:
    (body,) = table.all("tbody")
    return [[cell.text for cell in row.all("td", "th")] for row in body.all("tr")]


def facts_of(page: Page) -> dict[str, str]:
    facts = next(each for each in page.main.with_class("facts") if "Energía" in each.text)
    return {term.text: told.text for term, told in zip(facts.all("dt"), facts.all("dd"), strict=True)}


# --- the figure ---------------------------------------------------------------------------------------------


def test_where_the_machine_is_and_what_its_room_takes_stand_beside_the_co2(
    score: Score, settings: Any
) -> None:
    rows = Measurement.objects.filter(evaluation=score.evaluation)
    QuerySet(Measurement).filter(pk__in=rows.values("pk")).update(co2_mg=1000)
    settings.MACHINE_LOCATION = "Barcelona"
    plain = facts_of(page_of(score))
    assert "Barcelona" in plain["Dónde está la máquina"]
    assert "PUE 1" in plain["Dónde está la máquina"]
    settings.MACHINE_PUE = 1.25
    told = facts_of(page_of(score))
    assert "PUE 1,25" in told["Dónde está la máquina"]
    assert "1,25 g" in told["Dónde está la máquina"]
    # The room is shown and changes no figure.
    assert told["Energía"] == plain["Energía"]


def test_a_counter_that_is_no_devices_is_called_simulated() -> None:
    phase = a_phase(evidence_grade="A")
    windows = [{**a_window(watts=[200] * 5), "evidence_grade": "E"} for _ in range(5)]
    simulated = a_measured_score(phase, windows=windows, evidence_grade="E")
    assert "Simulada, no medida" in page_of(simulated).text


def test_the_figure_is_the_median_of_the_repetitions_that_count(score: Score) -> None:
    facts = facts_of(page_of(score))
    assert facts["Energía"] == "83,200 J (la mediana de 5 repeticiones)"
    assert facts["Diferencia entre repeticiones"] == "7,69 %, de la menor a la mayor"


def test_the_interval_is_that_of_students_t_and_of_the_counters_edges(score: Score) -> None:
    """By hand, in mJ: s = √(2 · (1600² + 3200²) / 4) = 2529.8; 2.776 · √1.5708 · s / √5 = 3936.3, up to 3937;
    with the counter's 120 that is ± 4057 around 83 200."""
    told = facts_of(page_of(score))["Intervalo del 95 %"]
    assert told.startswith("de 79,143 J a 87,257 J")
    assert "± 3,937 J por lo que varían las repeticiones" in told
    assert "± 0,120 J por los instantes" in told


def test_one_repetition_says_that_it_does_not_know_how_another_would_be(db: None) -> None:
    page = page_of(a_measured_score(windows=[a_window()]))
    told = facts_of(page)["Intervalo del 95 %"]
    assert "con una sola repetición no se sabe" in told
    assert "Diferencia entre repeticiones" not in facts_of(page)


def test_each_repetition_has_its_row_with_energy_time_power_and_flags(score: Score) -> None:
    Measurement.objects.filter(evaluation=score.evaluation, repetition=5).delete()
    Measurement.objects.create(
        evaluation=score.evaluation, repetition=5, **five_windows()[4], flags=["shortened-protocol"]
    )
    rows = rows_of(page_of(score).root.by_id("windows"))
    assert rows[0] == ["1", "80 J", "0,400 s", "200,0 W", "—"]
    assert rows[2][:2] == ["3 (la mediana)", "83,200 J"]
    assert rows[4][4] == "Se midió con ventanas más cortas que las del protocolo completo."


def test_a_repetition_of_an_earlier_series_is_neither_shown_nor_counted(score: Score) -> None:
    Evaluation.objects.filter(pk=score.evaluation_id).update(series=3)
    page = page_of(score)
    assert [row[1] for row in rows_of(page.root.by_id("windows"))] == ["83,200 J", "84,800 J", "86,400 J"]
    assert facts_of(page)["Energía"].startswith("84,800 J (la mediana de 3")
    assert as_(author_of(score)).get(curve_address(score, 2)).status_code == 404


def test_the_reference_tells_its_drift_and_what_the_device_draws_at_rest(score: Score) -> None:
    a_reference_run(score.evaluation, place="before")
    a_reference_run(score.evaluation, place="after", energy_mj=1_004_200)
    page = page_of(score)
    before, after = rows_of(page.root.by_id("reference"))
    assert [before[0], before[2], before[3], before[4]] == ["antes", "100 J", "es la base", "50,0 W"]
    assert [after[0], after[2], after[3]] == ["después", "100,420 J", "+0,42 %"]
    assert "Entre antes y después: +0,42 %." in page.text


def a_calibrated_score(calibration: Calibration, *, sha256: str) -> Score:
    """A score of grade D, of two cases with 100 tokens read and 20 written each."""
    score = a_score(a_phase(ranked_cases=2, evidence_grade="D"), evidence_grade="D")
    uses = [TokenUse(prompt_tokens=100, completion_tokens=20)] * 2
    for case in score.phase.ranked_suite.cases.all():
        a_run(score.evaluation, case, prompt_tokens=100, completion_tokens=20)
    score.evaluation.measurements.all().delete()
    Measurement.objects.create(
        evaluation=score.evaluation,
        energy_mj=predict(calibration, uses).energy_mj,
        seconds=Decimal("1.500"),
        evidence_grade="D",
        source="calibrado",
        evidence={"coefficients": {"calibration_sha256": sha256}},
    )
    return score


def test_a_calibrated_figure_has_the_prediction_interval_of_its_own_calibration(
    db: None, tmp_path: Path, settings: Any
) -> None:
    calibration = a_calibration()
    settings.TOKEN_MODEL = str(tmp_path / "calibrado.json")
    Path(settings.TOKEN_MODEL).write_text(calibration_file.dump(calibration))
    score = a_calibrated_score(calibration, sha256=calibration_file.sha256_of(calibration))
    page = page_of(score)
    assert "el de predicción del modelo calibrado" in page.text
    assert "No hay gráfico de potencia porque no se midió nada" in page.text
    uses = [TokenUse(prompt_tokens=100, completion_tokens=20)] * 2
    expected = predict(calibration, uses)
    told = told_by_the_api(score)["interval"]
    assert (told["low_mj"], told["high_mj"]) == (expected.low_mj, expected.high_mj)
    assert (told["repetitions_mj"], told["counter_mj"]) == (None, None)
    another = a_calibrated_score(calibration, sha256="0" * 64)
    assert told_by_the_api(another)["interval"] is None


# --- the curve ----------------------------------------------------------------------------------------------


def test_the_curve_is_told_in_tables_that_need_no_script(score: Score) -> None:
    root = page_of(score).root
    stretches = rows_of(root.by_id("power-stretches"))
    assert len(stretches) == 10
    assert stretches[0] == ["0,00 s", "0,04 s", "208,0 W"]
    cases = rows_of(root.by_id("power-cases"))
    assert cases[0] == ["Caso n.º 1", "0,00 s", "0,15 s", "208,0 W"]
    assert len(cases) == 3


def test_any_repetition_can_be_chosen_and_the_median_is_shown_at_first(score: Score) -> None:
    shown = {
        query: page_of(score, query).root.by_id("power-chart").get("data-url")[-3:]
        for query in ("", "?ventana=5", "?ventana=6", "?ventana=0", "?ventana=x", "?ventana=٣")
    }
    assert shown == {
        "": "/3/",
        "?ventana=5": "/5/",
        "?ventana=6": "/3/",
        "?ventana=0": "/3/",
        "?ventana=x": "/3/",
        "?ventana=٣": "/3/",
    }


def test_the_drawing_waits_for_its_script_and_its_files_are_ours(score: Score) -> None:
    page = page_of(score)
    assert "hidden" in page.root.by_id("power-chart").attributes
    scripts = [each.get("src") for each in page.root.all("script")]
    assert [path for path in scripts if not path.startswith("/estatico/")] == []
    assert any("vendor/echarts/" in path for path in scripts)


def test_the_curve_as_json_holds_what_the_script_draws(score: Score) -> None:
    answer = as_(author_of(score)).get(curve_address(score, 1))
    assert "no-store" in answer.headers["Cache-Control"]
    told = answer.json()
    assert told["seconds"] == 0.4
    assert told["cases"] == [[1, 0.0, 0.15], [2, 0.15, 0.3], [3, 0.3, 0.4]]
    assert told["points"][0] == [0.0, 200.0]
    assert told["points"][-1] == [0.4, 200.0]


def test_an_estimate_says_why_there_is_no_chart(db: None) -> None:
    page = page_of(a_score(evidence_grade="E"))
    assert "No hay gráfico de potencia porque no se midió nada" in page.text
    assert "estimación, no medida" in page.text
    assert not any("echarts" in each.get("src") for each in page.root.all("script"))


def test_an_estimate_tells_its_shortened_protocol_and_no_idle_power(db: None) -> None:
    score = a_score(evidence_grade="E")
    windows: QuerySet[Measurement] = QuerySet(Measurement).filter(evaluation=score.evaluation)
    windows.update(evidence={"protocol": {"repetitions": 1}})
    brief: dict[str, Any] = {"energy_mj": 240, "passes": 2, "idle_mj": None, "idle_seconds": None}
    a_reference_run(score.evaluation, place="before", **brief)
    a_reference_run(score.evaluation, place="after", **brief)
    page = page_of(score)
    assert "Se sigue el protocolo de lo que se mide, abreviado" in page.text
    before, after = rows_of(page.root.by_id("reference"))
    assert (before[2:], after[2:]) == (["0,120 J", "es la base"], ["0,120 J", "0,00 %"])
    assert "Entre antes y después: 0,00 %" in page.text
    assert "Potencia en reposo" not in page.text


def test_edges_that_are_gone_leave_the_figures_and_a_sentence(score: Score) -> None:
    for row in score.evaluation.measurements.all():
        path = sealing.evidence_store().path(row.evidence["edges_sha256"])
        path.unlink(missing_ok=True)
    page = page_of(score)
    assert "no se pueden leer ahora" in page.text
    assert len(rows_of(page.root.by_id("windows"))) == 5
    assert as_(author_of(score)).get(curve_address(score)).status_code == 404


def test_edges_that_somebody_changed_are_not_drawn(score: Score) -> None:
    row = score.evaluation.measurements.get(repetition=3)
    path = sealing.evidence_store().path(row.evidence["edges_sha256"])
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"5000", b"5001"))
    assert "no se pueden leer ahora" in page_of(score).text
    path.unlink()


def test_a_counter_that_gave_the_total_alone_says_so(db: None) -> None:
    window = {**a_window(), "evidence": {}, "evidence_grade": "C", "source": "rapl"}
    assert "el contador solo dio el total" in page_of(a_measured_score(windows=[window])).text


# --- the API ------------------------------------------------------------------------------------------------


def told_by_the_api(score: Score) -> Any:
    client = APIClient()
    client.force_authenticate(author_of(score))
    return client.get(f"/api/v1/submissions/{score.evaluation.submission_id}/").json()["measurement"]


def test_the_api_tells_the_same(score: Score) -> None:
    a_reference_run(score.evaluation, place="before")
    a_reference_run(score.evaluation, place="after", energy_mj=1_004_200)
    told = told_by_the_api(score)
    assert (told["energy_mj"], told["seconds"], told["evidence_grade"]) == (83_200, "2.000", "A")
    assert told["interval"] == {
        "low_mj": 79_143,
        "high_mj": 87_257,
        "repetitions_mj": 3_937,
        "counter_mj": 120,
    }
    assert told["spread_percent"] == "7.6923"
    assert [each["energy_mj"] for each in told["repetitions"]] == [80_000, 81_600, 83_200, 84_800, 86_400]
    before, after = told["reference"]["runs"]
    assert (before["is_baseline"], before["idle_mw"]) == (True, 50_000)
    assert (after["place"], after["drift_percent"]) == ("after", "0.4200")
    assert told["reference"]["between_percent"] == "0.4200"


def test_of_an_estimate_the_api_tells_no_interval_and_no_reference(db: None) -> None:
    told = told_by_the_api(a_score(evidence_grade="E"))
    assert (told["interval"], told["spread_percent"], told["reference"]) == (None, None, None)
    assert len(told["repetitions"]) == 1


# --- who sees it --------------------------------------------------------------------------------------------


def organizer(*names: str) -> Person:
    person = a_person(is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__in=names))
    return person


def test_the_curve_is_for_its_author_and_for_organizers(score: Score) -> None:
    address = curve_address(score)
    found = {
        "visitor": Client().get(address).status_code,
        "another contestant": as_(a_person()).get(address).status_code,
        "staff without the permission": as_(organizer()).get(address).status_code,
        "organizer": as_(organizer("view_measurement")).get(address).status_code,
        "author": as_(author_of(score)).get(address).status_code,
    }
    assert found == {
        "visitor": 302,
        "another contestant": 404,
        "staff without the permission": 404,
        "organizer": 200,
        "author": 200,
    }


def test_a_freeze_hides_the_curve_from_organizers_but_not_from_judges_or_its_author(score: Score) -> None:
    phase = score.phase
    phase.freeze_at = timezone.now() - timedelta(minutes=1)
    phase.save()
    person, judge = organizer("view_measurement"), organizer("view_measurement")
    judge.groups.add(Group.objects.get(name="jueces"))
    found = [as_(each).get(curve_address(score)).status_code for each in (person, judge, author_of(score))]
    assert found == [404, 200, 200]


def test_nothing_is_drawn_before_there_is_a_score(db: None) -> None:
    evaluation = an_evaluation(a_submission(state=None), state=State.RUNNING)
    Measurement.objects.create(evaluation=evaluation, **a_window())
    person = evaluation.submission.participation.person
    address = f"/envios/{evaluation.submission_id}/potencia/1/"
    assert as_(person).get(address).status_code == 404


@pytest.mark.parametrize("repetition", [0, 6, 99_999, 10**30])
def test_a_repetition_that_is_not_there_is_not_found(score: Score, repetition: int) -> None:
    assert as_(author_of(score)).get(curve_address(score, repetition)).status_code == 404


def test_no_text_of_a_private_case_is_in_the_page_or_in_the_curve(score: Score) -> None:
    client = as_(author_of(score))
    told = client.get(f"/envios/{score.evaluation.submission_id}/").content
    told += client.get(curve_address(score)).content
    assert b"Caso n" in told
    assert SECRET.encode() not in told


def test_a_measured_page_asks_three_times_more_than_an_estimates_however_many_windows(score: Score) -> None:
    """For the runs of the reference workload, and for their day's base."""
    for place in ("before", "after"):
        a_reference_run(score.evaluation, place=place)
    estimate = queries_of(a_score(evidence_grade="E"))
    assert queries_of(score) == estimate + 3


def queries_of(score: Score) -> int:
    client, address = as_(author_of(score)), f"/envios/{score.evaluation.submission_id}/"
    with CaptureQueriesContext(connection) as asked:
        client.get(address)
    return len(asked)
