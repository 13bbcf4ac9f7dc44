"""What the pages say under each policy: a score by its own numbers, what a point would take, words for who
falls behind, figures to try, and an organizer's change of the rule.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from challenges import board, lease, submission
from challenges.errors import PhaseClosed
from challenges.invariants import broken
from challenges.models import Participation, Phase, Score, Ties
from desafio.api.client.watching import table
from desafio.pages import gaining
from scoring import policies
from scoring.errors import SpecError
from scoring.values import PolicyResult, Use
from tests import stepwise
from tests.contest import as_
from tests.factories import PROMPT, a_participation, a_person, a_phase, a_standing
from tests.packs import MANIFEST, a_loaded, a_pack, problems_of
from tests.web_page import Element, Page, read

pytestmark = pytest.mark.django_db

RULES: Mapping[str, Mapping[str, Any]] = {
    "verde": {"q_min": "0.20", "e_ref_mj": 2_000_000, "e_min_mj": 20_000, "lambda": "0.5"},
    "threshold": {"q_min": "0.60", "e_half_mj": 200_000},
    "budget": {"purse_mj": 400_000},
    "tokens": {"q_min": "0.60", "half_tokens": 6_000, "prompt_weight": 1, "completion_weight": 3},
    "pareto": {"q_min": "0.20", "e_ref_mj": 2_000_000, "e_min_mj": 20_000},
}


def a_phase_under(policy: str, **fields: Any) -> Phase:
    return a_phase(policy=policy, policy_parameters=RULES[policy], **fields)


def a_use(joules: int = 200, prompt_tokens: int = 900, completion_tokens: int = 200) -> Use:
    return Use(energy_mj=1_000 * joules, prompt_tokens=prompt_tokens, completion_tokens=completion_tokens)


def scored(
    phase: Phase, quality: str, use: Use | None = None, *, mine: Participation | None = None, **fields: Any
) -> Score:
    """A row of the board with the figures that the phase's policy gives."""
    use = use or a_use()
    result = policies.apply(
        policy=phase.policy, parameters=phase.policy_parameters, quality=Decimal(quality), use=use
    )
    standing = a_standing(
        phase,
        participation=mine or a_participation(phase),
        value=result.score,
        quality=result.quality,
        green=result.green,
        reaches_minimum=result.reaches_minimum,
        energy_mj=use.energy_mj,
        prompt_tokens=use.prompt_tokens,
        completion_tokens=use.completion_tokens,
        **fields,
    )
    return standing.score


def page_of(score: Score) -> Page:
    sent = score.evaluation.submission
    return read(as_(score.participation.person).get(f"/envios/{sent.pk}/").content)


def spaced(text: str) -> str:
    return text.replace("\u00a0", " ")


def told(score: Score) -> str:
    return spaced(page_of(score).main.text)


# --- a score by parts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "quality", "use", "sentences"),
    [
        (
            "verde",
            "0.65",
            a_use(200),
            (
                "La calidad llega al mínimo de 0,20.",
                "G = ln(2.000 J / 200 J) / ln(2.000 J / 20 J) = 0,500000, entre 0 y 1",
                "S = 100 · 0,650000 · (0,50 + 0,50 · 0,500000) = 48,7500",
                # 49.75 / 75 is 0.66333…, which has 6 decimals.
                "Calidad: con 0,663333 (0,013333 más) gana un punto.",
            ),
        ),
        (
            "threshold",
            "0.65",
            a_use(50),
            (
                "La calidad llega al mínimo de 0,60.",
                "G = 200 J / (200 J + 50 J) = 0,800000",
                "S = 100 · G = 100 · 0,800000 = 80,0000",
                "Calidad: responder mejor no da más puntos.",
                # 200 · (100 / 81 − 1) = 46.9135…
                "Energía: con 46,913 J (3,087 J menos) gana un punto.",
            ),
        ),
        (
            "threshold",
            "0.55",
            a_use(50),
            (
                "La calidad no llega al mínimo de 0,60, así que se va detrás de todos los que llegan.",
                "S = 100 · Q = 100 · 0,550000 = 55,0000",
                "Calidad: con 0,600000 (0,050000 más) llega al mínimo y pasa delante",
                "Energía: gastar menos no da más puntos.",
            ),
        ),
        (
            "budget",
            "0.65",
            a_use(100),
            (
                "La energía, 100 J, cabe en la bolsa de 400 J.",
                "S = 100 · Q = 100 · 0,650000 = 65,0000",
                "G = (400 J − 100 J) / 400 J = 0,750000, que no da puntos",
                "Calidad: con 0,660000 (0,010000 más) gana un punto.",
                "Energía: gastar menos no da más puntos.",
            ),
        ),
        (
            "budget",
            "0.995",
            a_use(401),
            (
                "La energía, 401 J, no cabe en la bolsa de 400 J, así que se va detrás de todos",
                "G = 0, porque 401 J es más que 400 J",
                "Calidad: ni con la mayor, 1, gana un punto entero: llega a 100,0000.",
                "Energía: con 400 J (1 J menos) cabe en la bolsa y pasa delante",
            ),
        ),
        (
            "tokens",
            "0.65",
            a_use(50, 900, 200),
            (
                "La calidad llega al mínimo de 0,60.",
                "T = 1 · 900 + 3 · 200 = 1.500",
                "G = 6.000 / (6.000 + 1.500) = 0,800000",
                "S = 100 · G = 100 · 0,800000 = 80,0000",
                # 6000 · (100 / 81 − 1) = 1407.4: 93 weighted tokens less, which are 31 written ones.
                "Tokens leídos: con 807 (93 menos) gana un punto.",
                "Tokens escritos: con 169 (31 menos) gana un punto.",
                "Energía: gastar menos no da más puntos.",
            ),
        ),
        (
            "pareto",
            "0.65",
            a_use(200),
            (
                "La calidad llega al mínimo de 0,20.",
                "S = 100 · 0,650000 · 0,500000 = 32,5000",
                "El puesto no sale de S: depende de los demás, porque lo da la capa.",
                # A millionth less is rounded to the same 33.5000.
                "Calidad: con 0,669999 (0,019999 más) gana un punto.",
            ),
        ),
    ],
)
def test_a_score_is_told_by_its_own_numbers(
    policy: str, quality: str, use: Use, sentences: tuple[str, ...]
) -> None:
    text = told(scored(a_phase_under(policy), quality, use))
    for sentence in sentences:
        assert sentence in text


def test_tokens_are_spoken_of_where_they_are_worth_something() -> None:
    assert "Tokens leídos: " in told(scored(a_phase_under("tokens"), "0.65"))
    assert "Tokens leídos: " not in told(scored(a_phase_under("threshold"), "0.65"))


def test_a_perfect_quality_is_told_as_one() -> None:
    assert "Calidad: ya es la mayor que hay." in told(scored(a_phase_under("verde"), "1"))


def test_a_rule_that_cannot_work_shows_the_score_alone() -> None:
    phase = a_phase(policy="budget", policy_parameters={"purse_mj": 0})
    text = told(a_standing(phase).score)
    assert "71,23" in text
    assert "De dónde sale la puntuación" not in text


qualities = st.integers(0, 10**6)
uses = st.builds(
    Use,
    energy_mj=st.integers(1, 3_000_000),
    prompt_tokens=st.integers(0, 5_000),
    completion_tokens=st.integers(0, 2_000),
)


@pytest.mark.parametrize("policy", policies.POLICIES)
@given(millionths=qualities, use=uses)
@settings(max_examples=30, deadline=None)
def test_what_a_point_takes_is_exact_to_the_last_unit(policy: str, millionths: int, use: Use) -> None:
    """The figure that is told gains the point, or meets the condition; one unit worse does not."""
    rule: dict[str, Any] = {"policy": policy, "parameters": RULES[policy]}
    quality = Decimal(millionths).scaleb(-6)
    now = policies.apply(**rule, quality=quality, use=use)
    gains = gaining.of(**rule, quality=quality, use=use)

    def after(name: str, value: Decimal | int) -> PolicyResult:
        if name == "quality":
            return policies.apply(**rule, quality=Decimal(value), use=use)
        changed = {"energy_mj": use.energy_mj, "prompt_tokens": use.prompt_tokens}
        changed |= {"completion_tokens": use.completion_tokens, name: int(value)}
        return policies.apply(**rule, quality=quality, use=Use(**changed))

    figures: tuple[tuple[str, gaining.Change, Decimal | int], ...] = (
        ("quality", gains.quality, Decimal("0.000001")),
        ("energy_mj", gains.energy, -1),
        ("prompt_tokens", gains.prompt_tokens, -1),
        ("completion_tokens", gains.completion_tokens, -1),
    )
    for name, change, unit in figures:
        if change.point is not None:
            then, before = after(name, change.point.to), after(name, change.point.to - unit)
            assert then.reaches_minimum == now.reaches_minimum
            assert then.score >= now.score + 1 > before.score
        if change.meets is not None:
            assert not now.reaches_minimum
            assert after(name, change.meets.to).reaches_minimum
            assert not after(name, change.meets.to - unit).reaches_minimum
        end = {"quality": 1, "energy_mj": 1}.get(name, 0)
        assert change.best == after(name, end).score
        if change.point is None and change.meets is None:
            assert after(name, end).score < now.score + 1
            assert after(name, end).reaches_minimum == now.reaches_minimum


# --- layers -------------------------------------------------------------------------------------------------


def test_under_layers_one_reads_in_which_one_it_is_now() -> None:
    phase = a_phase_under("pareto")
    best = scored(phase, "0.90", a_use(50))
    thrifty = scored(phase, "0.70", a_use(20))
    beaten = scored(phase, "0.70", a_use(60))
    below = scored(phase, "0.10", a_use(10))
    in_first = (
        "En la clasificación que se ve ahora está en la capa 1 de 2, que comparten 2. No le gana nadie."
    )
    assert in_first in told(best)
    assert in_first in told(thrifty)
    assert "está en la capa 2 de 2, y en ella no hay nadie más. Le ganan 2," in told(beaten)
    # Who does not reach the minimum is in layers of their own, and beats nobody above it.
    assert "está en la capa 1 de 1, y en ella no hay nadie más. No le gana nadie." in told(below)


def test_the_layer_is_that_of_a_frozen_board() -> None:
    phase = a_phase_under("pareto")
    first = scored(phase, "0.70", a_use(60))
    phase.freeze_at = first.created_at + timedelta(milliseconds=1)
    phase.save()
    later = scored(phase, "0.90", a_use(50))
    assert "está en la capa 1 de 1, y en ella no hay nadie más. No le gana nadie." in told(first)
    assert "este envío no cuenta, así que no está en ninguna capa" in told(later)


def test_a_submission_that_does_not_count_is_in_no_layer() -> None:
    phase = a_phase_under("pareto")
    mine = a_participation(phase)
    worse = scored(phase, "0.70", a_use(60), mine=mine)
    scored(phase, "0.90", a_use(50), mine=mine)
    assert "este envío no cuenta, así que no está en ninguna capa" in told(worse)


def test_no_other_policy_speaks_of_layers() -> None:
    assert "capa" not in told(scored(a_phase_under("verde"), "0.65"))


# --- who falls behind ---------------------------------------------------------------------------------------

MISSED = {
    "verde": "por debajo de la calidad mínima",
    "threshold": "por debajo de la calidad mínima",
    "budget": "por encima de la bolsa de energía",
    "tokens": "por debajo de la calidad mínima",
    "pareto": "por debajo de la calidad mínima",
}


def test_every_policy_has_its_words() -> None:
    assert set(MISSED) == set(RULES) == set(policies.POLICIES)


@pytest.mark.parametrize("policy", MISSED)
def test_a_board_says_in_what_a_row_falls_behind(policy: str) -> None:
    phase = a_phase_under(policy)
    scored(phase, "0.10", a_use(500))
    page = read(Client().get(f"/desafios/{phase.challenge.slug}/clasificacion/").content)
    (row,) = page.root.by_id("board-rows").all("tr")
    assert [each.text for each in row.with_class("below")] == [MISSED[policy]]
    # What the script writes beside a row that comes later.
    assert page.root.by_id("board").get("data-text-below") == MISSED[policy]


@pytest.mark.parametrize("policy", MISSED)
def test_judges_read_the_same_words(policy: str) -> None:
    phase = a_phase_under(policy)
    scored(phase, "0.10", a_use(500))
    judge = as_(a_person(is_staff=True, is_superuser=True))
    page = read(judge.get(f"/jurado/{phase.challenge.slug}/{phase.slug}/").content)
    assert f"({MISSED[policy]})" in page.main.text


@pytest.mark.parametrize(
    ("policy", "met", "missed"),
    [
        ("verde", "Calidad mínima alcanzada", "Calidad mínima no alcanzada"),
        ("budget", "Bolsa de energía respetada", "Bolsa de energía sobrepasada"),
    ],
)
def test_the_client_names_what_the_policy_asks_for(policy: str, met: str, missed: str) -> None:
    phase = a_phase_under(policy)
    for score, line in ((scored(phase, "0.90"), met), (scored(phase, "0.10", a_use(500)), missed)):
        client = as_(score.participation.person)
        answer = client.get(f"/api/v1/submissions/{score.evaluation.submission_id}/").json()
        assert " ".join(table(answer).splitlines()[-1].split()) == line


# --- the front page -----------------------------------------------------------------------------------------


def home() -> str:
    return spaced(read(Client().get("/").content).main.text)


@pytest.mark.parametrize("policy", RULES)
def test_the_front_page_explains_the_rule_of_the_challenge_that_it_names(policy: str) -> None:
    phase = a_phase_under(policy)
    text = home()
    assert f"Así puntúa «{phase.challenge.title}»." in text
    assert ("junta dos cosas" in text) == (policy == "verde")
    rule = read(Client().get(f"/desafios/{phase.challenge.slug}/").content).main.with_class("formula")[0]
    assert spaced(rule.text) in text


def test_the_front_page_shows_no_formula_of_another_rule_than_those_in_force() -> None:
    a_phase(policy="budget", policy_parameters={"purse_mj": 0})
    assert "S = 100" not in home()


# --- «Prueba tus cifras» ------------------------------------------------------------------------------------


def tried(phase: Phase, **figures: str) -> Page:
    answer = Client().get(f"/desafios/{phase.challenge.slug}/", figures)
    assert answer.status_code == 200
    return read(answer.content)


def try_form(page: Page) -> Element:
    return next(form for form in page.main.all("form") if form.get("method") == "get")


@pytest.mark.parametrize("policy", RULES)
def test_figures_give_what_the_policy_gives(policy: str) -> None:
    use = a_use(150, 1_500, 300)
    written = {"calidad": "0,65", "julios": "150", "leidos": "1.500", "escritos": "300"}
    page = tried(a_phase_under(policy), **written)
    result = policies.apply(policy=policy, parameters=RULES[policy], quality=Decimal("0.65"), use=use)
    score, green = (f"{figure}".replace(".", ",") for figure in (result.score, result.green))
    (notice,) = (each for each in page.main.with_class("notice") if each.get("role") == "status")
    assert f"Puntuación: {score}. Ahorro: {green}." in notice.text
    # What was written stays, and the policy asks for nothing that it does not look at.
    asked = [field.get("name") for field in try_form(page).all("input")]
    assert asked == (["calidad", "leidos", "escritos"] if policy == "tokens" else ["calidad", "julios"])
    assert [page.value(name) for name in asked] == [written[name] for name in asked]


def test_the_form_needs_no_script_and_its_fields_have_labels() -> None:
    page = tried(a_phase())
    form = try_form(page)
    assert form.get("action").endswith("#prueba")
    assert page.root.by_id("prueba").text == "Prueba tus cifras"
    labels = {label.get("for") for label in form.all("label")}
    assert labels == {field.get("id") for field in form.all("input")}
    assert page.main.all("script") == []
    assert form.with_class("field-errors") == []


@pytest.mark.parametrize(
    ("quality", "joules", "score"),
    [
        ("0.65", "200", "48,7500"),
        ("0,65", "200,000", "48,7500"),
        (" 0,65 ", "200.0", "48,7500"),
        ("1", "2.000", "50,0000"),
        ("1", "2.000,000", "50,0000"),
        ("1", "0.020", "100,0000"),
        ("0", "200", "0,0000"),
    ],
)
def test_a_figure_may_be_written_as_people_write_it(quality: str, joules: str, score: str) -> None:
    page = tried(a_phase_under("verde"), calidad=quality, julios=joules)
    assert f"Puntuación: {score}." in page.main.text


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        *(("calidad", wrong) for wrong in ("1,1", "-0,5", "NaN", "inf", "1e-1", "0,1234567", "80 %", "٠,٥")),
        *(("julios", wrong) for wrong in ("0", "0,0001", "-1", "mucho", "1e3", "1,2,3", "9" * 17)),
        *(("leidos", wrong) for wrong in ("1,5", "-3", "9" * 14, "<b>")),
        ("escritos", "²"),
    ],
)
def test_a_figure_that_is_wrong_is_told_under_its_field_and_kept(field: str, wrong: str) -> None:
    phase = a_phase_under("tokens" if field in ("leidos", "escritos") else "verde")
    right = {"calidad": "0,5", "julios": "100", "leidos": "9", "escritos": "9"}
    page = tried(phase, **{**right, field: wrong})
    (error,) = page.errors_of(field)
    assert error.startswith("Escribe ")
    assert page.value(field) == wrong
    assert (
        page.errors_of("calidad" if field != "calidad" else try_form(page).all("input")[-1].get("name")) == []
    )
    assert "Puntuación: " not in page.main.text


def test_a_figure_that_is_left_out_or_endless_is_told_too() -> None:
    page = tried(a_phase_under("verde"), calidad="0" * 10_000)
    assert page.errors_of("julios") == ["Escribe una cifra."]
    assert len(page.errors_of("calidad")) == 1


def test_a_rule_that_cannot_work_offers_nothing_to_try() -> None:
    page = tried(a_phase(policy="budget", policy_parameters={"purse_mj": 0}), calidad="1", julios="1")
    assert all(form.get("method") != "get" for form in page.main.all("form"))


# --- the API ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", RULES)
def test_the_api_tells_the_fingerprint_of_a_rule(policy: str) -> None:
    phase = a_phase_under(policy)
    (shown,) = Client().get(f"/api/v1/challenges/{phase.challenge.slug}/").json()["phases"]
    assert shown["policy"] == {
        "name": policy,
        "parameters": RULES[policy],
        "fingerprint": policies.fingerprint(policy, RULES[policy]),
    }


def test_a_rule_that_cannot_work_has_no_fingerprint() -> None:
    phase = a_phase(policy="budget", policy_parameters={})
    (shown,) = Client().get(f"/api/v1/challenges/{phase.challenge.slug}/").json()["phases"]
    assert shown["policy"] == {"name": "budget", "parameters": {}, "fingerprint": None}


# --- an organizer's rule ------------------------------------------------------------------------------------


def an_organizer() -> Client:
    return as_(a_person(is_staff=True, is_superuser=True))


def change(organizer: Client, phase: Phase, **changes: str) -> Any:
    """Open the phase's form, change fields, and send all that a browser would."""
    address = f"/gestion/challenges/phase/{phase.pk}/change/"
    page = read(organizer.get(address).content)
    return organizer.post(address, {**_filled(page.root.by_id("phase_form")), **changes})


def _filled(form: Element) -> dict[str, str]:
    written = {}
    for control in form.all("input", "textarea", "select"):
        if control.tag == "select":
            chosen = [
                option.get("value") for option in control.all("option") if "selected" in option.attributes
            ]
            written[control.get("name")] = chosen[0] if chosen else ""
        elif control.tag == "textarea":
            written[control.get("name")] = control.raw_text.strip()
        elif control.get("type") not in ("submit", "checkbox"):
            written[control.get("name")] = control.get("value")
    return written


def an_upcoming_phase(**fields: Any) -> Phase:
    opens_at = timezone.now() + timedelta(days=1)
    return a_phase(opens_at=opens_at, closes_at=opens_at + timedelta(days=7), **fields)


def test_the_form_of_a_phase_tells_what_each_policy_takes() -> None:
    address = f"/gestion/challenges/phase/{an_upcoming_phase().pk}/change/"
    help_text = read(an_organizer().get(address).content).root.by_id("id_policy_parameters_helptext")
    for item, (name, policy) in zip(help_text.all("li"), policies.POLICIES.items(), strict=True):
        assert item.text.startswith(f"{name}: ")
        assert tuple(code.text for code in item.all("code")) == policy.names
        assert "…" not in item.text


@pytest.mark.parametrize("policy", RULES)
def test_what_a_policy_is_said_to_take_is_what_it_takes(policy: str) -> None:
    names = policies.POLICIES[policy].names
    assert set(names) == set(RULES[policy])
    for name in names:
        less = {other: value for other, value in RULES[policy].items() if other != name}
        with pytest.raises(SpecError):
            policies.check_parameters(policy, less)


WRONG = [
    ("threshold", {"e_half_mj": 0}, "e_half_mj"),
    ("threshold", {"q_min": "1.5"}, "q_min"),
    ("threshold", {"lambda": "0.5"}, "lambda"),
    ("budget", {"purse_mj": "400"}, "purse_mj"),
    ("budget", {"q_min": "0.2"}, "q_min"),
    ("tokens", {"half_tokens": -1}, "half_tokens"),
    ("tokens", {"prompt_weight": 1_001}, "prompt_weight"),
    ("tokens", {"prompt_weight": 0, "completion_weight": 0}, "completion_weight"),
    ("pareto", {"e_min_mj": 2_000_000}, "e_min_mj"),
    ("pareto", {"e_ref_mj": True}, "e_ref_mj"),
]


@pytest.mark.parametrize(("policy", "wrong", "field"), WRONG)
def test_the_admin_refuses_a_wrong_parameter_by_its_name(
    policy: str, wrong: dict[str, Any], field: str
) -> None:
    phase = an_upcoming_phase()
    parameters = json.dumps({**RULES[policy], **wrong})
    answer = change(an_organizer(), phase, policy=policy, policy_parameters=parameters)
    errors = answer.context["adminform"].form.errors
    assert list(errors) == ["policy_parameters"]
    assert errors["policy_parameters"][0].startswith(f"{field}: ")
    assert Phase.objects.get(pk=phase.pk).policy == "verde"


@pytest.mark.parametrize(("policy", "wrong", "field"), WRONG)
def test_a_pack_with_a_wrong_parameter_is_refused_with_its_line(
    tmp_path: Path, policy: str, wrong: dict[str, Any], field: str
) -> None:
    head = MANIFEST.split("[phases.policy_parameters]")[0].replace('"verde"', f'"{policy}"')
    parameters = {**RULES[policy], **wrong}
    # JSON's texts, whole numbers and booleans are TOML's too.
    rows = "".join(f"{name} = {json.dumps(value)}\n" for name, value in parameters.items())
    manifest = f"{head}[phases.policy_parameters]\n{rows}"
    number = next(
        at for at, line in enumerate(manifest.splitlines(), start=1) if line.startswith(f"{field} = ")
    )
    (problem,) = problems_of(a_pack(tmp_path, manifest=manifest))
    assert problem.startswith(f"challenge.toml:{number}: fase 1: «policy_parameters.{field}»: ")


@pytest.mark.parametrize("policy", RULES)
def test_a_pack_may_name_any_policy(tmp_path: Path, policy: str) -> None:
    head = MANIFEST.split("[phases.policy_parameters]")[0].replace('"verde"', f'"{policy}"')
    rows = "".join(f"{name} = {json.dumps(value)}\n" for name, value in RULES[policy].items())
    pack = a_loaded(tmp_path, manifest=f"{head}[phases.policy_parameters]\n{rows}")
    assert (pack.phases[0].policy, pack.phases[0].policy_parameters) == (policy, RULES[policy])


def hand_in(phase: Phase, name: str, answers: Mapping[str, str]) -> Score:
    """Somebody hands in, and a worker evaluates it; energy is the same for all."""
    mine = a_participation(phase, person=a_person(board_name=name))
    submission.submit(participation=mine, phase=phase, content=PROMPT, idempotency_key=name)
    held = lease.claim("obrero")
    assert held is not None
    return stepwise.evaluate(held, text_of=lambda case: answers.get(case.key, "sí"))


@pytest.mark.parametrize(
    ("policy", "parameters", "places"),
    [
        ("verde", RULES["verde"], {"Ana": 1, "Luis": 2}),
        # Both are good enough, and used the same.
        ("threshold", RULES["threshold"], {"Ana": 1, "Luis": 1}),
        ("tokens", {**RULES["tokens"], "q_min": "0.7"}, {"Ana": 1, "Luis": 2}),
        # Nobody keeps within a purse of 1 mJ: quality decides among those that do not.
        ("budget", {"purse_mj": 1}, {"Ana": 1, "Luis": 2}),
        ("pareto", RULES["pareto"], {"Ana": 1, "Luis": 2}),
    ],
)
def test_the_board_follows_the_rule_that_an_organizer_wrote_before_the_phase_opened(
    policy: str, parameters: Mapping[str, Any], places: dict[str, int]
) -> None:
    organizer, phase = an_organizer(), an_upcoming_phase(ties=Ties.SCORE)
    early = a_participation(phase)
    with pytest.raises(PhaseClosed):
        submission.submit(participation=early, phase=phase, content=PROMPT, idempotency_key="antes")
    assert (
        change(organizer, phase, policy=policy, policy_parameters=json.dumps(parameters)).status_code == 302
    )
    # The clock passes the opening.
    Phase.objects.filter(pk=phase.pk).update(opens_at=timezone.now() - timedelta(minutes=1))
    phase = Phase.objects.get(pk=phase.pk)

    scores = {"Ana": hand_in(phase, "Ana", {}), "Luis": hand_in(phase, "Luis", {"s0": "no"})}
    shown = {row["name"]: row for row in board.build(phase).rows}
    assert {name: row["rank"] for name, row in shown.items()} == places
    for name, score in scores.items():
        use = Use(
            energy_mj=score.energy_mj,
            prompt_tokens=score.prompt_tokens,
            completion_tokens=score.completion_tokens,
        )
        result = policies.apply(policy=policy, parameters=parameters, quality=score.quality, use=use)
        assert (shown[name]["score"], shown[name]["reaches_minimum"]) == (
            f"{result.score:.4f}",
            result.reaches_minimum,
        )
    page = read(Client().get(f"/desafios/{phase.challenge.slug}/").content).main.text
    assert re.findall(r"\b[0-9a-f]{64}\b", page) == [policies.fingerprint(policy, parameters)]
    assert list(broken()) == []


def test_once_a_phase_is_open_its_rule_is_not_to_be_changed_and_the_board_stays() -> None:
    organizer, phase = an_organizer(), a_phase()
    hand_in(phase, "Ana", {})
    before = board.build(phase).body
    address = f"/gestion/challenges/phase/{phase.pk}/change/"
    offered = {
        each.get("name") for each in read(organizer.get(address).content).main.all("input", "textarea")
    }
    assert not offered & {"policy", "policy_parameters"}
    answer = change(
        organizer,
        phase,
        title="Otro título",
        policy="budget",
        policy_parameters=json.dumps(RULES["budget"]),
    )
    assert answer.status_code == 302
    changed = Phase.objects.get(pk=phase.pk)
    # The form was taken, but for what is fixed.
    assert changed.title == "Otro título"
    assert (changed.policy, changed.policy_parameters) == ("verde", RULES["verde"])
    assert board.build(changed).body == before
