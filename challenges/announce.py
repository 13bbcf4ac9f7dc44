"""Tells the live process that a board has changed, by a Redis channel that keeps nothing.

Called after the commit that grew the board's version, or to grow it. It never raises for a broker that is
away: the live process reads the version from the database once a second as well.
"""

from __future__ import annotations

import json
import logging

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from redis.exceptions import RedisError

from challenges import board, quick_redis, tallies
from challenges.after_commit import after_commit
from challenges.models import Leaderboard, Phase

logger = logging.getLogger(__name__)


def channel(phase_id: int) -> str:
    return f"desafio:board:{phase_id}"


def renew(phase_id: int) -> None:
    """Grow the board's version and publish it: something else that it shows has changed, as a name."""
    with transaction.atomic():
        Leaderboard.objects.filter(pk=phase_id).update(version=F("version") + 1, updated_at=Now())
        after_commit(publish, phase_id)


def publish(phase_id: int) -> bool:
    """Send the public board of the phase to whoever listens; False when Redis is away."""
    phase = Phase.objects.select_related("challenge", "ranked_suite").get(pk=phase_id)
    built = board.build(phase)
    message = json.dumps(
        {"phase_id": phase_id, "version": built.version, "body": built.body.decode()}, ensure_ascii=False
    )
    try:
        quick_redis.client().publish(channel(phase_id), message)
    except (RedisError, OSError) as fault:
        tallies.add("broker_away", label="announce")
        logger.warning("board %s version %s not announced: %s", phase_id, built.version, fault)
        return False
    return True
