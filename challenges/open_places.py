"""What chance leaves open on a board: intervals of scores, tie groups and ranges of ranks, kept up to date.

``board`` asks for each board that it builds. What the rows have in common is worked out once a process and
phase, and then only what changed: numpy is loaded the first time that there is anything to compare. The
figures are those of ``scoring.ranking_full`` bit for bit, in every process.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from challenges.models import Case, Phase, Score
from scoring.errors import SpecError
from scoring.policies import POLICIES
from scoring.record import canonical

if TYPE_CHECKING:
    from scoring.ranking_live import LiveRanking
    from scoring.uncertainty.values import BoardRule, RankedRow, Standing

# A contest has a few phases at a time; the public's board and the judges' are two of one.
BOARDS_KEPT = 16
# With one case there is nothing to resample.
FEWEST_CASES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A participation's best score, ready to be compared; ``id`` and ``tiebreak`` as the board has them."""

    id: str
    score: Score
    tiebreak: str


@dataclass(slots=True, kw_only=True)
class _Kept:
    """A ranking as it was last asked for: ``scores`` by id. Used under its own lock."""

    rule: BoardRule
    ranking: LiveRanking
    scores: dict[str, int]
    lock: threading.Lock = field(default_factory=threading.Lock)


_KEPT: OrderedDict[tuple[int, bool], _Kept] = OrderedDict()
_KEPT_LOCK = threading.Lock()


def standings(phase: Phase, entries: Sequence[Entry], *, is_public: bool) -> Mapping[str, Standing] | None:
    """Each entry's place with its doubt, by id; None where there is no saying.

    That is so under a policy by layers, with a single case, and where a score is of another suite or policy
    or from before its cases' grades were kept beside it. ``is_public`` tells the public's board from the
    judges', which may hold other scores.
    """
    cases = len(entries[0].score.case_grades or ()) if entries else 0
    if cases < FEWEST_CASES or not all(_is_whole(entry.score, cases) for entry in entries):
        return None
    if not _are_of_its_rule(phase, entries):
        return None
    weights = _weights(phase.ranked_suite_id, phase.ranked_suite.sha256)
    if len(weights) != cases:
        return None
    rule = _rule(phase, weights)
    kept = _kept((phase.pk, is_public), rule)
    with kept.lock:
        _follow(kept, entries)
        return {standing.id: standing for standing in kept.ranking.board().standings()}


def seed_of(phase: Phase) -> str:
    """SHA-256 of what everybody knows of a phase: whoever resamples from it gets the same bytes."""
    known = {
        "challenge": phase.challenge.slug,
        "phase": phase.slug,
        "policy": phase.policy,
        "policy_parameters": phase.policy_parameters,
        "suite_sha256": phase.ranked_suite.sha256,
    }
    return hashlib.sha256(canonical.dumps(known)).hexdigest()


def _are_of_its_rule(phase: Phase, entries: Sequence[Entry]) -> bool:
    known = POLICIES.get(phase.policy)
    if known is None or known.layers is not None:
        return False
    ours = (phase.ranked_suite.sha256, phase.policy, phase.policy_parameters)
    return all(
        (entry.score.suite_sha256, entry.score.policy, entry.score.policy_parameters) == ours
        for entry in entries
    )


def _is_whole(score: Score, cases: int) -> bool:
    """Whether all is there that a comparison takes: one score that lacks it must cost nobody the board."""
    return len(score.case_grades or ()) == cases and min(score.repetitions_mj or (0,)) > 0


def _rule(phase: Phase, weights: tuple[int, ...]) -> BoardRule:
    from scoring.uncertainty.values import BoardRule

    return BoardRule(
        policy=phase.policy,
        parameters=phase.policy_parameters,
        weights=weights,
        seed=seed_of(phase),
    )


@lru_cache(maxsize=BOARDS_KEPT)
def _weights(suite_id: int, sha256: str) -> tuple[int, ...]:
    """In the order of the suite, which has this hash and never changes."""
    cases = Case.objects.filter(suite=suite_id).order_by("position")
    return tuple(cases.values_list("weight", flat=True))


def _kept(key: tuple[int, bool], rule: BoardRule) -> _Kept:
    from scoring.ranking_live import LiveRanking

    with _KEPT_LOCK:
        found = _KEPT.get(key)
        if found is None or found.rule != rule:
            found = _KEPT[key] = _Kept(rule=rule, ranking=LiveRanking(rule), scores={})
        _KEPT.move_to_end(key)
        while len(_KEPT) > BOARDS_KEPT:
            _KEPT.popitem(last=False)
    return found


def _follow(kept: _Kept, entries: Sequence[Entry]) -> None:
    """Bring the ranking to these entries; where most of them are new, at once."""
    from scoring.ranking_live import LiveRanking

    now = {entry.id: entry for entry in entries}
    changed = [entry for entry in entries if kept.scores.get(entry.id) != entry.score.pk]
    if 2 * len(changed) > len(entries):
        kept.ranking = LiveRanking(kept.rule, [_row(entry) for entry in entries])
    else:
        for gone in kept.scores.keys() - now.keys():
            kept.ranking.discard(gone)
        for entry in changed:
            kept.ranking.put(_row(entry))
    kept.scores = {id: entry.score.pk for id, entry in now.items()}


def _row(entry: Entry) -> RankedRow:
    from scoring.uncertainty.values import RankedRow

    score = entry.score
    if score.case_grades is None or score.repetitions_mj is None:
        raise SpecError(field="case_grades", fix=f"La puntuación {score.pk} no tiene las notas de sus casos.")
    return RankedRow(
        id=entry.id,
        grades=tuple(score.case_grades),
        energies_mj=tuple(score.repetitions_mj),
        prompt_tokens=score.prompt_tokens,
        completion_tokens=score.completion_tokens,
        tiebreak=entry.tiebreak,
        is_ranked=score.is_ranked,
    )
