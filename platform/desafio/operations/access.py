"""Who may read figures and details: whoever shows ``METRICS_TOKEN``, and nobody while there is none."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare


def is_set_up() -> bool:
    return bool(settings.METRICS_TOKEN)


def shows_the_token(request: HttpRequest) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if not is_set_up() or scheme.lower() != "bearer":
        return False
    return constant_time_compare(token.strip(), settings.METRICS_TOKEN)
