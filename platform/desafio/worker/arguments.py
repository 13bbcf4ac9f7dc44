"""What may be written on the command line of a worker."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from desafio.worker.reasons import CannotStart

DEFAULT_QUEUE = "evaluations"
# What kombu, Celery's node names and a log line all take as it is.
PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """``name`` is empty for the host's own name."""

    queue: str
    concurrency: int
    name: str


def parse(arguments: Sequence[str]) -> Options:
    """Raises CannotStart; ends the process with argparse's own words for an unknown option."""
    parser = argparse.ArgumentParser(
        prog="./alia worker",
        description="Arranca en esta máquina un proceso que evalúa. Necesita DATABASE_URL, REDIS_URL e "
        "INFERENCE_URL en el entorno; docs/workers.md lo explica.",
    )
    parser.add_argument(
        "--queue",
        default=os.environ.get("WORK_QUEUE") or DEFAULT_QUEUE,
        metavar="NOMBRE",
        help=f"la cola de Celery, la misma que la web y el vigilante (si no se dice, {DEFAULT_QUEUE})",
    )
    parser.add_argument(
        "--concurrency", default="1", metavar="N", help="cuántas evaluaciones a la vez (si no se dice, 1)"
    )
    parser.add_argument(
        "--name",
        default=os.environ.get("WORKER_NAME", ""),
        metavar="NOMBRE",
        help="cómo se llama (si no se dice, como esta máquina)",
    )
    found = parser.parse_args(arguments)
    return Options(
        queue=_plain("--queue", found.queue),
        concurrency=_positive(found.concurrency),
        name=_plain("--name", found.name) if found.name else "",
    )


def _plain(option: str, written: str) -> str:
    if PLAIN_NAME.fullmatch(written) is None:
        raise CannotStart(
            f"{option} solo admite letras sin tilde, cifras, punto, guion y guion bajo, hasta 80, y empieza "
            f"por letra o cifra: por ejemplo, {option} {'gpu-1' if option == '--name' else DEFAULT_QUEUE}"
        )
    return written


def _positive(written: str) -> int:
    if not (written.isascii() and written.isdecimal() and int(written) >= 1):
        raise CannotStart("--concurrency es un número entero desde 1: por ejemplo, --concurrency 4")
    return int(written)
