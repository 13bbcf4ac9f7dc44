"""How long from a recorded score to an open stream, and how fast many streams are told, beside bare sockets.

``python bench/live.py`` starts a real Valkey, the live process and a fresh SQLite database, all on this
machine (127.0.0.1 only), and prints tables and the conditions. ``record`` and ``bare`` are its own children.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import uvloop
from redis.asyncio import Redis

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]

HOST = "127.0.0.1"
BARE_CHANNEL = "bench:bare"
MOST_CLIENTS = 5_000
# Connections opened at once: fewer than a listening socket queues.
BATCH = 200
ANSWER_S = 60
GOALS_MS = {"p50": 15.0, "p99": 60.0}
FAN_OUT_GOAL_MS = 300.0
FAN_OUT_GOAL_RATIO = 2.0
GOAL_KIB_A_CLIENT = 15.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", nargs="?", default="bench", choices=["bench", "record", "bare"])
    parser.add_argument("--events", type=int, default=300, help="scores recorded, one by one")
    parser.add_argument("--rows", type=int, default=100, help="participations on the board")
    parser.add_argument("--clients", type=int, default=500, help=f"open streams, at most {MOST_CLIENTS}")
    parser.add_argument("--rounds", type=int, default=30, help="events sent to all streams")
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if not 1 <= chosen.clients <= MOST_CLIENTS:
        parser.error(f"--clients is 1 to {MOST_CLIENTS}")
    if chosen.role == "record":
        record_scores(chosen.events)
    elif chosen.role == "bare":
        run(serve_bare(chosen.port))
    else:
        bench(chosen)


def run(story: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(story)


# --- the parts, each a process of its own ---------------------------------------------------------------


def bench(chosen: argparse.Namespace) -> None:
    from tests import environment

    folder = environment.prepare()
    os.environ["DJANGO_SETTINGS_MODULE"] = "desafio.settings"
    from tests.servers import Process, Valkey, free_port

    ports = {"live": free_port(), "bare": free_port()}
    valkey = Valkey(folder / "run" / "valkey.sock", folder / "valkey")
    uvicorn = [sys.executable, "-m", "uvicorn", "desafio.live.asgi:app", "--host", HOST, "--no-access-log"]
    live = Process([*uvicorn, "--port", str(ports["live"])], log=folder / "live.log")
    bare = Process([sys.executable, __file__, "bare", "--port", str(ports["bare"])], log=folder / "bare.log")
    with contextlib.ExitStack() as stack:
        for part in (valkey, live, bare):
            stack.callback(part.stop)
        valkey.start()
        phase_id, path = seed(chosen.rows)
        live.start()
        bare.start()
        run(measure(chosen, ports=ports, path=path, phase_id=phase_id, live_pid=live.pid))


def seed(rows: int) -> tuple[int, str]:
    """A phase with a board of ``rows``; returns its id and the path of its stream's folder."""
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    from challenges import standings
    from tests.factories import a_participation, a_phase, a_score

    # Nobody logs in here, and a hundred good hashes take a quarter of a minute.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    call_command("migrate", verbosity=0)
    phase = a_phase()
    for number in range(rows):
        a_score(phase, participation=a_participation(phase), value=str(Decimal(number % 50)))
    standings.rebuild(phase)
    return phase.pk, f"/vivo/{phase.challenge.slug}/{phase.slug}"


def record_scores(events: int) -> None:
    """Record scores by the worker's own use case; print version and moment of each commit as JSON lines."""
    import django

    django.setup()
    from django.db import transaction

    from challenges import lease, standings
    from challenges.models import Leaderboard, Participation, Phase, Reason, State
    from challenges.standings import Judged
    from scoring.values import EvidenceGrade, PolicyResult
    from tests.factories import a_submission, unsealed

    phase = Phase.objects.select_related("challenge").get()
    participations = list(Participation.objects.all())
    for number in range(events):
        a_submission(phase, participation=random.choice(participations))
        held = lease.claim("bench")
        assert held is not None
        lease.transition(held, to=State.RUNNING, reason=Reason.STARTED)
        lease.transition(held, to=State.GRADING, reason=Reason.ANSWERED)
        result = PolicyResult(
            score=Decimal(50 + number % 50) + Decimal(number) / 10_000,
            quality=Decimal("0.5"),
            green=Decimal("0.25"),
            reaches_minimum=True,
        )
        judged = Judged(
            result=result,
            energy_mj=5_000 + number,
            evidence_grade=EvidenceGrade.E,
            prompt_tokens=100,
            completion_tokens=20,
        )
        committed: list[int] = []
        with transaction.atomic():
            # The first thing after the commit; the announcement that ``record`` asks for is the second.
            transaction.on_commit(partial(note_moment, committed))
            standings.record(held, judged=judged, seal=unsealed)
        told = {"version": Leaderboard.objects.get(phase=phase).version, "at_ns": committed[0]}
        print(json.dumps(told), flush=True)
        time.sleep(random.uniform(0.01, 0.04))


def note_moment(moments: list[int]) -> None:
    moments.append(time.monotonic_ns())


async def serve_bare(port: int) -> None:
    """What the machine can do: uvloop sockets that get the same bytes by the same Valkey, no more."""
    from django.conf import settings

    transports: set[asyncio.WriteTransport] = set()

    class Bare(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            # uvloop's transports are no subclass of asyncio's.
            self.transport = cast(asyncio.WriteTransport, transport)
            self.transport.write(b"event: welcome\n\n")
            transports.add(self.transport)

        def connection_lost(self, fault: Exception | None) -> None:
            transports.discard(self.transport)

    await asyncio.get_running_loop().create_server(Bare, HOST, port, backlog=2_048)
    async with Redis.from_url(settings.REDIS_URL).pubsub() as subscription:
        await subscription.subscribe(BARE_CHANNEL)
        async for message in subscription.listen():
            if message["type"] == "message":
                for transport in transports:
                    transport.write(message["data"])


# --- the measurements -----------------------------------------------------------------------------------


async def measure(
    chosen: argparse.Namespace, *, ports: Mapping[str, int], path: str, phase_id: int, live_pid: int
) -> None:
    from django.conf import settings

    await until_well(ports["live"])
    print(conditions(chosen), flush=True)
    latencies = await score_to_stream(ports["live"], path, events=chosen.events)
    print(latency_table(latencies), flush=True)
    async with Redis.from_url(settings.REDIS_URL) as redis:
        fan = FanOut(redis=redis, phase_id=phase_id, clients=chosen.clients)
        await fan.learn_board(ports["live"], path)
        before_kib = resident_kib(live_pid)
        await fan.connect(
            "live", ports["live"], f"GET {path}/eventos HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
        )
        kib_a_client = (resident_kib(live_pid) - before_kib) / chosen.clients
        await fan.connect("bare", ports["bare"], b"")
        for _ in range(chosen.rounds):
            for subject in ("live", "bare"):
                await fan.send(subject)
        kib_busy = (resident_kib(live_pid) - before_kib) / chosen.clients
    print(fan_out_table(fan, kib_a_client, kib_busy))
    print(f"\nload average at the end: {os.getloadavg()[0]:.2f}")


async def score_to_stream(port: int, path: str, *, events: int) -> list[float]:
    """Milliseconds from each commit in another process to its event in an open stream here."""
    arrivals: dict[int, int] = {}
    child_environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path[:2])}
    command = [sys.executable, __file__, "record", "--events", str(events)]
    with recording(command, child_environment) as child:
        async with asyncio.timeout(ANSWER_S + events):
            async for number in versions(port, path):
                arrivals.setdefault(number, time.monotonic_ns())
                # The board that a stream begins with is no event; each score adds one.
                if len(arrivals) == events + 1:
                    break
        output, _ = await asyncio.to_thread(child.communicate)
    commits = {told["version"]: told["at_ns"] for told in map(json.loads, output.splitlines())}
    assert len(commits) == events
    return [(arrivals[number] - at_ns) / 1e6 for number, at_ns in commits.items()]


@contextlib.contextmanager
def recording(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as child:
        try:
            yield child
        finally:
            child.terminate()


async def versions(port: int, path: str) -> AsyncIterator[int]:
    """The version of each event, at the moment when the whole of it is here."""
    reader, writer = await asyncio.open_connection(HOST, port, limit=2**24)
    writer.write(f"GET {path}/eventos HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    number = None
    try:
        async for line in reader:
            if line.startswith(b"id: "):
                number = int(line[4:].partition(b"-")[0])
            elif line == b"\n" and number is not None:
                yield number
                number = None
    finally:
        writer.close()


class Arrivals(asyncio.Protocol):
    """One client: notes when an event has come. ``round`` is shared by all clients of a subject."""

    def __init__(self, told: list[int], all_told: asyncio.Event, expected: int, greeting: bytes) -> None:
        self.told, self.all_told, self.expected, self.greeting = told, all_told, expected, greeting

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self.greeting:
            cast(asyncio.WriteTransport, transport).write(self.greeting)

    def data_received(self, received: bytes) -> None:
        # A beat of the live process is no event; an event of some hundred bytes comes in one piece.
        if b"event: " in received:
            self.told.append(time.monotonic_ns())
            if len(self.told) == self.expected:
                self.all_told.set()


class FanOut:
    """The same event to all clients of the live process and of the bare one, in turns."""

    def __init__(self, *, redis: Redis, phase_id: int, clients: int) -> None:
        self.redis, self.phase_id, self.clients = redis, phase_id, clients
        self.board: dict[str, Any] = {}
        self.event = b""
        self.told: dict[str, list[int]] = {"live": [], "bare": []}
        self.all_told = {subject: asyncio.Event() for subject in self.told}
        self.milliseconds: dict[str, list[float]] = {"live": [], "bare": []}
        self.last_ms: dict[str, list[float]] = {"live": [], "bare": []}

    async def learn_board(self, port: int, path: str) -> None:
        reader, writer = await asyncio.open_connection(HOST, port, limit=2**24)
        writer.write(f"GET {path}/tabla.json HTTP/1.0\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        self.board = json.loads(answer.partition(b"\r\n\r\n")[2])

    async def connect(self, subject: str, port: int, greeting: bytes) -> None:
        """Open all clients; each has got its first event (the board, a welcome) when this returns."""
        loop = asyncio.get_running_loop()
        told, all_told = self.told[subject], self.all_told[subject]
        for start in range(0, self.clients, BATCH):
            batch = min(BATCH, self.clients - start)
            clients = (
                loop.create_connection(lambda: Arrivals(told, all_told, self.clients, greeting), HOST, port)
                for _ in range(batch)
            )
            await asyncio.gather(*clients)
        await asyncio.wait_for(all_told.wait(), ANSWER_S)

    async def send(self, subject: str) -> None:
        """One event to all, and wait until all have it."""
        told, all_told = self.told[subject], self.all_told[subject]
        told.clear()
        all_told.clear()
        channel, message = self.next_message(subject)
        started = time.monotonic_ns()
        await self.redis.publish(channel, message)
        await asyncio.wait_for(all_told.wait(), ANSWER_S)
        taken = [(at - started) / 1e6 for at in told]
        self.milliseconds[subject] += taken
        self.last_ms[subject].append(max(taken))

    def next_message(self, subject: str) -> tuple[str, bytes]:
        from desafio.live import delta
        from desafio.live.board import encode_event, to_json

        if subject == "bare":
            return BARE_CHANNEL, self.event
        before = self.board
        first = {**before["rows"][0], "attempts": before["rows"][0]["attempts"] + 1}
        self.board = {**before, "version": before["version"] + 1, "rows": [first, *before["rows"][1:]]}
        step = delta.between(before, self.board)
        self.event = encode_event("rows", f"{self.board['version']}-{'0' * 16}", to_json(step))
        body = to_json(self.board).decode()
        message = {"phase_id": self.phase_id, "version": self.board["version"], "body": body}
        return f"desafio:board:{self.phase_id}", to_json(message)


async def until_well(port: int) -> None:
    """Until it says that database and Valkey are there."""
    async with asyncio.timeout(ANSWER_S):
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection(HOST, port)
                writer.write(b"GET /vivo/salud/listo HTTP/1.0\r\n\r\n")
                answer = await reader.read()
                writer.close()
                if answer.endswith(b"\r\n\r\nready\n"):
                    return
            await asyncio.sleep(0.1)


# --- what is printed ------------------------------------------------------------------------------------


def resident_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))


def percentile(values: Sequence[float], share: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[share - 1]


def conditions(chosen: argparse.Namespace) -> str:
    parts = ", ".join(f"{name} {version(name)}" for name in ("uvicorn", "uvloop", "redis", "django"))
    return (
        f"Conditions: {os.cpu_count()} CPUs for servers and clients, load average {os.getloadavg()[0]:.2f}, "
        f"Python {platform.python_version()}, {parts}, Valkey on a unix socket, SQLite, "
        f"a board of {chosen.rows} rows.\n"
    )


def latency_table(latencies: Sequence[float]) -> str:
    lines = [
        f"Score committed -> event in an open stream, {len(latencies)} events recorded by another process:\n",
        "| | measured | goal | measured / goal |",
        "|---|---|---|---|",
    ]
    for name, goal in GOALS_MS.items():
        taken = percentile(latencies, int(name[1:]))
        lines.append(f"| {name} | {taken:.1f} ms | {goal:.0f} ms | {taken / goal:.2f} |")
    lines.append(f"| max | {max(latencies):.1f} ms | - | - |\n")
    return "\n".join(lines)


def fan_out_table(fan: FanOut, kib_a_client: float, kib_busy: float) -> str:
    lines = [
        f"Published -> event of {len(fan.event)} bytes in each of {fan.clients} streams, "
        f"{len(fan.last_ms['live'])} events in turns:\n",
        "| | bare uvloop sockets | desafio.live | live / bare |",
        "|---|---|---|---|",
    ]
    for name in ("p50", "p99"):
        live, bare = (percentile(fan.milliseconds[subject], int(name[1:])) for subject in ("live", "bare"))
        lines.append(f"| {name} | {bare:.1f} ms | {live:.1f} ms | {live / bare:.2f} |")
    live, bare = (statistics.median(fan.last_ms[subject]) for subject in ("live", "bare"))
    lines.append(f"| last client, median | {bare:.1f} ms | {live:.1f} ms | {live / bare:.2f} |")
    lines.append(
        f"\nGoal at 5,000: p99 <= {FAN_OUT_GOAL_RATIO:.0f} x bare and <= {FAN_OUT_GOAL_MS:.0f} ms. "
        f"Memory of the live process: {kib_a_client:.1f} KiB a client when open, {kib_busy:.1f} KiB after "
        f"all events (goal {GOAL_KIB_A_CLIENT:.0f})."
    )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
