"""How a phase's page explains the policy that ranks in it: in words, by hand, and with its fingerprint."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from challenges.models import Phase
from desafio.pages import formula
from scoring import policies
from scoring.values import Use
from tests.factories import a_phase
from tests.web_page import Page, read

pytestmark = pytest.mark.django_db

RULES: Mapping[str, Mapping[str, Any]] = {
    "verde": {"q_min": "0.20", "e_ref_mj": 2_000_000, "e_min_mj": 20_000, "lambda": "0.5"},
    "threshold": {"q_min": "0.60", "e_half_mj": 200_000},
    "budget": {"purse_mj": 400_000},
    "tokens": {"q_min": "0.60", "half_tokens": 6_000, "prompt_weight": 1, "completion_weight": 3},
    "pareto": {"q_min": "0.60", "e_ref_mj": 2_000_000, "e_min_mj": 20_000},
}


def a_phase_under(policy: str, **changes: Any) -> Phase:
    return a_phase(policy=policy, policy_parameters={**RULES[policy], **changes})


def show(phase: Phase) -> Page:
    return read(Client().get(f"/desafios/{phase.challenge.slug}/").content)


def test_every_policy_is_explained() -> None:
    assert set(RULES) == set(policies.POLICIES)


@pytest.mark.parametrize(
    ("policy", "sentences"),
    [
        (
            "threshold",
            (
                "quien llega a una calidad de 0,60 compite solo por gastar menos energía",
                "G = 200 J / (200 J + E)",
                "Con 200 J la puntuación es 50",
                "Quien gasta lo mismo comparte el puesto.",
                "Con Q por debajo de 0,60 se va detrás de todos los que llegan, por orden de calidad",
                "con Q = 0,80 y E = 50 J, la puntuación es S = 100 · 200 J / (200 J + 50 J) = 80,0000",
            ),
        ),
        (
            "tokens",
            (
                "compite solo por usar menos tokens",
                "T = 1 · tokens leídos + 3 · tokens escritos",
                # 6000 / 4 = 1500 weighted tokens: 125 times 9 read and 1 written.
                "con Q = 0,80, 1.125 tokens leídos y 125 escritos, T = 1 · 1.125 + 3 · 125 = 1.500",
                "S = 100 · 6.000 / (6.000 + 1.500) = 80,0000",
            ),
        ),
        (
            "budget",
            (
                "la misma bolsa de energía, 400 J por evaluación",
                "Con más de 400 J se va detrás de todos los que no se pasan, por orden de calidad.",
                "a igual calidad se comparte el puesto",
                "con Q = 0,80 y 100 J, que caben en 400 J, la puntuación es S = 100 · 0,80 = 80,0000",
            ),
        ),
        (
            "pareto",
            (
                "Todos los de una capa comparten el puesto",
                "S = 100 · Q · G",
                "con Q = 0,80 y E = 200 J, el ahorro es G = 0,500000 y S = 100 · 0,80 · 0,500000 = 40,0000",
            ),
        ),
    ],
)
def test_a_policy_is_told_in_words_and_by_hand(policy: str, sentences: tuple[str, ...]) -> None:
    text = show(a_phase_under(policy)).main.text.replace("\u00a0", " ")
    for sentence in sentences:
        assert sentence in text


@pytest.mark.parametrize("policy", RULES)
def test_the_example_is_what_the_policy_gives(policy: str) -> None:
    example = formula.example(a_phase_under(policy))
    assert example is not None
    use = Use(
        energy_mj=example.energy_mj,
        prompt_tokens=example.prompt_tokens,
        completion_tokens=example.completion_tokens,
    )
    result = policies.apply(policy=policy, parameters=RULES[policy], quality=example.quality, use=use)
    assert (example.score, example.green, example.reaches_minimum) == (result.score, result.green, True)


@pytest.mark.parametrize("policy", ["threshold", "tokens"])
def test_an_example_reaches_a_minimum_that_is_higher_than_most(policy: str) -> None:
    example = formula.example(a_phase_under(policy, q_min="0.95"))
    assert example is not None
    assert (example.quality, example.reaches_minimum) == (Decimal("0.95"), True)


@pytest.mark.parametrize(
    ("policy", "changes"),
    [
        ("threshold", {"e_half_mj": 1}),
        ("budget", {"purse_mj": 1}),
        ("tokens", {"half_tokens": 1, "prompt_weight": 1_000, "completion_weight": 0}),
        ("pareto", {"e_ref_mj": 2, "e_min_mj": 1}),
    ],
)
def test_the_smallest_marks_have_an_example_too(policy: str, changes: dict[str, Any]) -> None:
    assert formula.example(a_phase_under(policy, **changes)) is not None


def test_the_layers_of_the_example_are_told() -> None:
    cells = [cell.text for cell in show(a_phase_under("pareto")).main.all("td")]
    assert [cell.replace("\u00a0", " ") for cell in cells] == [
        *("0,90", "50 J", "1"),
        *("0,70", "20 J", "1"),
        *("0,70", "60 J", "2"),
    ]


@pytest.mark.parametrize("policy", RULES)
def test_the_fingerprint_of_the_rule_is_shown(policy: str) -> None:
    phase = a_phase_under(policy)
    text = show(phase).main.text
    assert re.findall(r"\b[0-9a-f]{64}\b", text) == [policies.fingerprint(policy, phase.policy_parameters)]


def test_a_rule_that_cannot_work_is_named_without_a_formula() -> None:
    phase = a_phase_under("budget", purse_mj=0)
    assert formula.of_phase(phase) is None
    assert formula.example(phase) is None
    assert "Esta fase usa la política «budget»." in show(phase).main.text
