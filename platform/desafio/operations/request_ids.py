"""A name for each request: in every line that is logged under it, and in its answer.

A proxy in front may give one (``X-Request-ID``), so that its log and ours can be read together.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any

from django.core.signals import request_finished
from django.http import HttpRequest, HttpResponseBase
from structlog.contextvars import bind_contextvars, unbind_contextvars

HEADER = "X-Request-ID"
# As UUIDs and the names that proxies give look. Anything else would be a stranger's text in our log.
SANE = re.compile(r"[A-Za-z0-9._-]{8,64}")

GetResponse = Callable[[HttpRequest], HttpResponseBase]


def request_ids(get_response: GetResponse) -> GetResponse:
    """The first of the middlewares, so that whatever the others log is under it too."""

    def respond(request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get(HEADER, "")
        request_id = given if SANE.fullmatch(given) else uuid.uuid4().hex
        # Until the request has ended, because Django logs answers like 404 after the last middleware.
        bind_contextvars(request_id=request_id)
        response = get_response(request)
        response[HEADER] = request_id
        return response

    return respond


def forget(**_: Any) -> None:
    unbind_contextvars("request_id")


request_finished.connect(forget)
