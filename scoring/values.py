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
class PolicyResult:
    """A submission's score under a policy, with each part of it so that a page can explain it.

    ``score`` in [0, 100]; ``quality`` in [0, 1]; ``green`` in [0, 1] (how little energy was used);
    ``reaches_minimum`` False ranks it after every submission that reaches the policy's minimum quality.
    """

    score: Decimal
    quality: Decimal
    green: Decimal
    reaches_minimum: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RankEntry:
    """What the ranking needs of one participation; a lower ``tiebreak`` only comes first on the page."""

    id: str
    score: Decimal
    reaches_minimum: bool
    is_ranked: bool = True
    tiebreak: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """A place on the board. ``rank`` is None outside the ranking; equal scores share a rank (1, 1, 3)."""

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
class ContentLimits:
    """What a phase allows; lengths in characters (Unicode code points), tokens as the backend counts them."""

    max_characters: int = 8000
    max_lines: int = 400
    max_output_tokens: int = 256
    max_stop_sequences: int = 4
    max_stop_characters: int = 40


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
