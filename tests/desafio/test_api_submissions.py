"""Handing in and looking up through the API, as a program does it."""

from __future__ import annotations

import json
import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from knox.models import AuthToken

from challenges import dispatch, purse
from challenges import submission as use_case
from challenges.models import (
    Circuit,
    Evaluation,
    Participation,
    Person,
    Phase,
    State,
    Submission,
)
from tests.factories import (
    PROMPT,
    a_participation,
    a_person,
    a_phase,
    a_run,
    a_score,
    a_submission,
    an_evaluation,
)

pytestmark = pytest.mark.django_db

URL = "/api/v1/submissions/"


def api(person: Person | None = None) -> Client:
    """A program's client: a token in each request when it has one, no cookies."""
    if person is None:
        return Client()
    _row, token = AuthToken.objects.create(user=person)
    return Client(headers={"Authorization": f"Bearer {token}"})


def hand_in(client: Client, phase: Phase, /, *, key: str = "k1", **changes: Any) -> Any:
    body = {"challenge": phase.challenge.slug, "phase": phase.slug, "content": PROMPT, **changes}
    headers = {"Idempotency-Key": key} if key else {}
    return client.post(URL, body, content_type="application/json", headers=headers)


@pytest.fixture
def participation() -> Participation:
    return a_participation(a_phase())


@pytest.fixture
def phase(participation: Participation) -> Phase:
    found = participation.challenge.phases.first()
    assert found is not None
    return found


def test_a_submission_is_stored_and_waits(participation: Participation, phase: Phase) -> None:
    answer = hand_in(api(participation.person), phase)
    assert answer.status_code == 201
    stored = Submission.objects.get()
    assert answer.json()["id"] == str(stored.pk)
    assert answer.headers["Location"] == f"{URL}{stored.pk}/"
    assert answer.json()["state"] in (State.PENDING, State.QUEUED)
    assert answer.json()["content"] == PROMPT
    assert "Idempotent-Replayed" not in answer.headers


def test_the_same_key_gives_the_same_submission_and_takes_one_attempt(
    participation: Participation, phase: Phase
) -> None:
    client = api(participation.person)
    first, second = hand_in(client, phase), hand_in(client, phase)
    assert (second.status_code, second.headers["Idempotent-Replayed"]) == (200, "true")
    assert second.json()["id"] == first.json()["id"]
    assert use_case.quota(participation, phase).used_phase == 1


def test_the_same_key_for_other_content_is_a_conflict(participation: Participation, phase: Phase) -> None:
    client = api(participation.person)
    hand_in(client, phase)
    answer = hand_in(client, phase, content={**PROMPT, "system": "Otra cosa."})
    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:desafio:problem:idempotency-conflict"
    assert "clave nueva" in answer.json()["detail"]
    assert Submission.objects.count() == 1


def test_without_a_key_nothing_is_stored_and_it_says_what_to_send(
    participation: Participation, phase: Phase
) -> None:
    answer = hand_in(api(participation.person), phase, key="")
    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.json()["detail"]
    assert not Submission.objects.exists()


@pytest.mark.parametrize(
    ("content", "field", "code"),
    [
        ({"user": "{{consumo}}"}, "user", "unknown_slot"),
        ({"user": ""}, "user", "required"),
        ({"user": "{{pregunta}}" + "x" * 1_000_000}, "user", "too_long"),
        ({"user": "{{pregunta}}" + "\n" * 10_000}, "user", "too_many_lines"),
        ({"user": "{{pregunta}}\u202e"}, "user", "bidi_character"),
        ({"user": "{{pregunta}}\u200b"}, "user", "invisible_character"),
        ({"user": "{{pregunta}}\x00"}, "user", "control_character"),
        ({"user": "{{pregunta}}\ud800"}, "user", "control_character"),
        ({"user": 7}, "user", "wrong_type"),
        ({"user": "{{pregunta}}", "usr": ""}, "usr", "unknown_field"),
        (
            {"user": "{{pregunta}}", "sampling": {"max_output_tokens": 10**30}},
            "sampling.max_output_tokens",
            "out_of_range",
        ),
        ([], "content", "wrong_type"),
        (None, "content", "wrong_type"),
        ("texto", "content", "wrong_type"),
    ],
)
def test_bad_content_is_refused_by_field_and_spends_nothing(
    participation: Participation, phase: Phase, content: Any, field: str, code: str
) -> None:
    answer = hand_in(api(participation.person), phase, content=content)
    assert answer.status_code == 422, answer.content
    assert answer.headers["Content-Type"] == "application/problem+json"
    found = [(each["field"], each["code"]) for each in answer.json()["errors"]]
    assert (field, code) in found
    assert use_case.quota(participation, phase).used_phase == 0


def test_a_check_tells_every_problem_and_spends_nothing(participation: Participation, phase: Phase) -> None:
    body = {"challenge": phase.challenge.slug, "phase": phase.slug, "content": {"user": "{{a}} {{b}}"}}
    answer = api(participation.person).post(f"{URL}check/", body, content_type="application/json")
    assert answer.status_code == 200
    assert answer.json()["ok"] is False
    assert [each["code"] for each in answer.json()["errors"]].count("unknown_slot") == 2
    body["content"] = PROMPT
    answer = api(participation.person).post(f"{URL}check/", body, content_type="application/json")
    assert answer.json() == {"ok": True, "errors": [], "reserves_mj": None}
    assert not Submission.objects.exists()


def test_a_closed_phase_says_when(participation: Participation, phase: Phase) -> None:
    Phase.objects.filter(pk=phase.pk).update(closes_at=timezone.now() - timedelta(minutes=1))
    answer = hand_in(api(participation.person), phase)
    assert answer.status_code == 409
    assert (answer.json()["type"], answer.json()["when"]) == ("urn:desafio:problem:phase-closed", "over")
    assert not Submission.objects.exists()


def test_an_exhausted_quota_says_when_the_next_attempt_is(participation: Participation, phase: Phase) -> None:
    Phase.objects.filter(pk=phase.pk).update(attempts_per_day=1, closes_at=timezone.now() + timedelta(days=9))
    client = api(participation.person)
    assert hand_in(client, phase).status_code == 201
    answer = hand_in(client, phase, key="k2")
    assert answer.status_code == 409
    assert (answer.json()["scope"], answer.json()["limit"]) == ("day", 1)
    assert answer.json()["next_attempt_at"]


def test_who_does_not_participate_is_told_how_to_join(phase: Phase) -> None:
    answer = hand_in(api(a_person()), phase)
    assert answer.status_code == 403
    assert f"/api/v1/challenges/{phase.challenge.slug}/join/" in answer.json()["detail"]


@pytest.mark.parametrize("field", ["challenge", "phase"])
@pytest.mark.parametrize("value", ["no-existe", "con espacios", "\x00", "x" * 500, 7, None, ["a"]])
def test_an_unknown_phase_is_told_by_field(
    participation: Participation, phase: Phase, field: str, value: Any
) -> None:
    answer = hand_in(api(participation.person), phase, **{field: value})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] in (field, "phase")


def test_a_guess_at_anothers_id_finds_nothing_and_looks_like_an_unknown_one(
    participation: Participation, phase: Phase
) -> None:
    theirs = a_submission(phase)
    client = api(participation.person)
    guessed, unknown = client.get(f"{URL}{theirs.pk}/"), client.get(f"{URL}{uuid.uuid4()}/")
    assert guessed.status_code == unknown.status_code == 404
    assert {**guessed.json(), "instance": ""} == {**unknown.json(), "instance": ""}
    assert client.get(f"{URL}no-es-un-uuid/").status_code == 404
    assert str(theirs.pk) not in client.get(URL).content.decode()


def test_a_scored_submission_shows_its_parts_and_public_answers_only(
    participation: Participation, phase: Phase
) -> None:
    made = a_submission(phase, participation=participation, state=None)
    score = a_score(phase, submission=made)
    assert phase.feedback_suite is not None
    for case in (*phase.ranked_suite.cases.all(), *phase.feedback_suite.cases.all()):
        a_run(score.evaluation, case, answer=f"respuesta a {case.key}")
    shown = api(participation.person).get(f"{URL}{made.pk}/").json()
    assert (shown["state"], shown["state_text"], shown["is_final"]) == ("SCORED", "puntuado", True)
    assert shown["score"]["record"] is None
    assert shown["score"]["value"] == "71.2345"
    assert shown["score"]["estimated"] is True
    assert [case["answer"] for case in shown["public_cases"]] == ["respuesta a p0", "respuesta a p1"]
    assert shown["private_cases"] == {"cases": 3, "quality": "1.000000"}
    progress = shown["progress"]
    assert (progress["done"], progress["total"]) == (5, 5)
    assert (progress["repetition"], progress["repetitions"]) == (1, 1)
    assert (progress["ahead"], progress["wait_s"]) == (None, None)
    assert shown["waiting"] is None
    assert "respuesta a s0" not in json.dumps(shown)


@pytest.mark.parametrize(
    ("state", "code", "is_ours"),
    [(State.ERRORED, "backend-away", True), (State.REJECTED, "exceed_context_size_error", False)],
)
def test_a_fault_says_whose_it_is(
    participation: Participation, phase: Phase, state: State, code: str, is_ours: bool
) -> None:
    made = a_submission(phase, participation=participation, state=None)
    an_evaluation(made, state=state, fault_code=code, fault_detail="s1: secreto")
    answer = api(participation.person).get(f"{URL}{made.pk}/")
    fault = answer.json()["fault"]
    assert (fault["is_ours"], fault["attempt_returned"]) == (is_ours, is_ours)
    assert "secreto" not in answer.content.decode()


def test_own_submissions_come_in_pages_newest_first(participation: Participation, phase: Phase) -> None:
    made = [a_submission(phase, participation=participation) for _ in range(53)]
    client = api(participation.person)
    first = client.get(URL).json()
    second = client.get(first["next"]).json()
    ids = [each["id"] for each in (*first["results"], *second["results"])]
    assert len(first["results"]) == 50
    assert set(ids) == {str(each.pk) for each in made}
    assert second["next"] is None


@pytest.mark.parametrize(
    "cursor", ["x", "cD1hYmM=", "cD0yMDI2LTAxLTAx", "%00", "bz0tMQ==", "bz0xMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA="]
)
def test_a_made_up_cursor_is_refused(participation: Participation, cursor: str) -> None:
    answer = api(participation.person).get(f"{URL}?cursor={cursor}")
    assert answer.status_code in (200, 404, 422)
    assert answer.status_code == 200 or answer.headers["Content-Type"] == "application/problem+json"


def test_a_page_of_submissions_takes_the_same_queries_whatever_its_length(
    participation: Participation, phase: Phase, django_assert_max_num_queries: Any
) -> None:
    for _ in range(20):
        a_submission(phase, participation=participation)
    client = api(participation.person)
    client.get(URL)
    with django_assert_max_num_queries(14):
        client.get(URL)


def test_a_submission_is_one_evaluation(participation: Participation, phase: Phase) -> None:
    hand_in(api(participation.person), phase)
    assert Evaluation.objects.count() == 1


def test_one_that_was_withdrawn_is_told_as_such_and_is_not_over(participation: Participation) -> None:
    score = a_score(participation=participation, phase=a_phase(participation.challenge))
    Evaluation.objects.filter(pk=score.evaluation_id).update(state=State.SUPERSEDED)
    client = api(participation.person)
    told = client.get(f"/api/v1/submissions/{score.evaluation.submission_id}/").json()
    listed = client.get("/api/v1/submissions/").json()["results"][0]
    assert [(each["state"], each["is_final"], each["score"]) for each in (told, listed)] == [
        (State.SUPERSEDED, False, None)
    ] * 2


# --- taking back ------------------------------------------------------------------------------------------


def withdraw(client: Client, submission: Submission) -> Any:
    return client.post(f"{URL}{submission.pk}/withdraw/")


def test_what_has_not_begun_can_be_withdrawn_and_the_attempt_is_back(
    participation: Participation, phase: Phase
) -> None:
    client = api(participation.person)
    made = Submission.objects.get(pk=hand_in(client, phase).json()["id"])
    answer = withdraw(client, made)
    told = answer.json()
    assert answer.status_code == 200
    assert (told["state"], told["state_text"], told["is_final"]) == ("CANCELLED", "retirado", True)
    assert told["fault"] == {
        "is_ours": False,
        "attempt_returned": True,
        "code": "withdrawn",
        "detail": "Lo retiraste tú antes de que empezara. Has recuperado el intento.",
    }
    assert use_case.quota(participation, phase).used_phase == 0
    assert client.get(URL).json()["results"][0]["state_text"] == "retirado"


@pytest.mark.parametrize("state", [State.RUNNING, State.SCORED, State.CANCELLED, State.SUPERSEDED])
def test_what_has_begun_cannot_be_withdrawn_any_more(
    participation: Participation, phase: Phase, state: State
) -> None:
    made = a_submission(phase, participation=participation, state=None)
    an_evaluation(made, state=state)
    answer = withdraw(api(participation.person), made)
    assert answer.status_code == 409
    assert answer.headers["Content-Type"] == "application/problem+json"
    told = answer.json()
    assert (told["type"], told["state"]) == ("urn:desafio:problem:too-late-to-withdraw", state)
    assert Evaluation.objects.get().state == state


def test_nobody_withdraws_what_is_somebody_elses(participation: Participation, phase: Phase) -> None:
    theirs = a_submission(phase)
    assert withdraw(api(participation.person), theirs).status_code == 404
    assert withdraw(api(), theirs).status_code == 401
    assert Evaluation.objects.get().state == State.PENDING


def test_what_the_organization_cancelled_is_no_fault_and_no_withdrawal(
    participation: Participation, phase: Phase
) -> None:
    made = a_submission(phase, participation=participation, state=None)
    an_evaluation(made, state=State.CANCELLED, fault_code="cancelled")
    told = api(participation.person).get(f"{URL}{made.pk}/").json()
    assert told["state_text"] == "cancelado"
    assert told["fault"]["detail"] == ("La organización ha cancelado este envío. Has recuperado el intento.")
    assert (told["fault"]["is_ours"], told["fault"]["attempt_returned"]) == (True, True)


# --- waiting ----------------------------------------------------------------------------------------------


def test_who_waits_is_told_how_long_that_may_take_where_that_is_known(
    participation: Participation, phase: Phase
) -> None:
    made = a_submission(phase, participation=participation)
    client = api(participation.person)
    progress = client.get(f"{URL}{made.pk}/").json()["progress"]
    assert (progress["ahead"], progress["wait_s"]) == (0, None)
    for _ in range(3):
        a_score(phase)
    assert client.get(f"{URL}{made.pk}/").json()["progress"]["wait_s"] is not None
    Circuit.objects.create(name=Circuit.Name.BACKEND, opened_at=dispatch.now())
    assert client.get(f"{URL}{made.pk}/").json()["progress"]["wait_s"] is None


@pytest.mark.parametrize(("name", "grade"), [("backend", "E"), ("meter", "A")])
@pytest.mark.parametrize("state", [State.PENDING, State.HELD, State.RUNNING, State.GRADING])
def test_what_keeps_it_waiting_is_told_since_when(
    participation: Participation, phase: Phase, name: str, grade: str, state: State
) -> None:
    Phase.objects.update(evidence_grade=grade)
    since = dispatch.now() - timedelta(minutes=5)
    Circuit.objects.create(name=name, opened_at=since)
    made = a_submission(phase, participation=participation, state=state)
    told = api(participation.person).get(f"{URL}{made.pk}/").json()["waiting"]
    if state in (State.RUNNING, State.GRADING):
        assert told is None
    else:
        assert (told["for"], datetime.fromisoformat(told["since"])) == (name, since)


def test_the_meter_keeps_nobody_waiting_whose_energy_is_an_estimate(
    participation: Participation, phase: Phase
) -> None:
    Circuit.objects.create(name=Circuit.Name.METER, opened_at=dispatch.now())
    made = a_submission(phase, participation=participation)
    assert api(participation.person).get(f"{URL}{made.pk}/").json()["waiting"] is None


# --- what is left -----------------------------------------------------------------------------------------


def quota_of(client: Client, phase: Phase) -> Any:
    return client.get(f"/api/v1/challenges/{phase.challenge.slug}/phases/{phase.slug}/quota/")


def needed_mj(phase: Phase) -> int:
    found = use_case.read(phase, PROMPT)
    return purse.estimate_mj(phase, found)


def test_what_is_left_counts_attempts_and_energy(participation: Participation, phase: Phase) -> None:
    client = api(participation.person)
    assert quota_of(client, phase).json()["energy"] is None
    needed = needed_mj(phase)
    Phase.objects.update(energy_purse_mj=2 * needed + 1)
    hand_in(client, phase)
    told = quota_of(client, phase).json()
    assert (told["used_today"], told["left_phase"]) == (1, phase.attempts_per_phase - 1)
    assert told["energy"] == {
        "limit_mj": 2 * needed + 1,
        "reserved_mj": needed,
        "spent_mj": 0,
        "left_mj": needed + 1,
    }
    rules = client.get(f"/api/v1/challenges/{phase.challenge.slug}/").json()["phases"][0]["limits"]
    assert rules["energy_purse_mj"] == 2 * needed + 1


def test_what_is_left_is_told_to_who_takes_part(phase: Phase) -> None:
    assert quota_of(api(a_person()), phase).json()["type"] == "urn:desafio:problem:not-participating"
    assert quota_of(api(), phase).status_code == 401


def test_an_empty_purse_refuses_with_the_figures_and_spends_nothing(
    participation: Participation, phase: Phase
) -> None:
    needed = needed_mj(phase)
    Phase.objects.update(energy_purse_mj=needed - 1)
    client = api(participation.person)
    answer = hand_in(client, phase)
    told = answer.json()
    assert answer.status_code == 409
    assert told["type"] == "urn:desafio:problem:purse-exhausted"
    assert (told["limit_mj"], told["left_mj"], told["needed_mj"]) == (needed - 1, needed - 1, needed)
    assert "No te queda energía para este envío" in told["detail"]
    assert use_case.quota(participation, phase).used_phase == 0


def test_a_check_says_what_would_be_reserved(participation: Participation, phase: Phase) -> None:
    Phase.objects.update(energy_purse_mj=1)
    body = {"challenge": phase.challenge.slug, "phase": phase.slug, "content": PROMPT}
    answer = api(participation.person).post(f"{URL}check/", body, content_type="application/json")
    assert answer.json() == {"ok": True, "errors": [], "reserves_mj": needed_mj(phase)}
