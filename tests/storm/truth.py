"""What the backend answers in a storm, and what a submission must therefore score.

Both follow from the number of the submission and that of the case alone. The backend's process and the
driver's both compute it, neither looks at a row: a score that differs from this one is wrong.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Any

from scoring import policies
from scoring.energy.token_model import DEFAULT_CPU, call_mj
from scoring.values import PolicyResult, TokenUse, Use

RIGHT, WRONG = "sí", "no"
POLICY = "verde"
# Wide enough that neither end of the savings is reached, so that every millijoule shows in the score.
PARAMETERS: Mapping[str, Any] = {"q_min": "0.40", "e_ref_mj": 2_000_000, "e_min_mj": 1_000, "lambda": "0.5"}
RIGHT_OF_TEN = 6
MOST_PROMPT_TOKENS, MOST_COMPLETION_TOKENS = 200, 40
MOST_WEIGHT = 3
_QUESTION = re.compile(r"Caso ([0-9]+)\.")
_SUBMISSION = re.compile(r"Envío ([0-9]+)\.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    text: str
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What one submission must come to, whatever happened on its way."""

    result: PolicyResult
    energy_mj: int
    prompt_tokens: int
    completion_tokens: int


def prompt_of(submission: int) -> dict[str, Any]:
    """What is handed in; its system text carries the number that the answers follow from."""
    return {
        "system": f"Envío {submission}. Responde solo con la respuesta.",
        "user": "{{pregunta}}",
        "sampling": {"temperature": 0.0, "top_p": 1.0, "max_output_tokens": 16, "stop": [], "seed": 0},
    }


def suite_of(numbers: Sequence[int]) -> list[dict[str, Any]]:
    """The cases with these numbers, as ``factories.a_suite`` takes them."""
    return [{"inputs": {"pregunta": f"¿Caso {n}. Sí o no?"}, "weight": weight_of(n)} for n in numbers]


def weight_of(case: int) -> int:
    return 1 + case % MOST_WEIGHT


def asked(messages: Sequence[Mapping[str, Any]]) -> tuple[int, int] | None:
    """Submission and case of a chat request; None where it is none of the storm's."""
    text = "\n".join(str(message["content"]) for message in messages)
    submission, case = _SUBMISSION.search(text), _QUESTION.search(text)
    if submission is None or case is None:
        return None
    return int(submission[1]), int(case[1])


def answer_to(submission: int, case: int) -> Answer:
    dice = hashlib.sha256(f"{submission}/{case}".encode()).digest()
    return Answer(
        text=RIGHT if dice[0] % 10 < RIGHT_OF_TEN else WRONG,
        prompt_tokens=1 + dice[1] % MOST_PROMPT_TOKENS,
        completion_tokens=1 + dice[2] % MOST_COMPLETION_TOKENS,
    )


def expected_of(submission: int, ranked: Sequence[int]) -> Expected:
    """The score over the ranked cases, worked out from the answers alone."""
    answers = {case: answer_to(submission, case) for case in ranked}
    right = sum(weight_of(case) for case, answer in answers.items() if answer.text == RIGHT)
    quality = _six_decimals(Fraction(right, sum(map(weight_of, ranked))))
    uses = [
        TokenUse(prompt_tokens=answer.prompt_tokens, completion_tokens=answer.completion_tokens)
        for answer in answers.values()
    ]
    use = Use(
        energy_mj=sum(call_mj(DEFAULT_CPU, call) for call in uses),
        prompt_tokens=sum(call.prompt_tokens for call in uses),
        completion_tokens=sum(call.completion_tokens for call in uses),
    )
    return Expected(
        result=policies.apply(policy=POLICY, parameters=PARAMETERS, quality=quality, use=use),
        energy_mj=use.energy_mj,
        prompt_tokens=use.prompt_tokens,
        completion_tokens=use.completion_tokens,
    )


def _six_decimals(share: Fraction) -> Decimal:
    exact = Decimal(share.numerator) / Decimal(share.denominator)
    return exact.quantize(Decimal("0.000001"), rounding=ROUND_HALF_EVEN)
