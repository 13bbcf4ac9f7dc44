"""Child processes that are kept alive: started, watched, started again after a pause, stopped in order.

The demo's main loop calls ``tick`` a few times a second, always from one thread: a child asks the kernel for
a SIGTERM when the thread that started it ends, so that not even ``kill -9`` of the supervisor leaves an
orphan. It knows nothing of what the children do.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from desafio.demo.reasons import CannotStart

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 10.0
# A child that has run this long is well again: its next end counts as its first.
WELL_AFTER_S = 15.0
POLL_S = 0.05
TAIL_LINES = 5
PR_SET_PDEATHSIG = 1

# Loaded here, because between fork and exec nothing may be imported or allocated lightly.
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to run. ``title`` is how its end is told ("El modelo"); ``is_ready`` answers within a second."""

    name: str
    title: str
    command: Sequence[str]
    env: Mapping[str, str]
    log: Path
    is_ready: Callable[[], bool]
    ready_within_s: float = 60.0


class Child:
    """A program that should run: its process while it does, and when to start it again while it does not."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._ends_in_a_row = 0
        self._start_at = 0.0

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        with self.program.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603  # our own commands, no shell
                self.program.command,
                env=dict(self.program.env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                # Safe here, because this process has one thread.
                preexec_fn=partial(_end_with_parent, os.getpid()),
            )
        self._started = time.monotonic()

    def end_of_process(self, now: float) -> int | None:
        """The exit code of a process that has ended since the last look; plans the next start."""
        if self.process is None or (code := self.process.poll()) is None:
            return None
        # Whatever it had started must not go on without it.
        self.signal_group(signal.SIGKILL)
        self.process = None
        was_well = now - self._started > WELL_AFTER_S
        self._ends_in_a_row = 0 if was_well else self._ends_in_a_row + 1
        self._start_at = now + min(FIRST_PAUSE_S * 2**self._ends_in_a_row, LONGEST_PAUSE_S)
        return code

    def is_due(self, now: float) -> bool:
        return self.process is None and now >= self._start_at

    def signal_group(self, number: signal.Signals) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)

    def last_words(self) -> str:
        try:
            lines = self.program.log.read_text(errors="replace").strip().splitlines()
        except OSError:
            return ""
        return "\n".join(f"  {line}" for line in lines[-TAIL_LINES:])


class Supervisor:
    """Holds the children in the order in which they were started; ``say`` gets one line for each event."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._children: list[Child] = []

    @property
    def has_children(self) -> bool:
        return bool(self._children)

    def start(self, program: Program) -> None:
        """Start a program and wait until it is ready. Raises CannotStart when it ends or takes too long."""
        child = Child(program)
        self._children.append(child)
        child.start()
        deadline = time.monotonic() + program.ready_within_s
        while not program.is_ready():
            if not child.is_running or time.monotonic() > deadline:
                how = "no responde" if child.is_running else "se ha cerrado al arrancar"
                raise CannotStart(f"{program.title} {how}. Lo último de {program.log}:\n{child.last_words()}")
            time.sleep(POLL_S)

    def tick(self) -> None:
        """Look at each child once: tell of those that ended, and start again those whose pause is over."""
        now = time.monotonic()
        for child in self._children:
            if (code := child.end_of_process(now)) is not None:
                self._say(f"{child.program.title} {_how_it_ended(code)}; vuelve a arrancar.")
            if child.is_due(now):
                child.start()

    def stop(self, stages: Sequence[tuple[Sequence[str], float]]) -> None:
        """SIGTERM to the named children of each stage, then SIGKILL for those not gone after its seconds."""
        for names, seconds in stages:
            self._stop_together([child for child in self._children if child.program.name in names], seconds)
        self._stop_together(self._children, 0)

    def _stop_together(self, children: Sequence[Child], seconds: float) -> None:
        for child in children:
            # To it alone: a worker has to give its evaluation back before its own children end.
            if child.process is not None:
                child.process.terminate()
        deadline = time.monotonic() + seconds
        while any(child.is_running for child in children) and time.monotonic() < deadline:
            time.sleep(POLL_S)
        for child in children:
            # Also where it has ended: something that it started may be left.
            child.signal_group(signal.SIGKILL)
            if child.process is not None:
                child.process.wait()


def _end_with_parent(parent: int) -> None:
    """In the child, before exec: SIGTERM when the supervisor is gone, even if it went before this call."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(1)


def _how_it_ended(code: int) -> str:
    return f"ha muerto (señal {-code})" if code < 0 else f"ha terminado (código {code})"
