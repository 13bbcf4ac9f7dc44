"""Energy from token counts alone: what is left where no counter can be read.

    E = c0 + c1·in + c2·(out − 1) + c3·(out − 1)·(in + out/2)/1000 + c4·(in/1000)²          one call, in mJ

The first output token comes out of reading the prompt, so ``out − 1`` tokens are written. Each call is
rounded to whole millijoules before they are added, so that the parts always add to the whole, in any order
and after any interruption. docs/energy.md says where the coefficients come from and how to do the sum by
hand.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from scoring.decimals import EXACT_ENOUGH
from scoring.energy.flags import Flag
from scoring.values import EvidenceGrade, Measurement, TokenUse

WHOLE, MILLISECONDS = Decimal(1), Decimal("0.001")
THOUSAND = Decimal(1000)
MODEL_GRADES = frozenset({EvidenceGrade.D, EvidenceGrade.E})


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRange:
    """The lengths of call that a model was calibrated on, both ends included.

    Raises ``ValueError`` for an end below its beginning or below zero.
    """

    min_prompt_tokens: int
    max_prompt_tokens: int
    min_completion_tokens: int
    max_completion_tokens: int

    def __post_init__(self) -> None:
        if not (
            0 <= self.min_prompt_tokens <= self.max_prompt_tokens
            and 0 <= self.min_completion_tokens <= self.max_completion_tokens
        ):
            raise ValueError(f"a range that holds nothing: {self}")

    def holds(self, use: TokenUse) -> bool:
        """A call that wrote nothing is one that wrote one token: to the formula they are the same."""
        written = max(use.completion_tokens, 1)
        return (
            self.min_prompt_tokens <= use.prompt_tokens <= self.max_prompt_tokens
            and self.min_completion_tokens <= written <= max(self.max_completion_tokens, 1)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenModel:
    """A versioned set of coefficients in millijoules, and where they come from.

    ``c0`` a call; ``c1`` a token read; ``c2`` a token written; ``c3`` a token written, per 1000 tokens of
    context that it looks back on; ``c4`` the square of thousands of tokens read. None is negative.
    ``grade`` is D where they were calibrated on the hardware that ran the calls, else E. ``range`` is what it
    was calibrated on, None where it never was.
    """

    version: str
    c0: Decimal
    c1: Decimal
    c2: Decimal
    c3: Decimal
    c4: Decimal
    source: str
    grade: EvidenceGrade
    range: TokenRange | None = None

    def __post_init__(self) -> None:
        if not all(c.is_finite() and c >= 0 for c in self.coefficients):
            raise ValueError("a coefficient is negative or no number: it would pay to waste energy")
        if self.grade not in MODEL_GRADES:
            raise ValueError(f"grade {self.grade} claims that somebody measured: a model is D or E")

    @property
    def coefficients(self) -> tuple[Decimal, Decimal, Decimal, Decimal, Decimal]:
        return self.c0, self.c1, self.c2, self.c3, self.c4


# 15 W for one busy core; 50 tokens/s written by one thread: 15 / 50 = 0.3 J; 350 tokens/s read: 15 / 350 =
# 0.043 J. The fixed cost of a call and the growth with the context were not measured, so they are left out,
# not guessed.
DEFAULT_CPU = TokenModel(
    version="defecto-cpu-15w-2026.1",
    c0=Decimal(0),
    c1=Decimal(43),
    c2=Decimal(300),
    c3=Decimal(0),
    c4=Decimal(0),
    source="Supuesto: 15 W por núcleo ocupado, 50 tokens/s escritos y 350 tokens/s leídos. No está medido.",
    grade=EvidenceGrade.E,
)


def amounts(use: TokenUse) -> tuple[Decimal, Decimal, Decimal, Decimal, Decimal]:
    """What c0 … c4 are multiplied by for one call. Raises ``ValueError`` for a negative count."""
    if use.prompt_tokens < 0 or use.completion_tokens < 0:
        raise ValueError(f"token counts below zero: {use}")
    context = EXACT_ENOUGH.copy()
    read = Decimal(use.prompt_tokens)
    written = Decimal(max(use.completion_tokens - 1, 0))
    # Every sum through the context: a plain + rounds to the digits that the process around us works with.
    context_tokens = context.add(read, context.divide(Decimal(use.completion_tokens), Decimal(2)))
    looked_back = context.divide(context.multiply(written, context_tokens), THOUSAND)
    read_squared = context.power(context.divide(read, THOUSAND), 2)
    return WHOLE, read, written, looked_back, read_squared


def call_mj(model: TokenModel, use: TokenUse) -> int:
    """Whole millijoules of one call, half to even. Raises ``ValueError`` for a negative count.

    >>> call_mj(DEFAULT_CPU, TokenUse(prompt_tokens=100, completion_tokens=11))
    7300
    """
    context = EXACT_ENOUGH.copy()
    energy = Decimal(0)
    for coefficient, amount in zip(model.coefficients, amounts(use), strict=True):
        energy = context.fma(coefficient, amount, energy)
    return int(energy.quantize(WHOLE, context=context))


def estimate(model: TokenModel, calls: Iterable[TokenUse], seconds: Decimal) -> Measurement:
    """The energy of a window's calls, failed cases included: hand in every call that the backend answered.

    Flags: ``no-calls`` where there was none; ``tokens-missing`` where a call has no prompt tokens, which no
    real call lacks; ``token-model-out-of-range`` where a call was shorter or longer than any that the model
    was calibrated on.
    """
    uses = tuple(calls)
    flags = []
    if not uses:
        flags.append(Flag.NO_CALLS)
    if any(use.prompt_tokens == 0 for use in uses):
        flags.append(Flag.TOKENS_MISSING)
    if model.range is not None and not all(map(model.range.holds, uses)):
        flags.append(Flag.OUT_OF_RANGE)
    return Measurement(
        energy_mj=sum(call_mj(model, use) for use in uses),
        seconds=seconds.quantize(MILLISECONDS, context=EXACT_ENOUGH.copy()),
        grade=model.grade,
        source=model.version,
        flags=tuple(sorted(flag.value for flag in flags)),
    )
