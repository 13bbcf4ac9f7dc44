"""Claims on the meter's client: a figure is believed only if the whole answer holds, and is never a zero.

The meter and its HTTP server are real, on simulated time that both sides share; what stands between them may
change, lose or delay an answer.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from decimal import Context, localcontext
from typing import Any

import pytest

from scoring.energy import metered
from scoring.energy.edges import edges_sha256
from scoring.energy.flags import Flag
from scoring.energy.meter.connection import MOST_BYTES, TRIES, MeterConnection
from scoring.energy.meter.core import Limits
from scoring.energy.meter.exchange import Answer, Request, answer_bytes
from scoring.energy.metered import MeteredSource, MeteredWindow, WindowVoid, find_meter, source_of
from scoring.energy.window import EnergySource, EnergyWindow
from scoring.errors import CounterUnavailable, MeasurementVoid
from scoring.values import EvidenceGrade, TokenUse
from tests.scoring.contexts import UNDER_ANY_DECIMAL_SETTINGS
from tests.scoring.simulated_meter import POWER_W, TOKEN, Served, SimulatedMeter, served
from tests.servers import free_port

CALLS = [TokenUse(prompt_tokens=134, completion_tokens=9)]
WINDOW_S = 5
ENOUGH_S = 30


@pytest.fixture
def meter() -> Iterator[Served]:
    simulated = SimulatedMeter()
    simulated.run(1.0)
    with served(simulated) as serving:
        yield serving


def connection_to(serving: Served, *, timeout_s: float = ENOUGH_S) -> MeterConnection:
    return MeterConnection(url=serving.url, token=TOKEN, timeout_s=timeout_s, pause=lambda seconds: None)


def source(serving: Served, **options: Any) -> MeteredSource:
    return source_of(connection_to(serving), client="test", clock=serving.meter.time, **options)


def worked(serving: Served, seconds: float = WINDOW_S) -> MeteredWindow:
    """A window in which so many seconds have passed."""
    window = source(serving).open()
    serving.meter.run(seconds)
    return window


def changed(
    path: str, change: Callable[[dict[str, Any]], object]
) -> Callable[[Request, Answer], Answer | None]:
    """Changes the JSON of the answers whose path ends so; what the change returns replaces it, None edits."""

    def tamper(request: Request, answer: Answer) -> Answer | None:
        if not request.path.endswith(path):
            return None
        content = json.loads(answer.body)
        instead = change(content)
        return replace(answer, body=json.dumps(content if instead is None else instead).encode())

    return tamper


def loses(serving: Served, *, method: str, path: str, times: int, is_done: bool) -> None:
    """The connection breaks off instead of the answer; ``is_done``: after the meter did what was asked."""
    left = [times]

    def breaks_off(request: Request) -> None:
        if request.method == method and request.path.endswith(path) and left[0]:
            left[0] -= 1
            raise ConnectionResetError

    if is_done:
        serving.tampering.change = lambda request, answer: breaks_off(request)
    else:
        serving.tampering.before = breaks_off


# --- a window without fault ---------------------------------------------------------------------------------


def test_a_window_gives_the_energy_of_the_meter_with_what_it_follows_from(meter: Served) -> None:
    window = worked(meter)
    measured = window.close(CALLS)
    assert measured.energy_mj == pytest.approx(POWER_W * WINDOW_S * 1000, rel=0.005)
    assert (f"{measured.seconds}", measured.grade, measured.flags) == ("5.000", EvidenceGrade.E, ())
    assert measured.source == f"synthetic:{meter.meter.device.uuid}"
    evidence = window.evidence
    assert evidence is not None
    assert (evidence.window_id, evidence.boot) == (window.id, meter.meter.boot)
    assert evidence.device == meter.meter.device
    assert evidence.end_ns - evidence.begin_ns == WINDOW_S * 10**9
    assert (len(window.edges), edges_sha256(window.edges)) == (evidence.edges_count, evidence.edges_sha256)
    assert measured.evidence["window_id"] == window.id
    assert json.loads(json.dumps(measured.evidence)) == measured.evidence


def test_it_is_a_source_like_any_other_and_is_never_resumed(meter: Served) -> None:
    found: EnergySource = source(meter)
    window: EnergyWindow = found.open()
    assert (found.name, found.grade, found.resumable) == ("meter:synthetic", EvidenceGrade.E, False)
    assert "Contador simulado" in found.reason
    assert window is not None


@UNDER_ANY_DECIMAL_SETTINGS
def test_the_figure_does_not_hang_on_the_process_s_decimal_settings(meter: Served, ambient: Context) -> None:
    with localcontext(ambient):
        assert f"{worked(meter, 7).close(CALLS).seconds}" == "7.000"


def test_a_window_closes_once(meter: Served) -> None:
    window = worked(meter)
    window.close(CALLS)
    with pytest.raises(MeasurementVoid, match="ya estaba cerrada"):
        window.close(CALLS)


def test_a_long_window_s_edges_come_in_pages(meter: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scoring.energy.meter.routes.EDGES_A_PAGE", 40)
    window = worked(meter, 30)
    window.close(CALLS)
    assert len(window.edges) > 300


# --- an answer that was lost --------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/info", "/v1/edges"])
def test_a_question_that_changes_nothing_is_asked_again(meter: Served, path: str) -> None:
    loses(meter, method="GET", path=path, times=TRIES - 1, is_done=False)
    assert worked(meter).close(CALLS).flags == ()


def test_a_lost_answer_to_the_end_is_read_again_and_the_window_is_not_ended_twice(meter: Served) -> None:
    window = worked(meter)
    loses(meter, method="POST", path="/end", times=1, is_done=True)
    assert window.close(CALLS).seconds == WINDOW_S
    ends = [path for method, path in meter.tampering.asked if path.endswith("/end")]
    assert len(ends) == 1


def test_an_end_that_never_arrived_is_sent_again(meter: Served) -> None:
    window = worked(meter)
    loses(meter, method="POST", path="/end", times=1, is_done=False)
    assert window.close(CALLS).seconds == WINDOW_S


def test_a_lost_answer_to_the_begin_opens_no_second_window(meter: Served) -> None:
    found = source(meter)
    loses(meter, method="POST", path="/v1/windows", times=1, is_done=True)
    with pytest.raises(CounterUnavailable):
        found.open()
    assert meter.meter.counts.opened == 1


# --- the meter is away, or is another -----------------------------------------------------------------------


def test_no_meter_at_the_start_is_no_counter() -> None:
    with pytest.raises(CounterUnavailable, match="No hay medidor"):
        find_meter(f"http://127.0.0.1:{free_port()}", token=TOKEN, client="test")


def test_a_meter_that_goes_away_in_the_window_voids_it() -> None:
    simulated = SimulatedMeter()
    simulated.run(1.0)
    with served(simulated) as serving:
        window = worked(serving)
    with pytest.raises(WindowVoid) as void:
        window.close(CALLS)
    assert void.value.flags == (Flag.METER_AWAY,)


def test_a_meter_that_goes_away_after_the_end_voids_the_window(meter: Served) -> None:
    window = worked(meter)
    loses(meter, method="GET", path="/v1/edges", times=TRIES, is_done=False)
    with pytest.raises(WindowVoid) as void:
        window.close(CALLS)
    assert void.value.flags == (Flag.METER_AWAY,)


def test_a_meter_that_went_away_before_the_window_opens_none(meter: Served) -> None:
    found = source(meter)
    loses(meter, method="POST", path="/v1/windows", times=TRIES, is_done=False)
    with pytest.raises(CounterUnavailable):
        found.open()


def test_a_meter_that_never_answers_is_not_waited_for(meter: Served) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        connection = MeterConnection(
            url=f"http://127.0.0.1:{silent.getsockname()[1]}",
            token=TOKEN,
            timeout_s=0.05,
            pause=lambda seconds: None,
        )
        with pytest.raises(CounterUnavailable, match="no contestó"):
            source_of(connection, client="test")


def test_a_meter_that_was_restarted_in_the_window_voids_it(meter: Served) -> None:
    window = worked(meter)
    meter.meter = SimulatedMeter(clock=meter.meter.time)
    meter.meter.run(1.0)
    with pytest.raises(WindowVoid) as void:
        window.close(CALLS)
    assert void.value.flags == (Flag.METER_RESTARTED,)
    assert "reinició" in void.value.reason


def test_a_meter_that_was_restarted_between_two_windows_measures_the_next(meter: Served) -> None:
    found = source(meter)
    # It looks at its counter less often now, which the description from before the restart does not know.
    meter.meter = SimulatedMeter(clock=meter.meter.time, limits=Limits(sample_every_ms=50))
    meter.meter.run(1.0)
    window = found.open()
    meter.meter.run(WINDOW_S)
    assert window.close(CALLS).flags == ()
    assert window.evidence is not None
    assert window.evidence.uncertainty_mj == pytest.approx(2 * 50 * POWER_W, rel=0.01)


@pytest.mark.parametrize("every_ms", [20, 50])
def test_a_figure_is_no_more_exact_than_the_meter_looks_at_its_counter(every_ms: int) -> None:
    simulated = SimulatedMeter(limits=Limits(sample_every_ms=every_ms))
    simulated.run(1.0)
    with served(simulated) as serving:
        measured = worked(serving).close(CALLS)
    assert measured.evidence["uncertainty_mj"] == pytest.approx(2 * every_ms * POWER_W, rel=0.01)


@pytest.mark.parametrize("every_ms", [None, "20", True, -1, 20.0, 10**9])
def test_a_meter_that_does_not_say_how_often_it_looks_is_refused(meter: Served, every_ms: Any) -> None:
    meter.tampering.change = changed(
        "/v1/info", lambda content: content["sampling"].update(every_ms=every_ms)
    )
    with pytest.raises(CounterUnavailable, match="every_ms"):
        source(meter)


def test_a_meter_of_another_device_is_refused_before_a_window(meter: Served) -> None:
    with pytest.raises(CounterUnavailable, match="wrong-device"):
        source(meter, device_uuid="GPU-of-somebody-else")
    found = source(meter)
    meter.meter = SimulatedMeter("constant=100", clock=meter.meter.time)
    meter.meter.run(1.0)
    with pytest.raises(CounterUnavailable, match="otro dispositivo"):
        found.open()


def test_a_reading_of_another_device_is_no_figure(meter: Served) -> None:
    window = worked(meter)
    meter.tampering.change = changed("/end", lambda content: content["device"].update(uuid="GPU-other"))
    with pytest.raises(WindowVoid) as void:
        window.close(CALLS)
    assert void.value.flags == (Flag.WRONG_DEVICE,)


def test_a_reading_of_another_start_of_the_meter_is_no_figure(meter: Served) -> None:
    window = worked(meter)
    at_end = changed("/end", lambda content: content.update(boot="0" * 16))
    at_edges = changed("/v1/edges", lambda content: content.update(boot="0" * 16))
    meter.tampering.change = lambda request, answer: at_end(request, answer) or at_edges(request, answer)
    with pytest.raises(WindowVoid) as void:
        window.close(CALLS)
    assert void.value.flags == (Flag.METER_RESTARTED,)


def test_a_wrong_token_says_which_setting_to_mend(meter: Served) -> None:
    with pytest.raises(CounterUnavailable, match="METER_TOKEN"):
        find_meter(meter.url, token="another-token-of-ours", client="test")


def test_a_token_is_never_shown(meter: Served) -> None:
    assert TOKEN not in repr(source(meter))


@pytest.mark.parametrize(
    ("url", "token"),
    [
        ("127.0.0.1:8090", TOKEN),
        ("ftp://127.0.0.1", TOKEN),
        ("http://", TOKEN),
        ("http://user:word@127.0.0.1", TOKEN),
        ("http://127.0.0.1:99999", TOKEN),
        ("http://127.0.0.1/a b", TOKEN),
        ("http://127.0.0.1:1", ""),
        ("http://127.0.0.1:1", "two words"),
        ("http://127.0.0.1:1", "line\r\nX: y"),
    ],
)
def test_an_address_or_a_token_that_cannot_be_is_no_counter(url: str, token: str) -> None:
    with pytest.raises(CounterUnavailable) as refused:
        find_meter(url, token=token, client="test")
    assert token not in refused.value.reason or not token


def test_a_meter_that_cannot_read_its_counter_says_why(meter: Served) -> None:
    meter.meter.time.forward(seconds=5)
    with pytest.raises(CounterUnavailable, match="dejó de leerse"):
        source(meter)


# --- what the meter says against the window -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "flag"),
    [
        ("constant=250,stuck-at=3", Flag.COUNTER_STUCK),
        ("constant=250,start-mj=900000,restart-at=3", Flag.COUNTER_WENT_BACK),
        ("constant=250,jump-at=3", Flag.COUNTER_JUMPED),
        ("constant=250,gap-at=2+3", Flag.EDGES_MISSING),
        ("constant=250,max-w=200", Flag.ABOVE_BOARD_POWER),
        ("constant=50,idle-w=100", Flag.BELOW_IDLE_POWER),
        ("constant=250,throttle-at=3+1", Flag.THROTTLED),
        ("constant=250,other-process-at=3+1", Flag.OTHER_PROCESS),
        ("constant=250,clocks-at=3", Flag.CLOCKS_CHANGED),
        ("constant=250,power-limit-at=3", Flag.POWER_LIMIT_CHANGED),
    ],
)
def test_a_flag_that_voids_is_named_and_gives_no_figure(spec: str, flag: Flag) -> None:
    simulated = SimulatedMeter(spec)
    simulated.run(1.0)
    with served(simulated) as serving:
        window = worked(serving)
        with pytest.raises(WindowVoid) as void:
            window.close(CALLS)
    assert flag in void.value.flags
    assert flag in str(void.value)
    assert window.evidence is None


def test_a_flag_that_does_not_void_goes_with_the_figure() -> None:
    simulated = SimulatedMeter("constant=250,wrap-at=3")
    simulated.run(1.0)
    with served(simulated) as serving:
        assert worked(serving).close(CALLS).flags == (Flag.COUNTER_WRAPPED,)


def test_a_window_that_the_meter_closed_by_itself_is_void() -> None:
    simulated = SimulatedMeter(limits=Limits(window_limit_s=3))
    simulated.run(1.0)
    with served(simulated) as serving:
        window = worked(serving)
        with pytest.raises(WindowVoid) as void:
            window.close(CALLS)
    assert Flag.WINDOW_EXPIRED in void.value.flags


def test_a_window_that_somebody_else_ended_is_void(meter: Served) -> None:
    window = worked(meter)
    meter.meter.end_window(window.id)
    meter.meter.run(WINDOW_S)
    with pytest.raises(WindowVoid) as void:
        window.close(CALLS)
    assert void.value.flags == (Flag.CLOCK_SKEW,)


def test_a_window_shorter_than_the_protocol_asks_for_is_void(meter: Served) -> None:
    window = source(meter, shortest_s=30).open()
    meter.meter.run(29)
    with pytest.raises(WindowVoid) as void:
        window.close(CALLS)
    assert void.value.flags == (Flag.WINDOW_TOO_SHORT,)


@pytest.mark.parametrize(("off_s", "is_void"), [(0.09, False), (-0.09, False), (0.12, True), (-0.12, True)])
def test_seconds_that_are_not_the_worker_s_void_the_window(
    meter: Served, off_s: float, is_void: bool
) -> None:
    """Of 5 s, 1 % and 50 ms are 100 ms."""
    off_ns = [0]
    found = source_of(connection_to(meter), client="test", clock=lambda: meter.meter.time() + off_ns[0])
    window = found.open()
    meter.meter.run(WINDOW_S)
    off_ns[0] = round(off_s * 10**9)
    if is_void:
        with pytest.raises(WindowVoid) as void:
            window.close(CALLS)
        assert void.value.flags == (Flag.CLOCK_SKEW,)
    else:
        assert window.close(CALLS).flags == ()


def test_a_window_without_calls_says_so(meter: Served) -> None:
    assert worked(meter).close([]).flags == (Flag.NO_CALLS,)


def test_calls_without_tokens_void_the_window(meter: Served) -> None:
    with pytest.raises(WindowVoid) as void:
        worked(meter).close([*CALLS, TokenUse(prompt_tokens=0, completion_tokens=3)])
    assert void.value.flags == (Flag.TOKENS_MISSING,)


# --- answers that no meter gives ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mJ", 0),
        ("mJ", -1),
        ("mJ", 1.5),
        ("mJ", "1250000"),
        ("mJ", True),
        ("mJ", None),
        ("mJ", float("nan")),
        ("mJ", float("inf")),
        ("mJ", 10**30),
        ("mJ", 10**15),
        ("mJ", 1_250_001),
        ("grade", "A"),
        ("grade", "Z"),
        ("grade", None),
        ("grade", 7),
        ("flags", None),
        ("flags", "none"),
        ("flags", [7]),
        ("flags", ["a-flag-of-tomorrow"]),
        ("flags", [["counter-stuck"]]),
        ("id", "0" * 16),
        ("boot", "0" * 16),
        ("boot", 7),
        ("device", {}),
        ("device", None),
        ("begin_ns", 0),
        ("end_ns", 0),
        ("end_ns", float("nan")),
        ("edges", 3),
        ("edges", -1),
        ("edges_sha256", "0" * 64),
        ("edges_sha256", "x"),
        ("edges_from_ns", 10**19),
        ("edges_to_ns", 0),
        ("uncertainty_mJ", -1),
        ("uncertainty_mJ", 0),
        ("clocks_mhz", ["fast"]),
        ("power_limit_mw", -1),
        ("source", "<b>"),
    ],
)
def test_a_reading_with_one_field_that_cannot_be_is_no_figure(meter: Served, field: str, value: Any) -> None:
    window = worked(meter)
    meter.tampering.change = changed("/end", lambda content: content.update({field: value}))
    with pytest.raises(MeasurementVoid) as void:
        window.close(CALLS)
    assert void.value.reason
    assert window.evidence is None


@pytest.mark.parametrize("field", ["mJ", "flags", "device", "boot", "begin_ns", "edges", "edges_sha256"])
def test_a_reading_without_a_field_is_no_figure(meter: Served, field: str) -> None:
    window = worked(meter)
    meter.tampering.change = changed("/end", lambda content: (content.pop(field), None)[1])
    with pytest.raises(MeasurementVoid, match=field):
        window.close(CALLS)


def swapped(content: dict[str, Any]) -> None:
    edges = content["edges"]
    edges[3], edges[4] = edges[4], edges[3]


def doubled(content: dict[str, Any]) -> None:
    content["edges"].insert(3, content["edges"][3])


def one_lost(content: dict[str, Any]) -> None:
    del content["edges"][3]


def one_more_mj(content: dict[str, Any]) -> None:
    content["edges"][3][1] += 1


def negative(content: dict[str, Any]) -> None:
    content["edges"][3][1] = -1


def not_a_number(content: dict[str, Any]) -> None:
    content["edges"][3][1] = float("nan")


def no_pairs(content: dict[str, Any]) -> None:
    content["edges"][3] = [1, 2, 3]


def no_end(content: dict[str, Any]) -> None:
    content["next_from"] = content["edges"][0][0] + 1


def the_same_page(content: dict[str, Any]) -> None:
    content["next_from"] = content["edges"][0][0]


def an_empty_page_that_leads_to_itself(content: dict[str, Any]) -> None:
    content["next_from"] = content["edges"][0][0]
    content["edges"] = []


def another_boot(content: dict[str, Any]) -> None:
    content["boot"] = "0" * 16


@pytest.mark.parametrize(
    "change",
    [
        swapped,
        doubled,
        one_lost,
        one_more_mj,
        negative,
        not_a_number,
        no_pairs,
        no_end,
        the_same_page,
        an_empty_page_that_leads_to_itself,
        another_boot,
    ],
)
def test_edges_that_do_not_give_the_figure_void_it(
    meter: Served, change: Callable[[dict[str, Any]], None]
) -> None:
    window = worked(meter)
    meter.tampering.change = changed("/v1/edges", change)
    with pytest.raises(MeasurementVoid):
        window.close(CALLS)
    assert window.edges == ()


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"<html>", b"[]", b"null", b"7", b"\xff", b"[" * 100_000, b'{"mJ":NaN}', b" " * 1_000_001],
)
@pytest.mark.parametrize("path", ["/v1/info", "/v1/windows", "/end", "/v1/edges"])
def test_an_answer_that_is_no_json_of_a_meter_is_no_figure(meter: Served, path: str, body: bytes) -> None:
    meter.tampering.change = lambda request, answer: (
        replace(answer, body=body) if request.path.endswith(path) else None
    )
    with pytest.raises((CounterUnavailable, MeasurementVoid)) as refused:
        worked(meter).close(CALLS)
    assert refused.value.reason.endswith((".", "]", ")"))


def test_an_answer_larger_than_any_of_a_meter_is_not_read(meter: Served) -> None:
    meter.tampering.change = lambda request, answer: replace(answer, body=answer.body + b" " * MOST_BYTES)
    with pytest.raises(CounterUnavailable, match="bytes"):
        source(meter)


def test_an_answer_that_is_cut_short_is_asked_for_again(
    meter: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuts = iter([-5])
    monkeypatch.setattr(
        "scoring.energy.meter.server.answer_bytes", lambda answer: answer_bytes(answer)[: next(cuts, None)]
    )
    assert source(meter).grade is EvidenceGrade.E


def test_an_answer_that_is_cut_short_is_no_figure(meter: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scoring.energy.meter.server.answer_bytes", lambda answer: answer_bytes(answer)[:-5])
    with pytest.raises(CounterUnavailable):
        source(meter)


def test_an_id_of_another_form_is_not_put_into_an_address(meter: Served) -> None:
    meter.tampering.change = changed("/v1/windows", lambda content: content.update(id="../info?x"))
    with pytest.raises(CounterUnavailable, match="id"):
        source(meter).open()


def test_the_names_that_are_void_are_those_of_the_flags() -> None:
    assert metered.WindowVoid("Mal.", Flag.METER_AWAY).reason == "Mal. [meter-away]"
    assert metered.WindowVoid("Mal.").flags == ()
