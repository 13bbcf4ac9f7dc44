"""All rules over one submission: its prompt, and what the model answered to public cases and to private ones.

``challenges.integrity`` calls it once for each score, and again when an organizer looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from scoring.integrity import canaries, hidden_answers, judge_injection, private_text
from scoring.integrity.reading import readings
from scoring.integrity.values import Background, Finding, PrivateCase, Where


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """``prompt`` is every text of what was handed in. ``public_answers`` are to cases that anybody may see;
    ``private_answers`` rightly quote the private cases that they are to, and are read for injection alone.
    """

    prompt: str
    public_answers: Sequence[str] = ()
    private_answers: Sequence[str] = ()


def look(watched: Watched, private: Sequence[PrivateCase], background: Background) -> tuple[Finding, ...]:
    """Everything seen, the prompt's first; nothing for nearly every submission. Total over any texts."""
    prompt = readings(watched.prompt)
    shown = readings("\n\n".join(watched.public_answers))
    # An answer may repeat its case, and a case may speak of juries and marks.
    cases = (*background.texts, *(text for case in private for text in (*case.inputs, *case.answers)))
    known = replace(background, texts=cases)
    written = readings("\n\n".join((*watched.public_answers, *watched.private_answers)))
    return (
        *canaries.look(prompt, private, where=Where.PROMPT),
        *private_text.look(prompt, private, background, where=Where.PROMPT),
        *hidden_answers.look(prompt, private, background, where=Where.PROMPT),
        *judge_injection.look(prompt, background, where=Where.PROMPT),
        *canaries.look(shown, private, where=Where.ANSWER),
        *private_text.look(shown, private, background, where=Where.ANSWER),
        *judge_injection.look(written, known, where=Where.ANSWER),
    )
