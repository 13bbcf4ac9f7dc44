"""What the ranked suite is expected to cost with a content, told before it is handed in.

The submit page and the API show it, and ``purse`` sets the same figure aside. It is asked for as often as
one likes and spends nothing, so that it must not depend on a private case: whoever tried ``{{pregunta}}``
once, then twice, then beside a text of ten characters, would read the lengths of the private inputs off the
differences, to the letter. So it is worked out from what anybody can read: the public suite's cases, spread
over as many cases as the ranked suite has (their number is published), or, without a public suite, one
assumed length for every slot. Only a ranked suite that is public stands for itself. What this costs us: the
private cases may be longer or shorter, and then a run costs more or less than was said and set aside.

Two figures, and they are kept apart. What a purse sets aside (``at_most_mj``) is worked out from characters
alone, so that the same content reserves the same energy whether a server answers or not. What is told to
people beside it is counted with the model's own tokenizer where there is one (``counting``), and says so
(``tokens_basis``). Only public texts are ever counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from challenges import calibrated, counting
from challenges.calibrated import Calibrated
from challenges.models import Phase, Suite, Visibility
from challenges.solution import Solution
from scoring.energy.calibration import predict
from scoring.energy.token_model import DEFAULT_CPU, TokenModel, call_mj
from scoring.inference import token_counts
from scoring.inference.token_counts import CountBasis, TokenCount
from scoring.values import CallBound, CompletionRequest, EvidenceGrade, Message, TokenUse

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

    From as few tokens as may be read and answers of one token, at the lower end of the model's 95 % interval,
    to the most and answers at the content's own limit, at its upper end. ``is_sure`` False: a call would be
    shorter or longer than any calibrated one, or more or fewer would run at a time, and it only gives the
    size.
    """

    low_mj: int
    high_mj: int
    is_sure: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """One pass over the ranked suite with one content.

    ``at_most_mj`` is with every answer at its limit, which a purse sets aside; ``counted_at_most_mj`` the
    same with counted tokens, None where they are estimated. ``max_output_tokens`` is what may be written for
    a case, in all its ``calls``. What is read altogether lies between the two ``prompt_tokens``; where some
    of it could not be counted, ``tokens_basis`` is the estimate. ``interval`` is None where no calibrated
    model tells one: then ``grade`` is E, and it is an estimate, not measured.
    """

    cases: int
    calls: int
    basis: Basis
    max_output_tokens: int
    prompt_tokens_low: int
    prompt_tokens_high: int
    tokens_basis: CountBasis
    at_most_mj: int
    counted_at_most_mj: int | None
    grade: EvidenceGrade
    interval: Interval | None


def expected(phase: Phase, solution: Solution) -> Expected:
    """The expectation for a content in which ``submission`` found nothing wrong; the doors ask with each.

    By the model that will tell the phase's figure or is nearest to it: the calibrated one where the phase is
    measured or calibrated, the default coefficients where it is estimated or nothing was calibrated. May
    take a second where a server counts the tokens.
    """
    basis, cases = _cases(phase, solution)
    counts = _counts(basis, cases)
    found, model = _model(phase)
    is_counted = all(count.basis != CountBasis.ESTIMATE for count in counts)
    most = [
        TokenUse(prompt_tokens=count.high, completion_tokens=bound.output_tokens)
        for count, bound in zip(counts, _bounds(cases), strict=True)
    ]
    return Expected(
        cases=len(cases),
        calls=max((len(case.bounds) for case in cases), default=0),
        basis=basis,
        max_output_tokens=max(
            (sum(bound.output_tokens for bound in case.bounds) for case in cases), default=0
        ),
        prompt_tokens_low=sum(count.low for count in counts),
        prompt_tokens_high=sum(count.high for count in counts),
        tokens_basis=counts[0].basis if counts and is_counted else CountBasis.ESTIMATE,
        at_most_mj=_total_mj(model, map(_most, _bounds(cases))),
        counted_at_most_mj=_total_mj(model, most) if is_counted else None,
        grade=model.grade,
        interval=_interval(found, phase, _least(counts), most) if found else None,
    )


def at_most_mj(phase: Phase, solution: Solution) -> int:
    """``Expected.at_most_mj`` alone: it asks no server, so that whoever sets energy aside may ask for it."""
    return _total_mj(_model(phase)[1], map(_most, _bounds(_cases(phase, solution)[1])))


def _model(phase: Phase) -> tuple[Calibrated | None, TokenModel]:
    found = None if phase.evidence_grade == EvidenceGrade.E else calibrated.current_or_none()
    return found, found.model if found else DEFAULT_CPU


def _total_mj(model: TokenModel, calls: Iterable[TokenUse]) -> int:
    return sum(call_mj(model, use) * times for use, times in Counter(calls).items())


def _most(call: CallBound) -> TokenUse:
    read = token_counts.estimated(characters=call.characters, turns=call.turns).high + call.carried_tokens
    return TokenUse(prompt_tokens=read, completion_tokens=call.output_tokens)


def _least(counts: Sequence[TokenCount]) -> list[TokenUse]:
    """Steps may be passed over; the first call of a case never is, and only such a one reads nothing."""
    return [TokenUse(prompt_tokens=count.low, completion_tokens=1) for count in counts if count.low]


def _interval(
    found: Calibrated, phase: Phase, least: Sequence[TokenUse], most: Sequence[TokenUse]
) -> Interval:
    low, high = predict(found.calibration, least), predict(found.calibration, most)
    # In grade D the model tells the figure itself, whatever load it was calibrated under.
    is_its_load = phase.evidence_grade == EvidenceGrade.D or found.holds_for(phase.concurrency)
    return Interval(
        low_mj=low.low_mj, high_mj=high.high_mj, is_sure=low.in_range and high.in_range and is_its_load
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """What a ranked case can cost, told by a text that is not private: its calls' bounds, its first call."""

    bounds: tuple[CallBound, ...]
    messages: tuple[Message, ...]


def _bounds(cases: Sequence[_Case]) -> list[CallBound]:
    return [bound for case in cases for bound in case.bounds]


def _counts(basis: Basis, cases: Sequence[_Case]) -> list[TokenCount]:
    """What each call reads. A text that was made up has no tokens worth counting."""
    # Public cases stand for more than one ranked one each.
    asked = list(dict.fromkeys(case.messages for case in cases))
    found = map(token_counts.estimated_of, asked) if basis == Basis.ASSUMED else counting.count(asked)
    first = dict(zip(asked, found, strict=True))
    return [
        count for case in cases for count in (first[case.messages], *map(token_counts.later, case.bounds[1:]))
    ]


def _cases(phase: Phase, solution: Solution) -> tuple[Basis, list[_Case]]:
    """As many as are ranked, told by no case that is private."""
    ranked = phase.ranked_suite
    if ranked.visibility == Visibility.PUBLIC:
        return Basis.RANKED, _of_inputs(solution, _inputs(ranked))
    count = ranked.cases.count()
    feedback = phase.feedback_suite
    public = _inputs(feedback) if feedback and feedback.visibility == Visibility.PUBLIC else []
    if public:
        shown = _of_inputs(solution, public)
        # Evenly, so that many cases repeat each alike, and few are not the first ones alone.
        return Basis.PUBLIC, [shown[place * len(shown) // count] for place in range(count)]
    stand_in = dict.fromkeys(ranked.slots, "x" * ASSUMED_SLOT_CHARACTERS)
    return Basis.ASSUMED, _of_inputs(solution, [stand_in]) * count


def _inputs(suite: Suite) -> list[dict[str, str]]:
    return list(suite.cases.order_by("position").values_list("inputs", flat=True))


def _of_inputs(solution: Solution, inputs: Sequence[Mapping[str, str]]) -> list[_Case]:
    return [
        _Case(bounds=solution.worst_case(inputs=each), messages=_first(solution, each)) for each in inputs
    ]


def _first(solution: Solution, inputs: Mapping[str, str]) -> tuple[Message, ...]:
    request = solution.next_request(inputs=inputs)
    return request.messages if isinstance(request, CompletionRequest) else ()
