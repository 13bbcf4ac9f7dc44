"""An organizer is told what a suite can tell apart, and what each of its cases did; others are not."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from challenges import case_statistics, standings
from challenges.models import Phase, Score
from tests.contest import as_
from tests.factories import a_participation, a_person, a_phase, a_score
from tests.web_page import Element, Page, read

pytestmark = pytest.mark.django_db

RIGHT, WRONG = 10**6, 0
CASES: list[dict[str, Any]] = [
    {"key": "siempre", "group": "fáciles"},
    {"key": "nunca", "group": "difíciles", "weight": 3},
    {"key": "revés", "group": "difíciles"},
    {"key": "medio", "group": "fáciles"},
    {"key": "fino", "group": "fáciles"},
    {"key": "otro", "group": ""},
]
# Three who do ever better; "revés" is right for the two worse alone.
THREE = [
    [RIGHT, WRONG, RIGHT, WRONG, WRONG, WRONG],
    [RIGHT, WRONG, RIGHT, RIGHT, WRONG, WRONG],
    [RIGHT, WRONG, WRONG, RIGHT, RIGHT, RIGHT],
]
LOOK = ("view_phase", "view_case")


def organizer(*names: str) -> Client:
    person = a_person(is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__in=names))
    return as_(person)


def a_phase_with(rows: list[list[int]], *, cases: Any = CASES, **fields: Any) -> Phase:
    phase = a_phase(ranked_cases=cases, **fields)
    scored(phase, rows)
    return phase


def scored(phase: Phase, rows: list[list[int]], **fields: Any) -> list[Score]:
    made = [
        a_score(phase, participation=a_participation(phase), case_grades=grades, **fields) for grades in rows
    ]
    standings.rebuild(phase)
    return made


def phase_page(phase: Phase) -> str:
    return reverse("admin:challenges_phase_change", args=[phase.pk])


def cases_page(phase: Phase) -> str:
    return f"/gestion/challenges/phase/{phase.pk}/casos/"


def cases_file(phase: Phase) -> str:
    return f"/gestion/challenges/phase/{phase.pk}/casos.csv"


def shown(client: Client, address: str) -> Page:
    answer = client.get(address)
    assert answer.status_code == 200
    page = read(answer.content)
    assert page.faults == ()
    return page


def has(page: Page, name: str) -> bool:
    return any(each.get("id") == name for each in page.root.all())


def rows_of(table: Element) -> list[list[str]]:
    (body,) = table.all("tbody")
    return [[cell.text for cell in row.all("td", "th")] for row in body.all("tr")]


# --- what the suite can tell apart --------------------------------------------------------------------------


def test_before_a_phase_opens_its_page_tells_what_its_suite_can_tell_apart() -> None:
    phase = a_phase(ranked_cases=60, opens_at=timezone.now() + timedelta(hours=1))
    page = shown(organizer("view_phase"), phase_page(phase))
    section = page.root.by_id("suite-power")
    assert "60 casos, que por sus pesos trabajan como 60,0 de peso igual" in section.text
    assert "se lleve 0,346 o más" in section.text
    assert rows_of(page.root.by_id("suite-power-boards")) == [
        ["2", "0,346", "785", "3.163"],
        ["10", "0,511", "1.946", "7.841"],
        ["100", "0,601", "2.983", "12.020"],
        ["1.000", "0,668", "4.032", "16.249"],
    ]
    assert page.root.by_id("suite-power-warning").text == (
        "En el peor caso, esta batería no distingue dos envíos cuya calidad se lleve 0,1. "
        "Carga una versión con más casos antes de abrir."
    )


def test_uneven_weights_are_named_as_what_could_be_mended() -> None:
    phase = a_phase(ranked_cases=[{"weight": 20}, *[{}] * 9], opens_at=timezone.now() + timedelta(hours=1))
    section = shown(organizer("view_phase"), phase_page(phase)).root.by_id("suite-power")
    # 29² / (20² + 9)
    assert "10 casos, que por sus pesos trabajan como 2,0 de peso igual" in section.text
    assert "Carga una versión con más casos, o con pesos más parecidos" in section.text


def test_once_a_phase_has_opened_nobody_is_told_to_load_another_suite() -> None:
    warning = shown(organizer("view_phase"), phase_page(a_phase(ranked_cases=60))).root.by_id(
        "suite-power-warning"
    )
    assert "la batería no se puede cambiar" in warning.text
    assert "Carga" not in warning.text


def test_a_suite_that_was_seen_to_tell_a_tenth_apart_is_not_warned_about() -> None:
    phase = a_phase_with([[RIGHT] * 40, [RIGHT] * 39 + [WRONG]], cases=40)
    page = shown(organizer("view_phase"), phase_page(phase))
    assert not has(page, "suite-power-warning")
    two = rows_of(page.root.by_id("suite-power-boards"))[0]
    assert len(two) == 5
    assert float(two[2].replace(",", ".")) < 0.1 < float(two[1].replace(",", "."))
    assert "Lo medido sale de 2 puntuaciones con esta misma batería" in page.root.by_id("suite-power").text


def test_too_few_cases_to_tell_anybody_apart_are_called_so() -> None:
    section = shown(organizer("view_phase"), phase_page(a_phase(ranked_cases=2))).root.by_id("suite-power")
    assert "Son demasiado pocos para distinguir a nadie." in section.text
    assert rows_of(section)[0][1] == "ninguna"


def test_a_phase_that_is_not_there_yet_has_nothing_to_tell() -> None:
    assert not has(shown(organizer("add_phase"), reverse("admin:challenges_phase_add")), "suite-power")


def test_a_refused_form_tells_it_again() -> None:
    phase = a_phase(ranked_cases=60)
    answer = organizer("view_phase", "change_phase").post(phase_page(phase), {"title": ""})
    assert answer.status_code == 200
    assert has(read(answer.content), "suite-power")


def test_the_spread_of_scores_since_a_freeze_is_for_judges_alone() -> None:
    phase = a_phase_with([[RIGHT] * 40, [RIGHT] * 39 + [WRONG]], cases=40)
    freeze = frozen_by_now(phase)
    scored(phase, [[RIGHT] * 20 + [WRONG] * 20], created_at=freeze + timedelta(seconds=1))
    judge, other = (
        shown(organizer(*names), phase_page(phase)).root.by_id("suite-power").text
        for names in (("view_phase", "export_ranking"), ("view_phase",))
    )
    assert "Lo medido sale de 3 puntuaciones" in judge
    assert "Lo medido sale de 2 puntuaciones" in other


def frozen_by_now(phase: Phase) -> datetime:
    """Frozen after all that there is and before all that comes; returns when."""
    freeze = timezone.now()
    Phase.objects.filter(pk=phase.pk).update(freeze_at=freeze)
    phase.refresh_from_db()
    return freeze


# --- what each case did -------------------------------------------------------------------------------------


def test_the_cases_that_deserve_a_look_come_first_and_say_so() -> None:
    phase = a_phase_with(THREE)
    page = shown(organizer(*LOOK), cases_page(phase))
    assert "la mejor puntuación de cada una de las 3 participaciones" in page.main.text
    rows = rows_of(page.root.by_id("cases"))
    assert rows[0][0] == "revés"
    assert rows[0][4] == "0,667"
    assert rows[0][5].startswith("−0,")
    assert rows[0][6] == "revisa la respuesta esperada"
    # What does not vary tells nothing, and comes last.
    assert [(row[0], row[5], row[6]) for row in rows[-2:]] == [
        ("siempre", "—", "siempre acertado"),
        ("nunca", "—", "siempre fallado"),
    ]
    assert [row[6] for row in rows[1:-2]] == ["", "", ""]


def test_groups_are_summed_up() -> None:
    page = shown(organizer(*LOOK), cases_page(a_phase_with(THREE)))
    assert rows_of(page.root.by_id("groups")) == [
        ["fáciles", "3", "37,5", "0,667", "1", "0", "0"],
        ["difíciles", "2", "50,0", "0,167", "0", "1", "1"],
        ["—", "1", "12,5", "0,333", "0", "0", "0"],
    ]


def test_every_column_sorts_and_turns_round() -> None:
    phase = a_phase_with(THREE)
    client = organizer(*LOOK)

    def head(page: Page, title: str) -> Element:
        return next(each for each in page.root.by_id("cases").all("th") if each.text == title)

    by = {"Caso": ("fino", "siempre"), "Grupo": ("otro", "siempre"), "Orden": ("siempre", "otro")}
    by |= {"Peso": ("siempre", "nunca"), "Dificultad": ("nunca", "siempre"), "Discriminación": ("revés", "")}
    for title, (first, first_turned) in by.items():
        page = shown(client, cases_page(phase) + ("?por=-caso" if title != "Caso" else ""))
        assert head(page, title).get("aria-sort") == "none"
        page = shown(client, cases_page(phase) + head(page, title).all("a")[0].get("href"))
        assert head(page, title).get("aria-sort") == "ascending"
        assert rows_of(page.root.by_id("cases"))[0][0] == first
        turned = shown(client, cases_page(phase) + head(page, title).all("a")[0].get("href"))
        assert head(turned, title).get("aria-sort") == "descending"
        if first_turned:
            assert rows_of(turned.root.by_id("cases"))[0][0] == first_turned


@pytest.mark.parametrize("query", ["?por=nada", "?por=", "?por=--caso", "?por=%00", "?por=caso&por=-"])
def test_an_order_that_is_none_is_the_first_one(query: str) -> None:
    rows = rows_of(shown(organizer(*LOOK), cases_page(a_phase_with(THREE)) + query).root.by_id("cases"))
    assert rows[0][0] == "revés"


def test_the_file_holds_what_the_page_tells_in_the_suites_order() -> None:
    phase = a_phase_with(THREE)
    client = organizer(*LOOK)
    (link,) = [
        each for each in shown(client, cases_page(phase)).root.all("a") if "download" in each.attributes
    ]
    answer = client.get(link.get("href"))
    assert answer.headers["Content-Type"].startswith("text/csv")
    name = f"casos-{phase.challenge.slug}-{phase.slug}.csv"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    header, *rows = csv.reader(io.StringIO(answer.content.decode(), newline=""))
    assert tuple(header) == case_statistics.HEADER
    assert [row[0] for row in rows] == [case["key"] for case in CASES]
    assert rows[2][4:] == ["0.666667", "-0.944911", "no", "no", "sí"]


def test_a_phase_without_scores_says_so_and_its_file_has_no_rows() -> None:
    phase = a_phase(ranked_cases=CASES)
    client = organizer(*LOOK)
    page = shown(client, cases_page(phase))
    assert "Todavía no hay puntuaciones" in page.main.text
    assert not has(page, "cases")
    assert len(client.get(cases_file(phase)).content.decode().splitlines()) == 1


def test_scores_of_other_cases_are_told_to_be_left_out() -> None:
    phase = a_phase_with(THREE)
    scored(phase, [[RIGHT]])
    text = shown(organizer(*LOOK), cases_page(phase)).root.by_id("cases-left-out").text
    assert "Queda fuera 1 participación" in text


@pytest.mark.parametrize("names", [("view_phase",), ("view_case",), ("view_score", "view_run"), ()])
def test_who_may_not_see_private_cases_sees_none_of_it(names: tuple[str, ...]) -> None:
    phase = a_phase_with(THREE)
    client = organizer(*names)
    assert client.get(cases_page(phase)).status_code == 403
    assert client.get(cases_file(phase)).status_code == 403
    if "view_phase" in names:
        assert "Estadísticas de los casos" not in shown(client, phase_page(phase)).text


def test_the_phases_page_leads_whoever_may_to_its_cases() -> None:
    phase = a_phase_with(THREE)
    page = shown(organizer(*LOOK), phase_page(phase))
    assert cases_page(phase) in {each.get("href") for each in page.root.all("a")}


def test_contestants_and_strangers_are_kept_out() -> None:
    phase = a_phase_with(THREE)
    for address in (cases_page(phase), cases_file(phase)):
        assert Client().get(address).status_code == 302
        assert as_(a_person()).get(address, follow=True).status_code == 403


def test_a_phase_that_is_none_is_not_found() -> None:
    assert organizer(*LOOK).get("/gestion/challenges/phase/0/casos/").status_code == 404
    assert organizer(*LOOK).get("/gestion/challenges/phase/0/casos.csv").status_code == 404


def test_what_was_scored_since_a_freeze_is_for_judges_alone() -> None:
    phase = a_phase_with(THREE)
    freeze = frozen_by_now(phase)
    scored(phase, [[WRONG] * 6], created_at=freeze + timedelta(seconds=1))
    other = shown(organizer(*LOOK), cases_page(phase))
    judge = shown(organizer(*LOOK, "export_ranking"), cases_page(phase))
    assert has(other, "cases-frozen")
    assert not has(judge, "cases-frozen")
    told = [{row[0]: row[4] for row in rows_of(page.root.by_id("cases"))} for page in (other, judge)]
    assert [each["siempre"] for each in told] == ["1,000", "0,750"]
    files = [organizer(*names).get(cases_file(phase)).content for names in (LOOK, (*LOOK, "export_ranking"))]
    assert b"siempre,f\xc3\xa1ciles,0,1,1.000000" in files[0]
    assert b"siempre,f\xc3\xa1ciles,0,1,0.750000" in files[1]


@pytest.mark.parametrize("address", [phase_page, cases_page, cases_file])
def test_a_page_takes_the_same_queries_however_large_the_phase(address: Any) -> None:
    phase = a_phase_with(THREE)
    client = organizer(*LOOK)
    client.get(address(phase))
    with CaptureQueriesContext(connection) as few:
        client.get(address(phase))
    scored(phase, THREE * 4)
    with CaptureQueriesContext(connection) as many:
        client.get(address(phase))
    assert len(many) == len(few)
