"""The commands ``login``, ``logout``, ``check`` and ``submit``: what each asks, does, and how it ends.

What a program reads goes to stdout, everything else to stderr. Exit codes: 0 scored (or received, without
``--wait``), 1 refused, 2 wrong use, 3 the site's fault or out of reach, 130 interrupted.
"""

from __future__ import annotations

import argparse
import getpass
import hashlib
import json
import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from desafio.api.client import credentials, watching
from desafio.api.client.arguments import parser
from desafio.api.client.connection import Connection, Refused, is_readable_by_others, site
from desafio.api.client.outcome import CommandFailure, ExitCode, usage

LARGEST_FILE_BYTES = 2_000_000


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    progress = watching.Progress()
    try:
        return int(_COMMANDS[options.command](options, progress))
    except CommandFailure as failure:
        progress.say(failure.text)
        if isinstance(failure, Refused) and getattr(options, "json", False):
            _print_json(failure.problem)
        return int(failure.code)
    except KeyboardInterrupt:
        progress.say("Interrumpido. Lo que ya se había enviado sigue su curso: míralo en la web.")
        return int(ExitCode.INTERRUPTED)


def _login(options: argparse.Namespace, progress: watching.Progress) -> ExitCode:
    connection = Connection(url=site(options.url), say=progress.say)
    token = _token_for_password(connection, options.email)
    file = credentials.store(connection.url, token)
    progress.say(f"Dentro de {connection.url}. La ficha queda en {file}.")
    return ExitCode.DONE


def _logout(options: argparse.Namespace, progress: watching.Progress) -> ExitCode:
    url = site(options.url)
    if token := credentials.stored(url):
        try:
            Connection(url=url, say=progress.say, token=token).post("/api/v1/logout/", None)
        except Refused as refused:
            if refused.status != 401:  # it had expired: nothing is left to end
                raise
        credentials.forget(url)
    progress.say(f"Fuera de {url}.")
    return ExitCode.DONE


def _check(options: argparse.Namespace, progress: watching.Progress) -> ExitCode:
    _raw, content = _read_file(options.file)
    connection = _connected(options, progress)
    found = connection.post("/api/v1/submissions/check/", _body(connection, options, content))
    if options.json:
        _print_json(found)
    for each in found["errors"]:
        progress.say(each["detail"])
    if found["ok"]:
        progress.say("Está bien: se puede enviar.")
    return ExitCode.DONE if found["ok"] else ExitCode.REFUSED


def _submit(options: argparse.Namespace, progress: watching.Progress) -> ExitCode:
    raw, content = _read_file(options.file)
    connection = _connected(options, progress)
    body = _body(connection, options, content)
    attempt = options.attempt or secrets.token_hex(4)
    progress.say(f"Intento {attempt}. Si se corta la red, repite con --attempt {attempt}: no gastará otro.")
    submission, is_replay = connection.post_once_only(
        "/api/v1/submissions/", body, key=idempotency_key(raw, body["challenge"], body["phase"], attempt)
    )
    told = "Ya estaba recibido" if is_replay else "Recibido"
    progress.say(f"{told}: envío {submission['id']}.")
    if options.wait:
        submission = watching.follow(connection, submission, progress, timeout_s=options.timeout)
    if options.json:
        _print_json(submission)
    return _ending(submission, options, progress)


def _ending(
    submission: watching.Submission, options: argparse.Namespace, progress: watching.Progress
) -> ExitCode:
    if submission["score"] is not None:
        if not options.json:
            print(watching.table(submission))
        return ExitCode.DONE
    if (fault := submission["fault"]) is not None:
        progress.say(fault["detail"])
        return ExitCode.UNREACHABLE if fault["is_ours"] else ExitCode.REFUSED
    if not options.wait and not options.json:
        print(submission["id"])
    return ExitCode.DONE


def idempotency_key(raw: bytes, challenge: str, phase: str, attempt: str) -> str:
    """The same for the same bytes, place and attempt; 64 characters."""
    parts = [challenge.encode(), phase.encode(), attempt.encode(), raw]
    return hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).hexdigest()


def _read_file(name: str) -> tuple[bytes, Any]:
    try:
        raw = sys.stdin.buffer.read(LARGEST_FILE_BYTES + 1) if name == "-" else _bytes_of(Path(name))
    except OSError as fault:
        raise usage(f"No se puede leer {name}: {fault.strerror or fault}.") from fault
    if len(raw) > LARGEST_FILE_BYTES:
        raise usage(f"{name} pasa de {LARGEST_FILE_BYTES} bytes.")
    try:
        return raw, json.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as fault:
        raise usage(f"{name} no es texto en UTF-8 (byte {fault.start}).") from fault
    except json.JSONDecodeError as fault:
        raise usage(f"{name} no es JSON: línea {fault.lineno}, columna {fault.colno}.") from fault
    except (RecursionError, ValueError) as fault:
        raise usage(f"{name} no es JSON que se pueda leer.") from fault


def _bytes_of(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(LARGEST_FILE_BYTES + 1)


def _connected(options: argparse.Namespace, progress: watching.Progress) -> Connection:
    """With the token of the option, the environment, the file, or a password, in this order."""
    url = site(options.url)
    token = (
        options.token
        or os.environ.get("ALIA_TOKEN", "")
        or ("" if options.email else credentials.stored(url))
    )
    if not token:
        if not options.email:
            raise usage("Falta identificarte: usa antes «login», o --email, o la variable ALIA_TOKEN.")
        token = _token_for_password(Connection(url=url, say=progress.say), options.email)
    return Connection(url=url, say=progress.say, token=token)


def _token_for_password(connection: Connection, email: str) -> str:
    if is_readable_by_others(connection.url):
        connection.say(
            f"Aviso: {connection.url} no cifra la conexión y la contraseña se podría leer por el camino."
        )
    email = email or input("Correo: ")
    password = os.environ.get("ALIA_PASSWORD") or _asked_password(email)
    answer = connection.post("/api/v1/login/", {"email": email, "password": password})
    return str(answer["token"])


def _asked_password(email: str) -> str:
    if not sys.stdin.isatty():
        raise usage("Falta la contraseña: ponla en la variable ALIA_PASSWORD o ejecuta esto en un terminal.")
    return getpass.getpass(f"Contraseña de {email}: ")


def _body(connection: Connection, options: argparse.Namespace, content: Any) -> dict[str, Any]:
    challenge = options.challenge or _only_challenge(connection)
    phase = options.phase or _open_phase(connection, challenge)
    return {"challenge": challenge, "phase": phase, "content": content}


def _only_challenge(connection: Connection) -> str:
    found = [each["slug"] for each in connection.get("/api/v1/challenges/")]
    if len(found) == 1:
        return str(found[0])
    raise usage(f"Di el desafío con --challenge. Los que hay: {', '.join(found) or 'ninguno'}.")


def _open_phase(connection: Connection, challenge: str) -> str:
    phases = connection.get(f"/api/v1/challenges/{challenge}/")["phases"]
    found = [each["slug"] for each in phases if each["state"] == "open"]
    if len(found) == 1:
        return str(found[0])
    known = ", ".join(f"{each['slug']} ({each['state']})" for each in phases) or "ninguna"
    raise usage(f"Di la fase con --phase. Las que hay: {known}.")


def _print_json(document: Any) -> None:
    print(json.dumps(document, ensure_ascii=False, indent=2))


_COMMANDS = {"login": _login, "logout": _logout, "check": _check, "submit": _submit}
