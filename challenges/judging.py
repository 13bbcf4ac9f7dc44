"""The work of one evaluation, in order: ask the backend, run ranked and public cases, grade, record.

Only ``evaluation`` calls it, and deals with whatever it raises. Each step looks at the rows first and does
only what is missing, so that an evaluation that was interrupted anywhere goes on from there.

The ranked suite comes first and is measured by itself; then the public one, so that whoever sees a score can
also see answers; the score comes last. A fault in the public part is noted in its measurement and costs no
score.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

from asgiref.sync import sync_to_async
from django.conf import settings

from challenges import backend, case_runs, energy_window, lease, sealing, standings, suite_hash
from challenges.case_runs import Repetition
from challenges.database_restart import write_once_it_is_back
from challenges.lease import Lease
from challenges.models import Evaluation, Phase, Reason, State, Suite, Visibility
from challenges.models import Measurement as MeasurementRow
from challenges.standings import Judged
from scoring import policies, quality
from scoring.energy.window import EnergySource
from scoring.energy.witness import WitnessReading
from scoring.errors import (
    CONTEXT_TOO_LONG,
    BackendFault,
    BackendRefused,
    BackendUnavailable,
    MeasurementFault,
    MeasurementVoid,
    SpecError,
)
from scoring.harness import CaseOutcome, RetryPolicy, run_cases
from scoring.inference.describe import BackendDescription, describe
from scoring.inference.openai import OpenAIBackend
from scoring.solutions import prompt_json
from scoring.values import EvidenceGrade, Measurement, PromptContent

logger = logging.getLogger(__name__)

INCOMPLETE = "feedback-incomplete"
MOST_FAILURES = 3
# One bad case, or two, is no reason to give up the others; see ``_Keeper``.
FEWEST_IN_A_ROW = 3


class CaseRefused(Exception):
    """The backend cannot take a case as the contestant's template made it: longer than its context."""

    def __init__(self, *, key: str, is_public: bool) -> None:
        super().__init__(CONTEXT_TOO_LONG)
        self.key = key
        self.is_public = is_public


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    held: Lease
    phase: Phase
    content: PromptContent
    source: EnergySource
    repetition: int
    is_last_try: bool

    def part(self, suite: Suite) -> Repetition:
        return Repetition(held=self.held, number=self.repetition, suite=suite)


async def judge(held: Lease) -> None:
    """Take a freshly claimed evaluation to its score.

    Raises LeaseLost, CaseRefused, the faults of backend and measurement (``scoring.errors``), SpecError for a
    suite or a policy that cannot be used, and RecordError where the score's record cannot be made or kept.
    Whatever finished before stays stored.
    """
    description = await describe(backend.settings_from_django())
    job = await sync_to_async(_start)(held, description)
    await _run_ranked(job)
    if job.phase.feedback_suite is not None:
        await _run_feedback(job, job.phase.feedback_suite)
    await sync_to_async(_grade_and_record)(job)


def _start(held: Lease, description: BackendDescription) -> _Job:
    evaluation = Evaluation.objects.select_related(
        "submission__phase__challenge", "submission__phase__ranked_suite", "submission__phase__feedback_suite"
    ).get(pk=held.evaluation_id)
    phase = evaluation.submission.phase
    content, problems = prompt_json.decode(evaluation.submission.content)
    if content is None:
        raise SpecError(field="content", fix=f"El envío guardado no se puede leer: {problems}.")
    _check_suite(phase.ranked_suite)
    source = energy_window.source_for(phase)
    model = {"model": description.model, "model_revision": description.revision}
    number, reason = evaluation.repetition, Reason.RESUMED
    if _measurement(held, number, is_ranked=True) is not None:
        # The figure that ranks is there: nothing may change about what it was taken from.
        model = {}
    elif not case_runs.has_any(Repetition(held=held, number=number, suite=phase.ranked_suite)):
        reason = Reason.STARTED
    elif not _can_go_on(evaluation, source, model):
        number, reason = number + 1, Reason.REPEATED_WHOLE
    lease.transition(
        held,
        to=State.RUNNING,
        reason=reason,
        detail=f"repetition {number}",
        fields={"repetition": number, **model},
    )
    return _Job(
        held=held,
        phase=phase,
        content=content,
        source=source,
        repetition=number,
        is_last_try=evaluation.failures + 1 >= MOST_FAILURES,
    )


def _check_suite(suite: Suite) -> None:
    """What it is judged on must be what the score will say it was."""
    if suite_hash.of(suite) != suite.sha256:
        fix = f"Los casos de la batería {suite.pk} no son los que se publicaron: cárgalos como versión nueva."
        raise SpecError(field="ranked_suite", fix=fix)


def _can_go_on(evaluation: Evaluation, source: EnergySource, model: dict[str, str]) -> bool:
    """Whether a repetition that has cases can take more: those done must be as good as new ones."""
    same_model = (evaluation.model, evaluation.model_revision) == (model["model"], model["model_revision"])
    return source.resumable and same_model


async def _run_ranked(job: _Job) -> None:
    part = job.part(job.phase.ranked_suite)
    if await sync_to_async(_measurement)(job.held, job.repetition, is_ranked=True) is not None:
        return
    keeper = _Keeper(part=part, most_in_a_row=max(job.phase.concurrency, FEWEST_IN_A_ROW))

    async def run() -> None:
        await _run_missing(job, part, keeper.keep)
        if keeper.faults:
            raise keeper.faults[0]

    measured, witness = await _measured(job, part, run)
    if measured.energy_mj <= 0:
        raise MeasurementVoid("La medida de energía dio 0 J.")
    await sync_to_async(energy_window.store)(
        job.held,
        phase=job.phase,
        repetition=job.repetition,
        is_ranked=True,
        measured=measured,
        witness=witness,
    )


async def _run_feedback(job: _Job, suite: Suite) -> None:
    part = job.part(suite)
    if await sync_to_async(_measurement)(job.held, job.repetition, is_ranked=False) is not None:
        return
    keeper = _Keeper(part=part, most_in_a_row=max(job.phase.concurrency, FEWEST_IN_A_ROW))

    async def run() -> None:
        try:
            await _run_missing(job, part, keeper.keep)
        except BackendUnavailable:
            # Worth waiting for, but not worth the score.
            if not job.is_last_try:
                raise
        except (CaseRefused, BackendFault, SpecError) as fault:
            keeper.note(fault)

    try:
        measured, witness = await _measured(job, part, run)
    except MeasurementFault as fault:
        logger.warning("evaluation %s: feedback not measured: %s", job.held.evaluation_id, fault)
        return
    if keeper.faults:
        kinds = sorted({type(fault).__name__ for fault in keeper.faults})
        logger.warning("evaluation %s: feedback incomplete: %s", job.held.evaluation_id, kinds)
    complete = await sync_to_async(case_runs.is_complete)(part)
    await sync_to_async(energy_window.store)(
        job.held,
        phase=job.phase,
        repetition=job.repetition,
        is_ranked=False,
        measured=measured,
        witness=witness,
        flags=[] if complete else [INCOMPLETE],
    )


@dataclass(kw_only=True)
class _Keeper:
    """Stores each answer as it comes, and decides when a run is not worth going on with.

    A fault of one case lets the others go on: what they bring is kept for the next try. But a backend that is
    away, or that fails so many cases in a row, would fail all that are left, each after its own time limit.
    """

    part: Repetition
    most_in_a_row: int
    faults: list[Exception] = field(default_factory=list)
    in_a_row: int = 0

    async def keep(self, outcome: CaseOutcome) -> None:
        """Raises LeaseLost, SpecError, CaseRefused, the database's own error when it stays away for a
        lease, and the backend's fault when the run should end."""
        if outcome.completion is not None:
            store = partial(case_runs.store, self.part, key=outcome.key, completion=outcome.completion)
            await write_once_it_is_back(store, within_s=settings.LEASE_SECONDS)
            self.in_a_row = 0
            return
        fault = outcome.fault
        if fault is None:
            raise ValueError(f"case {outcome.key} came to nothing")
        if isinstance(fault, BackendRefused) and fault.type == CONTEXT_TOO_LONG:
            raise CaseRefused(key=outcome.key, is_public=self.part.suite.visibility == Visibility.PUBLIC)
        self.note(fault)
        self.in_a_row += 1
        if isinstance(fault, BackendUnavailable) or self.in_a_row >= self.most_in_a_row:
            raise fault

    def note(self, fault: Exception) -> None:
        if fault not in self.faults:
            self.faults.append(fault)


async def _measured(
    job: _Job, part: Repetition, run: Callable[[], Awaitable[None]]
) -> tuple[Measurement, WitnessReading | None]:
    """Run inside a window of the energy source; the calls of the whole repetition are in its figure."""
    # A meter is asked over the network: not from the loop that renews the lease.
    is_counted = not job.source.resumable
    last_step = await sync_to_async(energy_window.last_step)() if is_counted else 0
    window = await asyncio.to_thread(job.source.open)
    await energy_window.witness_opens()
    await run()
    calls = await sync_to_async(case_runs.token_use)(part)
    measured = await asyncio.to_thread(window.close, calls)
    if is_counted:
        await sync_to_async(energy_window.check_nobody_else_ran)(job.held.evaluation_id, after=last_step)
    return measured, await energy_window.witness_closes()


async def _run_missing(job: _Job, part: Repetition, keep: Callable[[CaseOutcome], Awaitable[None]]) -> None:
    requests = await sync_to_async(case_runs.missing)(part, job.content)
    await run_cases(
        cases=requests,
        backend_factory=lambda: OpenAIBackend(backend.settings_from_django()),
        concurrency=job.phase.concurrency,
        case_timeout_s=job.phase.case_timeout_s,
        retries=RetryPolicy(),
        on_result=keep,
    )


def _grade_and_record(job: _Job) -> None:
    lease.transition(job.held, to=State.GRADING, reason=Reason.ANSWERED)
    part = job.part(job.phase.ranked_suite)
    measured = _measurement(job.held, job.repetition, is_ranked=True)
    if measured is None or not case_runs.is_complete(part):
        raise MeasurementVoid("Faltan casos o su medida de energía.")
    uses = case_runs.token_use(part)
    result = policies.apply(
        policy=job.phase.policy,
        parameters=job.phase.policy_parameters,
        quality=quality.weighted_mean(case_runs.graded_cases(part)),
        energy_mj=measured.energy_mj,
    )
    evaluation = Evaluation.objects.select_related("submission__participation").get(pk=job.held.evaluation_id)
    evidence = sealing.evidence_of(evaluation, job.phase.ranked_suite)
    judged = Judged(
        result=result,
        energy_mj=measured.energy_mj,
        evidence_grade=EvidenceGrade(measured.evidence_grade),
        prompt_tokens=sum(use.prompt_tokens for use in uses),
        completion_tokens=sum(use.completion_tokens for use in uses),
    )
    standings.record(job.held, judged=judged, seal=partial(sealing.seal, evidence=evidence))


def _measurement(held: Lease, repetition: int, *, is_ranked: bool) -> MeasurementRow | None:
    return MeasurementRow.objects.filter(
        evaluation_id=held.evaluation_id, repetition=repetition, is_ranked=is_ranked
    ).first()
