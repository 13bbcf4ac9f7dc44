"""The board page: complete without a script, one's own row told by a word, and frozen when the phase is."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone

from challenges import board as boards
from challenges import dispatch
from challenges.models import Circuit, Phase
from desafio.pages.templatetags import figures
from tests.contest import as_
from tests.factories import a_challenge, a_participation, a_person, a_phase, a_standing
from tests.web_page import Element, Page, read

pytestmark = pytest.mark.django_db

MADRID = ZoneInfo("Europe/Madrid")


def board(phase: Phase, client: Client | None = None, **query: str) -> Page:
    answer = (client or Client()).get(f"/desafios/{phase.challenge.slug}/clasificacion/", query)
    assert answer.status_code == 200
    return read(answer.content)


def cells(page: Page) -> list[list[str]]:
    """What each row tells, but for the range of its place."""
    return [
        [cell.text for cell in row.all("th", "td") if cell.get("data-field") != "range"] for row in rows(page)
    ]


def rows(page: Page) -> list[Element]:
    return page.root.by_id("board-rows").all("tr")


def named(phase: Phase, name: str, **score: Any) -> Any:
    return a_standing(phase, participation=a_participation(phase, person=a_person(board_name=name)), **score)


def test_the_table_is_there_without_a_script_in_the_readers_figures() -> None:
    phase = a_phase()
    named(phase, "Ana & <b>Cía</b>", value="80.0099", energy_mj=1_234_567_890, prompt_tokens=1_234_567)
    named(phase, "Luis", value="70")
    named(phase, "Eva", value="70")
    table = cells(board(phase))
    assert [row[:2] for row in table] == [["1", "Ana & <b>Cía</b>"], ["2", "Luis"], ["2", "Eva"]]
    assert table[0][2:7] == ["80,00", "0,650", "1.234,57 kJ", "1.234.687", "1"]


def test_a_row_tells_the_places_that_chance_leaves_open(monkeypatch: pytest.MonkeyPatch) -> None:
    phase = a_phase()
    named(phase, "Luis", value="80")
    named(phase, "Eva", value="70")
    told = {"Luis": (1, 3), "Eva": (2, 2)}

    def rows_in_doubt(chosen: Phase) -> Any:
        built = build(chosen)
        for row in built.rows:
            row["best_rank"], row["worst_rank"] = told[row["name"]]
        return built

    build = boards.build
    monkeypatch.setattr(boards, "build", lambda chosen, **options: rows_in_doubt(chosen))
    shown = [row.all("td")[1] for row in rows(board(phase))]
    assert [(cell.get("data-field"), cell.text) for cell in shown] == [("range", "1.º–3.º"), ("range", "2.º")]


def test_an_empty_board_says_what_will_happen() -> None:
    page = board(a_phase())
    empty = page.root.by_id("board-empty")
    assert empty.text == "Todavía no hay ningún envío puntuado. El primero aparecerá aquí solo."
    assert "hidden" not in empty.attributes
    phase = a_phase()
    named(phase, "Ana")
    assert "hidden" in board(phase).root.by_id("board-empty").attributes


def test_ones_own_row_is_told_by_a_word_and_not_by_a_colour_alone() -> None:
    phase = a_phase()
    mine = named(phase, "Ana").participation
    named(phase, "Luis", value="80")
    page = board(phase, as_(mine.person))
    marked = [row for row in rows(page) if "mine" in row.get("class").split()]
    assert [row.get("data-participation") for row in marked] == [str(mine.public_id)]
    assert [each.text for row in rows(page) for each in row.with_class("you")] == ["tú"]
    assert page.root.by_id("board").get("data-mine") == str(mine.public_id)
    assert page.root.by_id("board").get("data-you") == "tú"
    stranger = board(phase, as_(a_person()))
    assert [row for row in rows(stranger) if row.get("class")] == []


def test_the_row_for_the_script_is_an_empty_one_of_the_same_shape() -> None:
    phase = a_phase()
    named(phase, "Ana")
    page = board(phase)
    (blank,) = page.root.by_id("board-row").all("tr")
    fields = [[cell.get("data-field") for cell in row.all("th", "td")] for row in (blank, rows(page)[0])]
    assert fields[0] == fields[1]
    assert blank.text == ""


def test_the_script_is_told_where_the_live_board_is(settings: Any) -> None:
    settings.LIVE_URL = "https://vivo.example.org"
    phase = a_phase()
    named(phase, "Ana")
    section = board(phase).root.by_id("board")
    live = f"https://vivo.example.org/vivo/{phase.challenge.slug}/{phase.slug}"
    assert section.get("data-events-url") == f"{live}/eventos"
    assert section.get("data-board-url") == f"{live}/tabla.json"
    assert section.get("data-version") == "1"
    assert section.get("data-board-id") == boards.build(phase).etag.strip('"')
    assert section.get("data-time-zone") == "Europe/Madrid"


def test_each_phase_has_its_own_board_and_title() -> None:
    challenge = a_challenge()
    now = timezone.now()
    old = a_phase(challenge, opens_at=now - timedelta(days=2), closes_at=now - timedelta(days=1))
    new = a_phase(challenge)
    named(old, "Ana")
    named(new, "Luis")
    current, earlier = board(new), board(new, fase=old.slug)
    assert [row[1] for row in cells(current)] == ["Luis"]
    assert [row[1] for row in cells(earlier)] == ["Ana"]
    assert current.title != earlier.title
    links = [link for nav in current.main.all("nav") for link in nav.all("a")]
    assert [(link.get("href"), link.get("aria-current")) for link in links] == [
        (f"?fase={old.slug}", ""),
        (f"?fase={new.slug}", "page"),
    ]
    missing = Client().get(f"/desafios/{challenge.slug}/clasificacion/", {"fase": "otra"})
    assert missing.status_code == 404


def test_a_frozen_board_shows_the_moment_of_the_freeze_and_says_so() -> None:
    phase = a_phase()
    before = named(phase, "Ana", value="40")
    phase.freeze_at = before.score.created_at + timedelta(milliseconds=1)
    phase.save()
    named(phase, "Luis", value="90")
    a_standing(phase, participation=before.participation, value="95")
    # Not even its author: the page is the same for everybody.
    for client in (
        Client(),
        as_(before.participation.person),
        as_(a_person(is_staff=True, is_superuser=True)),
    ):
        page = board(phase, client)
        assert "La clasificación está congelada desde el " in page.text
        assert [row[1].split()[0] for row in cells(page)] == ["Ana"]
        assert cells(page)[0][2] == "40,00"


def test_an_estimate_is_called_one_and_a_measurement_is_not() -> None:
    assert "Energía: estimación, no medida (grado E)." in board(a_phase()).text
    assert "estimación" not in board(a_phase(evidence_grade="A")).text


def test_a_score_outside_the_ranking_has_no_place() -> None:
    phase = a_phase()
    named(phase, "Ana", is_ranked=False, value="90")
    named(phase, "Luis", value="10")
    assert [row[:2] for row in cells(board(phase))] == [["1", "Luis"], ["—", "Ana"]]


def test_a_challenge_without_phases_has_no_table() -> None:
    answer = Client().get(f"/desafios/{a_challenge().slug}/clasificacion/")
    page = read(answer.content)
    assert answer.status_code == 200
    assert "Este desafío todavía no tiene fechas, así que no hay clasificación." in page.text
    assert page.root.all("script", "table") == []


def test_who_is_below_the_minimum_quality_is_told_so_in_words() -> None:
    phase = a_phase()
    low = named(phase, "Ana", value="90", reaches_minimum=False).participation
    named(phase, "Luis", value="10")
    told = [row[:2] for row in cells(board(phase))]
    assert told == [["1", "Luis"], ["2", "Ana por debajo de la calidad mínima"]]
    assert cells(board(phase, as_(low.person)))[1][1] == "Ana tú por debajo de la calidad mínima"
    script = board(phase).root.by_id("board").get("data-text-below")
    assert script == "por debajo de la calidad mínima"


@pytest.mark.parametrize(
    ("name", "words"), [("backend", "El modelo no responde"), ("meter", "El medidor de energía no responde")]
)
@pytest.mark.parametrize("freeze", [None, timedelta(minutes=-1)])
def test_a_board_says_that_submissions_wait_and_since_when(
    name: str, words: str, freeze: timedelta | None
) -> None:
    now = dispatch.now()
    phase = a_phase(evidence_grade="A", freeze_at=now + freeze if freeze else None)
    assert board(phase).root.by_id("board-waiting").text == ""
    opened_at = now - timedelta(days=2)
    Circuit.objects.create(name=name, opened_at=opened_at)
    at = opened_at.astimezone(MADRID)
    banner = board(phase).root.by_id("board-waiting")
    assert banner.text == (
        f"{words} desde el {at:%d/%m/%Y} a las {at:%H:%M}. Los envíos aceptados esperan y siguen solos."
    )
    assert banner.get("role") == "status"
    Circuit.objects.update(opened_at=None)
    assert board(phase).root.by_id("board-waiting").text == ""


@pytest.mark.parametrize(
    ("at", "now", "words"),
    [
        ("2026-05-11T08:32:59Z", "2026-05-11T11:00:00Z", "las 10:32"),
        ("2026-05-10T23:32:00Z", "2026-05-11T08:00:00Z", "la 01:32"),
        ("2026-05-10T21:32:00Z", "2026-05-10T22:10:00Z", "el 10/05/2026 a las 23:32"),
    ],
)
def test_a_moment_of_today_is_an_hour_and_another_has_its_day(at: str, now: str, words: str) -> None:
    assert figures.since(at, datetime.fromisoformat(now), MADRID) == words
