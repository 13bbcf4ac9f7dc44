"""The reference workload in the organizers' pages: its drift by day, and the choice of a day's base."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from challenges.models import DeviceLease, Evaluation, Person, ReferenceBaseline, ReferenceRun, State
from tests.contest import as_
from tests.factories import a_person, a_reference_run, a_submission, an_evaluation
from tests.web_page import Element, Page, read

pytestmark = pytest.mark.django_db

LIST = "/gestion/challenges/referencerun/"
PLOT = f"{LIST}deriva/"
MORNING = datetime(2026, 1, 15, 8, tzinfo=UTC)


@pytest.fixture
def evaluation(db: None) -> Evaluation:
    return an_evaluation(a_submission(state=None), state=State.SCORED)


def organizer(*names: str) -> Client:
    person: Person = a_person(is_staff=True)
    names = names or (
        "view_referencerun",
        "view_referencebaseline",
        "add_referencebaseline",
        "view_devicelease",
    )
    person.user_permissions.set(Permission.objects.filter(codename__in=names))
    return as_(person)


def a_day(evaluation: Evaluation, energies_mj: list[int], **more: Any) -> list[ReferenceRun]:
    return [
        a_reference_run(evaluation, energy_mj=energy_mj, created_at=MORNING.replace(hour=8 + hour), **more)
        for hour, energy_mj in enumerate(energies_mj)
    ]


def shown(client: Client, address: str) -> Page:
    answer = client.get(address)
    assert answer.status_code == 200
    return read(answer.content)


def rows_of(table: Element) -> list[list[str]]:
    (body,) = table.all("tbody")
    return [[cell.text for cell in row.all("td", "th")] for row in body.all("tr")]


def use_as_baseline(client: Client, *runs: ReferenceRun, **more: str) -> Any:
    return client.post(
        LIST, {"action": "use_as_baseline", "_selected_action": [run.pk for run in runs], **more}, follow=True
    )


# --- the list -----------------------------------------------------------------------------------------------


def test_the_list_tells_each_runs_drift_without_asking_for_each(evaluation: Evaluation) -> None:
    a_day(evaluation, [1_000_000, 1_004_200])
    client = organizer()
    client.get(LIST)
    with CaptureQueriesContext(connection) as few:
        text = shown(client, LIST).main.text
    assert "+0,420 %" in text
    assert "es la base" in text
    a_day(evaluation, [1_010_000] * 9)
    with CaptureQueriesContext(connection) as many:
        shown(client, LIST)
    assert len(many) == len(few)


def test_one_run_can_be_looked_at_and_not_changed(evaluation: Evaluation) -> None:
    (run,) = a_day(evaluation, [1_000_000])
    client = organizer()
    assert client.get(f"{LIST}{run.pk}/change/").status_code == 200
    assert client.post(f"{LIST}{run.pk}/change/", {"energy_mj": 1}).status_code == 403
    assert client.get(f"{LIST}add/").status_code == 403


def test_who_has_a_device_is_shown(db: None) -> None:
    DeviceLease.objects.create(device="GPU-1", holder="obrero", since=MORNING, lease_until=MORNING)
    assert "obrero" in shown(organizer(), "/gestion/challenges/devicelease/").main.text


# --- the base of a day --------------------------------------------------------------------------------------


def test_a_base_is_chosen_with_a_reason_and_by_whom(evaluation: Evaluation) -> None:
    _first, second = a_day(evaluation, [1_000_000, 2_000_000])
    client = organizer()
    assert "Motivo" in use_as_baseline(client, second).content.decode()
    assert not ReferenceBaseline.objects.exists()
    use_as_baseline(client, second, confirm="1", reason="Controlador nuevo")
    chosen = ReferenceBaseline.objects.get()
    assert (chosen.run, chosen.reason) == (second, "Controlador nuevo")
    assert str(chosen.person_id) == client.session["_auth_user_id"]
    plot = shown(client, f"{PLOT}?dia=2026-01-15&dispositivo=GPU-de-prueba")
    assert [row[4] for row in rows_of(plot.root.by_id("drift-runs"))] == ["−50,000 % (anula)", "es la base"]


def test_no_base_is_chosen_without_a_reason_or_for_two_runs_at_once(evaluation: Evaluation) -> None:
    first, second = a_day(evaluation, [1_000_000, 2_000_000])
    client = organizer()
    use_as_baseline(client, second, confirm="1", reason="  ")
    told = use_as_baseline(client, first, second, confirm="1", reason="Porque sí").content.decode()
    assert "Elige una sola medida" in told
    assert not ReferenceBaseline.objects.exists()


def test_whoever_may_only_look_chooses_no_base(evaluation: Evaluation) -> None:
    (run,) = a_day(evaluation, [1_000_000])
    client = organizer("view_referencerun")
    use_as_baseline(client, run, confirm="1", reason="Porque sí")
    assert not ReferenceBaseline.objects.exists()
    assert b"use_as_baseline" not in client.get(LIST).content


# --- the plot -----------------------------------------------------------------------------------------------


def test_the_plot_has_a_point_for_each_run_and_says_which_are_beyond_the_tolerance(
    evaluation: Evaluation, settings: Any
) -> None:
    settings.REFERENCE_TOLERANCE_PERCENT = 2
    a_day(evaluation, [1_000_000, 1_020_000, 1_020_001])
    root = shown(organizer(), PLOT).root
    rows = rows_of(root.by_id("drift-runs"))
    assert [row[4] for row in rows] == ["es la base", "+2,000 %", "+2,000 % (anula)"]
    assert [row[0] for row in rows] == ["09:00:00", "10:00:00", "11:00:00"]
    points = [
        (row.get("data-minutes"), row.get("data-percent"), row.get("data-kind"))
        for row in root.by_id("drift-runs").all("tr")
        if row.get("data-kind")
    ]
    assert points == [
        ("540.000", "0.000000", "baseline"),
        ("600.000", "2.000000", "before"),
        ("660.000", "2.000100", "before"),
    ]


def test_each_day_and_device_has_its_own_plot_and_the_last_is_shown_at_first(evaluation: Evaluation) -> None:
    a_day(evaluation, [1_000_000])
    a_day(evaluation, [1_000_000, 1_000_000], device="GPU 2 & otra")
    client = organizer()
    newest = shown(client, PLOT)
    assert len(rows_of(newest.root.by_id("drift-days"))) == 2
    for link in newest.root.by_id("drift-days").all("a"):
        day = shown(client, PLOT + link.get("href"))
        assert len(rows_of(day.root.by_id("drift-runs"))) == (2 if "GPU%202" in link.get("href") else 1)


@pytest.mark.parametrize("query", ["", "?dia=ayer", "?dia=2026-02-30", "?dia=2020-01-01&dispositivo=x"])
def test_a_day_without_any_run_says_so(db: None, query: str) -> None:
    assert "No hay ninguna medida" in shown(organizer(), PLOT + query).main.text


def test_the_plot_is_for_who_may_see_the_runs(evaluation: Evaluation) -> None:
    assert organizer("view_devicelease").get(PLOT).status_code == 403
    assert Client().get(PLOT).status_code == 302
