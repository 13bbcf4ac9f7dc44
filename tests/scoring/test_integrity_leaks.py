"""Whoever shows a private case has seen it: canaries, literal text and carried answers are found, each by its
rule; what everybody may know is not."""

from __future__ import annotations

import base64
import doctest
import importlib
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.integrity import canaries, hidden_answers, private_text
from scoring.integrity.reading import folded, readings, squeezed
from scoring.integrity.values import Background, PrivateCase, Rule, Where, texts_of
from scoring.integrity.watch import Watched, look
from tests.scoring.private_suite import BACKGROUND, CASES, HONEST, LETTERED, LETTERS, PUBLIC, SALT, looked


def rules(prompt: str, **more: object) -> set[Rule]:
    return {each.rule for each in looked(prompt, **more)}  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["canaries", "reading", "values"])
def test_the_examples_of_the_modules_are_true(name: str) -> None:
    results = doctest.testmod(importlib.import_module(f"scoring.integrity.{name}"))
    assert results.attempted > 0
    assert results.failed == 0


@pytest.mark.parametrize("prompt", HONEST)
def test_an_honest_prompt_has_no_finding(prompt: str) -> None:
    assert looked(prompt, answers=["la concejalía de campanas de Trujillo", "No se sabe."]) == ()
    assert looked(prompt, cases=LETTERED, answers=["b", "a"]) == ()


# --- canaries ---------------------------------------------------------------------------------------------


def test_each_case_has_its_own_canary_and_every_suite_others() -> None:
    ours = {canaries.canary(SALT, each.key) for each in CASES}
    assert len(ours) == len(CASES)
    assert ours.isdisjoint(canaries.canary("5b" * 32, each.key) for each in CASES)


@pytest.mark.parametrize("salt", ["", "5a", "zz" * 32])
def test_no_canary_is_made_of_no_salt(salt: str) -> None:
    with pytest.raises(ValueError, match="hexadecimal"):
        canaries.canary(salt, "s1")


@pytest.mark.parametrize("shown", ["{}", "<!-- {} -->", "x{}x"])
def test_a_canary_is_found_in_prompt_and_public_answer_with_its_case(shown: str) -> None:
    text = shown.format(CASES[6].canary)
    (in_prompt,) = looked(f"Responde. {text}")
    (in_answer,) = looked("Responde.", answers=["sí", text])
    assert (in_prompt.rule, in_prompt.where, in_prompt.keys) == (Rule.CANARY, Where.PROMPT, ("s7",))
    assert (in_answer.rule, in_answer.where, in_answer.keys) == (Rule.CANARY, Where.ANSWER, ("s7",))


def test_half_a_canary_is_enough_and_less_is_nothing() -> None:
    digits = CASES[0].canary.removeprefix(canaries.PREFIX)
    assert rules(digits[:12]) == rules(digits[12:]) == {Rule.CANARY}
    assert rules(digits[:11]) == set()


# --- literal text -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES[::7], ids=lambda each: each.key)
def test_a_quoted_case_is_found_by_its_text(case: PrivateCase) -> None:
    found = [each for each in looked(f"Ejemplo: {case.inputs[0]}") if each.rule == Rule.PRIVATE_TEXT]
    assert [each.reading for each in found] == ["plain"]
    assert case.key in found[0].keys


def test_a_stretch_counts_from_forty_letters_and_digits_on() -> None:
    case = PrivateCase(
        key="s1", inputs=("zumo de naranja recién exprimido en la venta del puerto viejo",), answers=()
    )
    words = squeezed(case.inputs[0])
    stretch = private_text.STRETCH
    read = readings(words[3 : 3 + stretch]), readings(words[3 : 2 + stretch])
    enough, short = ([*private_text.look(each, [case], BACKGROUND, where=Where.PROMPT)] for each in read)
    assert [each.keys for each in enough] == [("s1",)]
    assert short == []


def test_text_that_a_public_case_has_too_never_counts() -> None:
    shared = "Una vivienda de noventa metros con dos habitaciones y calefacción de gas"
    case = PrivateCase(key="s1", inputs=(f"{shared} gasta 12 kWh al día.",), answers=())
    prompt = Watched(prompt=f"Por ejemplo: {shared} gasta 12 kWh al día.")
    assert look(prompt, [case], Background(texts=(f"{shared} gasta 7 kWh al día.",))) == ()
    assert [each.rule for each in look(prompt, [case], BACKGROUND)] == [Rule.PRIVATE_TEXT]


def test_a_pattern_that_many_private_cases_share_tells_none_of_them() -> None:
    pattern = "Lee con calma la notificación del ayuntamiento y contesta"
    cases = [PrivateCase(key=f"s{each}", inputs=(f"{pattern} la {each}",), answers=()) for each in range(5)]
    watched = Watched(prompt=pattern)
    assert look(watched, cases, BACKGROUND) == ()
    assert [each.rule for each in look(watched, cases[:3], BACKGROUND)] == [Rule.PRIVATE_TEXT]


def test_two_public_texts_together_make_nothing_public() -> None:
    private = "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijkl"
    case = PrivateCase(key="s1", inputs=(private,), answers=())
    beside = Background(texts=(private[:15], private[15:30], private[30:]))
    assert [each.rule for each in look(Watched(prompt=private), [case], beside)] == [Rule.PRIVATE_TEXT]


# --- answers ----------------------------------------------------------------------------------------------


def test_three_long_private_answers_are_found_and_two_are_not() -> None:
    answers = [each.answers[0] for each in CASES[:3]]
    (found,) = looked(f"Suele ser {answers[2]}, {answers[0]} o {answers[1]}.")
    assert (found.rule, found.keys) == (Rule.ANSWERS, ("s1", "s2", "s3"))
    assert looked(f"Suele ser {answers[0]} o {answers[1]}.") == ()


def test_no_single_answer_can_be_tried_out_in_any_reading() -> None:
    one, two = (base64.b64encode(each.answers[0].encode()).decode() for each in CASES[:2])
    assert looked(f"{one} {CASES[0].answers[0]} {one[::-1]}") == ()
    assert [each.reading for each in looked(f"{one} {two}")] == ["base64"]


def test_answers_of_middle_length_need_eight_and_a_quarter_of_them() -> None:
    words = [
        "martes",
        "encina",
        "jabón",
        "tejado",
        "botijo",
        "almendra",
        "canica",
        "pañuelo",
        "orégano",
        "gavilán",
    ]
    cases = [PrivateCase(key=f"s{each}", inputs=(), answers=(word,)) for each, word in enumerate(words)]
    shuffled = random.Random(4).sample(words, len(words))
    assert {each.rule for each in looked(" ".join(shuffled[:8]), cases=cases)} == {Rule.ANSWERS}
    assert looked(" ".join(shuffled[:7]), cases=cases) == ()
    many = [
        *cases,
        *(PrivateCase(key=f"z{each}", inputs=(), answers=(f"palabra{each}",)) for each in range(40)),
    ]
    assert looked(" ".join(shuffled[:8]), cases=many) == ()


def test_an_answer_that_a_public_text_has_never_counts() -> None:
    answers = [each.answers[0] for each in CASES[:3]]
    watched = Watched(prompt="; ".join(answers))
    assert look(watched, CASES, Background(texts=(*PUBLIC, f"Ya se sabe: {answers[0]}."))) == ()


def test_labels_that_many_cases_share_never_count() -> None:
    labels = ("departamento de urbanismo", "departamento de hacienda", "departamento de tráfico")
    cases = [PrivateCase(key=f"s{each}", inputs=(), answers=(labels[each % 3],)) for each in range(12)]
    assert looked("Elige entre: " + "; ".join(labels), cases=cases) == ()


@pytest.mark.parametrize("written", ["{}", "({})", "{}, nota:", "{}\n"])
def test_a_key_of_letters_in_order_is_found(written: str) -> None:
    prompt = "Clave: " + " ".join(written.format(letter) for letter in LETTERS[5:35])
    found = [each for each in looked(prompt, cases=LETTERED) if each.rule == Rule.ANSWERS_IN_ORDER]
    assert [len(each.keys) for each in found] == [30]


def test_a_numbered_key_and_one_without_spaces_are_found() -> None:
    numbered = " ".join(f"{place}. {letter}" for place, letter in enumerate(LETTERS, start=1))
    tight = " ".join(f"{place}{letter}" for place, letter in enumerate(LETTERS, start=1))
    for prompt in (numbered, tight, LETTERS):
        assert rules(prompt, cases=LETTERED) == {Rule.ANSWERS_IN_ORDER}


def test_a_short_piece_of_the_key_is_chance() -> None:
    assert looked(" ".join(LETTERS[:12]), cases=LETTERED) == ()


def test_the_same_answer_over_and_over_weighs_nothing() -> None:
    cases = [PrivateCase(key=f"s{each}", inputs=(), answers=("sí",)) for each in range(60)]
    assert looked("sí " * 60, cases=cases) == ()


def test_random_keys_are_hardly_ever_in_order() -> None:
    chance = random.Random(11)
    found = [looked(" ".join(chance.choices("abcd", k=400)), cases=LETTERED) for _ in range(40)]
    assert found == [()] * 40


def test_no_run_of_fewer_than_a_seed_could_reach_the_limit() -> None:
    for cases in (hidden_answers.SEED, 40, 128):
        limit = hidden_answers.CHANCE_BITS + math.log2(cases)
        assert (hidden_answers.SEED - 1) * math.log2(cases) < limit


# --- texts ------------------------------------------------------------------------------------------------


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert folded(folded(text)) == folded(text)
    assert squeezed(squeezed(text)) == squeezed(text)
    assert squeezed(folded(text)) == squeezed(text)


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_texts_are_looked_at_without_an_error(prompt: str, answer: str) -> None:
    looked(prompt, answers=[answer, "\ud800"])


def test_a_text_of_a_megabyte_is_read_as_it_stands_alone() -> None:
    assert [each.name for each in readings("ab " * 400_000)] == ["plain"]


def test_every_text_in_a_value_is_told() -> None:
    assert list(texts_of([{"a": ["x", None]}, 1.5, False, "y"])) == ["x", "1.5", "y"]
