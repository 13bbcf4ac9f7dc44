"""Each submission has its one evaluation, and whoever evaluates holds it alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.db.models import Count, Exists, F, OuterRef, Q
from django.db.models.functions import Now

from challenges.invariants.findings import Broken, Check
from challenges.judging import MOST_FAILURES
from challenges.models import Evaluation, Run, State, Submission
from challenges.models.evaluation import ACTIVE

# Between the database's clock in the claim and in the check.
GRACE_S = 1


def one_in_force() -> Iterator[Broken]:
    rule = "one-in-force"
    theirs = Evaluation.objects.filter(submission=OuterRef("pk"))
    for pk in Submission.objects.filter(~Exists(theirs)).values_list("pk", flat=True).iterator():
        yield Broken(rule=rule, row=f"submission {pk}", what="it has no evaluation")
    # While it is judged again all of a submission's evaluations are superseded, so none in force is right.
    twice = (
        Evaluation.objects.exclude(state=State.SUPERSEDED)
        .values("submission_id")
        .annotate(times=Count("pk"))
        .filter(times__gt=1)
    )
    for row in twice.iterator():
        what = f"{row['times']} of its evaluations are in force"
        yield Broken(rule=rule, row=f"submission {row['submission_id']}", what=what)


def participation() -> Iterator[Broken]:
    rows = Evaluation.objects.exclude(participation=F("submission__participation"))
    found = rows.values_list("pk", "participation_id", "submission__participation_id")
    for pk, its_own, the_submissions in found.iterator():
        what = f"it belongs to participation {its_own}, its submission to {the_submissions}"
        yield Broken(rule="participation", row=f"evaluation {pk}", what=what)


def leases() -> Iterator[Broken]:
    rule = "leases"
    bare = Evaluation.objects.active().filter(Q(lease_until=None) | Q(fence=0))
    for pk, state, fence in bare.values_list("pk", "state", "fence").iterator():
        yield Broken(
            rule=rule, row=f"evaluation {pk}", what=f"{state} without a lease, or with fence {fence}"
        )
    idle = Evaluation.objects.exclude(state__in=ACTIVE).exclude(lease_until=None)
    for pk, state in idle.values_list("pk", "state").iterator():
        yield Broken(rule=rule, row=f"evaluation {pk}", what=f"{state} with a lease")
    longest = timedelta(seconds=settings.LEASE_SECONDS + GRACE_S)
    for pk in (
        Evaluation.objects.active()
        .filter(lease_until__gt=Now() + longest)
        .values_list("pk", flat=True)
        .iterator()
    ):
        what = f"its lease ends more than {settings.LEASE_SECONDS} s ahead"
        yield Broken(rule=rule, row=f"evaluation {pk}", what=what)
    live = Evaluation.objects.active().filter(lease_until__gt=Now())
    twice = live.values("submission_id").annotate(times=Count("pk")).filter(times__gt=1)
    for row in twice.iterator():
        yield Broken(
            rule=rule, row=f"submission {row['submission_id']}", what=f"{row['times']} live leases at once"
        )


def fences() -> Iterator[Broken]:
    """A run is written under a claim that there was."""
    rows = Run.objects.filter(Q(fence=0) | Q(fence__gt=F("evaluation__fence")))
    for pk, evaluation_id, fence in rows.values_list("pk", "evaluation_id", "fence").iterator():
        what = f"written with fence {fence}, which evaluation {evaluation_id} has never given"
        yield Broken(rule="fences", row=f"run {pk}", what=what)


def failures() -> Iterator[Broken]:
    rows = Evaluation.objects.filter(failures__gt=MOST_FAILURES).values_list("pk", "failures")
    for pk, times in rows.iterator():
        what = f"{times} failures; it should have ended at {MOST_FAILURES}"
        yield Broken(rule="failures", row=f"evaluation {pk}", what=what)


CHECKS = (
    Check(rules=("one-in-force",), walk=one_in_force),
    Check(rules=("participation",), walk=participation),
    Check(rules=("leases",), walk=leases),
    Check(rules=("fences",), walk=fences),
    Check(rules=("failures",), walk=failures),
)
