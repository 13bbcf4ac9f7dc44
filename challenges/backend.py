"""The inference backend that the settings name, for the worker and the sweeper."""

from __future__ import annotations

from django.conf import settings

from scoring.inference.backend import BackendSettings


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
