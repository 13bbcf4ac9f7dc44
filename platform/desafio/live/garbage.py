"""When this process looks for garbage: seldom, because a look stops every stream.

With 5,000 streams a full collection takes 130 ms, and the interpreter's own rule starts one at about every
tenth event: it alone doubled the 99th percentile (bench/README.md). What has no cycles is freed at once
anyway.
"""

from __future__ import annotations

import asyncio
import gc

# Objects made and not freed before the young ones are looked at: more than telling 5,000 clients makes.
YOUNG_OBJECTS = 100_000
YOUNG_LOOKS_BEFORE_MIDDLE = 20
# Never by count: the full look is ours.
MIDDLE_LOOKS_BEFORE_FULL = 1_000_000
# Connections that ended leave cycles; in five minutes a full house that came and went leaves some 50 MB.
FULL_LOOK_EVERY_S = 300.0


def settle() -> None:
    """Take what is here now (Django, the applications) as staying for ever, and look seldom from now on."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, YOUNG_LOOKS_BEFORE_MIDDLE, MIDDLE_LOOKS_BEFORE_FULL)


async def collect() -> None:
    """For ever, until cancelled: a full look every five minutes."""
    while True:
        await asyncio.sleep(FULL_LOOK_EVERY_S)
        gc.collect()
