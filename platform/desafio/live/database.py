"""What the database says about the boards: the only module of the live process that reads it.

Each function blocks and runs in the keeper's one thread, so that one connection is enough. Only public boards
are built here: this process never holds a value that a freeze hides.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import close_old_connections

from challenges import board, circuits, dispatch
from challenges.models import Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseState:
    """All that decides what a phase's public board shows. ``version`` counts on behind a freeze.

    ``away`` names the circuits that are open, with since when: a board says what its evaluations wait for.
    """

    phase_id: int
    challenge: str
    slug: str
    evidence_grade: str
    freeze_at: datetime | None
    frozen: bool
    begun: bool
    over: bool
    away: tuple[tuple[str, datetime | None], ...]
    version: int


def published_phases() -> list[PhaseState]:
    """The state of every phase of a published challenge, by the database's clock."""
    close_old_connections()
    now = dispatch.now()
    away = tuple((circuit.name, circuit.opened_at) for circuit in circuits.open_now())
    phases = Phase.objects.filter(challenge__is_published=True).values_list(
        "pk",
        "challenge__slug",
        "slug",
        "evidence_grade",
        "freeze_at",
        "opens_at",
        "closes_at",
        "leaderboard__version",
    )
    return [
        PhaseState(
            phase_id=pk,
            challenge=challenge,
            slug=slug,
            evidence_grade=grade,
            freeze_at=freeze_at,
            frozen=freeze_at is not None and now >= freeze_at,
            begun=now >= opens_at,
            over=now >= closes_at,
            away=away,
            version=version or 0,
        )
        for pk, challenge, slug, grade, freeze_at, opens_at, closes_at, version in phases
    ]


def public_board(phase_id: int) -> bytes | None:
    """The body of a phase's public board; None when the phase is gone."""
    phase = Phase.objects.select_related("challenge", "ranked_suite").filter(pk=phase_id).first()
    return None if phase is None else board.build(phase).body
