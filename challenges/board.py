"""The board of a phase as bytes: the one builder behind pages, API, live process, exports and demo.

It reads the standings, and what keeps evaluations waiting, in one statement, and puts no clock into what it
makes: equal rows give equal bytes. What a frozen phase shows the public is decided here and nowhere else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Now

from challenges import dispatch, open_places
from challenges.merit import best, by_participation, is_kept_out, not_replaced
from challenges.models import (
    Circuit,
    Consent,
    Evaluation,
    Phase,
    Purpose,
    ReviewDecision,
    Score,
    Standing,
    Ties,
)
from scoring.energy.token_model import MODEL_GRADES
from scoring.policies import in_layers
from scoring.ranking import rank
from scoring.values import Ranked, RankEntry

if TYPE_CHECKING:
    from scoring.uncertainty.values import Standing as StandingInDoubt

# A token model's figure is never shown as a measured one.
ESTIMATES = MODEL_GRADES


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """``body`` is canonical JSON in UTF-8, ``etag`` a quoted strong tag of it, ``rows`` what is inside.

    ``waiting`` says since when, and for what, accepted submissions wait; None while they do not.
    """

    version: int
    body: bytes
    etag: str
    rows: list[dict[str, Any]]
    waiting: dict[str, str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What turns the rows of one board into those of another; ``order`` names all rows of the later one."""

    rows: list[dict[str, Any]]
    removed: list[str]
    order: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """One participation as it stands: the score that counts, and how often it was scored."""

    score: Score
    attempts: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What one statement says of a board: what belongs together must not be read one after the other."""

    version: int
    at: datetime
    waiting: dict[str, str] | None
    places: Sequence[_Place] = ()


def build(phase: Phase, *, restricted: bool = False, at: datetime | None = None) -> Board:
    """The board as the public may see it; with ``restricted`` as judges do, past the freeze.

    A frozen board shows the values of the moment of the freeze under the version of that moment. ``at`` is
    the database's clock, for a caller who has just read it.
    """
    freeze_at = None if restricted else phase.freeze_at
    frozen = freeze_at is not None and (at or dispatch.now()) >= freeze_at
    found = _at_freeze(phase, freeze_at) if freeze_at is not None and frozen else _now(phase)
    rows = _rows(phase, found.places, is_public=not restricted)
    content = {
        "phase": phase.slug,
        "challenge": phase.challenge.slug,
        "version": found.version,
        "generated_at": _iso(found.at),
        "evidence_grade": phase.evidence_grade,
        "estimated": phase.evidence_grade in ESTIMATES,
        "frozen": frozen,
        "waiting": found.waiting,
        "rows": rows,
    }
    body = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    etag = f'"{found.version}-{hashlib.sha256(body).hexdigest()[:16]}"'
    return Board(version=found.version, body=body, etag=etag, rows=rows, waiting=found.waiting)


def changed_rows(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> Changes:
    """Rows that are new or differ, participations that are gone, and the order of all that remain."""
    known = {row["participation"]: row for row in before}
    order = [row["participation"] for row in after]
    remaining = set(order)
    return Changes(
        rows=[dict(row) for row in after if known.get(row["participation"]) != row],
        removed=[participation for participation in known if participation not in remaining],
        order=order,
    )


def _now(phase: Phase) -> _Found:
    holding = _holding(phase)
    standings = list(
        Standing.objects.filter(phase=phase)
        .select_related("score__participation__person")
        .annotate(
            version=F("phase__leaderboard__version"),
            changed_at=F("phase__leaderboard__updated_at"),
            name_is_public=name_is_public(),
            waiting_for=Subquery(holding.values("name")),
            waiting_since=Subquery(holding.values("opened_at")),
        )
    )
    if not standings:
        return _nothing_yet(phase)
    first = standings[0]
    return _Found(
        version=first.version,
        at=first.changed_at,
        waiting=_waiting(first.waiting_for, first.waiting_since),
        places=[
            _Place(score=row.score, attempts=row.attempts, name=shown_name(row.score, row.name_is_public))
            for row in standings
        ],
    )


def _at_freeze(phase: Phase, freeze_at: datetime) -> _Found:
    """The places as they were at ``freeze_at``, from the scores of before and what was decided by then.

    Each score grows the version by one, and each decision of a review, so the version of that moment is
    today's less those since: showing today's would tell the public how much goes on behind the freeze.
    """
    holding = _holding(phase)
    # Held ones too: they have grown the version.
    scores = list(
        not_replaced(phase)
        .select_related("participation__person")
        .annotate(
            version=F("phase__leaderboard__version"),
            decided_since=_decided_since(phase, freeze_at),
            kept_out=is_kept_out(at=freeze_at),
            name_is_public=name_is_public(),
            waiting_for=Subquery(holding.values("name")),
            waiting_since=Subquery(holding.values("opened_at")),
        )
    )
    if not scores:
        return replace(_nothing_yet(phase), at=freeze_at)
    is_public = {score.participation_id: score.name_is_public for score in scores}
    before = [score for score in scores if score.created_at < freeze_at]
    places = []
    for theirs in by_participation(score for score in before if not score.kept_out).values():
        top = best(theirs)
        name = shown_name(top, is_public[top.participation_id])
        places.append(_Place(score=top, attempts=len(theirs), name=name))
    version_then = scores[0].version - (len(scores) - len(before)) - scores[0].decided_since
    return _Found(
        version=max(version_then, 0),
        at=freeze_at,
        waiting=_waiting(scores[0].waiting_for, scores[0].waiting_since),
        places=places,
    )


def _decided_since(phase: Phase, moment: datetime) -> Coalesce:
    """How many decisions about scores of the phase have been written since, for a column."""
    decisions = ReviewDecision.objects.filter(review__score__phase=phase, decided_at__gte=moment)
    counted = decisions.order_by().values("review__score__phase").annotate(number=Count("pk"))
    return Coalesce(Subquery(counted.values("number")), 0)


def _nothing_yet(phase: Phase) -> _Found:
    holding = _holding(phase)
    rows = Phase.objects.filter(pk=phase.pk).annotate(
        waiting_for=Subquery(holding.values("name")),
        waiting_since=Subquery(holding.values("opened_at")),
    )
    version, changed_at, waiting_for, waiting_since = rows.values_list(
        "leaderboard__version", "leaderboard__updated_at", "waiting_for", "waiting_since"
    ).get()
    return _Found(
        version=version or 0,
        at=changed_at or phase.opens_at,
        waiting=_waiting(waiting_for, waiting_since),
    )


def _holding(phase: Phase) -> QuerySet[Circuit]:
    """What ``circuits.holding`` says of a phase that goes on, for a column: a statement of its own would be
    another moment. A phase goes on until it is closed and the last of its evaluations has ended.
    """
    unfinished = Evaluation.objects.unfinished().filter(submission__phase=phase)
    goes_on = Phase.objects.filter(pk=phase.pk, opens_at__lte=Now())
    holding = Circuit.objects.filter(
        Exists(goes_on.filter(Q(closes_at__gt=Now()) | Exists(unfinished))), opened_at__isnull=False
    )
    if phase.evidence_grade in ESTIMATES:
        # Nothing of such a phase is measured.
        holding = holding.exclude(name=Circuit.Name.METER)
    return holding.order_by("opened_at", "name")[:1]


def _waiting(name: str | None, since: datetime | None) -> dict[str, str] | None:
    return None if name is None or since is None else {"for": name, "since": _iso(since)}


def name_is_public() -> Exists:
    """Whether whoever a score or standing is of consented to their name on the board, for a column."""
    return Exists(
        Consent.objects.filter(
            person=OuterRef("participation__person"), purpose=Purpose.PUBLISH_NAME, withdrawn_at=None
        )
    )


def shown_name(score: Score, is_public: bool) -> str:
    """The board name of who consented to its publication, else one that says nothing but stays the same."""
    participation = score.participation
    if is_public and participation.person.board_name:
        return participation.person.board_name
    # Not translated: the board's bytes must not depend on who asks for them.
    return f"Participante {participation.public_id.hex[:6]}"


def _rows(phase: Phase, places: Sequence[_Place], *, is_public: bool) -> list[dict[str, Any]]:
    of = {str(place.score.participation.public_id): place for place in places}
    entries = [
        open_places.Entry(
            id=public_id,
            score=place.score,
            tiebreak=f"{place.score.created_at.astimezone(UTC):%Y%m%d%H%M%S%f}-{place.score.pk:019d}",
        )
        for public_id, place in of.items()
    ]
    ranked = rank(in_layers(phase.policy, map(_rank_entry, entries)))
    left_open = open_places.standings(phase, entries, is_public=is_public) or {}
    return [_row(phase, entry, of[entry.id], left_open.get(entry.id)) for entry in ranked]


def _rank_entry(entry: open_places.Entry) -> RankEntry:
    score = entry.score
    return RankEntry(
        id=entry.id,
        score=score.value,
        reaches_minimum=score.reaches_minimum,
        is_ranked=score.is_ranked,
        tiebreak=entry.tiebreak,
        quality=score.quality,
        energy_mj=score.energy_mj,
    )


def _row(phase: Phase, entry: Ranked, place: _Place, left_open: StandingInDoubt | None) -> dict[str, Any]:
    """A row of the board's JSON. Without ``left_open`` nobody knows what chance leaves open: then all that
    is told of it is null, and only equal scores share a rank."""
    score = place.score
    shares_by_interval = left_open is not None and phase.ties == Ties.INTERVAL
    return {
        "participation": entry.id,
        "rank": left_open.rank if left_open and shares_by_interval else entry.rank,
        "tied": left_open.tied if left_open and shares_by_interval else entry.tied,
        "tie_group": left_open.tie_group if left_open else None,
        "best_rank": left_open.best_rank if left_open else None,
        "worst_rank": left_open.worst_rank if left_open else None,
        "score_low": f"{left_open.low:.4f}" if left_open else None,
        "score_high": f"{left_open.high:.4f}" if left_open else None,
        "name": place.name,
        "score": f"{score.value:.4f}",
        "quality": f"{score.quality:.6f}",
        "energy_mj": score.energy_mj,
        "prompt_tokens": score.prompt_tokens,
        "completion_tokens": score.completion_tokens,
        "attempts": place.attempts,
        "scored_at": _iso(score.created_at),
        "reaches_minimum": score.reaches_minimum,
        "is_ranked": score.is_ranked,
    }


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
