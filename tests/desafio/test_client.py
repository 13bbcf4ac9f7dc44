"""The command-line client, as a person runs it: a process of its own against a real HTTP server."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from knox.models import AuthToken

from challenges import cancelling, dispatch
from challenges.models import Circuit, Participation, Person, State, Submission
from desafio.api.client.commands import idempotency_key
from desafio.api.client.connection import is_readable_by_others
from tests.factories import PASSWORD, PROMPT, a_participation, a_phase, a_score, an_evaluation

ROOT = Path(__file__).resolve().parents[2]
WAIT_S = 30


@pytest.fixture
def participation(transactional_db: None) -> Participation:
    made = a_participation(a_phase())
    EmailAddress.objects.create(user=made.person, email=made.person.email, verified=True, primary=True)
    return made


@pytest.fixture
def prompt(tmp_path: Path) -> Path:
    file = tmp_path / "propuesta.json"
    file.write_text(json.dumps(PROMPT, ensure_ascii=False), encoding="utf-8")
    return file


class Shell:
    """Runs the client with a home folder of its own."""

    def __init__(self, home: Path, url: str) -> None:
        self.home, self.url = home, url
        # Nothing of the tests' own environment: the client must need none of it.
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        self.env = {**kept, "HOME": str(home), "PYTHONPATH": str(ROOT / "platform"), "ALIA_URL": url}

    def start(self, *arguments: str, **env: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "desafio.api.client", *arguments],
            env={**self.env, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **env: str) -> tuple[int, str, str]:
        child = self.start(*arguments, **env)
        out, err = child.communicate(timeout=WAIT_S)
        return child.returncode, out, err

    @property
    def tokens(self) -> Path:
        return self.home / ".config" / "desafio" / "token.json"


@pytest.fixture
def shell(tmp_path: Path, live_server: Any) -> Shell:
    return Shell(tmp_path, live_server.url)


def token(person: Person) -> str:
    made: str = AuthToken.objects.create(user=person)[1]
    return made


def eventually(found: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + WAIT_S
    while not (value := found()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)
    return value


def test_submit_waits_for_the_score_and_shows_it(
    shell: Shell, participation: Participation, prompt: Path
) -> None:
    child = shell.start("submit", str(prompt), "--wait", ALIA_TOKEN=token(participation.person))
    made = eventually(lambda: Submission.objects.filter(evaluations__isnull=False).first())
    made.evaluations.all().update(state=State.SUPERSEDED, finished_at=made.created_at)
    a_score(made.phase, submission=made, value="71.2345")
    out, err = child.communicate(timeout=WAIT_S)
    assert child.returncode == 0, err
    assert "71,2345" in out
    assert "estimación, no medida" in out
    assert "Intento " in err
    assert "puntuado" in err


def test_submit_in_json_gives_the_document_alone_on_stdout(
    shell: Shell, participation: Participation, prompt: Path
) -> None:
    code, out, _err = shell.run("submit", str(prompt), "--json", ALIA_TOKEN=token(participation.person))
    assert code == 0
    assert json.loads(out)["id"] == str(Submission.objects.get().pk)


def test_login_keeps_the_token_for_its_owner_alone_and_logout_ends_it(
    shell: Shell, participation: Participation, prompt: Path
) -> None:
    assert shell.run("login", "--email", participation.person.email, ALIA_PASSWORD=PASSWORD)[0] == 0
    assert stat.S_IMODE(shell.tokens.stat().st_mode) == 0o600
    assert list(json.loads(shell.tokens.read_text())) == [shell.url]
    assert shell.run("submit", str(prompt))[0] == 0
    assert shell.run("logout")[0] == 0
    assert not AuthToken.objects.exists()
    assert shell.run("submit", str(prompt))[0] == 2


def test_a_repeated_attempt_is_the_same_submission(
    shell: Shell, participation: Participation, prompt: Path
) -> None:
    env = {"ALIA_TOKEN": token(participation.person)}
    first = shell.run("submit", str(prompt), "--attempt", "uno", **env)
    second = shell.run("submit", str(prompt), "--attempt", "uno", **env)
    assert (first[0], second[0]) == (0, 0)
    assert first[1] == second[1]
    assert "Ya estaba recibido" in second[2]
    assert shell.run("submit", str(prompt), **env)[1] != first[1]
    assert Submission.objects.count() == 2


def test_a_bad_prompt_is_told_in_spanish_and_spends_nothing(
    shell: Shell, participation: Participation, tmp_path: Path
) -> None:
    file = tmp_path / "mal.json"
    file.write_text('{"user": "{{consumo}}"}', encoding="utf-8")
    for command in ("submit", "check"):
        code, _out, err = shell.run(command, str(file), ALIA_TOKEN=token(participation.person))
        assert code == 1
        assert "{{consumo}}" in err
        assert "{{pregunta}}" in err
    assert not Submission.objects.exists()


@pytest.mark.parametrize(("state", "code"), [(State.ERRORED, 3), (State.REJECTED, 1)])
def test_the_exit_code_says_whose_fault_it_was(
    shell: Shell, participation: Participation, prompt: Path, state: State, code: int
) -> None:
    child = shell.start("submit", str(prompt), "--wait", ALIA_TOKEN=token(participation.person))
    made = eventually(lambda: Submission.objects.filter(evaluations__isnull=False).first())
    made.evaluations.all().update(state=State.SUPERSEDED, finished_at=made.created_at)
    an_evaluation(made, state=state)
    _out, err = child.communicate(timeout=WAIT_S)
    assert child.returncode == code, err


def test_what_it_waits_for_is_said(shell: Shell, participation: Participation, prompt: Path) -> None:
    Circuit.objects.create(name=Circuit.Name.BACKEND, opened_at=dispatch.now())
    arguments = ("submit", str(prompt), "--wait", "--timeout", "1")
    _code, _out, err = shell.run(*arguments, ALIA_TOKEN=token(participation.person))
    assert "sigue solo en cuanto responda el modelo" in err


def test_what_was_withdrawn_meanwhile_is_nobodys_fault(
    shell: Shell, participation: Participation, prompt: Path
) -> None:
    child = shell.start("submit", str(prompt), "--wait", ALIA_TOKEN=token(participation.person))
    made = eventually(lambda: Submission.objects.filter(evaluations__isnull=False).first())
    cancelling.withdraw(made)
    _out, err = child.communicate(timeout=WAIT_S)
    assert child.returncode == 1, err
    assert "Lo retiraste tú antes de que empezara." in err


def test_waiting_has_an_end(shell: Shell, participation: Participation, prompt: Path) -> None:
    arguments = ("submit", str(prompt), "--wait", "--timeout", "1")
    code, _out, err = shell.run(*arguments, ALIA_TOKEN=token(participation.person))
    assert code == 3
    assert "no se ha perdido" in err


def test_wrong_credentials_are_refused_without_a_trace(shell: Shell, participation: Participation) -> None:
    code, _out, err = shell.run("login", "--email", participation.person.email, ALIA_PASSWORD="otra-clave")
    assert code == 1
    assert "Traceback" not in err
    assert not shell.tokens.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["submit", "no-existe.json"], "No se puede leer"),
        (["submit"], "mal escrita"),
        (["otra"], "mal escrita"),
        (["login", "--url", "ftp://x", "--email", "a@b.c"], "no es una dirección"),
    ],
)
def test_wrong_use_ends_with_2_and_a_sentence(tmp_path: Path, arguments: list[str], said: str) -> None:
    code, _out, err = Shell(tmp_path, "http://127.0.0.1:1").run(*arguments, ALIA_TOKEN="x" * 20)
    assert (code, said in err, "Traceback" in err) == (2, True, False), err


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_file_that_is_no_json_ends_with_2(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "mal.json"
    file.write_bytes(content)
    code, _out, err = Shell(tmp_path, "http://127.0.0.1:1").run("submit", str(file), ALIA_TOKEN="x" * 20)
    assert (code, "Traceback" in err) == (2, False), err


def test_a_site_that_is_away_ends_with_3(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code, _out, err = Shell(tmp_path, f"http://127.0.0.1:{port}").run(
        "login", "--email", "a@b.c", ALIA_PASSWORD="x"
    )
    assert (code, "Traceback" in err) == (3, False)
    assert "¿Está en marcha" in err


def test_the_key_changes_with_every_part_of_a_submission() -> None:
    parts = [("a", "b", "c"), ("x", "b", "c"), ("a", "x", "c"), ("a", "b", "x"), ("ab", "", "c")]
    keys = {idempotency_key(raw, *part) for raw in (b"1", b"2") for part in parts}
    assert len(keys) == 10
    assert all(len(key) <= 80 for key in keys)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://desafio.example.org", True),
        ("https://desafio.example.org", False),
        ("http://127.0.0.1:8000", False),
        ("http://localhost", False),
        ("http://127.0.0.1.example.org", True),
    ],
)
def test_a_password_in_the_clear_is_noticed(url: str, expected: bool) -> None:
    assert is_readable_by_others(url) is expected
