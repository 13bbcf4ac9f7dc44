"""Claims on the calibration's file: nothing is lost in it, and it is never taken at its word."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from scoring.energy.calibration import Calibration, Sample, calibrate
from scoring.energy.calibration_file import MAX_FILE_BYTES, dump, load, read, sha256_of, to_token_model
from scoring.energy.token_model import TokenRange
from scoring.values import EvidenceGrade
from tests.scoring.calibrations import SUBJECT, refusal_of, windows

Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def noisy() -> Calibration:
    return calibrate(SUBJECT, windows(noise=0.01))


def test_what_was_written_is_read_again(noisy: Calibration, tmp_path: Path) -> None:
    file = tmp_path / "calibracion.json"
    file.write_text(dump(noisy))
    assert read(file) == noisy
    assert dump(read(file)) == dump(noisy)


def test_it_holds_no_number_with_a_point(noisy: Calibration) -> None:
    def refuse(written: str) -> object:
        raise AssertionError(written)

    json.loads(dump(noisy), parse_float=refuse)


def test_its_hash_is_that_of_its_canonical_json(noisy: Calibration) -> None:
    document = json.loads(dump(noisy))
    given = document.pop("sha256")
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(canonical.encode()).hexdigest() == given == sha256_of(noisy)


def forged(calibration: Calibration, change: Change) -> str:
    """The file with a change, and with a hash that fits the change."""
    document = json.loads(dump(calibration))
    del document["sha256"]
    change(document)
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return json.dumps({**document, "sha256": hashlib.sha256(canonical.encode()).hexdigest()})


def setting(path: str, value: object) -> Change:
    def change(document: dict[str, Any]) -> None:
        *parents, last = (int(step) if step.isdigit() else step for step in path.split("."))
        place: Any = document
        for step in parents:
            place = place[step]
        place[last] = value

    return change


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("coefficients.c1", "-43.000000", "coefficients.c1"),
        ("coefficients.c1", "NaN", "coefficients.c1"),
        ("coefficients.c1", 43, "coefficients.c1"),
        ("coefficients.c5", "1.000000", "coefficients.c5"),
        ("coefficients", [], "coefficients"),
        ("range.max_prompt_tokens", 9999, "range.max_prompt_tokens"),
        ("residuals.r_squared", "1.000000", "residuals.r_squared"),
        ("residuals.cells.0.relative", "0.000000", "residuals.cells.0.relative"),
        ("interval.spread", "0.000000001", "interval.spread"),
        ("interval.degrees_of_freedom", True, "interval.degrees_of_freedom"),
        ("interval.covariance.1.1", "0", "interval.covariance.1.1"),
        ("format", 2, "format"),
        ("format", True, "format"),
        ("extra", 1, "extra"),
        ("hardware", 5, "hardware"),
        ("in_flight", "1", "in_flight"),
        ("in_flight", True, "in_flight"),
        ("samples", {}, "samples"),
        ("samples.0", 7, "samples.0"),
        ("samples.0.extra", 7, "samples.0.extra"),
        ("samples.0.seconds", "10", "samples.0.seconds"),
        ("samples.0.energy_mj", "5", "samples.0.energy_mj"),
        ("samples.0.calls", 5, "samples.0.calls"),
        ("samples.0.calls.0", [1, 2], "samples.0.calls"),
        ("samples.0.calls.0", [1, 2, 0], "samples.0.calls"),
        ("samples.0.calls.0", [1, 2, 10**9], "samples.0.calls"),
        ("samples.0.calls.0", [1, 2, "x"], "samples.0.calls"),
    ],
)
def test_a_file_that_nobody_measured_is_refused_though_its_hash_fits(
    noisy: Calibration, path: str, value: object, field: str
) -> None:
    assert refusal_of(lambda: load(forged(noisy, setting(path, value)))).field == field


@pytest.mark.parametrize("name", ["coefficients", "samples", "version", "interval"])
def test_a_missing_key_is_named(noisy: Calibration, name: str) -> None:
    refused = refusal_of(lambda: load(forged(noisy, lambda document: document.pop(name))))
    assert (refused.field, refused.fix) == (name, "Falta esta clave.")


def test_windows_out_of_their_order_are_no_file_of_ours(noisy: Calibration) -> None:
    text = forged(noisy, lambda document: document["samples"].reverse())
    assert refusal_of(lambda: load(text)).field.startswith("samples.0.")


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('"energy_mj": ', '"energy_mj": 1', "sha256"),
        ('"model": "modelo@1"', '"model": "modelo@2"', "sha256"),
        ('"in_flight": 1', '"in_flight": 1, "in_flight": 1', "in_flight"),
        ('"in_flight": 1', '"in_flight": 1.0', "1.0"),
        ('"in_flight": 1', '"in_flight": NaN', "NaN"),
        ('"in_flight": 1', '"in_flight": -Infinity', "-Infinity"),
        ("{", "", "(archivo)"),
    ],
)
def test_a_file_with_a_change_is_refused(noisy: Calibration, old: str, new: str, field: str) -> None:
    assert refusal_of(lambda: load(dump(noisy).replace(old, new, 1))).field == field


@pytest.mark.parametrize(
    "text", ["", "[]", "7", "null", "[" * 100_000, "{}", '{"in_flight": ' + "9" * 5000 + "}"]
)
def test_whatever_else_stands_in_the_file_is_refused(text: str) -> None:
    assert refusal_of(lambda: load(text)).field in ("(archivo)", "sha256")


@pytest.mark.parametrize("content", [b"\xff\xfe{}", b" " * (MAX_FILE_BYTES + 1)])
def test_a_file_that_is_no_text_or_has_no_end_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "calibracion.json"
    file.write_bytes(content)
    assert refusal_of(lambda: read(file)).field == "(archivo)"


def sums(samples: Sequence[Sample]) -> int:
    return sum(sample.energy_mj for sample in samples)


def test_nothing_that_was_measured_is_lost_on_the_way_to_the_file(noisy: Calibration) -> None:
    again = load(dump(noisy))
    assert sums(again.samples) == sums(windows(noise=0.01))
    assert sum(cell.measured_mj for cell in again.fit.cells) == sums(again.samples)


def test_its_model_is_grade_d_and_names_its_evidence(noisy: Calibration) -> None:
    model = to_token_model(noisy)
    assert model.grade is EvidenceGrade.D
    assert model.version == f"prueba-1:{sha256_of(noisy)[:12]}"
    assert model.range == TokenRange(
        min_prompt_tokens=32, max_prompt_tokens=3072, min_completion_tokens=1, max_completion_tokens=128
    )
    for part in ("rapl:package-0", "Procesador de prueba", "llama.cpp", "modelo@1", str(noisy.fit.r_squared)):
        assert part in model.source
