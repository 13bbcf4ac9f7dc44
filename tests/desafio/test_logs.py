"""Logs: one line an event, whatever is logged, with whose doing it was."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db.utils import IntegrityError
from django.test import Client
from redis import Redis

from challenges.log_context import evaluation_context
from desafio import logs
from scoring.errors import BackendUnavailable, SpecError
from tests.servers import Process, Valkey, free_port, wait_until

logger = logging.getLogger("challenges.something")

# A newline, a colour, a cursor that goes up, the end of a line for JavaScript, text that runs backwards.
HOSTILE = 'Ana\r\n{"level": "critical"}\x1b[31m\x1b[1A\x85\u2028\u2029\u202e\x00\x9b31m'


class Written(io.StringIO):
    """What was logged, as lines and as the objects that they are."""

    @property
    def lines(self) -> list[str]:
        return self.getvalue().splitlines()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]

    @property
    def last(self) -> dict[str, Any]:
        return self.events[-1]


@pytest.fixture(params=["json"])
def written(request: pytest.FixtureRequest) -> Iterator[Written]:
    """Everything that is logged meanwhile, at DEBUG, in the form of production."""
    stream = Written()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.OneLine(log_format=request.param))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.setLevel(level)
    root.removeHandler(handler)


def raised(exception: Exception, cause: Exception | None = None) -> Exception:
    try:
        raise exception from cause
    except Exception as caught:
        return caught


# --- a line -----------------------------------------------------------------------------------------------


def test_a_line_says_when_how_bad_who_and_what(written: Written) -> None:
    before = datetime.now(UTC)
    logger.warning("evaluation %s held (%s failures)", 7, 2)
    line = written.last
    assert list(line) == ["time", "level", "logger", "event"]
    assert line["time"].endswith("Z")
    moment = datetime.fromisoformat(line["time"])
    assert before - timedelta(milliseconds=1) <= moment <= datetime.now(UTC)
    assert (line["level"], line["logger"]) == ("warning", "challenges.something")
    assert line["event"] == "evaluation 7 held (2 failures)"


def test_what_libraries_add_to_a_record_is_left_out(written: Written) -> None:
    logger.info("done", extra={"prompt": "secret", "request": object()})
    assert list(written.last) == ["time", "level", "logger", "event"]


@pytest.mark.parametrize("written", logs.FORMATS, indirect=True)
@pytest.mark.parametrize("way", ["message", "argument", "exception", "context"])
def test_whatever_is_logged_stays_one_line(written: Written, way: str) -> None:
    if way == "message":
        logger.warning(HOSTILE)
    elif way == "argument":
        logger.warning("board of %s", HOSTILE)
    elif way == "exception":
        logger.warning("board of %s", raised(OSError(HOSTILE)))
    else:
        with evaluation_context(evaluation_id=1, worker=HOSTILE):
            logger.warning("board")
    text = written.getvalue()
    assert text.count("\n") == 1
    assert logs.CONTROL.sub("", text.removesuffix("\n")) == text.removesuffix("\n")


def test_an_endless_event_is_cut(written: Written) -> None:
    logger.warning("x" * 1_000_000)
    assert len(written.getvalue()) < 2 * logs.LONGEST_EVENT


@pytest.mark.parametrize("log_format", ["", "JSON", "xml"])
def test_an_unknown_format_is_refused(log_format: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="json or line"):
        logs.config(log_format=log_format, level="INFO")


def test_the_form_for_people_reads_like_a_line() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.OneLine(log_format="line"))
    with evaluation_context(evaluation_id=5, fence=2):
        record = logging.makeLogRecord(
            {"msg": "held: %s", "args": ("ñ",), "levelname": "INFO", "name": "a.b"}
        )
        handler.handle(record)
    assert stream.getvalue().partition(" ")[2] == "INFO a.b held: ñ evaluation=5 fence=2\n"


# --- exceptions -------------------------------------------------------------------------------------------


def test_an_exception_is_told_by_its_type_and_its_places(written: Written) -> None:
    try:
        int("the answer of a contestant")
    except ValueError:
        logger.exception("a fault of ours")
    line = written.last
    assert line["event"] == "a fault of ours"
    [told] = line["exception"]
    assert told["type"] == "ValueError"
    assert told["frames"][-1].endswith("test_an_exception_is_told_by_its_type_and_its_places")
    assert "contestant" not in written.getvalue()


def test_what_led_to_it_is_told_too_and_a_long_story_is_cut(written: Written) -> None:
    def deeper(depth: int) -> None:
        if depth == 0:
            raise RuntimeError("secret")
        deeper(depth - 1)

    try:
        try:
            deeper(100)
        except RuntimeError as cause:
            raise BackendUnavailable("status 503") from cause
    except BackendUnavailable:
        logger.exception("held")
    first, second = written.last["exception"]
    assert (first["type"], second["type"]) == ("BackendUnavailable: status 503", "RuntimeError")
    assert len(second["frames"]) == logs.MOST_FRAMES


@pytest.mark.parametrize(
    ("exception", "told"),
    [
        (BackendUnavailable("status 503"), "BackendUnavailable: status 503"),
        (
            ConnectionRefusedError(111, "Connection refused"),
            "ConnectionRefusedError: [Errno 111] Connection refused",
        ),
        # PostgreSQL goes on with the row.
        (
            IntegrityError('violates "run_once"\nDETAIL:  Failing row contains (secret).'),
            'IntegrityError: violates "run_once"',
        ),
        (ValueError("secret"), "ValueError"),
        (KeyError("secret"), "KeyError"),
        (SpecError(field="options.secret", fix="secret"), "SpecError"),
        (ValueError(), "ValueError"),
    ],
)
def test_the_text_of_an_exception_is_written_only_where_it_can_quote_nobody(
    written: Written, exception: Exception, told: str
) -> None:
    logger.warning("failed: %s", exception)
    logger.warning("failed: %r", exception)
    logger.warning("failed: %(fault)s", {"fault": exception})
    assert [line["event"] for line in written.events] == [
        f"failed: {told}",
        f"failed: {told!r}",
        f"failed: {told}",
    ]


def test_celery_hands_over_texts_of_exceptions_that_are_not_written(written: Written) -> None:
    try:
        raise ValueError("secret")
    except ValueError as fault:
        logger.error(
            "Task %(name)s raised unexpected: %(exc)s", {"name": "work", "exc": repr(fault)}, exc_info=True
        )
    assert written.last["event"] == "Task work raised unexpected: ValueError"
    assert "secret" not in written.getvalue()


# --- whose doing it was -----------------------------------------------------------------------------------


def test_lines_inside_say_whose_doing_they_are_and_lines_after_do_not(written: Written) -> None:
    with evaluation_context(evaluation_id=7, submission_id="6f9e", fence=3, worker="gpu-1:77"):
        logger.info("inside")
    logger.info("after")
    inside, after = written.events
    assert (inside["evaluation"], inside["submission"], inside["fence"], inside["worker"]) == (
        7,
        "6f9e",
        3,
        "gpu-1:77",
    )
    assert list(after) == ["time", "level", "logger", "event"]


def test_the_outer_one_is_back_when_an_inner_one_ends(written: Written) -> None:
    with evaluation_context(evaluation_id=1, fence=1):
        with pytest.raises(RuntimeError), evaluation_context(evaluation_id=2):
            raise RuntimeError
        logger.info("outside")
    assert (written.last["evaluation"], written.last["fence"]) == (1, 1)


def test_it_follows_into_tasks_and_threads_of_the_loop(written: Written) -> None:
    async def judge() -> None:
        task = asyncio.create_task(log("task"))
        await sync_to_async(lambda: logger.info("thread"))()
        await asyncio.to_thread(logger.info, "other thread")
        await task

    async def log(what: str) -> None:
        logger.info(what)

    with evaluation_context(evaluation_id=7, fence=3):
        async_to_sync(judge)()
    told = {
        line["event"]: (line["evaluation"], line["fence"])
        for line in written.events
        if line["logger"] == logger.name
    }
    assert told == dict.fromkeys(("thread", "other thread", "task"), (7, 3))


def test_two_threads_keep_their_own(written: Written) -> None:
    both_inside = threading.Barrier(2)

    def work(number: int) -> None:
        with evaluation_context(evaluation_id=number):
            both_inside.wait(30)
            logger.info("%s", number)
            both_inside.wait(30)

    threads = [threading.Thread(target=work, args=(number,)) for number in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted((line["event"], line["evaluation"]) for line in written.events) == [("1", 1), ("2", 2)]


# --- requests ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["0123abcd", "a.b-c_D9" * 8, "6f9e2d1c-0000-4000-8000-000000000000"])
def test_a_request_keeps_the_name_that_a_proxy_gave_it(written: Written, given: str) -> None:
    answer = Client().get("/salud/", headers={"X-Request-ID": given})
    assert answer.headers["X-Request-ID"] == given


@pytest.mark.parametrize(
    "given", ["", "short", "x" * 65, "with space", "ñandú-ñandú", 'a"b"c"d"e', "<script>"]
)
def test_a_name_that_is_none_is_replaced(given: str) -> None:
    first, second = (
        Client().get("/salud/", headers={"X-Request-ID": given}).headers["X-Request-ID"] for _ in range(2)
    )
    assert len(first) == 32
    assert first not in (given, second)


@pytest.mark.django_db
def test_what_is_logged_under_a_request_carries_its_name(written: Written) -> None:
    answer = Client().get("/no/hay/nada/", headers={"X-Request-ID": "0123abcd"})
    [line] = [line for line in written.events if line["logger"] == "django.request"]
    assert answer.status_code == 404
    assert (line["event"], line["request_id"]) == ("Not Found: /no/hay/nada/", "0123abcd")
    logger.info("after")
    assert "request_id" not in written.last


@pytest.mark.django_db
def test_what_strangers_write_into_requests_stays_in_its_line(written: Written) -> None:
    hostile = {"X-Request-ID": HOSTILE, "User-Agent": HOSTILE, "Referer": HOSTILE}
    Client().get(f"/{HOSTILE}", headers=hostile)
    Client().get("/", HTTP_HOST="malo.example\x1b[31m")
    Client().post("/entrar/", {"login": HOSTILE, "password": "x"})
    logger.warning("board name %s refused", HOSTILE)
    assert written.lines
    assert len(written.events) == written.getvalue().count("\n")
    assert not logs.CONTROL.search(written.getvalue().replace("\n", ""))


# --- every program ----------------------------------------------------------------------------------------


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Starts a program as production does, with the form of logs that is the default."""
    started: list[Process] = []

    def start_one(*module_and_arguments: str, url: str) -> Process:
        process = Process(
            [sys.executable, "-m", *module_and_arguments],
            log=tmp_path / f"{len(started)}.log",
            env={"DATABASE_URL": f"sqlite:///{tmp_path / 'rows.sqlite3'}", "REDIS_URL": url},
        )
        process.start()
        started.append(process)
        return process

    yield start_one
    for process in started:
        process.stop()


def assert_lines_are_objects(process: Process, *, loggers: set[str]) -> None:
    lines = process.log().splitlines()
    found = [json.loads(line) for line in lines]
    assert {"time", "level", "logger", "event"} <= set.intersection(*map(set, found))
    assert {line["logger"] for line in found} >= loggers


@pytest.mark.parts
def test_the_web_writes_objects_from_its_first_line_to_its_last(
    start: Callable[..., Process], valkey: Valkey
) -> None:
    address = f"127.0.0.1:{free_port()}"
    options = ["--config", "python:desafio.gunicorn_conf", "--no-control-socket", "--bind", address]
    web = start("gunicorn", "desafio.wsgi", *options, url=valkey.url)
    wait_until(lambda: _status(f"http://{address}/salud/") == 200, "the web answers")
    assert _status(f"http://{address}/salud/listo/") == 503
    # A database without a table: a fault of ours.
    _status(f"http://{address}/")
    web.stop()
    assert_lines_are_objects(web, loggers={"gunicorn.error", "django.request"})


@pytest.mark.parts
def test_the_live_process_writes_objects_from_its_first_line_to_its_last(
    start: Callable[..., Process], valkey: Valkey
) -> None:
    port = str(free_port())
    live = start("uvicorn", "desafio.live.asgi:app", "--port", port, url=valkey.url)
    wait_until(lambda: _status(f"http://127.0.0.1:{port}/vivo/salud") == 200, "it answers")
    live.stop()
    assert_lines_are_objects(live, loggers={"uvicorn.error", "uvicorn.access"})


@pytest.mark.parts
def test_a_worker_writes_objects_and_says_that_it_is_ready(
    start: Callable[..., Process], valkey: Valkey
) -> None:
    options = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    worker = start(
        "celery", "--quiet", "-A", "desafio", "worker", "-c", "1", "-l", "INFO", *options, url=valkey.url
    )
    wait_until(lambda: " ready." in worker.log(), "the worker is ready")
    with Redis.from_url(valkey.url) as client:
        client.lpush(settings.WORK_QUEUE, "no message of ours\n\x1b[31m")
    wait_until(lambda: "ignored" in worker.log(), "it has met it")
    worker.stop()
    lines = worker.log().splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("{"))
    # Celery prints what is no event before its log and at its end: that it should not be root, that it stops.
    said = [line for line in lines[first:] if line and not line.startswith("worker: Warm shutdown")]
    assert sum(json.loads(line)["event"].endswith(" ready.") for line in said) == 1
    assert "\x1b" not in worker.log()


def _status(url: str) -> int:
    try:
        return httpx.get(url, timeout=10).status_code
    except httpx.HTTPError:
        return 0
