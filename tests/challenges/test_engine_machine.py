"""The engine against a model of what must be true, in any order of steps that hypothesis thinks of.

Every step is a real function over a real database: submissions, rings, claims, answers, faults, silence,
sweeps, circuits, withdrawals, and workers that were given up and write all the same. Nobody waits: a clock
that a rule looks at is moved in the rows. ``ENGINE_MACHINE_STEPS`` says how many steps (2,000 without it).
"""

from __future__ import annotations

import logging
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.db.models.functions import Now
from hypothesis import HealthCheck, note, settings
from hypothesis import Phase as Phases
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from challenges import (
    backend,
    cancelling,
    circuits,
    dispatch,
    energy_window,
    evaluation,
    invariants,
    lease,
    submission,
    sweeping,
    tallies,
)
from challenges.errors import DeviceBusy, IdempotencyConflict, LeaseLost, TooLateToWithdraw
from challenges.evaluation import StopRequested
from challenges.judging import MOST_FAILURES, CaseRefused
from challenges.lease import Lease
from challenges.measured_series import SeriesVoid
from challenges.models import (
    Circuit,
    Evaluation,
    Measurement,
    Participation,
    Phase,
    Reason,
    Run,
    Score,
    State,
    StateChange,
    Submission,
)
from challenges.models.evaluation import ACTIVE, FINAL, WAITING
from scoring.energy.window import EnergySource, TokenModelSource
from scoring.errors import (
    CONTEXT_TOO_LONG,
    BackendFault,
    BackendProtocolError,
    BackendUnavailable,
    CaseTimeout,
    CounterUnavailable,
    MeasurementVoid,
    SpecError,
)
from scoring.inference.describe import BackendDescription
from scoring.values import EvidenceGrade
from scoring.values import Measurement as Measured
from tests import stepwise
from tests.engine_model import Accepted, Model, columns, estimate_mj, everything, lease_end
from tests.factories import PROMPT, a_challenge, a_participation, a_person, a_phase
from tests.stepwise import Job

pytestmark = [pytest.mark.storm, pytest.mark.django_db]

STEPS = int(os.environ.get("ENGINE_MACHINE_STEPS", "2000"))
# Takes minutes; what a failure tells without it is as true, only longer.
SHRINKS = "ENGINE_MACHINE_SHRINK" in os.environ
STEPS_AN_EXAMPLE = 80
# Now and then hypothesis ends an example early.
EXAMPLES = STEPS * 6 // (STEPS_AN_EXAMPLE * 5) + 1
# Cheap enough for after every step; all of the rules are looked at in the end.
AFTER_EACH_STEP = (
    "leases",
    "scored",
    "history-numbers",
    "history-states",
    "history-arrows",
    "history-fences",
    "purse-sums",
)
# Far longer than a run of this file: only what a rule moves is ever over.
NEVER_S = 3600
OTHER_PROMPT = {**PROMPT, "system": "Otra cosa."}
# Enough sweeps for two circuits with pauses of no length, and for the last of three tries of each.
LAST_ROUNDS = 60
# How often what happens, against the others.
DEEDS: Mapping[str, int] = {
    "hand_in": 14,
    "click_twice": 2,
    "withdraw": 2,
    "ring": 4,
    "claim": 20,
    "work": 16,
    "renew": 1,
    "begin_to_grade_and_say_no_more": 2,
    "go_wrong": 14,
    "cancel_what_runs": 2,
    "fall_silent": 5,
    "write_with_a_lease_that_is_over": 6,
    "sweep": 12,
    "let_the_backend_go_or_come": 2,
    "let_the_meter_go_or_come": 2,
    "serve_another_model": 1,
    "let_time_pass": 5,
}
NEEDS_A_LIVE_WORKER = frozenset(
    {"work", "renew", "begin_to_grade_and_say_no_more", "go_wrong", "cancel_what_runs", "fall_silent"}
)
NEEDS_A_STALE_WORKER = frozenset({"write_with_a_lease_that_is_over"})
# Made anew each time: one that is raised again keeps all the frames that it ever went through.
FAULTS: tuple[Callable[[], Exception], ...] = (
    lambda: BackendProtocolError("gibberish"),
    lambda: CaseTimeout(timeout_s=1.0),
    lambda: BackendUnavailable("reset"),
    lambda: BackendUnavailable("too busy", status=429, retry_after_s=30.0),
    lambda: MeasurementVoid("El contador dio un salto."),
    lambda: CaseRefused(key="s0", is_public=False),
    lambda: SpecError(field="policy", fix="Otra."),
    StopRequested,
    lambda: SeriesVoid("La carga de referencia varió."),
    DeviceBusy,
)


@dataclass(frozen=True, kw_only=True)
class World:
    """What every example finds: two phases and people who hand in. The last one is an organizer."""

    estimated: Phase
    measured: Phase
    people: tuple[Participation, ...]


@dataclass(kw_only=True)
class Worker:
    """A worker with the lease that it believes in, and with its work once it has begun."""

    held: Lease
    job: Job | None = None
    model: str = ""


class Counting:
    """An energy counter of grade C under which a joule has always gone by. Its windows cannot be resumed."""

    name = "contador"
    grade = EvidenceGrade.C
    resumable = False
    reason = ""

    def open(self) -> Counting:
        return self

    def close(self, calls: Any) -> Measured:
        return Measured(energy_mj=1000, seconds=Decimal(1), grade=self.grade, source=self.name)


class Engine(RuleBasedStateMachine):
    """Deeds are what may happen; each compares what did happen with what the model expects.

    One rule draws among them by weight: left to itself hypothesis would withdraw as often as it claims.
    """

    # Set by the test; hypothesis makes the machines.
    world: World
    taken: Counter[str]
    steps_done: int

    def __init__(self) -> None:
        super().__init__()
        # Rolled back in the end. Nothing that waits for a commit happens: the ring is a rule of its own.
        self.example = transaction.atomic()
        self.example.__enter__()
        self.model = Model()
        self.backend_is_up = True
        self.meter_is_up = True
        self.model_served = "modelo-0"
        self.workers: list[Worker] = []
        self.live: list[Worker] = []
        self.stale: list[Worker] = []
        self.disputed: list[Worker] = []

    @initialize()
    def some_hand_in(self) -> None:
        for who, is_measured in ((0, False), (0, True), (1, True), (2, True)):
            self._hand_in(who, is_measured)

    @rule(deed=st.integers(0, sum(DEEDS.values()) - 1), which=st.integers(0, 11), more=st.integers(0, 3))
    def happen(self, deed: int, which: int, more: int) -> None:
        """``which`` of several, by the remainder; ``more`` is whatever else the deed wants to know."""
        possible = [
            name
            for name, weight in DEEDS.items()
            if (self.live or name not in NEEDS_A_LIVE_WORKER)
            and (self.stale or name not in NEEDS_A_STALE_WORKER)
            for _time in range(weight)
        ]
        name = possible[deed % len(possible)]
        note(name)
        getattr(self, name)(which, more)

    # --- handing in, and taking back ------------------------------------------------------------------------

    def hand_in(self, which: int, more: int) -> None:
        self._hand_in(who=more, is_measured=which % 2 == 1)

    def _hand_in(self, who: int, is_measured: bool) -> None:
        participation = self.world.people[who]
        phase = self.world.measured if is_measured else self.world.estimated
        key = f"clave-{len(self.model.accepted)}"
        refusal = self.model.refusal(participation, phase)
        if refusal is not None:
            with pytest.raises(refusal):
                _submit(participation, phase, key)
            return
        turn, virtual_time = self.model.next_turn(participation), self.model.virtual_time
        row = _submit(participation, phase, key).evaluations.get()
        assert (row.state, row.turn, row.fence, row.steps) == (State.PENDING, turn, 0, 1)
        self.model.accepted[row.pk] = Accepted(
            key=key,
            evaluation_id=row.pk,
            participation=participation,
            phase=phase,
            turn=turn,
            virtual_time=virtual_time,
        )

    def click_twice(self, which: int, more: int) -> None:
        mine = self._one_accepted(which)
        before = everything()
        assert _submit(mine.participation, mine.phase, mine.key).evaluations.get().pk == mine.evaluation_id
        with pytest.raises(IdempotencyConflict):
            _submit(mine.participation, mine.phase, mine.key, OTHER_PROMPT)
        assert everything() == before

    def withdraw(self, which: int, more: int) -> None:
        before = _row(self._one_accepted(which).evaluation_id)
        if before.fence == 0 and before.state in (*WAITING, State.HELD):
            cancelling.withdraw(before.submission)
            assert _row(before.pk).state == State.CANCELLED
            return
        with pytest.raises(TooLateToWithdraw):
            cancelling.withdraw(before.submission)
        assert columns(_row(before.pk)) == columns(before)

    def cancel_what_runs(self, which: int, more: int) -> None:
        row = _row(self._one_of(self.live, which).held.evaluation_id)
        assert cancelling.cancel(row, person=self.world.people[-1].person, why="una prueba")
        assert not cancelling.cancel(row, person=self.world.people[-1].person, why="otra vez")

    # --- rings and claims -----------------------------------------------------------------------------------

    def ring(self, which: int, more: int) -> None:
        """Heard or not, once or twice."""
        is_heard, times = more > 0, 1 + more // 2
        before = _row(self._one_accepted(which).evaluation_id)
        with _patched(dispatch, "_ring", lambda: is_heard):
            for _time in range(times):
                assert dispatch.wake_workers(before.pk) == is_heard
        after = _row(before.pk)
        is_due = is_heard and before.state == State.PENDING
        assert after.state == (State.QUEUED if is_due else before.state)
        assert after.steps == before.steps + is_due

    def claim(self, which: int, more: int) -> None:
        name = f"obrero-{which}"
        due = self.model.claimable()
        held = lease.claim(name)
        if not due:
            assert held is None, "claimed what may not start"
            return
        assert held is not None, f"evaluation {due[0].pk} waits, and nobody got it"
        assert held.evaluation_id == due[0].pk, "another's turn came first"
        row = _row(held.evaluation_id)
        assert (row.state, row.fence, row.worker) == (State.PREPARING, due[0].fence + 1, name)
        assert held.fence == row.fence
        if due[0].fence == 0:
            self.model.claimed(due)
        worker = Worker(held=held)
        self.workers.append(worker)
        self._work(worker, most=more)

    # --- a worker's work ------------------------------------------------------------------------------------

    def work(self, which: int, more: int) -> None:
        self._work(self._one_of(self.live, which), most=1 + 2 * more)

    def _work(self, worker: Worker, *, most: int) -> None:
        for _step in range(most):
            if not self._one_step(worker):
                break

    def _one_step(self, worker: Worker) -> bool:
        """The next thing that a worker does; False where nothing more comes of this lease."""
        row = _row(worker.held.evaluation_id)
        if row.state == State.GRADING:
            return False
        if not self.backend_is_up:
            self._meet(worker, BackendUnavailable("nobody answers"))
            return False
        if row.state == State.RUNNING:
            assert worker.job is not None
            return self._ask(worker, worker.job)
        try:
            worker.model = self.model_served
            worker.job = stepwise.start(worker.held, BackendDescription(model=worker.model, revision=""))
        except CounterUnavailable as fault:
            assert row.submission.phase == self.world.measured
            self._meet(worker, fault)
            return False
        return True

    def _ask(self, worker: Worker, job: Job) -> bool:
        """One case, then the window, then the score."""
        if missing := stepwise.unanswered(job, job.phase.ranked_suite):
            text = "sí" if len(missing) > 1 else "no"
            stepwise.answer(job, missing[0], text, model=worker.model)
            return True
        windows = Measurement.objects.filter(evaluation=worker.held.evaluation_id, is_ranked=True)
        if not windows.filter(repetition=job.repetition).exists():
            stepwise.measure(job)
            return True
        assert stepwise.record(job).evaluation.state == State.SCORED
        # Nothing is left to judge; what a worker does after it is told to the circuits.
        _evaluate(worker, None)
        return False

    def renew(self, which: int, more: int) -> None:
        worker = self._one_of(self.live, which)
        soon = Now() + timedelta(seconds=NEVER_S / 2)
        Evaluation.objects.filter(pk=worker.held.evaluation_id).update(lease_until=soon)
        lease.renew(worker.held)
        left = lease_end(_row(worker.held.evaluation_id)) - dispatch.now()
        assert left > timedelta(seconds=NEVER_S * 3 / 4)

    def begin_to_grade_and_say_no_more(self, which: int, more: int) -> None:
        worker = self._one_of(self.live, which)
        if _row(worker.held.evaluation_id).state == State.RUNNING:
            lease.transition(worker.held, to=State.GRADING, reason=Reason.ANSWERED)

    # --- what goes wrong under a worker ---------------------------------------------------------------------

    def go_wrong(self, which: int, more: int) -> None:
        # Twelve and four are what ``which`` and ``more`` go up to: each fault is met about as often.
        fault = FAULTS[(which + 12 * more) % len(FAULTS)]()
        worker = self._one_of(self.live, which)
        if more == 0:
            Evaluation.objects.filter(pk=worker.held.evaluation_id).update(failures=MOST_FAILURES - 1)
        state = _row(worker.held.evaluation_id).state
        only_in = {CaseRefused: State.RUNNING, DeviceBusy: State.PREPARING}.get(type(fault), state)
        if state == only_in:
            self._meet(worker, fault)

    def _meet(self, worker: Worker, fault: Exception) -> None:
        before = _row(worker.held.evaluation_id)
        had_answers = Run.objects.filter(evaluation=before, fence=worker.held.fence).exists()
        is_open = self._opens(fault, before)
        _evaluate(worker, fault)
        after = _row(before.pk)
        if isinstance(fault, BackendFault):
            assert _is_open(Circuit.Name.BACKEND) == is_open
            assert not (is_open and had_answers and after.failures > before.failures), "counted for nothing"
        assert _came_to(fault, before, after)

    def _opens(self, fault: Exception, row: Evaluation) -> bool:
        """Whether the backend's circuit is open once this fault of the backend was reported."""
        circuit = Circuit.objects.filter(name=Circuit.Name.BACKEND).first()
        suspects = circuit.suspects if circuit else []
        in_a_row = len({*suspects, row.pk}) >= circuits.FAILURES_IN_A_ROW
        return _is_open(Circuit.Name.BACKEND) or not self.backend_is_up or in_a_row

    # --- silence, and writing after it ----------------------------------------------------------------------

    def fall_silent(self, which: int, more: int) -> None:
        row = Evaluation.objects.filter(pk=self._one_of(self.live, which).held.evaluation_id)
        row.update(lease_until=Now() - timedelta(seconds=1))
        if more == 0:
            row.update(expiries=sweeping.MOST_EXPIRIES - 1)

    def write_with_a_lease_that_is_over(self, which: int, more: int) -> None:
        # Most can go wrong where somebody is thought to be at the same evaluation.
        worker = self._one_of(self.disputed or self.stale, which)
        before = everything()
        for write in stepwise.writes(worker.held):
            with pytest.raises(LeaseLost):
                write()
        for fault in FAULTS:
            _evaluate(worker, fault())
        assert everything() == before, "a stale worker has changed something"

    # --- the sweeper, and what it waits for -----------------------------------------------------------------

    def sweep(self, which: int = 0, more: int = 0) -> None:
        before = {row.pk: row for row in Evaluation.objects.all()}
        now = dispatch.now()
        was_open = {circuit.name: circuit.opened_at for circuit in circuits.open_now()}
        _sweep()
        # Closed by its trial's answer and opened anew by a probe: it holds what waits at the next look.
        still_open = [each for each in circuits.open_now() if was_open.get(each.name) == each.opened_at]
        for row in Evaluation.objects.select_related("submission__phase"):
            old = before[row.pk]
            if old.state in FINAL or (old.state in ACTIVE and lease_end(old) > now):
                assert columns(row) == columns(old), "the sweeper touched what is not its own"
            elif old.state in ACTIVE:
                assert _was_taken_back(old, row), "a lease that ran out was left"
            elif old.state == State.HELD and not was_open and self.backend_is_up:
                is_due = old.not_before is None or old.not_before <= now
                assert row.state == (State.QUEUED if is_due else State.HELD)
            assert _waits_as_it_should(row, still_open)

    def let_the_backend_go_or_come(self, which: int = 0, more: int = 0) -> None:
        self.backend_is_up = not self.backend_is_up

    def let_the_meter_go_or_come(self, which: int = 0, more: int = 0) -> None:
        self.meter_is_up = not self.meter_is_up

    def serve_another_model(self, which: int, more: int) -> None:
        self.model_served = f"modelo-{which}"

    def let_time_pass(self, which: int = 0, more: int = 0) -> None:
        """Rests and pauses are over, and whoever was rung for is forgotten."""
        past = Now() - timedelta(seconds=1)
        long_ago = Now() - timedelta(seconds=2 * NEVER_S)
        Evaluation.objects.exclude(not_before=None).update(not_before=past)
        Evaluation.objects.exclude(rung_at=None).update(rung_at=long_ago)
        Evaluation.objects.update(created_at=long_ago)
        Circuit.objects.exclude(next_trial_at=None).update(next_trial_at=past)

    # --- after each step, and in the end --------------------------------------------------------------------

    @invariant()
    def nothing_is_broken(self) -> None:
        type(self).steps_done += 1
        assert list(invariants.broken(AFTER_EACH_STEP)) == []
        rows = {row.pk: row for row in Evaluation.objects.all()}
        self.model.look_at(rows)
        running = Counter(row.participation_id for row in rows.values() if row.state in ACTIVE)
        most = self.world.measured.running_per_participation
        assert all(number <= most for number in running.values()), "more at once than the phase lets run"
        _stop_the_clocks()
        self._sort_workers(rows)

    def _sort_workers(self, rows: dict[int, Evaluation]) -> None:
        now = dispatch.now()
        self.live, self.stale, self.disputed = [], [], []
        for worker in self.workers:
            row = rows[worker.held.evaluation_id]
            is_live = row.fence == worker.held.fence and row.state in ACTIVE and lease_end(row) > now
            (self.live if is_live else self.stale).append(worker)
            if not is_live and row.state in ACTIVE:
                self.disputed.append(worker)

    def _one_accepted(self, which: int) -> Accepted:
        accepted = list(self.model.accepted.values())
        return accepted[which % len(accepted)]

    def _one_of(self, workers: list[Worker], which: int) -> Worker:
        return workers[which % len(workers)]

    def best_source(self) -> EnergySource:
        return Counting() if self.meter_is_up else TokenModelSource(reason="No hay contador.")

    def teardown(self) -> None:
        try:
            # Not after a failure, which this would hide.
            if sys.exc_info()[0] is None:
                self._come_to_an_end()
        finally:
            transaction.set_rollback(True)
            self.example.__exit__(None, None, None)
            tallies.forget()

    def _come_to_an_end(self) -> None:
        """With everything back, whatever was accepted ends; then all the rules hold."""
        self.backend_is_up = self.meter_is_up = True
        Evaluation.objects.active().update(lease_until=Now() - timedelta(seconds=1))
        for _round in range(LAST_ROUNDS):
            if not Evaluation.objects.unfinished().exists():
                break
            self.let_time_pass()
            _sweep()
            while (held := lease.claim("el último")) is not None:
                self._work(Worker(held=held), most=NEVER_S)
        stuck = list(Evaluation.objects.unfinished().values_list("pk", "state"))
        assert stuck == [], "accepted, and it never ends"
        type(self).taken.update(StateChange.objects.order_by().values_list("reason", flat=True))
        assert list(invariants.broken()) == []
        _windows_are_whole(self.world.measured)
        _models_are_not_mixed()


def _submit(participation: Participation, phase: Phase, key: str, content: Any = PROMPT) -> Submission:
    return submission.submit(participation=participation, phase=phase, content=content, idempotency_key=key)


def _evaluate(worker: Worker, fault: Exception | None) -> None:
    """The worker's own function, with a judging that comes to this."""

    async def judging(held: Lease, should_stop: Callable[[], bool]) -> None:
        if fault is not None:
            raise fault

    with _patched(evaluation, "_judge_while_held", judging):
        evaluation.evaluate(worker.held)


def _came_to(fault: Exception, before: Evaluation, after: Evaluation) -> bool:
    """Whether it is now where a live worker should have left it after this fault."""
    if isinstance(fault, StopRequested):
        return (after.state, after.failures, after.not_before) == (State.QUEUED, before.failures, None)
    if isinstance(fault, DeviceBusy):
        is_same = (after.failures, after.repetition) == (before.failures, before.repetition)
        return is_same and after.state == State.QUEUED and after.not_before is not None
    if isinstance(fault, CaseRefused):
        told = (after.state, after.fault_code, after.fault_detail)
        return told == (State.REJECTED, CONTEXT_TOO_LONG, "")
    if isinstance(fault, SpecError):
        return after.state == State.ERRORED
    assert after.failures - before.failures in (0, 1)
    if isinstance(fault, MeasurementVoid):
        assert after.repetition == before.repetition + 1, "a window that is void is not gone on with"
    if isinstance(fault, SeriesVoid):
        assert after.series == after.repetition, "what was void with its series is counted"
    if after.failures == MOST_FAILURES:
        return after.state == State.ERRORED
    # Whoever failed rests, so that others come first.
    return after.state in (State.QUEUED, State.HELD) and after.not_before is not None


def _was_taken_back(old: Evaluation, row: Evaluation) -> bool:
    is_last = old.expiries + 1 >= sweeping.MOST_EXPIRIES
    has_ended = (row.state == State.ERRORED) == is_last and row.state not in ACTIVE
    return has_ended and (row.expiries, row.fence) == (old.expiries + 1, old.fence)


def _waits_as_it_should(row: Evaluation, open_ones: list[Circuit]) -> bool:
    """What an open circuit concerns shows that it waits for more than its turn; a trial does not."""
    if row.state not in WAITING or row.pk in {each.trial_id for each in open_ones}:
        return True
    return not any(circuits.concerns(each, row.submission.phase) for each in open_ones)


def _windows_are_whole(measured: Phase) -> None:
    """A counter's window lies within one claim, so all of its cases carry one fence."""
    for score in Score.objects.filter(phase=measured).select_related("evaluation"):
        runs = score.evaluation.runs.filter(repetition=score.evaluation.series)
        fences = set(runs.filter(case__suite=measured.ranked_suite).values_list("fence", flat=True))
        assert len(fences) == 1, "an interrupted window was gone on with"


def _models_are_not_mixed() -> None:
    for score in Score.objects.select_related("evaluation"):
        runs = score.evaluation.runs.filter(repetition=score.evaluation.series)
        answered = set(runs.values_list("calls__model", flat=True))
        assert answered == {score.evaluation.model}, "answers of two models in one score"


def _sweep() -> None:
    with _patched(dispatch, "_ring", lambda: True), _patched(dispatch, "rings_unheard", lambda: 0):
        sweeping.sweep_once()


def _stop_the_clocks() -> None:
    """What is to come does not come by itself while a slow machine goes through the steps."""
    later = Now() + timedelta(seconds=NEVER_S)
    Evaluation.objects.filter(not_before__gt=Now()).update(not_before=later)
    Circuit.objects.filter(next_trial_at__gt=Now()).update(next_trial_at=later)


def _is_open(name: Circuit.Name) -> bool:
    return Circuit.objects.filter(name=name, opened_at__isnull=False).exists()


def _row(pk: int) -> Evaluation:
    return Evaluation.objects.select_related("submission__phase__ranked_suite").get(pk=pk)


@contextmanager
def _patched(module: Any, name: str, value: Any) -> Iterator[None]:
    real = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, real)


@pytest.fixture
def world(settings: Any, monkeypatch: pytest.MonkeyPatch) -> World:
    settings.LEASE_SECONDS = NEVER_S
    monkeypatch.setattr(sweeping, "RING_AGAIN_S", NEVER_S)
    challenge = a_challenge()
    estimated = a_phase(
        challenge,
        ranked_cases=2,
        feedback_suite=None,
        attempts_per_day=3,
        attempts_per_phase=9,
        running_per_participation=1,
    )
    # Room for two that run at once, and for more once it is known what they did cost.
    estimated.energy_purse_mj = 2 * estimate_mj(estimated)
    estimated.save()
    measured = a_phase(
        challenge,
        ranked_suite=estimated.ranked_suite,
        feedback_suite=None,
        evidence_grade="C",
        attempts_per_day=9,
        attempts_per_phase=3,
        running_per_participation=2,
    )
    staff = [False, False, False, True]
    people = [a_participation(measured, person=a_person(is_staff=is_staff)) for is_staff in staff]
    return World(estimated=estimated, measured=measured, people=tuple(people))


# What no rule above can bring about: a rejudging, and rows from before there was a history.
NOT_HERE = {Reason.REJUDGED, Reason.MIGRATED}


def test_no_order_of_events_breaks_the_engine(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    class Machine(Engine):
        taken: Counter[str] = Counter()
        steps_done = 0

        def __init__(self) -> None:
            super().__init__()
            self.world = world
            monkeypatch.setattr(backend, "answers", lambda *, timeout_s: self.backend_is_up)
            monkeypatch.setattr(energy_window, "best_source", self.best_source)

    # A fault a step and a sweep a step: their log lines would be most of the time.
    logging.disable(logging.CRITICAL)
    try:
        run_state_machine_as_test(
            Machine,
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=STEPS_AN_EXAMPLE,
                derandomize=True,
                database=None,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                phases=[Phases.generate, Phases.shrink] if SHRINKS else [Phases.generate],
            ),
        )
    finally:
        logging.disable(logging.NOTSET)
    print(Machine.steps_done, Machine.taken)
    assert Machine.steps_done >= STEPS
    if STEPS >= 2000:
        assert set(Reason) - set(Machine.taken) == NOT_HERE, "some arrows of the table were never taken"
