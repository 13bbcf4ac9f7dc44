"""A phase's clock as a page tells it: what state it is in, and when that changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils import timezone

from challenges.models import Challenge, Phase

State = Literal["upcoming", "open", "over"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseClock:
    """``zone`` is the phase's own: everybody reads the same hour."""

    phase: Phase
    state: State
    now: datetime
    zone: ZoneInfo

    @property
    def is_open(self) -> bool:
        return self.state == "open"

    @property
    def is_frozen(self) -> bool:
        return self.phase.is_frozen(self.now)


def clock(phase: Phase, now: datetime) -> PhaseClock:
    if now < phase.opens_at:
        state: State = "upcoming"
    else:
        state = "open" if phase.is_open(now) else "over"
    return PhaseClock(phase=phase, state=state, now=now, zone=zone(phase))


def current(clocks: Iterable[PhaseClock]) -> PhaseClock | None:
    """The phase that a visitor means: the open one, else the next to open, else the last one."""
    by_state: dict[State, list[PhaseClock]] = {"open": [], "upcoming": [], "over": []}
    for each in clocks:
        by_state[each.state].append(each)
    if by_state["open"]:
        return min(by_state["open"], key=lambda each: each.phase.closes_at)
    if by_state["upcoming"]:
        return min(by_state["upcoming"], key=lambda each: each.phase.opens_at)
    return max(by_state["over"], key=lambda each: each.phase.closes_at, default=None)


def clocks(challenge: Challenge, now: datetime) -> list[PhaseClock]:
    phases = challenge.phases.select_related("challenge", "ranked_suite", "feedback_suite")
    return [clock(phase, now) for phase in phases]


def chosen(all_clocks: Iterable[PhaseClock], slug: str) -> PhaseClock | None:
    """The phase asked for by ``?fase=``, or the current one when none is asked for; None when unknown."""
    all_clocks = list(all_clocks)
    if not slug:
        return current(all_clocks)
    return next((each for each in all_clocks if each.phase.slug == slug), None)


def zone(phase: Phase) -> ZoneInfo:
    """The phase's own time zone, or the house's where its name means nothing to this machine."""
    try:
        return ZoneInfo(phase.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo(timezone.get_default_timezone_name())
