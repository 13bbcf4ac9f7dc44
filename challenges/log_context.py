"""Whose doing a log line is: bound once around an evaluation, written into every line that is logged inside.

The fields follow into the tasks and threads of the event loop, because those copy their context. The form of
the lines is chosen outside (``desafio.logs``). Nothing bound here may tell of a person, a prompt or a case.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from structlog.contextvars import bound_contextvars


@contextmanager
def evaluation_context(
    *,
    evaluation_id: int,
    submission_id: object | None = None,
    fence: int | None = None,
    worker: str | None = None,
) -> Iterator[None]:
    """Lines logged inside carry ``evaluation``, ``submission``, ``fence`` and ``worker``, as far as given."""
    known = {"evaluation": evaluation_id, "submission": submission_id, "fence": fence, "worker": worker}
    fields = {
        name: value if isinstance(value, int) else str(value)
        for name, value in known.items()
        if value is not None
    }
    with bound_contextvars(**fields):
        yield
