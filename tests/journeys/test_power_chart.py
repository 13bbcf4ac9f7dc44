"""The power chart and the drift plot in a real browser, served by the real web with its policy in force."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page

from tests.journeys.conftest import ROOT, SHOTS, demo_environment
from tests.journeys.test_accessibility import SIZES, log_in, told, violations
from tests.servers import Process, free_port, wait_until

pytestmark = pytest.mark.journey

CASES = 12
REPORTS = """
window.refused = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.refused.push(`${event.effectiveDirective} ${event.blockedURI} ${event.sample}`);
});
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """A web with a measured contest in it, and what ``measured_rows`` told."""

    url: str
    rows: dict[str, str]

    @property
    def submission(self) -> str:
        return f"/envios/{self.rows['submission']}/"


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    folder = Path(tempfile.mkdtemp(prefix="desafio-power-"))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    env = {
        **demo_environment(),
        "DJANGO_SETTINGS_MODULE": "desafio.settings",
        "DESAFIO_DATA_DIR": str(folder),
        "SECRET_KEY": "a-key-for-tests-" + "0123456789abcdef" * 4,
        "DESAFIO_HTTP_ONLY": "1",
        "ALLOWED_HOSTS": "127.0.0.1",
        "PUBLIC_URL": url,
        "DATABASE_URL": f"sqlite:///{folder / 'desafio.sqlite3'}",
        "STATIC_COMPRESSION": "0",
        "LOG_FORMAT": "line",
    }
    written = subprocess.run(
        [sys.executable, "-m", "tests.journeys.measured_rows"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert written.returncode == 0, written.stderr
    command = ["-m", "gunicorn", "desafio.wsgi", "--bind", f"127.0.0.1:{port}", "--threads", "4"]
    process = Process([sys.executable, *command], log=folder / "web.log", env=env)
    process.start()
    try:
        wait_until(lambda: _answers(url), "the web answers")
        yield Web(url=url, rows=json.loads(written.stdout))
    finally:
        process.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def a_page(browser: Browser, web: Web, *, who: str = "author", **context: Any) -> Page:
    page = browser.new_context(base_url=web.url, locale="es-ES", **context).new_page()
    page.set_default_timeout(20_000)
    page.add_init_script(REPORTS)
    log_in(page, web.rows[who], web.rows["password"])
    return page


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=SIZES)
def size(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_chart_is_drawn_marked_and_refused_nothing_at_every_size(
    browser: Browser, web: Web, scheme: Any, size: str
) -> None:
    page = a_page(browser, web, color_scheme=scheme, viewport=SIZES[size])
    page.goto(web.submission)
    page.wait_for_selector("#power-chart svg")
    drawn = page.locator("#power-chart svg")
    assert drawn.count() == 1
    assert page.locator("#power-chart canvas").count() == 0
    texts = drawn.locator("text").all_text_contents()
    assert "Potencia (W)" in texts
    assert bars_of(page) == CASES
    if size == "desk":
        assert {str(number) for number in range(1, CASES + 1)} <= set(texts)
    for details in page.locator("section[aria-labelledby=resultado] details").all():
        details.locator("summary").click()
    page.locator("#power-chart").scroll_into_view_if_needed()
    page.locator("#power-chart .drawing").hover()
    assert page.evaluate("window.refused") == []
    assert [told(violation) for violation in violations(page)] == []
    width = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert width == 0
    page.mouse.move(0, 0)
    page.locator("#power-chart").screenshot(path=SHOTS / f"power-{size}-{scheme}.png")
    page.context.close()


BARS = """() => {
  const pen = document.createElement("canvas").getContext("2d");
  const same = (colour) => {
    pen.fillStyle = "#000";
    pen.fillStyle = colour;
    return pen.fillStyle;
  };
  const soft = getComputedStyle(document.documentElement).getPropertyValue("--soft").trim();
  const shapes = [...document.querySelectorAll("#power-chart svg path[fill]")];
  return shapes.filter((each) => same(each.getAttribute("fill")) === same(soft)).length;
}"""


def bars_of(page: Page) -> int:
    """How many shapes of the drawing have the colour of a case's bar."""
    return int(page.evaluate(BARS))


@pytest.mark.parametrize(
    ("who", "address", "words"),
    [
        ("author", "/envios/{waiting}/", "Retirar este envío"),
        ("author", "/envios/{waiting}/retirar/", "Retirar"),
        ("author", "/envios/{held}/", "en revisión"),
        ("organizer", "/gestion/challenges/review/{review}/decidir/", "Motivo"),
    ],
)
def test_what_waits_is_within_reach_of_everybody(
    browser: Browser, web: Web, scheme: Any, size: str, who: str, address: str, words: str
) -> None:
    """What waits for its turn, to be taken back, and for an organizer's eye."""
    page = a_page(browser, web, who=who, color_scheme=scheme, viewport=SIZES[size])
    page.goto(address.format(**web.rows))
    page.get_by_text(words, exact=False).first.wait_for()
    assert [told(violation) for violation in violations(page)] == []
    assert page.evaluate("window.refused") == []
    name = address.strip("/").split("/")[-1].strip("{}")
    page.screenshot(path=SHOTS / f"waits-{name}-{size}-{scheme}.png", full_page=True)
    page.context.close()


def test_another_repetition_is_a_link_away(browser: Browser, web: Web) -> None:
    page = a_page(browser, web)
    page.goto(web.submission)
    page.get_by_role("link", name="Repetición 5").click()
    page.wait_for_selector("#power-chart svg")
    assert "ventana=5" in page.url
    assert page.get_by_role("link", name="Repetición 5").get_attribute("aria-current") == "true"
    assert "Repetición 5:" in page.locator("main").inner_text()
    page.context.close()


def test_without_scripts_the_tables_tell_it_all(browser: Browser, web: Web) -> None:
    page = a_page(browser, web, java_script_enabled=False)
    page.goto(web.submission)
    assert not page.locator("#power-chart").is_visible()
    assert page.locator("#windows tbody tr").count() == 5
    page.get_by_text("La curva, en una tabla").click()
    assert page.locator("#power-stretches tbody tr").count() == 10
    page.get_by_text("Los casos, en una tabla").click()
    assert page.locator("#power-cases tbody tr").count() == CASES
    page.context.close()


def test_a_curve_that_does_not_come_is_said(browser: Browser, web: Web) -> None:
    page = a_page(browser, web)
    page.route("**/potencia/*/", lambda route: route.abort())
    page.goto(web.submission)
    page.wait_for_selector("#power-chart-away:visible")
    assert not page.locator("#power-chart").is_visible()
    page.context.close()


def test_the_drift_of_a_day_is_drawn_for_organizers(browser: Browser, web: Web, scheme: Any) -> None:
    page = a_page(browser, web, who="organizer", color_scheme=scheme, viewport=SIZES["desk"])
    page.goto("/gestion/challenges/referencerun/deriva/")
    page.wait_for_selector("#drift-chart svg")
    texts = page.locator("#drift-chart svg text").all_text_contents()
    assert {"antes", "después", "base", "Deriva (%)"} <= set(texts)
    assert page.locator("#drift-runs tbody tr").count() == 6
    page.locator("#drift-chart .drawing").hover()
    assert page.evaluate("window.refused") == []
    page.locator("#drift-chart").screenshot(path=SHOTS / f"drift-{scheme}.png")
    page.context.close()
