"""Whatever is posted or asked for, a page answers: refusals spend nothing, and nothing makes it fail."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from challenges.models import Submission
from tests.contest import as_, submit_fields
from tests.factories import a_participation, a_phase
from tests.web_page import read

pytestmark = [pytest.mark.django_db, pytest.mark.storm]

bounded = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
# Pieces of which mistakes are made; surrogates cannot be sent in UTF-8.
PIECES = (
    "{{",
    "}}",
    "{{pregunta}}",
    "\\n",
    "\r\n",
    "\x00",
    "\u202e",
    "\u200b",
    "\ufeff",
    "<b>",
    "%s",
    "{% if %}",
)
TEXT = st.lists(st.sampled_from(PIECES) | st.text(st.characters(exclude_categories=["Cs"]))).map("".join)
NUMBER = TEXT | st.integers().map(str) | st.floats().map(str)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KNOWN = ("system", "user", "sampling", "temperature", "top_p", "max_output_tokens", "stop", "seed")
PROPOSAL = st.dictionaries(st.sampled_from(KNOWN), JSON) | st.fixed_dictionaries(
    {"user": st.just("{{pregunta}}"), "sampling": st.dictionaries(st.sampled_from(KNOWN), JSON)}
)


@pytest.fixture
def door() -> tuple[Client, str]:
    phase = a_phase(attempts_per_day=10_000, attempts_per_phase=10_000)
    participation = a_participation(phase)
    return as_(participation.person), f"/desafios/{phase.challenge.slug}"


def answers(door: tuple[Client, str], fields: dict[str, Any]) -> None:
    """Taken with one more submission, or refused with words and none."""
    client, address = door
    before = Submission.objects.count()
    answer = client.post(f"{address}/enviar/", fields)
    more = Submission.objects.count() - before
    if answer.status_code == 302:
        # The same key with the same content twice is one submission.
        assert more in (0, 1)
        assert client.get(answer.headers["Location"]).status_code == 200
        return
    assert (answer.status_code, more) in ((200, 0), (422, 0), (409, 0))
    page = read(answer.content)
    assert answer.status_code == 200 or page.main.with_class("problems")


@bounded
@given(
    user=TEXT,
    system=TEXT,
    stop=TEXT,
    temperature=NUMBER,
    top_p=NUMBER,
    max_output_tokens=NUMBER,
    seed=NUMBER,
    key=TEXT | st.uuids().map(lambda key: key.hex),
    action=st.sampled_from(["send", "check", "", "otra"]),
)
def test_the_form_answers_to_anything(door: tuple[Client, str], key: str, **typed: str) -> None:
    answers(door, submit_fields(**typed, idempotency_key=key))
    lint = door[0].post(f"{door[1]}/revisar/", submit_fields(**typed))
    assert lint.status_code == 200
    assert all(set(problem) == {"field", "text"} for problem in lint.json()["problems"])


@bounded
@given(content=PROPOSAL, key=st.uuids())
@example(content={"user": [[[[[[[[[[[[]]]]]]]]]]]]}, key="1" * 32)
@example(content={"sampling": {"temperature": 10**308, "top_p": -(10**308), "seed": 10**300}}, key="2" * 32)
def test_the_form_answers_to_any_json_file(door: tuple[Client, str], content: Any, key: Any) -> None:
    file = SimpleUploadedFile("x.json", json.dumps(content).encode())
    answers(door, submit_fields(file=file, idempotency_key=getattr(key, "hex", key)))


@bounded
@given(body=st.binary(max_size=200))
@example(body=b"{}")
def test_the_form_answers_to_any_file(door: tuple[Client, str], body: bytes) -> None:
    answers(door, submit_fields(file=SimpleUploadedFile("x.json", body)))


@pytest.mark.parametrize("name", ["", ".", "..", "../../etc/passwd", "a\\b", "x" * 3_000, "a%00.json", "%s"])
def test_the_name_of_a_file_means_nothing(door: tuple[Client, str], name: str) -> None:
    part = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n{{}}\r\n--x--\r\n'
    answer = door[0].post(f"{door[1]}/enviar/", part.encode(), content_type="multipart/form-data; boundary=x")
    assert answer.status_code in (400, 422)


@bounded
@given(
    body=st.binary(max_size=300),
    kind=st.sampled_from(
        [
            "multipart/form-data; boundary=x",
            "multipart/form-data",
            "application/x-www-form-urlencoded",
            "a/b",
            "",
        ]
    ),
)
@example(
    body=b'--x\r\nContent-Disposition: form-data; name="user"\r\n\r\n\xff\xfe',
    kind="multipart/form-data; boundary=x",
)
def test_the_form_answers_to_any_bytes(door: tuple[Client, str], body: bytes, kind: str) -> None:
    client, address = door
    for path in (f"{address}/enviar/", f"{address}/revisar/", f"{address}/unirse/"):
        assert client.post(path, data=body, content_type=kind).status_code < 500


@bounded
@given(query=st.dictionaries(st.sampled_from(["fase", "pagina", "next"]), TEXT))
def test_pages_answer_to_any_query(door: tuple[Client, str], query: dict[str, str]) -> None:
    client, address = door
    for path in (
        "/",
        "/envios/",
        f"{address}/",
        f"{address}/clasificacion/",
        f"{address}/enviar/",
        "/perfil/",
    ):
        assert client.get(path, query).status_code in (200, 404)
    for path in ("/entrar/", "/registro/", "/contrasena/"):
        assert Client().get(path, query).status_code == 200


@bounded
@given(
    email=TEXT | st.emails(),
    password=TEXT,
    board_name=TEXT,
    boxes=st.sets(st.sampled_from(["consent_rules", "consent_news", "consent_otra"])),
)
def test_a_sign_up_answers_to_anything(email: str, password: str, board_name: str, boxes: set[str]) -> None:
    fields = {"email": email, "password1": password, "password2": password, "board_name": board_name}
    assert Client().post("/registro/", fields | dict.fromkeys(boxes, "on")).status_code in (302, 422)
    assert Client().post("/entrar/", {"login": email, "password": password}).status_code in (302, 422)
    assert Client().post("/contrasena/", {"email": email}).status_code in (302, 422)
