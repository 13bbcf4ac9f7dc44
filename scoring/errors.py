"""What may go wrong in the scoring package, as a small tree by whose fault it is.

``ContentError`` is the contestant's, ``BackendFault`` and ``MeasurementFault`` are ours, ``SpecError`` is the
organizer's (a grader spec or a policy parameter). Each carries fields; the sentence for people is made at the
door, in their language, never here.
"""

from __future__ import annotations

from collections.abc import Sequence

from scoring.values import Problem


class ScoringError(Exception):
    """Anything that the scoring package raises on purpose."""


class ContentError(ScoringError):
    """What was handed in cannot be used: the contestant's to mend. ``problems`` holds all that were found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("; ".join(f"{problem.field}: {problem.code}" for problem in self.problems))


class TemplateSyntaxError(ContentError):
    """A template that holds braces which are no ``{{ name }}`` slot."""


class SpecError(ScoringError):
    """A grader spec or policy parameter that cannot be used: the organizer's to mend.

    ``field`` is the dotted name inside the spec ("tolerance.absolute"); ``fix`` is what to write, in Spanish.
    """

    def __init__(self, *, field: str, fix: str) -> None:
        self.field = field
        self.fix = fix
        super().__init__(f"{field}: {fix}")


class BackendFault(ScoringError):
    """The inference backend did not do its part: ours to repair or to refund, never the contestant's loss."""


class BackendUnavailable(BackendFault):
    """Nobody did the work: refused, reset, silent, 5xx or 429, or not set up as we were told.

    ``status`` is the HTTP status where there was one, ``retry_after_s`` what the backend asked us to wait.
    ``may_pass`` False says that another try within seconds cannot help (a wrong key, a model that is not
    served).
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
        may_pass: bool = True,
    ) -> None:
        self.status = status
        self.retry_after_s = retry_after_s
        self.may_pass = may_pass
        super().__init__(message)


class BackendProtocolError(BackendFault):
    """Somebody answered, but not with a completion.

    An error body under status 200, HTML, half a JSON, a stream that ends too early, no ``usage``.
    """


# One name for it, whatever a server calls it: the one refusal that is the contestant's to mend.
CONTEXT_TOO_LONG = "exceed_context_size_error"


class BackendRefused(BackendFault):
    """The backend understood the request and refused it (400).

    ``type`` is the backend's own slug, or ``CONTEXT_TOO_LONG``, which means that the prompt was too long for
    the model: that one is the contestant's. ``message`` may repeat parts of a prompt or of a private case, so
    it is no part of ``str``, which ends in logs.
    """

    def __init__(self, *, type: str, message: str) -> None:
        self.type = type
        self.message = message
        super().__init__(type)


class CaseTimeout(BackendFault):
    """One case took longer than its time limit, in seconds."""

    def __init__(self, *, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        super().__init__(f"no answer within {timeout_s:g} s")


class EvaluationTimeout(BackendFault):
    """A whole evaluation took longer than its time limit, in seconds; what it finished is kept."""

    def __init__(self, *, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        super().__init__(f"not finished within {timeout_s:g} s")


class MeasurementFault(ScoringError):
    """An energy figure cannot be had: ours to repair, and never a zero. ``reason`` says why, in Spanish."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class CounterUnavailable(MeasurementFault):
    """This machine has no energy counter that we may read."""


class CalibrationUnavailable(MeasurementFault):
    """There is no calibrated token model, or none that can be used; counters have nothing to do with it."""


class MeasurementVoid(MeasurementFault):
    """A window was opened, but its end cannot be trusted: the evaluation runs again."""
