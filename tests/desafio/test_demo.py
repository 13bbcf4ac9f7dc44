"""The demo around its programs: what it refuses and how it says so, its accounts, its watch over children."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress

from challenges.models import Person
from desafio.demo import accounts, machine
from desafio.demo.console import board_table, figure
from desafio.demo.folder import DataFolder
from desafio.demo.processes import Program, Supervisor
from desafio.demo.reasons import CannotStart
from tests.servers import free_port, wait_until

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    made = DataFolder(tmp_path / "datos")
    made.prepare()
    return made


# --- what it refuses --------------------------------------------------------------------------------------


@pytest.mark.parametrize("taken", [0, 1], ids=["the web's", "the live board's"])
def test_a_taken_port_is_named_with_the_way_out(taken: int) -> None:
    port = free_port()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port + taken))
        listener.listen()
        with pytest.raises(CannotStart, match=rf"puerto {port + taken}\b.*--port"):
            machine.check_ports(port)


@pytest.mark.parametrize("port", [-1, 0, 65535, 70000])
def test_a_port_that_cannot_be_is_refused(port: int) -> None:
    with pytest.raises(CannotStart, match="--port"):
        machine.check_ports(port)


def test_a_path_too_long_for_a_socket_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="demasiado larga"):
        DataFolder(tmp_path / ("n" * 100)).prepare()


def test_a_folder_that_cannot_be_written_is_refused() -> None:
    with pytest.raises(CannotStart, match="No se puede escribir"):
        DataFolder(Path("/proc/desafio")).prepare()


def test_a_folder_of_somebody_else_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "tesis.txt").write_text("…")
    tmp_path.chmod(0o755)
    with pytest.raises(CannotStart, match="no está vacía"):
        DataFolder(tmp_path).prepare()
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_two_demos_cannot_share_a_folder(folder: DataFolder) -> None:
    with folder.take(), pytest.raises(CannotStart, match="Ya hay una demostración"):
        folder.take()
    folder.take().close()


def test_a_folder_is_for_its_owner_alone(folder: DataFolder) -> None:
    assert folder.root.stat().st_mode & 0o777 == 0o700
    folder.secret_key()
    assert (folder.root / "secret_key").stat().st_mode & 0o777 == 0o600


def test_the_secret_key_stays_and_is_another_in_another_folder(folder: DataFolder, tmp_path: Path) -> None:
    other = DataFolder(tmp_path / "otra")
    other.prepare()
    assert folder.secret_key() == folder.secret_key()
    assert folder.secret_key() != other.secret_key()


def test_too_little_memory_is_told_in_megabytes(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 8000000 kB\nMemAvailable: 900000 kB\n")
    with pytest.raises(CannotStart, match="quedan 878 MB"):
        machine.check_memory(meminfo=meminfo, cgroup=tmp_path / "none")


def test_the_limit_of_a_container_counts(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemAvailable: 99000000 kB\n")
    (tmp_path / "memory.max").write_text(f"{1000 * 2**20}\n")
    (tmp_path / "memory.current").write_text(f"{600 * 2**20}\n")
    (tmp_path / "memory.stat").write_text(f"anon 1\ninactive_file {100 * 2**20}\n")
    found = machine.available_memory_mb(meminfo=tmp_path / "meminfo", cgroup=tmp_path)
    assert found == 500


def test_json_without_once_is_refused() -> None:
    ended = demo("--json")
    assert ended.returncode == 2
    assert "--once" in ended.stderr


def test_a_refusal_is_a_sentence_and_no_traceback(tmp_path: Path) -> None:
    port = free_port()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))
        listener.listen()
        ended = demo("--data", str(tmp_path / "d"), "--port", str(port), "--once", "--json")
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert f"El puerto {port}" in ended.stderr
    assert "Traceback" not in ended.stderr


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "desafio.demo", *arguments],
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'platform'}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


# --- accounts ---------------------------------------------------------------------------------------------


def test_passwords_are_of_the_folder_alone_and_stay(folder: DataFolder, tmp_path: Path) -> None:
    other = DataFolder(tmp_path / "otra")
    other.prepare()
    first, again, elsewhere = accounts.kept_in(folder), accounts.kept_in(folder), accounts.kept_in(other)
    assert first == again
    assert {account.password for account in first}.isdisjoint(account.password for account in elsewhere)
    assert len({account.password for account in first}) == len(first) == 5
    assert folder.accounts.stat().st_mode & 0o777 == 0o600


@pytest.mark.django_db
def test_storing_the_accounts_twice_changes_nothing(folder: DataFolder) -> None:
    for _ in range(2):
        for account in accounts.kept_in(folder):
            accounts.store(account)
    organizer = Person.objects.get(is_superuser=True)
    assert Person.objects.count() == EmailAddress.objects.filter(verified=True).count() == 5
    assert organizer.is_staff
    assert organizer.check_password(accounts.kept_in(folder)[0].password)
    judge = Person.objects.get(groups__name="jueces")
    assert judge.has_perm("challenges.export_ranking")
    assert not judge.is_staff


# --- what it tells ----------------------------------------------------------------------------------------


def test_figures_are_written_as_in_spanish() -> None:
    assert figure(Decimal("1234567.891"), 2) == "1.234.567,89"
    assert figure(Decimal("0.5"), 3) == "0,500"


def test_the_table_says_that_an_estimate_is_one() -> None:
    row = {
        "rank": 1,
        "tied": False,
        "name": "Ana",
        "score": "71.2345",
        "quality": "0.650000",
        "energy_mj": 123_456,
        "prompt_tokens": 1000,
        "completion_tokens": 234,
        "attempts": 3,
    }
    shown = board_table({"evidence_grade": "E", "estimated": True, "rows": [row]})
    assert "estimación, no medida" in shown
    assert shown.splitlines()[2].split() == ["1", "Ana", "71,23", "0,650", "123,5", "1.234", "3"]


def test_an_empty_board_is_a_table_without_rows() -> None:
    assert "Puesto" in board_table({"evidence_grade": "C", "estimated": False, "rows": []})


# --- the watch over its programs --------------------------------------------------------------------------


def a_program(tmp_path: Path, code: str, **more: object) -> Program:
    """A Python program that says "ready" in its log when it is."""
    log = tmp_path / "program.log"
    fields: dict[str, object] = {
        "name": "program",
        "title": "El programa",
        "command": [sys.executable, "-u", "-c", textwrap.dedent(code)],
        "env": dict(os.environ),
        "log": log,
        "is_ready": lambda: log.exists() and "ready" in log.read_text(),
        "ready_within_s": 20.0,
    }
    return Program(**{**fields, **more})  # type: ignore[arg-type]  # a test's shorthand


SERVES = "import os, signal; print('ready', os.getpid()); signal.pause()"


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def supervisor(told: list[str]) -> Iterator[Supervisor]:
    made = Supervisor(told.append)
    yield made
    made.stop([])


def pids_in(log: Path) -> list[int]:
    return [int(line.split()[1]) for line in log.read_text().splitlines() if line.startswith("ready")]


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that ended and that nobody has waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_program_that_dies_is_told_and_started_again(
    tmp_path: Path, supervisor: Supervisor, told: list[str]
) -> None:
    program = a_program(tmp_path, SERVES)
    supervisor.start(program)
    os.kill(pids_in(program.log)[0], signal.SIGKILL)

    def is_back() -> bool:
        supervisor.tick()
        return len(pids_in(program.log)) == 2

    wait_until(is_back, "the program runs again")
    assert told == ["El programa ha muerto (señal 9); vuelve a arrancar."]


def test_what_a_dead_program_had_started_dies_with_it(tmp_path: Path, supervisor: Supervisor) -> None:
    program = a_program(
        tmp_path,
        """
        import subprocess, sys, os, signal
        child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
        print("ready", os.getpid()); print("grandchild", child.pid); signal.pause()
        """,
    )
    supervisor.start(program)
    wait_until(lambda: "grandchild" in program.log.read_text(), "the grandchild is named")
    grandchild = int(program.log.read_text().split("grandchild")[1].split()[0])
    os.kill(pids_in(program.log)[0], signal.SIGKILL)

    def is_gone() -> bool:
        supervisor.tick()
        return not is_alive(grandchild)

    wait_until(is_gone, "the grandchild is gone")


def test_a_program_that_ends_at_once_is_told_with_its_last_words(
    tmp_path: Path, supervisor: Supervisor
) -> None:
    with pytest.raises(CannotStart, match=r"se ha cerrado al arrancar(.|\n)*no me encuentro bien"):
        supervisor.start(a_program(tmp_path, "raise SystemExit('no me encuentro bien')"))


def test_a_program_deaf_to_sigterm_is_ended_all_the_same(tmp_path: Path, supervisor: Supervisor) -> None:
    program = a_program(tmp_path, f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SERVES}")
    supervisor.start(program)
    supervisor.stop([(("program",), 0.2)])
    assert not is_alive(pids_in(program.log)[0])


def test_kill_9_of_the_supervisor_leaves_no_orphan(tmp_path: Path) -> None:
    log = tmp_path / "child.log"
    code = f"""
    import os, signal, sys
    from pathlib import Path
    from desafio.demo.processes import Program, Supervisor
    log = Path({str(log)!r})
    Supervisor(print).start(Program(
        name="child", title="El programa", command=[sys.executable, "-u", "-c", {SERVES!r}],
        env=dict(os.environ), log=log, is_ready=lambda: log.exists() and "ready" in log.read_text(),
    ))
    signal.pause()
    """
    path = os.pathsep.join([str(ROOT), str(ROOT / "platform")])
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], env={**os.environ, "PYTHONPATH": path}
    )
    try:
        wait_until(lambda: log.exists() and bool(pids_in(log)), "the child runs")
    finally:
        parent.kill()
        parent.wait()
    wait_until(lambda: not is_alive(pids_in(log)[0]), "the child is gone")


def test_accounts_are_kept_as_json(folder: DataFolder) -> None:
    accounts.kept_in(folder)
    kept = json.loads(folder.accounts.read_text())
    assert [entry["email"] for entry in kept][:2] == ["organizacion@example.org", "jurado@example.org"]
