"""The protocol of a measured evaluation: enough repetitions, and the reference workload around them.

Energies are scripted here, window by window, so that each rule is met to the millijoule; model, rows and
records are real. ``test_metered_evaluation`` runs the same protocol on the real meter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from statistics import median
from typing import Any

import pytest
from django.db.models.functions import Now

from challenges import device_lease, energy_window, evaluation, lease, sealing, tallies, tasks
from challenges.invariants import broken
from challenges.measured_series import Protocol
from challenges.models import (
    DeviceLease,
    Evaluation,
    Measurement,
    Phase,
    Reason,
    Record,
    ReferenceBaseline,
    ReferenceRun,
    Review,
    Score,
    Standing,
    State,
    StateChange,
)
from scoring.energy import reference
from scoring.energy.flags import Flag
from scoring.energy.witness import WitnessReading
from scoring.errors import MeasurementVoid
from scoring.record import recompute, sealed
from scoring.values import EvidenceGrade, TokenUse
from scoring.values import Measurement as Measured
from tests.factories import a_person, a_phase, a_reference_run, a_submission
from tests.scripted_backend import MODEL, Answer, Received, answering, chat_events, scripted_backend

pytestmark = pytest.mark.django_db(transaction=True)

CASES = 3
PASS = len(reference.MEASURED.requests())


@dataclass(kw_only=True)
class ScriptedCounter:
    """A counter that lies as it is told: ``suite_mj`` one by one, then its last; a pass of the reference.

    It knows the work by its calls: none is a rest, CASES are the suite, multiples of a pass the reference.
    """

    suite_mj: Sequence[int] = (1000,)
    pass_mj: Sequence[int] = (500,)
    suite_s: Decimal = Decimal(10)
    voids: frozenset[int] = frozenset()
    stops_at: int = 0
    opened: int = 0
    suites: int = 0
    references: int = 0
    on_open: Callable[[], object] = lambda: None
    name: str = "scripted"
    grade: EvidenceGrade = EvidenceGrade.C
    resumable: bool = False
    reason: str = "Un contador de prueba."

    def open(self) -> ScriptedCounter:
        self.opened += 1
        self.on_open()
        return self

    def close(self, calls: Sequence[TokenUse]) -> Measured:
        if not calls:
            return self._measured(60, Decimal(3))
        if len(calls) == CASES:
            self.suites += 1
            if self.suites == self.stops_at:
                # As if the worker were told to stop when the last answer is there, and not yet its energy.
                raise evaluation.StopRequested
            if self.suites in self.voids:
                raise MeasurementVoid("El contador saltó.")
            return self._measured(_at(self.suite_mj, self.suites), self.suite_s)
        self.references += 1
        return self._measured(_at(self.pass_mj, self.references) * len(calls) // PASS, Decimal(10))

    def _measured(self, energy_mj: int, seconds: Decimal) -> Measured:
        return Measured(energy_mj=energy_mj, seconds=seconds, grade=self.grade, source="rapl:guion")


def _at(values: Sequence[int], number: int) -> int:
    return values[min(number, len(values)) - 1]


@pytest.fixture
def asked() -> list[str]:
    """The prompts that the model was asked, in order."""
    return []


@pytest.fixture(autouse=True)
def backend(settings: Any, asked: list[str]) -> Iterator[None]:
    script = answering(Answer(pieces=chat_events("sí")))

    def noting(received: Received) -> Answer:
        if received.path.endswith("completions"):
            asked.append(received.prompt)
        return script(received)

    with scripted_backend(noting) as running:
        settings.INFERENCE_URL = running.url
        settings.INFERENCE_MODEL = MODEL
        settings.MEASUREMENT_REPETITIONS = 5
        settings.METER_WINDOW_SECONDS = 30.0
        settings.REFERENCE_SECONDS = 0.001
        settings.IDLE_SECONDS = 0.001
        yield


@pytest.fixture
def phase(transactional_db: None) -> Phase:
    return a_phase(ranked_cases=CASES, feedback_suite=None, evidence_grade="C", concurrency=1)


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Callable[[ScriptedCounter], ScriptedCounter]:
    def use(counter: ScriptedCounter) -> ScriptedCounter:
        monkeypatch.setattr(energy_window, "source_for", lambda _phase: counter)
        return counter

    return use


Counting = Callable[[ScriptedCounter], ScriptedCounter]


def work() -> Evaluation:
    Evaluation.objects.update(not_before=None)
    held = lease.claim("obrero")
    assert held is not None
    evaluation.evaluate(held)
    return Evaluation.objects.get(pk=held.evaluation_id)


def ranked() -> list[tuple[int, int]]:
    rows = Measurement.objects.filter(is_ranked=True).order_by("repetition")
    return list(rows.values_list("repetition", "energy_mj"))


def the_record() -> sealed.Record:
    return sealed.read(sealing.store().read(Record.objects.get().sha256))


def references() -> list[str]:
    return list(ReferenceRun.objects.order_by("pk").values_list("place", flat=True))


# --- enough of it -----------------------------------------------------------------------------------------


def test_the_figure_is_the_median_of_five_repetitions_with_the_reference_around_them(
    phase: Phase, counting: Counting
) -> None:
    energies = (1000, 1002, 998, 1001, 1003)
    counting(ScriptedCounter(suite_mj=energies))
    a_submission(phase)
    row = work()
    assert (row.state, row.series, row.repetition) == (State.SCORED, 1, 5)
    assert ranked() == list(enumerate(energies, start=1))
    score = Score.objects.get()
    assert (score.energy_mj, score.is_ranked) == (median(energies), True)
    assert references() == ["before", "after"]
    assert Standing.objects.filter(score=score).exists()
    assert list(broken()) == []


def test_the_record_tells_all_repetitions_and_an_auditor_comes_to_the_same(
    phase: Phase, counting: Counting
) -> None:
    counting(ScriptedCounter(suite_mj=(1000, 1002, 998, 1001, 1003)))
    a_submission(phase)
    work()
    record = the_record()
    assert record.score.energy_repetitions == (1, 2, 3, 4, 5)
    assert record.score.quality_repetitions == (1,)
    assert len(record.runs) == 5 * CASES
    assert record.protocol is not None
    assert [run.place for run in record.protocol.references] == ["before", "after"]
    assert record.protocol.repetitions == 5
    computed = recompute.recompute(record)
    assert recompute.differences(record, computed) == ()
    assert computed.energy_mj == 1001


def test_a_score_shows_the_tokens_of_one_pass(phase: Phase, counting: Counting) -> None:
    counting(ScriptedCounter())
    a_submission(phase)
    work()
    assert Score.objects.get().prompt_tokens == 7 * CASES


def test_short_repetitions_go_on_until_they_have_lasted_long_enough(phase: Phase, counting: Counting) -> None:
    counting(ScriptedCounter(suite_s=Decimal(4)))
    a_submission(phase)
    assert work().repetition == 8
    assert sum(each.seconds for each in Measurement.objects.all()) == 32


def test_a_suite_too_short_for_any_number_of_repetitions_is_the_organizers_to_mend(
    phase: Phase, counting: Counting
) -> None:
    counting(ScriptedCounter(suite_s=Decimal("0.2")))
    a_submission(phase)
    row = work()
    assert (row.state, row.repetition) == (State.ERRORED, 1)
    assert "ranked_suite" in row.fault_detail
    assert StateChange.objects.filter(reason=Reason.CANNOT_BE_JUDGED).exists()


def test_a_void_repetition_is_left_out_and_another_takes_its_place(phase: Phase, counting: Counting) -> None:
    counting(ScriptedCounter(voids=frozenset({2})))
    a_submission(phase)
    row = work()
    assert (row.state, row.failures, row.repetition, row.series) == (State.QUEUED, 1, 3, 1)
    assert work().state == State.SCORED
    assert [number for number, _ in ranked()] == [1, 3, 4, 5, 6]
    assert the_record().score.energy_repetitions == (1, 3, 4, 5, 6)
    assert list(broken()) == []


def test_answers_are_those_of_the_first_repetition_that_counts(phase: Phase, counting: Counting) -> None:
    counting(ScriptedCounter(voids=frozenset({1})))
    a_submission(phase)
    assert work().series == 2
    row = work()
    assert (row.state, row.series) == (State.SCORED, 2)
    assert the_record().score.quality_repetitions == (2,)


def test_an_estimate_without_a_protocol_runs_once_and_its_record_tells_none(asked: list[str]) -> None:
    phase = a_phase(ranked_cases=CASES, feedback_suite=None)
    a_submission(phase)
    assert work().state == State.SCORED
    assert len(asked) == CASES
    assert not ReferenceRun.objects.exists()
    assert the_record().protocol is None


# --- the reference workload -------------------------------------------------------------------------------


def test_before_the_reference_the_device_rests_and_is_warmed_up(
    phase: Phase, counting: Counting, asked: list[str]
) -> None:
    counter = counting(ScriptedCounter())
    a_submission(phase)
    work()
    before, after = ReferenceRun.objects.order_by("pk")
    assert (before.idle_mj, before.idle_seconds) == (60, Decimal(3))
    assert after.idle_mj is None
    # One pass of it is in no window.
    ours = [request.request.messages[0].content for request in reference.MEASURED.requests()]
    passes = before.passes + after.passes + 1
    assert sum(prompt in ours for prompt in asked) == passes * PASS
    assert counter.opened == 1 + 1 + 5 + 1


def test_a_reference_that_drifts_voids_the_series_and_a_new_one_is_measured(
    phase: Phase, counting: Counting
) -> None:
    counting(ScriptedCounter(pass_mj=(500, 511, 505, 505), suite_mj=(900,) * 5 + (1000,)))
    a_submission(phase)
    row = work()
    assert (row.state, row.failures) == (State.QUEUED, 1)
    assert "reference-drift" in row.fault_detail
    assert (row.series, row.repetition) == (6, 6)
    assert ReferenceRun.objects.order_by("pk")[1].flags == [Flag.REFERENCE_DRIFT]
    assert not Score.objects.exists()
    row = work()
    assert (row.state, row.series) == (State.SCORED, 6)
    # None of the five that were measured before the drift is in it.
    assert Score.objects.get().energy_mj == 1000
    assert the_record().score.energy_repetitions == (6, 7, 8, 9, 10)
    assert list(broken()) == []


def test_two_per_cent_exactly_is_still_steady(phase: Phase, counting: Counting) -> None:
    counting(ScriptedCounter(pass_mj=(500, 510)))
    a_submission(phase)
    assert work().state == State.SCORED


def test_the_days_baseline_is_its_first_run_and_drift_from_it_voids_before_anything_is_measured(
    phase: Phase, counting: Counting
) -> None:
    counting(ScriptedCounter(pass_mj=(500, 500, 600)))
    a_submission(phase)
    a_submission(phase)
    assert work().state == State.SCORED
    row = work()
    assert (row.state, row.failures) == (State.QUEUED, 1)
    assert "la base del día" in row.fault_detail
    assert Measurement.objects.filter(evaluation=row).count() == 0


def test_an_organizer_may_choose_another_baseline_for_the_day(phase: Phase, counting: Counting) -> None:
    counting(ScriptedCounter(pass_mj=(500, 500, 600)))
    a_submission(phase)
    a_submission(phase)
    work()
    row = work()
    assert row.state == State.QUEUED
    last = ReferenceRun.objects.order_by("-pk")[0]
    ReferenceBaseline.objects.create(run=last, person=a_person(), reason="Se cambió el ventilador.")
    assert work().state == State.SCORED
    assert list(broken()) == []


def test_another_model_has_a_baseline_of_its_own(phase: Phase, counting: Counting) -> None:
    other = a_submission(phase, state=State.CANCELLED).evaluations.get()
    theirs: dict[str, Any] = {"energy_mj": 1, "passes": 1, "source": "rapl:guion", "device": "rapl:guion"}
    a_reference_run(other, **theirs, model="otro", concurrency=1, workload=reference.MEASURED.name)
    a_submission(phase)
    counting(ScriptedCounter())
    assert work().state == State.SCORED


# --- interruptions ----------------------------------------------------------------------------------------


def test_whoever_goes_on_keeps_what_was_measured_and_runs_the_reference_again(
    phase: Phase, counting: Counting
) -> None:
    """And the repetition that broke off is run again whole, under the next number."""
    counting(ScriptedCounter(suite_mj=(101, 102, 103, 104, 105, 106), stops_at=3))
    a_submission(phase)
    assert work().state == State.QUEUED
    assert ranked() == [(1, 101), (2, 102)]
    row = work()
    assert (row.state, row.series) == (State.SCORED, 1)
    assert ranked() == [(1, 101), (2, 102), (4, 104), (5, 105), (6, 106)]
    assert references() == ["before", "before", "after"]
    assert StateChange.objects.filter(reason=Reason.REPEATED_WHOLE).count() == 1
    assert list(broken()) == []


def test_a_first_repetition_that_broke_off_begins_the_series_anew(phase: Phase, counting: Counting) -> None:
    counting(ScriptedCounter(stops_at=1))
    a_submission(phase)
    assert work().state == State.QUEUED
    row = work()
    assert (row.state, row.series) == (State.SCORED, 2)
    assert [number for number, _ in ranked()] == [2, 3, 4, 5, 6]


def test_repetitions_of_two_models_are_never_counted_together(
    phase: Phase, counting: Counting, settings: Any
) -> None:
    counting(ScriptedCounter(stops_at=3))
    a_submission(phase)
    work()
    settings.INFERENCE_REVISION = "otra"
    row = work()
    assert (row.state, row.series) == (State.SCORED, 4)
    assert the_record().score.energy_repetitions == (4, 5, 6, 7, 8)
    assert list(broken()) == []


def test_a_series_keeps_the_protocol_that_it_began_with(
    phase: Phase, counting: Counting, settings: Any
) -> None:
    counting(ScriptedCounter(stops_at=2))
    a_submission(phase)
    work()
    settings.MEASUREMENT_REPETITIONS = 1
    settings.METER_WINDOW_SECONDS = 0.0
    assert work().state == State.SCORED
    assert len(ranked()) == 5
    # A record is made of rows, and not of settings: the same bytes under others.
    assert sealing.make_again(Record.objects.get())


# --- one at a time on a device ----------------------------------------------------------------------------


@pytest.fixture
def measured_device(settings: Any) -> str:
    settings.METER_URL = "http://127.0.0.1:9"
    settings.METER_DEVICE = "GPU-1"
    return "GPU-1"


def test_a_device_is_one_workers_at_a_time(measured_device: str) -> None:
    assert device_lease.take("uno")
    assert device_lease.take("uno")
    assert not device_lease.take("otro")
    device_lease.release("uno")
    assert device_lease.take("otro")


def test_who_fell_silent_loses_it_with_its_lease(measured_device: str) -> None:
    assert device_lease.take("uno")
    DeviceLease.objects.update(lease_until=Now() - timedelta(seconds=1))
    # Too late to renew: somebody else may have had it in between.
    device_lease.renew("uno")
    assert not device_lease.keeps("uno")
    assert device_lease.take("otro")


def test_while_another_has_the_device_nothing_is_measured_and_no_try_is_lost(
    phase: Phase, counting: Counting, measured_device: str
) -> None:
    counter = counting(ScriptedCounter())
    assert device_lease.take("otro")
    a_submission(phase)
    row = work()
    assert (row.state, row.failures, counter.opened) == (State.QUEUED, 0, 0)
    assert StateChange.objects.filter(reason=Reason.DEVICE_BUSY).count() == 1
    device_lease.release("otro")
    assert work().state == State.SCORED


def test_a_worker_does_not_even_claim_while_another_has_the_device(
    phase: Phase, counting: Counting, measured_device: str
) -> None:
    counting(ScriptedCounter())
    a_submission(phase)
    assert device_lease.take("otro")
    assert tasks.work() == 0
    assert Evaluation.objects.get().state == State.PENDING
    device_lease.release("otro")
    assert tasks.work() == 1
    assert DeviceLease.objects.get().lease_until is None
    tallies.forget()


def test_a_device_that_was_lost_in_a_window_voids_it(
    phase: Phase, counting: Counting, measured_device: str
) -> None:
    def lose_it() -> None:
        if Measurement.objects.exists():
            DeviceLease.objects.update(holder="otro")

    counting(ScriptedCounter(on_open=lose_it))
    a_submission(phase)
    row = work()
    assert row.state == State.QUEUED
    assert "other-process" in row.fault_detail
    assert len(ranked()) == 1


@pytest.mark.parametrize(("device", "is_void"), [("GPU-1", True), ("GPU-2", False)])
def test_who_measures_another_device_does_not_disturb(
    phase: Phase, counting: Counting, measured_device: str, settings: Any, device: str, is_void: bool
) -> None:
    counting(ScriptedCounter())
    a_submission(phase)
    a_submission(phase)
    theirs = lease.claim("otro")
    assert theirs is not None
    settings.METER_DEVICE = device
    if not is_void:
        assert device_lease.take("otro")
    settings.METER_DEVICE = "GPU-1"
    lease.transition(theirs, to=State.RUNNING, reason=Reason.STARTED)
    assert work().state == (State.QUEUED if is_void else State.SCORED)


# --- what stands out --------------------------------------------------------------------------------------


def test_repetitions_that_are_unlike_one_another_wait_for_an_organizer(
    phase: Phase, counting: Counting
) -> None:
    counting(ScriptedCounter(suite_mj=(1000, 1001, 999, 1000, 1500)))
    a_submission(phase)
    assert work().state == State.SCORED
    assert Review.objects.get().flags == [Flag.UNLIKE_REPETITIONS]
    assert not Standing.objects.exists()
    assert list(broken()) == []


def test_prompts_that_the_backend_had_in_its_cache_are_told_and_wait_for_an_organizer(
    phase: Phase, counting: Counting, settings: Any
) -> None:
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}}
    counting(ScriptedCounter())
    a_submission(phase)
    with scripted_backend(answering(Answer(pieces=chat_events("sí", usage=usage)))) as running:
        settings.INFERENCE_URL = running.url
        assert work().state == State.SCORED
    assert Review.objects.get().flags == [Flag.PREFIX_CACHE]
    assert Flag.PREFIX_CACHE in the_record().windows[0].flags


@pytest.mark.parametrize(
    ("witness_mj", "meter_url", "is_held"),
    [(1_099, "", False), (1_200, "", True), (0, "", False), (1_200, "http://gpu.example.org:8090", False)],
)
def test_a_witness_of_the_same_hardware_that_is_far_away_makes_it_wait(
    phase: Phase,
    counting: Counting,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    witness_mj: int,
    meter_url: str,
    is_held: bool,
) -> None:
    """One that sees no such part, or looks at another machine than the meter, says nothing against it."""

    async def told() -> WitnessReading:
        parts = {"cpu_mj": witness_mj, "ram_mj": 50_000, "gpu_mj": 0}
        return WitnessReading(energy_mj=99_999, co2_mg=1, seconds=Decimal(1), note="", parts_mj=parts)

    monkeypatch.setattr(energy_window, "_witness_closes", told)
    settings.METER_URL = meter_url
    counting(ScriptedCounter())
    a_submission(phase)
    assert work().state == State.SCORED
    flags = [flag for review in Review.objects.all() for flag in review.flags]
    assert flags == ([Flag.UNLIKE_WITNESS] if is_held else [])


# --- the protocol itself ----------------------------------------------------------------------------------


def test_a_protocol_comes_back_from_its_row_as_it_was() -> None:
    protocol = Protocol.of_settings(is_counted=True)
    assert Protocol.of_json(protocol.as_json()) == protocol
