"""One person's way through the contest in a real browser, from the sign-up to the judge's file.

Screenshots of each stage land in ``shots/``, for whoever changes a page to look at.
"""

from __future__ import annotations

import hashlib
import re

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.journeys.conftest import SHOTS, RunningDemo

pytestmark = pytest.mark.journey

CHALLENGE = "/desafios/energia-casa-oficina/"
BOARD = f"{CHALLENGE}clasificacion/"
EMAIL, PASSWORD, NAME = "lucia@example.org", "un-paraguas-verde-7", "Lucía"
SCORED_MS = 8 * 60 * 1000
MOVES_MS = 15_000


@pytest.fixture
def context(browser: Browser, running_demo: RunningDemo) -> BrowserContext:
    return new_context(browser, running_demo)


def new_context(browser: Browser, demo: RunningDemo) -> BrowserContext:
    made = browser.new_context(base_url=demo.url, locale="es-ES", viewport={"width": 1280, "height": 900})
    made.set_default_timeout(20_000)
    return made


def shoot(page: Page, name: str) -> None:
    page.screenshot(path=SHOTS / f"{name}.png", full_page=True)


def test_from_sign_up_to_the_judges_file(
    browser: Browser, context: BrowserContext, running_demo: RunningDemo
) -> None:
    errors: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))

    sign_up(page)
    verify(page)
    join(page)
    watcher = watch_the_board(browser, running_demo)
    hand_in(page)
    wait_for_the_score(page)
    see_the_new_row(watcher)
    judge = new_context(browser, running_demo)
    download_the_ranking(judge.new_page(), *running_demo.password_of("jurado"))

    assert errors == []


def sign_up(page: Page) -> None:
    page.goto("/")
    shoot(page, "01-home")
    page.goto("/registro/")
    page.locator("[name=email]").fill(EMAIL)
    page.locator("[name=password1]").fill(PASSWORD)
    page.locator("[name=password2]").fill(PASSWORD)
    page.locator("[name=board_name]").fill(NAME)
    for consent in page.locator("fieldset input[type=checkbox]").all()[:2]:
        consent.check()
    shoot(page, "02-sign-up")
    page.get_by_role("button", name="Crear la cuenta").click()


def verify(page: Page) -> None:
    expect(page.get_by_role("heading", name="Mira tu correo")).to_be_visible()
    shoot(page, "03-verify")
    page.get_by_role("link", name="Confirmar mi dirección").click()
    page.get_by_role("button", name="Sí, es mi dirección").click()
    page.wait_for_load_state()


def join(page: Page) -> None:
    page.goto(CHALLENGE)
    shoot(page, "04-challenge")
    for consent in page.locator("#unirse input[type=checkbox]").all()[:2]:
        consent.check()
    page.get_by_role("button", name="Unirme a este desafío").click()
    expect(page.get_by_role("link", name="Hacer un envío")).to_be_visible()


def watch_the_board(browser: Browser, demo: RunningDemo) -> Page:
    """A second browser, of nobody in particular, that is opened before and never reloaded."""
    watcher = new_context(browser, demo).new_page()
    watcher.goto(BOARD)
    expect(watcher.locator("#board-rows tr")).to_have_count(3)
    expect(watcher.locator("#board-status")).to_contain_text("En directo")
    watcher.evaluate("window.notReloaded = true")
    shoot(watcher, "05-board-before")
    return watcher


def hand_in(page: Page) -> None:
    page.get_by_role("link", name="Hacer un envío").click()
    slot = page.locator(".slots code").first.inner_text()
    page.locator("[name=user]").fill("{{no_existe}}")
    page.get_by_role("button", name="Enviar").click()
    expect(page.locator(".problems")).to_contain_text("no_existe")
    shoot(page, "06-refused")
    page.locator("[name=user]").fill(f"Responde en una palabra. {slot}")
    page.locator("[name=max_output_tokens]").fill("8")
    page.locator("[name=stop]").fill("\\n")
    page.get_by_role("button", name="Comprobar y previsualizar").click()
    expect(page.get_by_text("Todo correcto.")).to_be_visible()
    shoot(page, "07-preview")
    page.get_by_role("button", name="Enviar").click()
    expect(page).to_have_url(re.compile(r"/envios/[0-9a-f-]{36}/$"))


def wait_for_the_score(page: Page) -> None:
    """The page follows by itself; nobody reloads it."""
    expect(page.locator("#progress-body")).to_be_visible()
    expect(page.locator(".state")).to_contain_text("respondiendo", timeout=60_000)
    shoot(page, "08-running")
    lose_the_network_for_a_moment(page)
    expect(page.locator(".state")).to_contain_text("puntuado", timeout=SCORED_MS)
    expect(page.locator("blockquote.answer").first).to_be_visible()
    shoot(page, "09-scored")


def lose_the_network_for_a_moment(page: Page) -> None:
    """The page says that it is not up to date, and stops saying so by itself."""
    expect(page.locator("#away")).to_be_hidden()
    page.context.set_offline(True)
    # A hidden element has its text as well.
    expect(page.locator("#away")).to_be_visible()
    expect(page.locator("#away")).to_contain_text("no hay conexión")
    shoot(page, "08-running-without-network")
    page.context.set_offline(False)
    expect(page.locator("#away")).to_be_hidden()


def see_the_new_row(watcher: Page) -> None:
    row = watcher.locator("#board-rows tr", has_text=NAME)
    expect(row).to_have_count(1, timeout=MOVES_MS)
    expect(watcher.locator("#board-rows tr")).to_have_count(4)
    assert watcher.evaluate("window.notReloaded") is True
    shoot(watcher, "10-board-after")


def download_the_ranking(page: Page, email: str, password: str) -> None:
    page.goto("/entrar/?next=/jurado/")
    page.locator("[name=login]").fill(email)
    page.locator("[name=password]").fill(password)
    page.get_by_role("button", name="Entrar").click()
    expect(page.get_by_role("heading", name="Jurado")).to_be_visible()
    page.locator("tbody a").first.click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Descargar la clasificación (CSV)").click()
    body = waiting.value.path().read_bytes()
    assert NAME in body.decode()
    assert body.count(b"\r\n") == 5
    page.get_by_role("link", name="Ver la lista de descargas al día").click()
    expect(page.get_by_text(hashlib.sha256(body).hexdigest())).to_be_visible()
    shoot(page, "11-judge")
