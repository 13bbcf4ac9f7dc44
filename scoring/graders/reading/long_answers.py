"""Which part of an answer of many lines is read: a summary, a translation, a list, a table.

In a text that goes on for lines "el resultado es…" is part of what it says. Here an answer is announced only
by a line that begins with «Respuesta:», and it goes from there to the end of the model's turn.
"""

from __future__ import annotations

import re

from scoring.graders.reading.answers import own_turn

ANNOUNCEMENT = re.compile(
    r"^[ \t*#>_]*(?:respuesta|resposta|erantzuna|resultado|soluci[oó]n)(?:[ \t]+(?:final|correcta))?"
    r"[ \t*_]*:[ \t*_]*",
    re.IGNORECASE | re.MULTILINE,
)
SOMETHING = re.compile(r"\S")


def text_or_final(answer: str) -> str:
    """All behind the last line that begins with "Respuesta:", else all that the model wrote in its turn.

    An announcement with nothing behind it is none.
    """
    turn = own_turn(answer)
    start = 0
    for mark in ANNOUNCEMENT.finditer(turn):
        if SOMETHING.search(turn, mark.end()):
            start = mark.end()
    return turn[start:].strip()
