"""The page of metrics: who may read it, that its figures are the rows', and that it stays cheap."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.db import connection
from django.db.models.functions import Now
from django.db.utils import OperationalError
from django.test import Client
from django.test.utils import CaptureQueriesContext
from prometheus_client.parser import text_string_to_metric_families

from challenges import dispatch, engine_version, gauges, tallies
from challenges.models import (
    Actor,
    Circuit,
    Engine,
    Evaluation,
    Reason,
    State,
    StateChange,
    Submission,
    Tally,
    WorkerProcess,
)
from challenges.worker_life import ALIVE_S
from desafio.operations.checks import check_token
from tests.contest import a_contest
from tests.factories import a_participation, a_phase, a_standing, a_submission, an_evaluation
from tests.in_parallel import errors_in, in_parallel

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "quien-mira-las-metricas"
MOST_QUERIES = 10
HISTOGRAM_NAMES = [f"desafio_{name}" for name in tallies.HISTOGRAMS]
# Tables with a row for each submission, case or step: none may be read from its first row to its last.
GROWING = (
    "call",
    "evaluation",
    "measurement",
    "run",
    "score",
    "statechange",
    "submission",
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def token(settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN
    # What other tests of this process have counted and not written yet.
    tallies.forget()


def ask(authorization: str | None = f"Bearer {TOKEN}") -> Any:
    headers = {} if authorization is None else {"Authorization": authorization}
    return Client().get("/metricas/", headers=headers)


def figures() -> dict[str, float]:
    """Each sample by its name with its labels, as Prometheus reads it."""
    answer = ask()
    assert answer.status_code == 200
    return {
        sample.name + _labels(sample.labels): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f"{name}={value}" for name, value in sorted(labels.items())) + "}" if labels else ""


# --- who may read it --------------------------------------------------------------------------------------


def test_without_a_token_in_the_settings_there_is_no_such_page(settings: Any) -> None:
    settings.METRICS_TOKEN = ""
    for authorization in (None, "Bearer ", f"Bearer {TOKEN}"):
        assert ask(authorization).status_code == 404


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Basic {TOKEN}",
        TOKEN,
        "Bearer ñ",
    ],
)
def test_who_does_not_show_it_is_asked_for_it(authorization: str | None) -> None:
    answer = ask(authorization)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="desafio"')
    assert b"desafio_" not in answer.content


def test_who_shows_it_gets_the_text_that_prometheus_reads() -> None:
    answer = ask()
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "no-store" in answer.headers["Cache-Control"]


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_it_can_only_be_read(method: str) -> None:
    answer = getattr(Client(), method)("/metricas/", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 405


def test_while_the_database_is_away_there_are_no_figures_and_no_reasons() -> None:
    def away(*_: Any) -> Any:
        raise OperationalError("connection to server at db.internal failed")

    with connection.execute_wrapper(away):
        answer = ask()
    assert (answer.status_code, answer.content) == (503, b"database away\n")


@pytest.mark.parametrize(
    ("token", "is_good"), [("", True), ("x" * 20, True), ("x" * 19, False), ("ñ" * 20, False)]
)
def test_a_token_that_could_be_guessed_is_refused_before_a_process_starts(
    settings: Any, token: str, is_good: bool
) -> None:
    settings.METRICS_TOKEN = token
    assert (check_token(None) == []) is is_good
    assert ("operations.E001" in {each.id for each in run_checks()}) is not is_good


# --- what it says -----------------------------------------------------------------------------------------


def test_every_family_is_named_as_prometheus_names_them() -> None:
    families = list(text_string_to_metric_families(ask().content.decode()))
    assert len(families) > 20
    for family in families:
        assert family.name.startswith("desafio_")
        assert family.documentation.endswith(".")
        assert family.type in ("gauge", "counter", "histogram")
    assert len({family.name for family in families}) == len(families)


def test_what_waits_is_counted_by_state_and_its_age_told() -> None:
    phase = a_phase()
    a_submission(phase, state=State.PENDING)
    for _ in range(2):
        a_submission(phase, state=State.QUEUED)
    a_submission(phase, state=State.HELD)
    a_submission(phase, state=State.RUNNING)
    a_submission(phase, state=State.SCORED)
    Evaluation.objects.filter(state=State.QUEUED).update(created_at=Now() - timedelta(seconds=500))
    Evaluation.objects.filter(state=State.HELD).update(held_since=Now() - timedelta(seconds=70))
    Evaluation.objects.filter(state=State.RUNNING).update(lease_until=Now() - timedelta(seconds=9))
    told = figures()
    by_state = {state: told.get(f"desafio_evaluations{{state={state}}}") for state in State.values}
    assert by_state == {
        **dict.fromkeys(("PENDING", "HELD", "RUNNING"), 1),
        "QUEUED": 2,
        **dict.fromkeys(("PREPARING", "GRADING"), 0),
        **dict.fromkeys(("SCORED", "REJECTED", "ERRORED", "CANCELLED", "SUPERSEDED"), None),
    }
    assert told["desafio_queue_depth"] == 3
    assert told["desafio_queue_oldest_seconds"] >= 500
    assert told["desafio_held_longest_seconds"] >= 70
    assert told["desafio_lease_overdue_seconds"] >= 9


def test_where_nothing_waits_nothing_is_old() -> None:
    a_submission(state=State.SCORED)
    a_submission(state=State.RUNNING)
    told = figures()
    assert told["desafio_queue_depth"] == 0
    assert told["desafio_queue_oldest_seconds"] == 0
    assert told["desafio_lease_overdue_seconds"] == 0


def test_a_circuit_is_told_while_it_is_open_and_its_time_is_kept() -> None:
    told = figures()
    assert told["desafio_circuit_open{circuit=backend}"] == 0
    Circuit.objects.create(
        name="backend", held_seconds=1000, opened_at=dispatch.now() - timedelta(seconds=60)
    )
    Circuit.objects.create(name="meter", held_seconds=7)
    told = figures()
    assert told["desafio_circuit_open{circuit=backend}"] == 1
    assert told["desafio_circuit_open_for_seconds{circuit=backend}"] >= 60
    assert told["desafio_circuit_open_seconds_total{circuit=backend}"] >= 1060
    assert told["desafio_circuit_open{circuit=meter}"] == 0
    assert told["desafio_circuit_open_seconds_total{circuit=meter}"] == 7


def test_a_circuits_time_does_not_go_back_when_it_closes() -> None:
    from challenges import circuits

    Circuit.objects.create(name="backend", opened_at=dispatch.now() - timedelta(seconds=60, milliseconds=900))
    open_s = figures()["desafio_circuit_open_seconds_total{circuit=backend}"]
    circuits.close(circuits.locked("backend"))
    told = figures()
    assert told["desafio_circuit_open{circuit=backend}"] == 0
    assert told["desafio_circuit_open_seconds_total{circuit=backend}"] >= open_s


def test_workers_are_alive_old_or_silent() -> None:
    assert "desafio_worker_last_seen_seconds" not in figures()
    needed = engine_version.ENGINE_VERSION
    Engine.objects.update_or_create(pk=1, defaults={"version": needed})
    seen = {"now": timedelta(0), "long ago": timedelta(seconds=ALIVE_S + 5)}
    for number, (engine, age, stopped) in enumerate(
        [
            (needed, "now", False),
            (needed, "now", True),
            (needed - 1, "now", False),
            (needed, "long ago", False),
        ]
    ):
        WorkerProcess.objects.create(
            name=f"obrero-{number}",
            engine=engine,
            seen_at=dispatch.now() - seen[age],
            stopped_at=dispatch.now() if stopped else None,
            clock_ahead_s=-3.5 if number == 0 else 0.0,
        )
    told = figures()
    assert [told[f"desafio_workers{{status={status}}}"] for status in ("alive", "old", "silent")] == [1, 1, 1]
    assert told["desafio_worker_last_seen_seconds"] < ALIVE_S
    assert told["desafio_worker_clock_off_seconds"] == 3.5


def test_every_counter_stands_there_from_the_start_and_then_counts() -> None:
    told = figures()
    for name, known in tallies.NAMES.items():
        labels = [f"{{{known.label}={label}}}" for label in known.labels] if known.label else [""]
        assert all(told[f"desafio_{name}_total{label}"] == 0 for label in labels)
    tallies.add("refused_writes", 3)
    tallies.add("broker_away", label="ring")
    tallies.add("backend_faults", label="a new code")
    tallies.flush()
    told = figures()
    assert told["desafio_refused_writes_total"] == 3
    assert told["desafio_broker_away_total{what=ring}"] == 1
    assert told["desafio_backend_faults_total{code=other}"] == 1


def test_the_buckets_of_a_histogram_add_up() -> None:
    for seconds in (0.05, 0.3, 0.3, 7, 500):
        tallies.observe("backend_call_seconds", seconds)
    tallies.flush()
    told = figures()
    buckets = [
        told[f"desafio_backend_call_seconds_bucket{{le={le}}}"]
        for le in ("0.1", "0.25", "0.5", "5.0", "10.0", "120.0", "+Inf")
    ]
    assert buckets == [1, 1, 3, 3, 4, 4, 5]
    assert told["desafio_backend_call_seconds_count"] == 5
    assert told["desafio_backend_call_seconds_sum"] == pytest.approx(507.65)


def test_the_version_of_each_board_is_told() -> None:
    standing = a_standing()
    phase = standing.phase
    name = f"desafio_board_version{{challenge={phase.challenge.slug},phase={phase.slug}}}"
    assert figures()[name] == 1


def test_when_the_sweeper_last_looked_is_told_once_it_said_so() -> None:
    assert "desafio_last_sweep_timestamp_seconds" not in figures()
    now = dispatch.now()
    tallies.stamp("last_sweep_timestamp_seconds", now - timedelta(seconds=5))
    tallies.stamp("last_sweep_timestamp_seconds", now)
    assert figures()["desafio_last_sweep_timestamp_seconds"] == pytest.approx(now.timestamp())


# --- the history ------------------------------------------------------------------------------------------


def step(evaluation: Evaluation, reason: Reason, times: int = 1, *, age_s: int = 0) -> None:
    first = evaluation.changes.count() + 1
    at = dispatch.now() - timedelta(seconds=age_s)
    StateChange.objects.bulk_create(
        StateChange(
            evaluation=evaluation,
            number=first + number,
            before=State.QUEUED,
            after=State.PREPARING,
            by=Actor.WORKER,
            reason=reason,
            at=at,
        )
        for number in range(times)
    )


@pytest.fixture
def evaluation() -> Evaluation:
    return an_evaluation(a_submission(state=None), state=State.QUEUED)


@pytest.fixture
def added_up_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gauges, "ADD_UP_FROM", 10)


def added_up() -> dict[str, float]:
    return dict(Tally.objects.filter(name__startswith="state_changes").values_list("label", "value"))


def test_every_reason_of_a_change_is_counted(evaluation: Evaluation) -> None:
    assert figures()["desafio_state_changes_total{reason=claimed}"] == 0
    step(evaluation, Reason.RECEIVED)
    step(evaluation, Reason.CLAIMED, 3)
    told = figures()
    assert told["desafio_state_changes_total{reason=claimed}"] == told["desafio_claims_total"] == 3
    assert told["desafio_submissions_total"] == 1
    assert added_up() == {}


def test_what_was_added_up_is_not_counted_again(evaluation: Evaluation, added_up_early: None) -> None:
    step(evaluation, Reason.CLAIMED, 12, age_s=3600)
    step(evaluation, Reason.SCORED, 2, age_s=3600)
    for _ in range(3):
        told = figures()
        assert told["desafio_claims_total"] == 12
        assert told["desafio_state_changes_total{reason=scored}"] == 2
    last = StateChange.objects.order_by("-pk").values_list("pk", flat=True)[0]
    assert added_up() == {"migrated": 1, "claimed": 12, "scored": 2, "": last}
    step(evaluation, Reason.CLAIMED, 11, age_s=3600)
    assert [figures()["desafio_claims_total"] for _ in range(2)] == [23, 23]
    assert added_up()["claimed"] == 23


def test_what_may_still_be_followed_by_an_earlier_step_is_not_added_up_yet(
    evaluation: Evaluation, added_up_early: None
) -> None:
    step(evaluation, Reason.CLAIMED, 20, age_s=3600)
    step(evaluation, Reason.CLAIMED, 20)
    assert [figures()["desafio_claims_total"] for _ in range(2)] == [40, 40]
    assert added_up()["claimed"] == 20


@pytest.mark.django_db(transaction=True)
def test_two_that_add_up_at_once_count_nothing_twice(evaluation: Evaluation, added_up_early: None) -> None:
    step(evaluation, Reason.CLAIMED, 30, age_s=3600)
    assert errors_in(in_parallel(*[gauges.read] * 6)) == []
    assert added_up()["claimed"] == 30
    step(evaluation, Reason.CLAIMED, 30, age_s=3600)
    assert errors_in(in_parallel(*[gauges.read] * 6)) == []
    assert added_up()["claimed"] == 60


def test_a_look_that_cannot_add_up_still_counts_right(evaluation: Evaluation, added_up_early: None) -> None:
    step(evaluation, Reason.CLAIMED, 30, age_s=3600)

    def read_only(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith(("INSERT", "UPDATE")):
            raise OperationalError("cannot write in a read-only transaction")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(read_only):
        assert figures()["desafio_claims_total"] == 30
    assert added_up() == {}


# --- what it costs, and what it keeps to itself -----------------------------------------------------------


def test_it_asks_at_most_ten_times_however_much_there_is(django_assert_max_num_queries: Any) -> None:
    contest = a_contest(submissions_each=3)
    for _ in range(5):
        a_standing(a_phase(contest.phase.challenge, ranked_suite=contest.phase.ranked_suite))
    with django_assert_max_num_queries(MOST_QUERIES):
        assert ask().status_code == 200


@pytest.mark.skipif(connection.vendor != "postgresql", reason="the plans of the database that has many rows")
def test_no_table_that_grows_is_read_from_end_to_end() -> None:
    last = many_rows()
    gauges.read()
    step(last, Reason.CLAIMED, 20)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    with CaptureQueriesContext(connection) as asked:
        assert ask().status_code == 200
    plans = [
        (query["sql"], _plan(query["sql"])) for query in asked if query["sql"].startswith(("SELECT", "("))
    ]
    assert len(plans) >= 7
    read_whole = re.compile(rf"Seq Scan on challenges_({'|'.join(GROWING)})\b")
    assert [(sql, plan) for sql, plan in plans if read_whole.search(plan)] == []


def _plan(sql: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}")
        return "\n".join(line for (line,) in cursor.fetchall())


def many_rows() -> Evaluation:
    """6,000 evaluations that ended, 30 that wait, and 12,000 steps of a history that is settled."""
    phase = a_phase()
    participation = a_participation(phase)
    submissions = Submission.objects.bulk_create(
        Submission(
            participation=participation,
            phase=phase,
            content={},
            content_sha256="",
            idempotency_key=str(number),
        )
        for number in range(6_030)
    )
    ended = dispatch.now() - timedelta(hours=1)
    evaluations = Evaluation.objects.bulk_create(
        Evaluation(
            submission=submission,
            participation=participation,
            state=State.SCORED if number < 6_000 else State.QUEUED,
            finished_at=ended if number < 6_000 else None,
            fence=1 if number < 6_000 else 0,
        )
        for number, submission in enumerate(submissions)
    )
    StateChange.objects.bulk_create(
        StateChange(
            evaluation=evaluation,
            number=number,
            after=State.SCORED,
            by=Actor.WORKER,
            reason=(Reason.CLAIMED, Reason.SCORED)[number - 1],
            at=ended,
        )
        for evaluation in evaluations
        for number in (1, 2)
    )
    return evaluations[-1]


def test_no_label_tells_of_a_person_a_prompt_or_a_case() -> None:
    contest = a_contest(submissions_each=1)
    text = ask().content.decode()
    assert contest.person.email not in text
    assert contest.person.board_name not in text
    known = {"state", "reason", "circuit", "status", "code", "what", "le", "challenge", "phase"}
    assert set(re.findall(r'[{,](\w+)="', text)) <= known


# --- what is written about it -----------------------------------------------------------------------------


def test_the_documentation_names_every_metric_and_no_other() -> None:
    tallies.stamp("last_sweep_timestamp_seconds", dispatch.now())
    WorkerProcess.objects.create(name="obrero", engine=1)
    told = re.findall(r"^# TYPE (\w+)", ask().content.decode(), re.MULTILINE)
    written = re.findall(
        r"^\| `(desafio_\w+)` \|", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE
    )
    assert sorted(written) == sorted(told)


def test_alerts_and_documentation_speak_of_metrics_that_exist() -> None:
    tallies.stamp("last_sweep_timestamp_seconds", dispatch.now())
    WorkerProcess.objects.create(name="obrero", engine=1)
    a_standing()
    samples = {name.partition("{")[0] for name in figures()} | set(HISTOGRAM_NAMES)
    alerts = (ROOT / "platform" / "deploy" / "desafio-alerts.yml").read_text()
    operations = (ROOT / "docs" / "operations.md").read_text()
    for text in (alerts, operations):
        assert set(re.findall(r"desafio_\w+", text)) - samples == set()
    assert set(re.findall(r"alert: (\w+)", alerts)) == set(re.findall(r"\b(Desafio[A-Z]\w+)", operations))
    for reason in re.findall(r'reason=~?"([\w|]+)"', alerts):
        assert set(reason.split("|")) <= set(Reason.values)
