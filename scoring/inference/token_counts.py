"""How many tokens a model reads in a conversation, told before it is asked, and on what ground.

With the model's own ``tokenizer.json`` (``load``), by what its server counts (``backend_tokens``), or, with
neither, from the number of characters (``estimated``). A count is an interval; where its ends are equal, it
is what the server will count. ``challenges.counting`` and ``python -m scoring cost`` ask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from scoring.errors import SpecError
from scoring.inference import chat_formats
from scoring.inference.backend import ChatFormat, Dialect
from scoring.values import CallBound, Message

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# Spanish prose has some four characters a token with the tokenizers that we know of: between these two, its
# true number lies. A text that is no prose may have others.
FEWEST_CHARACTERS_PER_TOKEN, MOST_CHARACTERS_PER_TOKEN = 3, 6
# What a chat format adds to a question and its answer, at most.
TOKENS_AROUND = 16
# A text's first and last token may melt into a template's own words.
TOKENS_MELTED = 2
# ALIA's has 37 MB.
MAX_FILE_BYTES = 200_000_000


class CountBasis(StrEnum):
    """What a number of tokens was worked out by."""

    TOKENIZER = "tokenizer"  # the model's own tokenizer, on this machine
    BACKEND = "backend"  # the server that will be asked
    ESTIMATE = "estimate"  # the number of characters


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCount:
    """The prompt tokens of one call: ``low`` and ``high`` hold what the server will count."""

    low: int
    high: int
    basis: CountBasis


def estimated(*, characters: int, turns: int) -> TokenCount:
    """From the number of characters that a model reads, in how many turns.

    >>> estimated(characters=600, turns=1)
    TokenCount(low=100, high=216, basis=<CountBasis.ESTIMATE: 'estimate'>)
    """
    return TokenCount(
        low=max(characters // MOST_CHARACTERS_PER_TOKEN, 1),
        high=-(-characters // FEWEST_CHARACTERS_PER_TOKEN) + _around(turns),
        basis=CountBasis.ESTIMATE,
    )


def estimated_of(messages: Sequence[Message]) -> TokenCount:
    """The same of a conversation."""
    return estimated(characters=sum(len(message.content) for message in messages), turns=len(messages))


def later(bound: CallBound) -> TokenCount:
    """A case's call behind its first: its texts are not there yet, and it may be passed over."""
    high = estimated(characters=bound.characters, turns=bound.turns).high + bound.carried_tokens
    return TokenCount(low=0, high=high, basis=CountBasis.ESTIMATE)


def _around(turns: int) -> int:
    return TOKENS_AROUND * max(-(-turns // 2), 1)


class FileTokenizer:
    """A ``tokenizer.json`` that was read; threads may share it."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        # A file may ask that texts be cut or filled up to a length, which is no count of theirs.
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer

    def count(self, messages: Sequence[Message], *, dialect: Dialect, chat_format: ChatFormat) -> TokenCount:
        """What a server with this tokenizer counts. Raises ``ValueError`` as ``chat_formats.check``.

        Exact where we write the whole prompt (dialect ``completion``) and where the server does it in a
        format that we know (``alia``), but for the token of the beginning, which some servers add there.
        Of a server's own template only the texts inside are known, and of a system text that a server puts in
        where a conversation has none, nothing: it then counts more.
        """
        if dialect == "chat" and chat_format == "plain":
            return self._within_an_unknown_template(messages)
        text = chat_formats.render(messages, chat_format)
        high = self._tokens(text, with_special=True)
        low = high if dialect == "completion" else self._tokens(text, with_special=False)
        return TokenCount(low=low, high=high, basis=CountBasis.TOKENIZER)

    def _within_an_unknown_template(self, messages: Sequence[Message]) -> TokenCount:
        # The demo's server renders so: its count must lie inside, however long its headings are in tokens.
        headed = self._tokens(chat_formats.render(messages, "plain"), with_special=True)
        inside = sum(self._tokens(message.content, with_special=False) for message in messages)
        return TokenCount(
            low=max(inside - TOKENS_MELTED * len(messages), 1),
            high=max(inside + _around(len(messages)), headed),
            basis=CountBasis.TOKENIZER,
        )

    def _tokens(self, text: str, *, with_special: bool) -> int:
        # Half a surrogate pair has no UTF-8, and the tokenizer reads nothing else.
        readable = text.encode(errors="replace").decode()
        return len(self._tokenizer.encode(readable, add_special_tokens=with_special))


def load(path: Path) -> FileTokenizer:
    """The tokenizer in a file. Raises ``SpecError`` for one that is none, and ``OSError``."""
    with path.open("rb") as file:
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise SpecError(field="(archivo)", fix=f"Un tokenizer.json tiene {MAX_FILE_BYTES} bytes o menos.")
    # Some 15 MB of machine code, which only a count needs.
    from tokenizers import Tokenizer

    try:
        return FileTokenizer(Tokenizer.from_buffer(content))
    except Exception as wrong:  # the library raises bare Exceptions, and ValueError for what is no UTF-8
        raise SpecError(
            field="(archivo)", fix="No es un tokenizer.json de «tokenizers»: usa el que acompaña al modelo."
        ) from wrong
