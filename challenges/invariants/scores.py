"""Each score stands for one evaluation and can be made again from what was stored of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from django.db.models import Count, F, Sum

from challenges import figure
from challenges.figure import Figure
from challenges.invariants.findings import Broken, Check, in_batches
from challenges.models import Case, Evaluation, Measurement, Phase, Run, Score, State, Suite
from scoring import policies, quality
from scoring.errors import SpecError
from scoring.policies.terms.values import millionths
from scoring.values import GradedCase, Use

JUDGED = (State.SCORED, State.SUPERSEDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answered:
    """A case's run in the repetition that counts, with its calls added up."""

    case_id: int
    grade: Decimal
    calls: int
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Evidence:
    """What was stored of one evaluation. ``weights`` are those of the suite's cases, by case and in its
    order; ``counted_mj`` are the energies of the windows that ``measured`` is made of, in theirs."""

    weights: Mapping[int, int]
    answered: Sequence[_Answered]
    counted_mj: Sequence[int]
    measured: Figure | None
    phase_grade: str


def scored() -> Iterator[Broken]:
    """SCORED exactly where there is a score; a rejudging keeps the score of what it superseded."""
    rule = "scored"
    bare = Evaluation.objects.filter(state=State.SCORED, score=None)
    for pk in bare.values_list("pk", flat=True).iterator():
        yield Broken(rule=rule, row=f"evaluation {pk}", what="SCORED without a score")
    early = Score.objects.exclude(evaluation__state__in=JUDGED).values_list("pk", "evaluation__state")
    for pk, state in early.iterator():
        yield Broken(rule=rule, row=f"score {pk}", what=f"its evaluation is {state}")
    twice = Score.objects.values("evaluation_id").annotate(times=Count("pk")).filter(times__gt=1)
    for row in twice.iterator():
        what = f"{row['times']} scores"
        yield Broken(rule=rule, row=f"evaluation {row['evaluation_id']}", what=what)


def place() -> Iterator[Broken]:
    rows = Score.objects.exclude(
        phase=F("evaluation__submission__phase"), participation=F("evaluation__submission__participation")
    )
    for pk, evaluation_id in rows.values_list("pk", "evaluation_id").iterator():
        what = f"it is of another phase or participation than the submission of evaluation {evaluation_id}"
        yield Broken(rule="score-place", row=f"score {pk}", what=what)


def made_again() -> Iterator[Broken]:
    """Each score beside what its own evidence comes to."""
    phases = Phase.objects.select_related("ranked_suite").in_bulk()
    rows = Score.objects.filter(evaluation__state__in=JUDGED).select_related("evaluation").order_by("pk")
    suite_of, weights_of = cache(_suite_of), cache(_weights_of)
    for batch in in_batches(rows.iterator(chunk_size=500)):
        answered, measured = _answered(batch), _measured(batch)
        for score in batch:
            phase = phases[score.phase_id]
            suite_id = suite_of(phase, score.suite_sha256)
            if suite_id is None:
                yield _of(score, "score-suite", "no suite of its challenge has the hash that it names")
                continue
            weights = weights_of(suite_id)
            windows = measured[score.evaluation_id]
            evidence = _Evidence(
                weights=weights,
                answered=[run for run in answered[score.evaluation_id] if run.case_id in weights],
                counted_mj=[each.energy_mj for each in windows],
                measured=figure.of_windows(windows) if windows else None,
                phase_grade=phase.evidence_grade,
            )
            for look in LOOKS:
                yield from look(score, evidence)


def _suite_of(phase: Phase, sha256: str) -> int | None:
    """The suite that a score names by its hash: the phase's, or one that it ranked by before."""
    if phase.ranked_suite.sha256 == sha256:
        return phase.ranked_suite_id
    found = Suite.objects.filter(challenge=phase.challenge_id, sha256=sha256).order_by("pk")
    return found.values_list("pk", flat=True).first()


def _weights_of(suite_id: int) -> dict[int, int]:
    cases = Case.objects.filter(suite=suite_id).order_by("position")
    return dict(cases.values_list("pk", "weight"))


def _answered(batch: Sequence[Score]) -> Mapping[int, list[_Answered]]:
    rows = (
        Run.objects.filter(
            evaluation__in=[score.evaluation_id for score in batch],
            repetition=F("evaluation__series"),
        )
        # Grouped by what is read alone: the texts of a run must not be compared.
        .values("pk", "evaluation_id", "case_id", "grade")
        .annotate(
            calls_=Count("calls"),
            read=Sum("calls__prompt_tokens", default=0),
            written=Sum("calls__completion_tokens", default=0),
        )
        .order_by()
    )
    found: dict[int, list[_Answered]] = defaultdict(list)
    for row in rows.iterator():
        found[row["evaluation_id"]].append(
            _Answered(
                case_id=row["case_id"],
                grade=row["grade"],
                calls=row["calls_"],
                prompt_tokens=row["read"],
                completion_tokens=row["written"],
            )
        )
    return found


def _measured(batch: Sequence[Score]) -> Mapping[int, list[Measurement]]:
    rows = Measurement.objects.filter(
        evaluation__in=[score.evaluation_id for score in batch],
        repetition__gte=F("evaluation__series"),
        is_ranked=True,
    )
    counted: dict[int, list[Measurement]] = defaultdict(list)
    for row in rows.defer("evidence").order_by("repetition").iterator():
        counted[row.evaluation_id].append(row)
    return counted


def _of(score: Score, rule: str, what: str) -> Broken:
    return Broken(rule=rule, row=f"score {score.pk} of evaluation {score.evaluation_id}", what=what)


def _is_complete(evidence: _Evidence) -> bool:
    return len(evidence.answered) == len(evidence.weights) and all(run.calls for run in evidence.answered)


def _wrong_cases(score: Score, evidence: _Evidence) -> Iterator[Broken]:
    if not _is_complete(evidence):
        with_calls = sum(1 for run in evidence.answered if run.calls)
        what = (
            f"{with_calls} runs with calls in repetition {score.evaluation.series} "
            f"for {len(evidence.weights)} cases"
        )
        yield _of(score, "score-cases", what)


def _wrong_energy(score: Score, evidence: _Evidence) -> Iterator[Broken]:
    stored = (score.energy_mj, score.evidence_grade)
    if evidence.measured is None:
        yield _of(score, "score-energy", "its repetition was not measured")
        return
    made = (evidence.measured.energy_mj, evidence.measured.grade)
    if made != stored:
        what = "{} mJ of grade {}, measured were {} mJ of grade {}".format(*stored, *made)
        yield _of(score, "score-energy", what)


def _wrong_tokens(score: Score, evidence: _Evidence) -> Iterator[Broken]:
    if not _is_complete(evidence):
        return
    stored = (score.prompt_tokens, score.completion_tokens)
    summed = (
        sum(run.prompt_tokens for run in evidence.answered),
        sum(run.completion_tokens for run in evidence.answered),
    )
    if stored != summed:
        yield _of(score, "score-tokens", f"{stored} tokens, those of its calls are {summed}")


def _wrong_value(score: Score, evidence: _Evidence) -> Iterator[Broken]:
    """By the score's own energy and tokens: whether they are the measured and the counted ones,
    ``score-energy`` and ``score-tokens`` tell."""
    if not _is_complete(evidence):
        return
    cases = [GradedCase(value=run.grade, weight=evidence.weights[run.case_id]) for run in evidence.answered]
    try:
        again = policies.apply(
            policy=score.policy,
            parameters=score.policy_parameters,
            quality=quality.weighted_mean(cases),
            use=Use(
                energy_mj=score.energy_mj,
                prompt_tokens=score.prompt_tokens,
                completion_tokens=score.completion_tokens,
            ),
        )
    except (SpecError, ValueError) as fault:
        yield _of(score, "score-value", f"it cannot be made again: {fault}")
        return
    stored = (score.value, score.quality, score.green, score.reaches_minimum)
    made = (again.score, again.quality, again.green, again.reaches_minimum)
    if stored != made:
        yield _of(score, "score-value", f"{_shown(stored)}; made again it is {_shown(made)}")


def _wrong_grades(score: Score, evidence: _Evidence) -> Iterator[Broken]:
    """What a board needs of a score is kept in its row as well, and must say the same as the evidence."""
    grades, energies_mj = score.case_grades, score.repetitions_mj
    if grades is not None and _is_complete(evidence):
        by_case = {run.case_id: millionths(run.grade) for run in evidence.answered}
        if grades != [by_case[case_id] for case_id in evidence.weights]:
            yield _of(score, "score-grades", "the grades in its row are not those of its cases")
    if energies_mj is not None and evidence.counted_mj and energies_mj != evidence.counted_mj:
        what = f"{energies_mj} mJ in its row, its windows are of {evidence.counted_mj} mJ"
        yield _of(score, "score-grades", what)


def _shown(parts: tuple[Decimal, Decimal, Decimal, bool]) -> str:
    value, its_quality, green, reaches_minimum = parts
    return f"{value} (quality {its_quality}, green {green}, reaches the minimum: {reaches_minimum})"


def _wrong_rank(score: Score, evidence: _Evidence) -> Iterator[Broken]:
    if score.evaluation.state != State.SCORED:
        return
    if score.is_ranked != (score.evidence_grade == evidence.phase_grade):
        ranked = "ranked" if score.is_ranked else "not ranked"
        what = f"{ranked} with grade {score.evidence_grade} in a phase of grade {evidence.phase_grade}"
        yield _of(score, "score-ranked", what)


LOOKS = (_wrong_cases, _wrong_energy, _wrong_tokens, _wrong_value, _wrong_grades, _wrong_rank)
CHECKS = (
    Check(rules=("scored",), walk=scored),
    Check(rules=("score-place",), walk=place),
    Check(
        rules=(
            "score-suite",
            "score-cases",
            "score-energy",
            "score-tokens",
            "score-value",
            "score-grades",
            "score-ranked",
        ),
        walk=made_again,
    ),
)
