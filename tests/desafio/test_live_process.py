"""The live process as it runs: a real uvicorn, a real Valkey and the database, over real sockets."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from django.conf import settings
from django.db import transaction
from redis import Redis

from challenges import announce, board, circuits, dispatch
from challenges.models import Circuit, Participation, Phase
from desafio.live import delta
from desafio.live.announcements import PATTERN
from tests.factories import a_participation, a_person, a_phase, a_standing
from tests.live_process import METRICS_TOKEN, READ_S, SHOWS_THE_TOKEN, WEB_ORIGIN, Live, path_of, start_live
from tests.servers import Process, Valkey, free_port, wait_until

pytestmark = [pytest.mark.parts, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def shared_live(
    valkey: Valkey, django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Live]:
    live = start_live(tmp_path_factory.mktemp("live"))
    yield live
    live.process.stop()


@pytest.fixture
def live(shared_live: Live) -> Iterator[Live]:
    """The process, shown after each test to have logged no traceback."""
    yield shared_live
    assert "Traceback" not in shared_live.process.log()
    assert '"exception"' not in shared_live.process.log()


def a_live_phase(live: Live, **overrides: Any) -> Phase:
    phase = a_phase(**overrides)
    wait_until(
        lambda: live.get(f"{path_of(phase)}/tabla.json").is_success, "the live process knows the phase"
    )
    return phase


def score(phase: Phase, value: str, *, participation: Participation | None = None, **fields: Any) -> None:
    """A place on the board, announced as the worker does after its commit."""
    a_standing(phase, participation=participation, value=value, **fields)
    announce.publish(phase.pk)


def shown(live: Live, phase: Phase) -> dict[str, Any]:
    return cast(dict[str, Any], live.get(f"{path_of(phase)}/tabla.json").json())


def wait_for_version(live: Live, phase: Phase, version: int) -> None:
    wait_until(lambda: shown(live, phase)["version"] >= version, f"version {version} is live")


def test_the_board_is_the_one_that_every_door_shows(live: Live) -> None:
    phase = a_live_phase(live)
    score(phase, "71.5", participation=a_participation(phase, person=a_person(board_name="Ana Núñez")))
    wait_for_version(live, phase, 1)
    answer = live.get(f"{path_of(phase)}/tabla.json")
    built = board.build(phase)
    assert answer.content == built.body
    assert answer.headers["etag"] == built.etag
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-type"] == "application/json"
    again = live.get(f"{path_of(phase)}/tabla.json", **{"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    score(phase, "72.5")
    wait_for_version(live, phase, 2)
    assert live.get(f"{path_of(phase)}/tabla.json", **{"If-None-Match": built.etag}).status_code == 200


def test_an_open_stream_gets_each_change_and_they_add_up_to_the_board(live: Live) -> None:
    phase = a_live_phase(live)
    ana = a_participation(phase, person=a_person(board_name="Ana"))
    with live.events(phase) as events:
        assert events.answer.headers["content-type"].startswith("text/event-stream")
        first = events.next()
        assert (first.name, first.content["rows"]) == ("board", [])
        rows: list[dict[str, Any]] = []
        for participation, value in ((ana, "50"), (None, "60"), (None, "55"), (ana, "80")):
            score(phase, value, participation=participation)
            event = events.next()
            assert event.name == "rows"
            rows = delta.apply(rows, event.content)
            built = board.build(phase)
            assert rows == built.rows
            assert event.id == built.etag.strip('"')
    assert rows[0]["name"] == "Ana"


def test_who_comes_back_gets_exactly_the_changes_that_were_missed(live: Live) -> None:
    phase = a_live_phase(live)
    for number in range(10):
        a_standing(phase, value=f"{40 + number}")
    wait_for_version(live, phase, 10)
    with live.events(phase) as events:
        had = events.next()
    for version in (11, 12, 13):
        score(phase, f"{version}")
        wait_for_version(live, phase, version)
    resumes: list[tuple[str, dict[str, str]]] = [
        ("", {"Last-Event-ID": had.id}),
        (f"?last={had.id}", {}),
        ("?last=10", {}),
        ("?last=12", {"Last-Event-ID": had.id}),
    ]
    for query, headers in resumes:
        with live.events(phase, query, **headers) as events:
            missed = [events.next() for _ in range(3)]
            assert [(event.name, event.content["version"]) for event in missed] == [
                ("rows", 11),
                ("rows", 12),
                ("rows", 13),
            ]
            rows = had.content["rows"]
            for event in missed:
                rows = delta.apply(rows, event.content)
            assert rows == board.build(phase).rows
    with live.events(phase, **{"Last-Event-ID": "13-0123456789abcdef"}) as events:
        assert events.next().name == "board", "the same version of another database"


def test_without_valkey_the_board_still_moves(live: Live, valkey: Valkey) -> None:
    phase = a_live_phase(live)
    with live.events(phase) as events:
        events.next()
        valkey.stop()
        wait_until(lambda: live.health()["redis"] == "away", "the outage is seen")
        assert live.health()["status"] == "degraded"
        assert live.get("/vivo/salud/listo").status_code == 200
        score(phase, "61")
        assert events.next().content["version"] == 1
        valkey.start()
        wait_until(lambda: live.health()["redis"] == "ok", "Valkey is heard again")
        score(phase, "62")
        assert events.next().content["version"] == 2


def test_a_change_that_nobody_announced_is_found(live: Live) -> None:
    phase = a_live_phase(live)
    with live.events(phase) as events:
        events.next()
        a_standing(phase, value="33")
        event = events.next()
        assert (event.name, event.content["version"]) == ("rows", 1)


def test_stray_messages_do_no_harm(live: Live) -> None:
    phase = a_live_phase(live)
    score(phase, "10")
    score(phase, "20")
    wait_for_version(live, phase, 2)
    old = {"phase_id": phase.pk, "version": 1, "body": board.build(phase).body.decode()}
    strays = [
        b"\xff\x00",
        b"null",
        b"{}",
        b"[" * 50_000,
        json.dumps({"phase_id": phase.pk, "version": 99, "body": "<html>"}),
        json.dumps({"phase_id": 10**9, "version": 1, "body": old["body"]}),
        json.dumps(old),
    ]
    with live.events(phase) as events, Redis.from_url(settings.REDIS_URL) as redis:
        assert events.next().content["version"] == 2
        for stray in strays:
            redis.publish(announce.channel(phase.pk), stray)
        score(phase, "30")
        assert events.next().content["version"] == 3
    assert announce.channel(phase.pk).replace(str(phase.pk), "*") == PATTERN


def test_a_freeze_that_passes_is_told_and_hides_what_follows(live: Live) -> None:
    phase = a_live_phase(live)
    ana, luis = (a_participation(phase) for _ in range(2))
    score(phase, "50", participation=ana)
    phase.freeze_at = dispatch.now() + timedelta(seconds=1.5)
    phase.save()
    with live.events(phase) as events:
        event = events.next()
        while not event.content["frozen"]:
            event = events.next()
        assert event.name == "board"
        at_freeze = event.content
        score(phase, "99", participation=luis)
        score(phase, "98", participation=ana)
        phase.freeze_at = None
        phase.save()
        lifted = events.next()
    assert [row["score"] for row in at_freeze["rows"]] == ["50.0000"]
    assert lifted.name == "board", "nothing was sent between the freeze and its end"
    assert [row["score"] for row in lifted.content["rows"]] == ["99.0000", "98.0000"]


def test_a_frozen_board_does_not_show_scores_that_came_after(live: Live) -> None:
    phase = a_live_phase(live, freeze_at=dispatch.now() - timedelta(minutes=1))
    before = live.get(f"{path_of(phase)}/tabla.json")
    score(phase, "99.1234")
    # Whoever sees this one has seen the look that came after that score.
    other = a_live_phase(live)
    score(other, "10")
    wait_for_version(live, other, 1)
    after = live.get(f"{path_of(phase)}/tabla.json")
    assert after.content == before.content
    assert after.headers["etag"] == before.headers["etag"]
    with live.events(phase) as events:
        assert "99.1234" not in json.dumps(events.next().content)


def _back() -> None:
    with transaction.atomic():
        circuits.close(circuits.locked(Circuit.Name.BACKEND))


@pytest.mark.parametrize("is_frozen", [False, True])
def test_that_evaluations_wait_is_pushed_and_so_is_that_they_go_on(live: Live, is_frozen: bool) -> None:
    freeze_at = dispatch.now() - timedelta(minutes=1) if is_frozen else None
    phase = a_live_phase(live, freeze_at=freeze_at)
    score(phase, "50")
    with live.events(phase) as events:
        first = events.next().content
        assert first["waiting"] is None
        circuits.report_absence(Circuit.Name.BACKEND, reason="gone")
        holding = circuits.holding(phase)
        assert holding is not None
        event = events.next()
        while event.name == "rows" or event.content["waiting"] is None:
            event = events.next()
        assert event.name == "board"
        assert event.content["waiting"]["for"] == "backend"
        _back()
        while event.name == "rows" or event.content["waiting"] is not None:
            event = events.next()
    wait_for_version(live, phase, first["version"] + 2)
    assert live.get(f"{path_of(phase)}/tabla.json").content == board.build(phase).body
    assert shown(live, phase)["version"] == first["version"] + 2, "it grew with each change"


def test_that_evaluations_wait_is_found_where_nobody_announced_it_nor_grew_a_version(live: Live) -> None:
    phase = a_live_phase(live)
    with live.events(phase) as events:
        assert events.next().content["waiting"] is None
        Circuit.objects.create(name=Circuit.Name.BACKEND, opened_at=dispatch.now())
        event = events.next()
        assert (event.name, event.content["version"]) == ("board", 0)
        assert event.content["waiting"]["for"] == "backend"
        with live.events(phase, "?last=0") as others:
            assert others.next().content["waiting"], "who knows the version alone may not know this"
        Circuit.objects.all().delete()
        assert events.next().content["waiting"] is None


def test_an_unpublished_challenge_disappears(live: Live) -> None:
    phase = a_live_phase(live)
    with live.events(phase) as events:
        events.next()
        phase.challenge.is_published = False
        phase.challenge.save()
        assert "bye" in events.until_the_end()
    answer = live.get(f"{path_of(phase)}/tabla.json")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_phase")


def test_who_leaves_is_noticed(live: Live) -> None:
    phase = a_live_phase(live)
    with live.events(phase) as one, live.events(phase) as other:
        one.next()
        other.next()
        assert live.health()["streams"] == 2
    wait_until(lambda: live.health()["streams"] == 0, "both are gone")


def test_only_the_web_origin_may_read_across_origins(live: Live) -> None:
    phase = a_live_phase(live)
    for path in (f"{path_of(phase)}/tabla.json", "/vivo/nada/nada/tabla.json", "/vivo/salud/listo"):
        allowed = live.get(path, Origin=WEB_ORIGIN)
        assert allowed.headers["access-control-allow-origin"] == WEB_ORIGIN
        assert "access-control-allow-credentials" not in allowed.headers
        assert "access-control-allow-origin" not in live.get(path, Origin="http://evil.example").headers
        assert "access-control-allow-origin" not in live.get(path).headers
    with live.events(phase, Origin=WEB_ORIGIN) as events:
        assert events.answer.headers["access-control-allow-origin"] == WEB_ORIGIN


def test_heads_options_and_other_methods(live: Live) -> None:
    phase = a_live_phase(live)
    for name in ("tabla.json", "eventos"):
        url = f"{live.url}{path_of(phase)}/{name}"
        head = httpx.head(url, timeout=READ_S)
        assert (head.status_code, head.content) == (200, b"")
        options = httpx.options(url, timeout=READ_S, headers={"Origin": WEB_ORIGIN})
        assert options.status_code == 204
        assert options.headers["access-control-allow-methods"] == "GET, HEAD, OPTIONS"
        for method in ("POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"):
            refused = httpx.request(method, url, timeout=READ_S, content=b"x" * 100_000)
            assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    for path in ("/vivo/salud", "/vivo/salud/listo"):
        assert httpx.head(f"{live.url}{path}", timeout=READ_S).status_code == 200


def _hostile_requests(phase: Phase) -> Iterator[bytes]:
    at = path_of(phase).encode()
    paths = [
        b"/",
        b"*",
        b"//vivo//",
        b"/vivo/../../etc/passwd",
        b"/vivo/%00/%00/tabla.json",
        b"/vivo/%ff%fe/a/tabla.json",
        b"/vivo/" + b"a" * 20_000 + b"/b/eventos",
        at + b"/tabla.json%0d%0aX: y",
        at + b"/tabla.json/",
        at + b"/tabla.json\xc3\xb1",
        "/vivo/desafío/fase/eventos".encode(),
        b"/vivo/{{7*7}}/${x}/eventos",
        b"http://other.example" + at + b"/tabla.json",
    ]
    for path in paths:
        yield b"GET %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % path
    headers = [
        b"If-None-Match: " + b'"' * 10_000,
        b"If-None-Match: \xff\xfe, W/, ,",
        b"Accept-Encoding: gzip;q=, ;;;,\xff",
        b"Origin: null",
        b"Origin: \xff\xfe",
        b"Content-Length: -1",
        b"Content-Length: 10, 20",
        b"Transfer-Encoding: chunked",
        b"Expect: 100-continue",
        b"Upgrade: h2c\r\nConnection: Upgrade",
        b"X: " + b"y" * 60_000,
        b"\x00: y",
        b"Host: a\r\nHost: b",
    ]
    for header in headers:
        yield b"GET %b/tabla.json HTTP/1.1\r\n%b\r\nConnection: close\r\n\r\n" % (at, header)
    for last in (b"\xff\xfe", b"-1", b"1e999", b"9" * 5_000, b"\t", b"%00", b"33-x"):
        # HTTP/1.0 and HEAD, so that the answer ends.
        yield b"HEAD %b/eventos?last=%b HTTP/1.0\r\nLast-Event-ID: %b\r\n\r\n" % (at, last.strip(), last)
    yield b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
    yield b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    yield b"GET\r\n\r\n"
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    yield b"GET %b/eventos HTTP/1.1\r\nHost: x\r\n%bSec-WebSocket-Key: eHh4eHh4eHh4eHh4eHh4eA==\r\n\r\n" % (
        at,
        upgrade,
    )


def test_nothing_that_is_sent_makes_it_fail(live: Live) -> None:
    phase = a_live_phase(live)
    for request in _hostile_requests(phase):
        with socket.create_connection(("127.0.0.1", live.port), timeout=READ_S) as client:
            client.sendall(request)
            client.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                status = client.recv(4096).split(b" ")
                assert len(status) < 2 or int(status[1]) < 500, request[:200]
    assert live.health()["status"] == "ready"


@pytest.mark.parametrize("last", [b"\xff\xfe", b"-1", b"9" * 5_000, b"\xc3\xb1"])
def test_a_stream_with_a_senseless_id_starts_with_the_board(live: Live, last: bytes) -> None:
    phase = a_live_phase(live)
    request = b"GET %b/eventos?last=%b HTTP/1.1\r\nHost: x\r\nLast-Event-ID: %b\r\n\r\n"
    with socket.create_connection(("127.0.0.1", live.port), timeout=READ_S) as client:
        client.sendall(request % (path_of(phase).encode(), b"%ff", last))
        with client.makefile("rb") as answer:
            assert b"200" in answer.readline()
            assert any(line == b"event: board\n" for line in itertools.islice(answer, 40))


def test_a_full_house_is_told_when_to_come_back(valkey: Valkey, tmp_path: Path) -> None:
    live = start_live(tmp_path, LIVE_MAX_STREAMS="2")
    try:
        phase = a_live_phase(live)
        with live.events(phase) as one, live.events(phase) as other:
            one.next()
            other.next()
            refused = live.get(f"{path_of(phase)}/eventos")
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "10")
            assert live.get(f"{path_of(phase)}/tabla.json").status_code == 200, (
                "the board itself is never refused"
            )
        wait_until(lambda: live.health()["streams"] == 0, "the house is empty")
        with live.events(phase) as events:
            assert events.next().name == "board"
    finally:
        live.process.stop()


def test_sigterm_says_bye_and_ends_within_seconds(valkey: Valkey, tmp_path: Path) -> None:
    live = start_live(tmp_path)
    try:
        phase = a_live_phase(live)
        with live.events(phase) as events:
            events.next()
            started = time.monotonic()
            live.process.stop()
            assert events.until_the_end() == ["bye"]
            assert time.monotonic() - started < 4
        assert "Cancel" not in live.process.log(), "no stream had to be cut off"
    finally:
        live.process.stop()


def test_it_is_alive_always_and_ready_while_it_reads_the_database(valkey: Valkey, tmp_path: Path) -> None:
    missing = tmp_path / "folder-that-is-not-there" / "desafio.sqlite3"
    variables = {
        "DATABASE_URL": f"sqlite:///{missing}",
        "DJANGO_SETTINGS_MODULE": "desafio.settings",
        "METRICS_TOKEN": METRICS_TOKEN,
    }
    port = free_port()
    process = Process(
        [sys.executable, "-m", "uvicorn", "desafio.live.asgi:app", "--port", str(port)],
        log=tmp_path / "live.log",
        env=variables,
    )
    process.start()
    live = Live(process=process, port=port)

    def answers() -> bool:
        try:
            return bool(live.health()["redis"] == "ok")
        except httpx.HTTPError:
            return False

    def ready() -> int:
        return live.get("/vivo/salud/listo").status_code

    try:
        wait_until(answers, "the process answers")
        alive, not_ready = live.get("/vivo/salud"), live.get("/vivo/salud/listo")
        assert (alive.status_code, alive.content) == (200, b"ok\n")
        assert (not_ready.status_code, not_ready.content) == (503, b"not ready\n")
        told = live.get("/vivo/salud/listo", **SHOWS_THE_TOKEN)
        assert (told.status_code, told.json()["database"]) == (503, "away")
        waiting = live.get("/vivo/energia/fase-1/tabla.json")
        assert (waiting.status_code, waiting.headers["retry-after"]) == (503, "1")
        missing.parent.mkdir()
        migrate = [sys.executable, "-m", "django", "migrate", "--verbosity", "0"]
        subprocess.run(migrate, env={**os.environ, **variables}, check=True)
        wait_until(lambda: ready() == 200, "it has read its boards")
        away = missing.parent.rename(tmp_path / "away")
        wait_until(lambda: ready() == 503, "its boards may be stale")
        assert live.get("/vivo/salud").status_code == 200
        away.rename(missing.parent)
        wait_until(lambda: ready() == 200, "it has read them again")
    finally:
        process.stop()
