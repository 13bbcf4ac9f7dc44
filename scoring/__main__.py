"""``python -m scoring``: check and recompute sealed records, grade, rank, and look at submissions; offline.

    python -m scoring recompute REGISTRO.json | ARCHIVO.zip …
    python -m scoring verify ARCHIVO.zip … | CARPETA
    python -m scoring grade --grader NOMBRE < RESPUESTAS.jsonl
    python -m scoring rank < FILAS.json
    python -m scoring lint ENVIO.json
    python -m scoring cost ENVIO.json --tokenizer tokenizer.json --public public.jsonl

Ends with 0 where all is as it should be, 1 where something is not, and 2 where it was asked for something
that it cannot do. ``recompute`` and ``verify`` are the auditors': with them, nothing but the standard library
is imported.
"""

from __future__ import annotations

import importlib
import signal
import sys
from collections.abc import Callable, Sequence

AUDIT = ("recompute", "verify")
# Imported only when asked for: graders and tokenizers are not for auditors.
OTHERS = {
    "grade": "scoring.commands.grade",
    "rank": "scoring.rank_command",
    "lint": "scoring.commands.lint",
    "cost": "scoring.commands.cost",
}
CANNOT = 2
ALL = f"Escribe python -m scoring {' | '.join((*AUDIT, *OTHERS))}, y detrás --help para saber más."


def main(arguments: Sequence[str]) -> int:
    """Hand over to the verb that is asked for, and return its exit code."""
    verb, rest = (arguments[0], arguments[1:]) if arguments else ("", ())
    if verb in AUDIT:
        from scoring.record.audit import main as audit

        return audit(arguments)
    if verb in ("-h", "--help"):
        print(ALL)
        return 0
    if verb not in OTHERS:
        print(ALL, file=sys.stderr)
        return CANNOT
    _end_with_the_reader()
    asked: Callable[[Sequence[str]], int] = importlib.import_module(OTHERS[verb]).main
    return asked(rest)


def _end_with_the_reader() -> None:
    """In a pipe whose reader has left (``| head``) end silently, as other programs do, without a trace."""
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
