"""Builders of rows with defaults, for every test that needs a contest: ``a_phase(attempts_per_day=3)``.

Each makes whatever it needs that was not handed in. They write rows directly; nothing rings, nothing is
evaluated and no quota is looked at.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db.models import F
from django.utils import timezone

from challenges import sealing, suite_hash, turns
from challenges.models import (
    Actor,
    Call,
    Case,
    Challenge,
    Consent,
    Evaluation,
    Leaderboard,
    Measurement,
    Participation,
    Person,
    Phase,
    Purpose,
    Reason,
    ReferenceRun,
    Run,
    Score,
    Standing,
    State,
    StateChange,
    Submission,
    Suite,
    Visibility,
)
from challenges.models.evaluation import ACTIVE, FINAL
from scoring.energy.counter import Device, Edge
from scoring.energy.edges import edges_bytes
from scoring.energy.window_energy import levels_mj
from scoring.record.recompute import median_mj
from scoring.values import EvidenceGrade

PASSWORD = "una-clave-larga-de-prueba"

# What a contestant hands in, in the shape of the API; every factory suite knows the slot ``pregunta``.
PROMPT: dict[str, Any] = {
    "system": "Responde solo con la respuesta.",
    "user": "{{pregunta}}",
    "sampling": {"temperature": 0.0, "top_p": 1.0, "max_output_tokens": 16, "stop": [], "seed": 0},
}
VERDE: dict[str, Any] = {"q_min": "0.20", "e_ref_mj": 2_000_000, "e_min_mj": 20_000, "lambda": "0.5"}

_numbers = itertools.count(1)


def a_person(email: str | None = None, *, board_name: str | None = None, **fields: Any) -> Person:
    """An active account whose password is ``PASSWORD``."""
    number = next(_numbers)
    return Person.objects.create_user(
        email or f"persona{number}@example.org",
        PASSWORD,
        board_name=f"Persona {number}" if board_name is None else board_name,
        **fields,
    )


def a_challenge(**overrides: Any) -> Challenge:
    number = next(_numbers)
    fields: dict[str, Any] = {
        "slug": f"desafio-{number}",
        "title": f"Desafío {number}",
        "summary": "Un desafío de prueba.",
        "statement": "# Enunciado\n\nResponde bien y gasta poco.",
    }
    return Challenge.objects.create(**{**fields, **overrides})


def a_suite(
    challenge: Challenge | None = None,
    *,
    visibility: str = Visibility.PRIVATE,
    cases: int | Sequence[Mapping[str, Any]] = 3,
    slots: Mapping[str, str] | None = None,
) -> Suite:
    """A suite of ``cases``: how many, or the fields of each (``expected``, ``grader``, ``weight``, …)."""
    challenge = challenge or a_challenge()
    slots = {"pregunta": "La pregunta del caso."} if slots is None else dict(slots)
    chosen: Sequence[Mapping[str, Any]] = [{}] * cases if isinstance(cases, int) else cases
    prefix = "p" if visibility == Visibility.PUBLIC else "s"
    rows = [_case_fields(f"{prefix}{position}", position, fields) for position, fields in enumerate(chosen)]
    suite = Suite.objects.create(
        challenge=challenge,
        version=challenge.suites.filter(visibility=visibility).count() + 1,
        visibility=visibility,
        slots=slots,
        sha256=suite_hash.digest(slots=slots, cases=rows),
    )
    for row in rows:
        Case.objects.create(suite=suite, **row)
    return suite


def _case_fields(key: str, position: int, fields: Mapping[str, Any]) -> dict[str, Any]:
    defaults: dict[str, Any] = {
        "key": key,
        "position": position,
        "group": "",
        "inputs": {"pregunta": f"¿Pregunta {key}?"},
        "expected": "sí",
        "grader": {"name": "exact", "accept": ["sí", "si"]},
        "weight": 1,
    }
    return {**defaults, **fields}


def a_phase(
    challenge: Challenge | None = None,
    *,
    ranked_cases: int | Sequence[Mapping[str, Any]] = 3,
    feedback_cases: int | Sequence[Mapping[str, Any]] = 2,
    **overrides: Any,
) -> Phase:
    """An open phase (from an hour ago to tomorrow) with a private and a public suite."""
    challenge = challenge or a_challenge()
    if "ranked_suite" not in overrides:
        overrides["ranked_suite"] = a_suite(challenge, cases=ranked_cases)
    if "feedback_suite" not in overrides:
        overrides["feedback_suite"] = a_suite(challenge, visibility=Visibility.PUBLIC, cases=feedback_cases)
    number = next(_numbers)
    fields: dict[str, Any] = {
        "slug": f"fase-{number}",
        "title": f"Fase {number}",
        "opens_at": timezone.now() - timedelta(hours=1),
        "closes_at": timezone.now() + timedelta(days=1),
        "policy_parameters": dict(VERDE),
    }
    return Phase.objects.create(challenge=challenge, **{**fields, **overrides})


def a_participation(phase: Phase | None = None, *, person: Person | None = None) -> Participation:
    """A person in the phase's challenge who accepted the rules and lets the board show the board name."""
    phase = phase or a_phase()
    person = person or a_person()
    for purpose in (Purpose.RULES, Purpose.PUBLISH_NAME):
        Consent.objects.get_or_create(
            person=person, purpose=purpose, withdrawn_at=None, defaults={"text": str(purpose.label)}
        )
    return Participation.objects.create(person=person, challenge=phase.challenge)


def a_submission(
    phase: Phase | None = None,
    *,
    participation: Participation | None = None,
    content: Mapping[str, Any] | None = None,
    state: str | None = State.PENDING,
    **overrides: Any,
) -> Submission:
    """A stored submission with one evaluation in ``state`` (None: without an evaluation)."""
    phase = phase or a_phase()
    content = dict(PROMPT if content is None else content)
    fields: dict[str, Any] = {
        "participation": participation or a_participation(phase),
        "phase": phase,
        "content": content,
        "content_sha256": _sha256(content),
        "idempotency_key": uuid.uuid4().hex,
    }
    submission = Submission.objects.create(**{**fields, **overrides})
    if state is not None:
        an_evaluation(submission, state=state)
    return submission


def an_evaluation(
    submission: Submission | None = None, *, state: str = State.PENDING, **overrides: Any
) -> Evaluation:
    """An evaluation in ``state`` with the times that the schema demands of that state."""
    submission = submission or a_submission(state=None)
    now = timezone.now()
    participation = submission.participation
    fields: dict[str, Any] = {
        "state": state,
        "participation": participation,
        "turn": turns.next_turn(participation),
        "steps": 1,
    }
    if state in ACTIVE:
        fields |= {
            "fence": 1,
            "lease_until": now + timedelta(seconds=30),
            "worker": "obrero",
            "started_at": now,
        }
    if state in FINAL:
        fields |= {"fence": 1, "finished_at": now}
    # Nothing before it counts, unless a test says so.
    fields["series"] = overrides.get("repetition", 1)
    if state == State.HELD:
        fields |= {"held_since": now}
    evaluation = Evaluation.objects.create(submission=submission, **{**fields, **overrides})
    # As the migration left those that were there before any history was kept.
    StateChange.objects.create(
        evaluation=evaluation,
        number=1,
        after=state,
        by=Actor.ORGANIZER,
        reason=Reason.MIGRATED,
        fence=evaluation.fence,
    )
    evaluation.refresh_from_db()
    return evaluation


def a_run(evaluation: Evaluation, case: Case, *, answer: str = "sí", **overrides: Any) -> Run:
    """A finished case with its one call; ``prompt_tokens`` and ``completion_tokens`` go to the call."""
    call: dict[str, Any] = {
        "text": answer,
        "finish_reason": "stop",
        "model": "modelo-de-prueba",
        "prompt_tokens": overrides.pop("prompt_tokens", 20),
        "completion_tokens": overrides.pop("completion_tokens", 4),
        "first_token_ms": 10.0,
        "duration_ms": 25.0,
    }
    fields: dict[str, Any] = {
        "fence": max(evaluation.fence, 1),
        "answer": answer,
        "grade": Decimal(1),
        "reason": "Coincide con la respuesta esperada.",
    }
    run = Run.objects.create(evaluation=evaluation, case=case, **{**fields, **overrides})
    Call.objects.create(run=run, **call)
    return run


def a_score(
    phase: Phase | None = None,
    *,
    participation: Participation | None = None,
    value: Decimal | str = "71.2345",
    submission: Submission | None = None,
    **overrides: Any,
) -> Score:
    """A scored submission: its evaluation is SCORED and measured. No standing is touched."""
    phase = phase or a_phase()
    submission = submission or a_submission(phase, participation=participation, state=None)
    evaluation = an_evaluation(submission, state=State.SCORED)
    fields: dict[str, Any] = {
        "value": Decimal(value),
        "quality": Decimal("0.650000"),
        "green": Decimal("0.500000"),
        "reaches_minimum": True,
        "energy_mj": 123_456,
        "evidence_grade": EvidenceGrade.E.value,
        "is_ranked": True,
        "prompt_tokens": 800,
        "completion_tokens": 120,
        "policy": phase.policy,
        "policy_parameters": phase.policy_parameters,
        "suite_sha256": phase.ranked_suite.sha256,
    }
    score = Score.objects.create(
        evaluation=evaluation, phase=phase, participation=submission.participation, **{**fields, **overrides}
    )
    Measurement.objects.create(
        evaluation=evaluation,
        energy_mj=score.energy_mj,
        seconds=Decimal("1.500"),
        evidence_grade=score.evidence_grade,
        source="modelo de tokens de prueba",
    )
    score.refresh_from_db()
    return score


def a_standing(
    phase: Phase | None = None, *, participation: Participation | None = None, **score_fields: Any
) -> Standing:
    """A place on the board: a score, its standing, and the board's version grown by one."""
    score = a_score(phase, participation=participation, **score_fields)
    board, _ = Leaderboard.objects.get_or_create(phase=score.phase)
    Leaderboard.objects.filter(pk=board.pk).update(version=F("version") + 1, updated_at=score.created_at)
    standing, _ = Standing.objects.update_or_create(
        phase=score.phase,
        participation=score.participation,
        defaults={"score": score, "attempts": 1, "updated_at": score.created_at},
    )
    return standing


def _sha256(value: Any) -> str:
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def unsealed(score: Score) -> None:
    """In place of a seal, for a score without anything that it could have been worked out from."""


def a_reference_run(evaluation: Evaluation, *, place: str = "before", **overrides: Any) -> ReferenceRun:
    """A run of the reference workload: ten passes of 100 J each, with an idle window of 50 W before it."""
    fields: dict[str, Any] = {
        "series": evaluation.series,
        "workload": "referencia-de-prueba",
        "source": "synthetic:gpu-de-prueba",
        "device": "GPU-de-prueba",
        "evidence_grade": EvidenceGrade.A.value,
        "model": "modelo-de-prueba",
        "concurrency": 4,
        "passes": 10,
        "prompt_tokens": 1_000,
        "completion_tokens": 500,
        "energy_mj": 1_000_000,
        "seconds": Decimal("10.000"),
        "idle_mj": 100_000,
        "idle_seconds": Decimal("2.000"),
    }
    return ReferenceRun.objects.create(evaluation=evaluation, place=place, **{**fields, **overrides})


def a_window(
    *,
    watts: Sequence[int] = (200, 300),
    step_ms: int = 100,
    marks: Sequence[Sequence[int]] = (),
    device: str = "GPU-de-prueba",
) -> dict[str, Any]:
    """The fields of a ``Measurement`` of a meter's window, whose edges are written where a worker would.

    The counter drew each of ``watts`` for one step; the window begins half a step after the first edge and
    ends half a step before the last, so it holds a step less than there are.
    """
    step_ns = step_ms * 10**6
    edges = [Edge(10**12, 5_000)]
    for power in watts:
        edges.append(Edge(edges[-1].at_ns + step_ns, edges[-1].mj + power * step_ms))
    begin_ns, end_ns = edges[0].at_ns + step_ns // 2, edges[-1].at_ns - step_ns // 2
    hardware = Device(uuid=device, name="GPU de prueba", driver="1.0", update_ms=step_ms)
    begin_mj, end_mj = levels_mj(edges, (begin_ns, end_ns), device=hardware)
    return {
        "energy_mj": end_mj - begin_mj,
        "seconds": Decimal(end_ns - begin_ns) / 10**9,
        "evidence_grade": EvidenceGrade.A.value,
        "source": f"synthetic:{device}",
        "evidence": {
            "window_id": "v1",
            "boot": "b1",
            "started_ns": begin_ns,
            "ended_ns": end_ns,
            "edges_count": len(edges),
            "edges_sha256": sealing.evidence_store().write(edges_bytes(edges)),
            "uncertainty_mj": 120,
            "hardware": {**asdict(hardware), "clocks_mhz": None, "power_limit_mw": None},
            "marks": [list(mark) for mark in marks],
        },
    }


def a_measured_score(
    phase: Phase | None = None, *, windows: Sequence[Mapping[str, Any]] = (), **overrides: Any
) -> Score:
    """A score of grade A whose repetitions are ``windows`` (fields of ``a_window``), from the first on."""
    phase = phase or a_phase(evidence_grade=EvidenceGrade.A.value)
    energies = [window["energy_mj"] for window in windows]
    score = a_score(
        phase,
        **{"energy_mj": median_mj(energies), "evidence_grade": EvidenceGrade.A.value, **overrides},
    )
    evaluation = score.evaluation
    evaluation.measurements.all().delete()
    for repetition, window in enumerate(windows, start=1):
        Measurement.objects.create(evaluation=evaluation, repetition=repetition, **window)
    Evaluation.objects.filter(pk=evaluation.pk).update(repetition=len(windows))
    evaluation.refresh_from_db()
    return score
