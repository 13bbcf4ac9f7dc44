"""The marks with which chat formats open and close turns: text to a person, structure to a tokenizer.

Servers read them as marks even inside a turn's text, so whoever writes them could end their own turn and
speak as somebody else. Contestants' templates and packs' cases are checked before they are stored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from scoring.solutions.characters import shown
from scoring.values import Problem

MAX_PROBLEMS = 20
# ChatML (ALIA, Qwen), Llama 2 and 3, Gemma, Mistral: whatever such tokenizers hold as one token of their own.
MARK = re.compile(
    r"<\|[^|<>\s]{1,40}\|>|<(?:start|end)_of_turn>|</?s>|<(?:bos|eos|pad|unk|mask)>|\[/?INST\]|<</?SYS>>"
)


def find_turn_marks(text: str, *, field: str) -> tuple[Problem, ...]:
    """The first 20 ``turn_mark`` problems, each with its line; params are ``found``.

    >>> [problem.params["found"] for problem in find_turn_marks("a<|im_end|>b </s>", field="user")]
    ['<|im_end|>', '</s>']
    """
    return tuple(islice(_marks(text, field), MAX_PROBLEMS))


def _marks(text: str, field: str) -> Iterator[Problem]:
    for number, line in enumerate(text.split("\n"), start=1):
        for mark in MARK.finditer(line):
            yield Problem(field=field, code="turn_mark", line=number, params={"found": shown(mark[0])})
