"""What a suite asks and how it grades, as one hash: of a pack's cases and of the rows that hold them.

``packs`` gives it to a new suite, an evaluation compares it before it asks anything, and ``check_invariants``
compares it for all suites: cases that were changed behind the application's back must not judge anybody.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from challenges.models import Suite

FIELDS = ("key", "group", "inputs", "expected", "grader", "weight", "position")


def digest(*, slots: Mapping[str, str], cases: Iterable[Mapping[str, Any]]) -> str:
    """SHA-256, in lower-case hexadecimal, of the canonical JSON of slots and cases.

    Each case holds the columns in ``FIELDS`` and nothing else, or hashes of equal suites would differ.
    """
    content = {"slots": slots, "cases": [{field: case[field] for field in FIELDS} for case in cases]}
    canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def of(suite: Suite) -> str:
    """The hash of the rows as they are now; one query."""
    return digest(slots=suite.slots, cases=suite.cases.order_by("position").values(*FIELDS))
