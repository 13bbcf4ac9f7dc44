"""``python -m scoring.energy.meter`` runs this: reads the options, turns each end into an exit code.

0 when it was told to end; 1 when it could not go on, or when ``--check`` found no counter; 2, with one
sentence on what to do, when it cannot start as it was asked to.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from scoring.energy.counter import CounterSource
from scoring.energy.edges import (
    SAMPLE_EVERY_MS,
    EdgesInvalid,
    Recording,
    write_recording,
)
from scoring.energy.meter.arguments import CannotStart, Options, parse
from scoring.energy.meter.core import Limits, Meter
from scoring.energy.meter.offers import offers, told
from scoring.energy.meter.routes import Routes
from scoring.energy.meter.sampling import Sampling
from scoring.energy.meter.server import Server
from scoring.energy.sources import open_source
from scoring.errors import CounterUnavailable

FAILED, CANNOT_START = 1, 2
# Windows that nobody asks for any more are closed by this beat.
CLOSE_DUE_EVERY_S = 0.5
# A counter that changes slowly need not be asked 50 times a second: some are behind a socket.
SAMPLES_A_STEP = 5


def main(arguments: Sequence[str]) -> int:
    try:
        options = parse(arguments)
        if options.check:
            return _check()
        source = _opened(options.source)
        try:
            meter = Meter(
                source, clock=time.monotonic_ns, token=options.token, limits=_limits(options, source)
            )
            if options.record is not None:
                return _record(meter, options.record, options.seconds)
            return asyncio.run(_serve(meter, options))
        finally:
            source.close()
    except CannotStart as reason:
        print(f"medidor: {reason}", file=sys.stderr)
        return CANNOT_START


def _check() -> int:
    found = offers(open_source)
    print(told(found))
    return 0 if any(offer.grade for offer in found) else FAILED


def _opened(spec: str) -> CounterSource:
    try:
        source = open_source(spec)
        source.read_mj()
    except ValueError as error:
        raise CannotStart(str(error)) from error
    except CounterUnavailable as error:
        raise CannotStart(f"{error.reason} --check dice qué contadores hay aquí.") from error
    return source


def _limits(options: Options, source: CounterSource) -> Limits:
    by_source_ms = max(SAMPLE_EVERY_MS, source.device().update_ms // SAMPLES_A_STEP)
    return Limits(
        sample_every_ms=options.sample_ms or by_source_ms,
        window_limit_s=options.window_limit_s,
        most_processes=options.most_processes,
    )


async def _serve(meter: Meter, options: Options) -> int:
    """Count and answer until SIGTERM or Ctrl-C; 1 where counting ended by itself."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    sampling = Sampling(
        meter.sample,
        every_ms=meter.limits.sample_every_ms,
        when_it_ends=lambda: loop.call_soon_threadsafe(stop.set),
    )
    server = Server(Routes(meter, token=options.token).respond)
    try:
        port = await server.start(options.host, options.port)
    except OSError as error:
        raise CannotStart(
            f"No se puede escuchar en {options.host}:{options.port} ({error.strerror}): di otro puerto con "
            "--listen."
        ) from error
    sampling.start()
    host = f"[{options.host}]" if ":" in options.host else options.host
    print(
        f"Medidor en http://{host}:{port} · {meter.source_name} · {meter.device.name} "
        f"({meter.device.uuid}) · hasta grado {meter.grade}",
        flush=True,
    )
    while not stop.is_set():
        await asyncio.to_thread(meter.close_due)
        await _wait(stop, CLOSE_DUE_EVERY_S)
    went_on = sampling.is_running
    await server.stop()
    sampling.stop()
    return 0 if went_on else FAILED


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


def _record(meter: Meter, path: Path, seconds: int | None) -> int:
    """Count until the time is over or a signal comes, and write down what changed."""
    if path.exists():
        raise CannotStart(f"{path} ya existe y no se sobrescribe: di otro archivo con --record.")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    sampling = Sampling(meter.sample, every_ms=meter.limits.sample_every_ms, when_it_ends=stop.set)
    sampling.start()
    stop.wait(seconds)
    went_on = sampling.is_running
    sampling.stop()
    edges = meter.log.around(0, time.monotonic_ns())
    try:
        write_recording(path, Recording(device=meter.device, source=meter.source_name, edges=edges))
    except (OSError, EdgesInvalid) as error:
        print(f"medidor: no se puede escribir {path} ({error}): di otro archivo.", file=sys.stderr)
        return FAILED
    print(f"{len(edges)} cambios del contador en {path}; se repiten con --source replay:{path}")
    return 0 if went_on else FAILED


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
