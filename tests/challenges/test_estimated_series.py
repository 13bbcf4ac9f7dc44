"""The protocol of a figure that is worked out from tokens: shortened by settings, and told all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from challenges import energy_account, evaluation, lease, sealing
from challenges.invariants import broken
from challenges.models import Evaluation, Measurement, Phase, Record, ReferenceRun, Run, Score, State
from scoring.energy import reference
from scoring.energy.flags import Flag
from scoring.record import recompute, sealed
from tests.factories import a_phase, a_submission
from tests.scripted_backend import MODEL, Answer, Received, answering, chat_events, is_probe, scripted_backend

pytestmark = pytest.mark.django_db(transaction=True)

CASES = 3
OURS = [case.request.messages[0].content for case in reference.BRIEF.requests()]
HALF = Answer(pieces=[b"data: {"])

Say = Callable[[str, int], Answer | None]


class Model:
    """Answers "sí"; ``say`` gets each prompt with how many prompts came before, and may answer otherwise."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.say: Say = lambda prompt, before: None
        self._others = answering(Answer(pieces=chat_events("sí")))

    def __call__(self, received: Received) -> Answer:
        if not received.path.endswith("completions") or is_probe(received):
            return self._others(received)
        self.asked.append(received.prompt)
        return self.say(received.prompt, len(self.asked) - 1) or self._others(received)

    @property
    def cases_asked(self) -> int:
        return sum(prompt not in OURS for prompt in self.asked)


@pytest.fixture
def model(settings: Any) -> Iterator[Model]:
    made = Model()
    with scripted_backend(made) as running:
        settings.INFERENCE_URL = running.url
        settings.INFERENCE_MODEL = MODEL
        settings.ESTIMATE_REFERENCE_SECONDS = 0.001
        yield made


@pytest.fixture
def phase(transactional_db: None) -> Phase:
    return a_phase(ranked_cases=CASES, feedback_suite=None, concurrency=1)


def work() -> Evaluation:
    Evaluation.objects.update(not_before=None)
    held = lease.claim("obrero")
    assert held is not None
    evaluation.evaluate(held)
    return Evaluation.objects.get(pk=held.evaluation_id)


def the_record() -> sealed.Record:
    return sealed.read(sealing.store().read(Record.objects.get().sha256))


def costing(prompt_tokens: int) -> Answer:
    return Answer(pieces=chat_events("sí", usage={"prompt_tokens": prompt_tokens, "completion_tokens": 3}))


def test_an_estimate_has_the_brief_reference_before_and_after_and_its_record_tells_it(
    phase: Phase, model: Model
) -> None:
    a_submission(phase)
    row = work()
    assert (row.state, row.series, row.repetition) == (State.SCORED, 1, 1)
    before, after = ReferenceRun.objects.order_by("pk")
    assert (before.place, after.place) == ("before", "after")
    assert (before.workload, before.idle_mj, before.evidence_grade) == ("alia-reference-brief/1", None, "E")
    # No warm-up: nothing here gets warm.
    assert len(model.asked) == CASES + (before.passes + after.passes) * len(OURS)
    record = the_record()
    assert record.protocol is not None
    assert (record.protocol.workload, record.protocol.repetitions) == ("alia-reference-brief/1", 1)
    assert recompute.differences(record, recompute.recompute(record)) == ()
    assert list(broken()) == []


def test_the_account_of_an_estimate_tells_its_reference(phase: Phase, model: Model) -> None:
    a_submission(phase)
    account = energy_account.of(work())
    assert account is not None
    assert account.reference is not None
    assert not account.is_counted
    assert account.reference.between_percent == 0


def test_a_model_that_was_changed_behind_its_name_voids_the_estimate(phase: Phase, model: Model) -> None:
    """Its template grew between the reference before and the one after: tokens no longer count alike."""
    model.say = lambda prompt, before: costing(40) if before >= len(OURS) + CASES else None
    a_submission(phase)
    row = work()
    assert (row.state, row.failures, row.series) == (State.QUEUED, 1, 2)
    assert "reference-drift" in row.fault_detail
    assert ReferenceRun.objects.order_by("-pk")[0].flags == [Flag.REFERENCE_DRIFT]
    assert not Score.objects.exists()


def test_as_many_repetitions_as_the_setting_asks_for(phase: Phase, model: Model, settings: Any) -> None:
    settings.ESTIMATE_REPETITIONS = 3
    a_submission(phase)
    row = work()
    assert (row.state, row.repetition) == (State.SCORED, 3)
    assert model.cases_asked == 3 * CASES
    record = the_record()
    assert record.score.energy_repetitions == (1, 2, 3)
    assert len({each.energy_mj for each in Measurement.objects.all()}) == 1
    assert recompute.differences(record, recompute.recompute(record)) == ()
    assert list(broken()) == []


def test_an_estimate_goes_on_in_the_middle_of_a_repetition(phase: Phase, model: Model, settings: Any) -> None:
    settings.ESTIMATE_REPETITIONS = 2
    model.say = lambda prompt, before: HALF if model.cases_asked == CASES + 2 else None
    a_submission(phase)
    assert work().state == State.QUEUED
    assert Run.objects.filter(repetition=2).count() == CASES - 1
    asked = model.cases_asked
    row = work()
    assert (row.state, row.series, row.repetition) == (State.SCORED, 1, 2)
    assert model.cases_asked - asked == 1
    assert the_record().score.energy_repetitions == (1, 2)
    assert list(broken()) == []
