"""What is accepted is scored, once and rightly, whatever is killed, frozen or restarted meanwhile.

The storms run in a process of their own, on a PostgreSQL of their own, whatever the other tests use. They are
bounded here; the variables ``STORM_SUBMISSIONS``, ``STORM_CASES``, ``STORM_KILLS``, ``STORM_SEEDS`` (a list
with commas) and ``STORM_DATABASE`` make them larger. What is said of the driver itself is tested here too:
one that finds nothing wrong would also be content with a broken engine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import QuerySet

from challenges import standings
from challenges.models import (
    Actor,
    Evaluation,
    Phase,
    Reason,
    Score,
    Standing,
    State,
    StateChange,
    Submission,
)
from tests.factories import a_participation, a_phase, a_run, a_score, a_submission
from tests.servers import ROOT
from tests.storm import truth
from tests.storm.audit import Audit, Calls
from tests.storm.handing_in import HandingIn
from tests.storm.plan import BROKER, FREEZES, KILLS, Kind, Plan, drawn
from tests.storm.report import Report

SUBMISSIONS = int(os.environ.get("STORM_SUBMISSIONS", "200"))
CASES = int(os.environ.get("STORM_CASES", "5"))
NUMBER_OF_KILLS = int(os.environ.get("STORM_KILLS", "10"))
SEEDS = [int(seed) for seed in os.environ.get("STORM_SEEDS", "1").split(",")]
DATABASE = os.environ.get("STORM_DATABASE", "postgres")
# A driver that hangs is a fault too; it gives up by itself after a minute in which nothing happens.
WITHIN_S = 7_200


def storm(**options: object) -> Report:
    """Run the driver and read its report; it tells its progress on stderr meanwhile."""
    named = {f"--{name.replace('_', '-')}": str(value) for name, value in options.items()}
    arguments = [part for pair in named.items() for part in pair]
    # It reads the settings for databases of its own.
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    environment["PYTHONPATH"] = f"{ROOT}{os.pathsep}{ROOT / 'platform'}"
    ended = subprocess.run(
        [sys.executable, "-m", "tests.storm", "--json", *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=WITHIN_S,
    )
    assert ended.stdout, "the driver did not get as far as a report"
    report = Report.of_json(json.loads(ended.stdout))
    # For whoever looks at a failure, or at the figures with -s.
    print(report.as_table())
    return report


@pytest.mark.storm
@pytest.mark.parametrize("seed", SEEDS)
def test_a_storm_loses_nothing_doubles_nothing_and_scores_everything_rightly(seed: int) -> None:
    report = storm(
        submissions=SUBMISSIONS, cases=CASES, kills=NUMBER_OF_KILLS, seed=seed, freezes=1, database=DATABASE
    )
    figures = report.figures
    assert (figures.accepted, figures.scored) == (SUBMISSIONS, SUBMISSIONS), report.details
    assert (figures.lost, figures.doubled, figures.wrong) == (0, 0, 0), report.details
    assert (figures.kills, figures.broker_restarts, figures.freezes) == (NUMBER_OF_KILLS, 3, 1)
    assert figures.sweeper_kills == 1
    assert figures.refused_writes >= figures.freezes
    assert figures.recoveries >= figures.freezes
    assert figures.repeated <= 0.005 * figures.calls, report.details
    assert figures.invariants_hold, report.details
    assert report.broken_counts() == []


@pytest.mark.storm
def test_a_worker_that_hangs_in_a_transaction_holds_up_nobody_for_long() -> None:
    report = storm(submissions=60, cases=3, kills=0, broker_restarts=0, freezes=0, freezes_in_transaction=2)
    figures = report.figures
    assert (figures.freezes, figures.lost, figures.doubled, figures.wrong) == (2, 0, 0, 0), report.details
    # The driver lets a worker go on after a while, and says so where nobody had its evaluation by then.
    assert "notes" not in report.details, report.details


@pytest.mark.storm
def test_a_database_that_is_restarted_or_killed_loses_nothing_and_no_answer() -> None:
    """Three times, one of them by SIGKILL; no worker dies of it, and answers wait for its return.

    An answer is asked again only where the server takes longer to come back than a lease lasts; a worker that
    did not wait would ask again for each of those that are in flight, eight at each restart.
    """
    report = storm(submissions=60, cases=3, kills=0, broker_restarts=0, freezes=0, database_restarts=3)
    figures = report.figures
    assert (figures.database_restarts, figures.scored) == (3, 60), report.details
    assert (figures.lost, figures.doubled, figures.wrong) == (0, 0, 0), report.details
    assert figures.repeated <= figures.database_restarts, report.details
    assert figures.invariants_hold, report.details


# --- the driver itself ------------------------------------------------------------------------------------


def test_a_seed_gives_one_plan() -> None:
    def plan(seed: int) -> Plan:
        return drawn(submissions=200, cases=5, kills=10, seed=seed)

    assert plan(7) == plan(7)
    assert plan(7) != plan(8)


@pytest.mark.parametrize("seed", range(20))
def test_all_that_is_asked_for_comes_while_there_is_something_left_to_break(seed: int) -> None:
    plan = drawn(submissions=200, cases=5, kills=10, seed=seed, broker_restarts=3, freezes=2)
    assert (plan.how_many(KILLS), plan.how_many(FREEZES), plan.how_many(BROKER)) == (10, 2, 3)
    assert plan.how_many([Kind.WIPE_BROKER]) == plan.how_many([Kind.KILL_SWEEPER]) == 1
    moments = [event.after for event in plan.events]
    assert moments == sorted(moments)
    assert 0 < moments[0] <= moments[-1] < 0.9 * plan.submissions


def test_the_expected_score_can_be_done_by_hand() -> None:
    answers = [truth.answer_to(3, case) for case in (0, 1)]
    # Weights 1 and 2; 43 mJ a token read, 300 mJ a token written after the first.
    right = [answer.text == truth.RIGHT for answer in answers]
    energy_mj = sum(43 * each.prompt_tokens + 300 * (each.completion_tokens - 1) for each in answers)
    expected = truth.expected_of(3, [0, 1])
    assert expected.energy_mj == energy_mj
    assert expected.result.quality == (Decimal(right[0] + 2 * right[1]) / 3).quantize(Decimal("0.000001"))


def test_submissions_differ_in_what_they_must_score() -> None:
    scores = {truth.expected_of(number, range(4)).result.score for number in range(200)}
    assert len(scores) > 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Weathered:
    """A contest of two submissions in which all went well, and the audit of it."""

    audit: Audit
    phase: Phase
    submissions: list[Submission]


@pytest.fixture
def weathered(db: None) -> Weathered:
    plan = drawn(submissions=2, cases=2, kills=0, seed=1, broker_restarts=0, freezes=0)
    phase = a_phase(
        ranked_cases=truth.suite_of([0]),
        feedback_cases=truth.suite_of([1]),
        policy=truth.POLICY,
        policy_parameters=dict(truth.PARAMETERS),
    )
    handed_in = HandingIn(plan, phase, [a_participation(phase), a_participation(phase)])
    submissions = []
    for number in range(plan.submissions):
        stored = a_submission(
            phase,
            participation=handed_in.participation_of(number),
            content=truth.prompt_of(number),
            state=None,
        )
        handed_in.accepted[number].add(stored.pk)
        score = a_score(phase, submission=stored, **score_fields(number))
        assert phase.feedback_suite is not None
        for suite in (phase.ranked_suite, phase.feedback_suite):
            a_run(score.evaluation, suite.cases.get())
        submissions.append(stored)
    standings.rebuild(phase)
    calls = Calls(whole={(number, case): 1 for number in range(2) for case in range(2)}, cut=0)
    audit = Audit(plan=plan, phase=phase, ranked=[0], handed_in=handed_in, calls=calls)
    return Weathered(audit=audit, phase=phase, submissions=submissions)


def score_fields(number: int) -> dict[str, Any]:
    expected = truth.expected_of(number, [0])
    return {
        "value": expected.result.score,
        "quality": expected.result.quality,
        "green": expected.result.green,
        "reaches_minimum": expected.result.reaches_minimum,
        "energy_mj": expected.energy_mj,
        "prompt_tokens": expected.prompt_tokens,
        "completion_tokens": expected.completion_tokens,
    }


def test_the_audit_is_content_where_all_went_well(weathered: Weathered) -> None:
    audit = weathered.audit
    assert (audit.lost(), audit.doubled(), audit.wrong()) == ([], [], [])
    assert audit.calls.repeated == 0


def lose_one(story: Weathered) -> None:
    Evaluation.objects.filter(submission=story.submissions[0]).update(state=State.ERRORED)


def never_finish_one(story: Weathered) -> None:
    Evaluation.objects.filter(submission=story.submissions[0]).update(state=State.QUEUED, finished_at=None)


@pytest.mark.parametrize("break_it", [lose_one, never_finish_one])
def test_the_audit_finds_what_was_lost(weathered: Weathered, break_it: Callable[[Weathered], None]) -> None:
    break_it(weathered)
    assert len(weathered.audit.lost()) == 1


def store_one_more(story: Weathered) -> None:
    a_submission(story.phase, participation=story.submissions[0].participation)


def judge_one_twice(story: Weathered) -> None:
    evaluation = Evaluation.objects.filter(submission=story.submissions[0])
    evaluation.update(state=State.SUPERSEDED)
    a_score(story.phase, submission=story.submissions[0], **score_fields(0))


def answer_two_clicks_with_two(story: Weathered) -> None:
    story.audit.handed_in.accepted[0].add(story.submissions[1].pk)


@pytest.mark.parametrize("break_it", [store_one_more, judge_one_twice, answer_two_clicks_with_two])
def test_the_audit_finds_what_was_doubled(
    weathered: Weathered, break_it: Callable[[Weathered], None]
) -> None:
    break_it(weathered)
    assert weathered.audit.doubled() != []


def change_a_score(story: Weathered, **fields: Any) -> None:
    # Past the model, which refuses: the audit is for what must not happen.
    QuerySet.update(Score.objects.filter(evaluation__submission=story.submissions[0]), **fields)


def change_the_value(story: Weathered) -> None:
    change_a_score(story, value=truth.expected_of(0, [0]).result.score + Decimal("0.0001"))


def change_the_energy(story: Weathered) -> None:
    change_a_score(story, energy_mj=truth.expected_of(0, [0]).energy_mj + 1)


def change_the_tokens(story: Weathered) -> None:
    change_a_score(story, completion_tokens=truth.expected_of(0, [0]).completion_tokens + 1)


def forget_a_standing(story: Weathered) -> None:
    Standing.objects.filter(participation=story.submissions[0].participation).delete()


def count_an_attempt_too_many(story: Weathered) -> None:
    Standing.objects.filter(participation=story.submissions[0].participation).update(attempts=2)


def let_a_stale_worker_end_it(story: Weathered) -> None:
    evaluation = story.submissions[0].evaluations.get()
    steps = [("a:1", Reason.CLAIMED), ("b:2", Reason.CLAIMED), ("a:1", Reason.SCORED)]
    for number, (who, reason) in enumerate(steps, start=2):
        StateChange.objects.create(
            evaluation=evaluation,
            number=number,
            after=State.SCORED if reason == Reason.SCORED else State.PREPARING,
            by=Actor.WORKER,
            who=who,
            reason=reason,
            fence=evaluation.fence + number,
        )


def let_a_stale_worker_store_a_run(story: Weathered) -> None:
    run = story.submissions[0].evaluations.get().runs.first()
    assert run is not None
    claimed = StateChange.objects.create(
        evaluation=run.evaluation,
        number=2,
        after=State.PREPARING,
        by=Actor.WORKER,
        reason=Reason.CLAIMED,
        fence=run.fence + 1,
    )
    QuerySet.update(StateChange.objects.filter(pk=claimed.pk), at=run.finished_at - timedelta(seconds=1))


def run_a_case_too_few(story: Weathered) -> None:
    story.submissions[0].evaluations.get().runs.filter(case__suite=story.phase.feedback_suite).delete()


def ask_for_a_case_too_few(story: Weathered) -> None:
    whole: Any = story.audit.calls.whole
    del whole[0, 1]


@pytest.mark.parametrize(
    "break_it",
    [
        change_the_value,
        change_the_energy,
        change_the_tokens,
        forget_a_standing,
        count_an_attempt_too_many,
        let_a_stale_worker_end_it,
        let_a_stale_worker_store_a_run,
        run_a_case_too_few,
        ask_for_a_case_too_few,
    ],
)
def test_the_audit_finds_what_is_wrong(weathered: Weathered, break_it: Callable[[Weathered], None]) -> None:
    break_it(weathered)
    assert weathered.audit.wrong() != []
