"""Following a submission to its end, and showing it: a bar while it runs, a table when it is scored."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import IO, Any

from desafio.api.client.connection import Connection
from desafio.api.client.outcome import unreachable

POLL_S = 1.0
BAR_CELLS = 24

AWAY = {"backend": "el modelo", "meter": "el medidor de energía"}

Submission = dict[str, Any]


class Progress:
    """A line that is written over on a terminal; elsewhere one line for each change of state."""

    def __init__(self, out: IO[str] | None = None) -> None:
        self._out = out or sys.stderr
        self._is_terminal = self._out.isatty()
        self._state = ""
        self._is_line_open = False

    def show(self, submission: Submission) -> None:
        if self._is_terminal:
            self._out.write(f"\r\033[K{_bar(submission)}")
            self._is_line_open = True
        elif submission["state"] != self._state:
            self._out.write(f"{_sentence(submission)}\n")
        self._state = submission["state"]
        self._out.flush()

    def say(self, text: str) -> None:
        self.close()
        self._out.write(f"{text}\n")
        self._out.flush()

    def close(self) -> None:
        if self._is_line_open:
            self._out.write("\n")
            self._is_line_open = False


def follow(
    connection: Connection,
    submission: Submission,
    progress: Progress,
    *,
    timeout_s: float,
    sleep: Callable[[float], None] = time.sleep,
) -> Submission:
    """Ask once a second until the evaluation has ended. Raises when that takes longer than ``timeout_s``."""
    deadline = time.monotonic() + timeout_s
    progress.show(submission)
    while not submission["is_final"]:
        if time.monotonic() >= deadline:
            progress.close()
            raise unreachable(
                f"Después de {timeout_s:g} s sigue en estado «{submission['state_text']}». "
                f"El envío {submission['id']} no se ha perdido: míralo más tarde en la web."
            )
        sleep(POLL_S)
        submission = connection.get(f"/api/v1/submissions/{submission['id']}/")
        progress.show(submission)
    progress.close()
    return submission


def table(submission: Submission) -> str:
    """The score, one part a line."""
    score = submission["score"]
    energy = f"{_figure(score['energy_mj'] / 1000, 3)} J (grado {score['evidence_grade']}"
    energy += ", estimación, no medida)" if score["estimated"] else ")"
    lines = [
        ("Envío", submission["id"]),
        ("Puntuación", _figure(score["value"], 4)),
        ("Calidad", _figure(score["quality"], 6)),
        ("Ahorro", _figure(score["green"], 6)),
        ("Energía", energy),
        ("Tokens", f"{score['prompt_tokens']} de entrada, {score['completion_tokens']} de salida"),
        _condition(score),
    ]
    width = max(len(name) for name, _value in lines)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in lines)


def _condition(score: dict[str, Any]) -> tuple[str, str]:
    """What the policy asks for, and whether the submission does it."""
    if score["policy"]["name"] == "budget":
        return "Bolsa de energía", "respetada" if score["reaches_minimum"] else "sobrepasada"
    return "Calidad mínima", "alcanzada" if score["reaches_minimum"] else "no alcanzada"


def _bar(submission: Submission) -> str:
    done, total = submission["progress"]["done"], submission["progress"]["total"]
    filled = BAR_CELLS * done // total if total else 0
    return f"[{'█' * filled}{'·' * (BAR_CELLS - filled)}] {_sentence(submission)}"


def _sentence(submission: Submission) -> str:
    progress = submission["progress"]
    if waiting := submission.get("waiting"):
        return f"{submission['state_text']}: sigue solo en cuanto responda {AWAY[waiting['for']]}"
    if progress["ahead"]:
        return f"{submission['state_text']}: {progress['ahead']} por delante"
    return f"{submission['state_text']}: {progress['done']} de {progress['total']} casos"


def _figure(value: str | float, decimals: int) -> str:
    """As Spanish writes it: 1.234,56."""
    return f"{float(value):,.{decimals}f}".translate(str.maketrans(",.", ".,"))
