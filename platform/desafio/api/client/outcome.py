"""How a command ends: its exit code, and the errors that carry one with a sentence for people."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Stable: scripts go by them."""

    DONE = 0  # scored, or received when not waiting
    REFUSED = 1  # the contestant can mend it
    USAGE = 2  # the command or its file is wrong
    UNREACHABLE = 3  # our fault, or the network's: try again
    INTERRUPTED = 130


class CommandFailure(Exception):
    """Ends the command; ``text`` is printed as it is."""

    def __init__(self, code: ExitCode, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def usage(text: str) -> CommandFailure:
    return CommandFailure(ExitCode.USAGE, text)


def unreachable(text: str) -> CommandFailure:
    return CommandFailure(ExitCode.UNREACHABLE, text)
