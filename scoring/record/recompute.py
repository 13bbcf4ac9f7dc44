"""The score of a record, worked out again from what the record holds, and everything that then differs.

``python -m scoring recompute`` calls it for auditors, and ``challenges`` may before it seals. It asks the
same functions that made the score: ``scoring.quality``, ``scoring.policies``, the token model, and the
graders where cases and answers were disclosed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from functools import lru_cache

from scoring import graders, policies, quality
from scoring.energy.flags import voiding
from scoring.energy.token_model import TokenModel, TokenRange, call_mj
from scoring.errors import SpecError
from scoring.record import commitments
from scoring.record.difference import Difference
from scoring.record.disclosure import Suite
from scoring.record.errors import NotRecomputable
from scoring.record.protocol import protocol_differences, repetition_differences
from scoring.record.sealed import Coefficients, Outcome, Record, Run, Window
from scoring.record.shapes import fraction_text
from scoring.values import GradedCase, TokenUse, Use

# Short calls repeat by the thousand, and each costs tens of Decimal operations.
REMEMBERED_CALLS = 2**16
ORDER_OF_GRADES = "ABCDE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recomputed:
    """The score's own fields, as the record would have to say them."""

    value: str
    quality: str
    green: str
    reaches_minimum: bool
    energy_mj: int
    prompt_tokens: int
    completion_tokens: int
    evidence_grade: str


Answers = Sequence[Sequence[str]]


def recompute(record: Record) -> Recomputed:
    """The score that follows from grades, weights, windows and rules.

    Raises ``NotRecomputable`` where a policy is not known, its parameters are wrong, or a repetition that was
    counted has no runs or no window.
    """
    runs = _counted_runs(record)
    windows = _counted_windows(record)
    calls = [call for run in runs for call in run.calls]
    use = Use(
        energy_mj=median_mj([window.energy_mj for window in windows]),
        prompt_tokens=sum([call.prompt_tokens for call in calls]),
        completion_tokens=sum([call.completion_tokens for call in calls]),
    )
    try:
        result = policies.apply(
            policy=record.rules.policy,
            parameters=record.rules.parameters,
            quality=quality.weighted_mean(_graded(runs)),
            use=use,
        )
    except SpecError as error:
        raise NotRecomputable(error.fix, where=f"rules.{error.field}") from None
    except ValueError:
        what = f"no se puede puntuar con {use.energy_mj} mJ y estas notas"
        raise NotRecomputable(what, where="score") from None
    return Recomputed(
        value=fraction_text(result.score, 4),
        quality=fraction_text(result.quality, 6),
        green=fraction_text(result.green, 6),
        reaches_minimum=result.reaches_minimum,
        energy_mj=use.energy_mj,
        prompt_tokens=use.prompt_tokens,
        completion_tokens=use.completion_tokens,
        # The weakest evidence among those that were counted: the median may be any of them.
        evidence_grade=max((window.grade.value for window in windows), key=ORDER_OF_GRADES.index),
    )


def differences(record: Record, computed: Recomputed) -> tuple[Difference, ...]:
    """Everything in the record that does not follow; the energy of each window, completeness and grades too.

    ``computed`` is that of ``recompute``.
    """
    return (
        *_window_differences(record),
        *repetition_differences(record),
        *_completeness(record),
        *protocol_differences(record),
        *_score_differences(record.score, computed),
        *_ranking_differences(record),
    )


def median_mj(energies_mj: Sequence[int]) -> int:
    """The middle one; of an even number the mean of the two in the middle, half to even.

    Whole numbers all the way, so that it is the same everywhere. Raises ``ValueError`` for none at all.

    >>> median_mj([30, 10, 20]), median_mj([10, 11]), median_mj([11, 12])
    (20, 10, 12)
    """
    if not energies_mj:
        raise ValueError("the median of nothing")
    ordered = sorted(energies_mj)
    lower, upper = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    half, is_odd = divmod(lower + upper, 2)
    return half + (half % 2 if is_odd else 0)


def grading_differences(record: Record, suite: Suite, answers: Answers | None = None) -> Iterator[Difference]:
    """What differs once the suite's cases are public, and the grades where the answers are too.

    ``answers`` are those of ``disclosure.read_answers``; without them those of the record itself, if it has
    any. Raises ``NotRecomputable`` for a case whose grader cannot work.
    """
    if len(suite.cases) != record.suite.cases:
        yield Difference(field="suite.cases", claimed=str(record.suite.cases), computed=str(len(suite.cases)))
    for index, run in enumerate(record.runs):
        field = f"runs.{index}"
        case = suite.cases.get(run.case_sha256)
        if case is None:
            yield Difference(field=f"{field}.case_sha256", claimed=run.case_sha256, computed="")
            continue
        if case.weight != run.weight:
            yield Difference(field=f"{field}.weight", claimed=str(run.weight), computed=str(case.weight))
        if run.key and case.key != run.key:
            yield Difference(field=f"{field}.key", claimed=run.key, computed=case.key)
        told = answers[index] if answers is not None else _own_answers(run)
        if told is not None:
            yield from _answer_differences(record, suite, field, run, told)


def _graded(runs: Sequence[Run]) -> list[GradedCase]:
    """Grades and weights; those of one grade as one, which gives the same mean since its sums are exact."""
    weights = Counter[str]()
    for run in runs:
        weights[run.grade] += run.weight
    return [GradedCase(value=Decimal(grade), weight=weight) for grade, weight in weights.items()]


def _own_answers(run: Run) -> Sequence[str] | None:
    told = run.texts
    answers = [text for text in told if text is not None]
    return answers if len(answers) == len(told) else None


def _answer_differences(
    record: Record, suite: Suite, field: str, run: Run, answers: Sequence[str]
) -> Iterator[Difference]:
    for index, (claimed, answer) in enumerate(zip(run.text_hashes, answers, strict=True)):
        made = commitments.answer_sha256(
            suite.salt,
            evaluation=record.subject.evaluation,
            case_sha256=run.case_sha256,
            repetition=run.repetition,
            index=index,
            text=answer,
        )
        if made != claimed:
            place = f"{field}.calls.{index}" if index < len(run.calls) else field
            yield Difference(field=f"{place}.answer_sha256", claimed=claimed, computed=made)
    case = suite.cases[run.case_sha256]
    try:
        value = graders.grade(spec=case.grader, answer=answers[-1], expected=case.expected).value
    except SpecError as error:
        raise NotRecomputable(error.fix, where=f"{field}.{error.field}") from None
    graded = fraction_text(value, 6)
    if graded != run.grade:
        yield Difference(field=f"{field}.grade", claimed=run.grade, computed=graded)


def _counted_runs(record: Record) -> list[Run]:
    counted = set(record.score.quality_repetitions)
    if missing := counted - {run.repetition for run in record.runs}:
        raise NotRecomputable(f"no hay ningún caso de la repetición {min(missing)}", where="runs")
    return [run for run in record.runs if run.repetition in counted]


def _counted_windows(record: Record) -> list[Window]:
    counted = set(record.score.energy_repetitions)
    if missing := counted - {window.repetition for window in record.windows}:
        raise NotRecomputable(f"no hay ventana de la repetición {min(missing)}", where="windows")
    return [window for window in record.windows if window.repetition in counted]


def _window_differences(record: Record) -> Iterator[Difference]:
    counted = set(record.score.energy_repetitions)
    for index, window in enumerate(record.windows):
        if window.repetition in counted:
            yield from _differences_of(record, window, f"windows.{index}")


def _differences_of(record: Record, window: Window, field: str) -> Iterator[Difference]:
    if flags := voiding(window.flags):
        yield Difference(field=f"{field}.flags", claimed=", ".join(flags), computed="una ventana nula")
    energy_mj = _energy_of(record, window)
    if energy_mj is not None and energy_mj != window.energy_mj:
        yield Difference(field=f"{field}.energy_mj", claimed=str(window.energy_mj), computed=str(energy_mj))
    told = record.coefficients if window.basis == "token-model" else None
    if told is not None and window.grade != told.grade:
        yield Difference(field=f"{field}.grade", claimed=window.grade, computed=told.grade)


def _energy_of(record: Record, window: Window) -> int | None:
    """Whole millijoules by the window's basis; None where the record alone does not hold what it takes."""
    if window.basis == "counter":
        return None
    calls = [call for run in record.runs if run.repetition == window.repetition for call in run.calls]
    if window.basis == "calls":
        return sum(call.energy_mj or 0 for call in calls)
    if record.coefficients is None:
        raise NotRecomputable("faltan los coeficientes del modelo de tokens", where="coefficients")
    one_call = _one_call(record.coefficients)
    return sum([one_call(call.prompt_tokens, call.completion_tokens) for call in calls])


@lru_cache(maxsize=64)
def _one_call(coefficients: Coefficients) -> Callable[[int, int], int]:
    """Millijoules of a call by its tokens read and written; remembers those that it was asked for."""
    model = to_token_model(coefficients)

    @lru_cache(maxsize=REMEMBERED_CALLS)
    def one_call(prompt_tokens: int, completion_tokens: int) -> int:
        return call_mj(model, TokenUse(prompt_tokens=prompt_tokens, completion_tokens=completion_tokens))

    return one_call


def to_token_model(told: Coefficients) -> TokenModel:
    """Raises ``NotRecomputable`` for coefficients that no token model can have."""
    try:
        return TokenModel(
            version=told.version,
            c0=Decimal(told.c0),
            c1=Decimal(told.c1),
            c2=Decimal(told.c2),
            c3=Decimal(told.c3),
            c4=Decimal(told.c4),
            source=told.source,
            grade=told.grade,
            range=None if told.range is None else TokenRange(**asdict(told.range)),
        )
    except ValueError:
        raise NotRecomputable("no son los de un modelo de tokens", where="coefficients") from None


def _completeness(record: Record) -> Iterator[Difference]:
    """Each repetition that was counted has all cases: none was left out of the quality or of the energy."""
    counted = {*record.score.quality_repetitions, *record.score.energy_repetitions}
    found = Counter(run.repetition for run in record.runs)
    for repetition in sorted(counted):
        if found[repetition] != record.suite.cases:
            yield Difference(
                field="suite.cases",
                claimed=str(record.suite.cases),
                computed=f"{found[repetition]} en la repetición {repetition}",
            )
    if len({run.case_sha256 for run in record.runs if run.repetition in counted}) > record.suite.cases:
        yield Difference(
            field="runs", claimed="los mismos casos en cada repetición", computed="casos distintos"
        )


def _score_differences(score: Outcome, computed: Recomputed) -> Iterator[Difference]:
    for name in Recomputed.__slots__:
        claimed, follows = getattr(score, name), getattr(computed, name)
        if claimed != follows:
            yield Difference(field=f"score.{name}", claimed=_said(claimed), computed=_said(follows))


def _ranking_differences(record: Record) -> Iterator[Difference]:
    """Other evidence than the phase's never ranks; that something else keeps it off the board may be."""
    if record.score.is_ranked and record.score.evidence_grade != record.rules.evidence_grade:
        yield Difference(field="score.is_ranked", claimed="true", computed="false")


def _said(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
