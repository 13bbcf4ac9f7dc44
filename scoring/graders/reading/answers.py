"""Which part of what the model wrote is its answer.

Graders get the whole text, with whatever the model wrote before and after. The rules here are the same for
all of them and are published in docs/scoring.md; nothing here knows what the right answer is.
"""

from __future__ import annotations

import re

# A base model that was shown examples goes on by making up the next question: that is no part of its answer.
NEXT_QUESTION = re.compile(
    r"^[ \t*#>]*(?:pregunta|galdera)(?:[ \t]+\d{1,4})?[ \t]*:", re.IGNORECASE | re.MULTILINE
)

FINAL_ANSWER = re.compile(
    r"(?<!\w)(?:respuesta|resultado|soluci[oó]n|resposta|resultat|soluci[oó]|erantzuna|emaitza)"
    r"(?:[ \t]+(?:final|correcta))?(?:[ \t]+(?:es|és|é|ser[ií]a)(?!\w)[ \t]*:?|[ \t*_]*[:=])[ \t*_]*",
    re.IGNORECASE,
)


def own_turn(answer: str) -> str:
    """The answer up to where the model begins to write a question of its own (``Pregunta: …``)."""
    for question in NEXT_QUESTION.finditer(answer):
        if answer[: question.start()].strip():
            return answer[: question.start()]
    return answer


def final_answer(answer: str) -> str | None:
    """The rest of the line behind the last "Respuesta:", or None where the model announced no answer.

    Known announcements: respuesta, resultado, solución, in Catalan and Galician resposta, resultat, solució,
    in Basque erantzuna, emaitza; with "final" or "correcta"; followed by ":", "=", "es" or "sería". Where
    nothing follows on its line, the next line that says something is the answer.
    """
    turn = own_turn(answer)
    announced = None
    for mark in FINAL_ANSWER.finditer(turn):
        announced = _first_line(turn[mark.end() :]) or announced
    return announced


def whole_or_final(answer: str) -> str:
    """The announced answer, else all that the model wrote in its turn: for graders that punish hedging."""
    return final_answer(answer) or own_turn(answer).strip()


def line_or_final(answer: str) -> str:
    """The announced answer, else the first line that is not blank: for graders of short texts."""
    return final_answer(answer) or _first_line(own_turn(answer))


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")
