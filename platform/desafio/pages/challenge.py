"""A challenge's own page, and joining it."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from challenges import dispatch, purse, registration, submission
from challenges.errors import ChallengeClosed, ConsentMissing
from challenges.models import Challenge, Participation, Person, Purpose
from challenges.sentences import explain
from desafio.pages import cases, formula, phases
from desafio.pages.try_form import TryForm

# Enough to understand the task; the rest is behind a "show more" that needs no script.
CASES_SHOWN_AT_FIRST = 5


@require_safe
def show(request: HttpRequest, slug: str) -> HttpResponse:
    return _page(request, published(slug))


@login_required
def join(request: HttpRequest, slug: str) -> HttpResponse:
    """Take part. Whoever comes back here from the login has only an address: the form is on the page."""
    challenge = published(slug)
    if request.method != "POST":
        return redirect("pages:challenge", slug=slug)
    given = [purpose.value for purpose in Purpose if f"consent_{purpose.value}" in request.POST]
    try:
        registration.join(person=cast(Person, request.user), challenge=challenge, consents=given)
    except ConsentMissing as refused:
        return _page(request, challenge, join_error=explain(refused), ticked=given, status=422)
    except ChallengeClosed as refused:
        return _page(request, challenge, join_error=explain(refused), ticked=given, status=409)
    messages.success(request, _("Ya participas en este desafío. Cuando quieras, haz tu primer envío."))
    return redirect("pages:challenge", slug=slug)


def published(slug: str) -> Challenge:
    return get_object_or_404(Challenge, slug=slug, is_published=True)


def participation_of(user: Person | AnonymousUser, challenge: Challenge) -> Participation | None:
    if not user.is_authenticated:
        return None
    return Participation.objects.filter(person=user, challenge=challenge).first()


def _page(
    request: HttpRequest,
    challenge: Challenge,
    *,
    join_error: str = "",
    ticked: list[str] | None = None,
    status: int = 200,
) -> HttpResponse:
    user = cast(Person, request.user)
    all_clocks = phases.clocks(challenge, dispatch.now())
    clock = phases.current(all_clocks)
    phase = clock.phase if clock else None
    participation = participation_of(user, challenge)
    shown = cases.public_cases(phase) if phase else []
    tried = TryForm.of(phase, request.GET.dict()) if phase else None
    context = {
        "challenge": challenge,
        "clocks": all_clocks,
        "clock": clock,
        "phase": phase,
        "formula": formula.of_phase(phase) if phase else None,
        "example": formula.example(phase) if phase else None,
        "try_form": tried,
        "tried": tried.sum_of(phase) if tried and phase else None,
        "participation": participation,
        "quota": submission.quota(participation, phase) if participation and phase else None,
        "energy": purse.balance(participation, phase) if participation and phase else None,
        "slots": submission.slots_of(phase) if phase else {},
        "cases": shown[:CASES_SHOWN_AT_FIRST],
        "more_cases": shown[CASES_SHOWN_AT_FIRST:],
        "purposes": _purposes(user, ticked or []) if participation is None else [],
        "join_error": join_error,
    }
    return render(request, "pages/challenge.html", context, status=status)


def _purposes(user: Person, ticked: list[str]) -> list[dict[str, object]]:
    """The consents that this person has not given yet, one by one, none ticked but those just posted."""
    if not user.is_authenticated:
        return []
    given = set(user.consents.filter(withdrawn_at=None).values_list("purpose", flat=True))
    return [
        {
            "value": purpose.value,
            "text": purpose.label,
            "is_required": purpose in registration.REQUIRED_TO_JOIN,
            "is_ticked": purpose.value in ticked,
        }
        for purpose in Purpose
        if purpose.value not in given
    ]
