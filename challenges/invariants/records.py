"""Each score has its sealed record, its phase's chain is whole, and the file tells what the score does."""

from __future__ import annotations

from collections.abc import Iterator

from challenges import sealing
from challenges.invariants.findings import ROWS_AT_ONCE, Broken, Check
from challenges.models import Measurement, Phase, Record, ReferenceRun, Score
from challenges.sealing import EMPTY, of_score
from scoring.record import recompute, sealed
from scoring.record.errors import RecordError


def sealed_scores() -> Iterator[Broken]:
    """A phase without any may be from before there were records: ``manage.py seal_records`` mends it."""
    begun = set(Record.objects.values_list("phase_id", flat=True).distinct())
    bare = Score.objects.filter(record=None).order_by("pk").values_list("pk", "phase_id")
    for pk, phase_id in bare.iterator():
        yield Broken(
            rule="score-sealed",
            row=f"score {pk}",
            what="it has no sealed record",
            is_certain=phase_id in begun,
        )


def chains() -> Iterator[Broken]:
    """Numbers from 1 without a gap, each behind the hash of the one before it, all of their score's phase."""
    for phase_id in Phase.objects.order_by("pk").values_list("pk", flat=True):
        head = EMPTY
        rows = Record.objects.filter(phase=phase_id).select_related("score").order_by("number")
        for row in rows.iterator(chunk_size=ROWS_AT_ONCE):
            if (row.number, row.previous_sha256) != (head.number + 1, head.sha256):
                yield _of(row, "record-chain", f"it does not follow record {head.number}")
            if row.score.phase_id != phase_id:
                yield _of(row, "record-chain", f"its score is of phase {row.score.phase_id}")
            head = sealing.head_of(row)


def files() -> Iterator[Broken]:
    """What lies on disk is what the row names, it recomputes, and it tells the score of the row."""
    store = sealing.store()
    rows = Record.objects.select_related("score__participation").order_by("pk")
    for row in rows.iterator(chunk_size=ROWS_AT_ONCE):
        try:
            record = sealed.read(store.read(row.sha256))
            computed = recompute.recompute(record)
            differing = recompute.differences(record, computed)
        except RecordError as fault:
            yield _of(row, "record-file", str(fault))
            continue
        if differing:
            fields = ", ".join(each.field for each in differing)
            yield _of(row, "record-recomputes", f"these do not follow from it: {fields}")
        if unlike := _unlike_its_rows(row, record):
            yield _of(row, "record-score", f"its rows tell something else: {', '.join(unlike)}")


def edges() -> Iterator[Broken]:
    """The file of each counter's edges is there: unlike a record, nothing else can give them again."""
    store = sealing.evidence_store()
    for kind in (Measurement, ReferenceRun):
        named = kind.objects.exclude(evidence__edges_sha256=None).order_by("pk")
        for pk, sha256 in named.values_list("pk", "evidence__edges_sha256").iterator():
            if not store.holds(sha256):
                what = f"its edges are gone ({sha256[:12]}…): bring RECORDS_DIR/evidence back from a copy"
                yield Broken(rule="counter-edges", row=f"{kind._meta.model_name} {pk}", what=what)


def _unlike_its_rows(row: Record, record: sealed.Record) -> list[str]:
    score, place = row.score, record.chain
    beside = {
        "chain": ((place.number, place.previous_sha256), (row.number, row.previous_sha256)),
        "participation": (record.subject.participation, str(score.participation.public_id)),
        "policy": (record.rules.policy, score.policy),
        "policy_parameters": (dict(record.rules.parameters), score.policy_parameters),
        "suite": (record.suite.sha256, score.suite_sha256),
        "score": (record.score, of_score(score, repetitions=record.score.energy_repetitions)),
    }
    return [name for name, (told, stored) in beside.items() if told != stored]


def _of(row: Record, rule: str, what: str) -> Broken:
    return Broken(rule=rule, row=f"record {row.number} of phase {row.phase_id}", what=what)


CHECKS = (
    Check(rules=("score-sealed",), walk=sealed_scores),
    Check(rules=("record-chain",), walk=chains),
    Check(rules=("counter-edges",), walk=edges),
    Check(rules=("record-file", "record-recomputes", "record-score"), walk=files),
)
