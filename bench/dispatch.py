"""From the POST of a submission to the start of its evaluation: ``./alia bench dispatch [--posts 200]``.

One real gunicorn, one real Celery worker, a real Valkey and SQLite, all on this machine. The inference
backend is a port where nobody listens, since its answer comes after what is measured: an evaluation has
started when its row says so (``started_at``, the database's clock, which here is this machine's). Beside it
stands the answer to the same POST: what starts before it has answered cost the contestant no wait at all.
"""

from __future__ import annotations

import argparse
import os
import platform
import secrets
import shutil
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]

import httpx  # noqa: E402  # the path comes first, so that this runs without an installation

from desafio.demo import services  # noqa: E402
from desafio.demo.console import Console  # noqa: E402
from desafio.demo.folder import DataFolder  # noqa: E402
from desafio.demo.machine import free_port  # noqa: E402
from desafio.demo.processes import Supervisor  # noqa: E402
from desafio.demo.services import Places  # noqa: E402

if TYPE_CHECKING:
    from challenges.models import Phase

GOALS_MS = {"p50": 20.0, "p99": 100.0}
WARM_UP = 10
STARTS_WITHIN_S = 10.0
LOOK_EVERY_S = 0.002
CONTENT = {"system": "", "user": "{{pregunta}}", "sampling": {"temperature": 0, "max_output_tokens": 8}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=200)
    posts = parser.parse_args().posts
    base = Path(tempfile.mkdtemp(prefix="desafio-bench-"))
    try:
        measure(DataFolder(base / "d"), posts)
    finally:
        shutil.rmtree(base, ignore_errors=True)


def measure(folder: DataFolder, posts: int) -> None:
    folder.prepare()
    places = Places(folder=folder, port=free_port(), model_port=1)
    os.environ.update(services.settings_of(places))
    os.environ["API_THROTTLE_RATES"] = '{"anon": null, "user": null, "login": null, "submit": null}'
    environment = dict(os.environ)
    os.environ["LOG_LEVEL"] = "ERROR"
    token, phase = make_rows()
    supervisor = Supervisor(print)
    console = Console(sys.stderr)
    try:
        for program in (services.valkey, services.worker, services.web):
            with console.step(program.__name__):
                supervisor.start(program(places, environment))
        # One client: making one reads certificates for some 15 ms, which are no part of a request.
        client = httpx.Client(base_url=places.url, timeout=STARTS_WITHIN_S)
        with console.step(f"{posts} envíos"), client:
            figures = [one_post(client, token, phase) for _ in range(posts + WARM_UP)][WARM_UP:]
    finally:
        supervisor.stop([(("web", "worker"), 6.5), (("valkey",), 2.0)])
    show([started for started, _ in figures], [answered for _, answered in figures])


def make_rows() -> tuple[str, Phase]:
    """A contestant with a token, and a phase that takes any number of attempts."""
    import django

    django.setup()
    from django.core.management import call_command
    from knox.models import AuthToken

    from tests.factories import a_participation, a_phase

    call_command("migrate", interactive=False, verbosity=0)
    call_command("createcachetable", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    phase = a_phase(attempts_per_day=100_000, attempts_per_phase=100_000)
    _, token = AuthToken.objects.create(a_participation(phase).person)
    return token, phase


def one_post(client: httpx.Client, token: str, phase: Phase) -> tuple[float, float]:
    """Milliseconds from the start of the request to the evaluation's start, and to the answer."""
    from challenges.models import Evaluation, State

    body = {"challenge": phase.challenge.slug, "phase": phase.slug, "content": CONTENT}
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": uuid.uuid4().hex}
    sent_at, clock = time.time(), time.perf_counter()
    answer = client.post("/api/v1/submissions/", json=body, headers=headers)
    answered_ms = (time.perf_counter() - clock) * 1000
    answer.raise_for_status()
    evaluation = Evaluation.objects.filter(submission=answer.json()["id"])
    deadline = time.monotonic() + STARTS_WITHIN_S
    # Until it is held again, so that the next post finds the worker waiting.
    while (row := evaluation.get()).started_at is None or row.state != State.HELD:
        if time.monotonic() > deadline:
            raise SystemExit(f"not started within {STARTS_WITHIN_S} s: {row}")
        time.sleep(LOOK_EVERY_S)
    time.sleep(secrets.randbelow(20) / 1000)
    return (row.started_at.timestamp() - sent_at) * 1000, answered_ms


def show(started: Sequence[float], answered: Sequence[float]) -> None:
    machine = f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores"
    print(f"{machine}, {len(started)} posts")
    print(f"{'':34}{'p50':>9}{'p99':>9}{'max':>9}")
    for what, figures in (("POST -> answer, ms", answered), ("POST -> evaluation starts, ms", started)):
        cuts = statistics.quantiles(figures, n=100)
        print(f"{what:34}{cuts[49]:9.1f}{cuts[98]:9.1f}{max(figures):9.1f}")
    print(f"{'goal, ms':34}{GOALS_MS['p50']:9.1f}{GOALS_MS['p99']:9.1f}")
    ratio = statistics.median(started) / statistics.median(answered)
    print(f"start / answer (median): {ratio:.2f}")


if __name__ == "__main__":
    main()
