"""What the ranked suite is expected to cost with a content, told before it is handed in.

The submit page and the API show it, and ``purse`` sets the same figure aside. It is asked for as often as
one likes and spends nothing, so that it must not depend on a private case: whoever tried ``{{pregunta}}``
once, then twice, then beside a text of ten characters, would read the lengths of the private inputs off the
differences, to the letter. So it is worked out from what anybody can read: the public suite's cases, spread
over as many cases as the ranked suite has (their number is published), or, without a public suite, one
assumed length for every slot. Only a ranked suite that is public stands for itself. What this costs us: the
private cases may be longer or shorter, and then a run costs more or less than was said and set aside.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from challenges import calibrated
from challenges.calibrated import Calibrated
from challenges.errors import InvalidContent
from challenges.models import Phase, Suite, Visibility
from scoring.energy.calibration import predict
from scoring.energy.token_model import DEFAULT_CPU, call_mj
from scoring.solutions import prompt, prompt_json
from scoring.values import EvidenceGrade, PromptContent, TokenUse

# Spanish prose has some four characters a token with the tokenizers that we know of: between these two, its
# true number lies. A text that is no prose may have others.
FEWEST_CHARACTERS_PER_TOKEN, MOST_CHARACTERS_PER_TOKEN = 3, 6
# What a chat format adds to a conversation, at most.
TOKENS_AROUND = 16
# A slot's text where no public case shows one: a question of four or five lines.
ASSUMED_SLOT_CHARACTERS = 400


class Basis(StrEnum):
    """Whose texts the figure was worked out from. None of them is private."""

    RANKED = "ranked"  # the ranked suite is public
    PUBLIC = "public"  # the phase's public cases stand for the ranked ones
    ASSUMED = "assumed"  # there is no public case: every slot is ASSUMED_SLOT_CHARACTERS long


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Where at least 95 in 100 runs end, if the texts are like those of the basis.

    From short tokens and answers of one token, at the lower end of the model's 95 % interval, to long ones
    and answers at the content's own limit, at its upper end. ``is_sure`` False: a call would be shorter or
    longer than any calibrated one, or more or fewer would run at a time, and it only gives the size.
    """

    low_mj: int
    high_mj: int
    is_sure: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """One pass over the ranked suite with one content.

    ``at_most_mj`` is with every answer at its limit, which a purse sets aside. ``interval`` is None where no
    calibrated model tells one: then ``grade`` is E, and it is an estimate, not measured.
    """

    cases: int
    basis: Basis
    max_output_tokens: int
    at_most_mj: int
    grade: EvidenceGrade
    interval: Interval | None


def expected(phase: Phase, content: Mapping[str, Any]) -> Expected:
    """The expectation for a raw content in which ``submission.check`` found nothing wrong.

    Raises InvalidContent for one that cannot even be read.
    """
    decoded, problems = prompt_json.decode(content)
    if decoded is None:
        raise InvalidContent(problems)
    return expected_of_content(phase, decoded)


def expected_of_content(phase: Phase, content: PromptContent) -> Expected:
    """The same for a content that was decoded and checked; ``purse`` asks with each submission.

    By the model that will tell the phase's figure or is nearest to it: the calibrated one where the phase is
    measured or calibrated, the default coefficients where it is estimated or nothing was calibrated.
    """
    basis, texts = _texts(phase, content)
    answer = content.sampling.max_output_tokens
    most = [
        TokenUse(
            prompt_tokens=-(-text // FEWEST_CHARACTERS_PER_TOKEN) + TOKENS_AROUND, completion_tokens=answer
        )
        for text in texts
    ]
    least = [
        TokenUse(prompt_tokens=max(text // MOST_CHARACTERS_PER_TOKEN, 1), completion_tokens=1)
        for text in texts
    ]
    found = None if phase.evidence_grade == EvidenceGrade.E else calibrated.current_or_none()
    model = found.model if found else DEFAULT_CPU
    return Expected(
        cases=len(texts),
        basis=basis,
        max_output_tokens=answer,
        at_most_mj=sum(call_mj(model, use) * times for use, times in Counter(most).items()),
        grade=model.grade,
        interval=_interval(found, phase, least, most) if found else None,
    )


def _interval(
    found: Calibrated, phase: Phase, least: Sequence[TokenUse], most: Sequence[TokenUse]
) -> Interval:
    low, high = predict(found.calibration, least), predict(found.calibration, most)
    # In grade D the model tells the figure itself, whatever load it was calibrated under.
    is_its_load = phase.evidence_grade == EvidenceGrade.D or found.holds_for(phase.concurrency)
    return Interval(
        low_mj=low.low_mj, high_mj=high.high_mj, is_sure=low.in_range and high.in_range and is_its_load
    )


def _texts(phase: Phase, content: PromptContent) -> tuple[Basis, list[int]]:
    """The characters that the model would read in each of the ranked cases, told by none that is private."""
    ranked = phase.ranked_suite
    if ranked.visibility == Visibility.PUBLIC:
        return Basis.RANKED, _characters(content, _inputs(ranked))
    count = ranked.cases.count()
    feedback = phase.feedback_suite
    public = _inputs(feedback) if feedback and feedback.visibility == Visibility.PUBLIC else []
    if public:
        shown = _characters(content, public)
        # Evenly, so that many cases repeat each alike, and few are not the first ones alone.
        return Basis.PUBLIC, [shown[place * len(shown) // count] for place in range(count)]
    stand_in = dict.fromkeys(ranked.slots, "x" * ASSUMED_SLOT_CHARACTERS)
    return Basis.ASSUMED, _characters(content, [stand_in]) * count


def _inputs(suite: Suite) -> list[dict[str, str]]:
    return list(suite.cases.order_by("position").values_list("inputs", flat=True))


def _characters(content: PromptContent, inputs: Sequence[Mapping[str, str]]) -> list[int]:
    return [sum(len(message.content) for message in prompt.render(content, inputs=each)) for each in inputs]
