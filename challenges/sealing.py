"""The sealed record of a score: drawn up from its rows, chained in its phase, kept on disk, named by a row.

``judging`` draws up the evidence once all answers and their energy are stored, and seals in the transaction
that writes the score. A record is a function of rows that never change, so that a file that was lost can be
made again, to the byte.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Prefetch

from challenges import figure
from challenges.models import (
    Call,
    Case,
    Evaluation,
    Kind,
    Leaderboard,
    Measurement,
    Phase,
    ReferenceRun,
    Run,
    Score,
    Suite,
    Visibility,
)
from challenges.models import Record as RecordRow
from scoring.energy.token_model import DEFAULT_CPU, MODEL_GRADES
from scoring.energy.window import coefficients_of
from scoring.record import chain, commitments, sealed
from scoring.record.errors import RecordUnreadable
from scoring.record.shapes import fraction_text
from scoring.record.store import Store
from scoring.values import EvidenceGrade
from scoring.values import Measurement as Measured

EMPTY = chain.EMPTY
US_PER_MS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that a score is worked out from: what a record holds beside the score itself."""

    subject: sealed.Subject
    suite: sealed.SuiteVersion
    model: sealed.Model
    runs: tuple[sealed.Run, ...]
    windows: tuple[sealed.Window, ...]
    coefficients: sealed.Coefficients | None
    environment: Mapping[str, str | int]
    protocol: sealed.Protocol | None

    @property
    def repetitions(self) -> tuple[int, ...]:
        return tuple(window.repetition for window in self.windows)


def store() -> Store:
    """Where the records lie."""
    return Store(settings.RECORDS_DIR / "records")


def evidence_store() -> Store:
    """Where the edges lie that records name; apart, as each file below ``store`` is a link of a chain."""
    return Store(settings.RECORDS_DIR / "evidence")


def keep_files(measured: Measured) -> None:
    """Store what a window names by its hash, ahead of its row: a file that no row names does no harm.

    Raises ``StoreError`` where the disk does not take it.
    """
    for content in measured.files:
        evidence_store().write(content)


def evidence_of(evaluation: Evaluation, suite: Suite) -> Evidence:
    """Read what was stored of the repetition that counts; a few queries, and no lock.

    Raises ``RecordUnreadable`` where it was never measured.
    """
    submission = evaluation.submission
    counted = list(figure.windows(evaluation))
    if not counted:
        raise RecordUnreadable("su repetición no se midió", where=f"evaluación {evaluation.pk}")
    return Evidence(
        subject=sealed.Subject(
            evaluation=str(evaluation.pk),
            submission=str(submission.pk),
            participation=str(submission.participation.public_id),
            kind=submission.kind,
            content_sha256=commitments.content_sha256(
                suite.salt, submission=str(submission.pk), sha256=submission.content_sha256
            ),
        ),
        suite=sealed.SuiteVersion(
            version=suite.version,
            visibility="public" if suite.visibility == Visibility.PUBLIC else "private",
            sha256=suite.sha256,
            cases=suite.cases.count(),
        ),
        model=sealed.Model(
            name=evaluation.model,
            revision=evaluation.model_revision,
            file_sha256=counted[0].evidence.get("model_sha256", ""),
        ),
        runs=tuple(_runs(evaluation, suite, [each.repetition for each in counted])),
        windows=tuple(_window(each) for each in counted),
        coefficients=_coefficients(counted[0]),
        environment=counted[0].evidence.get("environment", {}),
        protocol=_protocol(evaluation, counted[0]),
    )


def seal(score: Score, *, evidence: Evidence) -> RecordRow:
    """Put the score's record behind the last one of its phase, on disk and as a row.

    The caller holds the phase's Leaderboard row, so that no two follow the same one; a transaction that is
    rolled back leaves a file that no row names. Raises ``StoreError`` where the disk takes nothing, and
    ``NotCanonical`` or ``RecordUnreadable`` for what no record can hold.
    """
    last = RecordRow.objects.filter(phase=score.phase_id).order_by("-number").first()
    made = chain.seal(_record(score, evidence), head_of(last) if last else EMPTY)
    store().write(made.content)
    return RecordRow.objects.create(
        score=score,
        phase_id=score.phase_id,
        number=made.number,
        sha256=made.sha256,
        previous_sha256=made.previous_sha256,
        size=len(made.content),
    )


def seal_what_is_not(phase: Phase) -> int:
    """Seal the scores of the phase that have no record, in their order; returns how many there were.

    Those are from before there were records: ``judging`` writes no score without one.
    """
    with transaction.atomic():
        Leaderboard.objects.select_for_update().filter(phase=phase).first()
        bare = Score.objects.filter(phase=phase, record=None).order_by("created_at", "pk")
        for score in bare:
            seal(score, evidence=_evidence_of_score(score))
        return len(bare)


def make_again(row: RecordRow) -> bool:
    """Write a record's file anew from the rows; False where they no longer give the bytes of its hash."""
    head = chain.Head(number=row.number - 1, sha256=row.previous_sha256)
    made = chain.seal(_record(row.score, _evidence_of_score(row.score)), head)
    if made.sha256 != row.sha256:
        return False
    store().write(made.content)
    return True


def of_score(score: Score, *, repetitions: tuple[int, ...]) -> sealed.Outcome:
    """The score as a record tells it: the median of all ``repetitions``, and the answers of the first."""
    return sealed.Outcome(
        value=fraction_text(score.value, 4),
        quality=fraction_text(score.quality, 6),
        green=fraction_text(score.green, 6),
        reaches_minimum=score.reaches_minimum,
        is_ranked=score.is_ranked,
        evidence_grade=EvidenceGrade(score.evidence_grade),
        energy_mj=score.energy_mj,
        energy_rule="median-of-repetitions",
        energy_repetitions=repetitions,
        quality_repetitions=repetitions[:1],
        prompt_tokens=score.prompt_tokens,
        completion_tokens=score.completion_tokens,
    )


def suite_of(phase: Phase, sha256: str) -> Suite:
    """The suite that a score of the phase names by its hash: the phase's, or one that it ranked by before."""
    if phase.ranked_suite.sha256 == sha256:
        return phase.ranked_suite
    return Suite.objects.filter(challenge=phase.challenge_id, sha256=sha256).order_by("pk")[0]


def case_text(case: Case) -> str:
    """The text that a case's hash covers."""
    return commitments.case_text({name: getattr(case, name) for name in commitments.CASE_FIELDS})


def head_of(row: RecordRow) -> chain.Head:
    return chain.Head(number=row.number, sha256=row.sha256)


def _evidence_of_score(score: Score) -> Evidence:
    """By the suite that the score names, whatever its phase ranks by now."""
    return evidence_of(score.evaluation, suite_of(score.phase, score.suite_sha256))


def _record(score: Score, evidence: Evidence) -> sealed.Record:
    phase = score.phase
    return sealed.Record(
        chain=sealed.Chain(challenge=phase.challenge.slug, phase=phase.slug, phase_id=phase.pk),
        created_at=_moment(score.created_at),
        subject=evidence.subject,
        rules=sealed.Rules(
            policy=score.policy,
            parameters=score.policy_parameters,
            evidence_grade=EvidenceGrade(phase.evidence_grade),
        ),
        suite=evidence.suite,
        model=evidence.model,
        runs=evidence.runs,
        windows=evidence.windows,
        score=of_score(score, repetitions=evidence.repetitions),
        environment=evidence.environment,
        coefficients=evidence.coefficients,
        protocol=evidence.protocol,
    )


def _runs(evaluation: Evaluation, suite: Suite, repetitions: Sequence[int]) -> Iterator[sealed.Run]:
    is_public = suite.visibility == Visibility.PUBLIC
    rows = (
        Run.objects.filter(evaluation=evaluation, repetition__in=repetitions, case__suite=suite)
        .select_related("case")
        .prefetch_related(Prefetch("calls", queryset=Call.objects.order_by("index")))
    )
    for row in rows:
        case = commitments.case_sha256(suite.salt, case_text(row.case))
        calls = tuple(_call(call, row, case, suite) for call in row.calls.all())
        told: dict[str, Any] = {
            "case_sha256": case,
            "key": row.case.key if is_public else "",
            "repetition": row.repetition,
            "weight": row.case.weight,
            "grade": fraction_text(row.grade, 6),
            "calls": calls,
        }
        if evaluation.submission.kind != Kind.PIPELINE:
            # The one call's text is the answer.
            yield sealed.Run(**told)
            continue
        yield sealed.AnsweredRun(
            **told,
            answer_sha256=_text_sha256(row, case, suite, index=len(calls), text=row.answer),
            answer=row.answer if is_public else None,
        )


def _text_sha256(run: Run, case: str, suite: Suite, *, index: int, text: str) -> str:
    return commitments.answer_sha256(
        suite.salt,
        evaluation=str(run.evaluation_id),
        case_sha256=case,
        repetition=run.repetition,
        index=index,
        text=text,
    )


def _call(call: Call, run: Run, case: str, suite: Suite) -> sealed.Call:
    return sealed.Call(
        prompt_tokens=call.prompt_tokens,
        completion_tokens=call.completion_tokens,
        cached_tokens=call.cached_tokens,
        first_token_us=round(call.first_token_ms * US_PER_MS),
        duration_us=round(call.duration_ms * US_PER_MS),
        attempts=call.attempts,
        finish_reason=call.finish_reason,
        answer_sha256=_text_sha256(run, case, suite, index=call.index, text=call.text),
        answer=call.text if suite.visibility == Visibility.PUBLIC else None,
    )


def _window(measured: Measurement) -> sealed.Window:
    grade = EvidenceGrade(measured.evidence_grade)
    told = bool(measured.witness_note) or measured.witness_mj is not None
    return sealed.Window(
        repetition=measured.repetition,
        window_id=measured.evidence.get("window_id", ""),
        source=measured.source,
        basis=_basis(measured),
        grade=grade,
        energy_mj=measured.energy_mj,
        seconds=fraction_text(measured.seconds, 3),
        flags=tuple(sorted(measured.flags)),
        witness=sealed.Witness(
            energy_mj=measured.witness_mj, co2_mg=measured.co2_mg, note=measured.witness_note
        )
        if told
        else None,
        **_edges(measured.evidence),
    )


def _protocol(evaluation: Evaluation, first: Measurement) -> sealed.Protocol | None:
    """What was asked of the series, and its runs of the reference workload; None for what no counter told."""
    told: Mapping[str, Any] | None = first.evidence.get("protocol")
    if told is None:
        return None
    runs = ReferenceRun.objects.filter(evaluation=evaluation, series=evaluation.series).order_by("pk")
    # Those before the windows first, then those after, as a record has them.
    ordered = sorted(runs, key=lambda run: run.place != ReferenceRun.Place.BEFORE)
    baseline = ReferenceRun.objects.filter(pk=told["baseline_run"]).first()
    return sealed.Protocol(
        repetitions=told["repetitions"],
        window_seconds=told["window_seconds"],
        workload=told["workload"],
        tolerance_percent=told["tolerance_percent"],
        baseline=sealed.Baseline(passes=baseline.passes, energy_mj=baseline.energy_mj) if baseline else None,
        references=tuple(_reference(run) for run in ordered),
    )


def _reference(run: ReferenceRun) -> sealed.ReferenceRun:
    return sealed.ReferenceRun(
        place="before" if run.place == ReferenceRun.Place.BEFORE else "after",
        window_id=run.evidence.get("window_id", ""),
        source=run.source,
        passes=run.passes,
        energy_mj=run.energy_mj,
        seconds=fraction_text(run.seconds, 3),
        flags=tuple(sorted(run.flags)),
        idle_mj=run.idle_mj,
        idle_seconds=None if run.idle_seconds is None else fraction_text(run.idle_seconds, 3),
        **_edges(run.evidence),
    )


def _edges(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """What names a counter's edges; empty where there are none."""
    if "edges_sha256" not in evidence:
        return {}
    return {
        "started_ns": str(evidence["started_ns"]),
        "ended_ns": str(evidence["ended_ns"]),
        "edges_sha256": evidence["edges_sha256"],
        "edges_count": evidence["edges_count"],
        "hardware": _hardware(evidence["hardware"]),
    }


def _basis(measured: Measurement) -> sealed.Basis:
    is_model = (
        EvidenceGrade(measured.evidence_grade) in MODEL_GRADES and "edges_sha256" not in measured.evidence
    )
    return "token-model" if is_model else "counter"


def _hardware(told: Mapping[str, Any]) -> sealed.Hardware:
    clocks = told["clocks_mhz"]
    return sealed.Hardware(**{**told, "clocks_mhz": None if clocks is None else tuple(clocks)})


def _coefficients(measured: Measurement) -> sealed.Coefficients | None:
    told: Mapping[str, Any] | None = measured.evidence.get("coefficients")
    if told is None and measured.source == DEFAULT_CPU.version:
        # From before they were stored with each figure; the version says which they were.
        told = coefficients_of(DEFAULT_CPU)
    if told is None:
        return None
    within = told["range"]
    return sealed.Coefficients(
        **{**told, "grade": EvidenceGrade(told["grade"]), "range": within and sealed.Range(**within)}
    )


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
