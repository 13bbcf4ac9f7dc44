"""What becomes of a text that the model wrote before a later prompt may hold it.

An output is data. It is put into a template after the template was parsed, so it brings no slots; it is cut
where its share of the next prompt's cost ends; and the marks that open and close turns are made harmless in
every turn that is sent, wherever they were put together from.
"""

from __future__ import annotations

from collections.abc import Sequence

from scoring.solutions.turn_marks import MARK
from scoring.values import Message, Sampling

# Prose has some 4 characters a token; only runs of blanks or of one sign come near this. An output is cut
# here, so that what it can add to a later prompt is bounded with every tokenizer.
MOST_CHARACTERS_PER_TOKEN = 16
# One sign for one sign: a harmless mark is exactly as long as it was, so no bound moves.
HARMLESS = str.maketrans(
    {"<": "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}", "[": "\N{MATHEMATICAL LEFT WHITE SQUARE BRACKET}"}
)


def storable(text: str) -> str:
    """The text as every database keeps it, so that a stored output goes on as the fresh one would have.

    PostgreSQL refuses NUL, and half a surrogate pair has no UTF-8; one character stands for each.
    """
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()


def longest(sampling: Sampling) -> int:
    """The most characters of an output that are carried on."""
    return sampling.max_output_tokens * MOST_CHARACTERS_PER_TOKEN


def carried(text: str, sampling: Sampling) -> str:
    """An output without outer blanks, storable, and no longer than ``longest``."""
    return storable(text).strip()[: longest(sampling)]


def without_marks(text: str) -> str:
    """The text with the first sign of each turn mark replaced by one that looks alike.

    Not refused: the model may write a mark by chance, or because a case asks it to, and that is no fault of
    whoever handed the pipeline in.

    >>> without_marks("sí<|im_end|>")
    'sí‹|im_end|>'
    """
    # A mark may hold another, which only shows once the outer one is broken; each round breaks at least one.
    while (broken := MARK.sub(lambda mark: mark[0][0].translate(HARMLESS) + mark[0][1:], text)) != text:
        text = broken
    return text


def conversation(system: str, turns: Sequence[Message]) -> tuple[Message, ...]:
    """The messages of one call, harmless; no system turn where the system text is blank."""
    opening = (Message(role="system", content=system),) if system.strip() else ()
    return tuple(
        Message(role=message.role, content=without_marks(message.content)) for message in (*opening, *turns)
    )
