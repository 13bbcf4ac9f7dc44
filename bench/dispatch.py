"""From the POST of a submission to the start of its evaluation: ``./alia bench dispatch [--posts 200]``.

One real gunicorn, one real Celery worker, a real Valkey and SQLite, all on this machine. The inference
backend answers its one case at once, since that comes after what is measured: an evaluation has started when
its row says so (``started_at``, the database's clock, which here is this machine's); the next post comes when
it has its score. Beside it stands the answer to the same POST: what starts before it has answered cost the
contestant no wait at all.

``--throughput`` asks instead how much two worker processes get done in a second, on PostgreSQL: messages that
find nothing, and evaluations of one case brought to their score with a backend that answers at once. Beside
them two bare Celery workers run a task that only says ``SELECT 1``, acknowledged before and after.
"""

from __future__ import annotations

import argparse
import os
import platform
import secrets
import shutil
import signal
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]

import httpx  # noqa: E402  # the path comes first, so that this runs without an installation
from redis import Redis  # noqa: E402

from bench.peers import bare_celery, processes  # noqa: E402
from desafio.demo import services  # noqa: E402
from desafio.demo.console import Console  # noqa: E402
from desafio.demo.folder import DataFolder  # noqa: E402
from desafio.demo.machine import free_port  # noqa: E402
from desafio.demo.processes import Supervisor  # noqa: E402
from desafio.demo.services import Places  # noqa: E402
from desafio.worker.__main__ import QUIET  # noqa: E402
from tests.scripted_backend import (  # noqa: E402
    MODEL,
    Answer,
    answering,
    chat_events,
    scripted_backend,
)
from tests.servers import Process, wait_until  # noqa: E402
from tests.storm import stage as stages  # noqa: E402
from tests.storm import truth  # noqa: E402
from tests.storm.stage import Stage  # noqa: E402

if TYPE_CHECKING:
    from challenges.models import Phase

GOALS_MS = {"p50": 20.0, "p99": 100.0}
WARM_UP = 10
STARTS_WITHIN_S = 10.0
LOOK_EVERY_S = 0.002
GOAL_TASKS_PER_S = 200.0
PROCESSES = 2
MESSAGES = 2000
EVALUATIONS = 300
ROUNDS = 3
# What happens between these shares of the messages is timed: neither the start nor the last stragglers are.
STEADY = (0.1, 0.9)
BARE_WORKER = ["celery", "-A", "bench.peers.bare_celery", "worker", "-c", "1", "-l", "INFO"]
CONTENT = {"system": "", "user": "{{pregunta}}", "sampling": {"temperature": 0, "max_output_tokens": 8}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=200)
    parser.add_argument("--throughput", action="store_true", help="tasks and evaluations a second")
    chosen = parser.parse_args()
    base = Path(tempfile.mkdtemp(prefix="desafio-bench-"))
    try:
        if chosen.throughput:
            measure_throughput(base)
        else:
            measure(DataFolder(base / "d"), chosen.posts)
    finally:
        shutil.rmtree(base, ignore_errors=True)


def measure(folder: DataFolder, posts: int) -> None:
    with scripted_backend(answering(Answer(pieces=chat_events("sí")))) as backend:
        measure_with(backend.url, folder, posts)


def measure_with(backend_url: str, folder: DataFolder, posts: int) -> None:
    folder.prepare()
    places = Places(folder=folder, port=free_port(), model_port=1)
    os.environ.update(services.settings_of(places))
    os.environ.update({"INFERENCE_URL": backend_url, "INFERENCE_MODEL": MODEL})
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
    phase = a_phase(ranked_cases=1, feedback_suite=None, attempts_per_day=100_000, attempts_per_phase=100_000)
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
    # Until it has its score, so that the next post finds the worker waiting.
    while (row := evaluation.get()).started_at is None or row.state != State.SCORED:
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


# --- how much in a second ---------------------------------------------------------------------------------


def measure_throughput(folder: Path) -> None:
    ours = stages.prepare(folder, database="postgres", lease_s=15)
    try:
        ours.start_backend(answer_ms=0)
        ours.valkey.start()
        workers = start_workers(ours)
        phase = make_small_phase()
        broker = Redis.from_url(ours.valkey.url)
        figures = [one_round(broker, workers, phase, number) for number in range(ROUNDS)]
        show_throughput(figures)
    finally:
        ours.close()


def start_workers(ours: Stage) -> dict[str, list[Process]]:
    """Two of ours and two bare ones, all ready; those whose turn it is not are stopped by SIGSTOP."""
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", interactive=False, verbosity=0)
    workers = [ours.start_worker() for _ in range(PROCESSES)]
    bare = [ours.start_process(*BARE_WORKER, *QUIET, name=f"bare-{n}") for n in range(PROCESSES)]
    wait_until(lambda: all(each.is_ready for each in workers), "the workers are ready")
    wait_until(lambda: all(stages.READY in each.log() for each in bare), "the bare workers are ready")
    found = {"ours": [each.process for each in workers], "bare": bare}
    for process in [*found["ours"], *found["bare"]]:
        os.killpg(process.pid, signal.SIGSTOP)
    return found


def make_small_phase() -> Phase:
    """Suites of one case, and no limit that this bench would meet."""
    from tests.factories import a_challenge, a_phase

    return a_phase(
        a_challenge(),
        ranked_cases=truth.suite_of([0]),
        feedback_suite=None,
        policy_parameters=dict(truth.PARAMETERS),
        running_per_participation=PROCESSES,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How many a second, and what one cost the worker processes; the database's share is not in it."""

    per_s: float
    cpu_ms: float


def one_round(broker: Redis, workers: dict[str, list[Process]], phase: Phase, number: int) -> dict[str, Rate]:
    from challenges.dispatch import WORK_TASK

    rates = {}
    for name, whose, task in (
        ("finds nothing", "ours", WORK_TASK),
        ("SELECT 1", "bare", bare_celery.SELECT_TASK),
        ("SELECT 1, acks_late", "bare", bare_celery.USUAL_TASK),
    ):
        rates[name] = rate_of_messages(broker, workers[whose], task)
    rates["evaluations"] = rate_of_evaluations(workers["ours"], phase, number)
    return rates


def rate_of_messages(broker: Redis, workers: list[Process], task: str) -> Rate:
    """How fast a full queue empties, in its steady part."""
    from desafio.celery import app

    is_bare = task.startswith(bare_celery.QUEUE)
    queue = bare_celery.QUEUE if is_bare else str(app.conf.task_default_queue)
    with app.connection_for_write() as connection, app.amqp.Producer(connection) as producer:
        for _ in range(MESSAGES):
            app.send_task(task, producer=producer, queue=queue, ignore_result=True)

    def length() -> int:
        return int(broker.llen(queue))

    def drains_to(share: float) -> Callable[[], bool]:
        return lambda: length() <= share * MESSAGES

    with at_work(workers):
        wait_until(drains_to(STEADY[1]), "the queue starts to empty")
        before, first, used = time.perf_counter(), length(), cpu_s(workers)
        wait_until(drains_to(1 - STEADY[1]), "the queue empties")
        done = first - length()
        per_s, used = done / (time.perf_counter() - before), cpu_s(workers) - used
        wait_until(drains_to(0), "the queue is empty")
        # The last ones are under way, and must not be in the next figure.
        time.sleep(0.5)
    return Rate(per_s=per_s, cpu_ms=used * 1000 / done)


def cpu_s(workers: Sequence[Process]) -> float:
    pids = [process.pid for process in workers]
    return processes.cpu_s([*pids, *(child for pid in pids for child in processes.children_of(pid))])


def rate_of_evaluations(workers: list[Process], phase: Phase, number: int) -> Rate:
    """From the claim to the score, by the moments that the database wrote at the scores."""
    from challenges.dispatch import WORK_TASK
    from challenges.models import Evaluation, Score, State
    from desafio.celery import app
    from tests.factories import a_participation, a_submission

    participations = [a_participation(phase) for _ in range(PROCESSES * 4)]
    for each in range(EVALUATIONS):
        content = truth.prompt_of(number * EVALUATIONS + each)
        whose = participations[each % len(participations)]
        a_submission(phase, participation=whose, content=content, state=State.QUEUED)
    waiting = list(Evaluation.objects.waiting().values_list("pk", flat=True))
    with at_work(workers):
        used = cpu_s(workers)
        for _ in workers:
            app.send_task(WORK_TASK, ignore_result=True)
        done = Score.objects.filter(evaluation__in=waiting)
        wait_until(lambda: done.count() == len(waiting), "all are scored", seconds=600)
        used = cpu_s(workers) - used
    moments = sorted(done.values_list("created_at", flat=True))
    first, last = (int(share * len(moments)) for share in STEADY)
    per_s = (last - first) / (moments[last] - moments[first]).total_seconds()
    return Rate(per_s=per_s, cpu_ms=used * 1000 / len(waiting))


@contextmanager
def at_work(workers: Sequence[Process]) -> Iterator[None]:
    """Only these run meanwhile: the others' idle looks at the broker would cost them a share of two cores."""
    for process in workers:
        os.killpg(process.pid, signal.SIGCONT)
    try:
        yield
    finally:
        for process in workers:
            os.killpg(process.pid, signal.SIGSTOP)


def show_throughput(figures: Sequence[dict[str, Rate]]) -> None:
    machine = f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores"
    print(f"{machine}, load {os.getloadavg()[0]:.1f}, {PROCESSES} worker processes")
    print(f"the median of {len(figures)} rounds; CPU of the workers, without that of the database")
    print(f"{'':26}{'a second':>10}{'/ SELECT 1':>12}{'lowest':>9}{'highest':>9}{'CPU ms':>9}")
    bare = statistics.median(each["SELECT 1"].per_s for each in figures)
    for name in figures[0]:
        rates = [each[name].per_s for each in figures]
        rate, cpu_ms = statistics.median(rates), statistics.median(each[name].cpu_ms for each in figures)
        print(f"{name:26}{rate:10.1f}{rate / bare:12.2f}{min(rates):9.1f}{max(rates):9.1f}{cpu_ms:9.2f}")
    print(f"{'goal, messages':26}{GOAL_TASKS_PER_S:10.1f}")


if __name__ == "__main__":
    main()
