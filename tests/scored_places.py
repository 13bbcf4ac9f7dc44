"""Scores by a phase's own rule, with the grades of their cases: boards on which places can be compared."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from challenges import standings
from challenges.models import Phase, Score
from scoring import policies
from scoring.values import Use
from tests.factories import a_participation, a_phase, a_score

CASES = 40
MILLION = 10**6
VERDE = {"q_min": "0.20", "e_ref_mj": 2_000_000, "e_min_mj": 20_000, "lambda": "0.5"}


def a_long_phase(**fields: Any) -> Phase:
    return a_phase(ranked_cases=CASES, policy="verde", policy_parameters=VERDE, **fields)


def scored(phase: Phase, right: int, *, first: int = 0, energy_mj: int = 200_000, **fields: Any) -> Score:
    """A score of ``right`` cases from the ``first`` one on, by the phase's own rule."""
    grades = [MILLION if first <= case < first + right else 0 for case in range(CASES)]
    quality = Decimal(right) / CASES
    use = Use(energy_mj=energy_mj, prompt_tokens=20, completion_tokens=4)
    result = policies.apply(policy=phase.policy, parameters=phase.policy_parameters, quality=quality, use=use)
    made = a_score(
        phase,
        value=result.score,
        quality=result.quality,
        green=result.green,
        reaches_minimum=result.reaches_minimum,
        energy_mj=energy_mj,
        prompt_tokens=20,
        completion_tokens=4,
        policy=phase.policy,
        policy_parameters=phase.policy_parameters,
        suite_sha256=phase.ranked_suite.sha256,
        **{
            "participation": fields.pop("participation", None) or a_participation(phase),
            "case_grades": grades,
            "repetitions_mj": [energy_mj],
            **fields,
        },
    )
    standings.rebuild(phase)
    return made
