"""The four addresses that a worker needs in its environment, looked at before anything reads them.

``__main__`` calls it first. It opens no connection: whether anybody answers there is ``database``'s business,
and Celery's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from desafio.worker.reasons import CannotStart


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A variable that holds an address: what it is for, what it may be, and how one looks."""

    variable: str
    what: str
    example: str
    is_good: Callable[[SplitResult], bool]
    is_required: bool = True


def check(environment: Mapping[str, str]) -> None:
    """Raises CannotStart for the first variable that is missing or that no address could look like."""
    for address in ADDRESSES:
        written = environment.get(address.variable, "").strip()
        if written:
            _check_form(address, written)
        elif address.is_required:
            raise CannotStart(
                f"Falta {address.variable}, {address.what}. Ponla en el entorno: por ejemplo, "
                f"{address.variable}={address.example}"
            )


def _check_form(address: Address, written: str) -> None:
    try:
        url = urlsplit(written)
        # Reading the port is what tells that it is no number.
        is_good = url.port != 0 and address.is_good(url)
    except ValueError:
        is_good = False
    if not is_good:
        raise CannotStart(
            f"{address.variable}, {address.what}, no se entiende. Se escribe así: "
            f"{address.variable}={address.example}"
        )
    if url.scheme == "sqlite":
        _check_there(unquote(url.path)[1:])


def _check_there(path: str) -> None:
    """Whoever opens a database that is not there makes an empty one."""
    if not Path(path).is_file():
        raise CannotStart(
            f"DATABASE_URL: no existe el fichero {path}. Una base de datos SQLite es de una sola máquina; "
            "para evaluar desde otra hace falta PostgreSQL."
        )


def _is_database(url: SplitResult) -> bool:
    if url.scheme == "sqlite":
        return not url.netloc and len(url.path) > 1
    return url.scheme in ("postgresql", "postgres") and len(url.path) > 1


def _is_redis(url: SplitResult) -> bool:
    if url.scheme == "unix":
        return not url.netloc and len(url.path) > 1
    is_number = url.path in ("", "/") or url.path[1:].isdecimal()
    return url.scheme in ("redis", "rediss") and bool(url.hostname) and is_number


def _is_http(url: SplitResult) -> bool:
    return url.scheme in ("http", "https") and bool(url.hostname)


ADDRESSES = (
    Address(
        variable="DATABASE_URL",
        what="la base de datos del desafío",
        example="postgresql://desafio:clave@db.example.org/desafio",
        is_good=_is_database,
    ),
    Address(
        variable="REDIS_URL",
        what="el Valkey o Redis que avisa",
        example="redis://valkey.example.org:6379/0",
        is_good=_is_redis,
    ),
    Address(
        variable="INFERENCE_URL",
        what="el servidor del modelo",
        example="http://gpu.example.org:8000",
        is_good=_is_http,
    ),
    Address(
        variable="METER_URL",
        what="el medidor de energía",
        example="http://gpu.example.org:8090",
        is_good=_is_http,
        is_required=False,
    ),
)
