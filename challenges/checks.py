"""What Django checks before a process starts: settings with which no evaluation could ever succeed."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from challenges import backend
from scoring.errors import SpecError
from scoring.inference import token_counts
from scoring.record.sealed import MAX_REPETITIONS

SHORTEST_LEASE_S = 3
FILE_HASH = re.compile(r"(?:[0-9a-f]{64})?")
PROTOCOL_SECONDS = (
    "METER_SHORTEST_WINDOW_SECONDS",
    "METER_WINDOW_SECONDS",
    "REFERENCE_SECONDS",
    "IDLE_SECONDS",
    "ESTIMATE_REFERENCE_SECONDS",
)
PROTOCOL_REPETITIONS = ("MEASUREMENT_REPETITIONS", "ESTIMATE_REPETITIONS")


@register
def check_settings(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    return [*_inference(), *_tokenizer(), *_lease(), *_meter(), *_protocol()]


def _inference() -> list[CheckMessage]:
    try:
        backend.settings_from_django()
    except ValueError as wrong:
        return [Error(f"INFERENCE_DIALECT, INFERENCE_CHAT_FORMAT: {wrong}.", id="challenges.E001")]
    if not _is_http(settings.INFERENCE_URL):
        hint = "Write it as http://127.0.0.1:8081 or https://host."
        return [Error("INFERENCE_URL is no HTTP address.", hint=hint, id="challenges.E002")]
    if not isinstance(settings.INFERENCE_EXTRA_BODY, dict):
        hint = 'Write it as {"cache_prompt": false}.'
        return [Error("INFERENCE_EXTRA_BODY is no JSON object.", hint=hint, id="challenges.E003")]
    if not FILE_HASH.fullmatch(settings.INFERENCE_FILE_SHA256):
        hint = "Write the 64 hexadecimal digits that sha256sum prints, in small letters, or leave it out."
        return [Error("INFERENCE_FILE_SHA256 is no SHA-256.", hint=hint, id="challenges.E007")]
    return []


def _tokenizer() -> list[CheckMessage]:
    if not settings.TOKENIZER_FILE:
        return []
    try:
        token_counts.load(Path(settings.TOKENIZER_FILE))
    except (OSError, SpecError) as wrong:
        hint = "Name the tokenizer.json that was published beside the model's weights, or leave it out."
        return [Error(f"TOKENIZER_FILE cannot be used: {wrong}", hint=hint, id="challenges.E008")]
    return []


def _lease() -> list[CheckMessage]:
    if settings.LEASE_SECONDS >= SHORTEST_LEASE_S and settings.EVALUATION_SECONDS >= 1:
        return []
    hint = "A heartbeat renews a lease every third of it; below that a busy machine would lose good leases."
    message = f"LEASE_SECONDS must be at least {SHORTEST_LEASE_S}, and EVALUATION_SECONDS at least 1."
    return [Error(message, hint=hint, id="challenges.E004")]


def _meter() -> list[CheckMessage]:
    if not settings.METER_URL or _is_http(settings.METER_URL):
        return []
    hint = "Write it as http://127.0.0.1:8090 or https://host, or leave it out."
    return [Error("METER_URL is no HTTP address.", hint=hint, id="challenges.E005")]


def _protocol() -> list[CheckMessage]:
    rules = [
        *(
            (f"{name}: 1 to {MAX_REPETITIONS}", 1 <= getattr(settings, name) <= MAX_REPETITIONS)
            for name in PROTOCOL_REPETITIONS
        ),
        ("REFERENCE_TOLERANCE_PERCENT: above 0", settings.REFERENCE_TOLERANCE_PERCENT > 0),
        ("MACHINE_PUE: 1 or more", 1 <= settings.MACHINE_PUE < math.inf),
        *((f"{name}: 0 or more", 0 <= getattr(settings, name) < math.inf) for name in PROTOCOL_SECONDS),
    ]
    hint = "docs/energy.md tells the protocol; leave a setting out to measure by it."
    return [Error(f"{rule}.", hint=hint, id="challenges.E006") for rule, holds in rules if not holds]


def _is_http(address: str) -> bool:
    try:
        url = urlsplit(address)
        return url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:  # half an IPv6 address, a port that is no number
        return False
