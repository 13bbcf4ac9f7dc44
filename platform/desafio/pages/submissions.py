"""A contestant's own submissions: the list, one of them, its state for the script that follows it, and the
way to take it back.
"""

from __future__ import annotations

import json
import uuid
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models.functions import Now
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from challenges import cancelling, dispatch, figure, outcome
from challenges.errors import TooLateToWithdraw
from challenges.models import Kind, Person, Score, Submission
from challenges.models.immutable import AppendOnlyQuerySet
from challenges.sentences import explain
from desafio.pages import phases, power, report

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
    result = report.result(line)
    account = result.energy.account if result and result.energy else None
    context = {
        **_followed(submission, line),
        "challenge": submission.phase.challenge,
        "phase": submission.phase,
        "fault": report.fault(line.evaluation),
        "result": result,
        "power": power.of(account, asked=request.GET.get("ventana", "")),
        "feedback": report.feedback(line),
        "document": _document(submission),
    }
    return render(request, "pages/submission.html", context)


def _document(submission: Submission) -> str:
    """The steps as they were handed in, conditions and all; nothing for what its own fields show whole."""
    if submission.kind != Kind.PIPELINE:
        return ""
    return json.dumps(submission.content, ensure_ascii=False, indent=2)


@login_required
@never_cache
@require_safe
def progress(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The fragments with state, progress and steps; a script asks for them while something may change."""
    submission = get_object_or_404(_own(request), pk=pk)
    return render(request, "pages/_following.html", _followed(submission, report.line(submission)))


@login_required
@never_cache
@require_safe
def power_curve(request: HttpRequest, pk: uuid.UUID, repetition: int) -> HttpResponse:
    """What static/power-chart.js draws: the curve of one repetition that counts, for its author.

    Organizers may read everybody's, but for what a freeze hides from them. Whoever may not finds nothing, as
    on the submission's page, and so does whoever asks before there is a score.
    """
    submission = get_object_or_404(_with_all(Submission.objects.all()), pk=pk)
    evaluation = outcome.current(submission)
    score = outcome.score_of(evaluation)
    if score is None or not _may_see_power(cast(Person, request.user), submission, score):
        raise Http404
    curve = power.curve_of(get_object_or_404(figure.windows(evaluation), repetition=repetition))
    if curve is None:
        raise Http404
    return JsonResponse(curve.as_json())


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def withdraw(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Ask whether they mean it, and take it back. Who comes too late is told so on the submission's page."""
    submission = get_object_or_404(_own(request), pk=pk)
    evaluation = outcome.current(submission)
    try:
        if request.method == "POST":
            cancelling.withdraw(submission)
            told = _("Envío retirado. Has recuperado el intento: puedes volver a usarlo mientras haya plazo.")
            messages.success(request, told)
        elif cancelling.can_be_withdrawn(evaluation):
            context = {"submission": submission, "zone": phases.zone(submission.phase)}
            return render(request, "pages/withdraw.html", context)
        else:
            raise TooLateToWithdraw(state=evaluation.state)
    except TooLateToWithdraw as refused:
        messages.warning(request, explain(refused))
    return redirect("pages:submission", pk=pk)


def _followed(submission: Submission, line: report.Line) -> dict[str, Any]:
    """What may change while one looks at it."""
    return {
        "submission": submission,
        "zone": phases.zone(submission.phase),
        "line": line,
        "following": report.following(line),
    }


def _may_see_power(person: Person, submission: Submission, score: Score) -> bool:
    """Its author, and organizers but for what a freeze hides from them."""
    if submission.participation.person_id == person.pk:
        return True
    if not (person.is_staff and person.has_perm("challenges.view_measurement")):
        return False
    freeze_at, now = submission.phase.freeze_at, dispatch.now()
    is_hidden = freeze_at is not None and now >= freeze_at and score.created_at >= freeze_at
    return not is_hidden or person.has_perm("challenges.export_ranking")


def _own(request: HttpRequest) -> AppendOnlyQuerySet[Submission]:
    """Nobody's but the asker's: a guess at another id finds nothing."""
    return _with_all(Submission.objects.filter(participation__person=cast(Person, request.user)))


def _with_all(submissions: AppendOnlyQuerySet[Submission]) -> AppendOnlyQuerySet[Submission]:
    """With what a page tells of each."""
    return (
        submissions.select_related(
            "phase__challenge", "phase__ranked_suite", "phase__feedback_suite", "participation"
        )
        .prefetch_related(outcome.evaluations())
        .annotate(asked_at=Now())
    )
