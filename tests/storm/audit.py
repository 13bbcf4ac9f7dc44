"""Counts what a storm came to, from the rows and from the backend's own count, against ``truth``.

It changes no row, except that it has the standings rebuilt to see whether that would change one.
"""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
from django.db.models import Count

from challenges import board, standings
from challenges.models import (
    Evaluation,
    Participation,
    Phase,
    Run,
    Score,
    Standing,
    State,
    StateChange,
    Submission,
    Tally,
)
from challenges.models.queue import Actor, Reason
from tests.servers import ROOT
from tests.storm import truth
from tests.storm.backend import COUNTS_PATH
from tests.storm.faults import Orphaned
from tests.storm.handing_in import HandingIn
from tests.storm.plan import Plan
from tests.storm.truth import Expected

REFUSED_TALLY = "refused_writes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """How often the backend answered each (submission, case) whole, and how often it was left before."""

    whole: Mapping[tuple[int, int], int]
    cut: int

    @property
    def repeated(self) -> int:
        return sum(count - 1 for count in self.whole.values())


def calls_of(backend_url: str) -> Calls:
    told = httpx.get(backend_url + COUNTS_PATH, timeout=30).raise_for_status().json()
    return Calls(
        whole={(submission, case): count for submission, case, count in told["whole"]},
        cut=sum(count for _, _, count in told["cut"]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """Looks at the rows of one storm after its end; each method gives a sentence for each thing found."""

    plan: Plan
    phase: Phase
    ranked: Sequence[int]
    handed_in: HandingIn
    calls: Calls

    def lost(self) -> list[str]:
        """Accepted without an end as SCORED."""
        ended = {
            row.submission_id: row.state
            for row in Evaluation.objects.exclude(state=State.SUPERSEDED).only("submission_id", "state")
        }
        return [
            f"submission {number} ({pk}): {ended.get(pk, 'no evaluation')}"
            for number, pk in self._accepted()
            if ended.get(pk) != State.SCORED
        ]

    def doubled(self) -> list[str]:
        """Two submissions for one key, two evaluations or scores for one, or a case run twice."""
        numbers = self.handed_in.accepted
        found = [f"submission {n}: {len(ids)} ids for one key" for n, ids in numbers.items() if len(ids) > 1]
        if (stored := Submission.objects.count()) != len(numbers):
            found.append(f"{stored} submissions stored, {len(numbers)} accepted")
        many: list[tuple[str, Any, tuple[str, ...]]] = [
            ("evaluations of submission", Evaluation, ("submission",)),
            ("scores of submission", Score, ("evaluation__submission",)),
            ("runs of a case", Run, ("evaluation", "case", "repetition")),
            ("calls of a run", Run, ("pk", "calls__index")),
        ]
        for what, model, by in many:
            again = model.objects.values(*by).annotate(count=Count("pk")).filter(count__gt=1).order_by()
            found += [f"{row['count']} {what} {tuple(row[name] for name in by)}" for row in again]
        return found

    def wrong(self) -> list[str]:
        return [
            *self._wrong_scores(),
            *self._wrong_runs(),
            *self._stale_writes(),
            *self._wrong_standings(),
            *self._wrong_board(),
        ]

    def _wrong_scores(self) -> Iterator[str]:
        number_of = dict((pk, number) for number, pk in self._accepted())
        for score in Score.objects.filter(phase=self.phase).select_related("evaluation"):
            number = number_of.get(score.evaluation.submission_id)
            if number is None:
                yield f"score {score.pk} belongs to nothing that was accepted"
                continue
            if (differs := _differs(score, self._expected(number))) != "":
                yield f"submission {number}: {differs}"

    def _wrong_runs(self) -> Iterator[str]:
        """A score needs all of its cases, public ones too, and nothing may be scored that was not asked."""
        counts = Run.objects.values("evaluation__submission").annotate(count=Count("pk")).order_by()
        runs = {row["evaluation__submission"]: row["count"] for row in counts}
        for number, pk in self._accepted():
            if runs.get(pk, 0) != self.plan.cases:
                yield f"submission {number}: {runs.get(pk, 0)} runs of {self.plan.cases} cases"
            unasked = [case for case in range(self.plan.cases) if (number, case) not in self.calls.whole]
            if unasked:
                yield f"submission {number}: cases {unasked} were never answered"

    def _stale_writes(self) -> Iterator[str]:
        """What was written to an evaluation that another had claimed, even where no figure is wrong."""
        claims: dict[int, list[StateChange]] = defaultdict(list)
        for change in StateChange.objects.filter(by=Actor.WORKER).order_by("evaluation", "number"):
            holders = claims[change.evaluation_id]
            if change.reason == Reason.CLAIMED:
                holders.append(change)
            elif not holders or change.who != holders[-1].who:
                yield f"evaluation {change.evaluation_id}: {change} by {change.who}, who did not hold it"
        for run in Run.objects.all():
            later = (each.at for each in claims[run.evaluation_id] if each.fence > run.fence)
            if (claimed_at := next(later, None)) is not None and run.finished_at > claimed_at:
                yield f"run {run} of fence {run.fence} was stored after another claim"

    def _wrong_standings(self) -> Iterator[str]:
        shown = {row.participation_id: row for row in Standing.objects.select_related("score")}
        for participation, expected in self._by_participation().items():
            row, best = shown.pop(participation.pk, None), max(map(_merit, expected))
            if row is None:
                yield f"{participation} has no standing"
            elif (row.score.reaches_minimum, row.score.value) != best or row.attempts != len(expected):
                yield (
                    f"{participation} stands with {row.score.value} after {row.attempts} attempts, "
                    f"not with {best[1]} after {len(expected)}"
                )
        yield from (f"participation {pk} should have no standing" for pk in shown)

    def _wrong_board(self) -> Iterator[str]:
        """The board as it is shown, beside the one that follows from the expected scores."""
        places = {
            str(participation.public_id): max(map(_merit, expected))
            for participation, expected in self._by_participation().items()
        }
        rows = board.build(self.phase).rows
        if sorted(row["participation"] for row in rows) != sorted(places):
            yield f"the board shows {len(rows)} participations, not {len(places)}"
            return
        for row in rows:
            place = places[row["participation"]]
            better = sum(other > place for other in places.values())
            if row["score"] != f"{place[1]:.4f}" or (row["rank"] is not None and row["rank"] != better + 1):
                yield f"the board shows {row}, and it should be rank {better + 1} with {place[1]}"
        if changed := standings.rebuild(self.phase):
            yield f"rebuilding the standings changed {changed} rows"

    def _accepted(self) -> list[tuple[int, UUID]]:
        return [(number, pk) for number, ids in sorted(self.handed_in.accepted.items()) for pk in ids]

    def _expected(self, number: int) -> Expected:
        return truth.expected_of(number, self.ranked)

    def _by_participation(self) -> dict[Participation, list[Expected]]:
        found: dict[Participation, list[Expected]] = defaultdict(list)
        for number, _ in self._accepted():
            found[self.handed_in.participation_of(number)].append(self._expected(number))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """How long it took until the sweeper had taken back what was left, and until another had claimed it.

    ``without_sweeper`` says that the sweeper was killed meanwhile: then its own start comes on top.
    """

    orphaned: Orphaned
    taken_back_s: float
    claimed_s: float
    without_sweeper: bool

    def __str__(self) -> str:
        told = f"evaluation {self.orphaned.evaluation_id} after {self.orphaned.cause}: {self.claimed_s:.2f} s"
        without = ", without a sweeper" if self.without_sweeper else ""
        return f"{told}, taken back after {self.taken_back_s:.2f} s{without}"


def recoveries(orphaned: Iterable[Orphaned], sweeper_killed_at: Sequence[datetime]) -> list[Recovery]:
    """Without those that ended in the very moment when their worker did.

    What befell one holder twice, as a restart of the database and a kill after it, counts from the last.
    """
    found = []
    for each in {(each.evaluation_id, each.fence): each for each in orphaned}.values():
        changes = StateChange.objects.filter(evaluation=each.evaluation_id).order_by("number")
        taken_back = changes.filter(reason=Reason.LEASE_EXPIRED, fence=each.fence).first()
        claimed = changes.filter(reason=Reason.CLAIMED, fence__gt=each.fence).first()
        if taken_back is not None and claimed is not None:
            found.append(
                Recovery(
                    orphaned=each,
                    taken_back_s=(taken_back.at - each.since).total_seconds(),
                    claimed_s=(claimed.at - each.since).total_seconds(),
                    without_sweeper=any(each.since < at < claimed.at for at in sweeper_killed_at),
                )
            )
    return found


def refused_tally() -> int | None:
    """What the workers themselves counted; those that were killed had no time to write theirs down."""
    values = list(Tally.objects.filter(name=REFUSED_TALLY).values_list("value", flat=True))
    return int(sum(values)) if values else None


def check_invariants() -> tuple[bool, str]:
    """Whether ``manage.py check_invariants`` is content, and what it said."""
    ended = subprocess.run(
        [sys.executable, "-m", "django", "check_invariants"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.returncode == 0, (ended.stdout + ended.stderr).strip()


def _differs(score: Score, expected: Expected) -> str:
    result = expected.result
    wanted: dict[str, Any] = {
        "value": result.score,
        "quality": result.quality,
        "green": result.green,
        "reaches_minimum": result.reaches_minimum,
        "energy_mj": expected.energy_mj,
        "prompt_tokens": expected.prompt_tokens,
        "completion_tokens": expected.completion_tokens,
        "is_ranked": True,
    }
    found = {name: getattr(score, name) for name in wanted}
    return ", ".join(
        f"{name} is {found[name]}, not {value}" for name, value in wanted.items() if found[name] != value
    )


def _merit(expected: Expected) -> tuple[bool, Decimal]:
    return expected.result.reaches_minimum, expected.result.score
