"""A claim out of 30,000 waiting evaluations, on PostgreSQL and on SQLite: ``./alia bench claim [--plan]``.

1,000 participations have 30 evaluations each in the queue; a tenth of them has as many running as the phase
allows, so that their evaluations, which come first, must be passed over. Timed are ``lease.claim``, handing
in with that queue, and counting who is ahead. Beside them stands the bare queue that one writes by hand with
psycopg or sqlite3: the smallest table, SELECT … FOR UPDATE SKIP LOCKED LIMIT 1, UPDATE, COMMIT.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]

from tests.storm import stage as stages  # noqa: E402  # the path comes first
from tests.storm.stage import Stage  # noqa: E402

if TYPE_CHECKING:
    from challenges.models import Participation, Phase

GOAL_CLAIM_P50_MS = 5.0
PARTICIPATIONS = 1_000
A_PARTICIPATION = 30
CAPPED_SHARE = 0.1
CLAIMS = 300
SUBMISSIONS = 200
COUNTS = 50
BATCH = 2_000
DATABASES = ("postgres", "sqlite")
CONTENT = {"system": "", "user": "{{pregunta}}", "sampling": {"temperature": 0, "max_output_tokens": 8}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plan", action="store_true", help="also the nodes of the claim's query plan")
    parser.add_argument("--in", dest="database", choices=DATABASES, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.database:
        print(json.dumps(measured_in(chosen.database, with_plan=chosen.plan)))
        return
    # Settings are read once a process, so that each database has one of its own.
    command = [sys.executable, __file__, *(["--plan"] if chosen.plan else []), "--in"]
    found = {}
    for database in DATABASES:
        ended = subprocess.run([*command, database], check=True, stdout=subprocess.PIPE, text=True)
        found[database] = json.loads(ended.stdout.splitlines()[-1])
    show(found)


def measured_in(database: str, *, with_plan: bool) -> dict[str, Any]:
    folder = Path(tempfile.mkdtemp(prefix="desafio-bench-"))
    ours = stages.prepare(folder, database="postgres" if database == "postgres" else "sqlite", lease_s=600)
    os.environ["LOG_LEVEL"] = "ERROR"
    try:
        ours.valkey.start()
        phase, participations = fill()
        figures = {
            "claim": times_ms(claim_one, CLAIMS),
            "submit": times_ms(submitting(phase, participations), SUBMISSIONS),
            "who is ahead": times_ms(counting(), COUNTS),
            "bare claim": times_ms(bare_claim(ours), CLAIMS),
        }
        return {"figures": figures, "plan": plan_of_claim() if with_plan else [], "version": version()}
    finally:
        ours.close()
        shutil.rmtree(folder, ignore_errors=True)


def times_ms(act: Callable[[], object], times: int) -> list[float]:
    found = []
    for _ in range(times):
        began = time.perf_counter()
        act()
        found.append((time.perf_counter() - began) * 1000)
    return found


# --- the rows ---------------------------------------------------------------------------------------------


def fill() -> tuple[Phase, list[Participation]]:
    """The queue, in the turns that handing in round and round would have given."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from challenges.models import Participation, Person, State
    from tests.factories import a_phase

    call_command("migrate", interactive=False, verbosity=0)
    phase = a_phase(attempts_per_day=10_000, attempts_per_phase=10_000)
    people = [Person(email=f"{n}@example.org", board_name=f"Persona {n}") for n in range(PARTICIPATIONS)]
    Person.objects.bulk_create(people, batch_size=BATCH)
    participations = Participation.objects.bulk_create(
        [Participation(person=person, challenge=phase.challenge) for person in people], batch_size=BATCH
    )
    capped = participations[: round(CAPPED_SHARE * PARTICIPATIONS)]
    running = phase.running_per_participation
    store(phase, [(each, 0) for each in capped for _ in range(running)], state=State.RUNNING)
    store(phase, [(each, 0) for each in capped for _ in range(A_PARTICIPATION)], state=State.QUEUED)
    others = participations[len(capped) :]
    turns = [(each, place * 8) for place in range(A_PARTICIPATION) for each in others]
    store(phase, turns, state=State.QUEUED)
    with connection.cursor() as cursor:
        # As the server itself does a little later.
        cursor.execute("ANALYZE")
    return phase, participations


def store(phase: Phase, turns: Sequence[tuple[Participation, int]], *, state: str) -> None:
    from django.utils import timezone

    from challenges.models import Evaluation, State, StateChange, Submission
    from challenges.models.queue import Actor, Reason

    submissions = Submission.objects.bulk_create(
        [
            Submission(
                participation=whose,
                phase=phase,
                content=CONTENT,
                content_sha256="0" * 64,
                idempotency_key=uuid.uuid4().hex,
            )
            for whose, _ in turns
        ],
        batch_size=BATCH,
    )
    is_running = state == State.RUNNING
    until = timezone.now() + timedelta(hours=1)
    evaluations = Evaluation.objects.bulk_create(
        [
            Evaluation(
                submission=submission,
                participation=whose,
                turn=turn,
                state=state,
                steps=1,
                fence=int(is_running),
                lease_until=until if is_running else None,
            )
            for submission, (whose, turn) in zip(submissions, turns, strict=True)
        ],
        batch_size=BATCH,
    )
    StateChange.objects.bulk_create(
        [
            StateChange(evaluation=each, number=1, after=state, by=Actor.ORGANIZER, reason=Reason.MIGRATED)
            for each in evaluations
        ],
        batch_size=BATCH,
    )


# --- what is timed ----------------------------------------------------------------------------------------


def claim_one() -> None:
    from challenges import lease

    if lease.claim("bench") is None:
        raise SystemExit("nothing could be claimed: this is no figure")


def submitting(phase: Phase, participations: Sequence[Participation]) -> Callable[[], object]:
    """Handing in by a few of many, one after the other, as people come."""
    from challenges import submission

    whose = iter(participations[-SUBMISSIONS:])
    return lambda: submission.submit(
        participation=next(whose), phase=phase, content=CONTENT, idempotency_key=uuid.uuid4().hex
    )


def counting() -> Callable[[], object]:
    from challenges.models import Evaluation

    last = Evaluation.objects.waiting().in_turn().last()
    assert last is not None
    return lambda: Evaluation.objects.ahead_of(last).count()


def bare_claim(ours: Stage) -> Callable[[], object]:
    return _bare_postgres(ours.database_url) if ours.postgres else _bare_sqlite(ours.folder / "bare.sqlite3")


def _bare_postgres(url: str) -> Callable[[], object]:
    import psycopg

    connection = psycopg.connect(url.replace(":@", "@"))
    connection.execute("CREATE TABLE bare (id bigserial PRIMARY KEY, turn bigint, state text NOT NULL)")
    connection.execute(
        "INSERT INTO bare (turn, state) SELECT n, 'waiting' FROM generate_series(1, %s) n",
        [PARTICIPATIONS * A_PARTICIPATION],
    )
    connection.execute("CREATE INDEX ON bare (turn, id) WHERE state = 'waiting'")
    connection.commit()

    def claim() -> None:
        query = "SELECT id FROM bare WHERE state = 'waiting' ORDER BY turn, id LIMIT 1 FOR UPDATE SKIP LOCKED"
        row = connection.execute(query).fetchone()
        connection.execute("UPDATE bare SET state = 'running' WHERE id = %s", row)
        connection.commit()

    return claim


def _bare_sqlite(path: Path) -> Callable[[], object]:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
        "CREATE TABLE bare (id integer PRIMARY KEY, turn bigint, state text NOT NULL);"
        "CREATE INDEX bare_queue ON bare (turn, id) WHERE state = 'waiting';"
    )
    rows = [(n, "waiting") for n in range(PARTICIPATIONS * A_PARTICIPATION)]
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO bare (turn, state) VALUES (?, ?)", rows)
    connection.execute("COMMIT")

    def claim() -> None:
        connection.execute("BEGIN IMMEDIATE")
        query = "SELECT id FROM bare WHERE state = 'waiting' ORDER BY turn, id LIMIT 1"
        row = connection.execute(query).fetchone()
        connection.execute("UPDATE bare SET state = 'running' WHERE id = ?", row)
        connection.execute("COMMIT")

    return claim


def plan_of_claim() -> list[str]:
    """The nodes of the plan, from the outside in; for SQLite its own lines."""
    from django.db import connection, transaction

    from challenges import lease

    with transaction.atomic():
        rows = lease._claimable([], set()).select_for_update(skip_locked=True, of=("self",))[:1]
        if connection.vendor == "sqlite":
            return str(rows.explain()).splitlines()
        return _nodes(json.loads(rows.explain(format="json"))[0]["Plan"])


def _nodes(node: dict[str, Any], depth: int = 0) -> list[str]:
    name = " ".join(filter(None, [node["Node Type"], node.get("Index Name") or node.get("Relation Name")]))
    inner = [line for child in node.get("Plans", []) for line in _nodes(child, depth + 1)]
    return ["  " * depth + name, *inner]


def version() -> str:
    from django.db import connection

    if connection.vendor == "sqlite":
        return f"SQLite {sqlite3.sqlite_version}"
    number = int(connection.pg_version)  # type: ignore[attr-defined]  # of the wrapper for PostgreSQL
    return f"PostgreSQL {number // 10_000}.{number % 10_000}"


def show(found: dict[str, Any]) -> None:
    print(
        f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f}"
    )
    print(f"{PARTICIPATIONS * A_PARTICIPATION:,} waiting, {CAPPED_SHARE:.0%} of them passed over\n")
    for told in found.values():
        figures = told["figures"]
        bare = statistics.median(figures["bare claim"])
        print(f"{told['version']:20}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}{'p50 / bare claim':>19}")
        for what, times in figures.items():
            cuts = statistics.quantiles(times, n=100)
            print(f"{what:20}{cuts[49]:9.2f}{cuts[98]:9.2f}{max(times):9.2f}{cuts[49] / bare:19.1f}")
        for line in told["plan"]:
            print(f"  {line}")
        print()
    print(f"goal: claim p50 {GOAL_CLAIM_P50_MS} ms")


if __name__ == "__main__":
    main()
