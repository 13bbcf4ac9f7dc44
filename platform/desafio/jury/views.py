"""What judges see: each phase's board as it stands now, past any freeze, and its ranking as a file.

Only for people with the permission ``challenges.export_ranking``. Nothing here changes a score or a standing.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable
from decimal import Decimal
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.db.models import Count, F, Max, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from challenges import board as boards
from challenges import dispatch, exports, record_export
from challenges.models import Person, Phase
from challenges.record_export import Part
from scoring.record.errors import BundleTooLarge, DisclosureUnreadable, NotStored

logger = logging.getLogger(__name__)

EXPORTS_SHOWN = 20

View = Callable[..., HttpResponseBase]


def _judges_only(view: View) -> View:
    """Anonymous people log in first; others without the permission get the 403 page."""
    permitted = permission_required("challenges.export_ranking", raise_exception=True)(view)
    return never_cache(login_required(permitted))


@_judges_only
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    phases = (
        _phases()
        .annotate(
            places=Count("standings", distinct=True),
            downloads=Count("exports", distinct=True),
            last_download=Max("exports__created_at"),
            version=F("leaderboard__version"),
        )
        .order_by("-opens_at", "challenge__title")
    )
    return render(request, "jury/home.html", {"phases": phases, "now": dispatch.now()})


@_judges_only
@require_safe
def board(request: HttpRequest, challenge: str, phase: str) -> HttpResponse:
    return _board_page(request, _phase(challenge, phase))


@_judges_only
def export(request: HttpRequest, challenge: str, phase: str) -> HttpResponse:
    """The file, by POST because each download is kept; by GET, the page with the button."""
    chosen = _phase(challenge, phase)
    if request.method != "POST":
        page = _board_page(request, chosen, status=405)
        page.headers["Allow"] = "POST"
        return page
    made, kept = exports.export_ranking(phase=chosen, person=cast(Person, request.user))
    kept.refresh_from_db(fields=["created_at"])
    digest = base64.b64encode(bytes.fromhex(made.sha256)).decode()
    return HttpResponse(
        made.body,
        content_type="text/csv; charset=utf-8; header=present",
        headers={
            "Content-Disposition": f'attachment; filename="{made.name}"',
            "Repr-Digest": f"sha-256=:{digest}:",
            "X-Content-SHA256": made.sha256,
            "X-Board-Version": str(made.board_version),
            "X-Exported-At": kept.created_at.isoformat(),
        },
    )


@_judges_only
@require_safe
def records(request: HttpRequest, challenge: str, phase: str) -> HttpResponseBase:
    """The sealed records so far, streamed; private cases are salted hashes in it until they are published.

    A long chain goes out in parts, ``?parte=2`` is the second: more than one file does not hold.
    """
    chosen = _phase(challenge, phase)
    part = _part(chosen, request.GET.get("parte", "1"))
    try:
        download = record_export.download(chosen, part)
    except (NotStored, BundleTooLarge, DisclosureUnreadable) as fault:
        logger.error("records of phase %s: %s", chosen.pk, fault)
        messages.error(
            request,
            _(
                "Ahora no se pueden descargar los registros: falta un fichero. Avisa a la organización, que "
                "puede rehacerlo con seal_records."
            ),
        )
        return _board_page(request, chosen, status=503)
    headers = {"Content-Disposition": f'attachment; filename="{download.name}"'}
    if download.size is not None:
        headers["Content-Length"] = str(download.size)
    return StreamingHttpResponse(download.pieces, content_type="application/zip", headers=headers)


def _part(phase: Phase, number: str) -> Part:
    found = next((part for part in record_export.parts(phase) if str(part.number) == number), None)
    if found is None:
        raise Http404
    return found


def _board_page(request: HttpRequest, phase: Phase, *, status: int = 200) -> HttpResponse:
    now = dispatch.now()
    built = boards.build(phase, restricted=True)
    context = {
        "phase": phase,
        "rows": [_shown(row) for row in built.rows],
        "version": built.version,
        "waiting": built.waiting,
        "now": now,
        "is_frozen": phase.is_frozen(now),
        "is_over": now >= phase.closes_at,
        "is_estimate": phase.evidence_grade in boards.ESTIMATES,
        "last_record": phase.records.order_by("-number").first(),
        "record_parts": record_export.parts(phase),
        "exports": phase.exports.select_related("person").order_by("-created_at", "-pk")[:EXPORTS_SHOWN],
    }
    return render(request, "jury/board.html", context, status=status)


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """A board's row with what judges compare: all tokens in one figure, and exact joules."""
    return {
        **row,
        "tokens": row["prompt_tokens"] + row["completion_tokens"],
        "energy_j": Decimal(row["energy_mj"]).scaleb(-3),
    }


def _phases() -> QuerySet[Phase]:
    return Phase.objects.select_related("challenge", "ranked_suite")


def _phase(challenge: str, phase: str) -> Phase:
    return get_object_or_404(_phases(), challenge__slug=challenge, slug=phase)
