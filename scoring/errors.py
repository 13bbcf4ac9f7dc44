"""What may go wrong in the scoring package, as a small tree by whose fault it is.

``ContentError`` is the contestant's, ``BackendFault`` is ours, ``SpecError`` is the organizer's (a grader spec or a
policy parameter). Each carries fields; the sentence for people is made at the door, in their language, never here.
"""

from __future__ import annotations

from collections.abc import Sequence

from scoring.values import Problem


class ScoringError(Exception):
    """Anything that the scoring package raises on purpose."""


class ContentError(ScoringError):
    """What was handed in cannot be used: the contestant's to mend. ``problems`` holds every one found, never empty."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("; ".join(f"{problem.field}: {problem.code}" for problem in self.problems))


class TemplateSyntaxError(ContentError):
    """A template that holds braces which are no ``{{ name }}`` slot."""


class SpecError(ScoringError):
    """A grader spec or policy parameter that cannot be used: the organizer's to mend.

    ``field`` is the dotted name inside the spec ("tolerance.absolute"), ``fix`` says in Spanish what to write there.
    """

    def __init__(self, *, field: str, fix: str) -> None:
        self.field = field
        self.fix = fix
        super().__init__(f"{field}: {fix}")


class BackendFault(ScoringError):
    """The inference backend did not do its part: ours to repair or to refund, never the contestant's loss."""


class BackendUnavailable(BackendFault):
    """Nobody answered: refused, reset, timed out, 5xx or 429. Worth another try."""


class BackendProtocolError(BackendFault):
    """Somebody answered, but not with a completion: an error body under 200, HTML, half a JSON, a cut stream, no usage."""


class BackendRefused(BackendFault):
    """The backend understood the request and refused it (400).

    ``type`` is the backend's own slug. With ``exceed_context_size_error`` the prompt was too long: the contestant's case.
    """

    def __init__(self, *, type: str, message: str) -> None:
        self.type = type
        self.message = message
        super().__init__(f"{type}: {message}")


class CaseTimeout(BackendFault):
    """One case took longer than its time limit, in seconds."""

    def __init__(self, *, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        super().__init__(f"no answer within {timeout_s:g} s")
