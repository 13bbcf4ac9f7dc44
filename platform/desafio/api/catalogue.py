"""Challenges and phases as the API tells them. Of a private suite: the number of cases and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.db.models import Count, QuerySet

from challenges import board, submission
from challenges.models import Case, Challenge, Phase, Visibility
from scoring import policies
from scoring.errors import SpecError


def published() -> QuerySet[Challenge]:
    return Challenge.objects.filter(is_published=True).prefetch_related("phases")


def phases_of(challenge: Challenge) -> Iterable[Phase]:
    return (
        challenge.phases.select_related("challenge", "ranked_suite", "feedback_suite")
        .annotate(private_case_count=Count("ranked_suite__cases"))
        .order_by("opens_at")
    )


def summary(challenge: Challenge, now: datetime) -> dict[str, Any]:
    return {
        "slug": challenge.slug,
        "title": challenge.title,
        "summary": challenge.summary,
        "language": challenge.language,
        "phases": [_phase_summary(phase, now) for phase in challenge.phases.all()],
    }


def detail(challenge: Challenge, now: datetime) -> dict[str, Any]:
    return {
        "slug": challenge.slug,
        "title": challenge.title,
        "summary": challenge.summary,
        "statement": challenge.statement,
        "language": challenge.language,
        "licence": challenge.licence,
        "phases": [_phase_detail(phase, now) for phase in phases_of(challenge)],
    }


def public_cases(phase: Phase) -> list[Case]:
    suite = phase.feedback_suite
    if suite is None or suite.visibility != Visibility.PUBLIC:
        return []
    return list(suite.cases.order_by("position"))


def _phase_summary(phase: Phase, now: datetime) -> dict[str, Any]:
    return {
        "slug": phase.slug,
        "title": phase.title,
        "state": _state(phase, now),
        "opens_at": phase.opens_at,
        "closes_at": phase.closes_at,
        "freeze_at": phase.freeze_at,
        "time_zone": phase.time_zone,
    }


def _phase_detail(phase: Any, now: datetime) -> dict[str, Any]:
    return {
        **_phase_summary(phase, now),
        "policy": _policy(phase),
        "evidence_grade": phase.evidence_grade,
        "estimated": phase.evidence_grade in board.ESTIMATES,
        "kinds": phase.kinds,
        "limits": {
            **asdict(phase.limits),
            "attempts_per_day": phase.attempts_per_day,
            "attempts_per_phase": phase.attempts_per_phase,
            "energy_purse_mj": phase.energy_purse_mj,
        },
        "slots": submission.slots_of(phase),
        "private_case_count": phase.private_case_count,
        "public_cases": [_case(case) for case in public_cases(phase)],
    }


def _policy(phase: Phase) -> dict[str, Any]:
    """The phase's rule; without a fingerprint where it cannot work, which ends nobody's look at the rest."""
    try:
        fingerprint = policies.fingerprint(phase.policy, phase.policy_parameters)
    except SpecError:
        fingerprint = None
    return {"name": phase.policy, "parameters": phase.policy_parameters, "fingerprint": fingerprint}


def _case(case: Case) -> dict[str, Any]:
    return {
        "key": case.key,
        "group": case.group,
        "inputs": case.inputs,
        "expected": case.expected,
        "grader": case.grader,
        "weight": case.weight,
    }


def _state(phase: Phase, now: datetime) -> str:
    if now < phase.opens_at:
        return "upcoming"
    return "open" if phase.is_open(now) else "over"
