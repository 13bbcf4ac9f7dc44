"""A contestant's own submissions: the list, one of them, and its state for the script that follows it."""

from __future__ import annotations

import uuid
from typing import cast

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from challenges import outcome
from challenges.models import Person, Submission
from challenges.models.immutable import AppendOnlyQuerySet
from desafio.pages import phases, report

SUBMISSIONS_PER_PAGE = 25


@login_required
@never_cache
@require_safe
def mine(request: HttpRequest) -> HttpResponse:
    pages = Paginator(_own(request).order_by("-created_at"), SUBMISSIONS_PER_PAGE)
    page = pages.get_page(request.GET.get("pagina"))
    listed = [report.line(submission) for submission in page.object_list]
    return render(request, "pages/submissions.html", {"page": page, "listed": listed})


@login_required
@never_cache
@require_safe
def show(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    submission = get_object_or_404(_own(request), pk=pk)
    line = report.line(submission)
    context = {
        "submission": submission,
        "challenge": submission.phase.challenge,
        "phase": submission.phase,
        "zone": phases.zone(submission.phase),
        "line": line,
        "progress": report.progress(submission, line.evaluation),
        "fault": report.fault(line.evaluation),
        "result": report.result(line),
        "feedback": report.feedback(line),
    }
    return render(request, "pages/submission.html", context)


@login_required
@never_cache
@require_safe
def progress(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The fragment with state and progress; a script asks for it while the evaluation is under way."""
    submission = get_object_or_404(_own(request), pk=pk)
    line = report.line(submission)
    context = {
        "submission": submission,
        "line": line,
        "progress": report.progress(submission, line.evaluation),
    }
    return render(request, "pages/_progress.html", context)


def _own(request: HttpRequest) -> AppendOnlyQuerySet[Submission]:
    """Nobody's but the asker's: a guess at another id finds nothing."""
    return (
        Submission.objects.filter(participation__person=cast(Person, request.user))
        .select_related("phase__challenge", "phase__ranked_suite", "phase__feedback_suite", "participation")
        .prefetch_related(outcome.evaluations())
    )
