"""What each case of a phase's ranked suite did: how hard it was, and whether it told good from bad.

The phase's pages in the admin show it to whoever may see private cases, and for whoever makes the next suite
there is a file. Nothing of a case but its key and group is told, and nothing of a single participation.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from challenges import merit
from challenges.exports import neutral
from challenges.models import Case, Phase, Score
from challenges.models.immutable import AppendOnlyQuerySet
from scoring.decimals import EXACT_ENOUGH
from scoring.uncertainty.item_statistics import ItemStatistics, item_statistics

SIX_DECIMALS = Decimal("0.000001")
ROWS_AT_ONCE = 2_000
# All that is read of a score: which of a participation's is the best, and its grades.
READ = (
    "participation_id",
    "is_ranked",
    "reaches_minimum",
    "value",
    "created_at",
    "suite_sha256",
    "case_grades",
)
# Not translated: a file must not depend on who downloads it.
HEADER = (
    "caso",
    "grupo",
    "orden",
    "peso",
    "dificultad",
    "discriminación",
    "siempre_acertado",
    "siempre_fallado",
    "discriminación_negativa",
)
YES, NO = "sí", "no"

Order = Literal["discriminacion", "dificultad", "caso", "grupo", "peso", "orden"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRow:
    """A case of the suite, of which nothing is told but what names it, and what it did."""

    case_id: int
    key: str
    group: str
    position: int
    weight: int
    found: ItemStatistics


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRow:
    """A group's cases together; ``difficulty`` is their mean grade by weight."""

    group: str
    cases: int
    weight: int
    difficulty: Decimal
    always_right: int
    always_wrong: int
    negative: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseStatistics:
    """Over the best score of each participation. ``left_out`` are those whose best score does not have a
    grade for each case of today's suite. Without ``participations`` there are no cases and no groups."""

    participations: int
    left_out: int
    cases: tuple[CaseRow, ...]
    groups: tuple[GroupRow, ...]


def of_phase(phase: Phase, *, before: datetime | None = None) -> CaseStatistics:
    """By the scores in force, one a participation: else whoever tries often would count for many.

    With ``before``, as they were at that moment: it is what a reader may know who is kept from what went on
    after a freeze.
    """
    cases = list(
        Case.objects.filter(suite=phase.ranked_suite_id)
        .order_by("position")
        .values_list("pk", "key", "group", "position", "weight")
    )
    best = _best(_scores(phase, before))
    sha256 = phase.ranked_suite.sha256
    grades = [
        score.case_grades
        for score in best
        if score.case_grades and len(score.case_grades) == len(cases) and score.suite_sha256 == sha256
    ]
    found = item_statistics(weights=[weight for *_, weight in cases], rows=grades)
    shown = tuple(
        CaseRow(case_id=pk, key=key, group=group, position=position, weight=weight, found=each)
        for (pk, key, group, position, weight), each in zip(cases, found, strict=bool(found))
    )
    return CaseStatistics(
        participations=len(grades),
        left_out=len(best) - len(grades),
        cases=shown,
        groups=tuple(_groups(shown)),
    )


# A correlation that is not there comes after all that are, whichever way they are sorted.
_KEYS: dict[Order, Callable[[CaseRow], Any]] = {
    "discriminacion": lambda row: row.found.discrimination,
    "dificultad": lambda row: row.found.difficulty,
    "caso": lambda row: row.key,
    "grupo": lambda row: row.group,
    "peso": lambda row: row.weight,
    "orden": lambda row: row.position,
}
ORDERS: tuple[Order, ...] = tuple(_KEYS)


def in_order(rows: Iterable[CaseRow], order: Order, *, is_falling: bool = False) -> list[CaseRow]:
    """Sorted; of equal ones the earlier in the suite first, and what has no such figure last."""
    key = _KEYS[order]
    by_position = sorted(rows, key=lambda row: row.position)
    known = [row for row in by_position if key(row) is not None]
    known.sort(key=key, reverse=is_falling)
    return [*known, *(row for row in by_position if key(row) is None)]


def as_csv(rows: Iterable[CaseRow]) -> bytes:
    """RFC 4180 with all decimals; an empty cell where there is no discrimination to tell."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(HEADER)
    writer.writerows(_cells(row) for row in rows)
    return text.getvalue().encode()


def _scores(phase: Phase, before: datetime | None) -> AppendOnlyQuerySet[Score]:
    if before is None:
        return merit.scores_in_force(phase)
    held = merit.is_kept_out(at=before)
    return merit.not_replaced(phase).filter(~held, created_at__lt=before)


def _best(scores: AppendOnlyQuerySet[Score]) -> list[Score]:
    """One a participation, read in pieces: those that are not the best are not kept."""
    found: dict[int, Score] = {}
    for score in scores.only(*READ).order_by("pk").iterator(chunk_size=ROWS_AT_ONCE):
        known = found.get(score.participation_id)
        found[score.participation_id] = score if known is None else merit.best((known, score))
    return list(found.values())


def _groups(rows: Sequence[CaseRow]) -> list[GroupRow]:
    """In the order in which the suite first names them."""
    grouped: dict[str, list[CaseRow]] = defaultdict(list)
    for row in rows:
        grouped[row.group].append(row)
    return [_group(name, its) for name, its in grouped.items()]


def _group(name: str, rows: Sequence[CaseRow]) -> GroupRow:
    weight = sum(row.weight for row in rows)
    context = EXACT_ENOUGH.copy()
    summed = sum((context.multiply(row.found.difficulty, Decimal(row.weight)) for row in rows), Decimal(0))
    return GroupRow(
        group=name,
        cases=len(rows),
        weight=weight,
        difficulty=context.divide(summed, Decimal(weight)).quantize(SIX_DECIMALS, context=context),
        always_right=sum(row.found.is_always_right for row in rows),
        always_wrong=sum(row.found.is_always_wrong for row in rows),
        negative=sum(row.found.is_negative for row in rows),
    )


def _cells(row: CaseRow) -> tuple[str, ...]:
    found = row.found
    return (
        # Whoever wrote the suite chose these two; figures are ours, and a minus of theirs is no formula.
        neutral(row.key),
        neutral(row.group),
        str(row.position),
        str(row.weight),
        f"{found.difficulty:f}",
        "" if found.discrimination is None else f"{found.discrimination:f}",
        YES if found.is_always_right else NO,
        YES if found.is_always_wrong else NO,
        YES if found.is_negative else NO,
    )
