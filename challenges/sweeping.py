"""What makes an accepted submission progress when something died: one look over the queue, once a second.

The command ``sweep`` calls it for ever. It takes back leases that ran out, wakes what waited for the backend,
and rings for rows that nobody came for. It never evaluates and never touches a row whose lease is good.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import F, Q
from django.db.models.functions import Coalesce, Now

from challenges import backend, dispatch, lease
from challenges.models import Evaluation, State
from challenges.models.evaluation import EvaluationQuerySet
from scoring.errors import BackendFault
from scoring.inference.describe import describe

logger = logging.getLogger(__name__)

# A ring that was heard brings a worker within milliseconds; after this long it was lost or nobody was free.
RING_AGAIN_S = 2
# One ring wakes one worker and a worker empties the queue: enough for any pool that we run.
RINGS_PER_SWEEP = 16
ROWS_PER_SWEEP = 1000
BACKEND_TIMEOUT_S = 1.0
# A worker that dies is no fault of the evaluation, but an evaluation under which every worker dies is.
MOST_CLAIMS = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """How many evaluations one look took back, gave up, released from HELD, and rang for."""

    expired: int = 0
    abandoned: int = 0
    resumed: int = 0
    rung: int = 0


def sweep_once() -> Swept:
    """One look. Raises Django's database errors; a broker that is away only costs the rings."""
    abandoned = _give_up()
    expired = _take_back()
    resumed = _resume_held()
    swept = Swept(expired=expired, abandoned=abandoned, resumed=resumed, rung=_ring_for_forgotten())
    if swept != Swept():
        logger.info("swept %s", swept)
    return swept


def _expired() -> EvaluationQuerySet:
    return Evaluation.objects.active().filter(lease_until__lte=Now())


def _give_up() -> int:
    hopeless = _expired().filter(fence__gte=MOST_CLAIMS)
    # Looking first: on SQLite even an UPDATE of no row waits for the only writer's place.
    if not hopeless.exists():
        return 0
    return hopeless.update(**lease.columns_entering(State.ERRORED), fault_code="workers_died")


def _take_back() -> int:
    # The fence stays: the next claim raises it, and until then nobody may write under the old one, because
    # the row is not active.
    if not _expired().exists():
        return 0
    return _expired().update(**lease.columns_entering(State.QUEUED), rung_at=None)


def _resume_held() -> int:
    held = Evaluation.objects.filter(state=State.HELD).filter(_may_start())
    if not held.exists() or not _backend_answers():
        return 0
    return held.update(**lease.columns_entering(State.QUEUED), rung_at=None, not_before=None)


def _ring_for_forgotten() -> int:
    rung_last = Coalesce(F("rung_at"), F("created_at"))
    forgotten = list(
        Evaluation.objects.waiting()
        .filter(_may_start())
        .annotate(rung_last=rung_last)
        .filter(rung_last__lt=Now() - timedelta(seconds=RING_AGAIN_S))
        .oldest_first()
        .values_list("pk", flat=True)[:ROWS_PER_SWEEP]
    )
    # While rings lie unheard every worker is busy (or none runs): more of them would only pile up.
    if not forgotten or dispatch.rings_unheard() != 0:
        return 0
    return dispatch.wake_workers_for(forgotten, rings=RINGS_PER_SWEEP)


def _may_start() -> Q:
    return Q(not_before=None) | Q(not_before__lte=Now())


def _backend_answers() -> bool:
    try:
        asyncio.run(describe(backend.settings_from_django(), timeout_s=BACKEND_TIMEOUT_S))
    except BackendFault:
        return False
    return True
