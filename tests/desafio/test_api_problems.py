"""Everything that the API refuses is a problem document in Spanish, whatever was sent."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client
from knox.models import AuthToken

from desafio.api import catalogue
from tests.factories import a_person, a_phase

pytestmark = pytest.mark.django_db

CHECK = "/api/v1/submissions/check/"


@pytest.fixture
def client() -> Client:
    _row, token = AuthToken.objects.create(user=a_person())
    return Client(headers={"Authorization": f"Bearer {token}"})


def assert_problem(answer: Any, status: int, slug: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.content
    assert answer.headers["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "instance", "errors"} <= set(document)
    assert (document["type"], document["status"]) == (f"urn:desafio:problem:{slug}", status)
    assert document["title"]
    assert document["detail"]
    return document


@pytest.mark.parametrize(
    "path", ["/api/", "/api/v1/", "/api/v1/nada/", "/api/v1/challenges", "/api/v2/login/", "/api/%00/%0a"]
)
@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "options"])
def test_an_address_that_leads_nowhere(method: str, path: str) -> None:
    assert_problem(getattr(Client(), method)(path), 404, "not-found")


def test_a_method_that_an_address_does_not_take(client: Client) -> None:
    answer = client.delete("/api/v1/submissions/")
    assert_problem(answer, 405, "method-not-allowed")
    assert "POST" in answer.headers["Allow"]


def test_who_does_not_say_who_they_are() -> None:
    answer = Client().get("/api/v1/submissions/")
    assert "Authorization" in assert_problem(answer, 401, "not-authenticated")["detail"]
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
        "application/json; charset=utf-16",
    ],
)
def test_a_body_that_is_not_json(client: Client, content_type: str) -> None:
    answer = client.post(CHECK, b"a=1", content_type=content_type)
    assert_problem(answer, 415, "unsupported-media-type")


def test_a_format_that_we_do_not_speak() -> None:
    assert_problem(
        Client(headers={"Accept": "application/xml"}).get("/api/v1/challenges/"), 406, "not-acceptable"
    )


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{'a': 1}",
        b'{"a": 1,}',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 1}}',
        b'{"a": "\xff\xfe"}',
        b"\xef\xbb\xbf{}",
        b"\x00\x01\x02",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"a": ' + b"9" * 10_000 + b"}",
        b'{"a": "\x01"}',
    ],
)
def test_json_that_cannot_be_read(client: Client, body: bytes) -> None:
    assert_problem(client.post(CHECK, body, content_type="application/json"), 400, "malformed-body")


@pytest.mark.parametrize("body", [b"[]", b"7", b'"x"', b"null", b"true", b""])
def test_json_that_is_no_object(client: Client, body: bytes) -> None:
    assert_problem(client.post(CHECK, body, content_type="application/json"), 422, "invalid-fields")


def test_a_body_that_is_too_large_is_not_read_to_its_end(client: Client) -> None:
    body = b'{"a": "' + b"x" * settings.DATA_UPLOAD_MAX_MEMORY_SIZE + b'"}'
    assert_problem(client.post(CHECK, body, content_type="application/json"), 413, "body-too-large")


def test_too_many_requests_say_when_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    from rest_framework.throttling import AnonRateThrottle

    cache.clear()
    monkeypatch.setattr(AnonRateThrottle, "THROTTLE_RATES", {"anon": "1/min"})
    Client().get("/api/v1/challenges/")
    answer = Client().get("/api/v1/challenges/")
    cache.clear()
    assert_problem(answer, 429, "too-many-requests")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60


def test_a_fault_of_ours_is_a_problem_too_and_tells_nothing_of_the_inside(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise RuntimeError("contraseña de la base de datos")

    monkeypatch.setattr(catalogue, "published", broken)
    answer = Client(raise_request_exception=False).get("/api/v1/challenges/")
    assert_problem(answer, 500, "our-fault")
    assert "contraseña" not in answer.content.decode()
    assert "contraseña de la base de datos" in caplog.text


def test_repeated_text_cannot_forge_a_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    document = Client().get("/api/v1/x%0d%0aERROR%20mentira").json()
    assert "\n" not in document["instance"]
    assert "\r" not in document["instance"]


def test_an_unsafe_request_with_a_session_needs_the_csrf_token() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(a_person())
    phase = a_phase()
    body = {"challenge": phase.challenge.slug, "phase": phase.slug, "content": {}}
    assert_problem(client.post(CHECK, body, content_type="application/json"), 403, "forbidden")


def test_the_document_and_its_page_are_served() -> None:
    document = Client().get("/api/schema/?format=json").json()
    assert "/api/v1/submissions/" in document["paths"]
    assert document["paths"]["/api/v1/submissions/"]["post"]["responses"]["default"]
    page = Client().get("/api/docs/")
    assert page.status_code == 200
    text = page.content.decode()
    assert "<style" not in text
    assert "unsafe-inline" not in page.headers["Content-Security-Policy"]
    script = Client().get("/api/docs/?script=")
    assert script.headers["Content-Type"].startswith("application/javascript")
    assert script.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_an_unknown_id_is_a_problem(client: Client) -> None:
    assert_problem(client.get(f"/api/v1/submissions/{uuid.uuid4()}/"), 404, "not-found")
