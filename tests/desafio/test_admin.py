"""The organizers' admin: every model is there, evidence cannot be touched, and the rules of a phase hold."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from knox.models import AuthToken

from challenges import exports
from challenges.models import Case, Person, Phase, Purpose
from challenges.registration import give_consent
from tests.factories import a_challenge, a_person, a_phase, a_run, a_standing, a_suite

pytestmark = pytest.mark.django_db

IMMUTABLE = [
    "submission",
    "evaluation",
    "run",
    "call",
    "measurement",
    "score",
    "standing",
    "leaderboard",
    "rankingexport",
    "consent",
    "participation",
    "suite",
    "case",
]
MODELS = [model._meta.model_name for model in apps.get_app_config("challenges").get_models()]


def as_(person: Person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def an_admin() -> Person:
    return a_person(is_staff=True, is_superuser=True)


def an_organizer(*codenames: str) -> Person:
    """Staff with exactly these permissions of the contest."""
    person = a_person(is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return person


def one_of_each() -> Phase:
    """A contest in which every model has a row."""
    standing = a_standing()
    phase = standing.phase
    for case in phase.ranked_suite.cases.all():
        a_run(standing.score.evaluation, case)
    exports.export_ranking(phase=phase, person=an_admin())
    return phase


def page(model: str | None, action: str = "changelist", *args: Any) -> str:
    return reverse(f"admin:challenges_{model}_{action}", args=args)


def test_every_model_of_the_contest_is_registered() -> None:
    registered = {model._meta.model_name for model in admin.site._registry}
    assert set(MODELS) <= registered


@pytest.mark.parametrize("model", MODELS)
def test_every_list_and_every_page_opens_with_its_search(model: str) -> None:
    one_of_each()
    client = as_(an_admin())
    cls = apps.get_model("challenges", model)
    row = cls.objects.first()
    assert row is not None, f"{model}: no row was made"
    for url in (
        page(model),
        f"{page(model)}?q=ana",
        page(model, "change", row.pk),
        page(model, "history", row.pk),
    ):
        assert client.get(url).status_code == 200, url


@pytest.mark.parametrize("model", MODELS)
def test_a_list_takes_the_same_queries_however_long(model: str, django_assert_max_num_queries: Any) -> None:
    for _ in range(6):
        one_of_each()
    client = as_(an_admin())
    client.get(page(model))
    with django_assert_max_num_queries(16):
        client.get(page(model))


@pytest.mark.parametrize("model", IMMUTABLE)
def test_not_even_a_superuser_changes_evidence(model: str) -> None:
    one_of_each()
    client = as_(an_admin())
    row = apps.get_model("challenges", model).objects.first()
    assert row is not None
    before = apps.get_model("challenges", model).objects.count()
    refused = [
        client.get(page(model, "add")),
        client.post(page(model, "add"), {}),
        client.post(page(model, "change", row.pk), {}),
        client.post(page(model, "delete", row.pk), {"post": "yes"}),
    ]
    assert {answer.status_code for answer in refused} == {403}
    client.post(page(model), {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"})
    assert apps.get_model("challenges", model).objects.count() == before


def test_nobody_sees_a_password_hash() -> None:
    person = a_person()
    shown = as_(an_admin()).get(page("person", "change", person.pk)).content.decode()
    assert person.password not in shown
    assert person.password.split("$")[-1] not in shown
    assert "argon2" not in shown


def test_a_token_is_shown_by_nothing_that_could_be_used() -> None:
    row, token = AuthToken.objects.create(user=a_person())
    client = as_(an_admin())
    for url in (
        reverse("admin:knox_authtoken_changelist"),
        reverse("admin:knox_authtoken_change", args=[row.pk]),
    ):
        text = client.get(url).content.decode()
        assert token not in text
        assert row.token_key not in text


def test_the_admin_has_no_login_of_its_own() -> None:
    answer = Client().get("/gestion/login/?next=/gestion/challenges/phase/")
    assert (answer.status_code, answer.headers["Location"]) == (
        302,
        "/entrar/?next=/gestion/challenges/phase/",
    )
    answer = Client().get("/gestion/challenges/phase/", follow=True)
    assert answer.redirect_chain[-1][0].startswith("/entrar/?next=/gestion/")
    assert Client().post("/gestion/login/", {"username": "x", "password": "y"}).status_code == 302


@pytest.mark.parametrize(
    "target", ["https://malo.example/", "//malo.example/", "javascript:alert(1)", "/\\malo.example"]
)
def test_the_login_of_the_admin_sends_nobody_away(target: str) -> None:
    client = as_(an_admin())
    assert client.get("/gestion/login/", {"next": target}).headers["Location"] == "/gestion/"
    assert Client().get("/gestion/login/", {"next": target}).headers["Location"] == "/entrar/?next=/gestion/"


def test_a_contestant_in_the_admin_gets_the_403_page_and_no_loop() -> None:
    assert as_(a_person()).get("/gestion/", follow=True).status_code == 403


def phase_form(phase: Phase, **changes: Any) -> dict[str, Any]:
    """What a browser posts for this phase."""
    local = timezone.localtime
    shown: dict[str, Any] = {
        "challenge": phase.challenge_id,
        "title": phase.title,
        "slug": phase.slug,
        "time_zone": phase.time_zone,
        "ranked_suite": phase.ranked_suite_id,
        "feedback_suite": phase.feedback_suite_id or "",
        "policy": phase.policy,
        "policy_parameters": '{"q_min": "0.20", "e_ref_mj": 2000000, "e_min_mj": 20000, "lambda": "0.5"}',
        "evidence_grade": phase.evidence_grade,
    }
    for name in (
        "attempts_per_day",
        "attempts_per_phase",
        "max_characters",
        "max_lines",
        "max_output_tokens",
        "concurrency",
        "case_timeout_s",
    ):
        shown[name] = getattr(phase, name)
    for name in ("opens_at", "closes_at", "freeze_at"):
        moment = changes.pop(name, getattr(phase, name))
        shown[f"{name}_0"] = local(moment).strftime("%d/%m/%Y") if moment else ""
        shown[f"{name}_1"] = local(moment).strftime("%H:%M:%S") if moment else ""
    return {**shown, **changes}


def save(phase: Phase, **changes: Any) -> Any:
    return as_(an_admin()).post(page("phase", "change", phase.pk), phase_form(phase, **changes))


def a_future_phase(**overrides: Any) -> Phase:
    opens_at = timezone.now() + timedelta(days=1)
    return a_phase(opens_at=opens_at, closes_at=opens_at + timedelta(days=1), **overrides)


def test_a_phase_that_has_not_opened_can_be_changed() -> None:
    phase = a_future_phase()
    answer = save(
        phase, title="Final", policy_parameters='{"q_min":"0.3","e_ref_mj":9000,"e_min_mj":90,"lambda":"0.4"}'
    )
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    phase.refresh_from_db()
    assert (phase.title, phase.policy_parameters["q_min"]) == ("Final", "0.3")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"policy": "inventada"}, "policy"),
        ({"policy_parameters": "{"}, "policy_parameters"),
        ({"policy_parameters": "[1]"}, "policy_parameters"),
        ({"policy_parameters": '{"q_min": "2"}'}, "policy_parameters"),
        (
            {"policy_parameters": '{"q_min":"0.2","e_ref_mj":90,"e_min_mj":9000,"lambda":"0.5"}'},
            "policy_parameters",
        ),
        ({"time_zone": "Europe/Nada"}, "time_zone"),
        ({"time_zone": "../../etc/passwd"}, "time_zone"),
        ({"closes_at": timezone.now()}, "closes_at"),
        ({"freeze_at": timezone.now() + timedelta(days=90)}, "freeze_at"),
    ],
)
def test_a_wrong_phase_is_refused_by_field(changes: dict[str, Any], field: str) -> None:
    phase = a_future_phase()
    answer = save(phase, **changes)
    assert answer.status_code == 200
    assert field in answer.context["adminform"].form.errors


def test_suites_of_another_challenge_or_of_the_wrong_kind_are_refused() -> None:
    phase = a_future_phase()
    elsewhere = a_suite(a_challenge())
    private = a_suite(phase.challenge)
    errors = (
        save(phase, ranked_suite=elsewhere.pk, feedback_suite=private.pk).context["adminform"].form.errors
    )
    assert {"ranked_suite", "feedback_suite"} <= set(errors)


def test_once_a_phase_is_open_its_rules_stay_and_its_end_may_move() -> None:
    phase = a_phase()
    later = phase.closes_at + timedelta(days=1)
    answer = save(
        phase, policy_parameters='{"q_min":"0.9","e_ref_mj":9000,"e_min_mj":90,"lambda":"0"}', closes_at=later
    )
    assert answer.status_code == 302
    changed = Phase.objects.get(pk=phase.pk)
    assert changed.policy_parameters == phase.policy_parameters
    assert changed.closes_at.replace(microsecond=0) == later.replace(microsecond=0)


def appoint(by: Person, person: Person, action: str = "appoint_judges") -> Any:
    return as_(by).post(page("person"), {"action": action, "_selected_action": [person.pk]})


def test_an_admin_appoints_and_dismisses_judges_and_it_is_written_down() -> None:
    person, boss = a_person(), an_admin()
    appoint(boss, person)
    assert Person.objects.get(pk=person.pk).has_perm("challenges.export_ranking")
    appoint(boss, person, "dismiss_judges")
    assert not Person.objects.get(pk=person.pk).has_perm("challenges.export_ranking")
    entries = as_(boss).get(reverse("admin:admin_logentry_changelist")).content.decode()
    assert "Nombrado miembro del jurado" in entries
    assert "Retirado del jurado" in entries


def test_an_organizer_without_the_right_cannot_appoint_nor_take_rights() -> None:
    organizer = an_organizer("view_person", "change_person")
    person = a_person()
    appoint(organizer, person)
    form = {
        "is_active": "on",
        "is_staff": "on",
        "is_superuser": "on",
        "groups": [Group.objects.get(name="jueces").pk],
    }
    for target in (person, organizer):
        as_(organizer).post(page("person", "change", target.pk), form)
        changed = Person.objects.get(pk=target.pk)
        assert not changed.is_superuser
        assert not changed.has_perm("challenges.export_ranking")
    assert as_(organizer).post(page("person", "change", an_admin().pk), {}).status_code == 403


def test_private_cases_are_shown_only_to_who_may_view_cases() -> None:
    canary = "CANARIO-DE-CASO-PRIVADO"
    phase = a_phase(ranked_cases=[{"inputs": {"pregunta": canary}, "expected": canary}])
    case = phase.ranked_suite.cases.get()
    everything_else = [
        permission.codename
        for permission in Permission.objects.filter(content_type__app_label="challenges")
        if permission.codename not in ("view_case", "change_case", "add_case", "delete_case")
    ]
    curious = as_(an_organizer(*everything_else))
    pages = [page(model) for model in MODELS] + [
        page("suite", "change", phase.ranked_suite_id),
        page("phase", "change", phase.pk),
        page("challenge", "change", phase.challenge_id),
        page("case", "change", case.pk),
        "/gestion/",
    ]
    assert not [url for url in pages if canary in curious.get(url).content.decode()]
    assert curious.get(page("case", "change", case.pk)).status_code == 403
    assert canary in as_(an_organizer("view_case")).get(page("case", "change", case.pk)).content.decode()


def test_after_a_freeze_organizers_who_are_no_judges_see_no_newer_scores() -> None:
    phase = a_phase(freeze_at=timezone.now() - timedelta(minutes=1))
    a_standing(phase, value="87.6543")
    organizer = as_(an_organizer("view_score", "view_standing", "view_measurement"))
    for model, shown in (("score", "87,6543"), ("standing", "87.6543")):
        assert shown not in organizer.get(page(model)).content.decode()
        assert shown in as_(an_admin()).get(page(model)).content.decode()


def test_consents_of_a_person_are_on_the_persons_page() -> None:
    person = a_person()
    give_consent(person=person, purpose=Purpose.RULES)
    assert "Acepto las bases" in as_(an_admin()).get(page("person", "change", person.pk)).content.decode()


def test_cases_are_never_edited() -> None:
    case = a_suite().cases.first()
    assert case is not None
    as_(an_admin()).post(page("case", "change", case.pk), {"key": "otra"})
    assert Case.objects.get(pk=case.pk).key == case.key


def test_a_phase_is_deleted_only_before_it_opens() -> None:
    opened, coming = a_phase(), a_future_phase()
    client = as_(an_admin())
    for phase in (opened, coming):
        client.post(page("phase", "delete", phase.pk), {"post": "yes"})
    client.post(page("phase"), {"action": "delete_selected", "_selected_action": [opened.pk], "post": "yes"})
    assert list(Phase.objects.all()) == [opened]
