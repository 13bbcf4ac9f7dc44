"""Whether a worker grows: one real worker evaluates 1,000 submissions: ``./alia bench worker_memory``.

Each has one case; the backend is a process of its own that answers at once. What is looked at is the child of
the worker's pool, which does the work: its memory after 50 evaluations, when everything is loaded, and after
1,000. Beside it a bare Celery worker does the same number of empty tasks.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]

from redis import Redis  # noqa: E402  # the path comes first

from bench.peers import bare_celery, processes  # noqa: E402
from desafio.worker.__main__ import QUIET  # noqa: E402
from tests.servers import Process, wait_until  # noqa: E402
from tests.storm import stage as stages  # noqa: E402
from tests.storm import truth  # noqa: E402
from tests.storm.stage import Stage  # noqa: E402

if TYPE_CHECKING:
    from challenges.models import Phase

WARM = 50
GOAL_GROWTH = 0.05
WITHIN_S = 1_800
MIB = 2**20
BARE_WORKER = ["celery", "-A", "bench.peers.bare_celery", "worker", "-c", "1", "-l", "INFO"]

# One more step of a worker: it returns once so many in all are done.
DoUpTo = Callable[[int], None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--evaluations", type=int, default=1_000)
    parser.add_argument("--database", choices=["postgres", "sqlite"], default="postgres")
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="desafio-bench-"))
    ours = stages.prepare(folder, database=chosen.database, lease_s=15)
    try:
        ours.start_backend(answer_ms=0)
        ours.valkey.start()
        bare = ours.start_process(*BARE_WORKER, *QUIET, name="bare")
        found = {"bare Celery, empty task": grown(bare, bare_steps(ours), chosen.evaluations)}
        bare.stop()
        phase = make_phase(chosen.evaluations)
        # A ring may be lost, and then it is the sweeper that rings again.
        ours.start_sweeper()
        worker = ours.start_worker().process
        found["desafio, evaluations"] = grown(worker, steps(phase), chosen.evaluations)
        show(found, chosen.evaluations, chosen.database)
    finally:
        ours.close()
        shutil.rmtree(folder, ignore_errors=True)


def grown(worker: Process, do_up_to: DoUpTo, total: int) -> list[dict[str, int]]:
    """The memory of the pool's child when it is warm and at the end. It must be one child all the time."""
    wait_until(lambda: stages.READY in worker.log(), "the worker is ready")
    (child,) = processes.children_of(worker.pid)
    found = []
    for count in (WARM, total):
        do_up_to(count)
        found.append(processes.memory_bytes(child))
    assert processes.children_of(worker.pid) == [child], "the pool's child was replaced"
    return found


def bare_steps(ours: Stage) -> DoUpTo:
    from celery import Celery

    # Not the current application: that is the platform's, and what rings by it must go on doing so.
    address = ours.valkey.url.replace("unix://", "redis+socket://", 1)
    app = Celery("sender", broker=address, set_as_current=False)
    broker, sent = Redis.from_url(ours.valkey.url), 0

    def do_up_to(count: int) -> None:
        nonlocal sent
        for _ in range(count - sent):
            app.send_task(bare_celery.EMPTY_TASK, queue=bare_celery.QUEUE, ignore_result=True)
        sent = count
        wait_until(lambda: not broker.exists(bare_celery.QUEUE), "the bare tasks are done", seconds=WITHIN_S)

    return do_up_to


def make_phase(evaluations: int) -> Phase:
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    from tests.factories import a_challenge, a_phase

    settings.PASSWORD_HASHERS = ["tests.hashing.QuickArgon2"]
    call_command("migrate", interactive=False, verbosity=0)
    return a_phase(
        a_challenge(),
        ranked_cases=truth.suite_of([0]),
        feedback_suite=None,
        policy_parameters=dict(truth.PARAMETERS),
        attempts_per_day=evaluations,
        attempts_per_phase=evaluations,
    )


def steps(phase: Phase) -> DoUpTo:
    """Hands in through the use case, whose rings wake the worker."""
    from challenges import submission
    from challenges.models import Score
    from tests.factories import a_participation

    participations, handed_in = [a_participation(phase) for _ in range(20)], 0

    def do_up_to(count: int) -> None:
        nonlocal handed_in
        for number in range(handed_in, count):
            submission.submit(
                participation=participations[number % len(participations)],
                phase=phase,
                content=truth.prompt_of(number),
                idempotency_key=f"memory-{number}",
            )
        handed_in = count
        wait_until(lambda: Score.objects.count() == count, f"{count} are scored", seconds=WITHIN_S)

    return do_up_to


def show(found: dict[str, list[dict[str, int]]], total: int, database: str) -> None:
    print(
        f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores, "
        f"Celery {version('celery')}, Django {version('django')}, {database}"
    )
    print(f"memory of the pool's child, MiB, after {WARM} and after {total:,}\n")
    print(
        f"{'':28}{f'RSS {WARM}':>10}{f'RSS {total}':>10}{'growth':>9}{f'PSS {WARM}':>10}{f'PSS {total}':>10}"
    )
    for name, (warm, end) in found.items():
        growth = end["rss"] / warm["rss"] - 1
        print(
            f"{name:28}{warm['rss'] / MIB:10.1f}{end['rss'] / MIB:10.1f}{growth:9.1%}"
            f"{warm['pss'] / MIB:10.1f}{end['pss'] / MIB:10.1f}"
        )
    print(f"\ngoal: growth <= {GOAL_GROWTH:.0%}")


if __name__ == "__main__":
    main()
