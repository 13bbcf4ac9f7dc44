"""Damage is found, each by the rule that it breaks and by no other; a contest that went its way has none."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, models
from django.db.models import F
from django.db.models.functions import Now

from challenges import (
    board,
    cancelling,
    evaluation,
    lease,
    sealing,
    standings,
    submission,
    suite_hash,
    transitions,
)
from challenges.invariants import RULES, Broken, broken, snapshot
from challenges.lease import Lease
from challenges.models import (
    Actor,
    Call,
    Case,
    Circuit,
    Evaluation,
    Leaderboard,
    Measurement,
    Participation,
    Phase,
    Purse,
    Reason,
    Record,
    Reservation,
    Review,
    Run,
    Score,
    Standing,
    State,
    StateChange,
    Suite,
)
from scoring.errors import CONTEXT_TOO_LONG, SpecError
from scoring.record import sealed
from tests import stepwise
from tests.factories import PROMPT, a_challenge, a_participation, a_phase, a_submission
from tests.in_parallel import in_parallel

pytestmark = pytest.mark.django_db

CANARY = "CANARIO"


def rows(model: type[models.Model]) -> models.QuerySet[Any]:
    """The model's rows without its own manager: evidence refuses to be changed, and here it must be."""
    return models.QuerySet(model)


@contextmanager
def unguarded(table: str, constraint: str) -> Iterator[None]:
    """Let damage in that the schema itself refuses."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute(f'ALTER TABLE "{table}" DROP CONSTRAINT "{constraint}"')
            yield
            return
        cursor.execute("PRAGMA ignore_check_constraints = ON")
        try:
            yield
        finally:
            cursor.execute("PRAGMA ignore_check_constraints = OFF")


@dataclass(kw_only=True)
class Contest:
    """A phase in which an evaluation has come to each of its states, by the engine's own functions."""

    phase: Phase
    people: list[Participation]
    handed_in: int = 0

    def submit(self, person: int) -> Evaluation:
        self.handed_in += 1
        stored = submission.submit(
            participation=self.people[person],
            phase=self.phase,
            content=PROMPT,
            idempotency_key=f"clave-{self.handed_in}",
        )
        return stored.evaluations.get()

    def claimed(self, person: int) -> Lease:
        waiting = self.submit(person)
        held = lease.claim("obrero")
        assert held is not None
        assert held.evaluation_id == waiting.pk
        return held

    def in_state(self, state: State) -> Evaluation:
        return Evaluation.objects.filter(state=state).order_by("pk")[0]


def right_but(key: str) -> Callable[[Case], str]:
    return lambda case: "no" if case.key == key else "sí"


@pytest.fixture
def contest() -> Contest:
    secret = {"inputs": {"pregunta": f"{CANARY}-pregunta"}, "expected": f"{CANARY}-esperada"}
    phase = a_phase(
        a_challenge(),
        ranked_cases=[{**secret, "weight": 2}, secret, secret],
        energy_purse_mj=10**9,
        attempts_per_day=7,
        attempts_per_phase=9,
        running_per_participation=3,
    )
    made = Contest(phase=phase, people=[a_participation(phase) for _ in range(3)])
    for person, wrong in ((0, "s0"), (0, ""), (1, "s2"), (2, "s1")):
        stepwise.evaluate(made.claimed(person), text_of=right_but(wrong))
    _end(made)
    _wait(made)
    return made


def _end(made: Contest) -> None:
    """REJECTED, ERRORED at once and at the third failure, CANCELLED twice, and one that is judged again."""
    stepwise.start(refused := made.claimed(1))
    fault = {"fault_code": CONTEXT_TOO_LONG}
    lease.transition(refused, to=State.REJECTED, reason=Reason.REFUSED, fields=fault)
    evaluation._give_up(
        made.claimed(1), SpecError(field="policy", fix="Otra."), reason=Reason.CANNOT_BE_JUDGED
    )
    cancelling.withdraw(made.submit(2).submission)
    cancelling.cancel(made.submit(2), person=made.people[0].person, why="una prueba")
    superseded = stepwise.evaluate(made.claimed(2)).evaluation
    transitions.move(
        Evaluation.objects.filter(pk=superseded.pk),
        to=State.SUPERSEDED,
        by=Actor.ORGANIZER,
        reason=Reason.REJUDGED,
    )
    standings.rebuild(made.phase)


def _wait(made: Contest) -> None:
    """RUNNING with one case, QUEUED again, HELD, and PENDING."""
    job, stopped, waits = stepwise.start(made.claimed(0)), made.claimed(1), made.claimed(2)
    stepwise.answer(job, stepwise.unanswered(job, made.phase.ranked_suite)[0])
    stepwise.give_back(stopped)
    stepwise.hold(waits)
    made.submit(2)


def found() -> list[Broken]:
    return list(broken())


def rules_broken() -> set[str]:
    return {each.rule for each in found()}


# --- a contest that went its way ----------------------------------------------------------------------------


def test_a_contest_in_which_everything_happened_breaks_no_rule(contest: Contest) -> None:
    states = set(Evaluation.objects.values_list("state", flat=True))
    assert states == set(State) - {State.PREPARING, State.GRADING}
    assert Reservation.objects.filter(settled_at=None).count() == 4
    assert found() == []


def test_a_database_without_rows_breaks_no_rule() -> None:
    assert found() == []


def test_an_attempt_that_was_given_back_and_is_judged_again_later_takes_no_place(contest: Contest) -> None:
    """Its place was used meanwhile, by right."""
    Phase.objects.update(attempts_per_day=3)
    errored = Evaluation.objects.get(state=State.ERRORED)
    used = submission.quota(errored.participation, contest.phase).used_today
    Phase.objects.update(attempts_per_day=used)
    transitions.move(
        Evaluation.objects.filter(pk=errored.pk),
        to=State.SUPERSEDED,
        by=Actor.ORGANIZER,
        reason=Reason.REJUDGED,
    )
    again = Evaluation.objects.create(submission=errored.submission, participation=errored.participation)
    transitions.begin(again, who="person 1")
    assert "quota-day" not in rules_broken()


# --- damage: each kind is reported by the rule that it breaks, and by no other ------------------------------


def of(contest: Contest, person: int) -> Score:
    """The only score of a participation, so that no other can take its place on the board."""
    return Score.objects.exclude(evaluation__state=State.SUPERSEDED).get(participation=contest.people[person])


def last_step(row: Evaluation) -> models.QuerySet[Any]:
    return rows(StateChange).filter(evaluation=row, number=row.steps)


def without_an_evaluation(contest: Contest) -> None:
    a_submission(contest.phase, participation=contest.people[0], state=None)


def two_in_force(contest: Contest) -> None:
    scored = contest.in_state(State.SCORED)
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX evaluation_one_in_force_per_submission")
    twin = Evaluation.objects.create(
        submission=scored.submission,
        participation=scored.participation,
        state=State.REJECTED,
        finished_at=Now(),
        steps=1,
    )
    StateChange.objects.create(
        evaluation=twin, number=1, after=State.REJECTED, by=Actor.ORGANIZER, reason=Reason.MIGRATED
    )


def of_another_participation(contest: Contest) -> None:
    row = Evaluation.objects.filter(participation=contest.people[0], state=State.SCORED)
    Evaluation.objects.filter(pk=row[0].pk).update(participation=contest.people[1])


def leased_for_an_hour(contest: Contest) -> None:
    Evaluation.objects.filter(state=State.RUNNING).update(lease_until=Now() + timedelta(hours=1))


def active_without_a_lease(contest: Contest) -> None:
    with unguarded("challenges_evaluation", "evaluation_lease_exactly_while_active"):
        Evaluation.objects.filter(state=State.RUNNING).update(lease_until=None)


def idle_with_a_lease(contest: Contest) -> None:
    with unguarded("challenges_evaluation", "evaluation_lease_exactly_while_active"):
        Evaluation.objects.filter(state=State.QUEUED).update(lease_until=Now())


def a_run_of_a_later_claim(contest: Contest) -> None:
    rows(Run).filter(evaluation=contest.in_state(State.RUNNING)).update(fence=2)


def four_failures(contest: Contest) -> None:
    Evaluation.objects.filter(state=State.ERRORED).update(failures=4)


def scored_without_a_score(contest: Contest) -> None:
    score = of(contest, 1)
    Standing.objects.filter(score=score).delete()
    rows(Record).filter(score=score).delete()
    rows(Score).filter(pk=score.pk).delete()


def a_score_of_what_was_rejected(contest: Contest) -> None:
    score = of(contest, 1)
    score.pk = None
    score._state.adding = True
    score.evaluation = contest.in_state(State.REJECTED)
    score.save()
    standings.rebuild(contest.phase)
    Leaderboard.objects.update(version=9)


def a_score_of_another_participation(contest: Contest) -> None:
    rows(Score).filter(pk=of(contest, 1).pk).update(participation=contest.people[2])
    standings.rebuild(contest.phase)


def a_score_by_an_unknown_suite(contest: Contest) -> None:
    rows(Score).filter(pk=of(contest, 1).pk).update(suite_sha256="0" * 64)


def a_run_is_gone(contest: Contest) -> None:
    rows(Run).filter(pk=ranked_runs(contest)[0]).delete()


def a_call_is_gone(contest: Contest) -> None:
    rows(Call).filter(run=ranked_runs(contest)[0]).delete()


def ranked_runs(contest: Contest) -> list[int]:
    runs = Run.objects.filter(evaluation=of(contest, 1).evaluation, case__suite=contest.phase.ranked_suite)
    return list(runs.order_by("pk").values_list("pk", flat=True))


def ranked_measurement(contest: Contest) -> models.QuerySet[Any]:
    return rows(Measurement).filter(evaluation=of(contest, 1).evaluation, is_ranked=True)


def another_energy_measured(contest: Contest) -> None:
    ranked_measurement(contest).update(energy_mj=F("energy_mj") - 1)


def another_grade_measured(contest: Contest) -> None:
    ranked_measurement(contest).update(evidence_grade="C")


def no_energy_measured(contest: Contest) -> None:
    ranked_measurement(contest).delete()


def tokens_of_another_call(contest: Contest) -> None:
    rows(Call).filter(run=ranked_runs(contest)[0]).update(completion_tokens=F("completion_tokens") + 1)


def a_better_grade(contest: Contest) -> None:
    rows(Run).filter(pk__in=ranked_runs(contest), grade=0).update(grade=Decimal("0.000004"))


def a_better_value(contest: Contest) -> None:
    score = of(contest, 1)
    rows(Score).filter(pk=score.pk).update(value=score.value + Decimal("0.0001"))


def said_to_reach_the_minimum(contest: Contest) -> None:
    rows(Score).filter(pk=of(contest, 1).pk).update(reaches_minimum=False)


def a_policy_that_is_none(contest: Contest) -> None:
    rows(Score).filter(pk=of(contest, 1).pk).update(policy="azar")


def grades_of_other_cases(contest: Contest) -> None:
    """The same grades in another order: of the same quality, so that no other rule sees it."""
    score = of(contest, 1)
    assert score.case_grades is not None
    turned = score.case_grades[::-1]
    assert turned != score.case_grades
    rows(Score).filter(pk=score.pk).update(case_grades=turned)


def a_grade_is_not_kept(contest: Contest) -> None:
    score = of(contest, 1)
    assert score.case_grades is not None
    rows(Score).filter(pk=score.pk).update(case_grades=score.case_grades[:-1])


def another_repetition_kept(contest: Contest) -> None:
    score = of(contest, 1)
    assert score.repetitions_mj is not None
    rows(Score).filter(pk=score.pk).update(repetitions_mj=[*score.repetitions_mj, score.energy_mj])


def the_last(contest: Contest) -> Record:
    return contest.phase.records.order_by("-number")[0]


def the_last_record_is_gone(contest: Contest) -> None:
    rows(Record).filter(pk=the_last(contest).pk).delete()


def a_record_follows_another(contest: Contest) -> None:
    rows(Record).filter(pk=the_last(contest).pk).update(previous_sha256="1" * 64)


def a_file_is_gone(contest: Contest) -> None:
    sealing.store().path(the_last(contest).sha256).unlink()


def a_byte_of_a_file_is_another(contest: Contest) -> None:
    path = sealing.store().path(the_last(contest).sha256)
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content.replace(b'"weight":1', b'"weight":2', 1))


def sealed_anew(change: Callable[[sealed.Record], sealed.Record]) -> Callable[[Contest], None]:
    """Whoever writes rows and files makes a chain that holds, but no record that recomputes."""

    def damage(contest: Contest) -> None:
        row = the_last(contest)
        record = sealed.read(sealing.store().read(row.sha256))
        sha256 = sealing.store().write(sealed.write(change(record)))
        rows(Record).filter(pk=row.pk).update(sha256=sha256)

    return damage


def a_better_grade_is_told(record: sealed.Record) -> sealed.Record:
    first, *others = record.runs
    grade = "0.250000" if first.grade != "0.250000" else "0.500000"
    return replace(record, runs=(replace(first, grade=grade), *others))


def another_participation_is_told(record: sealed.Record) -> sealed.Record:
    return replace(record, subject=replace(record.subject, participation=str(uuid4())))


def ranked_by_mistake(contest: Contest) -> None:
    rows(Score).filter(pk=of(contest, 1).pk).update(is_ranked=False)


def a_step_is_gone(contest: Contest) -> None:
    rows(StateChange).filter(evaluation=of(contest, 1).evaluation, number=3).delete()


def the_first_step_is_gone(contest: Contest) -> None:
    rows(StateChange).filter(evaluation=of(contest, 1).evaluation, number=1).delete()


def the_last_step_is_gone(contest: Contest) -> None:
    last_step(of(contest, 1).evaluation).delete()


def no_history(contest: Contest) -> None:
    rows(StateChange).filter(evaluation=of(contest, 1).evaluation).delete()


def a_state_that_was_never_entered(contest: Contest) -> None:
    Evaluation.objects.filter(state=State.PENDING).update(state=State.QUEUED)


def a_step_from_a_state_that_was_never_entered(contest: Contest) -> None:
    step = rows(StateChange).filter(evaluation=of(contest, 1).evaluation, after=State.PREPARING)
    assert set(step.values_list("before", flat=True)) == {State.PENDING}
    step.update(before=State.QUEUED)


def a_step_by_nobody_who_may(contest: Contest) -> None:
    last_step(contest.in_state(State.REJECTED)).update(by=Actor.SWEEPER)


def a_step_for_no_good_reason(contest: Contest) -> None:
    last_step(contest.in_state(State.REJECTED)).update(reason=Reason.WITHDRAWN)


def migrated_in_the_middle(contest: Contest) -> None:
    last_step(contest.in_state(State.REJECTED)).update(reason=Reason.MIGRATED)


def a_fence_that_fell(contest: Contest) -> None:
    last_step(contest.in_state(State.REJECTED)).update(fence=0)


def a_step_before_the_one_before(contest: Contest) -> None:
    last_step(contest.in_state(State.REJECTED)).update(at=Now() - timedelta(hours=1))


def too_much_reserved(contest: Contest) -> None:
    Purse.objects.filter(participation=contest.people[0]).update(reserved_mj=F("reserved_mj") + 1)


def too_little_spent(contest: Contest) -> None:
    Purse.objects.filter(participation=contest.people[0]).update(spent_mj=F("spent_mj") - 1)


def with_sums_that_agree(
    change: Callable[[models.QuerySet[Reservation]], Any], *, of: State
) -> Callable[[Contest], None]:
    """Damage to a reservation alone: its purse is made to say the same."""

    def damage(contest: Contest) -> None:
        row = contest.in_state(of)
        change(Reservation.objects.filter(evaluation=row))
        for purse in Purse.objects.all():
            reservations = list(purse.reservations.all())
            purse.reserved_mj = sum(each.reserved_mj for each in reservations if each.settled_mj is None)
            purse.spent_mj = sum(each.settled_mj or 0 for each in reservations)
            purse.save()

    return damage


def to_another_purse(reservations: models.QuerySet[Reservation]) -> None:
    mine = reservations.get()
    mine.purse = Purse.objects.exclude(pk=mine.purse_id)[0]
    mine.save()


def fewer_attempts_a_phase(contest: Contest) -> None:
    Phase.objects.update(attempts_per_phase=2)


def fewer_attempts_a_day(contest: Contest) -> None:
    Phase.objects.update(attempts_per_day=2)


def a_standing_that_counts_wrong(contest: Contest) -> None:
    Standing.objects.filter(participation=contest.people[0]).update(attempts=1)


def a_standing_of_the_worse_score(contest: Contest) -> None:
    standing = Standing.objects.get(participation=contest.people[0])
    worse = Score.objects.filter(participation=contest.people[0]).exclude(pk=standing.score_id).get()
    Standing.objects.filter(pk=standing.pk).update(score=worse)


def a_standing_is_gone(contest: Contest) -> None:
    Standing.objects.filter(participation=contest.people[0]).delete()


def a_standing_of_nothing(contest: Contest) -> None:
    Standing.objects.create(
        phase=contest.phase,
        participation=a_participation(contest.phase),
        score=of(contest, 1),
        updated_at=Now(),
    )


def no_board(contest: Contest) -> None:
    Leaderboard.objects.all().delete()


def a_board_that_stood_still(contest: Contest) -> None:
    Leaderboard.objects.update(version=1)


def edges_that_are_gone(contest: Contest) -> None:
    ranked_measurement(contest).update(evidence={"edges_sha256": "0" * 64})


def a_standing_of_what_is_held(contest: Contest) -> None:
    Review.objects.create(score=of(contest, 1), flags=["unlike-witness"])


def flagged_and_not_held(contest: Contest) -> None:
    other = of(contest, 2)
    Review.objects.create(score=other, flags=["unlike-witness"])
    Standing.objects.filter(score=other).delete()
    ranked_measurement(contest).update(flags=["unlike-witness"])


def another_answer_expected(contest: Contest) -> None:
    rows(Case).filter(suite=contest.phase.ranked_suite, key="s1").update(expected="no")


def another_slot(contest: Contest) -> None:
    rows(Suite).filter(pk=contest.phase.ranked_suite_id).update(slots={"otra": "cosa"})


def a_trial_of_a_closed_circuit(contest: Contest) -> None:
    with unguarded("challenges_circuit", "circuit_has_trials_only_while_open"):
        Circuit.objects.create(name=Circuit.Name.METER, trial=contest.in_state(State.PENDING))


def three_failed_and_it_stayed_closed(contest: Contest) -> None:
    Circuit.objects.create(name=Circuit.Name.BACKEND, suspects=[1, 2, 3])


DAMAGE: dict[str, list[Callable[[Contest], None]]] = {
    "one-in-force": [without_an_evaluation, two_in_force],
    "participation": [of_another_participation],
    "leases": [leased_for_an_hour, active_without_a_lease, idle_with_a_lease],
    "fences": [a_run_of_a_later_claim],
    "failures": [four_failures],
    "scored": [scored_without_a_score, a_score_of_what_was_rejected],
    "score-place": [a_score_of_another_participation],
    "score-suite": [a_score_by_an_unknown_suite],
    "score-cases": [a_run_is_gone, a_call_is_gone],
    "score-energy": [another_energy_measured, another_grade_measured, no_energy_measured],
    "score-tokens": [tokens_of_another_call],
    "score-value": [a_better_grade, a_better_value, said_to_reach_the_minimum, a_policy_that_is_none],
    "score-grades": [grades_of_other_cases, a_grade_is_not_kept, another_repetition_kept],
    "score-ranked": [ranked_by_mistake],
    "score-sealed": [the_last_record_is_gone],
    "record-chain": [a_record_follows_another],
    "record-file": [a_file_is_gone, a_byte_of_a_file_is_another],
    "record-recomputes": [sealed_anew(a_better_grade_is_told)],
    "record-score": [sealed_anew(another_participation_is_told)],
    "history-numbers": [a_step_is_gone, the_first_step_is_gone, the_last_step_is_gone, no_history],
    "history-states": [a_state_that_was_never_entered, a_step_from_a_state_that_was_never_entered],
    "history-arrows": [a_step_by_nobody_who_may, a_step_for_no_good_reason, migrated_in_the_middle],
    "history-fences": [a_fence_that_fell],
    "history-times": [a_step_before_the_one_before],
    "purse-sums": [too_much_reserved, too_little_spent],
    "purse-open": [
        with_sums_that_agree(lambda row: row.update(settled_mj=0, settled_at=Now()), of=State.RUNNING),
        with_sums_that_agree(lambda row: row.update(settled_mj=None, settled_at=None), of=State.REJECTED),
        with_sums_that_agree(lambda row: row.delete(), of=State.HELD),
        with_sums_that_agree(to_another_purse, of=State.QUEUED),
    ],
    "purse-settled": [
        with_sums_that_agree(lambda row: row.update(settled_mj=F("settled_mj") + 1), of=State.SCORED),
        with_sums_that_agree(lambda row: row.update(settled_mj=1), of=State.ERRORED),
        with_sums_that_agree(lambda row: row.update(settled_mj=1), of=State.SUPERSEDED),
    ],
    "quota-phase": [fewer_attempts_a_phase],
    "quota-day": [fewer_attempts_a_day],
    "standings": [
        a_standing_that_counts_wrong,
        a_standing_of_the_worse_score,
        a_standing_is_gone,
        a_standing_of_nothing,
    ],
    "board": [no_board, a_board_that_stood_still],
    "counter-edges": [edges_that_are_gone],
    "review-standing": [a_standing_of_what_is_held],
    "review-flags": [flagged_and_not_held],
    "suites": [another_answer_expected, another_slot],
    "circuits": [a_trial_of_a_closed_circuit, three_failed_and_it_stayed_closed],
}
# A score's row is told by its record too, so that damage to it shows twice.
ALSO = {
    "scored": {"score-sealed", "record-chain"},
    "score-place": {"record-score"},
    "score-suite": {"record-score"},
    # And its row keeps its cases' grades and its windows' energies.
    "score-energy": {"score-grades"},
    "score-value": {"record-score", "score-grades"},
    "score-ranked": {"record-score"},
    "record-chain": {"record-score"},
    # What is held makes no standing.
    "review-standing": {"standings"},
}
# What an organizer may bring about as well, or a clock that was set back.
DOUBTFUL = {"quota-phase", "quota-day", "history-times"}


def test_there_is_damage_for_every_rule() -> None:
    assert set(DAMAGE) == set(RULES)
    assert len(set(RULES)) == len(RULES)


@pytest.mark.parametrize(
    ("rule", "number"), [(rule, number) for rule, ways in DAMAGE.items() for number in range(len(ways))]
)
def test_damage_is_reported_by_the_rule_that_it_breaks(contest: Contest, rule: str, number: int) -> None:
    DAMAGE[rule][number](contest)
    reported = found()
    assert rule in {each.rule for each in reported}
    assert {each.rule for each in reported} <= {rule} | ALSO.get(rule, set())
    assert list(broken([rule])) == [each for each in reported if each.rule == rule]
    for each in reported:
        assert each.is_certain or rule in DOUBTFUL or "nothing was set aside" in each.what
        assert CANARY not in each.row + each.what
        assert PROMPT["system"] not in each.what


def test_a_score_from_before_grades_were_kept_breaks_no_rule(contest: Contest) -> None:
    rows(Score).filter(pk=of(contest, 1).pk).update(case_grades=None, repetitions_mj=None)
    assert rules_broken() == set()


def test_a_board_whose_bytes_change_by_themselves_is_reported(
    contest: Contest, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = iter(range(1000))
    monkeypatch.setattr(board, "_iso", lambda moment: f"{moment} {next(turns)}")
    assert rules_broken() == {"board"}


def test_two_live_leases_for_one_submission_are_reported(contest: Contest) -> None:
    running, queued = contest.in_state(State.RUNNING), contest.in_state(State.QUEUED)
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX evaluation_one_in_force_per_submission")
    held = lease.claim("otro")
    assert held is not None
    assert held.evaluation_id == queued.pk
    Evaluation.objects.filter(pk=queued.pk).update(submission=running.submission)
    whats = [each.what for each in broken(["leases"])]
    assert whats == ["2 live leases at once"]


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(ValueError, match="no such rule: otra"):
        list(broken(["leases", "otra"]))


# --- what is checked while the contest goes on --------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_check_sees_one_moment_and_keeps_nobody_waiting(contest: Contest) -> None:
    with snapshot():
        assert found() == []
        written = in_parallel(lambda: Evaluation.objects.filter(state=State.ERRORED).update(failures=4))
        assert written == [1]
        assert found() == []
    assert rules_broken() == {"failures"}
    cancelling.withdraw(contest.in_state(State.PENDING).submission)


# --- the command --------------------------------------------------------------------------------------------


def told(*arguments: str) -> str:
    out = io.StringIO()
    call_command("check_invariants", *arguments, stdout=out, no_color=True)
    return out.getvalue()


def test_the_command_says_that_all_is_well(contest: Contest) -> None:
    assert told() == f"Se cumplen las {len(RULES)} reglas.\n"
    assert told("--rule", "leases") == "Se cumple la regla.\n"
    assert json.loads(told("--json")) == {"rules": sorted(RULES), "broken": []}


def test_the_command_names_each_broken_row_and_ends_with_1(
    contest: Contest, capsys: pytest.CaptureFixture[str]
) -> None:
    four_failures(contest)
    row = f"evaluation {contest.in_state(State.ERRORED).pk}"
    with pytest.raises(CommandError, match=r"Roturas: 1; dudosas: 0\.") as raised:
        call_command("check_invariants", no_color=True)
    assert raised.value.returncode == 1
    assert capsys.readouterr().out == f"failures\t{row}\t4 failures; it should have ended at 3\n"
    assert told("--rule", "leases", "--rule", "fences") == "Se cumplen las 2 reglas.\n"


def test_the_command_tells_programs_the_same(contest: Contest, capsys: pytest.CaptureFixture[str]) -> None:
    four_failures(contest)
    with pytest.raises(CommandError):
        call_command("check_invariants", "--json")
    (only,) = json.loads(capsys.readouterr().out)["broken"]
    assert (only["rule"], only["is_certain"]) == ("failures", True)


def test_what_is_only_doubtful_is_told_and_is_no_failure_unless_asked(contest: Contest) -> None:
    fewer_attempts_a_day(contest)
    text = told()
    assert text.startswith("quota-day?\t")
    assert "Roturas: 0; dudosas:" in text
    with pytest.raises(CommandError):
        told("--strict")


def test_the_command_knows_its_rules() -> None:
    with pytest.raises(CommandError, match="otra"):
        told("--rule", "otra")


# --- the hash of a suite ------------------------------------------------------------------------------------

AWKWARD: list[Any] = [
    {"a": [1, 1.0, 0.1, 1e-7, 123456789012345678], "b": None, "ñ": True},
    'tilde ó, comillas «», emoji 🙂, barra \\ y "',
    12.50,
    -3,
]


def test_the_hash_of_rows_is_that_of_the_cases_that_they_were_made_of() -> None:
    phase = a_phase(ranked_cases=[{"expected": value, "group": "g"} for value in AWKWARD])
    suite = Suite.objects.get(pk=phase.ranked_suite_id)
    assert suite_hash.of(suite) == suite.sha256


@pytest.mark.parametrize("field", ["key", "group", "inputs", "expected", "grader", "weight", "position"])
def test_the_hash_tells_any_change_of_a_case(field: str) -> None:
    suite = Suite.objects.get(pk=a_phase().ranked_suite_id)
    other = {"weight": 7, "position": 7, "inputs": {"pregunta": "otra"}, "grader": {"name": "number"}}
    rows(Case).filter(suite=suite, key="s2").update(**{field: other.get(field, "otra")})
    assert suite_hash.of(suite) != suite.sha256
