"""Claims on the meter's HTTP: what each address answers, and that whatever is sent to it ends in a refusal.

The server is the real one on a port of this process; the meter behind it runs on simulated time.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scoring.energy.counter import Edge
from scoring.energy.edges import edges_sha256
from scoring.energy.flags import Flag
from scoring.energy.meter import server as server_module
from scoring.energy.meter.answers import EdgesPage
from scoring.energy.meter.core import Limits
from scoring.energy.meter.exchange import MOST_BODY_BYTES, MOST_HEAD_BYTES
from tests.scoring.simulated_meter import TOKEN, Served, SimulatedMeter, served

ANSWERS_S = 30
ME = {"client": "test"}
BEARER = {"Authorization": f"Bearer {TOKEN}"}
STATUS_LINE = re.compile(rb"HTTP/1\.1 ([0-9]{3}) ")


@pytest.fixture
def meter() -> Iterator[Served]:
    simulated = SimulatedMeter()
    simulated.run(1.0)
    with served(simulated) as serving:
        yield serving
    assert serving.faults == []


def ask(
    serving: Served,
    method: str,
    path: str,
    content: Any = None,
    *,
    headers: dict[str, str] | None = None,
) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", serving.port, timeout=ANSWERS_S)
    body = None if content is None else json.dumps(content)
    connection.request(method, path, body=body, headers=BEARER if headers is None else headers)
    response = connection.getresponse()
    received = response.read()
    assert response.getheader("Connection") == "close"
    if response.status >= 400 and response.getheader("Content-Type") != "application/json":
        assert response.getheader("Content-Type") == "application/problem+json"
        problem = json.loads(received)
        assert problem["status"] == response.status
        assert problem["detail"]
        return response.status, problem["code"]
    connection.close()
    return response.status, json.loads(received)


def send(serving: Served, sent: bytes, *, then_end: bool = True) -> bytes:
    """Raw bytes to the port, and all that comes back."""
    with socket.create_connection(("127.0.0.1", serving.port), timeout=ANSWERS_S) as connection:
        received = b""
        try:
            connection.sendall(sent)
            if then_end:
                connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65536):
                received += piece
        except ConnectionError:
            # Refused before all of it was sent.
            return received
        return received


def opened(serving: Served) -> str:
    status, answer = ask(serving, "POST", "/v1/windows", ME)
    assert status == 201
    window_id: str = answer["id"]
    return window_id


# --- what it answers ----------------------------------------------------------------------------------------


def test_it_says_what_it_counts(meter: Served) -> None:
    status, found = ask(meter, "GET", "/v1/info")
    assert status == 200
    assert found["device"]["uuid"] == meter.meter.device.uuid
    assert (found["boot"], found["grade"], found["source"]) == (meter.meter.boot, "E", "synthetic")
    assert found["sampling"] == {"every_ms": 20, "update_ms": 100, "trouble": ""}
    assert found["clocks_mhz"] == [1980, 1593]


def test_a_window_is_opened_ended_and_read_again(meter: Served) -> None:
    window_id = opened(meter)
    assert ask(meter, "GET", f"/v1/windows/{window_id}")[1]["state"] == "open"
    meter.meter.run(5)
    status, closed = ask(meter, "POST", f"/v1/windows/{window_id}/end")
    assert status == 200
    assert closed["mJ"] == pytest.approx(1_250_000, rel=0.005)
    assert (closed["seconds"], closed["state"], closed["flags"]) == (5.0, "closed", [])
    assert ask(meter, "GET", f"/v1/windows/{window_id}") == (200, closed)


def test_the_edges_of_a_window_come_in_pages_and_have_the_hash_that_was_told(
    meter: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scoring.energy.meter.routes.EDGES_A_PAGE", 50)
    window_id = opened(meter)
    meter.meter.run(5)
    _, closed = ask(meter, "POST", f"/v1/windows/{window_id}/end")
    edges: list[Edge] = []
    pages, from_ns = 0, closed["edges_from_ns"]
    while from_ns is not None:
        page = EdgesPage.understood(
            ask(meter, "GET", f"/v1/edges?from={from_ns}&to={closed['edges_to_ns']}")[1]
        )
        edges += page.edges
        pages += 1
        from_ns = page.next_from_ns
    assert pages > 4
    assert len(edges) == closed["edges"]
    assert edges_sha256(edges) == closed["edges_sha256"]


def test_edges_are_asked_for_from_the_beginning_of_time_in_one_page(meter: Served) -> None:
    _, answer = ask(meter, "GET", "/v1/edges?from=0&to=9000000000000000000")
    assert len(answer["edges"]) == len(meter.meter.log)
    assert answer["next_from"] is None


@pytest.mark.parametrize(
    "query", ["", "?from=1", "?from=a&to=1", "?from=-1&to=1", "?from=1&to=1&to=2", "?from"]
)
def test_edges_without_a_stretch_are_refused(meter: Served, query: str) -> None:
    assert ask(meter, "GET", f"/v1/edges{query}") == (400, "bad-request")


def test_prometheus_reads_the_counter_and_the_windows(meter: Served) -> None:
    opened(meter)
    received = send(meter, f"GET /metrics HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode())
    head, _, body = received.decode().partition("\r\n\r\n")
    assert "text/plain; version=0.0.4" in head
    labels = f'{{uuid="{meter.meter.device.uuid}",source="synthetic"}}'
    assert f"meter_windows_open{labels} 1\n" in body
    assert f"meter_up{labels} 1\n" in body
    assert "# TYPE meter_energy_joules_total counter\n" in body
    for line in body.splitlines():
        assert re.fullmatch(r'# (HELP|TYPE) [a-z_]+ .+|[a-z_]+\{uuid="[^"]+",source="[a-z]+"\} [0-9.]+', line)


def test_anybody_may_ask_whether_it_counts_and_gets_no_more(meter: Served) -> None:
    assert ask(meter, "GET", "/healthz", headers={}) == (200, {"ok": True, "reason": ""})
    meter.meter.time.forward(seconds=5)
    status, answer = ask(meter, "GET", "/healthz", headers={})
    assert (status, answer["ok"]) == (503, False)


# --- who may ask --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("authorization", "status", "code"),
    [
        (None, 401, "no-token"),
        ("", 401, "no-token"),
        (f"Basic {TOKEN}", 401, "no-token"),
        (TOKEN, 401, "no-token"),
        ("Bearer ", 401, "no-token"),
        ("Bearer another-token-of-ours", 403, "wrong-token"),
        (f"Bearer {TOKEN}x", 403, "wrong-token"),
        (f"Bearer {TOKEN[:-1]}", 403, "wrong-token"),
        (f"Bearer {TOKEN.upper()}", 403, "wrong-token"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/info", "/metrics", "/v1/nothing"])
def test_without_the_token_nothing_is_told(
    meter: Served, path: str, authorization: str | None, status: int, code: str
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    assert ask(meter, "GET", path, headers=headers) == (status, code)


def test_without_the_token_no_window_is_opened_or_ended(meter: Served) -> None:
    window_id = opened(meter)
    wrong = {"Authorization": "Bearer another-token-of-ours"}
    assert ask(meter, "POST", "/v1/windows", ME, headers=wrong)[0] == 403
    assert ask(meter, "POST", f"/v1/windows/{window_id}/end", headers=wrong)[0] == 403
    assert meter.meter.open_windows == 1


# --- windows that cannot be ---------------------------------------------------------------------------------


def test_a_window_is_ended_once(meter: Served) -> None:
    window_id = opened(meter)
    meter.meter.run(2)
    _, closed = ask(meter, "POST", f"/v1/windows/{window_id}/end")
    assert ask(meter, "POST", f"/v1/windows/{window_id}/end") == (409, "window-ended")
    assert ask(meter, "GET", f"/v1/windows/{window_id}")[1] == closed


def test_the_second_end_names_the_window(meter: Served) -> None:
    window_id = opened(meter)
    ask(meter, "POST", f"/v1/windows/{window_id}/end")
    request = f"POST /v1/windows/{window_id}/end HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    assert window_id.encode() in send(meter, request.encode())


@pytest.mark.parametrize("name", ["nothing", "0" * 74, "..", "%2e%2e", "0.0.0", "%00", "ñ".encode().hex()])
def test_an_id_that_was_never_given_out_is_unknown(meter: Served, name: str) -> None:
    assert ask(meter, "GET", f"/v1/windows/{name}") == (404, "window-unknown")
    assert ask(meter, "POST", f"/v1/windows/{name}/end") == (404, "window-unknown")


def test_a_forged_id_is_unknown(meter: Served) -> None:
    boot, random, seal = opened(meter).split(".")
    assert ask(meter, "POST", f"/v1/windows/{boot}.{random[::-1]}.{seal}/end") == (404, "window-unknown")


def test_a_window_of_before_a_restart_is_gone_and_says_why(meter: Served) -> None:
    window_id = opened(meter)
    meter.meter = SimulatedMeter()
    meter.meter.run(1.0)
    assert ask(meter, "POST", f"/v1/windows/{window_id}/end") == (410, "meter-restarted")
    assert ask(meter, "GET", f"/v1/windows/{window_id}") == (410, "meter-restarted")


def test_a_client_of_another_device_gets_no_window(meter: Served) -> None:
    assert ask(meter, "POST", "/v1/windows", {**ME, "device": "GPU-other"}) == (409, "wrong-device")
    assert ask(meter, "POST", "/v1/windows", {**ME, "device": meter.meter.device.uuid})[0] == 201


def test_a_window_that_nobody_ended_tells_so_to_whoever_asks_later() -> None:
    simulated = SimulatedMeter(limits=Limits(window_limit_s=5))
    simulated.run(1.0)
    with served(simulated) as serving:
        window_id = opened(serving)
        simulated.run(10)
        assert ask(serving, "POST", f"/v1/windows/{window_id}/end") == (409, "window-ended")
        assert ask(serving, "GET", f"/v1/windows/{window_id}")[1]["flags"] == [Flag.WINDOW_EXPIRED]


def test_a_counter_that_stands_still_ends_in_a_flag_and_not_in_a_hang() -> None:
    simulated = SimulatedMeter("constant=250,stuck-at=3")
    simulated.run(1.0)
    with served(simulated) as serving:
        window_id = opened(serving)
        simulated.run(5)
        status, closed = ask(serving, "POST", f"/v1/windows/{window_id}/end")
    assert status == 200
    assert (closed["mJ"], closed["grade"]) == (None, None)
    assert Flag.COUNTER_STUCK in closed["flags"]


def test_without_a_counter_no_window_begins(meter: Served) -> None:
    meter.meter.time.forward(seconds=5)
    assert ask(meter, "POST", "/v1/windows", ME) == (503, "not-sampling")


def test_only_so_many_windows_are_open_at_once() -> None:
    simulated = SimulatedMeter(limits=Limits(most_open=1))
    simulated.run(1.0)
    with served(simulated) as serving:
        opened(serving)
        assert ask(serving, "POST", "/v1/windows", ME) == (503, "too-many-windows")


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"client": ""},
        {"client": 7},
        {"client": "x" * 101},
        {"client": "línea\notra"},
        {"client": "test", "device": 7},
        {"client": "test", "device": "x" * 121},
        {"client": "test", "limit_s": 0},
        {"client": "test", "limit_s": -1},
        {"client": "test", "limit_s": 1e3},
        {"client": "test", "limit_s": True},
        {"client": "test", "limit_s": 10**30},
        {"client": "test", "joules": 0},
    ],
)
def test_a_window_that_is_asked_for_wrongly_is_refused(meter: Served, content: Any) -> None:
    assert ask(meter, "POST", "/v1/windows", content) == (422, "unprocessable")
    assert meter.meter.open_windows == 0


# --- what no client sends -----------------------------------------------------------------------------------

AUTHORIZED = f"Authorization: Bearer {TOKEN}\r\n".encode()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /v1/info\r\n\r\n", 400),
        (b"GET /v1/info HTTP/2.0\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", 400),
        (b"get /v1/info HTTP/1.1\r\n\r\n", 400),
        (b"GET http://elsewhere/ HTTP/1.1\r\n\r\n", 400),
        (b"GET /v1/info HTTP/1.1\r\nNo colon\r\n\r\n", 400),
        (b"GET /v1/info HTTP/1.1\r\nA: b\r\n folded\r\n\r\n", 400),
        (b"GET /v1/info HTTP/1.1\r\n" + AUTHORIZED + AUTHORIZED + b"\r\n", 400),
        (b"GET /v1/info HTTP/1.1\r\nA: b", 400),
        (b"GET /v1/info HTTP/1.1\r\nA: " + b"b" * MOST_HEAD_BYTES + b"\r\n\r\n", 431),
        (b"GET /" + b"b" * 2 * MOST_HEAD_BYTES, 431),
        (b"POST /v1/windows HTTP/1.1\r\n" + AUTHORIZED + b"Content-Length: -1\r\n\r\n", 400),
        (b"POST /v1/windows HTTP/1.1\r\n" + AUTHORIZED + b"Content-Length: 9\r\n\r\n{}", 400),
        (b"POST /v1/windows HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
        (b"POST /v1/windows HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
        (b"POST /v1/windows HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}", 417),
        (b"POST /v1/windows HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (MOST_BODY_BYTES + 1), 413),
        (b"GET /v1/info?a=1&a=2 HTTP/1.1\r\n" + AUTHORIZED + b"\r\n", 400),
        (b"GET /v1/info?" + b"&".join(b"a%d=1" % n for n in range(20)) + b" HTTP/1.1\r\n\r\n", 400),
        (b"DELETE /v1/windows HTTP/1.1\r\n" + AUTHORIZED + b"\r\n", 405),
        (b"POST /v1/info HTTP/1.1\r\n" + AUTHORIZED + b"\r\n", 405),
        (b"GET /v1 HTTP/1.1\r\n" + AUTHORIZED + b"\r\n", 404),
        (b"GET //v1/info HTTP/1.1\r\n" + AUTHORIZED + b"\r\n", 404),
    ],
)
def test_what_is_no_request_of_ours_is_refused(meter: Served, sent: bytes, status: int) -> None:
    matched = STATUS_LINE.match(send(meter, sent))
    assert matched
    assert int(matched[1]) == status


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b"null", b"7", b"NaN", b'{"client": NaN}', b"\xff\xfe", b"[" * 4000, b'{"client": 1e999}'],
)
def test_a_body_that_is_no_json_object_is_refused(meter: Served, body: bytes) -> None:
    head = b"POST /v1/windows HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n" % (AUTHORIZED, len(body))
    matched = STATUS_LINE.match(send(meter, head + body))
    assert matched
    assert matched[1] in (b"400", b"422")


def test_whoever_says_nothing_is_left_alone_and_costs_no_place(meter: Served) -> None:
    assert send(meter, b"") == b""
    assert ask(meter, "GET", "/healthz", headers={})[0] == 200


def test_whoever_sends_too_slowly_is_cut_off() -> None:
    simulated = SimulatedMeter()
    simulated.run(1.0)
    with served(simulated) as serving:
        serving.server._request_s = 0.05
        assert b" 408 " in send(serving, b"GET /v1/info HTTP/1.1\r\n", then_end=False)


def test_more_connections_than_there_are_places_are_refused_and_the_places_come_back(
    meter: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "MOST_CONNECTIONS", 1)
    with socket.create_connection(("127.0.0.1", meter.port), timeout=ANSWERS_S) as first:
        first.sendall(b"GET /healthz HTTP/1.1\r\n")
        assert b" 503 " in send(meter, b"GET /healthz HTTP/1.1\r\n\r\n")
        first.sendall(b"\r\n")
        received = b""
        # To its end: only then the place is free.
        while piece := first.recv(65536):
            received += piece
        assert b" 200 " in received
    assert b" 200 " in send(meter, b"GET /healthz HTTP/1.1\r\n\r\n")


# --- a fuzz -------------------------------------------------------------------------------------------------

pieces = st.sampled_from(
    ["v1", "info", "windows", "edges", "end", "metrics", "healthz", "", "..", "%00", "%ff", "a" * 300]
)
targets = st.one_of(
    st.lists(pieces, max_size=5).map(lambda parts: "/" + "/".join(parts)),
    st.tuples(st.sampled_from(["from", "to", "x"]), st.text(max_size=20)).map(
        lambda pair: f"/v1/edges?{pair[0]}={pair[1]}"
    ),
    st.text(max_size=40),
)
values = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20))
bodies = st.one_of(
    st.binary(max_size=200),
    st.dictionaries(
        st.sampled_from(["client", "device", "limit_s", "x"]), st.one_of(values, st.lists(values, max_size=2))
    ).map(lambda content: json.dumps(content).encode()),
)
headers = st.lists(
    st.one_of(
        st.just(AUTHORIZED),
        st.tuples(
            st.sampled_from([b"Content-Length", b"Authorization", b"Transfer-Encoding", b"X", b""]),
            st.binary(max_size=20),
        ).map(lambda pair: pair[0] + b": " + pair[1] + b"\r\n"),
    ),
    max_size=3,
)
requests = st.one_of(
    st.binary(max_size=300),
    st.builds(
        lambda method, target, lines, body, has_length: (
            f"{method} {target} HTTP/1.1\r\n".encode("utf-8", "surrogatepass")
            + AUTHORIZED
            + b"".join(lines)
            + (b"Content-Length: %d\r\n" % len(body) if has_length else b"")
            + b"\r\n"
            + body
        ),
        st.sampled_from(["GET", "POST", "PUT", "HEAD", "OPTIONS", "X"]),
        targets,
        headers,
        bodies,
        st.booleans(),
    ),
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sent=requests)
def test_whatever_is_sent_it_answers_without_a_fault_of_its_own(meter: Served, sent: bytes) -> None:
    received = send(meter, sent)
    matched = STATUS_LINE.match(received)
    assert matched or received == b""
    if matched:
        # 503 is "no more windows": what was sent may well open some.
        assert int(matched[1]) < 500 or matched[1] == b"503"
        assert b"Traceback" not in received
    assert meter.faults == []
