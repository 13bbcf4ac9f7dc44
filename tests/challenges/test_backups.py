"""A backup is one moment, whole, and comes back row by row; a bad one is told of and changes nothing."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import sqlite3
import subprocess
import sys
import threading
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now
from django.test import override_settings

from challenges import backups, dispatch, lease, submission, tasks
from challenges.backups import archive, postgres
from challenges.backups import manifest as manifests
from challenges.backups.errors import (
    BackupError,
    Damaged,
    FileExists,
    FileFault,
    HoldsRows,
    InUse,
    NotABackup,
    OtherDatabase,
    ToolFailed,
    ToolMissing,
    TooNew,
)
from challenges.backups.manifest import Contents, Manifest
from challenges.backups.telling import explain
from challenges.engine_version import ENGINE_VERSION
from challenges.models import Participation, Person, Phase, Record, Submission, WorkerProcess
from challenges.worker_life import WorkerLife
from tests.factories import PROMPT, a_participation, a_person, a_phase, a_submission
from tests.scripted_backend import MODEL, Answer, answering, chat_events, scripted_backend
from tests.servers import wait_until
from tests.workers import database_url

ROOT = Path(__file__).resolve().parents[2]
Rows = dict[str, list[str]]
NAMES = ("Ana", "Ñandú «的» \U0001f600", 'x\'; DROP TABLE "a" -- \\n %s')

on_postgres = pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL's own tools")
on_sqlite = pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite's own files")


def alia(verb: str, *arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    """``./alia backup`` and ``./alia restore``, in the environment of the tests."""
    return _python("desafio.backups", verb, *arguments, **variables)


def migrate(url: str, *arguments: str) -> None:
    good(_python("django", "migrate", "--verbosity", "0", *arguments, DATABASE_URL=url))


def _python(module: str, *arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    own = {"PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}", "DJANGO_SETTINGS_MODULE": "desafio.settings"}
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        env={**os.environ, **own, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def good(ended: subprocess.CompletedProcess[str]) -> str:
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture
def fresh_url(tmp_path: Path) -> Iterator[str]:
    """The address of a database that holds nothing at all."""
    if connection.vendor == "sqlite":
        yield f"sqlite:///{tmp_path / 'fresh.sqlite3'}"
        return
    name = f"fresh_{os.getpid()}"
    with psycopg.connect(settings.DATABASE_URL, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        yield database_url().replace(connection.settings_dict["NAME"], name)
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def rows_of(url: str) -> Rows:
    """Every row of every table, as texts in an order of their own."""
    opened: Any = (
        sqlite3.connect(url.removeprefix("sqlite:///")) if url.startswith("sqlite") else psycopg.connect(url)
    )
    with closing(opened) as database:
        names = (
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
            if url.startswith("sqlite")
            else postgres.TABLES_SQL
        )
        tables = [name for (name,) in database.execute(names).fetchall()]
        return {
            table: sorted(map(repr, database.execute(f'SELECT * FROM "{table}"').fetchall()))  # noqa: S608
            for table in tables
        }


def fill() -> None:
    """The rows of a contest in its middle, by the engine's own functions: scored, claimed, and waiting."""
    phase = a_phase(ranked_cases=2, feedback_cases=1)
    people = [a_participation(phase, person=a_person(board_name=name)) for name in NAMES]
    with (
        scripted_backend(answering(Answer(pieces=chat_events("sí")))) as backend,
        override_settings(INFERENCE_URL=backend.url, INFERENCE_MODEL=MODEL),
    ):
        for participation in people:
            hand_in(participation, phase)
        assert tasks.work() == len(NAMES)
    for participation in people:
        hand_in(participation, phase)
    assert lease.claim("obrero") is not None


def hand_in(participation: Participation, phase: Phase) -> None:
    submission.submit(
        participation=participation, phase=phase, content=PROMPT, idempotency_key=uuid.uuid4().hex
    )


# --- the rehearsal ----------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_backup_comes_back_row_by_row(tmp_path: Path, fresh_url: str) -> None:
    fill()
    file = tmp_path / "copia.zip"
    said = good(alia("backup", file, DATABASE_URL=database_url()))
    records = tmp_path / "registros"
    told = good(alia("restore", file, DATABASE_URL=fresh_url, RECORDS_DIR=str(records)))
    before, after = rows_of(database_url()), rows_of(fresh_url)
    assert after == before
    made = {path.stem for path in records.rglob("*.json")}
    assert made == set(Record.objects.values_list("sha256", flat=True)), "the rows give their files again"
    assert len(made) == len(NAMES)
    count = sum(map(len, before.values()))
    assert f"{count} filas de {len(before)} tablas" in said
    assert f"Recuperadas {count} filas" in told
    assert "Se cumplen" in told, "check_invariants had its say"


@pytest.mark.django_db(transaction=True)
def test_a_backup_under_load_is_one_moment(tmp_path: Path, fresh_url: str) -> None:
    phase = a_phase()
    taking_part = a_participation(phase)
    stop, failures = threading.Event(), []

    def write_on() -> None:
        try:
            while not stop.is_set():
                # Two tables in one transaction: a backup has both rows or neither.
                with transaction.atomic():
                    a_submission(phase, participation=taking_part)
        except Exception as failure:
            failures.append(failure)
        finally:
            connection.close()

    writer = threading.Thread(target=write_on)
    writer.start()
    try:
        wait_until(lambda: Submission.objects.count() >= 5, "it writes")
        file = tmp_path / "copia.zip"
        good(alia("backup", file, DATABASE_URL=database_url()))
        at_end = Submission.objects.count()
        wait_until(lambda: Submission.objects.count() > at_end, "it still writes")
    finally:
        stop.set()
        writer.join()
    assert failures == []
    good(alia("restore", file, DATABASE_URL=fresh_url))
    after, source = rows_of(fresh_url), rows_of(database_url())
    manifest, _ = archive.read(file, into=tmp_path)
    assert {table: len(rows) for table, rows in after.items()} == manifest.contents.rows
    count = manifest.contents.rows["challenges_submission"]
    assert 5 <= count < len(source["challenges_submission"])
    assert manifest.contents.rows["challenges_evaluation"] == count
    # These are only ever appended to, by one writer: what a moment holds is a beginning of it.
    for table in ("challenges_evaluation", "challenges_statechange"):
        assert numbers(after[table]) == numbers(source[table])[:count]
    for table, rows in after.items():
        assert set(rows) <= set(source[table]), table
    newest = Submission.objects.order_by("created_at")[count - 1].created_at
    assert abs(manifest.contents.moment - newest) < timedelta(minutes=1)


def numbers(rows: list[str]) -> list[int]:
    """The first column of each row, in order."""
    return sorted(int(row.strip("(").split(",")[0]) for row in rows)


@pytest.mark.django_db(transaction=True)
def test_what_is_put_back_takes_the_place_of_what_was_there(tmp_path: Path, fresh_url: str) -> None:
    fill()
    file = tmp_path / "copia.zip"
    backups.take(file)
    good(alia("restore", file, DATABASE_URL=fresh_url))
    refused = alia("restore", file, DATABASE_URL=fresh_url)
    assert refused.returncode == 1
    assert "--force" in refused.stderr
    Person.objects.filter(board_name="Ana").update(board_name="Anna")
    a_person(board_name="Otra")
    backups.take(tmp_path / "otra.zip")
    good(alia("restore", tmp_path / "otra.zip", "--force", DATABASE_URL=fresh_url))
    assert rows_of(fresh_url) == rows_of(database_url())


@pytest.mark.django_db(transaction=True)
def test_a_database_that_was_only_migrated_holds_nothing_of_anybody(tmp_path: Path, fresh_url: str) -> None:
    fill()
    backups.take(tmp_path / "copia.zip")
    migrate(fresh_url)
    good(_python("django", "createcachetable", DATABASE_URL=fresh_url))
    good(alia("restore", tmp_path / "copia.zip", DATABASE_URL=fresh_url))
    assert rows_of(fresh_url)["challenges_person"] == rows_of(database_url())["challenges_person"]


@on_sqlite
@pytest.mark.parts
def test_a_backup_of_older_code_is_migrated_once_it_is_back(tmp_path: Path) -> None:
    old, file, new = tmp_path / "old.sqlite3", tmp_path / "copia.zip", tmp_path / "new.sqlite3"
    old.touch()
    migrate(f"sqlite:///{old}", "challenges", "0004")
    good(alia("backup", file, DATABASE_URL=f"sqlite:///{old}"))
    manifest, _ = archive.read(file, into=tmp_path)
    assert not any(name.startswith("challenges.0005") for name in manifest.contents.migrations)
    good(alia("restore", file, DATABASE_URL=f"sqlite:///{new}"))
    applied = rows_of(f"sqlite:///{new}")["django_migrations"]
    assert any("0005_evaluation_participation" in row for row in applied)


# --- the file ---------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_backup_is_for_its_owner_alone_and_says_what_it_is(tmp_path: Path) -> None:
    a_person()
    file = tmp_path / "copia.zip"
    made = backups.take(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["copia.zip"], "nothing is left beside it"
    with zipfile.ZipFile(file) as opened:
        written = json.loads(opened.read("manifest.json"))
        assert hashlib.sha256(opened.read("dump")).hexdigest() == written["dump"]["sha256"]
    assert written["format"] == manifests.FORMAT
    assert written["engine"] == ENGINE_VERSION
    assert written["rows"]["challenges_person"] == Person.objects.count()
    assert "challenges.0001_initial" in written["migrations"]
    assert abs(made.contents.moment - dispatch.now()) < timedelta(minutes=1)


@pytest.mark.django_db(transaction=True)
def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    file = tmp_path / "copia.zip"
    file.write_text("mine")
    with pytest.raises(FileExists):
        backups.take(file)
    assert file.read_text() == "mine"
    backups.take(file, overwrite=True)
    archive.read(file, into=tmp_path)


def test_one_that_came_in_the_meantime_is_not_written_over_either(tmp_path: Path) -> None:
    file = tmp_path / "copia.zip"
    file.write_text("mine")
    with pytest.raises(FileExists):
        archive.write(file, manifest=a_manifest(), dump=a_dump(tmp_path), overwrite=False)
    assert file.read_text() == "mine"


@pytest.mark.django_db(transaction=True)
def test_a_place_where_nothing_can_be_written_is_told(tmp_path: Path) -> None:
    for target in (tmp_path / "no" / "copia.zip", Path("/proc/copia.zip")):
        with pytest.raises(FileFault) as refused:
            backups.take(target)
        assert str(target) in explain(refused.value)


@on_sqlite
def test_where_there_is_no_database_none_is_made(tmp_path: Path) -> None:
    path = tmp_path / "nada.sqlite3"
    ended = alia("backup", tmp_path / "copia.zip", DATABASE_URL=f"sqlite:///{path}")
    assert ended.returncode == 1
    assert "no hay ninguna base de datos del desafío" in ended.stderr
    assert list(tmp_path.iterdir()) == []


# --- damage -----------------------------------------------------------------------------------------------

DUMP = b"SQLite format 3\x00" + bytes(range(256)) * 4


def a_dump(folder: Path) -> Path:
    dump = folder / archive.DUMP
    dump.write_bytes(DUMP)
    return dump


def a_manifest(**changes: Any) -> Manifest:
    moment = datetime(2026, 11, 25, 10, tzinfo=UTC)
    contents = Contents(moment=moment, engine=1, migrations=("challenges.0001_initial",), rows={})
    manifest = Manifest(
        code_version="0.1.0",
        database="sqlite",
        tool_version=0,
        contents=contents,
        dump_sha256=hashlib.sha256(DUMP).hexdigest(),
        dump_bytes=len(DUMP),
    )
    return dataclasses.replace(manifest, **changes)


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """A small one, whole and sealed."""
    work = tmp_path / "work"
    work.mkdir()
    path = tmp_path / "copia.zip"
    archive.write(path, manifest=a_manifest(), dump=a_dump(work), overwrite=False)
    return path


def refusal_of(path: Path, folder: Path) -> BackupError | None:
    for leftover in folder.iterdir():
        leftover.unlink()
    try:
        archive.read(path, into=folder)
    except BackupError as refused:
        return refused
    return None


@pytest.fixture
def room(tmp_path: Path) -> Path:
    folder = tmp_path / "room"
    folder.mkdir()
    return folder


def test_a_whole_one_is_read(backup: Path, room: Path) -> None:
    manifest, dump = archive.read(backup, into=room)
    assert manifest == a_manifest()
    assert dump.read_bytes() == DUMP


def test_each_single_byte_that_is_changed_is_noticed(backup: Path, room: Path) -> None:
    whole = backup.read_bytes()
    for at in range(len(whole)):
        backup.write_bytes(whole[:at] + bytes([whole[at] ^ 0x20]) + whole[at + 1 :])
        assert isinstance(refusal_of(backup, room), Damaged), at


def test_each_cut_is_noticed(backup: Path, room: Path) -> None:
    whole = backup.read_bytes()
    for size in range(len(whole)):
        backup.write_bytes(whole[:size])
        refused = refusal_of(backup, room)
        assert isinstance(refused, Damaged | NotABackup), size
    assert isinstance(refused, Damaged)
    assert "le falta el final" in explain(refused)


@pytest.mark.parametrize("content", [b"", b"hola", b"PK\x03\x04" + bytes(500), bytes(10_000)])
def test_what_is_no_backup_is_told_apart(tmp_path: Path, room: Path, content: bytes) -> None:
    path = tmp_path / "otro.zip"
    path.write_bytes(content)
    assert isinstance(refusal_of(path, room), NotABackup)


def test_a_file_that_is_not_there_is_told(tmp_path: Path, room: Path) -> None:
    refused = refusal_of(tmp_path / "nada.zip", room)
    assert isinstance(refused, FileFault)


def sealed(path: Path, members: list[tuple[str, bytes]], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    """A zip of anything under a good seal: what nobody but an attacker would make."""
    with zipfile.ZipFile(path, "w", compression) as opened:
        opened.comment = archive.MARK + b"0" * archive.DIGEST_BYTES
        for name, content in members:
            opened.writestr(name, content)
    content = path.read_bytes()[: -archive.DIGEST_BYTES]
    path.write_bytes(content + hashlib.sha256(content).hexdigest().encode())
    return path


def manifest_json(**changes: Any) -> bytes:
    fields = json.loads(manifests.to_json(a_manifest()))
    return json.dumps({**fields, **changes}).encode()


GOOD_MEMBERS = [("manifest.json", manifest_json()), ("dump", DUMP)]
LYING: dict[str, list[tuple[str, bytes]]] = {
    "no manifest": [("dump", DUMP)],
    "no dump": [("manifest.json", manifest_json())],
    "a path that climbs": [*GOOD_MEMBERS, ("../../climbed", b"x")],
    "an absolute path": [*GOOD_MEMBERS, ("/climbed", b"x")],
    "a folder in front": [("manifest.json", manifest_json()), ("sub/dump", DUMP)],
    "two dumps": [*GOOD_MEMBERS, ("dump", DUMP)],
    "another dump": [("manifest.json", manifest_json()), ("dump", DUMP[:-1] + b"x")],
    "a longer dump": [("manifest.json", manifest_json()), ("dump", DUMP + b"x")],
    "a dump that fills the disk": [("manifest.json", manifest_json()), ("dump", bytes(50_000_000))],
    "a manifest that is no JSON": [("manifest.json", b"{"), ("dump", DUMP)],
    "a manifest that is a list": [("manifest.json", b"[]"), ("dump", DUMP)],
    "a manifest with text for a number": [("manifest.json", manifest_json(engine="1")), ("dump", DUMP)],
    "a manifest with a negative count": [("manifest.json", manifest_json(rows={"a": -1})), ("dump", DUMP)],
    "a manifest without migrations": [("manifest.json", manifest_json(migrations=None)), ("dump", DUMP)],
    "a manifest with a wrong moment": [("manifest.json", manifest_json(moment="ayer")), ("dump", DUMP)],
    "an endless manifest": [("manifest.json", b" " * 3_000_000), ("dump", DUMP)],
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("members", LYING.values(), ids=LYING)
def test_a_sealed_file_with_other_things_in_it_is_refused(
    tmp_path: Path, room: Path, members: list[tuple[str, bytes]]
) -> None:
    refused = refusal_of(sealed(tmp_path / "mala.zip", members), room)
    assert isinstance(refused, Damaged)
    assert refused.how == "contents"
    assert {path.name for path in room.iterdir()} <= {"dump"}
    assert not (tmp_path / "climbed").exists()
    unpacked = sum(path.stat().st_size for path in room.iterdir())
    assert unpacked <= len(DUMP) + archive.PIECE


def test_a_format_that_is_not_known_yet_is_told_as_such(tmp_path: Path, room: Path) -> None:
    later = [("manifest.json", b'{"format": 2, "all": "else"}'), ("parts/1", b"x")]
    refused = refusal_of(sealed(tmp_path / "nueva.zip", later), room)
    assert isinstance(refused, TooNew)
    assert "formato 2" in explain(refused)


# --- what keeps a backup from being put back --------------------------------------------------------------


def changed(file: Path, **changes: Any) -> Path:
    """The same backup, with other words in its manifest and a good seal."""
    with zipfile.ZipFile(file) as opened:
        fields = json.loads(opened.read("manifest.json"))
        dump = opened.read("dump")
    for name, change in changes.items():
        fields[name] = change(fields[name]) if callable(change) else change
    return sealed(file, [("manifest.json", json.dumps(fields).encode()), ("dump", dump)])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("changes", "error", "sentence"),
    [
        ({"engine": ENGINE_VERSION + 1}, TooNew, f"motor {ENGINE_VERSION + 1}"),
        (
            {"migrations": lambda names: [*names, "challenges.0999_future"]},
            TooNew,
            "challenges.0999_future",
        ),
        ({"database": "oracle"}, OtherDatabase, "oracle"),
        pytest.param(
            {"rows": lambda rows: {**rows, "challenges_person": 10**6}}, Damaged, "dañado", marks=on_sqlite
        ),
    ],
)
def test_a_backup_that_does_not_belong_here_is_refused_with_nothing_changed(
    tmp_path: Path, changes: dict[str, Any], error: type[BackupError], sentence: str
) -> None:
    fill()
    file = tmp_path / "copia.zip"
    backups.take(file)
    changed(file, **changes)
    before = rows_of(database_url())
    with pytest.raises(error) as refused:
        backups.restore(file, overwrite=True)
    assert sentence in explain(refused.value)
    assert "No se ha cambiado nada" in explain(refused.value)
    assert rows_of(database_url()) == before


@pytest.mark.django_db(transaction=True)
def test_rows_of_somebody_are_not_replaced_unless_told_to(tmp_path: Path) -> None:
    file = tmp_path / "copia.zip"
    backups.take(file)
    fill()
    before = rows_of(database_url())
    with pytest.raises(HoldsRows):
        backups.restore(file)
    assert rows_of(database_url()) == before


@pytest.mark.django_db(transaction=True)
def test_nothing_is_put_back_under_a_worker_that_lives(tmp_path: Path) -> None:
    file = tmp_path / "copia.zip"
    backups.take(file)
    life = WorkerLife()
    life.say_seen()
    with pytest.raises(InUse) as refused:
        backups.restore(file, overwrite=True)
    assert life.name in explain(refused.value)
    WorkerProcess.objects.update(seen_at=Now() - timedelta(minutes=1))
    backups.restore(file, overwrite=True)
    assert not WorkerProcess.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_nothing_is_put_back_under_anybody_who_has_the_database_open(tmp_path: Path) -> None:
    file = tmp_path / "copia.zip"
    backups.take(file)
    fill()
    before = rows_of(database_url())
    # A process that looked at it a while ago and does nothing with it now.
    somebody: Any = connection.copy()
    somebody.connect()
    with somebody.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM challenges_person")
        cursor.fetchall()
    with closing(somebody), pytest.raises(InUse):
        backups.restore(file, overwrite=True)
    assert rows_of(database_url()) == before


@on_postgres
@pytest.mark.django_db(transaction=True)
def test_a_dump_that_breaks_off_changes_nothing(tmp_path: Path) -> None:
    fill()
    file = tmp_path / "copia.zip"
    backups.take(file)
    with zipfile.ZipFile(file) as opened:
        dump = opened.read("dump")[:-2000]
        fields = json.loads(opened.read("manifest.json"))
    fields["dump"] = {"sha256": hashlib.sha256(dump).hexdigest(), "bytes": len(dump)}
    sealed(file, [("manifest.json", json.dumps(fields).encode()), ("dump", dump)])
    before = rows_of(database_url())
    with pytest.raises((ToolFailed, Damaged)):
        backups.restore(file, overwrite=True)
    assert rows_of(database_url()) == before


@on_postgres
@pytest.mark.django_db(transaction=True)
def test_a_fault_in_the_middle_of_putting_back_leaves_the_old_rows(tmp_path: Path, fresh_url: str) -> None:
    fill()
    file = tmp_path / "copia.zip"
    backups.take(file)
    with psycopg.connect(fresh_url, autocommit=True) as target:
        target.execute("CREATE TABLE theirs (what text)")
        target.execute("INSERT INTO theirs VALUES ('old')")
        # No table, so that it stays, and the dump's own of that name cannot be made.
        target.execute("CREATE SEQUENCE challenges_submission_pk")
        target.execute("CREATE TYPE challenges_standing AS (x int)")
    ended = alia("restore", file, "--force", DATABASE_URL=fresh_url)
    assert ended.returncode == 1
    assert "psql no ha podido" in ended.stderr
    assert rows_of(fresh_url) == {"theirs": ["('old',)"]}


@on_postgres
@pytest.mark.django_db(transaction=True)
def test_missing_tools_are_named_with_the_package_to_install(tmp_path: Path, settings: Any) -> None:
    settings.PG_BIN = str(tmp_path)
    with pytest.raises(ToolMissing) as refused:
        backups.take(tmp_path / "copia.zip")
    major = connection.pg_version // 10_000  # type: ignore[attr-defined]
    assert f"apt install postgresql-client-{major}" in explain(refused.value)
    assert list(tmp_path.iterdir()) == []


@on_postgres
@pytest.mark.django_db(transaction=True)
def test_a_password_is_in_no_argument_of_any_program() -> None:
    given: Any = connection.copy()
    given.settings_dict = {**given.settings_dict, "USER": "ana", "PASSWORD": "secreto", "PORT": "5433"}
    variables = postgres._variables(given)
    assert variables["PGPASSWORD"] == "secreto"
    assert variables["PGUSER"] == "ana"
    assert variables["PGPORT"] == "5433"
    assert variables["PGHOST"] == given.settings_dict["OPTIONS"]["host"]


# --- a demo's folder --------------------------------------------------------------------------------------


@pytest.fixture
def demo(tmp_path: Path, backup_of_sqlite: Path) -> Path:
    """A folder with a demo's database in it, that was put back there."""
    folder = tmp_path / "demo"
    good(alia("restore", backup_of_sqlite, "--data", folder, DATABASE_URL=""))
    return folder


@pytest.fixture
def backup_of_sqlite(tmp_path: Path) -> Path:
    source = tmp_path / "source.sqlite3"
    source.touch()
    migrate(f"sqlite:///{source}")
    file = tmp_path / "sqlite.zip"
    good(alia("backup", file, DATABASE_URL=f"sqlite:///{source}"))
    return file


@pytest.mark.parts
def test_without_an_address_it_is_a_demos_database(demo: Path, tmp_path: Path) -> None:
    assert (demo / "desafio.sqlite3").stat().st_mode & 0o777 == 0o600
    good(alia("backup", tmp_path / "demo.zip", "--data", demo, DATABASE_URL=""))
    assert archive.read(tmp_path / "demo.zip", into=tmp_path)[0].database == "sqlite"


@pytest.mark.parts
@pytest.mark.parametrize("how", ["--data", "DATABASE_URL"])
def test_nothing_is_put_back_under_a_demo_that_runs(demo: Path, backup_of_sqlite: Path, how: str) -> None:
    from desafio.demo.folder import DataFolder

    arguments = ["--data", demo] if how == "--data" else []
    address = "" if how == "--data" else f"sqlite:///{demo / 'desafio.sqlite3'}"
    with DataFolder(demo).take():
        ended = alia("restore", backup_of_sqlite, "--force", *arguments, DATABASE_URL=address)
    assert ended.returncode == 1
    assert "Ya hay una demostración en marcha" in ended.stderr


@pytest.mark.parts
def test_a_demo_that_is_not_there_is_not_made_for_a_backup(tmp_path: Path) -> None:
    ended = alia("backup", tmp_path / "x.zip", "--data", tmp_path / "nada", DATABASE_URL="")
    assert ended.returncode == 1
    assert "no hay ninguna demostración" in ended.stderr
    assert list(tmp_path.iterdir()) == []
