"""The cases of one suite in one evaluation: what is asked, what is stored, what is there already.

Only ``judging`` calls it. Each finished case is one Run with its Calls, written together under the lease and
never again: of a case that broke off between two calls nothing is kept, and it is asked again whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from django.db import transaction
from django.db.models import Sum

from challenges import figure, lease, tallies
from challenges.lease import Lease
from challenges.models import Call, Run, Suite
from challenges.models.immutable import AppendOnlyQuerySet
from challenges.solution import Solution
from scoring import graders
from scoring.harness import CallOutcome, CasePlan, PlanOutcome
from scoring.solutions.outputs import storable
from scoring.values import GradedCase, TokenUse


@dataclass(frozen=True, slots=True, kw_only=True)
class Repetition:
    """One run through the cases of one suite for one leased evaluation."""

    held: Lease
    number: int
    suite: Suite


def missing(part: Repetition, solution: Solution) -> list[CasePlan]:
    """What to ask of the cases that have no Run yet, in the suite's order."""
    finished = set(_runs(part).values_list("case_id", flat=True))
    return [
        CasePlan(key=case.key, next_request=partial(solution.next_request, inputs=case.inputs))
        for case in part.suite.cases.order_by("position")
        if case.pk not in finished
    ]


def store(part: Repetition, outcome: PlanOutcome) -> None:
    """Grade one answer and store it with its calls. Raises LeaseLost: then nothing was written.

    Renewing the lease in the same transaction locks the row, so that no other worker can come in between.
    Raises ``ValueError`` for a case without an answer.
    """
    if outcome.answer is None:
        raise ValueError(f"case {outcome.key} came to nothing")
    case = part.suite.cases.get(key=outcome.key)
    answer = storable(outcome.answer)
    grade = graders.grade(spec=case.grader, answer=answer, expected=case.expected)
    with transaction.atomic():
        lease.renew(part.held)
        run, is_new = Run.objects.get_or_create(
            evaluation_id=part.held.evaluation_id,
            case=case,
            repetition=part.number,
            defaults={
                "fence": part.held.fence,
                "answer": answer,
                "grade": grade.value,
                "reason": grade.reason,
                "evidence": grade.evidence,
            },
        )
        if is_new:
            Call.objects.bulk_create(_call(run, call) for call in outcome.calls)
    if is_new:
        for completion in (call.completion for call in outcome.calls):
            tallies.observe("backend_call_seconds", completion.duration_ms / 1000)
            tallies.observe("backend_first_token_seconds", completion.first_token_ms / 1000)
            tallies.add("transport_retries", completion.attempts - 1)


def _call(run: Run, call: CallOutcome) -> Call:
    completion = call.completion
    return Call(
        run=run,
        index=call.index,
        text=storable(completion.text),
        finish_reason=completion.finish_reason,
        model=completion.model,
        prompt_tokens=completion.prompt_tokens,
        completion_tokens=completion.completion_tokens,
        cached_tokens=completion.cached_tokens,
        first_token_ms=completion.first_token_ms,
        duration_ms=completion.duration_ms,
        attempts=completion.attempts,
    )


def token_use(part: Repetition) -> list[TokenUse]:
    return figure.calls_of(part.held.evaluation_id, repetition=part.number, suite=part.suite)


def cached_tokens(part: Repetition) -> int:
    """How many tokens the backend says that it did not have to read again."""
    calls = Call.objects.filter(run__in=_runs(part))
    total: int = calls.aggregate(total=Sum("cached_tokens", default=0))["total"]
    return total


def graded_cases(part: Repetition) -> Sequence[GradedCase]:
    """Grades and weights of all finished cases, in the suite's order."""
    rows = _runs(part).order_by("case__position").values_list("grade", "case__weight")
    return [GradedCase(value=grade, weight=weight) for grade, weight in rows]


def has_any(evaluation_id: int, number: int, suite: Suite) -> bool:
    return Run.objects.filter(evaluation=evaluation_id, repetition=number, case__suite=suite).exists()


def is_complete(part: Repetition) -> bool:
    return _runs(part).count() == part.suite.cases.count()


def _runs(part: Repetition) -> AppendOnlyQuerySet[Run]:
    return Run.objects.filter(
        evaluation_id=part.held.evaluation_id, repetition=part.number, case__suite=part.suite
    )
