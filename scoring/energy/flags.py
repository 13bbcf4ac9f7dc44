"""What can be said against an energy figure, by name, and what follows from it.

Meter, window protocol and record all use these names; docs/energy.md explains each. A flag is never dropped:
it is stored with the figure that it is about.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Flag(StrEnum):
    """One thing seen. The values are stored and published: never rename one."""

    # The counter.
    COUNTER_STUCK = "counter-stuck"
    COUNTER_WENT_BACK = "counter-went-back"
    COUNTER_WRAPPED = "counter-wrapped"  # at its known range, and mended
    COUNTER_JUMPED = "counter-jumped"
    EDGES_MISSING = "edges-missing"
    ZERO_ENERGY = "zero-energy"
    ABOVE_BOARD_POWER = "above-board-power"
    BELOW_IDLE_POWER = "below-idle-power"
    # The meter and its window.
    METER_AWAY = "meter-away"
    METER_RESTARTED = "meter-restarted"
    WRONG_DEVICE = "wrong-device"
    CLOCK_SKEW = "clock-skew"
    WINDOW_TOO_SHORT = "window-too-short"
    WINDOW_EXPIRED = "window-expired"  # nobody ended it within its limit
    # The device.
    OTHER_PROCESS = "other-process"
    CLOCKS_CHANGED = "clocks-changed"
    POWER_LIMIT_CHANGED = "power-limit-changed"
    THROTTLED = "throttled"
    # The workload.
    NO_CALLS = "no-calls"
    TOKENS_MISSING = "tokens-missing"
    REPETITION_LOST = "repetition-lost"
    REFERENCE_DRIFT = "reference-drift"
    PREFIX_CACHE = "prefix-cache"  # prompts that were read before cost less than they should
    # What the figure says beside others.
    OUT_OF_RANGE = "token-model-out-of-range"
    UNLIKE_TOKEN_MODEL = "unlike-token-model"  # noqa: S105 - no password
    UNLIKE_REPETITIONS = "unlike-repetitions"
    UNLIKE_WITNESS = "unlike-witness"
    # What the figure holds by its nature.
    OTHER_PROCESSES_INCLUDED = "other-processes-included"
    FEEDBACK_INCOMPLETE = "feedback-incomplete"
    SHORTENED_PROTOCOL = "shortened-protocol"


# The figure cannot be true, or cannot be shown to be: the window is run again, at our cost.
VOIDING = frozenset(
    {
        Flag.COUNTER_STUCK,
        Flag.COUNTER_WENT_BACK,
        Flag.COUNTER_JUMPED,
        Flag.EDGES_MISSING,
        Flag.ZERO_ENERGY,
        Flag.ABOVE_BOARD_POWER,
        Flag.BELOW_IDLE_POWER,
        Flag.METER_AWAY,
        Flag.METER_RESTARTED,
        Flag.WRONG_DEVICE,
        Flag.CLOCK_SKEW,
        Flag.WINDOW_TOO_SHORT,
        Flag.WINDOW_EXPIRED,
        Flag.OTHER_PROCESS,
        Flag.CLOCKS_CHANGED,
        Flag.POWER_LIMIT_CHANGED,
        Flag.THROTTLED,
        Flag.TOKENS_MISSING,
        Flag.REPETITION_LOST,
        Flag.REFERENCE_DRIFT,
    }
)
# The figure stands, but an organizer looks at it before it counts.
FOR_REVIEW = frozenset(
    {
        Flag.PREFIX_CACHE,
        Flag.OUT_OF_RANGE,
        Flag.UNLIKE_TOKEN_MODEL,
        Flag.UNLIKE_REPETITIONS,
        Flag.UNLIKE_WITNESS,
    }
)


def voiding(flags: Iterable[str]) -> tuple[str, ...]:
    """Those of ``flags`` that void the window, sorted."""
    return tuple(sorted({flag for flag in flags if flag in VOIDING}))


def for_review(flags: Iterable[str]) -> tuple[str, ...]:
    """Those of ``flags`` that an organizer looks at, sorted."""
    return tuple(sorted({flag for flag in flags if flag in FOR_REVIEW}))
