"""What Django checks of this door's settings before a process starts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

SHORTEST_TOKEN = 20


@register
def check_token(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    token = settings.METRICS_TOKEN
    if not token or (len(token) >= SHORTEST_TOKEN and token.isascii() and token.isprintable()):
        return []
    hint = 'Make one with python -c "import secrets; print(secrets.token_urlsafe(32))", or leave it out.'
    message = f"METRICS_TOKEN must have at least {SHORTEST_TOKEN} characters, all of them plain ASCII."
    return [Error(message, hint=hint, id="operations.E001")]
