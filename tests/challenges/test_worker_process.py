"""A real Celery worker, a real sweeper, a real Valkey and the small model: nothing is lost, whoever dies.

Each test hands in through the use case and then only looks at the rows, as a person looks at a page.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from redis import Redis

from challenges import submission
from challenges.models import (
    Call,
    Evaluation,
    Phase,
    Reason,
    Run,
    Score,
    Standing,
    State,
    StateChange,
    Submission,
)
from tests.factories import a_participation, a_phase
from tests.servers import Process, SmallModel, Valkey, wait_until
from tests.workers import database_url

pytestmark = [pytest.mark.parts, pytest.mark.django_db(transaction=True)]

CASES = 10
LEASE_S = 3
SCORED_S = 120
PROMPT: dict[str, Any] = {
    "system": "",
    "user": "{{pregunta}}",
    "sampling": {"temperature": 0, "max_output_tokens": 32},
}

Start = Callable[..., Process]


@pytest.fixture
def start(tmp_path: Path, valkey: Valkey, small_model: str) -> Iterator[Start]:
    """Starts a process of the platform on the test's own database; all of them end with the test."""
    started: list[Process] = []
    environment = {
        "DATABASE_URL": database_url(),
        "REDIS_URL": valkey.url,
        "INFERENCE_URL": small_model,
        "INFERENCE_MODEL": settings.INFERENCE_MODEL,
        "INFERENCE_EXTRA_BODY": json.dumps({"cache_prompt": False}),
        "LEASE_SECONDS": str(LEASE_S),
    }

    def start_one(*module_and_arguments: str, name: str) -> Process:
        log = tmp_path / f"{name}.log"
        process = Process([sys.executable, "-m", *module_and_arguments], log=log, env=environment)
        process.start()
        started.append(process)
        return process

    yield start_one
    for process in reversed(started):
        process.stop()


@pytest.fixture
def worker(start: Start) -> Process:
    return start_worker(start)


@pytest.fixture
def sweeper(start: Start) -> Process:
    return start("django", "sweep", name="sweeper")


def start_worker(start: Start, name: str = "worker") -> Process:
    process = start("desafio.worker", "--concurrency", "1", name=name)
    wait_until(lambda: " ready." in process.log(), "the worker is ready")
    return process


@pytest.fixture
def phase(transactional_db: None) -> Phase:
    """Questions that take the model a while, one after the other, so that there is a middle to kill in."""
    cases = [{"inputs": {"pregunta": f"Escribe una historia sobre el número {n}."}} for n in range(CASES)]
    return a_phase(ranked_cases=cases, feedback_cases=1, concurrency=1)


def hand_in(phase: Phase) -> Submission:
    return submission.submit(
        participation=a_participation(phase), phase=phase, content=PROMPT, idempotency_key="only-one"
    )


def state_of(handed_in: Submission) -> str:
    return Evaluation.objects.get(submission=handed_in).state


def wait_for_score(handed_in: Submission, *processes: Process) -> Score:
    ends = (State.SCORED, State.ERRORED, State.REJECTED)
    with logs_on_failure(*processes):
        wait_until(lambda: state_of(handed_in) in ends, "the evaluation ends", seconds=SCORED_S)
        assert state_of(handed_in) == State.SCORED
    return Score.objects.get(evaluation__submission=handed_in)


@contextmanager
def logs_on_failure(*processes: Process) -> Iterator[None]:
    """What the processes wrote belongs to the report of a test that failed."""
    try:
        yield
    except AssertionError as failure:
        for process in processes:
            failure.add_note(process.log()[-4000:])
        failure.add_note(str(list(Evaluation.objects.values())))
        raise


def wait_for_the_middle(handed_in: Submission) -> set[int]:
    """Some cases have been answered and some have not; the runs that are finished."""
    done = Run.objects.filter(evaluation__submission=handed_in)
    wait_until(lambda: done.count() >= 2, "two cases are answered", seconds=SCORED_S)
    finished = set(done.values_list("pk", flat=True))
    assert len(finished) < CASES, "the model was too quick for this test"
    return finished


def assert_each_case_was_answered_once(handed_in: Submission) -> None:
    runs = Run.objects.filter(evaluation__submission=handed_in)
    assert runs.filter(case__suite=handed_in.phase.ranked_suite).count() == CASES
    assert Call.objects.filter(run__in=runs).count() == runs.count() == CASES + 1


def test_a_submission_goes_from_the_form_to_the_board(phase: Phase, worker: Process) -> None:
    handed_in = hand_in(phase)
    score = wait_for_score(handed_in, worker)
    assert_each_case_was_answered_once(handed_in)
    assert Standing.objects.get(phase=phase).score == score
    assert score.prompt_tokens > 0
    assert score.completion_tokens > 0
    assert score.energy_mj > 0
    for call in Call.objects.filter(run__evaluation__submission=handed_in):
        assert call.text
        assert call.completion_tokens > 0
        assert call.duration_ms > 0


def test_a_worker_killed_in_mid_run_loses_nothing_and_repeats_nothing(
    phase: Phase, start: Start, sweeper: Process
) -> None:
    first = start_worker(start, "first")
    handed_in = hand_in(phase)
    finished = wait_for_the_middle(handed_in)
    first.kill()
    second = start_worker(start, "second")
    wait_for_score(handed_in, second, sweeper)
    assert_each_case_was_answered_once(handed_in)
    runs = Run.objects.filter(evaluation__submission=handed_in)
    assert set(runs.filter(fence=1).values_list("pk", flat=True)) >= finished
    assert Evaluation.objects.get(submission=handed_in).fence == 2
    assert Score.objects.count() == 1


def test_what_is_handed_in_while_the_broker_is_away_runs_when_it_is_back(
    phase: Phase, valkey: Valkey, worker: Process, sweeper: Process
) -> None:
    valkey.stop()
    try:
        handed_in = hand_in(phase)
        assert state_of(handed_in) == State.PENDING
    finally:
        valkey.start()
    wait_for_score(handed_in, worker, sweeper)
    assert_each_case_was_answered_once(handed_in)


def test_a_model_killed_in_mid_run_holds_the_evaluation_until_it_is_back(
    phase: Phase, small_model_server: SmallModel, worker: Process, sweeper: Process
) -> None:
    handed_in = hand_in(phase)
    finished = wait_for_the_middle(handed_in)
    small_model_server.kill()
    try:
        with logs_on_failure(worker, sweeper):
            wait_until(lambda: state_of(handed_in) == State.HELD, "it is held")
    finally:
        small_model_server.start()
    wait_for_score(handed_in, worker, sweeper)
    assert_each_case_was_answered_once(handed_in)
    assert finished <= set(Run.objects.filter(evaluation__submission=handed_in).values_list("pk", flat=True))
    assert Evaluation.objects.get(submission=handed_in).failures == 0


def test_a_worker_told_to_stop_gives_its_evaluation_back(phase: Phase, start: Start) -> None:
    first = start_worker(start, "first")
    handed_in = hand_in(phase)
    wait_for_the_middle(handed_in)
    first.stop()
    evaluation = Evaluation.objects.get(submission=handed_in)
    assert evaluation.state == State.QUEUED
    assert evaluation.lease_until is None


def test_a_worker_frozen_past_its_lease_is_refused_at_its_first_write_and_says_so_once(
    phase: Phase, start: Start, sweeper: Process
) -> None:
    first = start_worker(start, "first")
    handed_in = hand_in(phase)
    finished = wait_for_the_middle(handed_in)
    os.killpg(first.pid, signal.SIGSTOP)
    second = start_worker(start, "second")
    try:
        with logs_on_failure(first, second, sweeper):
            wait_until(
                lambda: Run.objects.filter(evaluation__submission=handed_in, fence=2).exists(),
                "the second worker goes on",
                seconds=SCORED_S,
            )
    finally:
        os.killpg(first.pid, signal.SIGCONT)
    refused = "is no longer held with fence 1"
    wait_until(lambda: refused in first.log(), "the first is refused")
    wait_for_score(handed_in, second, sweeper)
    assert first.log().count(refused) == 1
    assert_each_case_was_answered_once(handed_in)
    runs = Run.objects.filter(evaluation__submission=handed_in)
    assert finished <= set(runs.filter(fence=1).values_list("pk", flat=True))
    steps = StateChange.objects.filter(evaluation__submission=handed_in).order_by("number")
    told = [step.reason for step in steps if step.reason != Reason.RUNG]
    assert told == [
        Reason.RECEIVED,
        Reason.CLAIMED,
        Reason.STARTED,
        Reason.LEASE_EXPIRED,
        Reason.CLAIMED,
        Reason.RESUMED,
        Reason.ANSWERED,
        Reason.SCORED,
    ]


def test_a_broker_that_lost_everything_costs_nothing(
    phase: Phase, valkey: Valkey, worker: Process, sweeper: Process
) -> None:
    handed_in = hand_in(phase)
    wait_for_the_middle(handed_in)
    with Redis.from_url(valkey.url) as client:
        client.flushall()
    valkey.stop()
    valkey.start()
    other = hand_in(a_phase(ranked_cases=1, feedback_cases=1))
    for each in (handed_in, other):
        wait_for_score(each, worker, sweeper)
    assert_each_case_was_answered_once(handed_in)
