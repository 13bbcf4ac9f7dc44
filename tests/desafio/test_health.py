"""Health that tests what it says: alive asks nothing, ready asks the database, strangers hear one word."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.db.utils import InterfaceError, OperationalError
from django.test import Client

from challenges import dispatch, engine_version, tallies
from challenges.models import Circuit, Engine, WorkerProcess
from challenges.worker_life import ALIVE_S
from desafio.operations.health import SWEEPER_SILENT_S
from tests.contest import as_
from tests.factories import a_person
from tests.servers import Valkey

TOKEN = "quien-mira-la-salud"
SHOWS_IT = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(autouse=True)
def token(settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN


@pytest.fixture
def all_is_well(valkey: Valkey, db: None) -> None:
    """Valkey answers, a worker lives and the sweeper has just looked."""
    valkey.start()
    a_worker()
    tallies.stamp("last_sweep_timestamp_seconds", dispatch.now())


def a_worker(*, engine: int = engine_version.ENGINE_VERSION, age_s: float = 0) -> None:
    name = f"obrero-{WorkerProcess.objects.count()}"
    WorkerProcess.objects.create(name=name, engine=engine, seen_at=dispatch.now() - timedelta(seconds=age_s))


def ready(**headers: str) -> Any:
    return Client().get("/salud/listo/", headers=headers)


def told() -> dict[str, Any]:
    answer = ready(**SHOWS_IT)
    assert answer.headers["Content-Type"] == "application/json"
    return dict(answer.json())


# --- alive ------------------------------------------------------------------------------------------------


def test_alive_asks_the_database_nothing() -> None:
    """No database is allowed in this test: who asked it would fail."""
    answer = Client().get("/salud/")
    assert (answer.status_code, answer.content) == (200, b"ok\n")
    assert "no-store" in answer.headers["Cache-Control"]


@pytest.mark.parametrize("address", ["/salud/", "/salud/listo/"])
@pytest.mark.django_db
def test_health_is_asked_without_tls_and_by_nobody_in_particular(settings: Any, address: str) -> None:
    """A redirect to HTTPS would be taken for good health by those who ask on this host."""
    settings.SECURE_SSL_REDIRECT = True
    for client in (Client(), as_(a_person()), as_(a_person(is_staff=True))):
        assert client.get(address).status_code == 200
        assert client.head(address).status_code == 200
        for method in ("post", "put", "patch", "delete", "options"):
            assert getattr(client, method)(address).status_code == 405
    assert Client().get("/entrar/").status_code == 301


# --- ready ------------------------------------------------------------------------------------------------


@pytest.mark.parts
def test_ready_when_all_is_well(all_is_well: None) -> None:
    answer = ready()
    assert (answer.status_code, answer.content) == (200, b"ready\n")
    assert "no-store" in answer.headers["Cache-Control"]
    seen = told()
    assert seen.pop("workers") == {"alive": 1, "old": 0, "last_seen_s": pytest.approx(0, abs=ALIVE_S)}
    assert 0 <= seen.pop("last_sweep_s") < SWEEPER_SILENT_S
    assert seen == {
        "status": "ready",
        "database": "ok",
        "redis": "ok",
        "sweeper": "ok",
        "circuits_open_s": {"backend": None, "meter": None},
    }


def worker_is_silent() -> None:
    WorkerProcess.objects.update(seen_at=dispatch.now() - timedelta(seconds=ALIVE_S + 5))


def worker_is_old() -> None:
    WorkerProcess.objects.update(engine=engine_version.ENGINE_VERSION - 1)


def sweeper_is_silent() -> None:
    tallies.stamp("last_sweep_timestamp_seconds", dispatch.now() - timedelta(seconds=SWEEPER_SILENT_S + 5))


def circuit_is_open() -> None:
    Circuit.objects.create(name="backend", opened_at=dispatch.now() - timedelta(seconds=90))


@pytest.mark.parts
@pytest.mark.parametrize("trouble", [worker_is_silent, worker_is_old, sweeper_is_silent, circuit_is_open])
def test_what_only_lets_submissions_wait_degrades(all_is_well: None, trouble: Callable[[], None]) -> None:
    trouble()
    answer = ready()
    assert (answer.status_code, answer.content) == (200, b"degraded\n")


@pytest.mark.parts
def test_without_redis_submissions_are_taken_all_the_same(all_is_well: None, valkey: Valkey) -> None:
    valkey.stop()
    try:
        answer = ready()
        assert (answer.status_code, answer.content) == (200, b"degraded\n")
        assert told()["redis"] == "away"
    finally:
        valkey.start()
    assert ready().content == b"ready\n"


@pytest.mark.django_db
def test_how_long_it_has_been_is_told() -> None:
    circuit_is_open()
    sweeper_is_silent()
    seen = told()
    assert seen["circuits_open_s"]["backend"] >= 90
    assert seen["circuits_open_s"]["meter"] is None
    assert seen["sweeper"] == "silent"
    assert seen["last_sweep_s"] > SWEEPER_SILENT_S


@pytest.mark.django_db
def test_a_sweeper_that_never_said_anything_is_unknown() -> None:
    seen = told()
    assert (seen["sweeper"], seen["last_sweep_s"]) == ("unknown", None)


# --- not ready --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [OperationalError, InterfaceError])
@pytest.mark.django_db
def test_without_its_database_it_is_not_ready_but_alive(fault: type[Exception]) -> None:
    def away(*_: Any) -> Any:
        raise fault("connection to server at 10.0.0.7 failed: password for user desafio")

    with connection.execute_wrapper(away):
        assert Client().get("/salud/").status_code == 200
        answer = ready()
        seen = ready(**SHOWS_IT)
    assert (answer.status_code, answer.content) == (503, b"not ready\n")
    assert seen.status_code == 503
    assert seen.json() == {"status": "not ready", "database": "away", "redis": seen.json()["redis"]}


def a_migration_is_missing() -> str:
    MigrationRecorder.Migration.objects.filter(app="challenges").latest("id").delete()
    return "not migrated"


def the_database_is_newer() -> str:
    Engine.objects.filter(pk=1).update(version=engine_version.ENGINE_VERSION + 1)
    return "for another engine"


def the_engine_was_never_noted() -> str:
    Engine.objects.all().delete()
    return "for another engine"


@pytest.mark.parametrize(
    "mismatch", [a_migration_is_missing, the_database_is_newer, the_engine_was_never_noted]
)
@pytest.mark.django_db
def test_a_database_that_is_not_for_this_code_is_not_ready(mismatch: Callable[[], str]) -> None:
    assert ready().status_code == 200
    said = mismatch()
    answer = ready()
    assert (answer.status_code, answer.content) == (503, b"not ready\n")
    assert told()["database"] == said


# --- what strangers hear ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "authorization", ["", "Bearer ", "Bearer falso", f"Basic {TOKEN}", f"Bearer {TOKEN}x"]
)
@pytest.mark.django_db
def test_a_stranger_hears_one_word(authorization: str) -> None:
    assert ready(Authorization=authorization).content in (b"ready\n", b"degraded\n")


@pytest.mark.django_db
def test_while_there_is_no_token_nobody_hears_more(settings: Any) -> None:
    settings.METRICS_TOKEN = ""
    for authorization in ("Bearer ", "Bearer", SHOWS_IT["Authorization"]):
        assert ready(Authorization=authorization).headers["Content-Type"] == "text/plain"


@pytest.mark.django_db
def test_nothing_that_is_told_is_a_version_a_path_or_a_name() -> None:
    a_worker()
    circuit_is_open()
    words = {"ok", "away", "ready", "degraded", "unknown", "silent"}
    assert set(_texts(told())) <= words


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, str):
        yield value


@pytest.mark.django_db
def test_readiness_asks_little(django_assert_max_num_queries: Any) -> None:
    ready()
    with django_assert_max_num_queries(10):
        ready()
