"""Every page of ours in a real browser, light and dark, on a phone and on a desk: axe finds nothing.

Rules: WCAG 2.1, levels A and AA. The admin and the API's page are Django's and Swagger UI's own work, and are
not looked at here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize

from tests.journeys.conftest import SHOTS, RunningDemo

pytestmark = pytest.mark.journey

RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}
SIZES: dict[str, ViewportSize] = {
    "phone": {"width": 360, "height": 740},
    "desk": {"width": 1280, "height": 900},
}
CHALLENGE = "/desafios/energia-casa-oficina/"
PUBLIC = ["/", "/registro/", "/entrar/", CHALLENGE, f"{CHALLENGE}clasificacion/", "/no-existe/"]
CONTESTANT = [CHALLENGE, f"{CHALLENGE}enviar/", "/envios/", "/envios/ULTIMO/", "/perfil/"]
JUDGE = ["/jurado/", "/jurado/energia-casa-oficina/abierta/"]
ROLES = {"visitor": PUBLIC, "participante": CONTESTANT, "jurado": JUDGE}


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=SIZES)
def size(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def page(browser: Browser, running_demo: RunningDemo, scheme: Any, size: str) -> Iterator[Page]:
    context = browser.new_context(
        base_url=running_demo.url, locale="es-ES", color_scheme=scheme, viewport=SIZES[size]
    )
    context.set_default_timeout(20_000)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("role", ROLES)
def test_axe_finds_nothing_and_nothing_overflows(
    page: Page, running_demo: RunningDemo, role: str, scheme: str, size: str
) -> None:
    if role != "visitor":
        log_in(page, *running_demo.password_of(role))
    found: list[str] = []
    for address in ROLES[role]:
        open_page(page, address)
        shown = f"{role} {address}"
        found += [f"{shown}: {told(violation)}" for violation in violations(page)]
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            found.append(f"{shown}: wider than the screen")
        name = address.strip("/").replace("/", "-") or "home"
        page.screenshot(path=SHOTS / f"a11y-{role}-{name}-{size}-{scheme}.png", full_page=True)
    assert found == []


def violations(page: Page) -> list[dict[str, Any]]:
    results = Axe().run(page, options=RULES)
    found: list[dict[str, Any]] = results.response["violations"]
    return found


def told(violation: dict[str, Any]) -> str:
    nodes = [node["html"][:120] for node in violation["nodes"][:3]]
    return f"{violation['id']} ({len(violation['nodes'])}) {json.dumps(nodes, ensure_ascii=False)}"


def open_page(page: Page, address: str) -> None:
    if address.endswith("ULTIMO/"):
        page.goto("/envios/")
        page.locator("main tbody a").first.click()
    else:
        page.goto(address)
    page.wait_for_load_state("load")


def log_in(page: Page, email: str, password: str) -> None:
    page.goto("/entrar/")
    page.locator("[name=login]").fill(email)
    page.locator("[name=password]").fill(password)
    page.get_by_role("button", name="Entrar").click()
    page.wait_for_url("**/")
