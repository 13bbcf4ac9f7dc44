"""The board page in a real browser: the script moves rows, speaks, and writes what the server would write."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from playwright.sync_api import Page, expect, sync_playwright

from challenges import announce, circuits
from challenges.models import Circuit, Participation, Phase
from tests.factories import a_participation, a_person, a_phase, a_standing
from tests.live_process import Live, path_of, start_live
from tests.scored_places import a_long_phase, scored
from tests.servers import Valkey, wait_until

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]

CHROMIUM = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
]
SCREENSHOTS = os.environ.get("DESAFIO_SCREENSHOTS")


@pytest.fixture
def live(
    valkey: Valkey, live_server: Any, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Live]:
    """A live process whose streams the test's web server may read, and a web server that names it."""
    # Playwright's own loop runs in this thread: Django would take each query for one inside a coroutine.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    process = start_live(tmp_path, LIVE_ALLOWED_ORIGINS=live_server.url)
    settings.LIVE_URL = process.url
    policy = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    settings.CONTENT_SECURITY_POLICY = {
        "DIRECTIVES": {**policy, "connect-src": [*policy["connect-src"], process.url]}
    }
    yield process
    process.process.stop()


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM)
        page = browser.new_page()
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        yield page
        browser.close()
        assert faults == []


def _score(phase: Phase, participation: Participation, value: str, **fields: Any) -> None:
    a_standing(phase, participation=participation, value=value, **fields)
    announce.publish(phase.pk)


def _people(phase: Phase, *names: str) -> list[Participation]:
    return [a_participation(phase, person=a_person(board_name=name)) for name in names]


def _show(page: Page, live_server: Any, live: Live, phase: Phase) -> None:
    """Open the board once the live process has seen the phase: a page that asks before waits five seconds."""
    wait_until(lambda: live.get(f"{path_of(phase)}/tabla.json").status_code == 200, "the phase is known")
    page.goto(f"{live_server.url}/desafios/{phase.challenge.slug}/clasificacion/")
    expect(page.locator("#board-status")).to_have_text("En directo")


def _rows(page: Page) -> list[list[str]]:
    rows = page.locator("#board-rows tr")
    return [row.locator("th, td").all_inner_texts() for row in rows.all()]


def _names(page: Page) -> Any:
    return page.locator("#board-rows [data-field=name]")


def _picture(page: Page, name: str) -> None:
    if SCREENSHOTS:
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png", full_page=True)


def test_rows_move_and_read_as_if_the_server_had_written_them(
    live: Live, live_server: Any, page: Page
) -> None:
    phase = a_phase()
    ana, luis, eva = _people(phase, "Ana Núñez", "Luis", "<b>Eva</b> & Cía")
    _score(phase, ana, "50.1299", energy_mj=999_999, prompt_tokens=9_000, completion_tokens=1_500)
    _score(phase, luis, "60")
    _show(page, live_server, live, phase)
    expect(_names(page)).to_have_text(["Luis", "Ana Núñez"])
    page.evaluate("window.here = 'the same page'")

    _score(phase, ana, "80.0099", quality="0.999999", energy_mj=1_234_567_890, prompt_tokens=1_234_567)
    expect(_names(page)).to_have_text(["Ana Núñez", "Luis"])
    expect(page.locator("#board-announcement")).to_have_text("Ana Núñez sube al 1.º puesto.")
    expect(page.locator("#board-rows tr.changed")).to_have_count(1)
    _picture(page, "live-board-moved")
    _score(phase, eva, "70", quality="0.000001", energy_mj=7, completion_tokens=0)
    expect(_names(page)).to_have_text(["Ana Núñez", "<b>Eva</b> & Cía", "Luis"])
    expect(page.locator("#board-announcement")).to_have_text("<b>Eva</b> & Cía entra en el 2.º puesto.")
    _score(phase, luis, "70", energy_mj=1_000_000)
    expect(page.locator("#board-rows [data-field=rank]")).to_have_text(["1", "2", "2"])

    live_rows = _rows(page)
    assert page.evaluate("window.here") == "the same page"
    assert live_rows[0][1:7] == ["—", "Ana Núñez", "80,00", "0,999", "1.234,57 kJ", "1.234.687"]
    page.reload()
    assert _rows(page) == live_rows
    _picture(page, "live-board")


def test_who_falls_below_the_minimum_quality_is_marked_in_words_and_unmarked(
    live: Live, live_server: Any, page: Page
) -> None:
    phase = a_phase()
    ana, luis = _people(phase, "Ana", "Luis")
    _score(phase, ana, "50")
    _show(page, live_server, live, phase)
    _score(phase, luis, "90", reaches_minimum=False)
    expect(_names(page)).to_have_text(["Ana", "Luis por debajo de la calidad mínima"])
    _score(phase, ana, "40", reaches_minimum=False)
    expect(_names(page)).to_have_text(
        ["Luis por debajo de la calidad mínima", "Ana por debajo de la calidad mínima"]
    )
    live_rows = _rows(page)
    page.reload()
    assert _rows(page) == live_rows
    _score(phase, luis, "30")
    expect(_names(page)).to_have_text(["Luis", "Ana por debajo de la calidad mínima"])
    expect(page.locator("#board-rows small")).to_have_count(1)


def test_that_submissions_wait_comes_and_goes_without_a_reload(
    live: Live, live_server: Any, page: Page
) -> None:
    phase = a_phase()
    (ana,) = _people(phase, "Ana")
    _score(phase, ana, "50")
    _show(page, live_server, live, phase)
    page.evaluate("window.here = 'the same page'")
    banner = page.locator("#board-waiting")
    expect(banner).to_be_empty()
    circuits.report_absence(Circuit.Name.BACKEND, reason="gone")
    expect(banner).to_have_text(
        re.compile(r"^El modelo no responde desde las? \d\d:\d\d\. Los envíos aceptados esperan y siguen")
    )
    live_text = banner.inner_text()
    _score(phase, ana, "60")
    expect(page.locator("#board-rows [data-field=score]")).to_have_text("60,00")
    _picture(page, "live-board-waits")
    assert page.evaluate("window.here") == "the same page"
    page.reload()
    assert banner.inner_text() == live_text, "as the server writes it"
    with transaction.atomic():
        circuits.close(circuits.locked(Circuit.Name.BACKEND))
    expect(banner).to_be_empty()
    expect(page.locator("#board-announcement")).to_have_text(
        "Ya vuelve a responder: los envíos que esperaban siguen su curso."
    )


def test_an_empty_board_fills_itself(live: Live, live_server: Any, page: Page) -> None:
    phase = a_phase()
    (ana,) = _people(phase, "Ana")
    _show(page, live_server, live, phase)
    expect(page.locator("#board-empty")).to_be_visible()
    _score(phase, ana, "12.5")
    expect(_names(page)).to_have_text(["Ana"])
    expect(page.locator("#board-empty")).to_be_hidden()


def test_a_page_outlives_the_live_process(live: Live, live_server: Any, page: Page, tmp_path: Path) -> None:
    phase = a_phase()
    ana, luis = _people(phase, "Ana", "Luis")
    _score(phase, ana, "50")
    _show(page, live_server, live, phase)
    live.process.kill()
    expect(page.locator("#board-status")).to_have_text("Reconectando…")
    _score(phase, luis, "60")
    again = start_live(tmp_path, port=live.port, LIVE_ALLOWED_ORIGINS=live_server.url)
    try:
        expect(_names(page)).to_have_text(["Luis", "Ana"], timeout=15_000)
        expect(page.locator("#board-status")).to_have_text("En directo")
    finally:
        again.process.stop()


def test_a_stream_that_is_refused_is_said_to_be_and_the_table_stays(
    live: Live, live_server: Any, page: Page, settings: Any
) -> None:
    phase = a_phase()
    (ana,) = _people(phase, "Ana")
    _score(phase, ana, "50")
    page.route("**/eventos*", lambda route: route.fulfill(status=503, body="full"))
    page.goto(f"{live_server.url}/desafios/{phase.challenge.slug}/clasificacion/")
    expect(page.locator("#board-status")).to_have_text(
        "Sin conexión en directo: recarga la página para ver los cambios."
    )
    expect(_names(page)).to_have_text(["Ana"])


def test_the_places_that_chance_leaves_open_move_with_the_rows(
    live: Live, live_server: Any, page: Page
) -> None:
    phase = a_long_phase()
    scored(phase, 39)
    announce.publish(phase.pk)
    _show(page, live_server, live, phase)
    ranges = page.locator("#board-rows [data-field=range]")
    expect(ranges).to_have_text(["1.º"])
    scored(phase, 38)
    announce.publish(phase.pk)
    expect(ranges).to_have_text(["1.º–2.º", "1.º–2.º"])
    expect(page.locator("#board-rows [data-field=rank]")).to_have_text(["1", "1"])
    scored(phase, 12)
    announce.publish(phase.pk)
    expect(ranges).to_have_text(["1.º–2.º", "1.º–2.º", "3.º"])
    live_rows = _rows(page)
    page.reload()
    assert _rows(page) == live_rows
