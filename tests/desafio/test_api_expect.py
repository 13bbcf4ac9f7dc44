"""The address that tells a proposal's expected energy: the figure of the page, and asking spends nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from challenges import preview, submission
from challenges.models import Phase, Purse, Submission
from scoring.energy.calibration_file import dump
from tests.contest import as_
from tests.factories import PROMPT, a_participation, a_person, a_phase
from tests.scoring.calibrations import a_calibration

pytestmark = pytest.mark.django_db

URL = "/api/v1/submissions/expect/"


def ask(phase: Phase, content: Any, *, client: Client | None = None) -> Any:
    client = client or as_(a_participation(phase).person)
    body = {"challenge": phase.challenge.slug, "phase": phase.slug, "content": content}
    return client.post(URL, body, content_type="application/json")


def test_an_estimate_has_no_interval_and_spends_nothing() -> None:
    phase = a_phase(energy_purse_mj=1)
    answer = ask(phase, PROMPT)
    assert answer.status_code == 200
    assert answer.json() == {
        "cases": 3,
        "calls": 1,
        "basis": "public",
        "max_output_tokens": 16,
        "prompt_tokens": {"low": 21, "high": 93},
        "tokens_basis": "estimate",
        "at_most_mj": preview.expected(phase, submission.read(phase, PROMPT)).at_most_mj,
        "counted_at_most_mj": None,
        "evidence_grade": "E",
        "interval": None,
    }
    assert not Submission.objects.exists()
    assert not Purse.objects.exists()


def test_a_calibrated_model_gives_the_interval(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "calibrado.json").write_text(dump(a_calibration()))
    settings.TOKEN_MODEL = str(tmp_path / "calibrado.json")
    phase = a_phase(evidence_grade="D", feedback_cases=[{"inputs": {"pregunta": "x" * 600}}])
    told, interval = (
        ask(phase, PROMPT).json(),
        preview.expected(phase, submission.read(phase, PROMPT)).interval,
    )
    assert interval is not None
    assert told["evidence_grade"] == "D"
    assert told["interval"] == {"low_mj": interval.low_mj, "high_mj": interval.high_mj, "is_sure": True}


def test_whoever_has_not_joined_may_ask_too() -> None:
    phase = a_phase()
    assert ask(phase, PROMPT, client=as_(a_person())).json() == ask(phase, PROMPT).json()
    assert ask(phase, PROMPT, client=Client()).status_code == 401


@pytest.mark.parametrize("content", [{**PROMPT, "user": "{{desconocido}}"}, {**PROMPT, "user": 7}, {}])
def test_what_could_not_be_handed_in_is_refused_with_its_problems(content: Any) -> None:
    answer = ask(a_phase(), content)
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:desafio:problem:invalid-content"
    assert answer.json()["errors"]


def test_no_private_text_moves_the_answer() -> None:
    told = [
        ask(a_phase(ranked_cases=[{"inputs": {"pregunta": private}}]), PROMPT).json()
        for private in ("a", "b" * 5_000)
    ]
    assert told[0] == told[1]
