"""A phase that is ranked by a counter, with the real meter beside it: from the window to the auditor's sum.

Its counter is the synthetic one, whose true energy is known: so the figures are grade E and do not rank.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from challenges import case_runs, evaluation, lease, sealing
from challenges.invariants import broken
from challenges.models import (
    Circuit,
    Evaluation,
    Measurement,
    Phase,
    Reason,
    Record,
    ReferenceRun,
    Score,
    State,
)
from scoring.record import sealed
from tests.factories import a_phase, a_submission
from tests.meter_process import TOKEN, MeterProcess
from tests.scripted_backend import (
    MODEL,
    Answer,
    Received,
    Script,
    answering,
    chat_events,
    scripted_backend,
)
from tests.servers import ROOT

pytestmark = [pytest.mark.parts, pytest.mark.django_db(transaction=True)]

WATTS = 250
ANSWER_S = 0.25


def slowly(script: Script) -> Script:
    """A model at work, so that a window holds some changes of the counter."""

    def at_work(received: Received) -> Answer:
        if not received.path.endswith("/models"):
            time.sleep(ANSWER_S)
        return script(received)

    return at_work


@pytest.fixture(autouse=True)
def backend(settings: Any) -> Iterator[None]:
    with scripted_backend(slowly(answering(Answer(pieces=chat_events("sí"))))) as running:
        settings.INFERENCE_URL = running.url
        settings.INFERENCE_MODEL = MODEL
        settings.LEASE_SECONDS = 30
        yield


@pytest.fixture
def meter(settings: Any, tmp_path: Path) -> Iterator[MeterProcess]:
    running = MeterProcess(tmp_path, source=f"synthetic:constant={WATTS},jitter-ms=5")
    settings.METER_URL = running.url
    settings.METER_TOKEN = TOKEN
    running.start()
    yield running
    running.process.stop()


@pytest.fixture
def phase(transactional_db: None) -> Phase:
    return a_phase(ranked_cases=4, feedback_suite=None, evidence_grade="A", concurrency=1)


def work() -> Evaluation:
    held = lease.claim("obrero")
    assert held is not None
    evaluation.evaluate(held)
    return Evaluation.objects.get(pk=held.evaluation_id)


def test_a_window_of_the_meter_becomes_a_score_that_an_auditor_counts_again(
    phase: Phase, meter: MeterProcess, tmp_path: Path, settings: Any
) -> None:
    settings.INFERENCE_FILE_SHA256 = "ab" * 32
    settings.INFERENCE_CONTAINER = "vllm@sha256:cd"
    a_submission(phase)
    assert work().state == State.SCORED
    # As it was when it was measured, whatever is set by the time that somebody makes the file again.
    settings.INFERENCE_FILE_SHA256, settings.INFERENCE_CONTAINER = "", ""
    record = sealed.read(sealing.store().read(Record.objects.get().sha256))
    assert (record.model.file_sha256, record.environment["container"]) == ("ab" * 32, "vllm@sha256:cd")
    assert sealing.make_again(Record.objects.get())
    measured, score = Measurement.objects.get(), Score.objects.get()
    watts = Decimal(measured.energy_mj) / measured.seconds / 1000
    assert abs(watts - WATTS) < Decimal("0.05") * WATTS
    assert "shortened-protocol" in measured.flags
    assert (score.energy_mj, score.evidence_grade, score.is_ranked) == (measured.energy_mj, "E", False)
    (window,) = sealed.read(sealing.store().read(Record.objects.get().sha256)).windows
    assert (window.basis, window.edges_sha256) == ("counter", measured.evidence["edges_sha256"])
    assert window.hardware is not None
    assert list(broken()) == []

    target = tmp_path / "registros.zip"
    call_command("export_records", f"{phase.challenge.slug}/{phase.slug}", "--output", target)
    ended = recomputed(target)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "como la dice el registro" not in ended.stdout
    assert f"energía {score.energy_mj} mJ" in ended.stdout


def test_the_whole_protocol_on_the_real_meter_recomputes_from_the_published_bundle(
    phase: Phase, meter: MeterProcess, tmp_path: Path, settings: Any
) -> None:
    """Its tolerance is wide: the synthetic counter counts time, and this machine does other things too."""
    settings.MEASUREMENT_REPETITIONS = 3
    settings.METER_WINDOW_SECONDS = 4.0
    settings.REFERENCE_SECONDS = 1.0
    settings.IDLE_SECONDS = 0.5
    settings.REFERENCE_TOLERANCE_PERCENT = 80.0
    a_submission(phase)
    assert work().state == State.SCORED
    windows = Measurement.objects.filter(is_ranked=True)
    assert windows.count() >= 3
    assert sum(each.seconds for each in windows) >= 4
    before, after = ReferenceRun.objects.order_by("pk")
    assert (before.place, after.place) == ("before", "after")
    assert before.idle_mj is not None
    assert before.idle_seconds is not None
    assert abs(before.idle_mj / before.idle_seconds / 1000 - WATTS) < WATTS // 20
    positions = [mark[0] for mark in windows[0].evidence["marks"]]
    assert positions == list(phase.ranked_suite.cases.order_by("position").values_list("position", flat=True))
    assert all(
        0 <= start < end <= 1000 * windows[0].seconds for _, start, end in windows[0].evidence["marks"]
    )
    assert list(broken()) == []

    target = tmp_path / "registros.zip"
    call_command("export_records", f"{phase.challenge.slug}/{phase.slug}", "--output", target)
    ended = recomputed(target)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"energía {Score.objects.get().energy_mj} mJ" in ended.stdout


def recomputed(bundle: Path) -> subprocess.CompletedProcess[str]:
    """As a stranger does it: another process, an empty environment, no database."""
    return subprocess.run(
        [sys.executable, "-m", "scoring", "recompute", bundle],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )


def test_while_the_meter_is_away_everything_waits(phase: Phase, meter: MeterProcess) -> None:
    meter.process.stop()
    a_submission(phase)
    row = work()
    assert (row.state, row.failures) == (State.HELD, 0)
    assert Circuit.objects.get(name=Circuit.Name.METER).opened_at is not None
    assert not Measurement.objects.exists()


def test_a_wrong_token_is_told_as_one_and_scores_nothing(
    phase: Phase, meter: MeterProcess, settings: Any
) -> None:
    settings.METER_TOKEN = "otra-clave-que-no-es"
    a_submission(phase)
    row = work()
    assert row.state == State.HELD
    assert "METER_TOKEN" in row.fault_detail


def test_a_window_that_is_too_short_is_void_and_runs_again(
    phase: Phase, meter: MeterProcess, settings: Any
) -> None:
    settings.METER_SHORTEST_WINDOW_SECONDS = 3600
    a_submission(phase)
    row = work()
    assert (row.state, row.failures, row.repetition) == (State.QUEUED, 1, 2)
    assert "window-too-short" in row.fault_detail
    assert not Measurement.objects.exists()


@pytest.mark.parametrize("moment", ["before", "during", "after"])
def test_a_window_in_which_another_evaluation_ran_is_void(
    phase: Phase, meter: MeterProcess, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """``moment`` is when the other one is at work: as the window opens, only within it, or as it closes."""
    a_submission(phase)
    a_submission(phase)
    ours = lease.claim("obrero")
    theirs = lease.claim("otro obrero")
    assert ours is not None
    assert theirs is not None
    if moment == "before":
        lease.transition(theirs, to=State.RUNNING, reason=Reason.STARTED)
    store = case_runs.store

    def store_and_let_the_other_work(*args: Any, **kwargs: Any) -> None:
        store(*args, **kwargs)
        row = Evaluation.objects.get(pk=theirs.evaluation_id)
        if row.state == State.PREPARING:
            lease.transition(theirs, to=State.RUNNING, reason=Reason.STARTED)
        elif row.state == State.RUNNING and moment != "after":
            lease.transition(theirs, to=State.GRADING, reason=Reason.ANSWERED)

    monkeypatch.setattr(case_runs, "store", store_and_let_the_other_work)
    evaluation.evaluate(ours)
    row = Evaluation.objects.get(pk=ours.evaluation_id)
    assert (row.state, row.failures) == (State.QUEUED, 1)
    assert "other-process" in row.fault_detail
    assert not Measurement.objects.exists()
