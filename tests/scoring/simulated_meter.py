"""A real meter over a counter whose true energy is known, in a time that passes when the test says so.

``served`` puts it behind the real HTTP server on a free port of this process; there, whoever ends a window
makes the time pass that the meter waits for, so that no test does.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from scoring.energy.counter import CounterSource, Edge
from scoring.energy.meter.core import Closed, Limits, Meter, Opened
from scoring.energy.meter.exchange import Answer, Request
from scoring.energy.meter.routes import Routes
from scoring.energy.meter.server import Server
from scoring.energy.sources.synthetic import SyntheticSource
from tests.scoring.powercap import Clock

TOKEN = "a-token-for-tests-only"
POWER_W = 250
STEP_S = 0.02
STARTS_WITHIN_S = 30
Respond = Callable[[Request], Awaitable[Answer]]


class SimulatedMeter(Meter):
    """A meter that samples every 20 ms of a time of its own."""

    def __init__(
        self,
        spec: str = f"constant={POWER_W}",
        *,
        source: CounterSource | None = None,
        limits: Limits | None = None,
        token: str = TOKEN,
        clock: Clock | None = None,
    ) -> None:
        self.time = clock or Clock()
        # Made first: a synthetic source's seconds count from here.
        self.counter = source or SyntheticSource(spec, clock=self.time)
        self.waits = False
        super().__init__(self.counter, clock=self.time, token=token, limits=limits)

    def run(self, seconds: float) -> None:
        """Let time pass, with a sample every 20 ms."""
        for _ in range(round(seconds / STEP_S)):
            self.time.forward(seconds=STEP_S)
            self.sample()

    def settle(self) -> None:
        """Until a window that ended now is closed, whatever the counter does."""
        self.run(self.settle_ns / 10**9 + STEP_S)

    def measure(self, seconds: float) -> Closed:
        """One window of so many seconds, from one second after the start at the earliest."""
        if self.log.sampled_until_ns is None:
            self.run(1.0)
        window = self.open_window(client="test")
        self.run(seconds)
        return self.end(window.id)

    def end(self, window_id: str) -> Closed:
        self.end_window(window_id)
        self.settle()
        return self.closed(window_id)

    def closed(self, window_id: str) -> Closed:
        found = self.window(window_id)
        assert isinstance(found, Closed)
        return found

    def window(self, window_id: str) -> Opened | Closed:
        found = super().window(window_id)
        if self.waits and isinstance(found, Opened) and found.end_ns is not None:
            self.run(STEP_S)
        return found


class Tampering:
    """What stands between a meter and its client: ``change`` may turn an answer into another, or into bytes.

    It gives None for an answer that stays as it is. ``asked`` holds the requests that came.
    """

    def __init__(self) -> None:
        self.change: Callable[[Request, Answer], Answer | None] | None = None
        self.before: Callable[[Request], Answer | None] | None = None
        self.asked: list[tuple[str, str]] = []

    async def respond(self, request: Request, ask: Respond) -> Answer:
        self.asked.append((request.method, request.path))
        if self.before and (answer := self.before(request)):
            return answer
        answer = await ask(request)
        return (self.change and self.change(request, answer)) or answer


class Served:
    """A meter behind a port of this machine; ``meter`` can be replaced, as by a restart."""

    def __init__(self, meter: SimulatedMeter) -> None:
        self.meter = meter
        self.tampering = Tampering()
        self.port = 0
        self.faults: list[dict[str, Any]] = []
        self.server = Server(self._respond)
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(STARTS_WITHIN_S)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self.server.stop(), self._loop).result(STARTS_WITHIN_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STARTS_WITHIN_S)

    async def _respond(self, request: Request) -> Answer:
        self.meter.waits = True
        return await self.tampering.respond(request, Routes(self.meter, token=TOKEN).respond)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.set_exception_handler(lambda loop, context: self.faults.append(context))
        self.port = self._loop.run_until_complete(self.server.start("127.0.0.1", 0))
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()


@contextmanager
def served(meter: SimulatedMeter) -> Iterator[Served]:
    """The meter behind HTTP while the block runs."""
    serving = Served(meter)
    serving.start()
    try:
        yield serving
    finally:
        serving.stop()


def is_in_order(edges: tuple[Edge, ...]) -> bool:
    return list(edges) == sorted(edges)
