"""Claims on what an output becomes before a prompt holds it: no mark survives, and no length moves."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from scoring.solutions.outputs import MOST_CHARACTERS_PER_TOKEN, carried, storable, without_marks
from scoring.solutions.turn_marks import find_turn_marks
from scoring.values import Sampling
from tests.scoring.contents import MODEL_TEXTS
from tests.scoring.test_turn_marks import MARKS

NESTED = st.lists(
    st.sampled_from([*MARKS, "<|", "|>", "<", "[", "]", "/", "<<", "SYS", ">>", "a", " "]), max_size=10
).map("".join)


@given(text=NESTED | MODEL_TEXTS)
@example(text="<|[INST]|>")
def test_no_mark_is_left_and_the_text_is_as_long_as_it_was(text: str) -> None:
    harmless = without_marks(text)
    assert find_turn_marks(harmless, field="user") == ()
    assert len(harmless) == len(text)
    assert without_marks(harmless) == harmless


@given(text=NESTED)
def test_a_text_without_marks_is_not_touched(text: str) -> None:
    if not find_turn_marks(text, field="user"):
        assert without_marks(text) == text


@given(text=MODEL_TEXTS, tokens=st.integers(1, 9))
def test_what_is_carried_on_is_the_same_when_it_was_stored_in_between(text: str, tokens: int) -> None:
    sampling = Sampling(max_output_tokens=tokens)
    first = carried(text, sampling)
    assert carried(storable(text), sampling) == first
    assert len(first) <= tokens * MOST_CHARACTERS_PER_TOKEN
    first.encode()
    assert "\x00" not in first
