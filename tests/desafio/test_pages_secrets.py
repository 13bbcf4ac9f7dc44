"""Nothing private leaves a contestant's doors: no text of a private case, no work of somebody else."""

from __future__ import annotations

import pytest
from django.test import Client

from challenges.models import Case, Run
from tests.contest import (
    PUBLIC,
    SECRET,
    Contest,
    a_contest,
    a_secret_case,
    as_,
    pages_of,
    run_everything,
    submit_fields,
)
from tests.factories import a_participation, a_person, a_phase, a_score, a_suite

pytestmark = pytest.mark.django_db


@pytest.fixture
def contest() -> Contest:
    return a_contest()


def test_the_secrets_are_planted(contest: Contest) -> None:
    private = Case.objects.filter(suite=contest.phase.ranked_suite)
    assert all(SECRET in f"{case.key}{case.inputs}{case.expected}{case.grader}" for case in private)
    runs = Run.objects.filter(case__in=private)
    assert runs
    assert all(SECRET in run.answer and SECRET in run.reason and SECRET in run.evidence for run in runs)


def test_no_page_shows_anything_of_a_private_case(contest: Contest) -> None:
    told = [name for name, answer in pages_of(contest).items() if SECRET in answer.content.decode()]
    assert told == []


def test_a_public_case_is_shown_with_the_answer_and_its_grade(contest: Contest) -> None:
    page = as_(contest.person).get(f"/envios/{contest.submissions['SCORED'].pk}/").content.decode()
    assert page.count(f"{PUBLIC} p") == 7
    assert f"{PUBLIC} motivo" in page


def test_the_fragments_that_scripts_ask_for_tell_nothing_either(contest: Contest) -> None:
    client = as_(contest.person)
    for submission in contest.submissions.values():
        assert SECRET not in client.get(f"/envios/{submission.pk}/estado/").content.decode()
    told = client.post(f"/desafios/{contest.slug}/revisar/", submit_fields(user=f"{{{{{SECRET}-clave-0}}}}"))
    assert f"{SECRET}-pregunta" not in told.content.decode()


def test_a_preview_is_made_of_public_cases_alone(contest: Contest) -> None:
    asked = submit_fields(action="check", case=f"{SECRET}-clave-0")
    answer = as_(contest.person).post(f"/desafios/{contest.slug}/enviar/", asked)
    assert answer.status_code == 200
    page = answer.content.decode()
    assert SECRET not in page
    assert "Lo que recibiría el modelo en el caso p0" in page


def test_a_private_suite_in_the_place_of_the_public_one_is_shown_nowhere() -> None:
    """The admin refuses it; if a row says so all the same, no page believes it."""
    phase = a_phase(ranked_cases=[a_secret_case(0)])
    suite = a_suite(phase.challenge, cases=[a_secret_case(number) for number in range(7)])
    phase.feedback_suite = suite
    phase.save()
    participation = a_participation(phase)
    score = a_score(phase, participation=participation)
    run_everything(score)
    client = as_(participation.person)
    for address in (
        f"/desafios/{phase.challenge.slug}/",
        f"/desafios/{phase.challenge.slug}/enviar/",
        f"/envios/{score.evaluation.submission_id}/",
    ):
        page = client.get(address)
        assert page.status_code == 200
        assert SECRET not in page.content.decode(), address


@pytest.mark.parametrize("tail", ["", "estado/"])
def test_somebody_elses_submission_is_not_found(contest: Contest, tail: str) -> None:
    address = f"/envios/{contest.foreign.pk}/{tail}"
    for person in (contest.person, a_person(), a_person(is_staff=True, is_superuser=True)):
        assert as_(person).get(address).status_code == 404
    missing = as_(contest.person).get(f"/envios/00000000-0000-4000-8000-000000000000/{tail}")
    theirs = as_(contest.person).get(address)
    # Not even the words differ: a guess tells nothing.
    assert theirs.content.replace(b"csrf", b"")[:400] == missing.content.replace(b"csrf", b"")[:400]


def test_the_list_holds_ones_own_submissions_alone(contest: Contest) -> None:
    page = as_(contest.person).get("/envios/").content.decode()
    assert str(contest.foreign.pk) not in page
    assert all(str(submission.pk) in page for submission in contest.submissions.values())


def test_an_unpublished_challenge_is_not_found_by_anybody(contest: Contest) -> None:
    challenge = contest.phase.challenge
    challenge.is_published = False
    challenge.save()
    for tail in ("", "clasificacion/", "enviar/", "revisar/", "unirse/"):
        for client in (Client(), as_(contest.person)):
            answer = client.get(f"/desafios/{challenge.slug}/{tail}", follow=True)
            assert challenge.title not in answer.content.decode(), tail
    assert as_(contest.person).get(f"/desafios/{challenge.slug}/").status_code == 404
    assert challenge.title not in Client().get("/").content.decode()


def test_the_board_tells_no_address_and_no_name_without_consent(contest: Contest) -> None:
    contest.person.consents.filter(purpose="publish_name").delete()
    page = Client().get(f"/desafios/{contest.slug}/clasificacion/").content.decode()
    assert contest.person.email not in page
    assert ">Ana<" not in page
    assert f"Participante {contest.participation.public_id.hex[:6]}" in page
