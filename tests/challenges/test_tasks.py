"""Whatever comes out of the broker, a worker evaluates what the rows say, once, and stays alive."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from redis import Redis

from challenges import tallies, tasks, worker_life
from challenges.models import Evaluation, Score, State, Tally
from tests.factories import a_phase, a_submission, an_evaluation
from tests.scripted_backend import MODEL, Answer, ScriptedBackend, answering, chat_events, scripted_backend
from tests.servers import Valkey, wait_until
from tests.workers import Worker, send

WHOLE = Answer(pieces=chat_events("sí"))
MESSAGES = 10_000
# Some 50 a second on two cores that are busy with other things too.
HEARD_S = 900


@pytest.fixture
def backend(settings: Any) -> Iterator[ScriptedBackend]:
    with scripted_backend(answering(WHOLE)) as running:
        settings.INFERENCE_URL = running.url
        settings.INFERENCE_MODEL = MODEL
        yield running


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process counts from zero, and has told nothing yet."""
    tallies.forget()
    monkeypatch.setattr(worker_life, "_this", None)
    yield
    tallies.forget()


def tally(name: str, label: str = "") -> float:
    tallies.flush()
    return sum(Tally.objects.filter(name=name, label=label).values_list("value", flat=True))


# --- in this process --------------------------------------------------------------------------------------

CONTENT: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((), {"evaluation_id": 424242}),
    ((), {"evaluation_id": "'; DROP TABLE challenges_evaluation; --"}),
    ((), {"suite": {"version": 99, "sha256": "0" * 64}}),
    ((None, [], {"a": [1, 2, {"b": "c"}]}), {"state": "SCORED", "fence": 10**30}),
    (("texto",), {"life": 1, "taken": 2, "content": 3, "named_content": 4}),
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("content", "named_content"), CONTENT)
def test_content_is_counted_and_changes_nothing(
    counted: None, content: tuple[Any, ...], named_content: dict[str, Any]
) -> None:
    row = an_evaluation(state=State.SCORED)
    before = Evaluation.objects.values().get(pk=row.pk)
    assert tasks.work(*content, **named_content) == 0
    assert Evaluation.objects.values().get(pk=row.pk) == before
    assert tally("message_ignored_content") == 1
    assert tally("message_found_nothing") == 1


@pytest.mark.django_db(transaction=True)
def test_a_message_that_comes_too_late_claims_nothing(counted: None) -> None:
    """One short look: the claim's own query, which begins with a transaction, is not even asked."""
    an_evaluation(state=State.SCORED)
    with CaptureQueriesContext(connection) as asked:
        assert tasks.work() == 0
    assert not [each["sql"] for each in asked if "most_running" in each["sql"]]
    assert tally("message_found_nothing") == 1


@pytest.mark.django_db(transaction=True)
def test_a_message_without_content_is_no_news(counted: None) -> None:
    assert tasks.work() == 0
    assert tally("message_ignored_content") == 0


@pytest.mark.django_db(transaction=True)
def test_a_message_with_content_rings_like_any_other(counted: None, backend: ScriptedBackend) -> None:
    a_submission(a_phase(ranked_cases=1, feedback_cases=0))
    assert tasks.work(evaluation_id=424242) == 1
    assert Score.objects.count() == 1
    assert tally("message_found_nothing") == 0


@pytest.mark.django_db(transaction=True)
def test_content_is_told_once_however_often_it_comes(counted: None, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="challenges"):
        for number in range(50):
            tasks.work(number)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert tally("message_ignored_content") == 50


# --- a real worker and a real broker ----------------------------------------------------------------------


@pytest.fixture
def worker(tmp_path: Path, valkey: Valkey, backend: ScriptedBackend) -> Iterator[Worker]:
    made = Worker(tmp_path, inference_url=backend.url, model=MODEL, valkey=valkey)
    yield made
    made.stop()


def is_scored() -> bool:
    return Evaluation.objects.get().state == State.SCORED


def messages_left(worker: Worker) -> int:
    with Redis.from_url(settings.REDIS_URL) as client:
        return int(client.llen(worker.queue))


@pytest.mark.parts
@pytest.mark.storm
@pytest.mark.django_db(transaction=True)
def test_ten_thousand_messages_for_one_row_evaluate_it_once(worker: Worker, backend: ScriptedBackend) -> None:
    row = a_submission(a_phase(ranked_cases=3, feedback_cases=0)).evaluations.get()
    for number in range(MESSAGES):
        send(worker.queue, *CONTENT[number % len(CONTENT)] if number % 2 else ((), {"evaluation_id": row.pk}))
    worker.start("--concurrency", "2")
    wait_until(is_scored, f"it is scored\n{worker.log()[-3000:]}")
    wait_until(lambda: tally("message_ignored_content") >= MESSAGES, "all are heard", seconds=HEARD_S)
    worker.drain()
    assert Score.objects.count() == 1
    assert Evaluation.objects.get().fence == 1
    assert len(backend.received) == 3
    assert tally("message_ignored_content") == MESSAGES
    assert worker.log().count("carried content") <= 2, "one line a process"


def put_garbage(worker: Worker) -> None:
    """What no task of ours ever sent: wrong tasks, wrong bodies, and entries that are no message at all."""
    current_app.send_task("no.such.task", args=[1], queue=worker.queue)
    with current_app.connection_for_write() as broker:
        producer: Any = broker.Producer()

        def publish(body: Any, **headers: Any) -> None:
            common = {"content_type": "application/json", "content_encoding": "utf-8"}
            producer.publish(body, routing_key=worker.queue, headers=headers, **common)

        publish(b"\xff no JSON")
        publish(b'{"no": "task"}')
        publish(b"[1, 2, 3]", task="challenges.work", id="a", lang="py")
        publish(b"[[], {}, {}]", task="challenges.work", id="b", lang="py", eta="never")
        producer.publish(
            b"cos\nsystem\n(S'true'\ntR.",
            routing_key=worker.queue,
            content_type="application/x-python-serialize",
            content_encoding="binary",
        )
    send(worker.queue, ("x" * 1_000_000,))
    with Redis.from_url(settings.REDIS_URL) as client:
        for entry in (b"no JSON at all", b"", b"[1, 2]", b"{}", b"null", b'{"body": 1}', b"\xff\xfe"):
            client.lpush(worker.queue, entry)


@pytest.mark.parts
@pytest.mark.django_db(transaction=True)
def test_what_is_no_message_does_not_end_a_worker(worker: Worker) -> None:
    worker.start("--concurrency", "1")
    assert worker.process is not None
    pid = worker.process.pid
    put_garbage(worker)
    wait_until(lambda: messages_left(worker) == 0, "all of it is read")
    a_submission(a_phase(ranked_cases=1, feedback_cases=0))
    worker.ring()
    wait_until(is_scored, f"it still evaluates\n{worker.log()[-3000:]}")
    assert worker.process.is_running
    assert worker.process.pid == pid
    assert worker.log().count("is no message and is ignored") == 1


@pytest.mark.parts
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("what", ["the first answer", "the middle of an answer", "the list of models"])
def test_a_worker_that_waits_for_a_silent_backend_drains_in_time(
    worker: Worker, backend: ScriptedBackend, what: str
) -> None:
    silence = {
        "the first answer": Answer(ending="hang"),
        "the middle of an answer": Answer(pieces=chat_events("sí")[:2], ending="hang"),
        "the list of models": Answer(ending="hang"),
    }[what]
    is_asked = []

    def script(received: Any) -> Answer:
        is_models = received.path.endswith("/models")
        if is_models == (what == "the list of models"):
            is_asked.append(received)
            return silence
        return answering(WHOLE)(received)

    backend.script = script
    a_submission(a_phase(ranked_cases=2, feedback_cases=0))
    worker.start()
    worker.ring()
    wait_until(lambda: bool(is_asked), f"the backend is asked\n{worker.log()}")
    worker.drain()
    row = Evaluation.objects.get()
    assert (row.state, row.lease_until) == (State.QUEUED, None)
