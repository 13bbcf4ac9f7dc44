"""Two real workers beside one real meter: they take turns, and a killed one loses only its own window."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from django.conf import settings

from challenges import submission
from challenges.invariants import broken
from challenges.models import DeviceLease, Evaluation, Measurement, Phase, ReferenceRun, State
from tests.factories import a_participation, a_phase
from tests.meter_process import TOKEN, MeterProcess
from tests.servers import Process, Valkey, wait_until
from tests.workers import Worker, database_url

pytestmark = [pytest.mark.parts, pytest.mark.django_db(transaction=True)]

SUBMISSIONS = 3
REPETITIONS = 2
SCORED_S = 240
PROMPT = {"system": "", "user": "{{pregunta}}", "sampling": {"temperature": 0, "max_output_tokens": 16}}
# Windows as short as the counter allows, and a tolerance for a machine that has other things to do.
PROTOCOL = {
    "MEASUREMENT_REPETITIONS": str(REPETITIONS),
    "METER_WINDOW_SECONDS": "1",
    "METER_SHORTEST_WINDOW_SECONDS": "0.2",
    "REFERENCE_SECONDS": "0.3",
    "REFERENCE_TOLERANCE_PERCENT": "900",
    "IDLE_SECONDS": "0.3",
    "LEASE_SECONDS": "3",
}


@pytest.fixture
def meter(tmp_path: Path) -> Iterator[MeterProcess]:
    running = MeterProcess(tmp_path, source="synthetic:constant=250,jitter-ms=5")
    running.start()
    yield running
    running.process.stop()


@pytest.fixture
def workers(tmp_path: Path, valkey: Valkey, small_model: str, meter: MeterProcess) -> Iterator[list[Worker]]:
    model = settings.INFERENCE_MODEL
    environment = {
        **PROTOCOL,
        "METER_URL": meter.url,
        "METER_TOKEN": TOKEN,
        "INFERENCE_EXTRA_BODY": json.dumps({"cache_prompt": False}),
    }
    both = [
        Worker(tmp_path, inference_url=small_model, model=model, valkey=valkey, name=name)
        for name in ("uno", "dos")
    ]
    for each in both:
        each.start(**environment)
    yield both
    for each in both:
        each.stop()


@pytest.fixture
def sweeper(tmp_path: Path, valkey: Valkey, workers: list[Worker]) -> Iterator[Process]:
    process = Process(
        [sys.executable, "-m", "django", "sweep"],
        log=tmp_path / "sweeper.log",
        env={
            "DATABASE_URL": database_url(),
            "REDIS_URL": valkey.url,
            "WORK_QUEUE": workers[0].queue,
            "LEASE_SECONDS": PROTOCOL["LEASE_SECONDS"],
        },
    )
    process.start()
    yield process
    process.stop()


def test_they_take_turns_and_a_killed_one_loses_only_its_own_window(
    transactional_db: None, workers: list[Worker], sweeper: Process
) -> None:
    phase = a_phase(ranked_cases=2, feedback_suite=None, evidence_grade="A", concurrency=1)
    for number in range(SUBMISSIONS):
        hand_in(phase, f"clave-{number}")
    for worker in workers:
        worker.ring()
    wait_until(lambda: Measurement.objects.exists(), "a window is closed", seconds=SCORED_S)
    holder = DeviceLease.objects.exclude(holder="").values_list("holder", flat=True).get()
    killed = next(worker for worker in workers if holder.startswith(f"{worker._name}:"))
    assert killed.process is not None
    done = set(Measurement.objects.values_list("pk", flat=True))
    killed.process.kill()

    def all_are_scored() -> bool:
        return Evaluation.objects.filter(state=State.SCORED).count() == SUBMISSIONS

    try:
        wait_until(all_are_scored, "all are scored", seconds=SCORED_S)
    except AssertionError as failure:
        failure.add_note(str(list(Evaluation.objects.values())))
        failure.add_note("\n".join(worker.log()[-3000:] for worker in workers))
        raise
    assert done <= set(Measurement.objects.values_list("pk", flat=True)), "a closed window was thrown away"
    assert list(broken()) == []
    spans = [window_of(row) for row in Measurement.objects.all()]
    spans = sorted(spans + [window_of(row) for row in ReferenceRun.objects.all()])
    assert len(spans) >= SUBMISSIONS * (REPETITIONS + 2)
    assert all(first[1] <= following[0] for first, following in pairwise(spans)), "two windows overlap"


def hand_in(phase: Phase, key: str) -> None:
    person = a_participation(phase)
    submission.submit(participation=person, phase=phase, content=PROMPT, idempotency_key=key)


def window_of(row: Measurement | ReferenceRun) -> tuple[int, int]:
    """By the meter's own clock, in nanoseconds."""
    return row.evidence["started_ns"], row.evidence["ended_ns"]
