"""BLEU of one text: how many word n-grams it shares with the references, for translations.

sacrebleu's sentence BLEU (Papineni et al. 2002; Post 2018): tokenizer 13a, n-grams of 1 to 4 words with
effective order, exponential smoothing, case counts; several references as the paper says (clipped by the most
in any, brevity against the closest length). ``Grade.evidence`` begins with its signature. Texts are composed
first (NFC).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from scoring.decimals import EXACT_ENOUGH
from scoring.graders.reading.overlap import overlap_grade
from scoring.graders.reading.references import references
from scoring.values import Grade

if TYPE_CHECKING:
    from sacrebleu.metrics.bleu import BLEU

OPTIONS: frozenset[str] = frozenset()
# sacrebleu's tokenizer remembers 65 536 texts twice, whatever their length: too much for a worker's life.
MOST_REMEMBERED = 1_000


def check(*, spec: Mapping[str, Any], expected: Any) -> None:
    """``expected`` is a text or a list of texts, each with a word; no options."""
    references(spec, expected)


def grade(*, spec: Mapping[str, Any], answer: str, expected: Any) -> Grade:
    """BLEU / 100 with 6 decimals; reads the whole turn or what was announced."""
    return overlap_grade(
        answer=answer,
        texts=references(spec, expected),
        score=score,
        signature=_signature,
        grams_of="palabras",
    )


def score(read: str, texts: tuple[str, ...]) -> Decimal:
    """BLEU in [0, 100], of a text that was read.

    The n-grams are counted by sacrebleu; its formula is worked out here, for the last digit of a float's
    ``log`` and ``exp`` is not the same on every machine.
    """
    _forget_texts()
    counted = _metric(texts).corpus_score([read], None)
    return _bleu(counted.counts, counted.totals, read=counted.sys_len, right=counted.ref_len)


def _bleu(counts: Sequence[int], totals: Sequence[int], *, read: int, right: int) -> Decimal:
    """100 · exp(min(0, 1 - right/read)) · (Π pₙ)^(1/N), where N is the longest n-gram that was read at all.

    An order without a match counts as half of one match, the next such as a quarter of one, and so on.
    """
    if not any(counts):
        return Decimal(0)
    context = EXACT_ENOUGH.copy()
    above, below, smoothing, order = 1, 1, 1, 0
    for count, total in zip(counts, totals, strict=True):
        if not total:
            break
        order += 1
        smoothing *= 1 if count else 2
        above *= count or 1
        below *= total if count else total * smoothing
    precision = context.divide(context.ln(context.divide(Decimal(above), Decimal(below))), Decimal(order))
    brevity = min(Decimal(0), context.subtract(Decimal(1), context.divide(Decimal(right), Decimal(read))))
    return context.multiply(Decimal(100), context.exp(context.add(precision, brevity)))


@lru_cache(maxsize=256)
def _signature(texts: tuple[str, ...]) -> str:
    return f"BLEU|{_metric(texts).get_signature()}"


@lru_cache(maxsize=256)
def _metric(texts: tuple[str, ...]) -> BLEU:
    """The metric with the n-grams of a case's references, which are counted once."""
    from sacrebleu.metrics.bleu import BLEU

    return BLEU(effective_order=True, tokenize="13a", references=[[text] for text in texts])


def _forget_texts() -> None:
    from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a
    from sacrebleu.tokenizers.tokenizer_re import TokenizerRegexp

    for tokenizer in (Tokenizer13a, TokenizerRegexp):
        if tokenizer.__call__.cache_info().currsize > MOST_REMEMBERED:
            tokenizer.__call__.cache_clear()
