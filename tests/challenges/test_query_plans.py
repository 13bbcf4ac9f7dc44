"""The questions that are asked all day are answered from an index, however many rows there are.

The real functions run, and the database is asked how it carried out each of their SELECTs. A plan that reads
a table of rows that grow from end to end fails, and so does one that sorts all that wait.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from challenges import lease, queue, submission, sweeping, turns
from challenges.models import Evaluation, Participation, State, StateChange, Submission
from challenges.models.evaluation import FINAL
from tests.factories import PROMPT, a_participation, a_person, a_phase

pytestmark = pytest.mark.django_db

ROWS = 12_000
PEOPLE = 300
GROWING = {"challenges_evaluation", "challenges_submission", "challenges_statechange", "challenges_run"}


@pytest.fixture
def crowd(db: None) -> Participation:
    """Many that wait, some that run, many that ended; the first participation of them."""
    phase = a_phase(attempts_per_day=10_000, attempts_per_phase=10_000)
    first = a_participation(phase)
    others = Participation.objects.bulk_create(
        Participation(person=a_person(board_name=f"Quien {n}"), challenge=phase.challenge)
        for n in range(PEOPLE)
    )
    people = [first, *others]
    submissions = Submission.objects.bulk_create(
        Submission(
            participation=people[n % len(people)],
            phase=phase,
            content=PROMPT,
            content_sha256="",
            idempotency_key=f"k{n}",
        )
        for n in range(ROWS)
    )
    now = timezone.now()
    rows = Evaluation.objects.bulk_create(
        _evaluation(submission, n, now) for n, submission in enumerate(submissions)
    )
    StateChange.objects.bulk_create(
        StateChange(evaluation=row, number=1, after=row.state, by="organizer", reason="migrated")
        for row in rows
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return first


def _evaluation(handed_in: Submission, n: int, now: Any) -> Evaluation:
    state = (State.PENDING, State.QUEUED, State.SCORED, State.SCORED, State.SCORED)[n % 5]
    is_active = n % 100 == 0
    if is_active:
        state = State.RUNNING
    is_final = state in FINAL
    return Evaluation(
        submission=handed_in,
        participation_id=handed_in.participation_id,
        turn=n // PEOPLE * turns.ROUND,
        state=state,
        steps=1,
        fence=1 if is_final or is_active else 0,
        lease_until=now + timedelta(minutes=1) if is_active else None,
        finished_at=now - timedelta(seconds=n) if is_final else None,
        created_at=now - timedelta(seconds=ROWS - n),
    )


def seen_by(call: Callable[[], Any]) -> list[str]:
    """The SELECTs of a call, as they were sent."""
    with CaptureQueriesContext(connection) as captured:
        call()
    return [
        query["sql"]
        for query in captured
        if query["sql"].startswith("SELECT") and "challenges_" in query["sql"]
    ]


def read_from_end_to_end(sql: str) -> set[str]:
    """The growing tables that the database reads whole for this SELECT."""
    if connection.vendor == "postgresql":
        nodes = list(_nodes(_plan(sql)))
        return {node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"} & GROWING
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        details = [row[3] for row in cursor.fetchall()]
    scanned = re.compile(r"^SCAN (\w+)(?! USING)")
    aliases = {"U0": "challenges_evaluation"}
    found = {
        match.group(1) for detail in details if "USING" not in detail and (match := scanned.match(detail))
    }
    return {aliases.get(name, name) for name in found} & GROWING


def _plan(sql: str) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}")
        found = cursor.fetchone()[0]
    root: dict[str, Any] = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
    return root


def _nodes(plan: dict[str, Any], *, with_subplans: bool = True) -> Iterator[dict[str, Any]]:
    """Each step; a subplan is a question of its own inside the question."""
    yield plan
    for child in plan.get("Plans", []):
        if with_subplans or "Subplan Name" not in child:
            yield from _nodes(child, with_subplans=with_subplans)


HOT: dict[str, Callable[[Participation], Any]] = {
    "claim": lambda _: lease.claim("obrero"),
    "the next turn": turns.next_turn,
    "the place in the queue": lambda ana: queue.place_of(ana.evaluations.waiting()[0]),
    "what was finished lately": lambda _: queue.finished_per_second(),
    "attempts left": lambda ana: submission.quota(ana, ana.challenge.phases.get()),
    "a submission": lambda ana: submission.submit(
        participation=ana, phase=ana.challenge.phases.get(), content=PROMPT, idempotency_key="una-más"
    ),
    "leases that ran out": lambda _: (sweeping._give_up(), sweeping._take_back()),
    "what nobody came for": lambda _: sweeping._ring_for_forgotten(),
    "what is held": lambda _: sweeping._resume(),
}


def sorts(sql: str) -> bool:
    """Whether its rows are sorted: those of a subquery, as the few that run, may be."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            return "Sort" in {node["Node Type"] for node in _nodes(_plan(sql), with_subplans=False)}
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        return any("TEMP B-TREE FOR ORDER BY" in row[3] for row in cursor.fetchall())


def test_no_hot_question_reads_a_growing_table_from_end_to_end(
    crowd: Participation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("challenges.dispatch.rings_unheard", lambda: None)
    whole = {}
    for what, call in HOT.items():
        asked = seen_by(partial(call, crowd))
        assert asked, f"nothing was asked: {what}"
        whole.update({(what, sql): tables for sql in asked if (tables := read_from_end_to_end(sql))})
    assert whole == {}
    asked = seen_by(lambda: lease.claim("obrero"))
    (claims,) = [sql for sql in asked if "running_per_participation" in sql and "ORDER BY" in sql]
    assert not sorts(claims), "a claim must not sort all that wait"
    # And it can tell:
    (bad,) = seen_by(lambda: list(Evaluation.objects.filter(fault_code="x").order_by("model")))
    assert read_from_end_to_end(bad) == {"challenges_evaluation"}
    assert sorts(bad)
