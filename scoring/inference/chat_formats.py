"""How a conversation becomes the text that a model has learnt to go on with.

``alia`` is the ChatML of ALIA-40b-instruct: one optional system turn, then user and assistant in strict turn.
``plain`` is for base models, which have no format: question and answer under headings, as the demo's server
writes them too. With the chat dialect the server renders, and only ``check`` is of use here.
"""

from __future__ import annotations

from collections.abc import Sequence

from scoring.inference.backend import ChatFormat
from scoring.values import Message

TURN_START, TURN_END = "<|im_start|>", "<|im_end|>"
PLAIN_HEADINGS = {"user": "Pregunta: {}\n", "assistant": "Respuesta: {}\n\n", "system": "{}\n\n"}
PLAIN_OPENING = "Respuesta:"


def check(messages: Sequence[Message], chat_format: ChatFormat) -> None:
    """Raise ``ValueError`` for a conversation that the format cannot express.

    Servers differ in what they let pass; a conversation that one refuses and another bends would score
    differently on each.
    """
    turns = messages[1:] if messages and messages[0].role == "system" else messages
    if not turns or turns[-1].role != "user":
        raise ValueError("a conversation must end with a user turn")
    for index, message in enumerate(turns):
        if message.role != ("user", "assistant")[index % 2]:
            raise ValueError("after an optional system turn, user and assistant must alternate")
    if chat_format == "alia" and any(mark in m.content for m in messages for mark in (TURN_START, TURN_END)):
        raise ValueError("a turn holds ChatML's own marks, which would open turns that nobody declared")


def render(messages: Sequence[Message], chat_format: ChatFormat) -> str:
    """The whole prompt, up to where the model's own turn begins. Raises ``ValueError`` as ``check``."""
    check(messages, chat_format)
    if chat_format == "alia":
        turns = "".join(f"{TURN_START}{m.role}\n{m.content}{TURN_END}\n" for m in messages)
        return f"{turns}{TURN_START}assistant\n"
    return "".join(PLAIN_HEADINGS[m.role].format(m.content) for m in messages) + PLAIN_OPENING


def stops(chat_format: ChatFormat) -> tuple[str, ...]:
    """What ends the assistant's turn where the server does not know the format."""
    return (TURN_END,) if chat_format == "alia" else ()
