"""The graders of partial credit beside the tools that defined them, on text in four languages.

Where the definitions are the same the values agree to 1e-9, before the six decimals of a grade; where ours
differs on purpose, as docs/scoring.md says, a claim here shows the difference. Texts written for this test.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer  # type: ignore[import-untyped]
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from scoring.graders import bleu, chrf, grade
from scoring.graders.reading.subsequence import common_length
from scoring.graders.reading.tokens import words

# Language, what a model wrote, and the references.
PAIRS: list[tuple[str, str, list[str]]] = [
    ("es", "La calefacción se apaga a las diez.", ["La calefacción se apaga a las diez de la noche."]),
    ("es", "Hay que pedir la ayuda antes del 15 de marzo.", ["La ayuda se pide antes del 15 de marzo."]),
    (
        "es",
        "El niño pagó 1,5 euros en la máquina.",
        ["El niño pagó 15 euros.", "La máquina cobró 1,5 euros."],
    ),
    ("es", "¿Dónde está el padrón? ¡En el ayuntamiento!", ["El padrón está en el ayuntamiento."]),
    ("ca", "L'aigua de la font és freda i neta.", ["L'aigua de la font és neta i molt freda."]),
    ("ca", "La col·laboració dels veïns ha estat plena.", ["Els veïns han col·laborat plenament."]),
    (
        "ca",
        "Cal tancar els llums de la plaça abans de mitjanit.",
        ["Tanqueu els llums de la plaça a mitjanit."],
    ),
    ("eu", "Etxeko argiak itzali behar dira gauean.", ["Gauean etxeko argiak itzali egin behar dira."]),
    ("eu", "Eskaera udaletxean aurkeztu daiteke.", ["Eskaera udaletxean aurkezten da.", "Udaletxera joan."]),
    ("eu", "Ura moztuko da bihar goizean.", ["Bihar goizean ura moztuko dute auzo osoan."]),
    ("gl", "A luz da praza apágase ás dúas da mañá.", ["Ás dúas da mañá apágase a luz da praza."]),
    ("gl", "O concello abre as axudas o luns.", ["As axudas do concello ábrense o luns."]),
    (
        "gl",
        "Non se pode regar no verán.",
        ["Non se pode regar durante o verán seco.", "Prohíbese regar no verán."],
    ),
    ("es", "Sí", ["Sí, con recargo."]),
    ("es", "Nada que ver", ["Otra cosa distinta"]),
    ("eu", "bai", ["ez"]),
]
LANGUAGES = {language for language, _, _ in PAIRS}
VOCABULARY = [
    "la",
    "luz",
    "año",
    "ano",
    "plaça",
    "etxea",
    "argia",
    "é",
    "1,5",
    "kWh",
    "col·lab",
    ".",
    "¿",
    "-",
]
TEXTS = st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=12).map(" ".join)
CLOSE = Decimal("1e-9")


def value(name: str, answer: str, expected: Any, **options: Any) -> Decimal:
    return grade(spec={"name": name, **options}, answer=answer, expected=expected).value


def test_there_are_pairs_in_the_four_languages() -> None:
    assert len(PAIRS) >= 12
    assert {"es", "ca", "eu", "gl"} == LANGUAGES


# --- SQuAD ------------------------------------------------------------------------------------------------

# The articles by language; for Spanish those of MLQA's mlqa_evaluation_v1.py (Lewis et al. 2020).
SQUAD_ARTICLES = {
    "es": r"\b(un|una|unos|unas|el|la|los|las)\b",
    "ca": r"\b(un|una|uns|unes|el|la|els|les|l)\b",
    "gl": r"\b(un|unha|uns|unhas|o|a|os|as)\b",
    "eu": r"(?!)",
}


def squad_f1(prediction: str, ground_truth: str, language: str) -> float:
    """``normalize_answer`` and ``f1_score`` of SQuAD's official evaluate-v1.1.py (Rajpurkar et al. 2016).

    As published, but for the articles; and, as in MLQA, the marks «¿», «¡», «·» are punctuation too.
    """

    def normalize_answer(s: str) -> str:
        exclude = {*string.punctuation, *"¿¡«»"}
        lowered = s.lower()
        without = "".join(ch for ch in lowered if ch not in exclude)
        return " ".join(re.sub(SQUAD_ARTICLES[language], " ", without).split())

    prediction_tokens = normalize_answer(prediction).split()
    ground_truth_tokens = normalize_answer(ground_truth).split()
    num_same = sum((Counter(prediction_tokens) & Counter(ground_truth_tokens)).values())
    if num_same == 0:
        return 0
    precision = 1.0 * num_same / len(prediction_tokens)
    recall = 1.0 * num_same / len(ground_truth_tokens)
    return (2 * precision * recall) / (precision + recall)


def _has_a_mark_within_a_word(*texts: str) -> bool:
    return any(re.search(r"\w[^\w\s]+\w", text) for text in texts)


PLAIN_PAIRS = [pair for pair in PAIRS if not _has_a_mark_within_a_word(pair[1], *pair[2])]


@pytest.mark.parametrize(("language", "answer", "references"), PLAIN_PAIRS)
def test_token_f1_is_squad_s_where_no_mark_stands_within_a_word(
    language: str, answer: str, references: list[str]
) -> None:
    theirs = max(squad_f1(answer, reference, language) for reference in references)
    assert value("token_f1", answer, references, language=language) == _six(theirs)


def test_most_pairs_are_plain_enough_for_squad_in_each_language() -> None:
    assert len(PLAIN_PAIRS) >= 12
    assert {language for language, _, _ in PLAIN_PAIRS} == LANGUAGES


@settings(deadline=None, max_examples=100)
@given(
    left=st.lists(st.sampled_from(["el", "la", "luz", "año", "ano", "sol", "los"]), min_size=1, max_size=8),
    right=st.lists(st.sampled_from(["un", "luz", "año", "ano", "sol"]), min_size=1, max_size=8),
)
def test_token_f1_is_squad_s_for_any_such_words(left: list[str], right: list[str]) -> None:
    answer, expected = " ".join(left), " ".join([*right, "sol"])
    assert value("token_f1", answer, expected) == _six(squad_f1(answer, expected, "es"))


def test_token_f1_differs_from_squad_s_where_a_number_or_an_accent_would_be_lost() -> None:
    assert squad_f1("1,5", "15", "es") == 1
    assert value("token_f1", "1,5", "15") == 0
    assert squad_f1("calefaccion", "calefacción", "es") == 0
    assert value("token_f1", "calefaccion", "calefacción") == 1
    assert squad_f1("kWh/año", "kWh año", "es") == 0
    assert value("token_f1", "kWh/año", "kWh año") == 1


# --- ROUGE ------------------------------------------------------------------------------------------------


class OurWords:
    """Our words as a tokenizer of ``rouge_score``."""

    def tokenize(self, text: str) -> list[str]:
        return words(text)


@pytest.mark.parametrize(("answer", "references"), [pair[1:] for pair in PAIRS])
def test_rouge_l_is_rouge_score_s_over_the_same_words(answer: str, references: list[str]) -> None:
    scorer = RougeScorer(["rougeL"], tokenizer=OurWords())
    theirs = scorer.score_multi(references, answer)["rougeL"].fmeasure
    assert value("rouge_l", answer, references) == _six(theirs)
    for reference in references:
        right, read = words(reference), words(answer)
        ours = Decimal(2 * common_length(right, read)) / (len(right) + len(read))
        assert abs(ours - Decimal(scorer.score(reference, answer)["rougeL"].fmeasure)) <= CLOSE


@settings(deadline=None, max_examples=100)
@given(
    left=st.lists(st.integers(0, 4), max_size=30).map(tuple),
    right=st.lists(st.integers(0, 4), max_size=30).map(tuple),
)
def test_the_common_subsequence_has_the_length_that_rouge_score_s_table_gives(
    left: tuple[int, ...], right: tuple[int, ...]
) -> None:
    from rouge_score.rouge_scorer import _lcs_table

    assert common_length(left, right) == common_length(right, left) == _lcs_table(left, right)[-1][-1]


def test_rouge_score_s_own_tokenizer_cuts_words_at_accents_and_ours_does_not() -> None:
    theirs = RougeScorer(["rougeL"]).score("el año", "el ano")["rougeL"].fmeasure
    assert theirs == pytest.approx(0.4)  # "a" and "o" are words to it
    assert value("rouge_l", "el ano", "el año") == Decimal("0.500000")
    assert RougeScorer(["rougeL"]).score("ñ ç", "ñ ç")["rougeL"].fmeasure == 0
    assert value("rouge_l", "ñ ç", "ñ ç") == 1


def test_where_all_letters_are_ascii_rouge_l_is_rouge_score_s_with_its_own_tokenizer() -> None:
    answer, reference = "Eskaera udaletxean aurkeztu daiteke.", "Eskaera udaletxean aurkezten da."
    theirs = RougeScorer(["rougeL"]).score(reference, answer)["rougeL"].fmeasure
    assert value("rouge_l", answer, reference) == _six(theirs)


# --- sacrebleu --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("answer", "references"), [pair[1:] for pair in PAIRS])
def test_chrf_is_sacrebleu_s(answer: str, references: list[str]) -> None:
    theirs = sacrebleu.sentence_chrf(answer, references, char_order=6, word_order=0, beta=2).score
    assert abs(chrf.score(answer, tuple(references)) - Decimal(theirs)) <= CLOSE
    assert value("chrf", answer, references) == _six(theirs / 100)


@pytest.mark.parametrize(("answer", "references"), [pair[1:] for pair in PAIRS])
def test_bleu_is_sacrebleu_s(answer: str, references: list[str]) -> None:
    theirs = sacrebleu.sentence_bleu(answer, references, tokenize="13a", use_effective_order=True).score
    assert abs(bleu.score(answer, tuple(references)) - Decimal(theirs)) <= CLOSE
    assert value("bleu", answer, references) == _six(theirs / 100)


@settings(deadline=None, max_examples=100)
@given(answer=TEXTS, references=st.lists(TEXTS, min_size=1, max_size=3))
def test_chrf_and_bleu_are_sacrebleu_s_for_any_words(answer: str, references: list[str]) -> None:
    texts = tuple(references)
    their_bleu = sacrebleu.sentence_bleu(answer, references).score
    assert abs(bleu.score(answer, texts) - Decimal(their_bleu)) <= CLOSE
    their_chrf = sacrebleu.sentence_chrf(answer, references).score
    assert abs(chrf.score(answer, texts) - Decimal(their_chrf)) <= CLOSE


def test_the_evidence_is_the_signature_that_sacrebleu_gives() -> None:
    chrf_metric, bleu_metric = CHRF(), BLEU(effective_order=True)
    for metric in (chrf_metric, bleu_metric):
        metric.corpus_score(["sol"], [["sol"], ["luz"]])
    for name, shown in (
        ("chrf", f"chrF2|{chrf_metric.get_signature()}"),
        ("bleu", f"BLEU|{bleu_metric.get_signature()}"),
    ):
        evidence = grade(spec={"name": name}, answer="sol", expected=["sol", "luz"]).evidence
        assert evidence == shown
        assert "nrefs:2" in evidence


def _six(theirs: float) -> Decimal:
    return Decimal(theirs).quantize(Decimal("0.000001"))
