"""The board of a phase as bytes: the one builder behind pages, API, live process, exports and demo.

It reads the standings and nothing else, in one statement, and puts no clock into what it makes: equal rows
give equal bytes. What a frozen phase shows the public is decided here and nowhere else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import Exists, F, OuterRef

from challenges import dispatch
from challenges.merit import best, by_participation, scores_in_force
from challenges.models import Consent, Leaderboard, Phase, Purpose, Score, Standing
from scoring.ranking import rank
from scoring.values import EvidenceGrade, Ranked, RankEntry

# A token model's figure is never shown as a measured one.
ESTIMATES = frozenset({EvidenceGrade.D.value, EvidenceGrade.E.value})


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """``body`` is canonical JSON in UTF-8, ``etag`` a quoted strong tag of it, ``rows`` what is inside."""

    version: int
    body: bytes
    etag: str
    rows: list[dict[str, Any]]


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


def build(phase: Phase, *, restricted: bool = False) -> Board:
    """The board as the public may see it; with ``restricted`` as judges do, past the freeze.

    A frozen board shows the values of the moment of the freeze under the version of that moment.
    """
    freeze_at = None if restricted else phase.freeze_at
    frozen = freeze_at is not None and dispatch.now() >= freeze_at
    if freeze_at is not None and frozen:
        version, generated_at, places = _places_at_freeze(phase, freeze_at)
    else:
        version, generated_at, places = _places_now(phase)
    rows = _rows(places)
    content = {
        "phase": phase.slug,
        "challenge": phase.challenge.slug,
        "version": version,
        "generated_at": _iso(generated_at),
        "evidence_grade": phase.evidence_grade,
        "estimated": phase.evidence_grade in ESTIMATES,
        "frozen": frozen,
        "rows": rows,
    }
    body = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    etag = f'"{version}-{hashlib.sha256(body).hexdigest()[:16]}"'
    return Board(version=version, body=body, etag=etag, rows=rows)


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


def _places_now(phase: Phase) -> tuple[int, datetime, list[_Place]]:
    """Version, moment and places by one statement, so that they always belong together."""
    standings = list(
        Standing.objects.filter(phase=phase)
        .select_related("score__participation__person")
        .annotate(
            version=F("phase__leaderboard__version"),
            changed_at=F("phase__leaderboard__updated_at"),
            name_is_public=_name_is_public(),
        )
    )
    if not standings:
        return _nothing_yet(phase)
    places = [
        _Place(score=row.score, attempts=row.attempts, name=_shown_name(row.score, row.name_is_public))
        for row in standings
    ]
    return standings[0].version, standings[0].changed_at, places


def _places_at_freeze(phase: Phase, freeze_at: datetime) -> tuple[int, datetime, list[_Place]]:
    """The places as they were at ``freeze_at``, from the scores of before.

    Each score grows the version by one, so the version of that moment is today's less the scores since:
    showing today's would tell the public how much goes on behind the freeze.
    """
    scores = list(
        scores_in_force(phase)
        .select_related("participation__person")
        .annotate(version=F("phase__leaderboard__version"), name_is_public=_name_is_public())
    )
    if not scores:
        version, _changed_at, places = _nothing_yet(phase)
        return version, freeze_at, places
    is_public = {score.participation_id: score.name_is_public for score in scores}
    before = [score for score in scores if score.created_at < freeze_at]
    places = []
    for theirs in by_participation(before).values():
        top = best(theirs)
        name = _shown_name(top, is_public[top.participation_id])
        places.append(_Place(score=top, attempts=len(theirs), name=name))
    version_then = scores[0].version - (len(scores) - len(before))
    return max(version_then, 0), freeze_at, places


def _nothing_yet(phase: Phase) -> tuple[int, datetime, list[_Place]]:
    board = Leaderboard.objects.filter(phase=phase).first()
    return (board.version, board.updated_at, []) if board else (0, phase.opens_at, [])


def _name_is_public() -> Exists:
    return Exists(
        Consent.objects.filter(
            person=OuterRef("participation__person"), purpose=Purpose.PUBLISH_NAME, withdrawn_at=None
        )
    )


def _shown_name(score: Score, is_public: bool) -> str:
    """The board name of who consented to its publication, else one that says nothing but stays the same."""
    participation = score.participation
    if is_public and participation.person.board_name:
        return participation.person.board_name
    # Not translated: the board's bytes must not depend on who asks for them.
    return f"Participante {participation.public_id.hex[:6]}"


def _rows(places: Sequence[_Place]) -> list[dict[str, Any]]:
    of = {str(place.score.participation.public_id): place for place in places}
    ranked = rank(
        RankEntry(
            id=public_id,
            score=place.score.value,
            reaches_minimum=place.score.reaches_minimum,
            is_ranked=place.score.is_ranked,
            tiebreak=f"{place.score.created_at.astimezone(UTC):%Y%m%d%H%M%S%f}-{place.score.pk:019d}",
        )
        for public_id, place in of.items()
    )
    return [_row(entry, of[entry.id]) for entry in ranked]


def _row(entry: Ranked, place: _Place) -> dict[str, Any]:
    score = place.score
    return {
        "participation": entry.id,
        "rank": entry.rank,
        "tied": entry.tied,
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
