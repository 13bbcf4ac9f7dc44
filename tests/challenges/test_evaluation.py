"""One evaluation to each of its ends, against a backend that fails on command: who pays, and what is kept.

The worker's own function is called in this process, so that a fault can be put exactly where it should be.
That nothing is lost when real processes die is shown in ``test_worker_process.py``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now

from challenges import circuits, dispatch, energy_window, evaluation, lease, submission, sweeping
from challenges.lease import Lease
from challenges.models import (
    Call,
    Circuit,
    Evaluation,
    Leaderboard,
    Measurement,
    Phase,
    Run,
    Score,
    Standing,
    State,
)
from challenges.models import Submission as SubmissionRow
from scoring.energy.rapl import RaplSource, find_packages
from scoring.energy.token_model import DEFAULT_CPU, call_mj
from scoring.energy.window import TokenModelSource
from scoring.values import TokenUse
from tests.factories import PROMPT, a_phase, a_submission
from tests.in_parallel import in_parallel
from tests.scripted_backend import (
    MODEL,
    Answer,
    Received,
    Script,
    ScriptedBackend,
    answering,
    chat_events,
    event,
    is_probe,
    models,
    scripted_backend,
)

pytestmark = pytest.mark.django_db(transaction=True)

WHOLE = Answer(pieces=chat_events("sí"))
GIBBERISH = Answer(pieces=[b"<html>\n"])
AWAY = Answer(status=0)


@pytest.fixture
def server(settings: Any) -> Iterator[ScriptedBackend]:
    with scripted_backend(answering(WHOLE)) as running:
        settings.INFERENCE_URL = running.url
        settings.INFERENCE_MODEL = MODEL
        settings.LEASE_SECONDS = 30
        yield running


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses before another try have their own test; here they would only be waited for."""
    from scoring.harness import RetryPolicy

    monkeypatch.setattr("challenges.judging.RetryPolicy", lambda: RetryPolicy(first_pause_s=0.0))


@pytest.fixture
def phase(transactional_db: None) -> Phase:
    return a_phase(ranked_cases=4, feedback_cases=2, concurrency=1)


def work() -> Lease:
    held = lease.claim("obrero")
    assert held is not None, "nothing waits"
    evaluation.evaluate(held)
    return held


def let_time_pass() -> None:
    """What rests may start now; the pause itself is the database's business."""
    Evaluation.objects.exclude(not_before=None).update(not_before=Now() - timedelta(seconds=1))
    Circuit.objects.exclude(next_trial_at=None).update(next_trial_at=Now() - timedelta(seconds=1))


def row_of(handed_in: SubmissionRow) -> Evaluation:
    return Evaluation.objects.get(submission=handed_in)


def keys(*, repetition: int = 1) -> list[str]:
    found = Run.objects.filter(repetition=repetition).order_by("case__key")
    return list(found.values_list("case__key", flat=True))


def asked_for(server: ScriptedBackend) -> list[str]:
    return [received.prompt for received in server.received]


def on(prompt: str, answer: Answer, other: Answer = WHOLE) -> Script:
    """``answer`` to the case whose prompt holds ``prompt``, ``other`` to the rest."""

    def script(received: Received) -> Answer:
        if received.path.endswith("/models"):
            return models()
        return answer if prompt in received.prompt else other

    return script


def from_the_third_case_on(failure: Answer) -> Script:
    """Two cases are answered; after them nobody gets anything but ``failure``, our own probe neither."""

    def script(received: Received) -> Answer:
        if received.path.endswith("/models"):
            return models()
        return WHOLE if received.number < 2 and not is_probe(received) else failure

    return script


def refunded(handed_in: SubmissionRow) -> bool:
    return submission.quota(handed_in.participation, handed_in.phase).used_phase == 0


# --- the way to a score -----------------------------------------------------------------------------------


def test_an_evaluation_ends_in_a_score_with_all_that_it_was_made_of(
    server: ScriptedBackend, phase: Phase
) -> None:
    handed_in = a_submission(phase)
    work()
    row, score = row_of(handed_in), Score.objects.get()
    assert (row.state, row.fault_code, row.failures, row.model) == (State.SCORED, "", 0, MODEL)
    assert keys() == ["p0", "p1", "s0", "s1", "s2", "s3"]
    uses = [TokenUse(prompt_tokens=7, completion_tokens=3)] * 4
    ranked = Measurement.objects.get(is_ranked=True)
    assert score.energy_mj == ranked.energy_mj == sum(call_mj(DEFAULT_CPU, use) for use in uses)
    assert (score.prompt_tokens, score.completion_tokens) == (28, 12)
    assert (score.quality, score.evidence_grade, score.is_ranked) == (Decimal(1), "E", True)
    assert Standing.objects.get().score == score
    assert Leaderboard.objects.get().version == 1
    call = Call.objects.filter(run__case__key="s0").get()
    assert (call.text, call.finish_reason, call.model, call.attempts) == ("sí", "stop", MODEL, 1)
    assert 0 < call.first_token_ms <= call.duration_ms


def test_quality_weighs_the_private_cases_alone(server: ScriptedBackend) -> None:
    private: list[dict[str, Any]] = [
        {"weight": 3},
        {"weight": 1, "expected": "no", "grader": {"name": "exact"}},
    ]
    public = [{"expected": "no", "grader": {"name": "exact"}}] * 3
    a_submission(a_phase(ranked_cases=private, feedback_cases=public))
    work()
    assert Score.objects.get().quality == Decimal("0.75")


def test_what_no_database_can_keep_is_kept_as_far_as_it_can(server: ScriptedBackend, phase: Phase) -> None:
    server.script = answering(Answer(pieces=chat_events("s\x00í\ud800")))
    a_submission(phase)
    work()
    assert set(Call.objects.values_list("text", flat=True)) == {"s\ufffdí?"}


# --- the backend is away: HELD, and it goes on by itself ----------------------------------------------------


def hold(server: ScriptedBackend, handed_in: SubmissionRow, script: Script) -> Evaluation:
    server.script = script
    work()
    row = row_of(handed_in)
    assert (row.state, row.lease_until) == (State.HELD, None)
    assert row.held_since is not None
    return row


WAYS_TO_BE_AWAY: dict[str, Callable[[Received], Answer]] = {
    "closes": lambda _: AWAY,
    "is starting": lambda _: Answer(status=503),
    "serves another model": lambda _: models("otro"),
    "does not know our key": lambda _: Answer(status=401),
}


@pytest.mark.parametrize("script", WAYS_TO_BE_AWAY.values(), ids=WAYS_TO_BE_AWAY.keys())
def test_while_the_backend_is_away_evaluations_wait_and_then_go_on_by_themselves(
    server: ScriptedBackend, phase: Phase, script: Script
) -> None:
    handed_in = a_submission(phase)
    row = hold(server, handed_in, script)
    assert (row.failures, row.fault_code) == (0, "backend_unavailable")
    let_time_pass()
    assert sweeping.sweep_once().resumed == 0
    server.script = answering(WHOLE)
    assert sweeping.sweep_once().resumed == 1
    work()
    row = row_of(handed_in)
    assert (row.state, row.held_since, row.fault_code) == (State.SCORED, None, "")


def test_a_backend_that_dies_in_the_middle_costs_no_case(server: ScriptedBackend, phase: Phase) -> None:
    handed_in = a_submission(phase)
    row = hold(server, handed_in, on("s2", AWAY))
    assert row.failures == 0
    assert keys() == ["s0", "s1"]
    server.script = answering(WHOLE)
    server.received.clear()
    let_time_pass()
    sweeping.sweep_once()
    work()
    assert row_of(handed_in).state == State.SCORED
    assert [prompt[-3:-1] for prompt in asked_for(server)] == ["s2", "s3", "p0", "p1"]
    assert Call.objects.count() == 6


def test_a_backend_with_too_much_to_do_is_waited_for_without_end(
    server: ScriptedBackend, phase: Phase
) -> None:
    handed_in = a_submission(phase)
    hold(server, handed_in, on("", Answer(status=429)))
    for _ in range(5):
        let_time_pass()
        assert sweeping.sweep_once().resumed == 0
        assert lease.claim("obrero") is None
    assert row_of(handed_in).failures == 0
    server.script = answering(WHOLE)
    sweeping.sweep_once()
    work()
    assert row_of(handed_in).state == State.SCORED


def test_a_busy_backend_is_left_alone_for_as_long_as_it_asks(server: ScriptedBackend) -> None:
    handed_in = a_submission(a_phase(ranked_cases=2, concurrency=1, case_timeout_s=1))
    busy = Answer(status=429, headers={"Retry-After": "40"})
    before = dispatch.now()
    row = hold(server, handed_in, on("Pregunta", busy))
    assert row.not_before is not None
    assert row.not_before - before >= timedelta(seconds=40)
    assert sweeping.sweep_once().resumed == 0


@pytest.mark.parametrize("death", [AWAY, Answer(status=500)], ids=["closes", "500"])
def test_a_prompt_under_which_the_backend_dies_each_time_ends_as_our_fault(
    server: ScriptedBackend, phase: Phase, death: Answer
) -> None:
    handed_in = a_submission(phase)
    for failures in (1, 2):
        assert hold(server, handed_in, on("Pregunta", death)).failures == failures
        let_time_pass()
        sweeping.sweep_once()
    work()
    assert row_of(handed_in).state == State.ERRORED
    assert refunded(handed_in)


# --- faults of ours: three tries, then refunded -------------------------------------------------------------


def test_an_answer_that_is_none_is_tried_three_times_and_never_graded(
    server: ScriptedBackend, phase: Phase
) -> None:
    server.script = on("s1", GIBBERISH)
    handed_in = a_submission(phase)
    for failures in (1, 2):
        work()
        row = row_of(handed_in)
        assert (row.state, row.failures, row.fault_code) == (State.QUEUED, failures, "backend_protocol")
        assert row.not_before is not None
        assert lease.claim("obrero") is None, "it should rest first"
        let_time_pass()
    work()
    row = row_of(handed_in)
    assert (row.state, row.failures) == (State.ERRORED, 3)
    assert refunded(handed_in)
    assert keys() == ["s0", "s2", "s3"]
    assert not Score.objects.exists()


def test_the_next_try_asks_only_for_what_is_missing(server: ScriptedBackend, phase: Phase) -> None:
    server.script = on("s1", GIBBERISH)
    handed_in = a_submission(phase)
    work()
    server.script = answering(WHOLE)
    server.received.clear()
    let_time_pass()
    work()
    assert row_of(handed_in).state == State.SCORED
    assert [prompt[-3:-1] for prompt in asked_for(server)] == ["s1", "p0", "p1"]
    assert Score.objects.get().prompt_tokens == 4 * 7


def test_a_backend_that_fails_case_after_case_is_not_asked_for_all_of_them(server: ScriptedBackend) -> None:
    server.script = on("", GIBBERISH)
    handed_in = a_submission(a_phase(ranked_cases=30, concurrency=1))
    work()
    assert row_of(handed_in).fault_code == "backend_protocol"
    assert len(server.received) == 3


HANGS = Answer(pieces=chat_events()[:1], ending="hang")


def test_cases_that_hang_are_cut_off_after_a_few(server: ScriptedBackend) -> None:
    server.script = on("Pregunta", HANGS)
    handed_in = a_submission(a_phase(ranked_cases=30, concurrency=3, case_timeout_s=1))
    work()
    row = row_of(handed_in)
    assert (row.state, row.fault_code, row.failures) == (State.QUEUED, "case_timeout", 1)


# --- it fails everybody: the circuit opens, and nobody's tries are used up ----------------------------------

HTML = Answer(pieces=[b"<html><body>502</body></html>"], content_type="text/html")
WAYS_TO_FAIL_EVERYBODY = {
    "closes": AWAY,
    "500": Answer(status=500),
    "429": Answer(status=429),
    "hangs": HANGS,
    "cuts the stream": Answer(pieces=chat_events()[:2], ending="cut"),
    "tears it down": Answer(pieces=chat_events()[:2], ending="reset"),
    "HTML": HTML,
    "an error under 200": Answer(pieces=[event({"error": {"message": "CUDA out of memory"}})]),
    "half a JSON": Answer(pieces=[b'data: {"choices": [{"ind\n\n']),
    "no usage": Answer(pieces=chat_events(usage={})),
    "an empty stream": Answer(pieces=[]),
}


@pytest.mark.parametrize("failure", WAYS_TO_FAIL_EVERYBODY.values(), ids=WAYS_TO_FAIL_EVERYBODY.keys())
def test_a_backend_that_fails_everybody_costs_nobody_a_try(
    server: ScriptedBackend, settings: Any, failure: Answer
) -> None:
    settings.BACKEND_PROBE_SECONDS = 1
    phase = a_phase(ranked_cases=4, feedback_cases=1, concurrency=1, case_timeout_s=1)
    begun, waiting = a_submission(phase), a_submission(phase)
    row = hold(server, begun, from_the_third_case_on(failure))
    assert (row.failures, keys()) == (0, ["s0", "s1"])
    assert sweeping.sweep_once().held == 1
    assert [row_of(each).state for each in (begun, waiting)] == [State.HELD, State.HELD]
    let_time_pass()
    assert sweeping.sweep_once().resumed == 0
    server.script = answering(WHOLE)
    assert sweeping.sweep_once().resumed == 1, "one goes first, to try"
    assert row_of(waiting).state == State.QUEUED
    work()
    assert row_of(waiting).state == State.SCORED
    assert not circuits.open_now()
    let_time_pass()
    assert sweeping.sweep_once().resumed == 1
    work()
    assert row_of(begun).state == State.SCORED
    assert Call.objects.filter(run__evaluation__submission=begun).count() == 5


def test_while_a_circuit_is_open_nobody_runs_into_it(server: ScriptedBackend, phase: Phase) -> None:
    handed_in = a_submission(phase)
    hold(server, handed_in, lambda _: AWAY)
    a_submission(phase)
    assert lease.claim("obrero") is None


def test_a_trial_that_fails_keeps_the_circuit_open_and_another_is_tried(
    server: ScriptedBackend, phase: Phase
) -> None:
    phase.running_per_participation = 5
    phase.save()
    bad, good = a_submission(phase, content={**PROMPT, "user": "VENENO {{pregunta}}"}), a_submission(phase)
    hold(server, bad, lambda _: AWAY)
    sweeping.sweep_once()
    server.script = on("VENENO", AWAY)
    let_time_pass()
    assert sweeping.sweep_once().resumed == 1
    assert row_of(good).state == State.QUEUED, "who was tried least comes first"
    hold_nothing = on("Pregunta", AWAY)
    server.script = hold_nothing
    work()
    assert row_of(good).state == State.HELD
    assert [each.trial_id for each in circuits.open_now()] == [None]
    assert sweeping.sweep_once().resumed == 0, "after a pause"
    server.script = on("VENENO", AWAY)
    for _ in range(8):
        let_time_pass()
        sweeping.sweep_once()
        while (held := lease.claim("obrero")) is not None:
            evaluation.evaluate(held)
    assert row_of(good).state == State.SCORED
    assert row_of(bad).state == State.ERRORED
    assert refunded(bad)
    assert not circuits.open_now()


def test_three_evaluations_in_a_row_open_the_circuit_though_a_probe_is_answered(
    server: ScriptedBackend, phase: Phase
) -> None:
    handed_in = [a_submission(phase) for _ in range(4)]
    server.script = on("Pregunta", GIBBERISH)
    for _ in range(3):
        work()
    states = [row_of(each).state for each in handed_in]
    assert states == [State.QUEUED, State.QUEUED, State.HELD, State.PENDING]
    assert [each.suspects for each in circuits.open_now()] == [[row_of(each).pk for each in handed_in[:3]]]
    server.script = answering(WHOLE)
    for _ in range(4):
        let_time_pass()
        sweeping.sweep_once()
        while (held := lease.claim("obrero")) is not None:
            evaluation.evaluate(held)
    assert {row_of(each).state for each in handed_in} == {State.SCORED}


def test_one_good_evaluation_ends_the_suspicions(server: ScriptedBackend, phase: Phase) -> None:
    handed_in = [a_submission(phase) for _ in range(4)]
    for script in (on("Pregunta", GIBBERISH), on("Pregunta", GIBBERISH), answering(WHOLE)):
        server.script = script
        work()
    server.script = on("Pregunta", GIBBERISH)
    work()
    assert not circuits.open_now()
    assert row_of(handed_in[3]).failures == 1


def test_the_boards_of_open_phases_are_told_when_a_circuit_opens_and_closes(
    server: ScriptedBackend, phase: Phase
) -> None:
    handed_in = a_submission(phase)
    hold(server, handed_in, lambda _: AWAY)
    assert Leaderboard.objects.get(phase=phase).version == 1
    server.script = answering(WHOLE)
    let_time_pass()
    sweeping.sweep_once()
    work()
    assert row_of(handed_in).state == State.SCORED
    assert Leaderboard.objects.get(phase=phase).version == 3, "the score, and the circuit that closed"


def test_the_time_in_which_everybody_waited_is_summed(server: ScriptedBackend, phase: Phase) -> None:
    handed_in = a_submission(phase)
    hold(server, handed_in, lambda _: AWAY)
    Circuit.objects.update(opened_at=Now() - timedelta(seconds=90))
    server.script = answering(WHOLE)
    let_time_pass()
    sweeping.sweep_once()
    work()
    assert 90 <= Circuit.objects.get(name="backend").held_seconds < 120


def test_an_evaluation_has_a_time_limit_of_its_own_and_keeps_what_it_got(
    server: ScriptedBackend, phase: Phase, settings: Any
) -> None:
    settings.EVALUATION_SECONDS = 1
    handed_in = a_submission(phase)
    server.script = on("s2", Answer(pieces=chat_events()[:1], ending="hang"))
    work()
    row = row_of(handed_in)
    assert (row.state, row.fault_code, row.failures) == (State.QUEUED, "evaluation_timeout", 1)
    assert keys() == ["s0", "s1"]


def test_a_grader_that_cannot_work_is_ours_and_is_not_tried_again(server: ScriptedBackend) -> None:
    handed_in = a_submission(a_phase(ranked_cases=[{"grader": {"name": "adivino"}}]))
    work()
    row = row_of(handed_in)
    assert (row.state, row.fault_code) == (State.ERRORED, "suite_or_policy")
    assert refunded(handed_in)


# --- faults of theirs ---------------------------------------------------------------------------------------


def test_a_prompt_longer_than_the_models_context_is_rejected_and_counts(
    server: ScriptedBackend, phase: Phase
) -> None:
    too_long = Answer(
        status=400,
        pieces=[b'{"error": {"type": "exceed_context_size_error", "message": "..."}}'],
        content_type="application/json",
    )
    server.script = on("s1", too_long)
    handed_in = a_submission(phase)
    work()
    row = row_of(handed_in)
    assert (row.state, row.fault_code) == (State.REJECTED, "exceed_context_size_error")
    assert row.fault_detail == "", "the key of a private case is nobody's business"
    assert not refunded(handed_in)


# --- the public part costs no score -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [GIBBERISH, Answer(status=400, pieces=[b"{}"], content_type="application/json")],
    ids=["gibberish", "refused"],
)
def test_a_fault_in_the_public_cases_is_noted_and_costs_no_score(
    server: ScriptedBackend, phase: Phase, fault: Answer
) -> None:
    server.script = on("p0", fault)
    handed_in = a_submission(phase)
    work()
    assert row_of(handed_in).state == State.SCORED
    assert Measurement.objects.get(is_ranked=False).flags == ["feedback-incomplete"]
    assert keys() == ["p1", "s0", "s1", "s2", "s3"]


def test_public_cases_wait_for_a_backend_that_is_away_but_not_for_ever(
    server: ScriptedBackend, phase: Phase
) -> None:
    handed_in = a_submission(phase)
    for failures in (0, 1, 2):
        hold(server, handed_in, on("p0", AWAY))
        assert row_of(handed_in).failures == failures
        let_time_pass()
        sweeping.sweep_once()
    work()
    assert row_of(handed_in).state == State.SCORED
    assert "feedback-incomplete" in Measurement.objects.get(is_ranked=False).flags
    assert len([prompt for prompt in asked_for(server) if "s0" in prompt]) == 1


# --- interruptions ------------------------------------------------------------------------------------------


def test_a_worker_told_to_stop_gives_the_evaluation_back_with_its_cases(
    server: ScriptedBackend, phase: Phase
) -> None:
    handed_in = a_submission(phase)
    server.script = on("s2", Answer(pieces=chat_events()[:1], ending="hang"))
    held = lease.claim("obrero")
    assert held is not None
    evaluation.evaluate(held, should_stop=lambda: len(server.received) == 3)
    row = row_of(handed_in)
    assert (row.state, row.lease_until, row.failures) == (State.QUEUED, None, 0)
    assert keys() == ["s0", "s1"]
    assert server.hung_up.wait(10), "the request went on"


def test_a_worker_whose_lease_was_taken_writes_nothing_more(
    server: ScriptedBackend, phase: Phase, caplog: pytest.LogCaptureFixture
) -> None:
    handed_in = a_submission(phase)

    def script(received: Received) -> Answer:
        if received.path.endswith("/models"):
            return models()
        if "s2" in received.prompt:
            # Another worker claims the row, over a connection of its own.
            in_parallel(lambda: Evaluation.objects.update(fence=F("fence") + 1))
        return WHOLE

    server.script = script
    with caplog.at_level(logging.WARNING):
        work()
    row = row_of(handed_in)
    assert (row.state, row.fence) == (State.RUNNING, 2)
    assert keys() == ["s0", "s1"]
    assert not Score.objects.exists()
    assert caplog.text.count("is no longer held") == 1


def rapl_tree(root: Path) -> Path:
    domain = root / "intel-rapl:0"
    domain.mkdir()
    for name, text in (("name", "package-0"), ("max_energy_range_uj", "9" * 12), ("energy_uj", "1000000")):
        (domain / name).write_text(text)
    return domain / "energy_uj"


@pytest.fixture
def counter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A processor's counter that moves only when a test moves it."""
    counter = rapl_tree(tmp_path)
    source = RaplSource(packages=find_packages(tmp_path), reason="")
    monkeypatch.setattr(energy_window, "best_source", lambda: source)
    return counter


def ticking(counter: Path, script: Script) -> Script:
    """Each case costs 2 J."""

    def tick(received: Received) -> Answer:
        if not received.path.endswith("/models"):
            counter.write_text(str(int(counter.read_text()) + 2_000_000))
        return script(received)

    return tick


def test_a_phase_without_its_calibration_waits_and_holds_up_no_counter(
    server: ScriptedBackend, transactional_db: None
) -> None:
    a_submission(a_phase(evidence_grade="D"))
    work()
    row = Evaluation.objects.get()
    assert (row.state, row.failures, row.fault_code) == (State.HELD, 0, "measurement")
    assert not Circuit.objects.filter(name=Circuit.Name.METER, opened_at__isnull=False).exists()
    let_time_pass()
    sweeping.sweep_once()
    row.refresh_from_db()
    assert row.state in (State.PENDING, State.QUEUED)


def test_a_measured_window_that_was_interrupted_is_void_and_runs_again_whole(
    server: ScriptedBackend, counter: Path
) -> None:
    handed_in = a_submission(a_phase(ranked_cases=4, feedback_cases=2, concurrency=1, evidence_grade="C"))
    hold(server, handed_in, ticking(counter, on("s2", AWAY)))
    let_time_pass()
    server.script = ticking(counter, answering(WHOLE))
    sweeping.sweep_once()
    work()
    assert row_of(handed_in).state == State.SCORED
    assert keys(repetition=1) == ["s0", "s1"]
    assert keys(repetition=2) == ["p0", "p1", "s0", "s1", "s2", "s3"]
    score = Score.objects.get()
    assert (score.energy_mj, score.evidence_grade, score.is_ranked) == (4 * 2000, "C", True)


def test_a_counter_that_stands_still_is_our_fault_and_never_a_win(
    server: ScriptedBackend, counter: Path
) -> None:
    handed_in = a_submission(a_phase(ranked_cases=2, evidence_grade="C"))
    work()
    row = row_of(handed_in)
    assert (row.state, row.fault_code, row.repetition) == (State.QUEUED, "measurement", 2)
    let_time_pass()
    server.script = ticking(counter, answering(WHOLE))
    work()
    assert row_of(handed_in).state == State.SCORED


def test_a_figure_of_another_grade_than_the_phases_is_kept_and_not_ranked(
    server: ScriptedBackend, counter: Path
) -> None:
    a_submission(a_phase(ranked_cases=2, evidence_grade="A"))
    server.script = ticking(counter, answering(WHOLE))
    work()
    score = Score.objects.get()
    assert (score.evidence_grade, score.is_ranked) == ("C", False)


def test_a_phase_that_is_ranked_by_a_counter_waits_for_one(
    server: ScriptedBackend, phase: Phase, counter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = a_phase(ranked_cases=2, feedback_cases=1, evidence_grade="C")
    handed_in, other = a_submission(measured), a_submission(phase)
    with monkeypatch.context() as gone:
        gone.setattr(energy_window, "best_source", lambda: TokenModelSource(reason="No hay contador."))
        work()
        row = row_of(handed_in)
        assert (row.state, row.failures, row.fault_code) == (State.HELD, 0, "measurement")
        assert circuits.holding(measured) is not None
        assert circuits.holding(phase) is None, "it counts tokens"
        work()
        assert row_of(other).state == State.SCORED
        let_time_pass()
        assert sweeping.sweep_once().resumed == 1
        work()
        assert row_of(handed_in).state == State.HELD
    server.script = ticking(counter, answering(WHOLE))
    let_time_pass()
    sweeping.sweep_once()
    work()
    assert (row_of(handed_in).state, Score.objects.filter(is_ranked=True).count()) == (State.SCORED, 2)
    assert not circuits.open_now()


def test_a_good_evaluation_without_a_meter_tells_nothing_about_the_meter(
    server: ScriptedBackend, counter: Path, phase: Phase
) -> None:
    measured = a_phase(ranked_cases=1, feedback_cases=1, evidence_grade="C")
    for _ in range(2):
        a_submission(measured)
        work()
    a_submission(phase)
    work()
    assert len(Circuit.objects.get(name="meter").suspects) == 2
    a_submission(measured)
    server.script = ticking(counter, answering(WHOLE))
    work()
    assert Circuit.objects.get(name="meter").suspects == []


def test_cases_that_were_changed_behind_our_back_judge_nobody(server: ScriptedBackend, phase: Phase) -> None:
    handed_in = a_submission(phase)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE challenges_case SET weight = 7 WHERE key = 's1'")
    work()
    row = row_of(handed_in)
    assert (row.state, row.fault_code) == (State.ERRORED, "suite_or_policy")
    assert server.received == []
    assert refunded(handed_in)


def test_answers_of_two_models_are_never_mixed(server: ScriptedBackend, phase: Phase, settings: Any) -> None:
    handed_in = a_submission(phase)
    hold(server, handed_in, on("s2", AWAY))
    settings.INFERENCE_REVISION = "la-siguiente"
    server.script = answering(WHOLE)
    let_time_pass()
    sweeping.sweep_once()
    work()
    row = row_of(handed_in)
    assert (row.state, row.repetition, row.model_revision) == (State.SCORED, 2, "la-siguiente")
    assert keys(repetition=2) == ["p0", "p1", "s0", "s1", "s2", "s3"]


# --- silence about what is private --------------------------------------------------------------------------


@pytest.mark.parametrize("script", [answering(WHOLE), on("", GIBBERISH), on("", AWAY)])
def test_no_log_line_holds_a_prompt_a_case_or_an_answer(
    server: ScriptedBackend, caplog: pytest.LogCaptureFixture, script: Script
) -> None:
    private = [{"inputs": {"pregunta": "CANARIO-PRIVADO"}, "expected": "CANARIO-ESPERADO"}]
    server.script = script
    content = {"system": "CANARIO-SISTEMA", "user": "CANARIO-USUARIO {{pregunta}}"}
    a_submission(a_phase(ranked_cases=private), content=content)
    with caplog.at_level(logging.DEBUG):
        work()
    assert "CANARIO" not in caplog.text
