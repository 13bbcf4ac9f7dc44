"""The three seeded submissions of a demo: handed in once per data folder, then watched to their end.

They go through the same use case as anybody's and are evaluated by the worker; here nothing is evaluated.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from challenges import submission
from challenges.errors import ContestantError, IdempotencyConflict
from challenges.models import Evaluation, Participation, Phase, Run, State, Submission
from challenges.models.evaluation import FINAL
from desafio.demo.reasons import CannotStart, DidNotScore

# One per contestant, from the plainest to the wordiest.
NAMES = ("pregunta-directa", "con-ejemplos", "detallada")
POLL_S = 0.3
TELL_EVERY_S = 10.0
WORKER_LOG = "logs/worker.log"


def hand_in(name: str, *, folder: Path, participation: Participation, phase: Phase) -> Submission:
    """Submit ``<folder>/<name>.json``; a second start gets the submission of the first."""
    key = f"demo-{name}"
    content = json.loads((folder / f"{name}.json").read_text())
    try:
        return submission.submit(
            participation=participation, phase=phase, content=content, idempotency_key=key
        )
    except IdempotencyConflict:
        # The example changed since this data folder was made; what was handed in then still stands.
        return Submission.objects.get(participation=participation, idempotency_key=key)
    except ContestantError as refusal:
        raise CannotStart(
            f"El ejemplo «{name}» no se ha podido enviar ({refusal}). Con una carpeta de datos nueva se "
            "empieza de cero: ./alia demo --data CARPETA"
        ) from refusal


def wait_for_scores(
    submissions: Sequence[Submission],
    *,
    tick: Callable[[], None],
    say: Callable[[str], None],
    within_s: float,
) -> None:
    """Return when all are scored. Raises DidNotScore for one that ended otherwise, or not in time."""
    deadline = time.monotonic() + within_s
    told: dict[int, str] = {}
    told_at = time.monotonic()
    while waiting := _not_scored(submissions):
        tick()
        lines = {evaluation.pk: _line(evaluation) for evaluation in waiting}
        is_time = time.monotonic() - told_at > TELL_EVERY_S
        for pk, line in lines.items():
            if is_time or told.get(pk, "").partition(" (")[0] != line.partition(" (")[0]:
                say(line)
        told, told_at = lines, time.monotonic() if is_time else told_at
        if time.monotonic() > deadline:
            raise DidNotScore(f"No ha dado tiempo en {within_s:.0f} s. {lines[waiting[0].pk].strip()}.")
        time.sleep(POLL_S)


def _not_scored(submissions: Sequence[Submission]) -> list[Evaluation]:
    """The evaluations still to come. Raises DidNotScore for one that ended without a score."""
    evaluations = Evaluation.objects.filter(submission__in=submissions).exclude(state=State.SCORED)
    waiting = list(evaluations.select_related("submission__participation__person").in_turn())
    for evaluation in waiting:
        if evaluation.state in FINAL:
            why = f"{evaluation.fault_code} {evaluation.fault_detail}".strip(" .")
            raise DidNotScore(f"{_line(evaluation).strip()}: {why}. Míralo en {WORKER_LOG}, entre los datos.")
    return waiting


def _line(evaluation: Evaluation) -> str:
    phase = evaluation.submission.phase
    done = Run.objects.filter(evaluation=evaluation, repetition=evaluation.series).count()
    total = phase.ranked_suite.cases.count()
    if phase.feedback_suite is not None:
        total += phase.feedback_suite.cases.count()
    who = evaluation.submission.participation.person
    return f"  {who}: {State(evaluation.state).label} ({done} de {total} casos)"
