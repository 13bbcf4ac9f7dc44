"""Nearly equal prompts of different participations are found, compared exactly, and told once."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.integrity.near_duplicates import MOST_TOGETHER, THRESHOLD, Pair, Prompt, find, jaccard, shingles

ROOT = Path(__file__).parents[2]
WORDS = [f"{stem}{end}" for stem in ("cas", "lun", "perr", "mont", "fin", "gat") for end in "aeiou"]
WORDS += [f"{word}{end}" for word in WORDS for end in ("r", "s", "do", "ndo", "ble", "ría", "mos", "ción")]
SIZE = int(os.environ.get("INTEGRITY_PROMPTS", "1200"))


def a_text(seed: int, *, words: int = 60) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=words))


def prompts(*texts: str) -> list[Prompt]:
    """One of each participation, in this order."""
    return [Prompt(id=f"e{owner}", owner=owner, text=text) for owner, text in enumerate(texts)]


def told(pairs: Sequence[Pair]) -> list[tuple[str, str, Fraction]]:
    return [(pair.earlier.id, pair.later.id, pair.likeness) for pair in pairs]


def without(text: str, *places: int) -> str:
    """The text with other words in some places."""
    return " ".join("otra" if place in places else word for place, word in enumerate(text.split()))


def test_the_same_text_is_wholly_alike_whatever_its_case_spaces_and_slots() -> None:
    one = f"{a_text(1)} {{{{pregunta}}}}\nFin."
    other = f"  {a_text(1).upper()} —  {{{{ enunciado }}}} fin"
    assert told(find(prompts(one, other))) == [("e0", "e1", Fraction(1))]


def test_likeness_is_the_exact_share_of_words_in_a_row() -> None:
    # 60 words are 58 runs of three; another word in the middle changes three of them.
    pairs = find(prompts(a_text(1), without(a_text(1), 30)))
    assert told(pairs) == [("e0", "e1", Fraction(55, 61))]


def test_another_text_and_a_rewritten_one_are_not_alike() -> None:
    rewritten = without(a_text(1), *range(0, 60, 4))
    assert find(prompts(a_text(1), a_text(2), rewritten)) == []


def test_what_one_participation_repeats_of_itself_is_no_pair() -> None:
    own = [Prompt(id=str(each), owner=7, text=a_text(1)) for each in range(5)]
    assert find(own) == []


def test_two_participations_are_told_once_by_their_most_alike_prompts() -> None:
    rows = [
        Prompt(id="a1", owner=1, text=without(a_text(1), 10)),
        Prompt(id="a2", owner=1, text=a_text(1)),
        Prompt(id="b1", owner=2, text=a_text(1)),
        Prompt(id="b2", owner=2, text=without(a_text(1), 20)),
    ]
    (pair,) = find(rows)
    assert told([pair]) == [("a2", "b1", Fraction(1))]
    assert pair.pairs == 4


def test_what_the_challenge_gave_to_everybody_is_no_likeness() -> None:
    both = prompts(*(f"{a_text(9)} {a_text(owner, words=16)}" for owner in (1, 2)))
    assert len(find(both)) == 1
    assert find(both, background=[f"Por ejemplo: {a_text(9)}"]) == []


def test_a_prompt_of_few_words_is_nobodys_own() -> None:
    assert find(prompts(*["Responde solo con la letra de la opción correcta"] * 3)) == []


def test_a_thousand_copies_are_held_against_the_first_alone() -> None:
    count = MOST_TOGETHER + 50
    pairs = find(prompts(*[a_text(1)] * count))
    assert len(pairs) == count - 1
    assert {pair.earlier.id for pair in pairs} == {"e0"}


def test_empty_prompts_and_none_at_all_are_no_pairs() -> None:
    assert find([]) == []
    assert find(prompts("", "", "¿…?")) == []


@given(st.lists(st.text(alphabet="abc ", max_size=60), min_size=2, max_size=2))
def test_likeness_is_symmetric_and_between_none_and_all(texts: list[str]) -> None:
    one, other = shingles(texts)
    assert jaccard(one, other) == jaccard(other, one)
    assert 0 <= jaccard(one, other) <= 1
    assert jaccard(one, one) == (1 if len(one) else 0)


def test_another_process_finds_the_same_pairs() -> None:
    """Whatever its seed for the hashes of texts."""
    script = (
        "from tests.scoring.test_integrity_near_duplicates import *\n"
        "print(told(find(prompts(*[without(a_text(1), n) for n in range(0, 60, 9)]))))"
    )
    told_by = {
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told_by) == 1
    assert "Fraction" in told_by.pop()


@pytest.mark.storm
def test_every_alike_pair_of_many_is_found() -> None:
    """``INTEGRITY_PROMPTS`` makes them more; each in four is a changed copy of an earlier one."""
    chance = random.Random(3)
    texts: list[str] = []
    for number in range(SIZE):
        if texts and chance.random() < 0.25:
            places = chance.sample(range(60), chance.randint(0, 8))
            texts.append(without(chance.choice(texts), *places))
        else:
            texts.append(a_text(number + 100))
    rows = prompts(*texts)
    sets = [set(each.tolist()) for each in shingles(texts)]
    alike = {
        (f"e{one}", f"e{other}")
        for one, other in combinations(range(SIZE), 2)
        if 10 * len(sets[one] & sets[other]) >= 6 * len(sets[one] | sets[other])
    }
    found = {(pair.earlier.id, pair.later.id) for pair in find(rows, threshold=THRESHOLD)}
    assert found <= alike
    # At likeness 0.6 itself 0.988 are found, and nearly all above.
    assert len(found) >= 0.98 * len(alike) > 0
