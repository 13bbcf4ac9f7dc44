"""What may be written on the command line of the meter, and the token that it is started with."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import NoReturn

from scoring.energy.meter.core import WINDOW_LIMIT_S

PROGRAM = "python -m scoring.energy.meter"
DEFAULT_LISTEN = "127.0.0.1:8090"
TOKEN = re.compile(r"[\x21-\x7e]{16,512}")
LISTEN = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\[\]]+)):([0-9]{1,5})")
LONGEST_TOKEN_FILE = 4096
SOURCES = "nvml, nvml:UUID, rapl, zeusd:DIRECCIÓN, dcgm:DIRECCIÓN, replay:ARCHIVO o synthetic:ESPECIFICACIÓN"


class CannotStart(Exception):
    """The meter does not start; the message is a sentence in Spanish that says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """``token`` is "" where none is needed: with ``check`` and ``record``.

    ``sample_ms`` None: as often as the source's counter asks for. ``seconds`` None: until a signal.
    """

    source: str
    host: str
    port: int
    token: str = field(repr=False)
    sample_ms: int | None
    window_limit_s: int
    most_processes: int
    check: bool
    record: Path | None
    seconds: int | None


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        # The parser's own words are English; what they are about is all that is needed.
        option = re.search(r"--[a-z-]+", message)
        about = f" en {option[0]}" if option else ""
        raise CannotStart(f"La orden está mal escrita{about}: mira las opciones con {PROGRAM} --help.")


def parse(arguments: Sequence[str], *, environment: Mapping[str, str] = os.environ) -> Options:
    """Raises ``CannotStart``; ``--help`` prints and ends the process."""
    found, unknown = _parser().parse_known_args(arguments)
    if unknown:
        raise CannotStart(f"La opción {unknown[0]!r} no existe: mira las que hay con {PROGRAM} --help.")
    if not found.check and not found.source:
        raise CannotStart(
            f"Falta --source: di qué contador se lee ({SOURCES}); {PROGRAM} --check dice cuáles hay aquí."
        )
    host, port = _address(found.listen)
    needs_token = not found.check and found.record is None
    return Options(
        source=found.source,
        host=host,
        port=port,
        token=_token(found.token_file, environment) if needs_token else "",
        sample_ms=_whole("--sample-ms", found.sample_ms, 1, 10_000) if found.sample_ms else None,
        window_limit_s=_whole("--window-limit-s", found.window_limit_s, 1, WINDOW_LIMIT_S),
        most_processes=_whole("--processes", found.processes, 1, 1000),
        check=found.check,
        record=found.record,
        seconds=_whole("--seconds", found.seconds, 1, WINDOW_LIMIT_S) if found.seconds else None,
    )


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=PROGRAM,
        allow_abbrev=False,
        description="Mide la energía de un dispositivo y la cuenta por HTTP a quien tenga el token.",
    )
    add = parser.add_argument
    add("--source", default="", metavar="FUENTE", help=f"qué contador se lee: {SOURCES}")
    add(
        "--listen",
        default=DEFAULT_LISTEN,
        metavar="IP:PUERTO",
        help="dónde escucha (%(default)s); puerto 0, uno libre",
    )
    add(
        "--token-file",
        type=Path,
        metavar="ARCHIVO",
        help="el token de quien pregunta; si no se dice, está en METER_TOKEN",
    )
    add(
        "--sample-ms",
        default="",
        metavar="N",
        help="cada cuánto se lee el contador (20, y más si cambia despacio)",
    )
    add(
        "--window-limit-s",
        default=str(WINDOW_LIMIT_S),
        metavar="N",
        help="a los cuántos segundos se cierra una ventana que nadie termina (%(default)s)",
    )
    add("--processes", default="1", metavar="N", help="cuántos procesos usan el dispositivo (%(default)s)")
    add("--check", action="store_true", help="dice qué contadores ofrece esta máquina, y termina")
    add(
        "--record",
        type=Path,
        metavar="ARCHIVO",
        help="graba los cambios del contador para replay:ARCHIVO, sin escuchar",
    )
    add(
        "--seconds",
        default="",
        metavar="N",
        help="con --record, cuánto se graba (si no se dice, hasta Ctrl-C)",
    )
    return parser


def _address(written: str) -> tuple[str, int]:
    matched = LISTEN.fullmatch(written)
    host = (matched[1] or matched[2]) if matched else ""
    if host == "localhost":
        host = "127.0.0.1"
    try:
        address = ip_address(host)
    except ValueError:
        address = None
    if not matched or address is None or int(matched[3]) > 65535:
        raise CannotStart(f"--listen es una IP y un puerto: por ejemplo, --listen {DEFAULT_LISTEN}")
    if address.is_global:
        raise CannotStart(
            f"El medidor no cifra, y {host} es una dirección pública: usa la de una red privada o "
            f"{DEFAULT_LISTEN}."
        )
    return host, int(matched[3])


def _token(path: Path | None, environment: Mapping[str, str]) -> str:
    token = environment.get("METER_TOKEN", "").strip()
    if path is not None:
        try:
            with path.open("rb") as file:
                token = file.read(LONGEST_TOKEN_FILE).decode("ascii", "replace").strip()
        except OSError as error:
            raise CannotStart(
                f"No se puede leer el token de {path} ({error.strerror}): di otro archivo."
            ) from error
    if not token:
        raise CannotStart("Falta el token: pon uno en METER_TOKEN o di en qué archivo está con --token-file.")
    if not TOKEN.fullmatch(token):
        raise CannotStart(
            "El token ha de tener de 16 a 512 letras, cifras y signos, sin espacios: hazlo, por ejemplo, con "
            "openssl rand -hex 32."
        )
    return token


def _whole(option: str, written: str, least: int, most: int) -> int:
    if not (
        written.isascii() and written.isdecimal() and len(written) < 10 and least <= int(written) <= most
    ):
        raise CannotStart(f"{option} es un número entero de {least} a {most}: no vale {written!r:.40}.")
    return int(written)
