"""Runs the cases of a suite against a backend: so many at a time, each within its limit, each to one outcome.

``challenges.judging`` calls ``run_cases`` and stores what ``on_result`` is handed; nothing here knows rows.
Cases start in their order and outcomes come back in it, however the answers overtake one another. A fault of
the transport is tried again a few times; whatever the backend did say is taken as said.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from scoring.errors import BackendFault, BackendUnavailable, CaseTimeout
from scoring.inference.backend import Backend
from scoring.values import Completion, CompletionRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRequest:
    """One case to run; ``key`` names it in the outcome."""

    key: str
    request: CompletionRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseOutcome:
    """What became of one case: the completion, or the fault that stands in its place. Exactly one is set."""

    key: str
    completion: Completion | None = None
    fault: BackendFault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often a request is sent again when its transport failed, and how long to wait before that.

    The n-th pause is ``first_pause_s`` · 2^(n-1), at most ``longest_pause_s``; a backend that says how long
    it wants to be left alone (Retry-After) is obeyed where that is longer.
    """

    max_attempts: int = 3
    first_pause_s: float = 0.25
    longest_pause_s: float = 4.0

    def pause_s(self, *, attempt: int, fault: BackendUnavailable) -> float:
        """Seconds to wait after the ``attempt``-th try (1-based) ended in ``fault``."""
        doubled: float = self.first_pause_s * 2 ** (attempt - 1)
        return max(min(doubled, self.longest_pause_s), fault.retry_after_s or 0.0)


async def run_cases(
    *,
    cases: Sequence[CaseRequest],
    backend_factory: Callable[[], Backend],
    concurrency: int,
    case_timeout_s: float,
    retries: RetryPolicy,
    on_result: Callable[[CaseOutcome], Awaitable[None]],
) -> list[CaseOutcome]:
    """Run all cases, ``concurrency`` at a time; returns their outcomes in the order of ``cases``.

    ``backend_factory`` is called once for each of the concurrent tasks. ``on_result`` is awaited for each
    outcome as it comes, and its task takes no new case before it returns; what it raises ends the whole run:
    requests under way are cancelled, and the error comes out of here as it is. Raises ``ValueError`` for a
    concurrency below 1.
    """
    if concurrency < 1:
        raise ValueError(f"concurrency must be at least 1, not {concurrency}")
    outcomes: list[CaseOutcome | None] = [None] * len(cases)
    waiting = iter(enumerate(cases))

    async def work() -> None:
        async with backend_factory() as backend:
            # One iterator for all tasks: whoever is free takes the next case.
            for index, case in waiting:
                outcome = await run_case(
                    case, backend=backend, case_timeout_s=case_timeout_s, retries=retries
                )
                outcomes[index] = outcome
                await on_result(outcome)

    tasks = [asyncio.create_task(work()) for _ in range(min(concurrency, len(cases)))]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        # Until every connection is closed, so that no request outlives the run.
        await asyncio.gather(*tasks, return_exceptions=True)
    return [outcome for outcome in outcomes if outcome is not None]


async def run_case(
    case: CaseRequest, *, backend: Backend, case_timeout_s: float, retries: RetryPolicy
) -> CaseOutcome:
    """Run one case to its outcome; never raises a BackendFault. The limit holds for all tries together."""
    try:
        completion = await _complete(case.request, backend, case_timeout_s, retries)
    except BackendFault as fault:
        return CaseOutcome(key=case.key, fault=fault)
    return CaseOutcome(key=case.key, completion=completion)


async def _complete(
    request: CompletionRequest, backend: Backend, case_timeout_s: float, retries: RetryPolicy
) -> Completion:
    last: BackendUnavailable | None = None
    try:
        async with asyncio.timeout(case_timeout_s):
            for attempt in range(1, retries.max_attempts + 1):
                try:
                    return replace(await backend.complete(request), attempts=attempt)
                except BackendUnavailable as fault:
                    last = fault
                    if not fault.may_pass or attempt == retries.max_attempts:
                        raise
                    await asyncio.sleep(retries.pause_s(attempt=attempt, fault=fault))
    except TimeoutError as expired:
        # A backend that was away the whole time is away, not slow.
        raise last or CaseTimeout(timeout_s=case_timeout_s) from expired
    raise ValueError(f"max_attempts must be at least 1, not {retries.max_attempts}")
