"""Settings with which no evaluation could ever succeed are refused before anything starts."""

from __future__ import annotations

from typing import Any

import pytest

from challenges.checks import check_settings


def test_the_settings_of_the_tests_are_fine() -> None:
    assert check_settings(None) == []


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("INFERENCE_DIALECT", "grpc", "challenges.E001"),
        ("INFERENCE_CHAT_FORMAT", "llama", "challenges.E001"),
        ("INFERENCE_URL", "localhost:8081", "challenges.E002"),
        ("INFERENCE_URL", "http://", "challenges.E002"),
        ("INFERENCE_URL", "http://[::1", "challenges.E002"),
        ("INFERENCE_URL", "http://gpu:puerto", "challenges.E002"),
        ("INFERENCE_EXTRA_BODY", ["cache_prompt"], "challenges.E003"),
        ("INFERENCE_FILE_SHA256", "A" * 64, "challenges.E007"),
        ("LEASE_SECONDS", 2, "challenges.E004"),
        ("EVALUATION_SECONDS", 0, "challenges.E004"),
        ("METER_URL", "gpu.example.org", "challenges.E005"),
        ("METER_URL", "ftp://gpu.example.org", "challenges.E005"),
        ("MEASUREMENT_REPETITIONS", 0, "challenges.E006"),
        ("MEASUREMENT_REPETITIONS", 101, "challenges.E006"),
        ("ESTIMATE_REPETITIONS", 0, "challenges.E006"),
        ("ESTIMATE_REFERENCE_SECONDS", -0.1, "challenges.E006"),
        ("METER_WINDOW_SECONDS", -1.0, "challenges.E006"),
        ("METER_SHORTEST_WINDOW_SECONDS", float("nan"), "challenges.E006"),
        ("REFERENCE_SECONDS", float("inf"), "challenges.E006"),
        ("REFERENCE_TOLERANCE_PERCENT", 0.0, "challenges.E006"),
        ("IDLE_SECONDS", -0.5, "challenges.E006"),
        ("MACHINE_PUE", 0.9, "challenges.E006"),
    ],
)
def test_a_setting_that_cannot_work_is_named(settings: Any, name: str, value: Any, error: str) -> None:
    setattr(settings, name, value)
    [found] = check_settings(None)
    assert found.id == error
    assert name in found.msg


def test_a_meter_with_an_http_address_is_fine(settings: Any) -> None:
    settings.METER_URL = "http://gpu.example.org:8090"
    assert check_settings(None) == []
