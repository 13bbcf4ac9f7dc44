"""Getting over a database that restarts while a worker has something in hand that it would lose.

An answer of the model has cost energy: it is kept until it can be written, as long as the lease may still be
ours. The fence decides whether it is; nothing here does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from asgiref.sync import sync_to_async
from django.db import InterfaceError, OperationalError, connection

TRY_AGAIN_S = 0.1


async def write_once_it_is_back(write: Callable[[], object], *, within_s: float) -> None:
    """Call ``write``, again on a new connection while the database is away; it must bear being repeated.

    A commit whose answer was lost may have happened. Raises what ``write`` raises, and the database's own
    error once it has been away for ``within_s`` seconds.
    """
    give_up_at = time.monotonic() + within_s
    while True:
        try:
            await sync_to_async(write)()
            return
        except (InterfaceError, OperationalError):
            await sync_to_async(_leave_the_connection)()
            if time.monotonic() > give_up_at:
                raise
        await asyncio.sleep(TRY_AGAIN_S)


def _leave_the_connection() -> None:
    # Looked up here: ``connection`` is another one in each thread, and this runs in the thread of the writes.
    connection.close()
