"""The front page: what the contest is, which challenges there are and when, and how the first one scores."""

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
    phase = next((each.clock.phase for each in listed if each.clock), None)
    context = {
        "listed": listed,
        "explained_phase": phase,
        "formula": formula.of_phase(phase),
        "example": formula.example(phase),
    }
    return render(request, "pages/home.html", context)
