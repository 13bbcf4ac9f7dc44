"""What a suite asks and how it grades, as one hash: of a pack's cases and of the rows that hold them.

``packs`` gives it to a new suite, an evaluation compares it before it asks anything, and ``check_invariants``
compares it for all suites: cases that were changed behind the application's back must not judge anybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from challenges.models import Suite
from scoring.record import commitments


def digest(*, slots: Mapping[str, str], cases: Iterable[Mapping[str, Any]]) -> str:
    """SHA-256, in lower-case hexadecimal, of the canonical JSON of slots and cases.

    Of each case, the columns in ``CASE_FIELDS``. By the very texts that are disclosed one day, so that
    whoever has them gets the hash of the suite.
    """
    return commitments.suite_sha256(
        slots=commitments.slots_text(slots), cases=map(commitments.case_text, cases)
    )


def of(suite: Suite) -> str:
    """The hash of the rows as they are now; one query."""
    return digest(slots=suite.slots, cases=suite.cases.order_by("position").values(*commitments.CASE_FIELDS))
