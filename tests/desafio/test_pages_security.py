"""What every answer carries for a browser's safety, production's cookies, and where files come from."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.staticfiles import finders
from django.test import Client, override_settings

from tests.contest import a_contest, as_, pages_of
from tests.factories import PASSWORD, a_person
from tests.web_page import read

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "platform" / "desafio" / "static"
PRODUCTION = {
    "PATH": os.environ["PATH"],
    "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'platform'}",
    "DJANGO_SETTINGS_MODULE": "desafio.settings",
    "SECRET_KEY": "a-production-key-" + "0123456789abcdef" * 4,
    "ALLOWED_HOSTS": "desafio.example.org",
    "PUBLIC_URL": "https://desafio.example.org",
    "DATABASE_URL": "sqlite://:memory:",
    "EMAIL_URL": "smtp+tls://desafio:secret@mail.example.org:587",
}
FLAGS = (
    "SESSION_COOKIE_SECURE",
    "SESSION_COOKIE_HTTPONLY",
    "SESSION_COOKIE_SAMESITE",
    "CSRF_COOKIE_SECURE",
    "CSRF_COOKIE_HTTPONLY",
    "CSRF_COOKIE_SAMESITE",
    "SECURE_SSL_REDIRECT",
    "SECURE_HSTS_SECONDS",
    "SECURE_HSTS_INCLUDE_SUBDOMAINS",
    "SECURE_HSTS_PRELOAD",
    "DEBUG",
    "SHOW_MAIL_ON_PAGE",
)


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The flags as a production environment gives them, read by a process of its own."""
    code = (
        "import json; from django.conf import settings; "
        f"print(json.dumps({{name: getattr(settings, name) for name in {FLAGS}}}))"
    )
    data = {"DESAFIO_DATA_DIR": str(tmp_path_factory.mktemp("data"))}
    ended = subprocess.run(
        [sys.executable, "-c", code], env=PRODUCTION | data, capture_output=True, text=True, check=True
    )
    flags: dict[str, Any] = json.loads(ended.stdout)
    return flags


def test_every_page_carries_the_headers_of_safety() -> None:
    wrong = []
    for name, answer in pages_of(a_contest()).items():
        headers = answer.headers
        right = (
            "'unsafe" not in headers["Content-Security-Policy"],
            "frame-ancestors 'none'" in headers["Content-Security-Policy"],
            headers["X-Content-Type-Options"] == "nosniff",
            headers["X-Frame-Options"] == "DENY",
            headers["Referrer-Policy"] == "same-origin",
            headers["Cross-Origin-Opener-Policy"] == "same-origin",
        )
        wrong += [] if all(right) else [(name, right)]
    assert wrong == []


def test_the_policy_lets_in_our_own_files_and_the_live_board_alone() -> None:
    policy = Client().get("/").headers["Content-Security-Policy"]
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives == {
        "default-src": "'self'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "object-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }


def test_production_is_https_only_and_has_no_demo_in_it(production: dict[str, Any]) -> None:
    assert production == {
        "SESSION_COOKIE_SECURE": True,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "CSRF_COOKIE_SECURE": True,
        "CSRF_COOKIE_HTTPONLY": True,
        "CSRF_COOKIE_SAMESITE": "Lax",
        "SECURE_SSL_REDIRECT": True,
        "SECURE_HSTS_SECONDS": 31_536_000,
        "SECURE_HSTS_INCLUDE_SUBDOMAINS": True,
        "SECURE_HSTS_PRELOAD": True,
        "DEBUG": False,
        "SHOW_MAIL_ON_PAGE": False,
    }


def test_djangos_own_check_of_a_deployment_finds_nothing(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "check", "--deploy", "--fail-level", "WARNING"],
        env=PRODUCTION | {"DESAFIO_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr


def test_in_production_no_cookie_travels_in_the_clear_or_is_read_by_a_script(
    production: dict[str, Any],
) -> None:
    person = a_person()
    EmailAddress.objects.create(user=person, email=person.email, verified=True, primary=True)
    with override_settings(**production):
        client = Client()
        client.post("/entrar/", {"login": person.email, "password": PASSWORD}, secure=True)
        assert client.get("/perfil/", secure=True).status_code == 200
        assert client.get("/perfil/").status_code == 301
        for name in ("sessionid", "csrftoken"):
            cookie = client.cookies[name]
            assert (cookie["secure"], cookie["httponly"], cookie["samesite"]) == (True, True, "Lax"), name


def test_own_pages_are_kept_by_no_cache() -> None:
    contest = a_contest()
    for address in ("/envios/", *(f"/envios/{each.pk}/" for each in contest.submissions.values())):
        assert "no-store" in as_(contest.person).get(address).headers["Cache-Control"]


def test_every_file_that_a_page_names_is_one_of_ours() -> None:
    named = set()
    for answer in pages_of(a_contest()).values():
        for element in read(answer.content).root.all("link", "script", "img"):
            named.add(element.get("href") or element.get("src"))
    files = {path.removeprefix("/estatico/") for path in named if path.startswith("/estatico/")}
    assert named == {f"/estatico/{path}" for path in files}
    assert {"site.css", "vendor/pico/pico.min.css", "live-board.js", "lint.js", "progress.js"} <= files
    assert [path for path in files if finders.find(path) is None] == []


def test_no_file_of_ours_fetches_anything_from_elsewhere() -> None:
    elsewhere = re.compile(r"""(?:url\(|@import|import\s|from\s|fetch\(|src=)\s*["']?(?:https?:)?//""")
    sources = [*STATIC.rglob("*.css"), *STATIC.rglob("*.js"), *STATIC.rglob("*.svg")]
    assert len(sources) >= 5
    assert [path.name for path in sources if elsewhere.search(path.read_text())] == []


def test_every_vendored_part_has_its_licence_and_its_version_written_down() -> None:
    parts = [path for path in (STATIC / "vendor").iterdir() if path.is_dir()]
    table = (STATIC / "vendor" / "README.md").read_text()
    assert parts
    for part in parts:
        assert list(part.glob("LICENSE*")), part.name
        for file in part.iterdir():
            version = re.search(rf"`{part.name}/{file.name}` \| ([\d.]+) \|", table)
            if not file.name.startswith(("LICENSE", "NOTICE")):
                assert version, file
                assert version[1] in file.read_text(), file
