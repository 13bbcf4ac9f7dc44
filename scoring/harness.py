"""Runs the cases of a suite against a backend: so many at a time, each within its limit, each to one outcome.

``challenges.judging`` stores what it is handed; nothing here knows rows. ``run_cases`` is for cases of one
call each, ``run_plans`` for those whose next call depends on the answers before it. Cases start in their
order and outcomes come back in it, however the answers overtake one another. A fault of the transport is
tried again a few times; whatever the backend did say is taken as said.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from scoring.errors import BackendFault, BackendUnavailable, CaseTimeout
from scoring.inference.backend import Backend
from scoring.values import Completion, CompletionRequest, Done

Item = TypeVar("Item")
Result = TypeVar("Result")


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


class NextRequest(Protocol):
    """What to ask after the texts of a case's calls so far, or its answer; see ``solutions.kinds.Kind``."""

    def __call__(self, *, texts: Sequence[str]) -> CompletionRequest | Done: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePlan:
    """One case of several calls. ``texts`` are those of the calls that are stored already, in their order,
    and ``spent_s`` the seconds that those took of the case's time limit."""

    key: str
    next_request: NextRequest
    texts: tuple[str, ...] = ()
    spent_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOutcome:
    """One finished call of a case; ``index`` counts from 0, those that were stored before included."""

    key: str
    index: int
    completion: Completion


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOutcome:
    """What became of one case: its answer, or the fault that stands in its place. Exactly one is set.

    ``calls`` are those that finished in this run, whatever came after them: they cost energy all the same.
    """

    key: str
    answer: str | None = None
    fault: BackendFault | None = None
    calls: tuple[CallOutcome, ...] = ()


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

    async def run_one(case: CaseRequest, backend: Backend) -> CaseOutcome:
        outcome = await run_case(case, backend=backend, case_timeout_s=case_timeout_s, retries=retries)
        await on_result(outcome)
        return outcome

    return await _run_each(cases, backend_factory, concurrency, run_one)


async def run_plans(
    *,
    plans: Sequence[CasePlan],
    backend_factory: Callable[[], Backend],
    concurrency: int,
    case_timeout_s: float,
    retries: RetryPolicy,
    on_call: Callable[[CallOutcome], Awaitable[None]],
    on_result: Callable[[PlanOutcome], Awaitable[None]],
) -> list[PlanOutcome]:
    """Run all cases call by call, ``concurrency`` cases at a time; outcomes in the order of ``plans``.

    As ``run_cases``; beside it ``on_call`` is awaited for each finished call before the case's next one is
    asked for, and what it raises ends the whole run too. What ``next_request`` raises comes out as it is.
    """

    async def run_one(plan: CasePlan, backend: Backend) -> PlanOutcome:
        outcome = await run_plan(
            plan, backend=backend, case_timeout_s=case_timeout_s, retries=retries, on_call=on_call
        )
        await on_result(outcome)
        return outcome

    return await _run_each(plans, backend_factory, concurrency, run_one)


async def _run_each(
    items: Sequence[Item],
    backend_factory: Callable[[], Backend],
    concurrency: int,
    run_one: Callable[[Item, Backend], Awaitable[Result]],
) -> list[Result]:
    if concurrency < 1:
        raise ValueError(f"concurrency must be at least 1, not {concurrency}")
    outcomes: list[Result | None] = [None] * len(items)
    waiting = iter(enumerate(items))

    async def work() -> None:
        async with backend_factory() as backend:
            # One iterator for all tasks: whoever is free takes the next case.
            for index, item in waiting:
                outcomes[index] = await run_one(item, backend)

    tasks = [asyncio.create_task(work()) for _ in range(min(concurrency, len(items)))]
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


async def run_plan(
    plan: CasePlan,
    *,
    backend: Backend,
    case_timeout_s: float,
    retries: RetryPolicy,
    on_call: Callable[[CallOutcome], Awaitable[None]],
) -> PlanOutcome:
    """Run one case to its outcome; never raises a BackendFault of its own calls.

    The limit holds for all calls and their tries together, and not for ``on_call``: a call that was paid for
    is stored, however slow the store.
    """
    clock = asyncio.get_running_loop().time
    texts, calls, left_s = list(plan.texts), list[CallOutcome](), case_timeout_s - plan.spent_s
    while isinstance(request := plan.next_request(texts=texts), CompletionRequest):
        began_s = clock()
        try:
            completion = await _complete_within(request, backend, left_s, case_timeout_s, retries)
        except BackendFault as fault:
            return PlanOutcome(key=plan.key, fault=fault, calls=tuple(calls))
        left_s -= clock() - began_s
        calls.append(CallOutcome(key=plan.key, index=len(texts), completion=completion))
        texts.append(completion.text)
        await on_call(calls[-1])
    return PlanOutcome(key=plan.key, answer=request.answer, calls=tuple(calls))


async def _complete_within(
    request: CompletionRequest,
    backend: Backend,
    left_s: float,
    case_timeout_s: float,
    retries: RetryPolicy,
) -> Completion:
    """One call in what is left of its case's time; a timeout tells the limit of the whole case."""
    if left_s <= 0:
        # Nothing is sent that could not be waited for.
        raise CaseTimeout(timeout_s=case_timeout_s)
    try:
        return await _complete(request, backend, left_s, retries)
    except CaseTimeout as expired:
        raise CaseTimeout(timeout_s=case_timeout_s) from expired


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
