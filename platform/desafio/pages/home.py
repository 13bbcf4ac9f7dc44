"""The front page: what the contest is, which challenges there are and when, and how a score is made."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from challenges import dispatch
from challenges.models import Challenge
from desafio.pages import formula, phases


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    challenge: Challenge
    clock: phases.PhaseClock | None


@require_safe
def show(request: HttpRequest) -> HttpResponse:
    now = dispatch.now()
    published = Challenge.objects.filter(is_published=True).prefetch_related("phases")
    listed = [
        Listed(
            challenge=challenge,
            clock=phases.current(phases.clock(phase, now) for phase in challenge.phases.all()),
        )
        for challenge in published
    ]
    first = next(
        (each.clock.phase for each in listed if each.clock and each.clock.phase.policy == "verde"), None
    )
    return render(
        request,
        "pages/home.html",
        {"listed": listed, "formula": formula.of_phase(first), "example": formula.example(first)},
    )
