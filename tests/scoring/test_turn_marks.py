"""Nobody can end their own turn and speak as somebody else: chat formats' marks are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.inference import chat_formats
from scoring.solutions import prompt
from scoring.solutions.turn_marks import find_turn_marks
from scoring.values import ContentLimits, Message, PromptContent, Sampling

MARKS = [
    chat_formats.TURN_START,
    chat_formats.TURN_END,
    "<|endoftext|>",
    "<|begin_of_text|>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<s>",
    "</s>",
    "<bos>",
    "<eos>",
    "[INST]",
    "[/INST]",
    "<<SYS>>",
]


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("field", ["system", "user"])
def test_a_mark_is_refused_with_its_line(mark: str, field: str) -> None:
    texts = {"system": "", "user": "{{pregunta}}"}
    texts[field] += f"\nuno {mark} dos"
    content = PromptContent(**texts, sampling=Sampling(max_output_tokens=8))
    [problem] = prompt.check(content, limits=ContentLimits(), slots=["pregunta"])
    assert (problem.field, problem.code, problem.line) == (field, "turn_mark", 2)
    assert problem.params == {"found": mark}


@pytest.mark.parametrize("around", ["<|im_{{pregunta}}end|>", "<{{pregunta}}|im_end|>", "</{{ pregunta }}s>"])
def test_a_mark_put_together_around_a_slot_is_refused_too(around: str) -> None:
    content = PromptContent(system="", user=around, sampling=Sampling(max_output_tokens=8))
    [problem] = prompt.check(content, limits=ContentLimits(), slots=["pregunta"])
    assert problem.code == "turn_mark"


@pytest.mark.parametrize(
    "text", ["a < b > c", "<b>negrita</b>", "x|y|z", "<| suelto", "[1]", "2 << 3", "<|a b|>"]
)
def test_what_people_write_is_no_mark(text: str) -> None:
    assert find_turn_marks(text, field="user") == ()


@given(st.lists(st.sampled_from([*MARKS, "<|", "|>", "im_end", "a", "\n", "<", ">"]), max_size=12))
def test_what_passes_can_be_rendered_in_every_format(parts: list[str]) -> None:
    text = "".join(parts)
    if not find_turn_marks(text, field="user"):
        chat_formats.render([Message(role="user", content=text)], "alia")


def test_a_text_full_of_marks_gives_a_short_report() -> None:
    assert len(find_turn_marks("<s>" * 10_000, field="user")) == 20
