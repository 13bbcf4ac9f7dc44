"""The harness: order, bounds, limits and retries, over real connections to a backend that fails at will."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from types import TracebackType
from typing import Any, Self

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.errors import BackendProtocolError, BackendUnavailable, CaseTimeout
from scoring.harness import CaseOutcome, CaseRequest, RetryPolicy, run_cases
from scoring.inference.backend import Backend, BackendSettings
from scoring.inference.openai import OpenAIBackend
from scoring.values import Completion, CompletionRequest, Message, Sampling
from tests.scripted_backend import (
    MODEL,
    Answer,
    Received,
    ScriptedBackend,
    answering,
    chat_events,
    scripted_backend,
)

AT_ONCE = RetryPolicy(first_pause_s=0.0)
WHOLE = Answer(pieces=chat_events())


def a_case(number: int) -> CaseRequest:
    request = CompletionRequest(
        messages=(Message(role="user", content=str(number)),), sampling=Sampling(max_output_tokens=4)
    )
    return CaseRequest(key=f"c{number}", request=request)


async def ignore(outcome: CaseOutcome) -> None:
    return None


async def run(
    cases: Sequence[CaseRequest],
    server: ScriptedBackend,
    *,
    concurrency: int = 4,
    case_timeout_s: float = 20.0,
    retries: RetryPolicy = AT_ONCE,
    on_result: Callable[[CaseOutcome], Awaitable[None]] = ignore,
) -> list[CaseOutcome]:
    return await run_cases(
        cases=cases,
        backend_factory=lambda: OpenAIBackend(BackendSettings(url=server.url, model=MODEL)),
        concurrency=concurrency,
        case_timeout_s=case_timeout_s,
        retries=retries,
        on_result=on_result,
    )


def echo(received: Received) -> Answer:
    return Answer(pieces=chat_events(f"eco {received.prompt}"))


# --- order and bounds -------------------------------------------------------------------------------------


@given(cases=st.integers(0, 12), concurrency=st.integers(1, 20))
@settings(max_examples=25, deadline=None)
def test_each_case_gets_its_own_answer_in_the_order_of_the_cases(cases: int, concurrency: int) -> None:
    with scripted_backend(echo) as server:
        outcomes = asyncio.run(run([a_case(n) for n in range(cases)], server, concurrency=concurrency))
    assert [outcome.key for outcome in outcomes] == [f"c{n}" for n in range(cases)]
    assert [outcome.completion.text for outcome in outcomes if outcome.completion] == [
        f"eco {n}" for n in range(cases)
    ]


def test_answers_that_overtake_one_another_come_back_in_order_and_are_handed_on_as_they_come() -> None:
    first_may_go, handed_on = threading.Event(), []

    def script(received: Received) -> Answer:
        gate = first_may_go if received.prompt == "0" else None
        return Answer(pieces=chat_events(received.prompt), gate=gate)

    async def note(outcome: CaseOutcome) -> None:
        handed_on.append(outcome.key)
        if len(handed_on) == 3:
            first_may_go.set()

    with scripted_backend(script) as server:
        outcomes = asyncio.run(run([a_case(n) for n in range(4)], server, concurrency=2, on_result=note))
    assert handed_on == ["c1", "c2", "c3", "c0"]
    assert [outcome.key for outcome in outcomes] == ["c0", "c1", "c2", "c3"]


def test_as_many_requests_are_under_way_as_allowed_and_no_more() -> None:
    everybody_is_here, arrivals = threading.Event(), count(1)

    def script(received: Received) -> Answer:
        if next(arrivals) == 3:
            everybody_is_here.set()
        return Answer(pieces=chat_events(), gate=everybody_is_here)

    with scripted_backend(script) as server:
        asyncio.run(run([a_case(n) for n in range(9)], server, concurrency=3))
        assert server.most_in_flight == 3
        assert server.connections == 3


def test_cases_are_asked_for_in_their_order() -> None:
    with scripted_backend(echo) as server:
        asyncio.run(run([a_case(n) for n in range(20)], server, concurrency=1))
        assert [received.prompt for received in server.received] == [str(n) for n in range(20)]


@pytest.mark.parametrize("concurrency", [0, -1])
def test_a_concurrency_below_one_is_refused(concurrency: int) -> None:
    with scripted_backend(echo) as server, pytest.raises(ValueError, match="concurrency"):
        asyncio.run(run([a_case(1)], server, concurrency=concurrency))


# --- retries ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "away",
    [
        Answer(status=0),
        Answer(status=503),
        Answer(pieces=chat_events("a medias")[:4], ending="cut"),
        Answer(pieces=chat_events("a medias")[:4], ending="reset"),
    ],
)
def test_a_transport_that_fails_twice_is_tried_a_third_time(away: Answer) -> None:
    with scripted_backend(answering(away, away, WHOLE)) as server:
        [outcome] = asyncio.run(run([a_case(1)], server))
        assert len(server.received) == 3
    assert outcome.completion is not None
    assert outcome.completion.text == "sí"
    assert outcome.completion.attempts == 3


def test_a_transport_that_fails_three_times_is_given_up() -> None:
    with scripted_backend(answering(Answer(status=502))) as server:
        [outcome] = asyncio.run(run([a_case(1)], server))
        assert len(server.received) == 3
    assert outcome.completion is None
    assert isinstance(outcome.fault, BackendUnavailable)


@pytest.mark.parametrize(
    "said",
    [
        Answer(status=400, pieces=[b"{}"]),
        Answer(status=401),
        Answer(pieces=[b"<html>"], content_type="text/html"),
        Answer(pieces=chat_events(finish_reason=None)),
    ],
)
def test_what_the_backend_did_say_is_not_asked_again(said: Answer) -> None:
    with scripted_backend(answering(said)) as server:
        [outcome] = asyncio.run(run([a_case(1)], server))
        assert len(server.received) == 1
    assert outcome.fault is not None


def test_one_bad_case_does_not_cost_the_others() -> None:
    def script(received: Received) -> Answer:
        return Answer(pieces=[b"<html>\n"]) if received.prompt == "2" else echo(received)

    with scripted_backend(script) as server:
        outcomes = asyncio.run(run([a_case(n) for n in range(5)], server, concurrency=2))
    assert [outcome.key for outcome in outcomes if outcome.fault] == ["c2"]
    assert isinstance(outcomes[2].fault, BackendProtocolError)


def test_pauses_double_up_to_a_limit_and_obey_who_asks_for_longer() -> None:
    policy = RetryPolicy(first_pause_s=0.5, longest_pause_s=3.0)
    plain = BackendUnavailable("x")
    assert [policy.pause_s(attempt=n, fault=plain) for n in (1, 2, 3, 4, 9)] == [0.5, 1, 2, 3, 3]
    assert policy.pause_s(attempt=1, fault=BackendUnavailable("x", retry_after_s=7.0)) == 7.0
    assert policy.pause_s(attempt=3, fault=BackendUnavailable("x", retry_after_s=0.1)) == 2


# --- limits and ends --------------------------------------------------------------------------------------


def test_a_case_that_takes_too_long_is_cut_off_and_its_connection_closed() -> None:
    hanging = Answer(pieces=chat_events("nunca acabo")[:5], ending="hang")
    with scripted_backend(answering(hanging, WHOLE)) as server:
        slow, quick = asyncio.run(run([a_case(1), a_case(2)], server, concurrency=1, case_timeout_s=0.2))
        assert server.hung_up.wait(10), "the request went on after its case had ended"
    assert isinstance(slow.fault, CaseTimeout)
    assert slow.fault.timeout_s == 0.2
    assert quick.completion is not None


def test_a_backend_that_was_away_all_the_time_is_away_and_not_slow() -> None:
    away = Answer(status=503, headers={"Retry-After": "60"})
    with scripted_backend(answering(away)) as server:
        [outcome] = asyncio.run(run([a_case(1)], server, case_timeout_s=0.2))
    assert isinstance(outcome.fault, BackendUnavailable)


class Stop(Exception):
    """Whoever stores the outcomes cannot go on."""


def test_an_error_of_whoever_takes_the_outcomes_ends_the_run_and_all_requests() -> None:
    nobody_opens = Answer(pieces=chat_events("espera")[:3], ending="hang")

    def script(received: Received) -> Answer:
        return WHOLE if received.prompt == "0" else nobody_opens

    async def refuse(outcome: CaseOutcome) -> None:
        raise Stop

    with scripted_backend(script) as server:
        with pytest.raises(Stop):
            asyncio.run(run([a_case(n) for n in range(50)], server, concurrency=2, on_result=refuse))
        assert len(server.received) <= 2
        assert server.hung_up.wait(10), "a request outlived the run"


def test_a_run_that_is_cancelled_leaves_no_request_behind() -> None:
    arrived = threading.Event()

    def script(received: Received) -> Answer:
        arrived.set()
        return Answer(pieces=chat_events("espera")[:3], ending="hang")

    async def begin_and_cancel(server: ScriptedBackend) -> None:
        task = asyncio.create_task(run([a_case(1)], server))
        await asyncio.to_thread(arrived.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with scripted_backend(script) as server:
        asyncio.run(begin_and_cancel(server))
        assert server.hung_up.wait(10)


class CountedBackend:
    """Counts who opens and closes it; answers nothing."""

    opened = 0
    closed = 0

    async def complete(self, request: CompletionRequest) -> Completion:
        raise BackendProtocolError("nothing")

    async def __aenter__(self) -> Self:
        type(self).opened += 1
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        type(self).closed += 1


@pytest.mark.parametrize("raises", [False, True])
def test_every_backend_that_was_opened_is_closed(raises: bool) -> None:
    class Counted(CountedBackend):
        opened = closed = 0

    async def take(outcome: CaseOutcome) -> None:
        if raises:
            raise Stop

    async def go() -> Any:
        factory: Callable[[], Backend] = Counted
        return await run_cases(
            cases=[a_case(n) for n in range(6)],
            backend_factory=factory,
            concurrency=3,
            case_timeout_s=5,
            retries=AT_ONCE,
            on_result=take,
        )

    if raises:
        with pytest.raises(Stop):
            asyncio.run(go())
    else:
        asyncio.run(go())
    assert Counted.opened == Counted.closed > 0
