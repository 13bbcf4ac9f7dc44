"""The organizers' admin: every model is there, evidence cannot be touched, and the rules of a phase hold."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.db.models import QuerySet
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from knox.models import AuthToken

from challenges import dispatch, exports, state_map, transitions
from challenges.models import (
    Actor,
    Case,
    CasePublication,
    Circuit,
    DeviceLease,
    Evaluation,
    Person,
    Phase,
    Purpose,
    Purse,
    Reason,
    Record,
    ReferenceBaseline,
    Reservation,
    Review,
    ReviewDecision,
    Standing,
    State,
    StateChange,
    Tally,
    Verdict,
    WorkerProcess,
)
from challenges.registration import give_consent
from tests.factories import (
    a_challenge,
    a_participation,
    a_person,
    a_phase,
    a_reference_run,
    a_run,
    a_score,
    a_standing,
    a_submission,
    a_suite,
    an_evaluation,
)
from tests.web_page import Page, read

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
    "statechange",
    "circuit",
    "purse",
    "reservation",
    "workerprocess",
    "engine",
    "tally",
    "review",
    "reviewdecision",
    "referencerun",
    "referencebaseline",
    "devicelease",
    "casepublication",
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
    evaluation = standing.score.evaluation
    opened = {"opened_at": timezone.now(), "trial": evaluation}
    Circuit.objects.get_or_create(name=Circuit.Name.BACKEND, defaults=opened)
    purse = Purse.objects.create(phase=phase, participation=standing.participation)
    Reservation.objects.create(evaluation=evaluation, purse=purse, reserved_mj=1_000)
    WorkerProcess.objects.create(
        name=f"obrero:{phase.pk}", code_version="1.0", engine=1, instance="0", clock_ahead_s=0.5
    )
    Tally.objects.create(name="refused_writes", label=str(phase.pk), value=2)
    hashes = {"sha256": f"{phase.pk:064d}", "previous_sha256": "0" * 64}
    Record.objects.create(score=standing.score, phase=phase, number=1, size=2, **hashes)
    review = Review.objects.create(score=standing.score, flags=["unlike-witness"])
    ReviewDecision.objects.create(
        review=review, verdict=Verdict.ACCEPTED, person=an_admin(), reason="Todo en orden."
    )
    run = a_reference_run(evaluation)
    ReferenceBaseline.objects.create(run=run, person=an_admin(), reason="Otro controlador.")
    DeviceLease.objects.create(device=f"GPU-{phase.pk}", holder="obrero")
    CasePublication.objects.create(suite=phase.ranked_suite, proposed_by=an_admin())
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
        "kinds": json.dumps(phase.kinds),
        "ties": phase.ties,
    }
    for name in (
        "attempts_per_day",
        "attempts_per_phase",
        "running_per_participation",
        "max_characters",
        "max_lines",
        "max_output_tokens",
        "max_examples",
        "max_example_characters",
        "max_calls_per_case",
        "concurrency",
        "case_timeout_s",
    ):
        shown[name] = getattr(phase, name)
    shown["energy_purse_mj"] = phase.energy_purse_mj or ""
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
        ({"kinds": "[]"}, "kinds"),
        ({"kinds": '["python"]'}, "kinds"),
        ({"kinds": '["prompt", "prompt"]'}, "kinds"),
        ({"kinds": '"prompt"'}, "kinds"),
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


def test_after_a_freeze_the_engines_rows_tell_organizers_nothing_newer_either() -> None:
    now = dispatch.now()
    phase = a_phase(energy_purse_mj=9_000_000, freeze_at=now - timedelta(minutes=1))
    evaluation = an_evaluation(a_submission(phase, state=None), state=State.QUEUED)
    QuerySet(StateChange).update(at=now - timedelta(hours=1))
    Evaluation.objects.update(created_at=now - timedelta(hours=1))
    purse = Purse.objects.create(
        phase=phase, participation=evaluation.participation, spent_mj=7_654_321, reserved_mj=1
    )
    reservation = Reservation.objects.create(evaluation=evaluation, purse=purse, reserved_mj=333_222)
    viewing = ("view_statechange", "view_purse", "view_reservation", "view_evaluation")
    organizer, judge = as_(an_organizer(*viewing)), as_(an_organizer(*viewing, "export_ranking"))

    def seen(client: Client, model: str, *args: Any) -> str:
        return client.get(page(model, *args)).content.decode().replace("\xa0", "").replace(".", "")

    assert "333222" in seen(organizer, "reservation"), "made before the freeze, and nothing measured yet"
    Reservation.objects.filter(pk=reservation.pk).update(settled_mj=1_234_567, settled_at=now)
    transitions.move(
        Evaluation.objects.filter(pk=evaluation.pk),
        to=State.PREPARING,
        by=Actor.WORKER,
        reason=Reason.CLAIMED,
        who="obrero-tardío",
    )
    for model, shown in (("purse", "7654321"), ("reservation", "1234567"), ("statechange", "obrero-tardío")):
        assert shown not in seen(organizer, model), model
        assert shown in seen(judge, model), model
    history = ("evaluation", "change", evaluation.pk)
    assert "ya existía cuando empezó este registro" in seen(organizer, *history)
    assert "obrero-tardío" not in seen(organizer, *history)
    assert "obrero-tardío" in seen(judge, *history)


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


def test_the_purse_is_a_rule_and_how_many_run_at_once_is_not() -> None:
    coming, opened = a_future_phase(), a_phase()
    for phase in (coming, opened):
        answer = save(phase, energy_purse_mj=5_000_000, running_per_participation=7)
        assert answer.status_code == 302, answer.context["adminform"].form.errors
        phase.refresh_from_db()
    assert (coming.energy_purse_mj, coming.running_per_participation) == (5_000_000, 7)
    assert (opened.energy_purse_mj, opened.running_per_participation) == (None, 7)


# --- cancelling -------------------------------------------------------------------------------------------


def choose(client: Client, *evaluations: Evaluation, **more: Any) -> Any:
    fields = {"action": "cancel", "_selected_action": [each.pk for each in evaluations], **more}
    return client.post(page("evaluation"), fields)


def confirm(client: Client, asked: Any, **changes: Any) -> Any:
    """Send the page that asks for the reason, as a browser does."""
    shown = read(asked.content)
    names = ("action", "select_across", "_selected_action", "chosen", "why")
    fields = {name: shown.value(name) for name in names} | {"confirm": "Sí"}
    return client.post(page("evaluation"), fields | changes, follow=True)


def test_an_organizer_cancels_with_a_reason_which_the_history_keeps() -> None:
    boss = an_admin()
    client = as_(boss)
    waiting, running = an_evaluation(), an_evaluation(state=State.RUNNING)
    other, scored = an_evaluation(), an_evaluation(state=State.SCORED)
    asked = choose(client, waiting, running, scored)
    text = read(asked.content).text
    assert "Se cancelarán 2 evaluaciones." in text
    assert "De las elegidas, 1 ya ha terminado y se queda como está." in text
    assert not StateChange.objects.filter(reason=Reason.CANCELLED).exists(), "asking changes nothing"
    done = confirm(client, asked, why="La propuesta no era suya.")
    assert "2 evaluaciones canceladas." in read(done.content).text
    states = dict(Evaluation.objects.values_list("pk", "state"))
    assert [states[each.pk] for each in (waiting, running, other, scored)] == [
        State.CANCELLED,
        State.CANCELLED,
        State.PENDING,
        State.SCORED,
    ]
    for change in StateChange.objects.filter(reason=Reason.CANCELLED):
        assert (change.by, change.who) == (Actor.ORGANIZER, f"person {boss.pk}")
        assert change.detail == "La propuesta no era suya."
    author = as_(waiting.participation.person).get(f"/envios/{waiting.submission_id}/").content.decode()
    assert "La organización ha cancelado este envío." in author
    assert "La propuesta no era suya." not in author


def test_without_a_reason_nothing_is_cancelled() -> None:
    client = as_(an_admin())
    evaluation = an_evaluation()
    for why in ("", "   ", "x" * 301):
        again = confirm(client, choose(client, evaluation), why=why)
        assert read(again.content).root.with_class("errorlist"), why
        assert read(again.content).value("chosen") == str(evaluation.pk)
    assert Evaluation.objects.get().state == State.PENDING


def test_only_what_was_shown_is_cancelled_and_what_ended_meanwhile_is_said_to_have() -> None:
    client = as_(an_admin())
    first, second = an_evaluation(), an_evaluation(state=State.RUNNING)
    asked = choose(client, first, second, select_across="1")
    later = an_evaluation()
    Evaluation.objects.filter(pk=second.pk).update(
        state=State.SCORED, finished_at=timezone.now(), lease_until=None
    )
    text = read(confirm(client, asked, why="Prueba.").content).text
    assert "1 evaluación cancelada." in text
    assert "1 terminó antes y se queda como está." in text
    assert Evaluation.objects.get(pk=later.pk).state == State.PENDING


def test_what_has_ended_needs_no_reason() -> None:
    client = as_(an_admin())
    answer = choose(client, an_evaluation(state=State.SCORED))
    assert answer.status_code == 302
    assert "Todas han terminado ya" in read(client.get(page("evaluation")).content).text


def test_cancelling_takes_the_right_to_change_evaluations() -> None:
    evaluation = an_evaluation()
    viewer = as_(an_organizer("view_evaluation"))
    assert "Cancelar" not in viewer.get(page("evaluation")).content.decode()
    choose(viewer, evaluation, confirm="Sí", why="Porque sí.", chosen=str(evaluation.pk))
    assert Evaluation.objects.get().state == State.PENDING
    changer = as_(an_organizer("view_evaluation", "change_evaluation"))
    confirm(changer, choose(changer, evaluation), why="Porque sí.")
    assert Evaluation.objects.get().state == State.CANCELLED
    assert changer.post(page("evaluation", "change", evaluation.pk), {}).status_code == 403


@pytest.mark.parametrize("chosen", ["", "x", "-1", "0;0", "9" * 30, "²", "0,,0"])
def test_a_made_up_selection_cancels_nothing_of_others(chosen: str) -> None:
    an_evaluation()
    fields = {
        "action": "cancel",
        "select_across": "1",
        "_selected_action": "0",
        "confirm": "1",
        "why": "a",
        "chosen": chosen,
    }
    assert as_(an_admin()).post(page("evaluation"), fields).status_code in (200, 302)
    assert not Evaluation.objects.filter(state=State.CANCELLED).exists()


# --- the picture of the states ----------------------------------------------------------------------------


def states_page(client: Client) -> Page:
    answer = client.get("/gestion/challenges/evaluation/estados/")
    assert answer.status_code == 200
    return read(answer.content)


def test_the_picture_has_every_state_with_its_number_and_leads_to_the_list() -> None:
    for state in (State.PENDING, State.PENDING, State.SCORED):
        an_evaluation(state=state)
    client = as_(an_admin())
    shown = states_page(client)
    (picture,) = shown.root.with_class("states-picture")[0].all("svg")
    numbers = {
        each.get("href").partition("=")[2]: each.with_class("number")[0].text for each in picture.all("a")
    }
    assert numbers == {state.value: "0" for state in State} | {"PENDING": "2", "SCORED": "1"}
    table = [
        [cell.text for cell in row.all("th", "td")] for row in shown.root.by_id("state-numbers").all("tr")
    ]
    assert table[1:] == [[state.label, state.value, numbers[state.value]] for state in State]
    listed = read(client.get(picture.all("a")[0].get("href")).content)
    assert listed.root.by_id("result_list")
    assert "/gestion/challenges/evaluation/estados/" in [link.get("href") for link in listed.root.all("a")]


def test_the_picture_has_every_arrow_and_the_table_every_row() -> None:
    shown = states_page(as_(an_admin()))
    arrows = [each for each in shown.root.all("path") if each.get("class") == "arrow"]
    assert len(arrows) == len(state_map.edges())
    told = [[cell.text for cell in row.all("td")] for row in shown.root.by_id("state-changes").all("tr")[1:]]
    assert len(told) == len(state_map.rows())
    assert ["recibido, en cola", "preparando", "proceso que evalúa", "le ha tocado el turno"] in told


def test_the_picture_stays_within_its_frame_and_no_two_states_overlap() -> None:
    shown = states_page(as_(an_admin()))
    (picture,) = shown.root.with_class("states-picture")[0].all("svg")
    width, height = int(picture.get("width")), int(picture.get("height"))
    boxes = [
        tuple(int(node.all("rect")[0].get(name)) for name in ("x", "y", "width", "height"))
        for node in picture.with_class("node")
    ]
    assert all(x >= 0 and x + w <= width and y >= 0 and y + h <= height for x, y, w, h in boxes)
    apart = [
        one[0] + one[2] <= other[0]
        or other[0] + other[2] <= one[0]
        or one[1] + one[3] <= other[1]
        or other[1] + other[3] <= one[1]
        for number, one in enumerate(boxes)
        for other in boxes[number + 1 :]
    ]
    assert all(apart)


def test_the_policy_of_the_site_lets_the_whole_picture_through() -> None:
    shown = states_page(as_(an_admin()))
    assert [each.tag for each in shown.root.all() if "style" in each.attributes] == []
    assert [each for each in shown.root.all("style") if each.inside("main", "svg")] == []
    sheets = [each.get("href") for each in shown.root.all("link") if each.get("rel") == "stylesheet"]
    assert "/estatico/states.css" in sheets


def test_the_picture_is_for_who_may_view_evaluations() -> None:
    url = "/gestion/challenges/evaluation/estados/"
    assert as_(an_organizer("view_phase")).get(url).status_code == 403
    assert as_(an_organizer("view_evaluation")).get(url).status_code == 200
    assert Client().get(url).status_code == 302


# --- scores that are held for review ------------------------------------------------------------------------


def a_held_score(phase: Phase | None = None, **fields: Any) -> Review:
    score = a_score(phase, **fields)
    return Review.objects.create(score=score, flags=["unlike-repetitions", "unlike-witness"])


def decide(client: Client, review: Review, **fields: str) -> Any:
    return client.post(page("review", "decide", review.pk), fields)


def test_what_waits_for_a_decision_comes_first_and_can_be_chosen() -> None:
    client = as_(an_admin())
    decided, waiting = a_held_score(value="11.1111"), a_held_score(value="22.2222")
    later = a_held_score(value="33.3333")
    for review in (decided, later):
        decide(client, review, verdict="accepted", reason="Bien.")
    listed = read(client.get(page("review")).content).root.by_id("result_list")
    values = [row.all("th")[0].text for row in listed.all("tr")[1:]]
    assert values == ["22.2222", "33.3333", "11.1111"]
    for chosen, expected in (
        ("waiting", ["22.2222"]),
        ("accepted", ["33.3333", "11.1111"]),
        ("rejected", []),
    ):
        shown = client.get(page("review"), {"decision": chosen}).content.decode()
        assert [value for value in values if value in shown] == expected
    assert "Las repeticiones se alejan unas de otras." in listed.text
    assert str(waiting.score.phase) in listed.text


def test_an_organizer_decides_with_the_evidence_before_their_eyes() -> None:
    review = a_held_score(energy_mj=123_456)
    client = as_(an_organizer("view_review", "view_reviewdecision", "add_reviewdecision"))
    looked = client.get(page("review", "change", review.pk)).content.decode()
    assert page("review", "decide", review.pk) in looked
    shown = read(client.get(page("review", "decide", review.pk)).content)
    assert "La cifra se aleja de la del segundo testigo." in shown.root.by_id("review-why").text
    assert "123,456 J" in shown.root.by_id("review-windows").text
    answer = decide(client, review, verdict="accepted", reason="  El testigo falló.  ")
    assert answer.headers["Location"] == page("review", "change", review.pk)
    assert Standing.objects.get().score == review.score
    after = read(client.get(answer.headers["Location"]).content).text
    assert "Decidido: cuenta." in after
    assert "El testigo falló." in after
    decide(client, review, verdict="rejected", reason="El testigo iba bien.")
    assert not Standing.objects.exists()
    told = read(client.get(page("review", "decide", review.pk)).content).root.by_id("review-decisions")
    assert [line.text.split(" · ")[2:] for line in told.all("li")] == [
        ["cuenta", "El testigo falló."],
        ["no cuenta", "El testigo iba bien."],
    ]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"verdict": "accepted", "reason": "  "}, "Escribe el motivo"),
        ({"verdict": "accepted"}, "Escribe el motivo"),
        ({"verdict": "accepted", "reason": "ñ" * 301}, "demasiado largo"),
        ({"verdict": "quizá", "reason": "Porque sí."}, "quizá"),
        ({"reason": "Porque sí."}, "requerido"),
    ],
)
def test_a_decision_that_cannot_be_taken_is_explained_and_what_was_written_stays(
    fields: dict[str, str], told: str
) -> None:
    review = a_held_score()
    answer = decide(as_(an_admin()), review, **fields)
    assert answer.status_code == 200
    shown = read(answer.content)
    assert told in " ".join(each.text for each in shown.root.with_class("errorlist"))
    assert fields.get("reason", "").strip() in shown.text
    assert not ReviewDecision.objects.exists()


def test_nobody_decides_about_their_own_score_in_the_admin_either() -> None:
    boss, phase = an_admin(), a_phase()
    review = a_held_score(phase, participation=a_participation(phase, person=boss))
    answer = decide(as_(boss), review, verdict="accepted", reason="Es buena.")
    assert "tiene que decidir otra persona" in read(answer.content).text
    assert not ReviewDecision.objects.exists()


def test_deciding_takes_its_own_right() -> None:
    review = a_held_score()
    viewer = as_(an_organizer("view_review", "view_reviewdecision", "export_ranking"))
    assert (
        page("review", "decide", review.pk)
        not in viewer.get(page("review", "change", review.pk)).content.decode()
    )
    blind = as_(an_organizer("add_reviewdecision"))
    for client in (viewer, blind):
        assert client.get(page("review", "decide", review.pk)).status_code == 403
        assert decide(client, review, verdict="accepted", reason="Porque sí.").status_code == 403
    assert Client().get(page("review", "decide", review.pk)).status_code == 302
    assert as_(an_admin()).get(page("review", "decide", review.pk + 1)).status_code == 404
    assert not ReviewDecision.objects.exists()


def test_a_decision_needs_the_csrf_token() -> None:
    review = a_held_score()
    client = Client(enforce_csrf_checks=True)
    client.force_login(an_admin())
    assert decide(client, review, verdict="accepted", reason="Porque sí.").status_code == 403
    assert not ReviewDecision.objects.exists()


def test_after_a_freeze_only_judges_see_what_is_held_since() -> None:
    now = dispatch.now()
    review = a_held_score(a_phase(freeze_at=now - timedelta(minutes=1)), value="77.7777")
    rights = ("view_review", "view_reviewdecision", "add_reviewdecision")
    organizer, judge = as_(an_organizer(*rights)), as_(an_organizer(*rights, "export_ranking"))
    assert "77.7777" not in organizer.get(page("review")).content.decode()
    assert organizer.get(page("review", "decide", review.pk)).status_code == 404
    assert "77.7777" in judge.get(page("review")).content.decode()
    decide(judge, review, verdict="accepted", reason="Oculta todavía.")
    assert "Oculta todavía." not in organizer.get(page("reviewdecision")).content.decode()
    assert "Oculta todavía." in judge.get(page("reviewdecision")).content.decode()


def test_the_policy_of_the_site_lets_the_whole_form_through() -> None:
    review = a_held_score()
    client = as_(an_admin())
    for action in ("change", "decide"):
        shown = read(client.get(page("review", action, review.pk)).content)
        assert [each.tag for each in shown.root.all() if "style" in each.attributes] == []
        assert [each for each in shown.root.all("script") if not each.get("src") and each.text.strip()] == []


def test_a_phase_cannot_rank_by_cases_that_are_public_already() -> None:
    phase = a_future_phase()
    one, other = a_person(), a_person()
    CasePublication.objects.create(
        suite=phase.ranked_suite, proposed_by=one, confirmed_by=other, confirmed_at=timezone.now()
    )
    answer = save(phase, title="Final")
    assert answer.status_code == 200
    told = answer.context["adminform"].form.errors["ranked_suite"]
    assert told == ["Los casos de esta batería ya son públicos. Crea otra versión y elígela."]
