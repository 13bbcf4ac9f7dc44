"""What is told of a proposal's energy before it is handed in: true to its model, silent of private cases."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from challenges import calibrated, preview, purse, submission
from challenges.calibrated import CalibrationCache
from challenges.errors import InvalidContent, PurseExhausted
from challenges.models import Phase, Visibility
from challenges.preview import ASSUMED_SLOT_CHARACTERS, Basis, Expected
from scoring.energy import calibration_file
from scoring.energy.calibration import Calibration, Subject, calibrate, predict
from scoring.energy.token_model import DEFAULT_CPU, TokenModel, call_mj
from scoring.errors import SpecError
from scoring.values import EvidenceGrade, TokenUse
from tests.factories import a_participation, a_phase, a_suite
from tests.in_parallel import in_parallel
from tests.scoring.calibrations import SUBJECT, TRUTH, windows

pytestmark = pytest.mark.django_db

SAMPLING: dict[str, Any] = {"temperature": 0.0, "top_p": 1.0, "max_output_tokens": 16, "stop": [], "seed": 0}
# A prompt of some length, so that no call is shorter than the calibrated ones: 400 characters.
LONG = "Lee la pregunta con calma y responde. " * 11


def raw(user: str = "{{pregunta}}", *, system: str = "", **sampling: Any) -> dict[str, Any]:
    return {"system": system, "user": user, "sampling": {**SAMPLING, **sampling}}


def expected(phase: Phase, content: Mapping[str, Any]) -> Expected:
    return preview.expected(phase, submission.read(phase, content))


def asking(*texts: str) -> list[dict[str, Any]]:
    return [{"inputs": {"pregunta": text}} for text in texts]


def by_hand(model: TokenModel, characters: Sequence[int], *, answer: int) -> int:
    """A third of a token a character, rounded up, sixteen around, and the answer at its limit."""
    return sum(
        call_mj(model, TokenUse(prompt_tokens=(count + 2) // 3 + 16, completion_tokens=answer))
        for count in characters
    )


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibrated, "_CACHE", CalibrationCache())


def a_machine_s(subject: Subject = SUBJECT, **changes: Any) -> Calibration:
    return calibrate(subject, windows(noise=0.01, **changes))


@pytest.fixture
def file(tmp_path: Path, settings: Any) -> Path:
    path = tmp_path / "calibrado.json"
    path.write_text(calibration_file.dump(a_machine_s()))
    settings.TOKEN_MODEL = str(path)
    return path


# --- what a private suite never tells -----------------------------------------------------------------------


TEMPLATES = [raw(), raw("{{pregunta}}{{pregunta}}"), raw(f"{LONG}{{{{pregunta}}}}", max_output_tokens=64)]


@pytest.mark.parametrize("grade", ["A", "D", "E"])
@pytest.mark.parametrize("has_public", [True, False])
@pytest.mark.parametrize("content", TEMPLATES)
def test_no_private_text_moves_the_figure(
    file: Path, grade: str, has_public: bool, content: dict[str, Any]
) -> None:
    without: dict[str, Any] = {} if has_public else {"feedback_suite": None}
    told = {
        (
            expected(phase, content),
            purse.estimate_mj(phase, submission.read(phase, content)),
            refusal_of(phase, content),
        )
        for phase in (
            a_phase(ranked_cases=asking(*texts), evidence_grade=grade, **without)
            for texts in (("a", "b", "c"), ("a" * 900, "b", "c"), ("ñ" * 40_000, "x" * 7, "y" * 300))
        )
    }
    assert len(told) == 1


def refusal_of(phase: Phase, content: dict[str, Any]) -> int:
    """What an empty purse's refusal says that it needed."""
    phase.energy_purse_mj = 1
    phase.save()
    with pytest.raises(PurseExhausted) as refused:
        submission.submit(
            participation=a_participation(phase), phase=phase, content=content, idempotency_key="k"
        )
    assert submission.reserves_mj(phase, content) == refused.value.needed_mj
    return refused.value.needed_mj


def test_a_feedback_suite_that_is_private_does_not_stand_for_the_ranked_one() -> None:
    told = {
        expected(a_phase(feedback_suite=a_suite(cases=asking(text)), ranked_cases=3), raw())
        for text in ("corta", "larga " * 200)
    }
    assert [each.basis for each in told] == [Basis.ASSUMED]


# --- what it is worked out from -----------------------------------------------------------------------------


def basis_and_most(phase: Phase, **sampling: Any) -> tuple[Basis, int, int]:
    found = expected(phase, raw(**sampling))
    return found.basis, found.cases, found.at_most_mj


def test_public_cases_stand_for_as_many_as_are_ranked() -> None:
    phase = a_phase(ranked_cases=5, feedback_cases=asking("x" * 30, "x" * 300))
    # Three of the first and two of the second: five places over two.
    most_mj = by_hand(DEFAULT_CPU, [30, 30, 30, 300, 300], answer=16)
    assert basis_and_most(phase) == (Basis.PUBLIC, 5, most_mj)


def test_fewer_ranked_cases_than_public_ones_are_not_the_first_of_them() -> None:
    phase = a_phase(ranked_cases=2, feedback_cases=asking("x" * 30, "x" * 60, "x" * 300, "x" * 600))
    assert basis_and_most(phase)[2] == by_hand(DEFAULT_CPU, [30, 300], answer=16)


def test_a_public_ranked_suite_stands_for_itself() -> None:
    public = a_suite(visibility=Visibility.PUBLIC, cases=asking("x" * 90, "x" * 9))
    phase = a_phase(public.challenge, ranked_suite=public, feedback_cases=asking("x" * 900))
    assert basis_and_most(phase) == (Basis.RANKED, 2, by_hand(DEFAULT_CPU, [90, 9], answer=16))


def test_without_a_public_case_each_slot_has_an_assumed_length() -> None:
    phase = a_phase(ranked_cases=2, feedback_suite=None)
    most_mj = by_hand(DEFAULT_CPU, [ASSUMED_SLOT_CHARACTERS] * 2, answer=16)
    assert basis_and_most(phase) == (Basis.ASSUMED, 2, most_mj)


def test_longer_answers_and_longer_texts_are_expected_to_cost_more(file: Path) -> None:
    phase = a_phase(evidence_grade="C")
    little, chatty, wordy = (
        expected(phase, each) for each in (raw(), raw(max_output_tokens=64), raw(f"{LONG}{{{{pregunta}}}}"))
    )
    for more in (chatty, wordy):
        assert more.at_most_mj > little.at_most_mj
        assert high(more) > high(little)


def high(found: Expected) -> int:
    assert found.interval is not None
    return found.interval.high_mj


def test_what_cannot_be_read_has_no_figure() -> None:
    with pytest.raises(InvalidContent):
        submission.read(a_phase(), {"user": 7})


# --- which model tells it -----------------------------------------------------------------------------------


def test_an_estimated_phase_is_told_an_estimate_though_a_calibration_is_there(file: Path) -> None:
    found = expected(a_phase(evidence_grade="E"), raw())
    assert (found.grade, found.interval) == (EvidenceGrade.E, None)


@pytest.mark.parametrize("content", [None, "", "{}"])
def test_without_a_calibration_that_can_be_used_it_is_an_estimate(
    file: Path, content: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    file.unlink()
    if content is not None:
        file.write_text(content)
    phase = a_phase(evidence_grade="C", ranked_cases=1, feedback_cases=asking("x" * 30))
    found = expected(phase, raw())
    assert (found.grade, found.interval) == (EvidenceGrade.E, None)
    assert found.at_most_mj == by_hand(DEFAULT_CPU, [30], answer=16)
    assert "calibration unusable" in caplog.text


@pytest.mark.parametrize("grade", ["A", "B", "C", "D"])
def test_a_calibrated_model_tells_it_with_an_interval(file: Path, grade: str) -> None:
    phase = a_phase(evidence_grade=grade, concurrency=1, ranked_cases=2, feedback_cases=asking("x" * 600))
    found = expected(phase, raw())
    machine = a_machine_s()
    model = calibration_file.to_token_model(machine)
    assert (found.grade, found.at_most_mj) == (EvidenceGrade.D, by_hand(model, [600, 600], answer=16))
    assert purse.estimate_mj(phase, submission.read(phase, raw())) == found.at_most_mj
    least = predict(machine, [TokenUse(prompt_tokens=100, completion_tokens=1)] * 2)
    most = predict(machine, [TokenUse(prompt_tokens=216, completion_tokens=16)] * 2)
    assert found.interval is not None
    assert (found.interval.low_mj, found.interval.high_mj) == (least.low_mj, most.high_mj)
    assert found.interval.is_sure


def test_an_interval_holds_what_95_in_100_machines_use() -> None:
    """Windows off by 2 %, texts of three to six characters a token, answers of any length."""
    inside = total = 0
    for seed in range(10):
        machine = calibrate(SUBJECT, windows(noise=0.02, seed=seed))
        model = calibrated.Calibrated(calibration=machine, model=TRUTH, sha256="")
        interval = preview._interval(
            model,
            Phase(evidence_grade="C", concurrency=1),
            [TokenUse(prompt_tokens=100, completion_tokens=1)] * 20,
            [TokenUse(prompt_tokens=216, completion_tokens=16)] * 20,
        )
        for use in ((100, 1), (150, 8), (216, 16)):
            call = TokenUse(prompt_tokens=use[0], completion_tokens=use[1])
            for later in windows(noise=0.02, seed=1000 + seed)[:4]:
                off = later.energy_mj / sum(call_mj(TRUTH, each) for each in later.calls)
                inside += interval.low_mj <= 20 * call_mj(TRUTH, call) * off <= interval.high_mj
                total += 1
    assert inside / total >= 0.95


@pytest.mark.parametrize(
    ("grade", "concurrency", "question", "answer", "is_sure"),
    [
        ("C", 1, 600, 16, True),
        ("C", 1, 6, 16, False),  # shorter than any calibrated call
        ("C", 1, 9_999, 16, False),  # longer
        ("C", 1, 600, 129, False),  # the answer may be longer
        ("C", 4, 600, 16, False),  # calibrated with one call at a time
        ("D", 4, 600, 16, True),  # there the model tells the figure itself
    ],
)
def test_an_interval_claims_nothing_of_calls_unlike_the_calibrated_ones(
    file: Path, grade: str, concurrency: int, question: int, answer: int, is_sure: bool
) -> None:
    phase = a_phase(
        evidence_grade=grade,
        concurrency=concurrency,
        ranked_cases=2,
        feedback_cases=asking("x" * question),
        max_output_tokens=256,
    )
    found = expected(phase, raw(max_output_tokens=answer))
    assert found.interval is not None
    assert found.interval.is_sure is is_sure


# --- the expectation that a measured figure is held against -------------------------------------------------


CALLS = [TokenUse(prompt_tokens=200, completion_tokens=20), TokenUse(prompt_tokens=90, completion_tokens=1)]


def test_measured_calls_are_expected_what_the_calibration_predicts(file: Path) -> None:
    assert calibrated.expected_of(CALLS) == predict(a_machine_s(), CALLS)
    assert calibrated.expected_of(CALLS, in_flight=1) == predict(a_machine_s(), CALLS)


def test_nothing_is_expected_of_another_load_than_the_calibrated_one(file: Path) -> None:
    assert calibrated.expected_of(CALLS, in_flight=4) is None


@pytest.mark.parametrize("content", [None, "", "{}", "\ud800"])
def test_nothing_is_expected_without_a_file_that_can_be_used(
    file: Path, content: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    file.unlink()
    if content is not None:
        file.write_bytes(content.encode(errors="surrogatepass"))
    assert calibrated.expected_of(CALLS) is None
    assert "calibration unusable" in caplog.text


def test_nothing_is_expected_where_nothing_was_calibrated(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.TOKEN_MODEL = ""
    assert calibrated.expected_of(CALLS) is None
    assert caplog.text == ""


def test_calls_that_cannot_be_end_in_no_expectation(file: Path) -> None:
    assert calibrated.expected_of([TokenUse(prompt_tokens=-1, completion_tokens=1)]) is None


# --- the file is read once ----------------------------------------------------------------------------------


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Each reading of a file, which really takes place."""
    done: list[Path] = []
    really = calibration_file.read

    def counted(path: Path) -> Calibration:
        done.append(path)
        return really(path)

    monkeypatch.setattr(calibration_file, "read", counted)
    return done


def test_a_file_is_read_once_until_it_changes(file: Path, reads: list[Path]) -> None:
    first = calibrated.current()
    assert calibrated.current() is first
    assert len(reads) == 1
    other = a_machine_s(seed=2)
    file.write_text(calibration_file.dump(other))
    changed = calibrated.current()
    assert changed is not None
    assert changed.sha256 == calibration_file.sha256_of(other)
    assert len(reads) == 2


def test_another_file_in_its_place_is_read_though_size_and_times_agree(
    file: Path, reads: list[Path], tmp_path: Path
) -> None:
    calibrated.current()
    was = file.stat()
    text = file.read_text()
    forged = tmp_path / "otro"
    forged.write_text(text.replace('"modelo@1"', '"modelo@2"'))
    os.utime(forged, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert (forged.stat().st_size, forged.stat().st_mtime_ns) == (was.st_size, was.st_mtime_ns)
    forged.replace(file)
    assert calibrated.current_or_none() is None, "its hash does not fit"


def test_a_file_that_cannot_be_used_is_not_read_again_and_again(file: Path, reads: list[Path]) -> None:
    file.write_text("{}")
    for _ in range(3):
        with pytest.raises(SpecError):
            calibrated._CACHE.read(str(file))
    assert len(reads) == 1
    file.write_text(calibration_file.dump(a_machine_s()))
    assert calibrated.current() is not None


def test_many_at_once_read_it_once_and_get_the_same(file: Path, reads: list[Path]) -> None:
    found = in_parallel(*[calibrated.current for _ in range(8)])
    assert len({id(each) for each in found}) == 1
    assert len(reads) == 1


def test_two_files_are_never_taken_for_one_another(file: Path, tmp_path: Path, settings: Any) -> None:
    other = tmp_path / "otra.json"
    other.write_text(calibration_file.dump(a_machine_s(seed=2)))
    one = calibrated.current()
    settings.TOKEN_MODEL = str(other)
    two = calibrated.current()
    assert one is not None
    assert two is not None
    assert one.sha256 != two.sha256
