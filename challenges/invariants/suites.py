"""The cases that judge people are those that the suite's hash was made of."""

from __future__ import annotations

from collections.abc import Iterator

from challenges import suite_hash
from challenges.invariants.findings import Broken, Check
from challenges.models import Suite


def hashes() -> Iterator[Broken]:
    for suite in Suite.objects.order_by("pk").iterator(chunk_size=10):
        sha256 = suite_hash.of(suite)
        if sha256 != suite.sha256:
            what = f"its rows have the hash {sha256}, it was made with {suite.sha256}"
            yield Broken(rule="suites", row=f"suite {suite.pk}", what=what)


CHECKS = (Check(rules=("suites",), walk=hashes),)
