"""The frozen values that travel through the scoring package.

Every other module of the package takes and returns these; none of them reads a clock, a file or a setting.
Units live in names: ``_mj`` is whole millijoules, ``_s`` seconds, ``_ms`` milliseconds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of a conversation with the model."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How the backend is asked to write; ``temperature`` 0 with a fixed ``seed`` is reproducible."""

    max_output_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionRequest:
    """One request to the inference backend, in no dialect yet."""

    messages: tuple[Message, ...]
    sampling: Sampling


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What the backend answered to one request, with the tokens it counted and the times we saw.

    ``first_token_ms`` and ``duration_ms`` are wall time from sending the request, in milliseconds.
    ``attempts`` counts the requests that were sent, transport retries included (1 = no retry).
    """

    text: str
    prompt_tokens: int
    completion_tokens: int
    finish_reason: str
    model: str
    first_token_ms: float
    duration_ms: float
    cached_tokens: int = 0
    attempts: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """A grader's verdict on one answer: ``value`` in [0, 1], why (in Spanish), and what matched."""

    value: Decimal
    reason: str
    evidence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GradedCase:
    """A case's grade and its weight in the suite (a positive whole number)."""

    value: Decimal
    weight: int = 1


class EvidenceGrade(StrEnum):
    """What stands behind an energy figure; one board shows one grade. See docs/energy.md."""

    A = "A"  # exclusive GPU, hardware energy counter
    B = "B"  # shared GPU, attributed
    C = "C"  # CPU package counter (RAPL)
    D = "D"  # token model calibrated on this hardware
    E = "E"  # token model with default coefficients: an estimate, not a measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUse:
    """Tokens of one call as the backend counted them."""

    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """Energy of one window, with the evidence for it.

    ``energy_mj`` is whole millijoules, so that parts always add to the whole. ``source`` names the counter or
    the coefficient set (with its version). ``flags`` is sorted. ``evidence`` is what the figure can be worked
    out from again, as plain JSON values: the coefficients, or the meter's window. ``files`` are what that
    names by its SHA-256: a counter's edges.
    """

    energy_mj: int
    seconds: Decimal
    grade: EvidenceGrade
    source: str
    flags: tuple[str, ...] = ()
    evidence: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    files: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What an evaluation took: the whole of its energy, and the tokens of its ranked calls as counted."""

    energy_mj: int
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyResult:
    """A submission's score under a policy, with each part of it so that a page can explain it.

    ``score`` in [0, 100]; ``quality`` in [0, 1]; ``green`` in [0, 1] (how little was used of what the policy
    counts); ``reaches_minimum`` False ranks it after every submission that does what the policy asks for: its
    minimum of quality, or its purse.
    """

    score: Decimal
    quality: Decimal
    green: Decimal
    reaches_minimum: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RankEntry:
    """What the ranking needs of one participation; a lower ``tiebreak`` only comes first on the page.

    ``quality`` and ``energy_mj`` are for policies whose places hang on the other rows; those put the entry
    into a ``layer`` from 1 (``scoring.policies.in_layers``), and whoever is of one layer shares its place. 0
    is no layer: the score says the place.
    """

    id: str
    score: Decimal
    reaches_minimum: bool
    is_ranked: bool = True
    tiebreak: str = ""
    quality: Decimal = Decimal(0)
    energy_mj: int = 0
    layer: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """A place on the board. ``rank`` is None outside the ranking; equal places share a rank (1, 1, 3)."""

    id: str
    rank: int | None
    tied: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptContent:
    """What a contestant hands in with kind ``prompt``."""

    system: str
    user: str
    sampling: Sampling


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One question with its answer, shown to the model before the case's own.

    Either ``public`` names a case of the public suite, whose inputs it takes and, with ``answer`` None, whose
    expected answer; or ``inputs`` are the contestant's own, by slot, and ``answer`` is given.
    """

    public: str | None = None
    inputs: Mapping[str, str] = dataclasses.field(default_factory=dict)
    answer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicCase:
    """What an example may take from a public case; ``answer`` None where its expected one is no text."""

    inputs: Mapping[str, str]
    answer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FewshotContent:
    """What a contestant hands in with kind ``fewshot``; the examples keep their order."""

    system: str
    user: str
    sampling: Sampling
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RegexExtract:
    """Takes the first match's first group, or the whole match where the RE2 pattern has no group."""

    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonExtract:
    """Takes what a JSON pointer (RFC 6901) finds in the first JSON value of an output."""

    pointer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Looks at one step's output: exactly one of ``equals``, ``matches`` (RE2) and ``is_empty`` is set.

    ``step`` "" is the step that the condition stands in. ``negated`` turns the finding round.
    """

    step: str = ""
    equals: str | None = None
    matches: str | None = None
    is_empty: bool | None = None
    negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One call of a pipeline: asked where ``when`` holds, and the last one where ``stop_if`` does.

    ``extract`` takes its output out of what the model wrote; None takes all of it.
    """

    name: str
    system: str
    user: str
    sampling: Sampling
    extract: RegexExtract | JsonExtract | None = None
    when: Condition | None = None
    stop_if: Condition | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineContent:
    """What a contestant hands in with kind ``pipeline``; ``answer`` None takes the last step that ran."""

    steps: tuple[Step, ...]
    answer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A case needs no more calls: this is its answer, which is graded."""

    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallBound:
    """The most that one call of a case can cost, known before it runs.

    ``characters`` are those of templates, inputs and examples as the model reads them, in ``turns`` turns;
    ``carried_tokens`` what earlier outputs can add to them, ``output_tokens`` what may be written.
    """

    turns: int
    characters: int
    carried_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentLimits:
    """What a phase allows; lengths in characters (Unicode code points), tokens as the backend counts them.

    ``max_output_tokens`` is of one call, ``max_example_characters`` of all examples together as the model
    reads them.
    """

    max_characters: int = 8000
    max_lines: int = 400
    max_output_tokens: int = 256
    max_stop_sequences: int = 4
    max_stop_characters: int = 40
    max_examples: int = 8
    max_example_characters: int = 16_000
    max_calls_per_case: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with what was handed in, told in parts: the door makes the sentence in its language.

    ``field`` is the dotted name ("user", "sampling.temperature"); ``code`` a stable slug; ``line`` 1-based
    where it applies; ``params`` what the sentence needs (all printable).
    """

    field: str
    code: str
    line: int | None = None
    params: Mapping[str, str | int | float | tuple[str, ...]] = dataclasses.field(default_factory=dict)
