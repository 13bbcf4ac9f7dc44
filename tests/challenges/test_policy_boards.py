"""The same submissions under each policy: boards in the order that docs/scoring.md says, byte for byte.

``policy_boards.json`` holds the boards; SQLite and PostgreSQL are both held to it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from challenges import board, lease, standings, submission
from challenges.invariants import broken
from challenges.models import Leaderboard, Participation, Phase, Score
from scoring import policies
from scoring.values import Use
from tests import stepwise
from tests.factories import PROMPT, a_challenge, a_participation, a_person, a_phase, a_score

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
STORED: dict[str, Any] = json.loads(Path(__file__).with_name("policy_boards.json").read_text())
# As docs/scoring.md lists them: quality, energy in J, tokens read and written.
SUBMISSIONS = (
    ("ana", "0.95", 800, 6_000, 1_200),
    ("blas", "0.80", 200, 1_500, 300),
    ("blas", "0.90", 600, 1_500, 300),
    ("carla", "0.80", 400, 900, 200),
    ("dani", "0.62", 20, 700, 100),
    ("eva", "0.50", 10, 300, 60),
    ("fran", "0.70", 401, 2_000, 400),
    ("gema", "0.62", 20, 400, 250),
)
RULES: Mapping[str, Mapping[str, Any]] = {
    "verde": {"q_min": "0.60", "e_ref_mj": 2_000_000, "e_min_mj": 20_000, "lambda": "0.5"},
    "threshold": {"q_min": "0.60", "e_half_mj": 200_000},
    "budget": {"purse_mj": 400_000},
    "tokens": {"q_min": "0.60", "half_tokens": 6_000, "prompt_weight": 1, "completion_weight": 3},
    "pareto": {"q_min": "0.60", "e_ref_mj": 2_000_000, "e_min_mj": 20_000},
}
# In the order of the page: within a shared place by score, then whoever was there first.
PLACES: Mapping[str, Mapping[str, int]] = {
    "verde": {"dani": 1, "gema": 1, "blas": 3, "ana": 4, "carla": 5, "fran": 6, "eva": 7},
    "threshold": {"dani": 1, "gema": 1, "blas": 3, "carla": 4, "fran": 5, "ana": 6, "eva": 7},
    "budget": {"blas": 1, "carla": 1, "dani": 3, "gema": 3, "eva": 5, "ana": 6, "fran": 7},
    "tokens": {"dani": 1, "gema": 2, "carla": 3, "blas": 4, "fran": 5, "ana": 6, "eva": 7},
    "pareto": {"dani": 1, "gema": 1, "blas": 1, "ana": 1, "carla": 5, "fran": 6, "eva": 7},
}


def a_phase_under(policy: str) -> Phase:
    """Everything that the board's bytes hang on is fixed: names, moments, ids and the version."""
    challenge = a_challenge(slug=f"con-{policy}")
    phase = a_phase(challenge, slug="fase", policy=policy, policy_parameters=RULES[policy])
    people: dict[str, Participation] = {}
    for number, (name, quality, joules, prompt_tokens, completion_tokens) in enumerate(SUBMISSIONS):
        if name not in people:
            people[name] = a_participation(phase, person=a_person(board_name=name))
            Participation.objects.filter(pk=people[name].pk).update(public_id=UUID(int=len(people)))
        use = Use(energy_mj=1_000 * joules, prompt_tokens=prompt_tokens, completion_tokens=completion_tokens)
        result = policies.apply(policy=policy, parameters=RULES[policy], quality=Decimal(quality), use=use)
        a_score(
            phase,
            participation=people[name],
            value=result.score,
            quality=result.quality,
            green=result.green,
            reaches_minimum=result.reaches_minimum,
            energy_mj=use.energy_mj,
            prompt_tokens=use.prompt_tokens,
            completion_tokens=use.completion_tokens,
            created_at=AT + timedelta(minutes=number),
        )
    standings.rebuild(phase)
    Leaderboard.objects.filter(phase=phase).update(
        version=len(SUBMISSIONS), updated_at=AT + timedelta(hours=1)
    )
    return Phase.objects.select_related("challenge").get(pk=phase.pk)


@pytest.mark.parametrize("policy", RULES)
def test_each_policy_gives_the_places_that_its_page_says(policy: str) -> None:
    rows = board.build(a_phase_under(policy)).rows
    assert {row["name"]: row["rank"] for row in rows} == PLACES[policy]
    assert [row["name"] for row in rows] == list(PLACES[policy])


@pytest.mark.parametrize("policy", RULES)
def test_each_board_is_the_stored_one_byte_for_byte(policy: str) -> None:
    body = board.build(a_phase_under(policy)).body
    assert (
        body == json.dumps(STORED[policy], ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    )


@pytest.mark.parametrize("policy", RULES)
def test_an_evaluation_gets_the_score_of_its_policy_and_it_can_be_made_again(policy: str) -> None:
    """Of all that was stored: 3 answers that are right, each of 20 tokens read and 4 written."""
    phase = a_phase(policy=policy, policy_parameters=RULES[policy])
    submission.submit(
        participation=a_participation(phase), phase=phase, content=PROMPT, idempotency_key="clave"
    )
    held = lease.claim("obrero")
    assert held is not None
    stepwise.evaluate(held, text_of=lambda case: "sí")
    score = Score.objects.get()
    use = Use(energy_mj=score.energy_mj, prompt_tokens=60, completion_tokens=12)
    result = policies.apply(policy=policy, parameters=RULES[policy], quality=Decimal(1), use=use)
    assert (score.policy, score.value, score.green) == (policy, result.score, result.green)
    assert score.reaches_minimum
    assert list(broken()) == []


def test_under_layers_a_frozen_board_shows_nobody_pushed_back_by_what_came_after() -> None:
    phase = a_phase_under("pareto")
    phase.freeze_at = AT + timedelta(minutes=30)
    before = [(row["name"], row["rank"]) for row in board.build(phase).rows]
    a_score(
        phase,
        participation=a_participation(phase),
        value="99.0000",
        quality=Decimal("0.990000"),
        energy_mj=1_000,
        created_at=AT + timedelta(minutes=40),
    )
    standings.rebuild(phase)
    assert [(row["name"], row["rank"]) for row in board.build(phase).rows] == before
    seen_by_judges = {row["name"]: row["rank"] for row in board.build(phase, restricted=True).rows}
    assert (seen_by_judges["dani"], seen_by_judges["ana"]) == (2, 2)
