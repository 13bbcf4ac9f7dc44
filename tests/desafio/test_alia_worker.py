"""`./alia worker` before it becomes Celery: what it refuses and how it says so, and what it waits for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from challenges.engine_version import ENGINE_VERSION
from challenges.models import Engine
from desafio.worker import environment
from desafio.worker.arguments import DEFAULT_QUEUE, Options, parse
from desafio.worker.reasons import CannotStart
from tests.postgres_server import PostgresServer
from tests.servers import Process, Valkey, wait_until
from tests.workers import database_url

ROOT = Path(__file__).resolve().parents[2]
NOWHERE = "http://127.0.0.1:9"
SECRET = "no-la-cuentes"
GOOD = {
    "DATABASE_URL": f"postgresql://desafio:{SECRET}@db.example.org/desafio",
    "REDIS_URL": f"redis://:{SECRET}@valkey.example.org:6379/0",
    "INFERENCE_URL": f"http://user:{SECRET}@gpu.example.org:8000",
    "METER_URL": "http://gpu.example.org:8090",
}


def alia_worker(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """With these variables alone, as on a host that was set up for nothing else."""
    return subprocess.run(
        [sys.executable, "-m", "desafio.worker", *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}", **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


# --- its command line -------------------------------------------------------------------------------------


def test_without_options_it_is_one_evaluation_at_a_time_on_the_usual_queue() -> None:
    assert parse([]) == Options(queue=DEFAULT_QUEUE, concurrency=1, name="")


def test_options_are_taken() -> None:
    found = parse(["--queue", "gpu_2.b", "--concurrency", "16", "--name", "gpu-1"])
    assert found == Options(queue="gpu_2.b", concurrency=16, name="gpu-1")


@pytest.mark.parametrize("written", ["0", "-1", "dos", "1.5", "", "²", "1e3"])
def test_a_concurrency_that_is_no_number_from_one_is_refused(written: str) -> None:
    with pytest.raises(CannotStart, match="--concurrency 4"):
        parse([f"--concurrency={written}"])


@pytest.mark.parametrize("written", ["cola nueva", "señal", "a/b", "a%h", "a@b", "-a", "n" * 81, "a\nb"])
@pytest.mark.parametrize("option", ["--queue", "--name"])
def test_a_name_that_celery_or_a_log_would_trip_over_is_refused(option: str, written: str) -> None:
    with pytest.raises(CannotStart, match=f"{option} solo admite"):
        parse([f"{option}={written}"])


# --- its environment --------------------------------------------------------------------------------------


def test_the_four_addresses_are_enough() -> None:
    environment.check(GOOD)


def test_a_meter_is_not_asked_for() -> None:
    environment.check({name: value for name, value in GOOD.items() if name != "METER_URL"})


@pytest.mark.parametrize("missing", ["DATABASE_URL", "REDIS_URL", "INFERENCE_URL"])
@pytest.mark.parametrize("how", ["absent", "empty"])
def test_a_missing_address_is_named_with_an_example(missing: str, how: str) -> None:
    variables = {name: value for name, value in GOOD.items() if name != missing}
    if how == "empty":
        variables[missing] = "  "
    with pytest.raises(CannotStart, match=f"^Falta {missing}, .*{missing}=[a-z]+://"):
        environment.check(variables)


@pytest.mark.parametrize(
    ("variable", "written"),
    [
        ("DATABASE_URL", "desafio"),
        ("DATABASE_URL", f"mysql://desafio:{SECRET}@db/desafio"),
        ("DATABASE_URL", "postgresql://db.example.org"),
        ("DATABASE_URL", "postgresql://db.example.org:puerto/desafio"),
        ("DATABASE_URL", "sqlite://desafio.sqlite3"),
        ("REDIS_URL", "valkey.example.org:6379"),
        ("REDIS_URL", "redis://valkey.example.org/uno"),
        ("REDIS_URL", "unix://"),
        ("REDIS_URL", "http://valkey.example.org"),
        ("INFERENCE_URL", "gpu.example.org:8000"),
        ("INFERENCE_URL", "http://"),
        ("INFERENCE_URL", "http://[::1"),
        ("INFERENCE_URL", "ftp://gpu.example.org"),
        ("METER_URL", "gpu.example.org"),
    ],
)
def test_an_address_that_cannot_be_one_is_named_with_an_example(variable: str, written: str) -> None:
    with pytest.raises(CannotStart, match=f"^{variable}, .* no se entiende.*{variable}=[a-z]+://") as refused:
        environment.check({**GOOD, variable: written})
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    "written",
    ["rediss://valkey.example.org", "redis://[::1]:6379/3", "unix:///run/valkey.sock"],
)
def test_every_kind_of_address_of_a_valkey_is_taken(written: str) -> None:
    environment.check({**GOOD, "REDIS_URL": written})


def test_a_sqlite_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "nada.sqlite3"
    with pytest.raises(CannotStart, match="no existe el fichero"):
        environment.check({**GOOD, "DATABASE_URL": f"sqlite:///{path}"})
    assert not path.exists()


# --- as a program -----------------------------------------------------------------------------------------


def addresses(**changes: str) -> dict[str, str]:
    """Of the test's own database; nobody listens at the others."""
    return {
        "DATABASE_URL": database_url(),
        "REDIS_URL": "unix:///tmp/no-valkey-here.sock",
        "INFERENCE_URL": NOWHERE,
        **changes,
    }


def assert_refused(ended: subprocess.CompletedProcess[str], sentence: str) -> None:
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.startswith("alia worker: ")
    assert sentence in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "celery" not in ended.stdout, "nothing was started"


def test_an_empty_environment_is_told_in_a_sentence() -> None:
    assert_refused(alia_worker(), "Falta DATABASE_URL")


def test_a_setting_that_is_no_number_is_named() -> None:
    variables = {name: value for name, value in GOOD.items() if name != "METER_URL"}
    assert_refused(alia_worker(**variables, LEASE_SECONDS="quince"), "No se entiende LEASE_SECONDS")


def test_a_setting_with_which_nothing_could_succeed_is_told() -> None:
    assert_refused(alia_worker(**GOOD, LEASE_SECONDS="1"), "LEASE_SECONDS must be at least 3")


def test_a_database_that_is_not_migrated_is_told(tmp_path: Path) -> None:
    empty = tmp_path / "vacía.sqlite3"
    empty.touch()
    ended = alia_worker(**addresses(DATABASE_URL=f"sqlite:///{empty}"))
    assert_refused(ended, "«python -m django migrate»")


@pytest.mark.django_db(transaction=True)
def test_a_database_without_an_engine_is_to_be_migrated() -> None:
    Engine.objects.all().delete()
    assert_refused(alia_worker(**addresses()), "«python -m django migrate»")


@pytest.mark.django_db(transaction=True)
def test_code_older_than_the_database_does_not_start_and_says_both_versions() -> None:
    Engine.objects.update(version=ENGINE_VERSION + 1)
    ended = alia_worker(**addresses())
    assert_refused(ended, f"motor {ENGINE_VERSION})")
    assert f"para el motor {ENGINE_VERSION + 1}." in ended.stderr


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A unix socket's path may have at most 107 characters."""
    folder = Path(tempfile.mkdtemp(prefix="desafio-"))
    yield folder
    shutil.rmtree(folder)


def waiting_worker(folder: Path, **variables: str) -> Process:
    worker = Process([sys.executable, "-m", "desafio.worker"], log=folder / "worker.log", env=variables)
    worker.start()
    return worker


@pytest.mark.parts
@pytest.mark.django_db(transaction=True)
def test_a_valkey_that_is_away_at_the_start_is_waited_for(short_folder: Path) -> None:
    valkey = Valkey(short_folder / "v.sock", short_folder / "valkey")
    worker = waiting_worker(short_folder, **addresses(REDIS_URL=valkey.url))
    try:
        wait_until(lambda: "Cannot connect to redis" in worker.log(), f"it says so\n{worker.log()}")
        valkey.start()
        wait_until(lambda: " ready." in worker.log(), f"it is ready\n{worker.log()}")
    finally:
        worker.stop()
        valkey.stop()


@pytest.mark.parts
def test_a_database_that_is_away_at_the_start_is_waited_for(short_folder: Path) -> None:
    server = PostgresServer()
    server.start()
    server.stop()
    variables = {"DATABASE_URL": server.url, "REDIS_URL": "unix:///tmp/none.sock", "INFERENCE_URL": NOWHERE}
    worker = waiting_worker(short_folder, **variables)
    try:
        wait_until(lambda: "database away, trying again" in worker.log(), f"it says so\n{worker.log()}")
        assert worker.is_running
        server.start()
        # It was there at last, and is looked at: this one has no tables.
        wait_until(lambda: not worker.is_running, f"it goes on\n{worker.log()}")
        assert "«python -m django migrate»" in worker.log()
    finally:
        worker.stop()
        server.remove()
