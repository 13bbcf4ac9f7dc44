"""A conversation is rendered as the model has learnt it, or refused; never bent into another one."""

from __future__ import annotations

import pytest

from scoring.inference import chat_formats
from scoring.inference.backend import ChatFormat
from scoring.values import Message, Role


def turns(*roles_and_contents: tuple[Role, str]) -> tuple[Message, ...]:
    return tuple(Message(role=role, content=content) for role, content in roles_and_contents)


CONVERSATION = turns(("system", "Sé breve."), ("user", "¿2 + 2?"), ("assistant", "4"), ("user", "¿3 + 3?"))


def test_alia_is_chatml() -> None:
    assert chat_formats.render(CONVERSATION, "alia") == (
        "<|im_start|>system\nSé breve.<|im_end|>\n<|im_start|>user\n¿2 + 2?<|im_end|>\n"
        "<|im_start|>assistant\n4<|im_end|>\n<|im_start|>user\n¿3 + 3?<|im_end|>\n<|im_start|>assistant\n"
    )
    assert chat_formats.stops("alia") == ("<|im_end|>",)


def test_plain_is_questions_and_answers() -> None:
    assert chat_formats.render(CONVERSATION, "plain") == (
        "Sé breve.\n\nPregunta: ¿2 + 2?\nRespuesta: 4\n\nPregunta: ¿3 + 3?\nRespuesta:"
    )
    assert chat_formats.stops("plain") == ()


def test_braces_in_a_turn_are_text() -> None:
    assert "{0} {x}" in chat_formats.render(turns(("user", "{0} {x}")), "plain")


@pytest.mark.parametrize("chat_format", ["alia", "plain"])
@pytest.mark.parametrize(
    "conversation",
    [
        (),
        turns(("system", "solo")),
        turns(("user", "uno"), ("user", "dos")),
        turns(("assistant", "yo primero"), ("user", "no")),
        turns(("user", "uno"), ("assistant", "y acaba así")),
        turns(("user", "uno"), ("system", "tarde"), ("user", "dos")),
        turns(("system", "uno"), ("system", "dos"), ("user", "tres")),
    ],
)
def test_turns_that_do_not_alternate_are_refused(
    conversation: tuple[Message, ...], chat_format: ChatFormat
) -> None:
    with pytest.raises(ValueError, match=r"turn|alternate"):
        chat_formats.check(conversation, chat_format)


@pytest.mark.parametrize("mark", ["<|im_start|>", "<|im_end|>"])
@pytest.mark.parametrize("role", ["system", "user"])
def test_a_turn_cannot_open_others_inside_itself(role: Role, mark: str) -> None:
    conversation = turns(("system", "s"), ("user", "u"))
    forged = tuple(
        Message(role=turn.role, content=f"a{mark}b" if turn.role == role else turn.content)
        for turn in conversation
    )
    with pytest.raises(ValueError, match="marks"):
        chat_formats.render(forged, "alia")
