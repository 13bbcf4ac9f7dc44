"""1,000 cases of 200 ms each, 64 in flight, through ``scoring.harness``: ``./alia bench harness``.

A server process streams each answer in 16 pieces over 200 ms. Three clients, each in a process of its own,
take turns on it: the harness; bare sockets that only send and read until the end (the limit of what any
client can do here); and one httpx client shared by 64 tasks, which is how it is usually written. Processor
time and memory are the client's alone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from pathlib import Path

import httpx
import uvloop

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]

from scoring.harness import CaseOutcome, CaseRequest, RetryPolicy, run_cases  # noqa: E402
from scoring.inference.backend import BackendSettings  # noqa: E402
from scoring.inference.openai import OpenAIBackend  # noqa: E402
from scoring.values import CompletionRequest, Message, Sampling  # noqa: E402

MODEL = "bench"
PIECES = 16
ANSWER_S = 0.2
GOALS = {"wall_s": 5.0, "cpu_ms_a_case": 2.0, "memory_mb": 100.0}
CLIENTS = ("harness", "bare", "shared")
TITLES = {"harness": "scoring.harness", "bare": "bare sockets", "shared": "one shared httpx client"}

Client = Callable[[str, int, int], Awaitable[None]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", nargs="?", default="bench", choices=["bench", "serve", *CLIENTS])
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--url", default="", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.role == "bench":
        bench(chosen.cases, chosen.in_flight, chosen.rounds)
    elif chosen.role == "serve":
        uvloop.run(serve())
    else:
        measure_client(chosen.role, chosen.url, chosen.cases, chosen.in_flight)


# --- the table --------------------------------------------------------------------------------------------


def bench(cases: int, in_flight: int, rounds: int) -> None:
    server = subprocess.Popen([sys.executable, __file__, "serve"], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    url = server.stdout.readline().strip()
    best: dict[str, dict[str, float]] = {}
    try:
        for _ in range(rounds):
            for name in CLIENTS:
                figures = run_client(name, url, cases, in_flight)
                if name not in best or figures["wall_s"] < best[name]["wall_s"]:
                    best[name] = figures
    finally:
        server.terminate()
        server.wait()
    show(best, cases, in_flight, rounds)


def run_client(name: str, url: str, cases: int, in_flight: int) -> dict[str, float]:
    command = [sys.executable, __file__, name, "--url", url]
    command += ["--cases", str(cases), "--in-flight", str(in_flight)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    figures: dict[str, float] = json.loads(ended.stdout)
    return figures


def show(best: dict[str, dict[str, float]], cases: int, in_flight: int, rounds: int) -> None:
    ideal_s = cases * ANSWER_S / in_flight
    print(f"{cases} cases of {ANSWER_S * 1000:.0f} ms in {PIECES} pieces, {in_flight} in flight")
    print(f"ideal: {ideal_s:.2f} s; the best of {rounds} rounds of each\n")
    print("| client | wall s | / ideal | / bare | CPU ms a case | memory MB |")
    print("|---|---|---|---|---|---|")
    for name in CLIENTS:
        f = best[name]
        print(
            f"| {TITLES[name]} | {f['wall_s']:.2f} | {f['wall_s'] / ideal_s:.2f} "
            f"| {f['wall_s'] / best['bare']['wall_s']:.2f} | {f['cpu_ms_a_case']:.2f} "
            f"| {f['memory_mb']:.0f} |"
        )
    for goal, limit in GOALS.items():
        figure = best["harness"][goal]
        print(f"\n{goal}: {figure:.2f}, goal {limit:g}, ratio {figure / limit:.2f}")
    print(
        f"\n{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}, "
        f"httpx {version('httpx')}"
    )


def measure_client(name: str, url: str, cases: int, in_flight: int) -> None:
    client: Client = {"harness": with_harness, "bare": with_bare_sockets, "shared": with_shared_client}[name]
    before = resource.getrusage(resource.RUSAGE_SELF)
    started = time.perf_counter()
    asyncio.run(client(url, cases, in_flight))  # type: ignore[arg-type]  # each client is a coroutine function
    wall_s = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    figures = {
        "wall_s": wall_s,
        "cpu_ms_a_case": cpu_s * 1000 / cases,
        "memory_mb": after.ru_maxrss / 1024,
    }
    print(json.dumps(figures))


# --- the clients ------------------------------------------------------------------------------------------


def requests(cases: int) -> list[CaseRequest]:
    sampling = Sampling(max_output_tokens=PIECES)
    return [
        CaseRequest(
            key=f"c{number}",
            request=CompletionRequest(
                messages=(Message(role="user", content=f"Pregunta {number}. " + "texto " * 40),),
                sampling=sampling,
            ),
        )
        for number in range(cases)
    ]


async def with_harness(url: str, cases: int, in_flight: int) -> None:
    answered = 0

    async def keep(outcome: CaseOutcome) -> None:
        nonlocal answered
        assert outcome.completion is not None, outcome.fault
        answered += 1

    await run_cases(
        cases=requests(cases),
        backend_factory=lambda: OpenAIBackend(BackendSettings(url=url, model=MODEL)),
        concurrency=in_flight,
        case_timeout_s=30,
        retries=RetryPolicy(),
        on_result=keep,
    )
    assert answered == cases


async def with_bare_sockets(url: str, cases: int, in_flight: int) -> None:
    """Sends the same bytes and looks for nothing but the end of each answer."""
    port = int(url.rpartition(":")[2])
    body = b"{" + b" " * 500 + b"}"
    head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    waiting = iter(range(cases))

    async def work() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in waiting:
            writer.write(head + body)
            await reader.readuntil(b"0\r\n\r\n")
        writer.close()

    await asyncio.gather(*(work() for _ in range(in_flight)))


async def with_shared_client(url: str, cases: int, in_flight: int) -> None:
    waiting = iter(requests(cases))
    limits = httpx.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
    async with httpx.AsyncClient(limits=limits, timeout=60) as client:

        async def work() -> None:
            for case in waiting:
                body = {"messages": [{"role": "user", "content": case.request.messages[0].content}]}
                async with client.stream("POST", url, json=body) as response:
                    async for line in response.aiter_lines():
                        if line.startswith("data: {"):
                            json.loads(line[6:])

        await asyncio.gather(*(work() for _ in range(in_flight)))


# --- the server -------------------------------------------------------------------------------------------


def pieces() -> list[bytes]:
    base = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
    events = [{**base, "choices": [{"index": 0, "delta": {"content": f" pieza{n}"}}]} for n in range(PIECES)]
    events[-1]["choices"][0]["finish_reason"] = "stop"  # type: ignore[index]  # a literal of our own
    usage = {"prompt_tokens": 90, "completion_tokens": PIECES, "total_tokens": 90 + PIECES}
    last = json.dumps({**base, "choices": [], "usage": usage})
    made = [f"data: {json.dumps(event)}\n\n".encode() for event in events]
    made[-1] += f"data: {last}\n\ndata: [DONE]\n\n".encode()
    return [f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in made]


async def serve() -> None:
    """Speaks just enough HTTP/1.1; answers any POST with the same stream."""
    chunks = pieces()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                request = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(request.partition(b"content-length:")[2].partition(b"\r\n")[0])
                await reader.readexactly(length)
                writer.write(head)
                for chunk in chunks:
                    await asyncio.sleep(ANSWER_S / PIECES)
                    writer.write(chunk)
                writer.write(b"0\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    main()
