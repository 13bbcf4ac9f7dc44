"""A circuit asks for a trial only while it is open, and is open once enough evaluations failed in a row."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Q

from challenges.circuits import FAILURES_IN_A_ROW
from challenges.invariants.findings import Broken, Check
from challenges.models import Circuit


def circuits() -> Iterator[Broken]:
    rule = "circuits"
    closed = Circuit.objects.filter(opened_at=None)
    for row in closed.exclude(Q(trial=None) & Q(next_trial_at=None)).iterator():
        what = f"closed, with evaluation {row.trial_id} as a trial or a time for the next"
        yield Broken(rule=rule, row=f"circuit {row.name}", what=what)
    for row in closed.iterator():
        if len(set(row.suspects)) >= FAILURES_IN_A_ROW:
            what = f"closed, though evaluations {row.suspects} failed in a row"
            yield Broken(rule=rule, row=f"circuit {row.name}", what=what)


CHECKS = (Check(rules=("circuits",), walk=circuits),)
