"""The live process: ``uvicorn desafio.live.asgi:app --timeout-graceful-shutdown 5`` (docs/live.md).

A process of its own beside the web's, so that thousands of open streams cost no web worker. Only this module
sets Django up; whatever reads the database runs in ``desafio.live.database``, off the event loop.
"""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "desafio.settings")
django.setup()

from django.conf import settings  # noqa: E402  # only now do the models below have their apps

from desafio.live.app import LiveApp  # noqa: E402

app = LiveApp(
    redis_url=settings.REDIS_URL,
    allowed_origins=settings.LIVE_ALLOWED_ORIGINS,
    max_streams=settings.LIVE_MAX_STREAMS,
    metrics_token=settings.METRICS_TOKEN,
)
