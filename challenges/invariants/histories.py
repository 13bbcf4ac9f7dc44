"""Each evaluation's history is a chain without a gap that ends in its state, by arrows of the table alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from django.db.models import Exists, F, OuterRef

from challenges.invariants.findings import Broken, Check
from challenges.models import Evaluation, Reason, StateChange
from challenges.transitions import TABLE

ALLOWED = frozenset(
    (arrow.before or "", arrow.after.value, arrow.by.value, reason.value)
    for arrow in TABLE
    for reason in arrow.reasons
)


def _unwritten() -> Iterator[Broken]:
    written = StateChange.objects.filter(evaluation=OuterRef("pk"))
    for pk in Evaluation.objects.filter(~Exists(written)).values_list("pk", flat=True).iterator():
        yield Broken(rule="history-numbers", row=f"evaluation {pk}", what="it has no history")


def chains() -> Iterator[Broken]:
    yield from _unwritten()
    steps = (
        StateChange.objects.order_by("evaluation_id", "number")
        .defer("who", "detail")
        .annotate(state=F("evaluation__state"), steps=F("evaluation__steps"))
    )
    for evaluation_id, group in groupby(steps.iterator(chunk_size=2000), key=lambda step: step.evaluation_id):
        chain = list(group)
        row = f"evaluation {evaluation_id}"
        yield from _wrong_numbers(row, chain)
        yield from _wrong_states(row, chain)
        yield from _wrong_arrows(row, chain)
        yield from _wrong_order(row, chain)


def _wrong_numbers(row: str, chain: Sequence[StateChange]) -> Iterator[Broken]:
    numbers = [step.number for step in chain]
    steps: int = chain[0].steps  # type: ignore[attr-defined]  # annotated above
    if numbers != list(range(1, steps + 1)):
        missing = sorted(set(range(1, steps + 1)) - set(numbers))
        what = f"{len(numbers)} steps up to number {numbers[-1]}, it counted {steps}; missing: {missing[:5]}"
        yield Broken(rule="history-numbers", row=row, what=what)


def _wrong_states(row: str, chain: Sequence[StateChange]) -> Iterator[Broken]:
    if chain[0].number == 1 and chain[0].before:
        what = f"its history begins in {chain[0].before}"
        yield Broken(rule="history-states", row=row, what=what)
    for earlier, later in pairwise(chain):
        # Over a missing step nothing can be said, and that it is missing is said already.
        if later.number == earlier.number + 1 and later.before != earlier.after:
            what = f"step {later.number} leaves {later.before or 'nothing'}, not {earlier.after}"
            yield Broken(rule="history-states", row=row, what=what)
    state: str = chain[-1].state  # type: ignore[attr-defined]  # annotated above
    steps: int = chain[-1].steps  # type: ignore[attr-defined]  # annotated above
    if chain[-1].number == steps and chain[-1].after != state:
        what = f"it is {state}, its history ends in {chain[-1].after}"
        yield Broken(rule="history-states", row=row, what=what)


def _wrong_arrows(row: str, chain: Sequence[StateChange]) -> Iterator[Broken]:
    for step in chain:
        arrow = (step.before, step.after, step.by, step.reason)
        is_migrated = step.number == 1 and not step.before and step.reason == Reason.MIGRATED
        if arrow not in ALLOWED and not is_migrated:
            what = f"step {step.number}: {step} by {step.by} because {step.reason} is not in the table"
            yield Broken(rule="history-arrows", row=row, what=what)


def _wrong_order(row: str, chain: Sequence[StateChange]) -> Iterator[Broken]:
    for earlier, later in pairwise(chain):
        if later.fence < earlier.fence:
            what = f"step {later.number} has fence {later.fence} after {earlier.fence}"
            yield Broken(rule="history-fences", row=row, what=what)
        if later.at < earlier.at:
            # Also after somebody set the clock of the database's machine back.
            early_s = (earlier.at - later.at).total_seconds()
            what = f"step {later.number} was {early_s} s before the one that it follows"
            yield Broken(rule="history-times", row=row, what=what, is_certain=False)


CHECKS = (
    Check(
        rules=("history-numbers", "history-states", "history-arrows", "history-fences", "history-times"),
        walk=chains,
    ),
)
