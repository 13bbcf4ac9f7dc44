"""No log tells a prompt, an answer or anything of a private case, whatever fails and however much is logged.

Canaries stand in all of them, a whole evaluation runs through the worker's task at DEBUG against a backend
that fails in every way that we know, and what was written in the form of production is read.
"""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.db.utils import DataError

from challenges import sweeping, tasks
from challenges.models import Circuit, Evaluation, Phase, Run, State, Submission
from desafio import logs
from scoring import graders
from tests.factories import PROMPT, a_phase, a_submission
from tests.scripted_backend import (
    MODEL,
    Answer,
    Received,
    Script,
    ScriptedBackend,
    chat_events,
    event,
    is_probe,
    models,
    scripted_backend,
)

CANARY = "CANARIO"
PRIVATE: dict[str, Any] = {
    "key": f"{CANARY}-clave",
    "inputs": {"pregunta": f"{CANARY}-pregunta"},
    "expected": f"{CANARY}-esperada",
    "grader": {"name": "exact", "accept": [f"{CANARY}-aceptada"]},
}
HANDED_IN = {
    **PROMPT,
    "system": f"{CANARY}-sistema",
    "user": f"{CANARY}-plantilla {{{{pregunta}}}}",
}
ANSWERED = Answer(pieces=chat_events(f"{CANARY}-respuesta"))

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server(settings: Any) -> Iterator[ScriptedBackend]:
    with scripted_backend(lambda received: models()) as running:
        settings.INFERENCE_URL = running.url
        settings.INFERENCE_MODEL = MODEL
        settings.BACKEND_PROBE_SECONDS = 5.0
        yield running


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    from scoring.harness import RetryPolicy

    monkeypatch.setattr("challenges.judging.RetryPolicy", lambda: RetryPolicy(first_pause_s=0.0))


@pytest.fixture(params=logs.FORMATS)
def written(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """Everything that is logged meanwhile at DEBUG, in both forms one after the other."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.OneLine(log_format=request.param))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.setLevel(level)
    root.removeHandler(handler)


@pytest.fixture
def phase(transactional_db: None) -> Phase:
    return a_phase(ranked_cases=[PRIVATE], feedback_cases=1, concurrency=1, case_timeout_s=1)


def faulty(answer: Callable[[Received], Answer]) -> Script:
    """``answer`` to each case; our own probe and the list of models are answered as by a healthy server."""

    def script(received: Received) -> Answer:
        if received.path.endswith("/models"):
            return models()
        return Answer(pieces=chat_events("sí")) if is_probe(received) else answer(received)

    return script


def run_to_its_end(phase: Phase) -> Evaluation:
    """The worker's own task, again and again, until the evaluation has ended or ten tries are over."""
    handed_in: Submission = a_submission(phase, content=HANDED_IN)
    for _ in range(10):
        tasks.work.apply()
        row = Evaluation.objects.get(submission=handed_in)
        if row.is_final:
            return row
        Evaluation.objects.exclude(not_before=None).update(not_before=Now() - timedelta(seconds=1))
        Evaluation.objects.exclude(lease_until=None).update(lease_until=Now() - timedelta(seconds=1))
        Circuit.objects.exclude(next_trial_at=None).update(next_trial_at=Now() - timedelta(seconds=1))
        sweeping.sweep_once()
    return Evaluation.objects.get(submission=handed_in)


def assert_nothing_is_told(written: io.StringIO) -> None:
    told = [line for line in written.getvalue().splitlines() if CANARY in line]
    assert told == []


def echo(status: int, shape: Callable[[str], Any]) -> Callable[[Received], Answer]:
    """A refusal that repeats the prompt that it was sent."""

    def answer(received: Received) -> Answer:
        body = json.dumps(shape(received.prompt)).encode()
        return Answer(status=status, pieces=[body], content_type="application/json")

    return answer


def error_of(prompt: str) -> dict[str, Any]:
    return {"error": {"message": f"cannot take «{prompt}»", "type": "invalid_request_error", "code": prompt}}


FAULTS: dict[str, Callable[[Received], Answer]] = {
    "gibberish": lambda received: Answer(pieces=[f"<html>{received.prompt}</html>\n".encode()]),
    "half a JSON": lambda received: Answer(pieces=[f'data: {{"choices": "{received.prompt}\n\n'.encode()]),
    "a piece that is no object": lambda received: Answer(pieces=[event([received.prompt])]),
    "an error under status 200": lambda received: Answer(pieces=[event(error_of(received.prompt))]),
    "an error in mid-answer": lambda received: Answer(
        pieces=[*chat_events(CANARY)[:4], f"error: {received.prompt}\n\n".encode()]
    ),
    "cut": lambda received: Answer(pieces=ANSWERED.pieces[:5], ending="cut"),
    "not finished": lambda received: Answer(pieces=chat_events(CANARY, finish_reason=None)),
    "no tokens counted": lambda received: Answer(pieces=chat_events(CANARY, usage={"prompt_tokens": CANARY})),
    "away": lambda received: Answer(status=0),
    "reset": lambda received: Answer(pieces=ANSWERED.pieces[:3], ending="reset"),
    "silent": lambda received: Answer(ending="hang"),
    "too busy": echo(429, error_of),
    "broken": echo(500, error_of),
    "a wrong key": echo(401, error_of),
    "refused, prompt echoed": echo(400, error_of),
    "refused, prompt echoed as text": echo(400, lambda prompt: prompt),
    "refused, prompt in a header": lambda received: Answer(
        status=400, headers={"X-Prompt": CANARY, "Retry-After": CANARY}
    ),
}
# A backend names these itself, so that it may name them after what it was sent.
NAMED_BY_THE_BACKEND: dict[str, Callable[[Received], Answer]] = {
    "refused, prompt as its type": echo(400, lambda prompt: {"error": {"type": prompt, "message": prompt}}),
    "stopped for a reason of its own": lambda received: Answer(
        pieces=chat_events(CANARY, finish_reason=received.prompt)
    ),
}


@pytest.mark.parametrize("answer", FAULTS.values(), ids=FAULTS.keys())
def test_no_fault_of_the_backend_makes_a_log_tell(
    server: ScriptedBackend, phase: Phase, written: io.StringIO, answer: Callable[[Received], Answer]
) -> None:
    server.script = faulty(answer)
    row = run_to_its_end(phase)
    assert any(CANARY in received.prompt for received in server.received), "the canaries were sent"
    assert row.fault_code, "it failed"
    assert f"evaluation {row.pk}" in written.getvalue(), "something was logged of it"
    assert_nothing_is_told(written)


@pytest.mark.parametrize("answer", NAMED_BY_THE_BACKEND.values(), ids=NAMED_BY_THE_BACKEND.keys())
def test_no_name_that_a_backend_gives_makes_a_log_tell(
    server: ScriptedBackend, phase: Phase, written: io.StringIO, answer: Callable[[Received], Answer]
) -> None:
    server.script = faulty(answer)
    assert run_to_its_end(phase).state == State.ERRORED
    assert_nothing_is_told(written)


def test_a_prompt_that_is_too_long_is_not_quoted(
    server: ScriptedBackend, phase: Phase, written: io.StringIO
) -> None:
    too_long = echo(400, lambda prompt: {"error": {"type": "exceed_context_size_error", "message": prompt}})
    server.script = faulty(too_long)
    assert run_to_its_end(phase).state == State.REJECTED
    assert_nothing_is_told(written)


def test_a_good_evaluation_tells_nothing_either(
    server: ScriptedBackend, phase: Phase, written: io.StringIO
) -> None:
    server.script = faulty(lambda received: ANSWERED)
    assert run_to_its_end(phase).state == State.SCORED
    assert CANARY in Run.objects.filter(case__key=PRIVATE["key"]).get().answer
    assert_nothing_is_told(written)


def test_a_grader_that_breaks_tells_where_and_not_over_what(
    server: ScriptedBackend, phase: Phase, written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*, spec: Any, answer: str, expected: str) -> Any:
        try:
            return int(answer)
        except ValueError as fault:
            raise RuntimeError(f"{spec} {answer} {expected}") from fault

    server.script = faulty(lambda received: ANSWERED)
    monkeypatch.setattr(graders, "grade", breaks)
    run_to_its_end(phase)
    assert "RuntimeError" in written.getvalue()
    assert "test_logs_secrets.py" in written.getvalue()
    assert_nothing_is_told(written)


@pytest.mark.parametrize(
    "grader",
    [
        {"name": f"{CANARY}-corrector"},
        {"name": "choice", "options": {f"{CANARY}-letra": f"{CANARY}-texto"}},
        {"name": "exact", "accept": CANARY},
    ],
)
def test_a_grader_that_cannot_be_used_is_not_quoted(
    server: ScriptedBackend, written: io.StringIO, grader: dict[str, Any], transactional_db: None
) -> None:
    server.script = faulty(lambda received: ANSWERED)
    phase = a_phase(ranked_cases=[{**PRIVATE, "grader": grader}], feedback_cases=1, concurrency=1)
    row = run_to_its_end(phase)
    assert row.state == State.ERRORED
    assert f"evaluation {row.pk}" in written.getvalue()
    assert_nothing_is_told(written)


def test_a_stored_prompt_that_cannot_be_read_is_not_quoted(
    server: ScriptedBackend, phase: Phase, written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(HANDED_IN, "user", [f"{CANARY}-plantilla"])
    monkeypatch.setitem(HANDED_IN, f"{CANARY}-campo", 1)
    row = run_to_its_end(phase)
    assert row.state == State.ERRORED
    assert_nothing_is_told(written)


def test_a_database_that_refuses_a_row_is_not_quoted(
    server: ScriptedBackend, phase: Phase, written: io.StringIO
) -> None:
    def refuses(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("INSERT") and "challenges_run" in sql:
            raise DataError(f"value too long\nDETAIL: Failing row contains ({params}).")
        return execute(sql, params, many, context)

    server.script = faulty(lambda received: ANSWERED)
    with connection.execute_wrapper(refuses):
        run_to_its_end(phase)
    assert "DataError" in written.getvalue()
    assert_nothing_is_told(written)
