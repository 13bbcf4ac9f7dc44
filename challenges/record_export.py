"""The sealed records of a phase as the file that is published; whoever has it needs nothing else to check it.

The judges' door streams it and ``manage.py export_records`` writes it. Private cases stay salted hashes until
``disclose`` tells them, which nobody may ask for while a phase that is judged on them is still open.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import F

from challenges import dispatch, sealing
from challenges.errors import CasesStillSecret
from challenges.models import Call, Measurement, Phase, Record, Suite
from scoring.record import bundle, commitments, disclosure, sealed
from scoring.record.errors import NotStored

ROWS_AT_ONCE = 200


def file_name(phase: Phase) -> str:
    last = phase.records.order_by("-number").first()
    return f"registros-{phase.challenge.slug}-{phase.slug}-{last.number if last else 0}.zip"


def chunks(phase: Phase, *, disclose: bool = False) -> Iterator[bytes]:
    """The bundle of all records so far, piece by piece; the same records give the same bytes.

    Before the first piece, raises ``CasesStillSecret`` where ``disclose`` would tell cases that somebody is
    still judged on, and ``NotStored`` where a record's file is gone. On the way, ``StoreConflict`` for a file
    that was changed and ``ChainBroken``: then what came so far is no bundle.
    """
    _check_all_are_there(phase)
    suites = list(_suites(phase)) if disclose else []
    if disclose:
        _check_nobody_is_judged_on(suites)
    return bundle.chunks(
        phase=bundle.Phase(challenge=phase.challenge.slug, phase=phase.slug, phase_id=phase.pk),
        records=_published(phase, {suite.sha256: suite for suite in suites}),
        evidence=_edges(phase),
        disclosure=disclosure.write([_told(suite) for suite in suites]) if disclose else None,
    )


def _check_all_are_there(phase: Phase) -> None:
    store = sealing.store()
    for row in Record.objects.filter(phase=phase).order_by("number").iterator(chunk_size=ROWS_AT_ONCE):
        if not store.holds(row.sha256):
            raise NotStored(f"falta el fichero del registro {row.number}", where=row.sha256)


def _published(phase: Phase, suites: Mapping[str, Suite]) -> Iterator[bundle.Published]:
    store = sealing.store()
    rows = Record.objects.filter(phase=phase).select_related("score").order_by("number")
    for row in rows.iterator(chunk_size=ROWS_AT_ONCE):
        content = store.read(row.sha256)
        suite = suites.get(row.score.suite_sha256)
        answers = _answers(row, sealed.read(content), suite) if suite else None
        yield bundle.Published(content=content, answers=answers)


def _answers(row: Record, record: sealed.Record, suite: Suite) -> bytes:
    """The texts that the model wrote, in the record's order of runs, which is not the suite's."""
    texts: dict[tuple[str, int], list[str]] = {}
    calls = Call.objects.filter(run__evaluation=row.score.evaluation_id, run__case__suite=suite)
    for call in calls.select_related("run__case").order_by("run", "index"):
        case = commitments.case_sha256(suite.salt, sealing.case_text(call.run.case))
        texts.setdefault((case, call.run.repetition), []).append(call.text)
    return disclosure.write_answers(
        row.sha256, [texts[run.case_sha256, run.repetition] for run in record.runs]
    )


def _edges(phase: Phase) -> Iterator[bytes]:
    """The edges that the phase's records name."""
    store = sealing.evidence_store()
    counted = Measurement.objects.filter(
        evaluation__score__phase=phase, evaluation__repetition=F("repetition"), is_ranked=True
    )
    named = counted.exclude(evidence__edges_sha256=None).values_list("evidence__edges_sha256", flat=True)
    for sha256 in named.iterator():
        yield store.read(sha256)


def _suites(phase: Phase) -> Iterator[Suite]:
    """Those that its scores name, each once."""
    for sha256 in phase.scores.order_by("suite_sha256").values_list("suite_sha256", flat=True).distinct():
        yield sealing.suite_of(phase, sha256)


def _check_nobody_is_judged_on(suites: list[Suite]) -> None:
    now = dispatch.now()
    open_phases = Phase.objects.filter(ranked_suite__sha256__in=[suite.sha256 for suite in suites])
    for phase in open_phases.filter(closes_at__gt=now).select_related("challenge"):
        raise CasesStillSecret(phase=f"{phase.challenge.slug}/{phase.slug}", closes_at=phase.closes_at)


def _told(suite: Suite) -> dict[str, Any]:
    return {
        "sha256": suite.sha256,
        "salt": suite.salt,
        "slots": commitments.slots_text(suite.slots),
        "cases": [sealing.case_text(case) for case in suite.cases.order_by("position")],
    }
