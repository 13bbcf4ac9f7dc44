"""The inference backend that the settings name, for the worker and the sweeper."""

from __future__ import annotations

import asyncio
import logging
from ipaddress import ip_address
from urllib.parse import urlsplit

from django.conf import settings

from scoring.errors import BackendFault
from scoring.inference.backend import BackendSettings
from scoring.inference.probe import probe

logger = logging.getLogger(__name__)


def settings_from_django() -> BackendSettings:
    return BackendSettings(
        url=settings.INFERENCE_URL,
        api_key=settings.INFERENCE_API_KEY,
        model=settings.INFERENCE_MODEL,
        revision=settings.INFERENCE_REVISION,
        dialect=settings.INFERENCE_DIALECT,
        chat_format=settings.INFERENCE_CHAT_FORMAT,
        extra_body=settings.INFERENCE_EXTRA_BODY,
    )


def answers(*, timeout_s: float) -> bool:
    """Whether it completes a request right now. Not from inside an event loop."""
    try:
        asyncio.run(probe(settings_from_django(), timeout_s=timeout_s))
    except BackendFault as fault:
        logger.info("backend probed: %s", fault)
        return False
    return True


def is_this_machine(url: str) -> bool:
    """Whether what listens there runs where we do, so that a counter of this machine counts it too."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
