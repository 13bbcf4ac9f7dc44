"""Cases of several calls: each call handed on before the next, one limit for all, and nothing asked twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from types import TracebackType
from typing import Self

import pytest

from scoring.errors import BackendProtocolError, BackendUnavailable, CaseTimeout
from scoring.harness import (
    CallOutcome,
    CasePlan,
    PlanOutcome,
    RetryPolicy,
    run_plan,
    run_plans,
)
from scoring.inference.backend import BackendSettings
from scoring.inference.openai import OpenAIBackend
from scoring.solutions import pipeline
from scoring.values import Completion, CompletionRequest, PipelineContent
from tests.scoring.contents import a_pipeline, a_step
from tests.scripted_backend import MODEL, Answer, Received, ScriptedBackend, chat_events, scripted_backend

AT_ONCE = RetryPolicy(first_pause_s=0.0)
CHAIN = a_pipeline(a_step("a"), a_step("b", "b({{paso_a}})"), a_step("c", "c({{paso_b}})"))


def a_plan(number: int = 1, *texts: str, content: PipelineContent = CHAIN, spent_s: float = 0.0) -> CasePlan:
    ask = partial(pipeline.next_request, content, inputs={"pregunta": f"{number}"})
    return CasePlan(key=f"c{number}", next_request=ask, texts=texts, spent_s=spent_s)


async def ignore(outcome: object) -> None:
    return None


def run(
    plans: Sequence[CasePlan],
    server: ScriptedBackend,
    *,
    concurrency: int = 2,
    case_timeout_s: float = 20.0,
    retries: RetryPolicy = AT_ONCE,
    on_call: Callable[[CallOutcome], Awaitable[None]] = ignore,
    on_result: Callable[[PlanOutcome], Awaitable[None]] = ignore,
) -> list[PlanOutcome]:
    return asyncio.run(
        run_plans(
            plans=plans,
            backend_factory=lambda: OpenAIBackend(BackendSettings(url=server.url, model=MODEL)),
            concurrency=concurrency,
            case_timeout_s=case_timeout_s,
            retries=retries,
            on_call=on_call,
            on_result=on_result,
        )
    )


def echo(received: Received) -> Answer:
    return Answer(pieces=chat_events(f"<{received.prompt}>"))


def prompts(server: ScriptedBackend) -> list[str]:
    return [received.prompt for received in server.received]


# --- calls ------------------------------------------------------------------------------------------------


def test_each_call_is_asked_with_the_answer_before_it_and_the_last_one_answers() -> None:
    with scripted_backend(echo) as server:
        [outcome] = run([a_plan(1)], server)
        assert prompts(server) == ["1", "b(<1>)", "c(<b(<1>)>)"]
    assert (outcome.key, outcome.answer, outcome.fault) == ("c1", "<c(<b(<1>)>)>", None)
    assert [call.index for call in outcome.calls] == [0, 1, 2]
    # Every call's tokens as the server counted them.
    assert [call.completion.completion_tokens for call in outcome.calls] == [
        len(call.completion.text) + 1 for call in outcome.calls
    ]


def test_outcomes_come_in_the_order_of_the_cases_and_no_more_run_at_a_time_than_allowed() -> None:
    with scripted_backend(echo) as server:
        outcomes = run([a_plan(number) for number in range(7)], server, concurrency=3)
        assert server.most_in_flight <= 3
        assert len(server.received) == 21
    assert [outcome.key for outcome in outcomes] == [f"c{number}" for number in range(7)]
    assert [outcome.answer for outcome in outcomes] == [f"<c(<b(<{number}>)>)>" for number in range(7)]


def test_a_call_is_handed_on_before_the_next_one_is_asked() -> None:
    seen: list[tuple[str, int, int]] = []

    with scripted_backend(echo) as server:

        async def store(call: CallOutcome) -> None:
            seen.append((call.key, call.index, len(server.received)))

        run([a_plan(1)], server, on_call=store)
    assert seen == [("c1", 0, 1), ("c1", 1, 2), ("c1", 2, 3)]


@pytest.mark.parametrize("stored", [0, 1, 2, 3])
def test_a_case_goes_on_from_what_was_stored_and_asks_nothing_twice(stored: int) -> None:
    whole = ["<1>", "<b(<1>)>", "<c(<b(<1>)>)>"]
    with scripted_backend(echo) as server:
        [outcome] = run([a_plan(1, *whole[:stored])], server)
        assert prompts(server) == ["1", "b(<1>)", "c(<b(<1>)>)"][stored:]
    assert outcome.answer == whole[-1]
    assert [call.index for call in outcome.calls] == [0, 1, 2][stored:]


# --- faults -----------------------------------------------------------------------------------------------


def test_a_transport_that_fails_in_the_middle_is_tried_again() -> None:
    def script(received: Received) -> Answer:
        return Answer(status=503) if received.number in (1, 2) else echo(received)

    with scripted_backend(script) as server:
        [outcome] = run([a_plan(1)], server)
        assert len(server.received) == 5
    assert outcome.answer == "<c(<b(<1>)>)>"
    assert [call.completion.attempts for call in outcome.calls] == [1, 3, 1]


@pytest.mark.parametrize(
    ("said", "fault"),
    [(Answer(status=503), BackendUnavailable), (Answer(pieces=[b"<html>\n"]), BackendProtocolError)],
)
def test_a_fault_ends_its_case_and_what_was_paid_for_is_kept(said: Answer, fault: type[Exception]) -> None:
    def script(received: Received) -> Answer:
        return said if received.prompt == "b(<1>)" else echo(received)

    results: list[PlanOutcome] = []

    async def note(outcome: PlanOutcome) -> None:
        results.append(outcome)

    with scripted_backend(script) as server:
        bad, good = run([a_plan(1), a_plan(2)], server, concurrency=1, on_result=note)
    assert isinstance(bad.fault, fault)
    assert bad.answer is None
    assert [call.completion.text for call in bad.calls] == ["<1>"]
    assert good.answer == "<c(<b(<2>)>)>"
    assert results == [bad, good]


def test_the_time_limit_is_that_of_the_whole_case() -> None:
    def script(received: Received) -> Answer:
        return Answer(pieces=chat_events("…")[:3], ending="hang") if received.number == 1 else echo(received)

    with scripted_backend(script) as server:
        [outcome] = run([a_plan(1)], server, case_timeout_s=0.2)
        assert server.hung_up.wait(10), "the request went on after its case had ended"
    assert isinstance(outcome.fault, CaseTimeout)
    assert outcome.fault.timeout_s == 0.2
    assert len(outcome.calls) == 1


def test_a_case_that_spent_its_time_before_is_not_asked_again() -> None:
    with scripted_backend(echo) as server:
        [outcome] = run([a_plan(1, "<1>", spent_s=20.0)], server)
        assert server.received == []
    assert isinstance(outcome.fault, CaseTimeout)
    assert outcome.fault.timeout_s == 20.0


class Clock(asyncio.SelectorEventLoop):
    """A loop whose time is put on by hand."""

    ahead_s = 0.0

    def time(self) -> float:
        return super().time() + self.ahead_s


class Timed:
    """A backend that answers at once and lets the clock go on by ``call_s``."""

    def __init__(self, clock: Clock, call_s: float) -> None:
        self.clock, self.call_s, self.asked = clock, call_s, 0

    async def complete(self, request: CompletionRequest) -> Completion:
        self.asked += 1
        self.clock.ahead_s += self.call_s
        return Completion(
            text="a",
            prompt_tokens=1,
            completion_tokens=1,
            finish_reason="stop",
            model=MODEL,
            first_token_ms=1.0,
            duration_ms=1.0,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@pytest.mark.parametrize(
    ("call_s", "store_s", "asked", "is_late"),
    [(9.0, 0.0, 3, False), (12.0, 0.0, 2, True), (1.0, 99.0, 3, False)],
)
def test_calls_take_of_the_case_s_time_and_storing_them_does_not(
    call_s: float, store_s: float, asked: int, is_late: bool
) -> None:
    clock = Clock()

    async def store(call: CallOutcome) -> None:
        clock.ahead_s += store_s

    backend = Timed(clock, call_s)
    case = run_plan(a_plan(1), backend=backend, case_timeout_s=20.0, retries=AT_ONCE, on_call=store)
    try:
        outcome = clock.run_until_complete(case)
    finally:
        clock.close()
    assert backend.asked == asked
    assert isinstance(outcome.fault, CaseTimeout) == is_late


class Stop(Exception):
    """Whoever stores the calls cannot go on."""


def test_an_error_of_whoever_stores_a_call_ends_the_run() -> None:
    async def refuse(call: CallOutcome) -> None:
        raise Stop

    with scripted_backend(echo) as server:
        with pytest.raises(Stop):
            run([a_plan(number) for number in range(50)], server, on_call=refuse)
        assert len(server.received) <= 2


def test_texts_of_another_content_are_our_mistake_and_told_at_once() -> None:
    with scripted_backend(echo) as server, pytest.raises(ValueError, match="4 texts"):
        run([a_plan(1, "a", "b", "c", "d")], server)
