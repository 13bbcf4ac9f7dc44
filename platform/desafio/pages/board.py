"""The board page: the table as it stands now, which the live script then keeps up to date."""

from __future__ import annotations

from typing import Any, cast

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from challenges import board, dispatch, record_export
from challenges.models import Person
from desafio.pages import phases
from desafio.pages.challenge import participation_of, published


@require_safe
def show(request: HttpRequest, slug: str) -> HttpResponse:
    challenge = published(slug)
    all_clocks = phases.clocks(challenge, dispatch.now())
    clock = phases.chosen(all_clocks, request.GET.get("fase", ""))
    if clock is None and all_clocks:
        raise Http404
    context = {"challenge": challenge, "clocks": all_clocks, "clock": clock}
    if clock is not None:
        live = f"{settings.LIVE_URL}/vivo/{challenge.slug}/{clock.phase.slug}"
        built = board.build(clock.phase)
        participation = participation_of(cast(Person, request.user), challenge)
        context |= {
            "phase": clock.phase,
            "rows": [_with_tokens(row) for row in built.rows],
            "version": built.version,
            # The name that the live process gives to these very bytes.
            "board_id": built.etag.strip('"'),
            "waiting": built.waiting,
            "mine": str(participation.public_id) if participation else "",
            "participation": participation,
            "is_estimate": clock.phase.evidence_grade in board.ESTIMATES,
            "records": record_export.publication(clock.phase, at=clock.now),
            "events_url": f"{live}/eventos",
            "board_url": f"{live}/tabla.json",
        }
    return render(request, "pages/board.html", context)


def _with_tokens(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "tokens": row["prompt_tokens"] + row["completion_tokens"]}
