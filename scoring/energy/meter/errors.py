"""What a caller of the meter can get wrong, or come too late for; ``routes`` gives each its HTTP status.

What the counter gets wrong is no error: it is a flag on the reading.
"""

from __future__ import annotations

from scoring.errors import ScoringError


class MeterRefusal(ScoringError):
    """The meter will not do what was asked."""


class WindowUnknown(MeterRefusal):
    """No window has this id, or it was never given out by this meter or one with its token."""


class WindowForgotten(MeterRefusal):
    """The window was ours and its reading has been dropped: only so many are kept."""


class MeterRestarted(MeterRefusal):
    """The window was opened before this process began; what was counted meanwhile is lost."""


class WindowEnded(MeterRefusal):
    """The window has an end already; its reading can be asked for again."""

    def __init__(self, window_id: str) -> None:
        self.window_id = window_id
        super().__init__(window_id)


class WrongDevice(MeterRefusal):
    """The caller expects another device than the one that is counted here."""

    def __init__(self, uuid: str) -> None:
        self.uuid = uuid
        super().__init__(uuid)


class TooManyWindows(MeterRefusal):
    """As many windows are open as this meter holds; each closes at its limit."""


class NotSampling(MeterRefusal):
    """The counter cannot be read now, so that a window would begin without one."""
