"""The second witness: what codecarbon says of the same window, from a process of its own.

The evaluation opens and closes it beside the energy source and stores what it says. Nothing is ever ranked
by it, and no failure of it fails anything: each becomes a reading without energy and with a note. Its
process ends with ours, whichever way ours ends.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

PROCESS = "scoring.energy.witness_process"
ANSWER_WITHIN_S = 5.0
END_WITHIN_S = 2.0
MJ_PER_KWH = Decimal(3_600_000_000)
MG_PER_KG = Decimal(1_000_000)
# What codecarbon multiplies by: its own table for Spain (Our World in Data), which a test compares.
CO2_G_PER_KWH, CO2_YEAR = Decimal("174.05"), 2023
# Its window and ours are a message apart. More than a tenth of the window, or than this, and it was late.
LATE_BY_S = Decimal("0.5")
MAX_NOTE_CHARACTERS = 300
# In kWh, kg and s: beyond it no window of ours is, and a row could not hold it.
LARGEST_FIGURE = Decimal(1_000_000)
# An answer has some 300 bytes. Whoever sends more than this without a line break is not answering.
MAX_UNREAD_BYTES = 1_000_000
PARTS = ("cpu", "ram", "gpu")
NOT_UNDERSTOOD = "codecarbon dio una respuesta que no se entiende."


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessReading:
    """What the witness says of one window; ``energy_mj`` and ``co2_mg`` are None where it can say nothing.

    ``parts_mj`` are those that it adds up, by name ("cpu_mj", "ram_mj", "gpu_mj"); empty where it says
    nothing. ``seconds`` is the window as we timed it. ``note`` tells in Spanish what the figure is made of,
    or why there is none; at most 300 characters.
    """

    energy_mj: int | None
    co2_mg: int | None
    seconds: Decimal
    note: str
    parts_mj: Mapping[str, int] = field(default_factory=dict)


class _Away(Exception):
    """The witness did not answer; ``str`` is the note. Never leaves this module."""


class Witness:
    """codecarbon behind a pipe. ``start`` once, then ``open`` and ``close`` in turn, ``stop`` at the end.

    No method raises over the witness's doings. ``start`` and ``open`` do not wait for it; ``close`` waits
    ``answer_within_s`` at most and ``stop`` 2 s. One window at a time: an ``open`` without ``close`` begins
    anew.
    """

    def __init__(
        self, *, command: Sequence[str] | None = None, answer_within_s: float = ANSWER_WITHIN_S
    ) -> None:
        self._command = tuple(command) if command else (sys.executable, "-P", "-m", PROCESS)
        self._answer_within_s = answer_within_s
        self._process: subprocess.Popen[bytes] | None = None
        self._unread = b""
        self._window = 0
        self._opened_at = time.monotonic()
        self._away = "El segundo testigo no se ha arrancado."

    @property
    def pid(self) -> int | None:
        """The witness's process while there is one."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start its process; it needs some seconds to get ready, and meanwhile commands wait in the pipe."""
        if self._process is not None:
            return
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own module, by the running interpreter
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env=_clean_environment(os.environ),
                start_new_session=True,  # Ctrl-C is for the worker: the end of our pipe ends the witness
            )
            if self._process.stdin is not None:
                os.set_blocking(self._process.stdin.fileno(), False)
        except OSError as error:
            self._process = None
            self._away = f"No se pudo arrancar el segundo testigo: {error.strerror}."

    def open(self) -> None:
        """Begin a window."""
        self._window += 1
        self._opened_at = time.monotonic()
        self._away = self._away if self._process is None else ""
        try:
            self._send("open")
        except _Away as away:
            self._away = str(away)

    def close(self) -> WitnessReading:
        """End the window and hear what the witness says of it."""
        seconds = Decimal(f"{time.monotonic() - self._opened_at:.3f}")
        try:
            if self._away:
                raise _Away(self._away)
            self._send("close")
            return _reading(self._answer(), seconds)
        except _Away as away:
            return _nothing(seconds, str(away))

    def stop(self) -> None:
        """End its process, by force where it does not end by itself."""
        process, self._process = self._process, None
        self._away = "El segundo testigo está parado."
        self._unread = b""
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            process.wait(END_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _send(self, command: str) -> None:
        if self._process is None or self._process.stdin is None:
            raise _Away(self._away)
        try:
            # Straight to the pipe, which does not block: a full one means that nobody reads.
            os.write(self._process.stdin.fileno(), f"{command} {self._window}\n".encode())
        except OSError:
            raise _Away("El proceso del segundo testigo terminó o no atiende.") from None

    def _answer(self) -> Mapping[str, Any]:
        """The witness's line on this window; older ones, that came too late for theirs, are dropped."""
        until = time.monotonic() + self._answer_within_s
        while True:
            answer = _parse(self._line(until))
            if answer.get("window") == self._window:
                return answer

    def _line(self, until: float) -> bytes:
        if self._process is None or self._process.stdout is None:
            raise _Away(self._away)
        pipe = self._process.stdout.fileno()
        with selectors.DefaultSelector() as readable:
            readable.register(pipe, selectors.EVENT_READ)
            while b"\n" not in self._unread:
                left_s = until - time.monotonic()
                # Looked at by itself: whoever never stops talking has always something to read.
                if left_s <= 0 or not readable.select(left_s):
                    raise _Away("El segundo testigo no contestó a tiempo.")
                received = os.read(pipe, 65_536)
                if not received:
                    raise _Away("El proceso del segundo testigo terminó.")
                self._unread += received
                if len(self._unread) > MAX_UNREAD_BYTES:
                    self._unread = b""
                    raise _Away(NOT_UNDERSTOOD)
        line, _, self._unread = self._unread.partition(b"\n")
        return line


def _reading(answer: Mapping[str, Any], seconds: Decimal) -> WitnessReading:
    if "error" in answer:
        return _nothing(seconds, f"codecarbon falló: {answer['error']}")
    try:
        names = ("energy_kwh", "cpu_kwh", "ram_kwh", "gpu_kwh", "co2_kg", "seconds")
        figures = {name: Decimal(str(answer[name])) for name in names}
        if not all(figure.is_finite() and 0 <= figure <= LARGEST_FIGURE for figure in figures.values()):
            raise ValueError("a figure is no amount")
    except (ArithmeticError, KeyError, ValueError):
        return _nothing(seconds, NOT_UNDERSTOOD)
    # A meter of codecarbon's that fails gives 0 in silence, and its fixed guess for the memory hides it.
    if figures["cpu_kwh"] == 0 or figures["energy_kwh"] == 0:
        return _nothing(seconds, "codecarbon dio 0 J de procesador: no lo está midiendo.")
    if abs(figures["seconds"] - seconds) > min(LATE_BY_S, seconds / 10):
        return _nothing(seconds, f"codecarbon solo vio {figures['seconds']:.3f} s de la ventana.")
    parts = ", ".join(
        f"{label} {_whole(figures[name] * MJ_PER_KWH)} mJ"
        for label, name in (("procesador", "cpu_kwh"), ("memoria", "ram_kwh"), ("GPU", "gpu_kwh"))
    )
    return WitnessReading(
        energy_mj=_whole(figures["energy_kwh"] * MJ_PER_KWH),
        parts_mj={f"{part}_mj": _whole(figures[f"{part}_kwh"] * MJ_PER_KWH) for part in PARTS},
        co2_mg=_whole(figures["co2_kg"] * MG_PER_KG),
        seconds=seconds,
        note=_note(f"codecarbon {answer.get('version', '')}: {parts}; máquina entera."),
    )


def _nothing(seconds: Decimal, note: str) -> WitnessReading:
    return WitnessReading(energy_mj=None, co2_mg=None, seconds=seconds, note=_note(note))


def _note(text: str) -> str:
    """Short, and nothing in it that a database refuses to store."""
    short = text[:MAX_NOTE_CHARACTERS]
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in short
    )


def _whole(value: Decimal) -> int:
    return int(value.to_integral_value(rounding=ROUND_HALF_EVEN))


def _parse(line: bytes) -> Mapping[str, Any]:
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError):
        raise _Away(NOT_UNDERSTOOD) from None
    return answer if isinstance(answer, Mapping) else {}


def _clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Ours without what configures codecarbon: it reads variables, and a file in the home and the folder."""
    kept = {
        name: value
        for name, value in environment.items()
        if not name.upper().startswith(("CODECARBON_", "PYTHON"))
    }
    return {**kept, "HOME": "/nonexistent", "PYTHONPATH": str(Path(__file__).parents[2])}
