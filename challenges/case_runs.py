"""The cases of one suite in one evaluation: what is asked, what is stored, what is there already.

Only ``evaluation`` calls it. Each finished case is one Run with one Call, written under the lease and never
again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Sum

from challenges import figure, lease, tallies
from challenges.lease import Lease
from challenges.models import Call, Run, Suite
from challenges.models.immutable import AppendOnlyQuerySet
from scoring import graders
from scoring.harness import CaseRequest
from scoring.solutions import prompt
from scoring.values import Completion, CompletionRequest, GradedCase, PromptContent, TokenUse


@dataclass(frozen=True, slots=True, kw_only=True)
class Repetition:
    """One run through the cases of one suite for one leased evaluation."""

    held: Lease
    number: int
    suite: Suite


def missing(part: Repetition, content: PromptContent) -> list[CaseRequest]:
    """The requests of the cases that have no Run yet, in the suite's order."""
    finished = set(_runs(part).values_list("case_id", flat=True))
    return [
        CaseRequest(
            key=case.key,
            request=CompletionRequest(
                messages=prompt.render(content, inputs=case.inputs), sampling=content.sampling
            ),
        )
        for case in part.suite.cases.order_by("position")
        if case.pk not in finished
    ]


def store(part: Repetition, *, key: str, completion: Completion) -> None:
    """Grade one answer and store it with its call. Raises LeaseLost: then nothing was written.

    Renewing the lease in the same transaction locks the row, so that no other worker can come in between.
    """
    case = part.suite.cases.get(key=key)
    answer = _storable(completion.text)
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
            Call.objects.create(
                run=run,
                text=answer,
                finish_reason=completion.finish_reason,
                model=completion.model,
                prompt_tokens=completion.prompt_tokens,
                completion_tokens=completion.completion_tokens,
                cached_tokens=completion.cached_tokens,
                first_token_ms=completion.first_token_ms,
                duration_ms=completion.duration_ms,
                attempts=completion.attempts,
            )
    if is_new:
        tallies.observe("backend_call_seconds", completion.duration_ms / 1000)
        tallies.observe("backend_first_token_seconds", completion.first_token_ms / 1000)
        tallies.add("transport_retries", completion.attempts - 1)


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


def _storable(text: str) -> str:
    """The text as a database can keep it: PostgreSQL refuses NUL, and half a surrogate pair has no UTF-8."""
    return text.replace("\x00", "\ufffd").encode(errors="replace").decode()
