"""What is handed in beside a plain prompt, from the door to the sealed record: real rows, scripted model."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db.models import QuerySet
from django.db.models.functions import Now

from challenges import evaluation, lease, preview, record_export, sealing, submission
from challenges.errors import IdempotencyConflict, InvalidContent
from challenges.invariants import broken
from challenges.models import (
    Call,
    Evaluation,
    Measurement,
    Participation,
    Phase,
    Record,
    Run,
    Score,
    State,
    Submission,
)
from scoring.record import audit, sealed
from tests.factories import a_participation, a_phase
from tests.scripted_backend import MODEL, Answer, Received, answering, chat_events, is_probe, scripted_backend

pytestmark = pytest.mark.django_db(transaction=True)

CASES: list[dict[str, Any]] = [
    {
        "key": f"caso-{number}",
        "inputs": {"pregunta": f"¿{number}?"},
        "expected": "sí",
        "grader": {"name": "exact"},
    }
    for number in range(3)
]
PUBLIC: list[dict[str, Any]] = [
    {
        "key": "luz",
        "inputs": {"pregunta": "¿Gasta menos un LED?"},
        "expected": "sí",
        "grader": {"name": "exact"},
    }
]
SAMPLING = {"temperature": 0.0, "max_output_tokens": 16}
FEWSHOT: dict[str, Any] = {
    "user": "{{pregunta}}",
    "sampling": SAMPLING,
    "examples": [
        {"public": "luz"},
        {"inputs": {"pregunta": "¿Y una vela?"}, "answer": "no"},
    ],
}
PIPELINE: dict[str, Any] = {
    "steps": [
        {"name": "piensa", "user": "Piensa: {{pregunta}}", "sampling": SAMPLING},
        {
            "name": "contesta",
            "user": "Contesta: {{pregunta}} {{paso_piensa}}",
            "sampling": SAMPLING,
            "extract": {"regex": r"es (\pL+)"},
        },
    ]
}

Say = Callable[[list[dict[str, str]]], Answer]


class Model:
    """Asked with whole conversations, which it keeps; ``say`` answers them."""

    def __init__(self) -> None:
        self.asked: list[list[dict[str, str]]] = []
        self.say: Say = lambda messages: told("sí")
        self._others = answering(told("sí"))

    def __call__(self, received: Received) -> Answer:
        if not received.path.endswith("completions") or is_probe(received):
            return self._others(received)
        self.asked.append(received.body["messages"])
        return self.say(self.asked[-1])


def told(text: str) -> Answer:
    return Answer(pieces=chat_events(text))


def thinking(messages: list[dict[str, str]]) -> Answer:
    return told("ahorra luz" if messages[-1]["content"].startswith("Piensa") else "La respuesta es sí, claro")


@pytest.fixture
def model(settings: Any) -> Iterator[Model]:
    made = Model()
    with scripted_backend(made) as running:
        settings.INFERENCE_URL = running.url
        settings.INFERENCE_MODEL = MODEL
        yield made


@pytest.fixture
def phase(transactional_db: None) -> Phase:
    return a_phase(
        ranked_cases=CASES, feedback_cases=PUBLIC, kinds=["prompt", "fewshot", "pipeline"], concurrency=1
    )


@pytest.fixture
def participation(phase: Phase) -> Participation:
    return a_participation(phase)


def hand_in(
    participation: Participation, phase: Phase, kind: str, content: dict[str, Any], key: str = "uno"
) -> Submission:
    return submission.submit(
        participation=participation, phase=phase, content=content, idempotency_key=key, kind=kind
    )


def work() -> Evaluation:
    Evaluation.objects.update(not_before=None)
    held = lease.claim("obrero")
    assert held is not None
    evaluation.evaluate(held)
    return Evaluation.objects.get(pk=held.evaluation_id)


def the_record() -> sealed.Record:
    return sealed.read(sealing.store().read(Record.objects.get().sha256))


# --- examples -----------------------------------------------------------------------------------------------


def test_examples_are_turns_before_the_question_in_their_order(
    participation: Participation, phase: Phase, model: Model
) -> None:
    made = hand_in(participation, phase, "fewshot", FEWSHOT)
    assert work().state == State.SCORED
    assert [(turn["role"], turn["content"]) for turn in model.asked[0]] == [
        ("user", "¿Gasta menos un LED?"),
        ("assistant", "sí"),
        ("user", "¿Y una vela?"),
        ("assistant", "no"),
        ("user", "¿0?"),
    ]
    # What was taken from a public case is stored with it: the submission stands by itself.
    assert made.content["examples"][0]["inputs"] == {"pregunta": "¿Gasta menos un LED?"}
    assert the_record().format == sealed.FORMAT
    assert list(broken()) == []


def test_an_example_that_is_no_public_case_is_named_and_spends_nothing(
    participation: Participation, phase: Phase
) -> None:
    content = FEWSHOT | {"examples": [{"public": "caso-1"}]}
    with pytest.raises(InvalidContent) as refused:
        hand_in(participation, phase, "fewshot", content)
    (problem,) = refused.value.problems
    assert (problem.field, problem.code) == ("examples.0.public", "unknown_case")
    # A private case is as unknown as any: nobody learns its key.
    assert problem.params["known"] == ("luz",)
    assert not Submission.objects.exists()


# --- steps --------------------------------------------------------------------------------------------------


def test_every_step_is_a_call_that_is_counted_and_the_last_one_s_extract_is_graded(
    participation: Participation, phase: Phase, model: Model
) -> None:
    model.say = thinking
    hand_in(participation, phase, "pipeline", PIPELINE)
    row = work()
    assert row.state == State.SCORED
    assert "Contesta: ¿0? ahorra luz" in [messages[-1]["content"] for messages in model.asked]
    ranked = Run.objects.filter(evaluation=row, case__suite=phase.ranked_suite)
    assert set(ranked.values_list("answer", "grade")) == {("sí", Decimal(1))}
    calls = Call.objects.filter(run__in=ranked)
    assert sorted(calls.values_list("index", flat=True)) == [0, 0, 0, 1, 1, 1]
    score = Score.objects.get()
    # Seven tokens read and as many written as there are characters, one more, in each of the six calls.
    assert (score.prompt_tokens, score.completion_tokens) == (42, 3 * (11 + 26))
    assert score.quality == 1
    assert list(broken()) == []


def test_the_record_of_steps_tells_the_answer_beside_its_calls_and_an_auditor_grades_it_again(
    participation: Participation,
    phase: Phase,
    model: Model,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model.say = thinking
    hand_in(participation, phase, "pipeline", PIPELINE)
    work()
    record = the_record()
    assert record.format == sealed.FORMAT_WITH_ANSWERS
    assert {len(run.text_hashes) for run in record.runs} == {3}
    phases: QuerySet[Phase] = QuerySet(Phase).filter(pk=phase.pk)
    phases.update(opens_at="2020-01-01T00:00Z", closes_at=Now())
    phase.refresh_from_db()
    whole = tmp_path / "todo.zip"
    whole.write_bytes(b"".join(record_export.chunks(phase, disclose=True)))
    assert audit.main(["recompute", str(whole)]) == 0
    assert "idéntica" in capsys.readouterr().out
    # Another answer than the one that was graded does not have the hash that the record holds.
    forged = tmp_path / "otra.zip"
    with zipfile.ZipFile(whole) as read, zipfile.ZipFile(forged, "w") as written:
        for name in read.namelist():
            content = read.read(name)
            written.writestr(
                name, content.replace(b'"s\xc3\xad"]', b'"SI"]') if "answers/" in name else content
            )
    assert audit.main(["recompute", str(forged)]) != 0


def test_a_case_that_broke_off_between_two_steps_is_asked_again_whole(
    participation: Participation, phase: Phase, model: Model
) -> None:
    def falls_over(messages: list[dict[str, str]]) -> Answer:
        is_second = messages[-1]["content"].startswith("Contesta: ¿1?")
        return Answer(pieces=[b"data: {"]) if is_second else thinking(messages)

    model.say = falls_over
    hand_in(participation, phase, "pipeline", PIPELINE)
    assert work().state == State.QUEUED
    assert Run.objects.count() == 2
    assert Call.objects.count() == 4
    model.say, before = thinking, len(model.asked)
    assert work().state == State.SCORED
    again = [messages[-1]["content"] for messages in model.asked[before:]]
    assert again[:2] == ["Piensa: ¿1?", "Contesta: ¿1? ahorra luz"]
    assert list(broken()) == []


def test_a_purse_sets_aside_what_all_steps_can_cost(participation: Participation, phase: Phase) -> None:
    one = preview.expected(phase, submission.read(phase, {"steps": PIPELINE["steps"][:1]}, "pipeline"))
    two = preview.expected(phase, submission.read(phase, PIPELINE, "pipeline"))
    assert (one.calls, two.calls) == (1, 2)
    assert (one.max_output_tokens, two.max_output_tokens) == (16, 32)
    assert two.at_most_mj > 2 * one.at_most_mj


def test_what_steps_did_cost_is_within_what_was_told(
    participation: Participation, phase: Phase, model: Model
) -> None:
    model.say = lambda messages: Answer(
        pieces=chat_events("x " * 16, usage={"prompt_tokens": 20, "completion_tokens": 16})
    )
    told_mj = preview.expected(phase, submission.read(phase, PIPELINE, "pipeline")).at_most_mj
    hand_in(participation, phase, "pipeline", PIPELINE)
    work()
    assert Measurement.objects.get(is_ranked=True).energy_mj <= told_mj


# --- what a phase takes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["pipeline", "python", ""])
def test_a_kind_that_the_phase_does_not_take_is_refused_with_those_that_it_does(kind: str) -> None:
    phase = a_phase(kinds=["prompt", "fewshot"])
    with pytest.raises(InvalidContent) as refused:
        hand_in(a_participation(phase), phase, kind, PIPELINE)
    (problem,) = refused.value.problems
    assert (problem.field, problem.code, problem.params["known"]) == (
        "kind",
        "unknown_kind",
        ("prompt", "fewshot"),
    )


def test_a_key_that_made_one_kind_makes_no_other(participation: Participation, phase: Phase) -> None:
    hand_in(participation, phase, "prompt", {"user": "{{pregunta}}"})
    with pytest.raises(IdempotencyConflict):
        hand_in(participation, phase, "fewshot", FEWSHOT)
    assert Submission.objects.count() == 1


def test_the_same_examples_with_the_same_key_are_one_submission(
    participation: Participation, phase: Phase
) -> None:
    assert hand_in(participation, phase, "fewshot", FEWSHOT) == hand_in(
        participation, phase, "fewshot", FEWSHOT
    )
