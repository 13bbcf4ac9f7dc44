"""What a demo tells in its terminal: a line per step with its time, the board as a table, and the accounts.

It only writes text; with ``--json`` all of it goes to stderr. It reads no rows and decides nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Any, TextIO

MJ_PER_J = 1000
BOARD_HEADINGS = ("Puesto", "Nombre", "Puntos", "Calidad", "Energía (J)", "Tokens", "Intentos")
LEFT_ALIGNED = {"Nombre", "Papel", "Correo", "Contraseña"}


class Console:
    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._inside_line = False

    def say(self, line: str = "") -> None:
        """A whole line, even in the middle of a step."""
        if self._inside_line and line:
            self._write("\n")
        self._write(f"{line}\n")
        self._inside_line = False

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Tell what begins, and when it is done how long it took."""
        self._write(f"· {what}… ")
        self._inside_line = True
        started = time.monotonic()
        try:
            yield
        except BaseException:
            self.say()
            raise
        seconds = figure(Decimal(time.monotonic() - started), 1)
        self._write(f"{seconds} s\n" if self._inside_line else f"  {what}: {seconds} s\n")
        self._inside_line = False

    def progress(self, percent: int) -> None:
        """How far the step has come; shown only where a person looks on."""
        if self._out.isatty():
            text = f"{percent} %"
            self._write(text + "\b" * len(text))

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


def board_table(board: Mapping[str, Any]) -> str:
    """The board's JSON as a table for a terminal, with the note that an estimate needs."""
    rows = [
        (
            "–" if row["rank"] is None else f"{row['rank']}{'=' if row['tied'] else ''}",
            row["name"],
            figure(Decimal(row["score"]), 2, ROUND_DOWN),
            figure(Decimal(row["quality"]), 3, ROUND_DOWN),
            figure(Decimal(row["energy_mj"]) / MJ_PER_J, 1),
            figure(Decimal(row["prompt_tokens"] + row["completion_tokens"]), 0),
            str(row["attempts"]),
        )
        for row in board["rows"]
    ]
    note = f"Energía: grado de evidencia {board['evidence_grade']}"
    if board["estimated"]:
        note += " (estimación, no medida)"
    return f"{table(BOARD_HEADINGS, rows)}\n{note}."


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    lines = [headings, ["─" * width for width in widths], *rows]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if heading in LEFT_ALIGNED else cell.rjust(width)
            for heading, cell, width in zip(headings, line, widths, strict=True)
        ).rstrip()
        for line in lines
    )


def figure(value: Decimal, places: int, rounding: str = ROUND_HALF_UP) -> str:
    """1234.5 as Spanish readers write it, rounded unless told otherwise: 1.234,5."""
    shown = value.quantize(Decimal(1).scaleb(-places), rounding=rounding)
    return f"{shown:,.{places}f}".translate(str.maketrans(",.", ".,"))
