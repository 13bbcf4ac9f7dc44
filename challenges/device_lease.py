"""The lease of a measured device: one worker has it to itself, so a counter counts one evaluation's work.

A worker takes it before it claims, renews it with its evaluation's lease, and gives it up when nothing waits.
All times are the database's clock; a worker that dies loses the device when its evaluation's lease ends.
Workers that measure nothing never ask for one.
"""

from __future__ import annotations

import socket

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now

from challenges.circuits import MEASURED_GRADES
from challenges.models import DeviceLease, Phase
from challenges.transitions import lease_end
from scoring.energy.token_model import MODEL_GRADES
from scoring.energy.window import best_source

LONGEST_NAME = 200


def device_of_this_worker() -> str | None:
    """The name of what this worker measures, which all that measure the same must use; None for nothing.

    METER_DEVICE where it is set; else the meter's address, which two hosts may share without sharing the
    device: then they take turns for nothing, which costs time and no figure. The processor's own counter is
    this host's, and only asked for where a phase is ranked by a counter.
    """
    if settings.METER_URL:
        return str(settings.METER_DEVICE or settings.METER_URL)[:LONGEST_NAME]
    if best_source().grade in MODEL_GRADES or not _is_anything_measured():
        return None
    return f"rapl:{socket.gethostname()}"[:LONGEST_NAME]


def take(holder: str) -> bool:
    """Whether ``holder`` has its device now, for a lease from now on; True for one that measures nothing."""
    device = device_of_this_worker()
    if device is None:
        return True
    DeviceLease.objects.get_or_create(device=device)
    is_mine = Q(holder=holder, lease_until__gt=Now())
    is_free = Q(lease_until=None) | Q(lease_until__lte=Now())
    free = DeviceLease.objects.filter(is_free, device=device)
    if free.update(holder=holder, since=Now(), lease_until=lease_end()):
        return True
    return bool(DeviceLease.objects.filter(is_mine, device=device).update(lease_until=lease_end()))


def renew(holder: str) -> None:
    """Push the end ahead, beside the lease of an evaluation. One that ran out stays so: ``keeps`` tells."""
    DeviceLease.objects.filter(holder=holder, lease_until__gt=Now()).update(lease_until=lease_end())


def release(holder: str) -> None:
    """Let others have what ``holder`` had, if it measures anything."""
    if device_of_this_worker() is None:
        return
    DeviceLease.objects.filter(holder=holder).update(lease_until=None, holder="", since=None)


def keeps(holder: str) -> bool:
    """Whether it has had its device without a break since it took it; True for one that measures nothing."""
    device = device_of_this_worker()
    if device is None:
        return True
    return DeviceLease.objects.filter(device=device, holder=holder, lease_until__gt=Now()).exists()


def others_with_another_device(holder: str) -> list[str]:
    """Workers that measure a device of their own right now: what they do is not in ``holder``'s figures."""
    live = DeviceLease.objects.filter(lease_until__gt=Now()).exclude(holder=holder)
    return list(live.exclude(device=device_of_this_worker() or "").values_list("holder", flat=True))


def _is_anything_measured() -> bool:
    return Phase.objects.filter(evidence_grade__in=MEASURED_GRADES).exists()
