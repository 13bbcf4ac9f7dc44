"""The reference workloads: the same fixed work before and after a measured series, and on every day.

If a device needs another energy for it than it did before, something has changed that is no contestant's
doing (temperature, clocks, a neighbour), and what was measured between cannot be compared. The worker runs
``run_passes`` in a window of its own and compares by ``drift.drift_of``. The prompts are part of the
protocol: whoever changes one gives the workload a new name.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from scoring.energy.counter import Clock
from scoring.errors import BackendFault
from scoring.harness import CaseOutcome, CaseRequest, RetryPolicy, run_cases
from scoring.inference.backend import Backend
from scoring.values import CompletionRequest, Message, Sampling, TokenUse

NS_PER_S = 10**9
# A device that answers at once would otherwise be asked for ever.
MOST_PASSES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Questions that are always the same; each answer has at most ``answer_tokens``."""

    name: str
    questions: tuple[str, ...]
    answer_tokens: int

    def requests(self) -> list[CaseRequest]:
        """One pass: greedy, with a fixed seed."""
        sampling = Sampling(max_output_tokens=self.answer_tokens)
        return [
            CaseRequest(
                key=f"referencia-{number}",
                request=CompletionRequest(
                    messages=(Message(role="user", content=question),), sampling=sampling
                ),
            )
            for number, question in enumerate(self.questions, start=1)
        ]


# Answers of some length, because the energy of a contest lies in writing; short enough that a pass of a large
# model stays well below the ten seconds that a run should take.
MEASURED = Workload(
    name="alia-reference/1",
    questions=(
        "Explica en pocas frases por qué flota un barco de acero.",
        "Resume para qué sirve el Boletín Oficial del Estado.",
        "¿Qué diferencia hay entre un kilovatio y un kilovatio hora?",
        "Describe el recorrido del río Duero, desde su nacimiento hasta el mar.",
    ),
    answer_tokens=48,
)
# For what is worked out from tokens: it has no clocks that warm up, and only has to show that the backend
# still counts and answers as it did, be it with another model or another template behind the same name.
BRIEF = Workload(
    name="alia-reference-brief/1",
    questions=("¿Para qué sirve un contador eléctrico?", "Di en una frase qué hace un ayuntamiento."),
    answer_tokens=12,
)
WORKLOADS = {workload.name: workload for workload in (MEASURED, BRIEF)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What was done: whole passes, and every call of them in no order."""

    passes: int
    calls: tuple[TokenUse, ...]

    @property
    def prompt_tokens(self) -> int:
        return sum(call.prompt_tokens for call in self.calls)

    @property
    def completion_tokens(self) -> int:
        return sum(call.completion_tokens for call in self.calls)


async def run_passes(
    workload: Workload,
    *,
    backend_factory: Callable[[], Backend],
    concurrency: int,
    at_least_s: float,
    case_timeout_s: float,
    clock: Clock = time.monotonic_ns,
) -> Work:
    """Whole passes, one after the other, until they have taken ``at_least_s``; at least one.

    Raises the backend's first fault: work that is not the same every time measures nothing.
    """
    calls: list[TokenUse] = []
    started_ns, passes = clock(), 0
    while passes < MOST_PASSES:
        calls += await _one_pass(workload, backend_factory, concurrency, case_timeout_s)
        passes += 1
        if clock() - started_ns >= at_least_s * NS_PER_S:
            break
    return Work(passes=passes, calls=tuple(calls))


async def _one_pass(
    workload: Workload, backend_factory: Callable[[], Backend], concurrency: int, case_timeout_s: float
) -> list[TokenUse]:
    outcomes = await run_cases(
        cases=workload.requests(),
        backend_factory=backend_factory,
        concurrency=concurrency,
        case_timeout_s=case_timeout_s,
        retries=RetryPolicy(),
        on_result=_stop_at_a_fault,
    )
    return [_tokens(outcome) for outcome in outcomes]


async def _stop_at_a_fault(outcome: CaseOutcome) -> None:
    if outcome.fault is not None:
        raise outcome.fault


def _tokens(outcome: CaseOutcome) -> TokenUse:
    if outcome.completion is None:
        raise outcome.fault or BackendFault(outcome.key)
    return TokenUse(
        prompt_tokens=outcome.completion.prompt_tokens, completion_tokens=outcome.completion.completion_tokens
    )
