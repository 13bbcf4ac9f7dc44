"""The rows that worker processes keep about themselves, and what keeps one from claiming."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps.registry import Apps
from django.core.management import call_command
from django.db.models.functions import Now

from challenges import engine_version, sweeping, tallies, tasks, worker_life
from challenges.engine_version import ENGINE_VERSION
from challenges.models import Engine, Evaluation, Score, State, Tally, WorkerProcess
from challenges.worker_life import ALIVE_S, CLOCK_OFF_S, KEPT_DAYS, WorkerLife
from tests.factories import a_phase, a_submission
from tests.scripted_backend import MODEL, Answer, ScriptedBackend, answering, chat_events, scripted_backend
from tests.servers import Valkey, wait_until
from tests.workers import Worker

pytestmark = pytest.mark.django_db(transaction=True)

WHOLE = Answer(pieces=chat_events("sí"))
AN_HOUR_S = 3600

Told = Callable[[], list[str]]


@pytest.fixture(autouse=True)
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process counts from zero, and has told nothing yet."""
    tallies.forget()
    monkeypatch.setattr(worker_life, "_this", None)
    yield
    tallies.forget()


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Iterator[Told]:
    """The lines that this process's worker has written so far."""
    with caplog.at_level(logging.INFO, logger="challenges.worker_life"):
        yield lambda: list(caplog.messages)


def tally(name: str, label: str = "") -> float:
    tallies.flush()
    return sum(Tally.objects.filter(name=name, label=label).values_list("value", flat=True))


# --- its row ----------------------------------------------------------------------------------------------


def test_a_worker_tells_who_it_is_and_that_it_lives(settings: Any) -> None:
    settings.WORKER_NAME = "gpu-1"
    life = WorkerLife()
    life.say_seen()
    row = WorkerProcess.objects.get()
    assert row.name == f"gpu-1:{life.pid}"
    assert (row.engine, row.code_version) == (ENGINE_VERSION, engine_version.code_version())
    assert (row.instance, row.stopped_at) == (life.instance, None)
    assert abs(row.clock_ahead_s) < CLOCK_OFF_S
    WorkerProcess.objects.update(seen_at=Now() - timedelta(minutes=1))
    life.say_seen()
    assert WorkerProcess.objects.get().seen_at > row.started_at


def test_a_name_that_is_too_long_keeps_its_end(settings: Any) -> None:
    settings.WORKER_NAME = "n" * 500
    life = WorkerLife()
    life.say_seen()
    assert WorkerProcess.objects.get().name.endswith(f"n:{life.pid}")


def test_one_that_ends_in_order_says_so_and_comes_back_as_another_instance() -> None:
    first, second = WorkerLife(), WorkerLife()
    first.say_seen()
    first.say_stopped()
    assert WorkerProcess.objects.get().stopped_at is not None
    second.say_seen()
    row = WorkerProcess.objects.get()
    assert (row.instance, row.stopped_at) == (second.instance, None)


def test_one_that_was_killed_and_is_back_at_once_under_its_name_is_no_duplicate(told: Told) -> None:
    WorkerLife().say_seen()
    back = WorkerLife()
    for _ in range(3):
        back.say_seen()
    assert told() == []
    assert tally("worker_duplicate_name") == 0


def test_two_that_live_under_one_name_are_told_of_once_each_and_both_go_on(told: Told) -> None:
    first, second = WorkerLife(), WorkerLife()
    for _ in range(3):
        first.say_seen()
        second.say_seen()
    assert len(told()) == 2
    assert all("another live worker has this name" in line for line in told())
    assert tally("worker_duplicate_name") == 4
    assert first.may_claim()
    assert second.may_claim()


def test_one_that_took_the_name_and_fell_silent_is_no_duplicate(told: Told) -> None:
    first, second = WorkerLife(), WorkerLife()
    first.say_seen()
    second.say_seen()
    WorkerProcess.objects.update(seen_at=Now() - timedelta(seconds=ALIVE_S + 1))
    first.say_seen()
    assert told() == []


def test_rows_that_nobody_has_seen_for_long_go_when_another_starts() -> None:
    old = WorkerLife()
    old.name = "viejo:1"
    old.say_seen()
    WorkerProcess.objects.update(seen_at=Now() - timedelta(days=KEPT_DAYS, minutes=1))
    WorkerLife().say_seen()
    assert not WorkerProcess.objects.filter(name=old.name).exists()


# --- the version of the engine ----------------------------------------------------------------------------


def test_a_migration_notes_the_engine_and_older_code_never_lowers_it() -> None:
    Engine.objects.all().delete()
    call_command("migrate", verbosity=0)
    assert Engine.objects.get().version == ENGINE_VERSION
    Engine.objects.update(version=ENGINE_VERSION + 6)
    call_command("migrate", verbosity=0)
    assert Engine.objects.get().version == ENGINE_VERSION + 6
    Engine.objects.update(version=0)
    call_command("migrate", verbosity=0)
    assert Engine.objects.get().version == ENGINE_VERSION


def test_a_migration_to_before_there_was_an_engine_notes_nothing() -> None:
    Engine.objects.all().delete()
    engine_version.note_migrated(using="default", apps=Apps())
    assert not Engine.objects.exists()


def test_old_code_claims_nothing_and_says_so_once(told: Told) -> None:
    handed_in = a_submission()
    Engine.objects.update(version=ENGINE_VERSION + 1)
    assert [tasks.work() for _ in range(5)] == [0] * 5
    row = Evaluation.objects.get(submission=handed_in)
    assert (row.state, row.fence) == (State.PENDING, 0)
    assert len(told()) == 1
    assert f"migrated for engine {ENGINE_VERSION + 1}" in told()[0]
    assert tally("worker_refused", "old_code") == 5
    assert tally("message_found_nothing") == 0


@pytest.mark.parametrize("version", [None, ENGINE_VERSION - 1, ENGINE_VERSION])
def test_code_that_is_not_older_claims(version: int | None) -> None:
    Engine.objects.all().delete()
    if version is not None:
        Engine.objects.create(pk=engine_version.THE_ROW, version=version)
    assert WorkerLife().may_claim()


# --- its clock --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("off_s", [AN_HOUR_S, -AN_HOUR_S])
def test_a_clock_that_is_off_is_told_of_once(monkeypatch: pytest.MonkeyPatch, told: Told, off_s: int) -> None:
    right = time.time
    monkeypatch.setattr(time, "time", lambda: right() + off_s)
    life = WorkerLife()
    for _ in range(3):
        life.say_seen()
    assert len(told()) == 1
    assert "s from the database's" in told()[0]
    assert tally("worker_clock_off") == 3
    assert abs(WorkerProcess.objects.get().clock_ahead_s - off_s) < 60
    assert life.may_claim()


def test_a_slow_database_is_not_taken_for_a_clock_that_is_off() -> None:
    asked = worker_life.compare_clocks()
    slow = worker_life.Clocks(database_now=asked.database_now, ahead_s=CLOCK_OFF_S + 4, unsure_s=5.0)
    assert not slow.are_apart


# --- real workers -----------------------------------------------------------------------------------------


@pytest.fixture
def backend() -> Iterator[ScriptedBackend]:
    with scripted_backend(answering(WHOLE)) as running:
        yield running


@pytest.fixture
def workers(tmp_path: Path, valkey: Valkey, backend: ScriptedBackend) -> Iterator[list[Worker]]:
    """Two that are not started yet, on one queue."""
    made = [
        Worker(tmp_path, inference_url=backend.url, model=MODEL, valkey=valkey, name=name)
        for name in ("uno", "dos")
    ]
    yield made
    for worker in made:
        worker.stop()


@pytest.mark.parts
def test_each_child_of_a_pool_lives_even_when_it_has_nothing_to_do(workers: list[Worker]) -> None:
    worker = workers[0]
    worker.start("--concurrency", "2")
    alive = WorkerProcess.objects.filter(stopped_at=None)
    wait_until(lambda: alive.count() == 2, "both have a row")
    first_seen = {row.pk: row.seen_at for row in alive}
    assert all(row.name.startswith("uno:") for row in alive)
    assert len({row.instance for row in alive}) == 2

    def all_are_seen_again() -> bool:
        return all(row.seen_at > first_seen[row.pk] for row in alive.all())

    wait_until(all_are_seen_again, "both are seen again", seconds=30)
    worker.drain()
    assert WorkerProcess.objects.filter(stopped_at=None).count() == 0
    assert WorkerProcess.objects.count() == 2


@pytest.mark.parts
def test_a_worker_whose_clock_is_an_hour_off_scores_the_same_and_keeps_its_lease(
    tmp_path: Path, workers: list[Worker], backend: ScriptedBackend
) -> None:
    right, wrong = workers
    phase = a_phase(ranked_cases=3, feedback_cases=1)
    a_submission(phase)
    right.start()
    right.ring()
    wait_until(lambda: Score.objects.count() == 1, f"the first is scored\n{right.log()}")
    right.drain()

    gate = threading.Event()
    backend.script = answering(Answer(pieces=WHOLE.pieces, gate=gate))
    second = a_submission(phase).evaluations.get()
    shifted = tmp_path / "shifted"
    shifted.mkdir()
    (shifted / "sitecustomize.py").write_text(AN_HOUR_AHEAD)
    wrong.start(PYTHONPATH=f"{shifted}:{PYTHONPATH}", LEASE_SECONDS="3")
    wrong.ring()
    leases: set[datetime | None] = set()

    def was_renewed_twice() -> bool:
        assert sweeping.sweep_once().expired == 0, "its lease ran out"
        leases.add(Evaluation.objects.get(pk=second.pk).lease_until)
        return len(leases - {None}) >= 3

    wait_until(was_renewed_twice, f"the lease is renewed\n{wrong.log()}")
    gate.set()
    wait_until(lambda: Score.objects.count() == 2, f"the second is scored\n{wrong.log()}")
    wait_until(lambda: "from the database's" in wrong.log(), "it tells that its clock is off")
    wrong.drain()
    assert WorkerProcess.objects.get(name__startswith="dos:").clock_ahead_s > AN_HOUR_S - 60
    assert wrong.log().count("from the database's") == 1
    assert Evaluation.objects.get(pk=second.pk).fence == 1
    same = ("value", "quality", "green", "energy_mj", "prompt_tokens", "completion_tokens")
    first_score, second_score = Score.objects.order_by("pk").values(*same)
    assert first_score == second_score
    row = Evaluation.objects.get(pk=second.pk)
    assert row.started_at is not None
    assert row.finished_at is not None
    assert abs((row.finished_at - row.created_at).total_seconds()) < AN_HOUR_S / 2


PYTHONPATH = f"{Path(__file__).resolve().parents[2]}:{Path(__file__).resolve().parents[2] / 'platform'}"
# Read by Python as it starts, before anything else could look at a clock.
AN_HOUR_AHEAD = """
import datetime, time

AHEAD_S = 3600
_time, _time_ns, _datetime = time.time, time.time_ns, datetime.datetime
time.time = lambda: _time() + AHEAD_S
time.time_ns = lambda: _time_ns() + AHEAD_S * 10**9


class OfAnyKind(type):
    def __instancecheck__(cls, value):
        return isinstance(value, _datetime)


class Ahead(_datetime, metaclass=OfAnyKind):
    @classmethod
    def now(cls, tz=None):
        return _datetime.now(tz) + datetime.timedelta(seconds=AHEAD_S)

    @classmethod
    def utcnow(cls):
        return cls.now(datetime.timezone.utc).replace(tzinfo=None)


datetime.datetime = Ahead
"""
