"""``./alia demo`` runs this module: reads the options and turns each end into a sentence and an exit code."""

from __future__ import annotations

import argparse
import errno
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import desafio
from desafio.demo.console import Console
from desafio.demo.folder import DEFAULT, disk_full
from desafio.demo.launch import Options, launch
from desafio.demo.reasons import CannotStart, DidNotScore

DEFAULT_PORT = 8000
INTERRUPTED = 130


def main(arguments: Sequence[str]) -> int:
    """0 when all went well (Ctrl-C of a running demo too), 1 with a sentence, 130 when ``--once`` was cut."""
    root = Path(desafio.__file__).resolve().parents[2]
    options = _options(arguments)
    console = Console(sys.stderr if options.json else sys.stdout)
    # SIGINT too: a shell without job control starts what it puts in the background with Ctrl-C ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        launch(options, console=console, root=root, print_result=print)
    except (CannotStart, DidNotScore) as reason:
        return _give_up(str(reason))
    except OSError as fault:
        if fault.errno != errno.ENOSPC:
            raise
        return _give_up(disk_full(options.data))
    except KeyboardInterrupt:
        return INTERRUPTED if options.once else 0
    return 0


def _give_up(sentence: str) -> int:
    print(f"\n{sentence}", file=sys.stderr)
    return 1


def _options(arguments: Sequence[str]) -> Options:
    parser = argparse.ArgumentParser(
        prog="./alia demo",
        description="Todo el desafío en esta máquina, con un modelo de lenguaje de verdad.",
    )
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help="puerto de la web (el siguiente, para el directo)"
    )
    parser.add_argument("--data", type=Path, default=DEFAULT, metavar="CARPETA", help="dónde se guarda todo")
    parser.add_argument(
        "--once", action="store_true", help="evalúa los tres ejemplos, muestra la tabla y termina"
    )
    parser.add_argument(
        "--json", action="store_true", help="con --once: la clasificación en JSON por la salida estándar"
    )
    found = parser.parse_args(arguments)
    if found.json and not found.once:
        parser.error("--json solo vale junto con --once")
    data = found.data.expanduser().resolve()
    return Options(port=found.port, data=data, once=found.once, json=found.json)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
