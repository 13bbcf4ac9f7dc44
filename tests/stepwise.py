"""A worker's way through an evaluation step by step, with made-up answers; the writes are the engine's own.

For claims about what lies between two steps, where a whole ``evaluate`` would be over before anything else
could happen. No backend is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial

from challenges import case_runs, energy_window, evaluation, judging, lease, standings
from challenges.case_runs import Repetition
from challenges.lease import Lease
from challenges.models import Case, Evaluation, Reason, Score, State, Suite
from challenges.standings import Judged
from scoring.errors import BackendUnavailable
from scoring.harness import CallOutcome, PlanOutcome
from scoring.inference.describe import BackendDescription
from scoring.values import Completion, EvidenceGrade, Measurement, PolicyResult
from tests.factories import unsealed

MODEL = BackendDescription(model="modelo-de-prueba", revision="la-primera")
Job = judging._Job
# Where a worker may take an evaluation, from one state or another.
ENDS_OF_STEPS = (
    (State.RUNNING, Reason.STARTED),
    (State.GRADING, Reason.ANSWERED),
    (State.QUEUED, Reason.WORKER_STOPPED),
    (State.HELD, Reason.BACKEND_AWAY),
    (State.REJECTED, Reason.REFUSED),
    (State.ERRORED, Reason.FAILED_FOR_GOOD),
    (State.SCORED, Reason.SCORED),
)
MEASURED = Measurement(energy_mj=1, seconds=Decimal(1), grade=EvidenceGrade.E, source="nada")
# Better than any that there is, so that it would show on the board.
JUDGED = Judged(
    result=PolicyResult(score=Decimal(100), quality=Decimal(1), green=Decimal(1), reaches_minimum=True),
    energy_mj=1,
    evidence_grade=EvidenceGrade.E,
    prompt_tokens=1,
    completion_tokens=1,
)


def start(held: Lease, model: BackendDescription = MODEL) -> Job:
    """From PREPARING to RUNNING; raises what ``judge`` would."""
    return judging._start(held, model)


def completion(text: str = "sí", *, model: str = MODEL.model) -> Completion:
    return Completion(
        text=text,
        prompt_tokens=20,
        completion_tokens=4,
        finish_reason="stop",
        model=model,
        first_token_ms=10.0,
        duration_ms=25.0,
    )


def answer(job: Job, case: Case, text: str = "sí", *, model: str = MODEL.model) -> None:
    """Store one case as if the backend had just answered it."""
    case_runs.store(job.part(case.suite, job.repetition), answered(case, completion(text, model=model)))


def answered(case: Case, completion: Completion) -> PlanOutcome:
    """A case of one call whose text is the answer."""
    call = CallOutcome(key=case.key, index=0, completion=completion)
    return PlanOutcome(key=case.key, answer=completion.text, calls=(call,))


def unanswered(job: Job, suite: Suite) -> list[Case]:
    keys = [request.key for request in case_runs.missing(job.part(suite, job.repetition), job.solution)]
    return list(suite.cases.filter(key__in=keys).order_by("position"))


def measure(job: Job, *, is_ranked: bool = True) -> None:
    """Close a window over everything that was answered, and store it."""
    suite = job.phase.ranked_suite if is_ranked else job.phase.feedback_suite
    assert suite is not None
    measured = job.source.open().close(case_runs.token_use(job.part(suite, job.repetition)))
    energy_window.store(
        job.held,
        phase=job.phase,
        repetition=job.repetition,
        is_ranked=is_ranked,
        measured=measured,
        witness=None,
    )


def record(job: Job) -> Score:
    """From RUNNING over GRADING to SCORED."""
    judging._grade_and_record(job)
    return Score.objects.get(evaluation=job.held.evaluation_id)


def evaluate(held: Lease, *, text_of: Callable[[Case], str] = lambda case: "sí") -> Score:
    """All the steps, public cases included."""
    job = start(held)
    for case in unanswered(job, job.phase.ranked_suite):
        answer(job, case, text_of(case))
    measure(job)
    if job.phase.feedback_suite is not None:
        for case in unanswered(job, job.phase.feedback_suite):
            answer(job, case, text_of(case))
        measure(job, is_ranked=False)
    return record(job)


def give_back(held: Lease) -> None:
    """What a worker does that is told to stop."""
    lease.transition(held, to=State.QUEUED, reason=Reason.WORKER_STOPPED, fields={"rung_at": None})


def hold(held: Lease) -> None:
    """What a worker does once it is known that the backend is away."""
    row = Evaluation.objects.get(pk=held.evaluation_id)
    fault = BackendUnavailable("nobody answers")
    evaluation._go_on(held, row, fault, waits_for=Reason.BACKEND_AWAY, is_counted=False)


def writes(held: Lease) -> Iterator[Callable[[], object]]:
    """Every kind of write that a worker knows."""
    evaluation_row = Evaluation.objects.select_related("submission__phase__ranked_suite").get(
        pk=held.evaluation_id
    )
    phase, repetition = evaluation_row.submission.phase, evaluation_row.repetition
    part = Repetition(held=held, number=repetition, suite=phase.ranked_suite)
    yield partial(lease.renew, held)
    for to, reason in ENDS_OF_STEPS:
        yield partial(lease.transition, held, to=to, reason=reason)
    for case in phase.ranked_suite.cases.all():
        yield partial(case_runs.store, part, answered(case, completion()))
    for is_ranked in (True, False):
        yield partial(
            energy_window.store,
            held,
            phase=phase,
            repetition=repetition,
            is_ranked=is_ranked,
            measured=MEASURED,
            witness=None,
        )
    yield partial(standings.record, held, judged=JUDGED, seal=unsealed)
