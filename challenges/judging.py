"""The work of one evaluation, in order: ask the backend, run ranked and public cases, grade, record.

Only ``evaluation`` calls it, and deals with whatever it raises. Each step looks at the rows first and does
only what is missing, so that an evaluation that was interrupted anywhere goes on from there.

The ranked suite comes first and is measured by itself; then the public one, so that whoever sees a score can
also see answers; the score comes last. A fault in the public part is noted in its measurement and costs no
score.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings

from challenges import (
    backend,
    case_runs,
    device_lease,
    energy_window,
    figure,
    integrity,
    lease,
    measured_series,
    sealing,
    solution,
    standings,
    suite_hash,
)
from challenges.case_runs import Repetition
from challenges.database_restart import write_once_it_is_back
from challenges.errors import DeviceBusy
from challenges.lease import Lease
from challenges.measured_series import Series
from challenges.models import Evaluation, Phase, Reason, State, Suite, Visibility
from challenges.models import Measurement as MeasurementRow
from challenges.solution import Solution
from challenges.standings import Judged
from scoring import policies, quality
from scoring.energy.flags import Flag
from scoring.energy.window import EnergySource
from scoring.errors import (
    CONTEXT_TOO_LONG,
    BackendFault,
    BackendRefused,
    BackendUnavailable,
    MeasurementFault,
    MeasurementVoid,
    SpecError,
)
from scoring.harness import CallOutcome, PlanOutcome, RetryPolicy, run_plans
from scoring.inference.describe import BackendDescription, describe
from scoring.inference.openai import OpenAIBackend
from scoring.policies.terms.values import millionths
from scoring.values import TokenUse, Use

logger = logging.getLogger(__name__)

NS_PER_MS = 10**6
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
    solution: Solution
    source: EnergySource
    series: int
    repetition: int
    is_measured: bool
    is_last_try: bool

    def part(self, suite: Suite, number: int) -> Repetition:
        return Repetition(held=self.held, number=number, suite=suite)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where to go on: the series, the repetition in it, and why there. ``is_measured``: nothing is left."""

    series: int
    repetition: int
    reason: Reason
    is_measured: bool = False


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
    handed_in = solution.stored(evaluation.submission)
    _check_suite(phase.ranked_suite)
    source = energy_window.source_for(phase)
    if not source.resumable and not device_lease.take(held.worker):
        raise DeviceBusy
    model = {"model": description.model, "model_revision": description.revision}
    place = _place(evaluation, phase, source, model)
    if place.is_measured:
        # The figure that ranks is there: nothing may change about what it was taken from.
        model = {}
    lease.transition(
        held,
        to=State.RUNNING,
        reason=place.reason,
        detail=f"repetition {place.repetition}",
        fields={"series": place.series, "repetition": place.repetition, **model},
    )
    return _Job(
        held=held,
        phase=phase,
        solution=handed_in,
        source=source,
        series=place.series,
        repetition=place.repetition,
        is_measured=place.is_measured,
        is_last_try=evaluation.failures + 1 >= MOST_FAILURES,
    )


def _place(evaluation: Evaluation, phase: Phase, source: EnergySource, model: dict[str, str]) -> _Place:
    """What was done before must be as good as what comes: by the same model, in no window that broke off."""
    series, number = evaluation.series, evaluation.repetition
    counted = list(figure.windows(evaluation))
    measured = {each.repetition for each in counted}
    if measured and measured_series.is_whole(evaluation, counted, is_counted=not source.resumable):
        return _Place(series=series, repetition=number, reason=Reason.RESUMED, is_measured=True)
    is_begun = case_runs.has_any(evaluation.pk, number, phase.ranked_suite)
    if not measured and not is_begun:
        return _Place(series=number, repetition=number, reason=Reason.STARTED)
    if (evaluation.model, evaluation.model_revision) != (model["model"], model["model_revision"]):
        return _Place(series=number + 1, repetition=number + 1, reason=Reason.REPEATED_WHOLE)
    if is_begun and number not in measured and not source.resumable:
        first = series if measured else number + 1
        return _Place(series=first, repetition=number + 1, reason=Reason.REPEATED_WHOLE)
    return _Place(series=series, repetition=number, reason=Reason.RESUMED)


def _check_suite(suite: Suite) -> None:
    """What it is judged on must be what the score will say it was."""
    if suite_hash.of(suite) != suite.sha256:
        fix = f"Los casos de la batería {suite.pk} no son los que se publicaron: cárgalos como versión nueva."
        raise SpecError(field="ranked_suite", fix=fix)


async def _run_ranked(job: _Job) -> None:
    if job.is_measured:
        return
    series = Series(held=job.held, phase=job.phase, source=job.source, first=job.series)
    await measured_series.measure(series, partial(_repeat, job))


async def _repeat(job: _Job, number: int, evidence: Mapping[str, Any]) -> None:
    """One repetition of the ranked suite, measured and stored."""
    part = job.part(job.phase.ranked_suite, number)
    keeper = _keeper(job, part)

    async def run() -> Sequence[TokenUse]:
        keeper.opened_ns = time.monotonic_ns()
        await _run_missing(job, part, keeper.keep)
        if keeper.faults:
            raise keeper.faults[0]
        return await sync_to_async(case_runs.token_use)(part)

    measured, witness = await energy_window.measured(job.held, job.source, run)
    if measured.energy_mj <= 0:
        raise MeasurementVoid("La medida de energía dio 0 J.")
    flags: list[str] = []
    if not job.source.resumable:
        evidence = {**evidence, "marks": await sync_to_async(keeper.marks_by_position)()}
        # A repetition would find in the backend's memory what the one before it has read.
        flags = [Flag.PREFIX_CACHE] if await sync_to_async(case_runs.cached_tokens)(part) else []
    await sync_to_async(energy_window.store)(
        job.held,
        phase=job.phase,
        repetition=number,
        is_ranked=True,
        measured=measured,
        witness=witness,
        flags=flags,
        evidence=evidence,
    )


async def _run_feedback(job: _Job, suite: Suite) -> None:
    part = job.part(suite, job.series)
    if await sync_to_async(_has_feedback)(part):
        return
    keeper = _keeper(job, part)

    async def run() -> Sequence[TokenUse]:
        try:
            await _run_missing(job, part, keeper.keep)
        except BackendUnavailable:
            # Worth waiting for, but not worth the score.
            if not job.is_last_try:
                raise
        except (CaseRefused, BackendFault, SpecError) as fault:
            keeper.note(fault)
        return await sync_to_async(case_runs.token_use)(part)

    try:
        measured, witness = await energy_window.measured(job.held, job.source, run)
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
        repetition=job.series,
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
    opened_ns: int = 0
    faults: list[Exception] = field(default_factory=list)
    in_a_row: int = 0
    ran: list[tuple[str, int, int]] = field(default_factory=list)

    async def keep(self, outcome: PlanOutcome) -> None:
        """Raises LeaseLost, SpecError, CaseRefused, the database's own error when it stays away for a
        lease, and the backend's fault when the run should end."""
        if outcome.answer is not None:
            ended_ms = (time.monotonic_ns() - self.opened_ns) // NS_PER_MS
            took_ms = round(sum(call.completion.duration_ms for call in outcome.calls))
            self.ran.append((outcome.key, max(ended_ms - took_ms, 0), ended_ms))
            store = partial(case_runs.store, self.part, outcome)
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

    def marks_by_position(self) -> list[list[int]]:
        """When each case ran: its place in the suite, and milliseconds of the window from when to when."""
        places = dict(self.part.suite.cases.values_list("key", "position"))
        return sorted([places[key], started_ms, ended_ms] for key, started_ms, ended_ms in self.ran)

    def note(self, fault: Exception) -> None:
        if fault not in self.faults:
            self.faults.append(fault)


async def _run_missing(job: _Job, part: Repetition, keep: Callable[[PlanOutcome], Awaitable[None]]) -> None:
    plans = await sync_to_async(case_runs.missing)(part, job.solution)
    await run_plans(
        plans=plans,
        backend_factory=lambda: OpenAIBackend(backend.settings_from_django()),
        concurrency=job.phase.concurrency,
        case_timeout_s=job.phase.case_timeout_s,
        retries=RetryPolicy(),
        on_call=_with_its_case,
        on_result=keep,
    )


async def _with_its_case(call: CallOutcome) -> None:
    """A call is stored with its case: see ``case_runs``."""


def _grade_and_record(job: _Job) -> None:
    lease.transition(job.held, to=State.GRADING, reason=Reason.ANSWERED)
    evaluation = Evaluation.objects.select_related("submission__participation").get(pk=job.held.evaluation_id)
    # The answers that are graded are those of the first repetition that counts.
    part = job.part(job.phase.ranked_suite, evaluation.series)
    counted = list(figure.windows(evaluation))
    if not counted or not case_runs.is_complete(part):
        raise MeasurementVoid("Faltan casos o su medida de energía.")
    uses, graded = case_runs.token_use(part), case_runs.graded_cases(part)
    found = figure.of_windows(counted)
    use = Use(
        energy_mj=found.energy_mj,
        prompt_tokens=sum(call.prompt_tokens for call in uses),
        completion_tokens=sum(call.completion_tokens for call in uses),
    )
    result = policies.apply(
        policy=job.phase.policy,
        parameters=job.phase.policy_parameters,
        quality=quality.weighted_mean(graded),
        use=use,
    )
    evidence = sealing.evidence_of(evaluation, job.phase.ranked_suite)
    judged = Judged(
        result=result,
        energy_mj=use.energy_mj,
        evidence_grade=found.grade,
        prompt_tokens=use.prompt_tokens,
        completion_tokens=use.completion_tokens,
        case_grades=tuple(millionths(case.value) for case in graded),
        repetitions_mj=tuple(each.energy_mj for each in counted),
        review_flags=(
            *figure.review_flags(counted, uses, in_flight=job.phase.concurrency),
            *integrity.review_flags(evaluation, job.phase),
        ),
    )
    standings.record(job.held, judged=judged, seal=partial(sealing.seal, evidence=evidence))


def _keeper(job: _Job, part: Repetition) -> _Keeper:
    return _Keeper(part=part, most_in_a_row=max(job.phase.concurrency, FEWEST_IN_A_ROW))


def _has_feedback(part: Repetition) -> bool:
    measured = MeasurementRow.objects.filter(evaluation_id=part.held.evaluation_id, repetition=part.number)
    return measured.filter(is_ranked=False).exists()
