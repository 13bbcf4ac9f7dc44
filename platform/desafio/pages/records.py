"""The sealed records of a phase that is over, as files that anybody may take and check.

The board's page links to them. ``challenges.record_export`` says when the public may have them, and what is
in them; here only how they are sent: piece by piece, with a tag, with a length where it is known beforehand,
and not to everybody at once.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe
from rest_framework.throttling import SimpleRateThrottle

from challenges import dispatch, record_export
from challenges.models import Phase
from challenges.record_export import Download
from desafio.pages.challenge import published
from scoring.record.errors import BundleTooLarge, DisclosureUnreadable, NotStored

logger = logging.getLogger(__name__)

# Of the threads of a process that answer requests: a slow line holds one for as long as the file takes.
SENT_AT_ONCE = 2
BUSY_WAIT_S = 60
_slots = threading.BoundedSemaphore(SENT_AT_ONCE)


class DownloadRate(SimpleRateThrottle):
    """How many files an address may take; asking again with the tag of one that it has is not counted."""

    scope = "records"
    rate = "60/hour"

    def get_cache_key(self, request: HttpRequest, view: object) -> str:
        return f"records_{self.get_ident(request)}"  # type: ignore[arg-type]  # it reads META alone


class Pieces:
    """The pieces of a file; gives its slot back once they are sent, or once nobody wants them any more."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._is_open = True

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def close(self) -> None:
        """Django calls it at the end of every answer, even of one of which no piece was asked for."""
        if self._is_open:
            self._is_open = False
            _slots.release()


@require_safe
def download(request: HttpRequest, slug: str, phase: str, number: int) -> HttpResponseBase:
    """A part of the records. 404 while the public may not have it: the board's page says why."""
    chosen = get_object_or_404(
        Phase.objects.select_related("challenge"), challenge=published(slug), slug=phase
    )
    offered = record_export.publication(chosen, at=dispatch.now())
    part = next((part for part in offered.parts if part.number == number), None)
    if part is None:
        raise Http404
    tag = record_export.etag(part)
    # Anybody's cache may keep it, and asks each time: an organizer can freeze a board again.
    validators = {"ETag": tag, "Cache-Control": "public, no-cache"}
    unchanged = get_conditional_response(request, etag=tag)
    if unchanged is not None:
        for name, value in validators.items():
            unchanged.headers[name] = value
        return unchanged
    rate = DownloadRate()
    if request.method == "GET" and not rate.allow_request(request, None):  # type: ignore[arg-type]  # no DRF view
        return _later(request, 429, int(rate.wait() or BUSY_WAIT_S) + 1)
    try:
        made = record_export.download(chosen, part)
    except (NotStored, BundleTooLarge, DisclosureUnreadable) as fault:
        logger.error("records of phase %s, part %s: %s", chosen.pk, number, fault)
        return _later(request, 503, BUSY_WAIT_S)
    headers = {
        "Content-Disposition": f'attachment; filename="{made.name}"',
        **validators,
    }
    if made.size is not None:
        headers["Content-Length"] = str(made.size)
    return _sent(request, made, headers)


def _sent(request: HttpRequest, made: Download, headers: dict[str, str]) -> HttpResponseBase:
    if request.method == "HEAD":
        # Django would tell a length of 0 for an answer that is not streamed.
        return StreamingHttpResponse((), content_type="application/zip", headers=headers)
    if not _slots.acquire(blocking=False):
        return _later(request, 503, BUSY_WAIT_S)
    return StreamingHttpResponse(Pieces(made.pieces), content_type="application/zip", headers=headers)


def _later(request: HttpRequest, status: int, wait_s: int) -> HttpResponse:
    context = {"minutes": -(-wait_s // 60), "is_many": status == 429}
    answer = render(request, "pages/records_later.html", context, status=status)
    answer.headers["Retry-After"] = str(wait_s)
    return answer
