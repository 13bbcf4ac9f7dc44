"""Something in a record that does not follow from the rest of it.

``recompute``, ``protocol`` and ``counted`` find them; auditors are told the first.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A field of the record that does not follow from the others: what it says, and what follows."""

    field: str
    claimed: str
    computed: str
