"""Each score is sealed as it is written: the file alone gives it again, and says nothing that is private."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from challenges import energy_window, evaluation, lease, record_export, sealing
from challenges.errors import CasesStillSecret
from challenges.invariants import broken
from challenges.models import Evaluation, Measurement, Phase, Record, Run, Score, State, Tally
from scoring.energy.calibration_file import dump, sha256_of
from scoring.errors import CalibrationUnavailable
from scoring.record import bundle, sealed
from tests import stepwise
from tests.factories import (
    PROMPT,
    a_challenge,
    a_phase,
    a_reference_run,
    a_score,
    a_submission,
    a_window,
    unsealed,
)
from tests.scoring.calibrations import a_calibration
from tests.servers import ROOT

pytestmark = pytest.mark.django_db(transaction=True)

CANARY = "CANARIO"
SECRET = [
    {"inputs": {"pregunta": f"{CANARY}-{number}"}, "expected": f"{CANARY}-respuesta", "weight": number}
    for number in (1, 2)
]


@pytest.fixture
def phase(transactional_db: None) -> Phase:
    return a_phase(a_challenge(slug="energia"), slug="final", ranked_cases=SECRET)


def scored(phase: Phase, *, answer: str = f"{CANARY}-dijo") -> Score:
    a_submission(phase)
    held = lease.claim("obrero")
    assert held is not None
    return stepwise.evaluate(held, text_of=lambda case: answer)


def auditor(*arguments: str | Path) -> tuple[int, str]:
    """What somebody sees who has the file, this package and nothing else."""
    ended = subprocess.run(
        [sys.executable, "-m", "scoring", *map(str, arguments)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.returncode, ended.stdout + ended.stderr


def exported(phase: Phase, folder: Path, *options: str) -> Path:
    target = folder / "registros.zip"
    call_command("export_records", f"{phase.challenge.slug}/{phase.slug}", "--output", target, *options)
    return target


def test_each_score_has_a_record_behind_the_one_before_it(phase: Phase) -> None:
    scores = [scored(phase) for _ in range(3)]
    first, second, third = Record.objects.order_by("number")
    assert [row.score for row in (first, second, third)] == scores
    assert [row.number for row in (first, second, third)] == [1, 2, 3]
    assert first.previous_sha256 == "0" * 64
    assert (second.previous_sha256, third.previous_sha256) == (first.sha256, second.sha256)
    assert list(broken()) == []


def test_the_file_alone_gives_the_scores_again(phase: Phase, tmp_path: Path) -> None:
    scores = [scored(phase), scored(phase)]
    target = exported(phase, tmp_path)
    head = Record.objects.order_by("-number")[0].sha256
    assert auditor("verify", target) == (0, f"energia/final: cadena íntegra: 2 registros, cabeza {head}\n")
    code, told = auditor("recompute", target)
    assert code == 0, told
    for score in scores:
        assert f"puntuación {score.value:.4f}, calidad {score.quality:.6f}" in told
        assert f"energía {score.energy_mj} mJ: idéntica" in told


def test_a_record_tells_nothing_of_private_cases_answers_prompts_and_people(
    phase: Phase, tmp_path: Path
) -> None:
    score = scored(phase)
    with zipfile.ZipFile(exported(phase, tmp_path)) as opened:
        told = b"".join(opened.read(name) for name in opened.namelist()).decode()
    person = score.participation.person
    suite = phase.ranked_suite
    secrets = [CANARY, PROMPT["system"], PROMPT["user"], person.email, person.board_name, suite.salt]
    secrets += [case.key for case in suite.cases.all()]
    secrets += [score.evaluation.submission.content_sha256]
    assert [secret for secret in secrets if secret and secret in told] == []


def test_two_that_answered_the_same_do_not_look_alike(phase: Phase) -> None:
    scored(phase)
    scored(phase)
    first, second = (
        sealed.read(sealing.store().read(row.sha256)) for row in Record.objects.order_by("number")
    )
    assert [run.case_sha256 for run in first.runs] == [run.case_sha256 for run in second.runs]
    answers = [{call.answer_sha256 for run in each.runs for call in run.calls} for each in (first, second)]
    assert answers[0].isdisjoint(answers[1])


def test_a_closed_phase_may_tell_its_cases_and_then_the_grades_follow_too(
    phase: Phase, tmp_path: Path
) -> None:
    scored(phase)
    with pytest.raises(CasesStillSecret):
        record_export.chunks(phase, disclose=True)
    with pytest.raises(CommandError, match="energia/final puntúa con esos casos hasta"):
        exported(phase, tmp_path, "--disclose")
    assert list(tmp_path.iterdir()) == []
    Phase.objects.update(closes_at=timezone.now() - timedelta(seconds=1))
    target = exported(phase, tmp_path, "--disclose")
    with bundle.Bundle(target) as opened:
        assert f"{CANARY}-respuesta" in (opened.read("disclosure.json") or b"").decode()
    assert auditor("recompute", target)[0] == 0


def test_cases_that_another_open_phase_is_judged_on_stay_secret(phase: Phase) -> None:
    scored(phase)
    Phase.objects.update(closes_at=timezone.now() - timedelta(seconds=1))
    a_phase(phase.challenge, slug="repesca", ranked_suite=phase.ranked_suite)
    with pytest.raises(CasesStillSecret) as refused:
        record_export.chunks(phase, disclose=True)
    assert refused.value.phase == "energia/repesca"


def test_a_calibrated_figure_names_its_calibration_and_recomputes(
    transactional_db: None, tmp_path: Path, settings: Any
) -> None:
    phase = a_phase(ranked_cases=2, feedback_suite=None, evidence_grade="D")
    file = tmp_path / "calibrado.json"
    file.write_text(dump(a_calibration()))
    settings.TOKEN_MODEL = str(file)
    score = scored(phase)
    assert (score.evidence_grade, score.is_ranked) == ("D", True)
    record = sealed.read(sealing.store().read(score.record.sha256))
    assert record.coefficients is not None
    assert record.coefficients.calibration_sha256 == sha256_of(a_calibration())
    assert auditor("recompute", exported(phase, tmp_path))[0] == 0
    assert list(broken()) == []


@pytest.mark.parametrize("content", [None, "{}", "\x00"])
def test_a_calibrated_phase_waits_where_there_is_no_calibration(
    transactional_db: None, tmp_path: Path, settings: Any, content: str | None
) -> None:
    phase = a_phase(evidence_grade="D")
    if content is not None:
        (tmp_path / "calibrado.json").write_text(content)
        settings.TOKEN_MODEL = str(tmp_path / "calibrado.json")
    with pytest.raises(CalibrationUnavailable, match="calibrado"):
        energy_window.source_for(phase)


def test_a_full_disk_loses_nothing_and_costs_no_try(phase: Phase, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    a_submission(phase)
    held = lease.claim("obrero")
    assert held is not None
    with monkeypatch.context() as broken_disk:
        broken_disk.setattr(os, "fsync", full)
        evaluation_of_answers(held)
    row = Evaluation.objects.get()
    assert (row.state, row.failures, row.fault_code) == (State.QUEUED, 0, "record_store")
    assert not Score.objects.exists()
    assert not Record.objects.exists()
    assert row.not_before is not None
    Evaluation.objects.update(not_before=None)
    held = lease.claim("obrero")
    assert held is not None
    evaluation_of_answers(held)
    assert Score.objects.count() == Record.objects.count() == 1
    assert Run.objects.filter(case__suite=phase.ranked_suite).count() == len(SECRET)


def evaluation_of_answers(held: lease.Lease) -> None:
    """``evaluate`` with the answers at hand: what it does with what ``judge`` raises is what is looked at."""

    async def judge(held: lease.Lease) -> None:
        from asgiref.sync import sync_to_async

        await sync_to_async(stepwise.evaluate)(held)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(evaluation, "judge", judge)
        evaluation.evaluate(held)


def test_scores_from_before_there_were_records_can_be_sealed(phase: Phase) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sealing, "seal", lambda score, *, evidence: unsealed(score))
        scores = [scored(phase), scored(phase)]
    found = list(broken())
    assert {(each.rule, each.is_certain) for each in found} == {("score-sealed", False)}
    call_command("seal_records")
    assert [row.score for row in Record.objects.order_by("number")] == scores
    assert list(broken()) == []


def test_a_lost_file_is_made_again_to_the_byte(phase: Phase, capsys: pytest.CaptureFixture[str]) -> None:
    scored(phase)
    row = Record.objects.get()
    path = sealing.store().path(row.sha256)
    content = path.read_bytes()
    path.unlink()
    call_command("seal_records", "energia/final")
    assert path.read_bytes() == content
    assert "0 sellados, 1 ficheros rehechos" in capsys.readouterr().out


def test_a_lost_file_whose_rows_changed_is_not_made_up(phase: Phase) -> None:
    score = scored(phase)
    row = Record.objects.get()
    sealing.store().path(row.sha256).unlink()
    Run.objects.filter(evaluation=score.evaluation).delete()
    with pytest.raises(CommandError):
        call_command("seal_records")
    assert not sealing.store().holds(row.sha256)


def test_a_score_without_evidence_cannot_be_sealed_and_says_so(phase: Phase) -> None:
    a_score(phase)
    with pytest.raises(CommandError):
        call_command("seal_records")
    assert not Record.objects.exists()
    assert not Tally.objects.filter(name="record_store_faults").exists()


def test_a_long_chain_is_exported_in_parts_that_go_on_from_one_another(
    phase: Phase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_export, "PART_RECORDS", 2)
    for _ in range(3):
        scored(phase)
    target = exported(phase, tmp_path, "--part", "2")
    with bundle.Bundle(target) as opened:
        assert list(opened.numbers) == [3]
        assert opened.manifest.previous_sha256 == Record.objects.get(number=2).sha256
    assert auditor("recompute", target)[0] == 0
    with pytest.raises(CommandError, match="la fase tiene 2"):
        exported(phase, tmp_path, "--part", "3")


def test_the_edges_that_a_part_names_and_no_others_are_in_it(
    phase: Phase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of all windows that count and of the reference workload around them."""
    monkeypatch.setattr(record_export, "PART_RECORDS", 1)
    named = []
    for number in (1, 2):
        evaluation = scored(phase).evaluation
        windows = [
            Measurement.objects.create(
                evaluation=evaluation,
                repetition=repetition,
                is_ranked=True,
                **a_window(watts=(100 * number, 10 * repetition)),
            )
            for repetition in (2, 3)
        ]
        around = a_reference_run(evaluation, evidence=a_window(watts=(7, number))["evidence"])
        evidence = [*(window.evidence for window in windows), around.evidence]
        named.append(sorted(each["edges_sha256"] for each in evidence))
    for part, hashes in zip(record_export.parts(phase), named, strict=True):
        target = tmp_path / f"{part.number}.zip"
        target.write_bytes(b"".join(record_export.chunks(phase, part=part)))
        with bundle.Bundle(target) as opened:
            assert [name[9:-5] for name in opened.names(bundle.EVIDENCE_NAME)] == hashes
        assert record_export.download(phase, part).size == target.stat().st_size
