"""The thread that reads the counter every few milliseconds, and nothing else.

It has its own thread because a reading must not wait for a request. It takes no time into account but its own
beat: after a reading that took too long it goes on with the next, and does not make up for those that it
missed, which ``EdgeLog`` sees.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

ENDS_WITHIN_S = 10.0


class Sampling:
    """Calls ``step`` every ``every_ms`` from ``start`` to ``stop``; ``when_it_ends`` is told of any end."""

    def __init__(
        self, step: Callable[[], object], *, every_ms: int, when_it_ends: Callable[[], object]
    ) -> None:
        self._step = step
        self._every_s = every_ms / 1000
        self._when_it_ends = when_it_ends
        self._stopped = threading.Event()
        # A daemon: a source that never answers must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="meter-sampling", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> bool:
        """End it, and say whether it did within ``ENDS_WITHIN_S``: a source may never answer."""
        self._stopped.set()
        self._thread.join(ENDS_WITHIN_S)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            due_s = time.monotonic()
            while not self._stopped.is_set():
                self._step()
                now_s = time.monotonic()
                due_s = max(due_s + self._every_s, now_s)
                self._stopped.wait(due_s - now_s)
        finally:
            self._when_it_ends()
