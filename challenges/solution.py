"""What was handed in, read: a kind and its content, and the public cases that a content may take from.

``submission`` reads what comes in by a door, ``judging`` what was stored; both go through ``scoring``'s
registry of kinds and know no kind's fields.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from challenges.models import Phase, Submission, Visibility
from scoring.errors import SpecError
from scoring.solutions.kinds import KINDS
from scoring.solutions.public_cases import public_case
from scoring.values import CallBound, CompletionRequest, Done, PublicCase


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """A content that its kind could read; whether a phase takes it is ``submission``'s to say."""

    kind: str
    content: Any

    def next_request(
        self, *, inputs: Mapping[str, str], texts: Sequence[str] = ()
    ) -> CompletionRequest | Done:
        """What to ask for a case after the texts of its calls so far, or its answer."""
        return KINDS[self.kind].next_request(self.content, inputs=inputs, texts=texts)

    def worst_case(self, *, inputs: Mapping[str, str]) -> tuple[CallBound, ...]:
        """The most that each call of a case with these inputs can cost."""
        return KINDS[self.kind].worst_case(self.content, inputs=inputs)

    @property
    def canonical(self) -> dict[str, Any]:
        """The shape that is stored."""
        return KINDS[self.kind].encode(self.content)


def stored(submission: Submission) -> Solution:
    """Raises ``SpecError`` for a row that its kind cannot read: it was handed in under other rules."""
    content, problems = KINDS[submission.kind].decode(submission.content)
    if content is None:
        raise SpecError(field="content", fix=f"El envío guardado no se puede leer: {problems}.")
    return Solution(kind=submission.kind, content=content)


def pool_of(phase: Phase) -> dict[str, PublicCase]:
    """The phase's public cases by key, in their order: what an example may be taken from."""
    suites = (phase.feedback_suite, phase.ranked_suite)
    public = next((suite for suite in suites if suite and suite.visibility == Visibility.PUBLIC), None)
    if public is None:
        return {}
    return {
        case.key: public_case(inputs=case.inputs, spec=case.grader, expected=case.expected)
        for case in public.cases.order_by("position")
    }
