"""The organizers' page where private cases become public: who gets there, what it says, and what it does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db.models import QuerySet
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from challenges import publishing
from challenges.models import CasePublication, Person, Phase
from tests.contest import as_
from tests.factories import a_challenge, a_person, a_phase, a_score
from tests.web_page import Page, read

pytestmark = pytest.mark.django_db

CANARY = "CANARIO"
SECRET = [{"inputs": {"pregunta": f"{CANARY}-pregunta"}, "expected": f"{CANARY}-respuesta"}]
LIST = "/gestion/challenges/casepublication/"


@pytest.fixture
def phase(db: None) -> Phase:
    """Over, and judged on secret cases."""
    phase = a_phase(a_challenge(slug="energia"), slug="final", title="Final", ranked_cases=SECRET)
    a_score(phase)
    phases: QuerySet[Phase] = QuerySet(Phase).filter(pk=phase.pk)
    phases.update(closes_at=timezone.now() - timedelta(seconds=1))
    return Phase.objects.get(pk=phase.pk)


def an_organizer(*codenames: str) -> Person:
    person = a_person(is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return Person.objects.get(pk=person.pk)


def a_publisher() -> Person:
    return an_organizer("publish_cases", "view_suite", "view_casepublication")


def address(phase: Phase) -> str:
    return reverse("admin:challenges_casepublication_publish", args=[phase.ranked_suite_id])


def suite_page(phase: Phase) -> str:
    return reverse("admin:challenges_suite_change", args=[phase.ranked_suite_id])


def shown(person: Person, phase: Phase) -> Page:
    answer = as_(person).get(address(phase))
    assert answer.status_code == 200
    return read(answer.content)


def buttons(page: Page) -> list[str]:
    return [each.get("value") for each in page.root.all("button") if each.get("name") == "act"]


def press(person: Person, phase: Phase, act: str) -> Any:
    return as_(person).post(address(phase), {"act": act}, follow=True)


def said(answer: Any) -> str:
    assert answer.status_code == 200
    return " ".join(each.text for each in read(answer.content).root.with_class("messagelist"))


def history(phase: Phase) -> list[tuple[int, str]]:
    """What the suite's history keeps: who, and what."""
    rows = LogEntry.objects.filter(content_type__model="suite", object_id=str(phase.ranked_suite_id))
    return [(row.user_id, row.get_change_message()) for row in rows.order_by("pk")]


# --- who gets there ----------------------------------------------------------------------------------------


def test_only_who_may_publish_gets_to_the_page(phase: Phase) -> None:
    judge = an_organizer("export_ranking", "view_case", "view_suite", "change_suite", "view_casepublication")
    for person, status in ((None, 302), (a_person(), 302), (judge, 403), (a_publisher(), 200)):
        client = as_(person) if person else Client()
        assert client.get(address(phase)).status_code == status
        assert client.post(address(phase), {"act": "propose"}).status_code == (
            302 if status == 200 else status
        )
    assert CasePublication.objects.count() == 1


def test_the_button_is_on_a_private_suites_page_for_who_may_press_it(phase: Phase) -> None:
    assert address(phase) in as_(a_publisher()).get(suite_page(phase)).content.decode()
    assert address(phase) not in as_(an_organizer("view_suite")).get(suite_page(phase)).content.decode()
    assert phase.feedback_suite_id is not None
    public = reverse("admin:challenges_suite_change", args=[phase.feedback_suite_id])
    assert "Publicar los casos" not in as_(a_publisher()).get(public).content.decode()
    of_public = reverse("admin:challenges_casepublication_publish", args=[phase.feedback_suite_id])
    assert as_(a_publisher()).get(of_public).status_code == 404


def test_a_foreign_page_cannot_press_the_button(phase: Phase) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(a_publisher())
    assert client.post(address(phase), {"act": "propose"}).status_code == 403
    assert not CasePublication.objects.exists()


def test_looking_publishes_nothing_and_a_button_that_there_is_not_neither(phase: Phase) -> None:
    person = a_publisher()
    as_(person).get(address(phase), {"act": "propose"})
    assert as_(person).post(address(phase), {"act": "otra"}).status_code == 400
    assert as_(person).post(address(phase)).status_code == 400
    assert not CasePublication.objects.exists()


# --- what it says ------------------------------------------------------------------------------------------


def test_the_page_says_what_becomes_public_for_good_and_that_it_takes_two(phase: Phase) -> None:
    page = shown(a_publisher(), phase)
    what = page.root.by_id("publication-what").text
    for each in ("los casos", "respuesta esperada", "sal con la que", "respondió el modelo"):
        assert each in what
    assert "No se puede deshacer" in page.text
    assert "Hacen falta dos personas" in page.text
    assert page.root.by_id("publication-phases").text == "energia · Final"
    assert page.faults == ()


def test_nothing_of_a_case_leaks_on_the_way(phase: Phase) -> None:
    first, second = a_publisher(), a_publisher()
    suite = phase.ranked_suite
    told = [as_(first).get(address(phase)).content, as_(first).get(suite_page(phase)).content]
    told.append(press(first, phase, "propose").content)
    told += [as_(second).get(url).content for url in (address(phase), LIST)]
    told.append(press(second, phase, "confirm").content)
    whole = b"".join(told).decode()
    assert "Los casos ya son públicos." in whole
    assert [each for each in (CANARY, suite.salt) if each in whole] == []


# --- what it does ------------------------------------------------------------------------------------------


def test_one_proposes_another_confirms_and_the_history_keeps_both(phase: Phase) -> None:
    first, second = a_publisher(), a_publisher()
    assert buttons(shown(first, phase)) == ["propose"]
    assert "Todavía no se ha publicado nada" in said(press(first, phase, "propose"))
    assert buttons(shown(first, phase)) == ["withdraw"]
    assert buttons(shown(second, phase)) == ["confirm", "withdraw"]
    assert str(first) in shown(second, phase).root.by_id("publication-status").text
    assert not publishing.is_published(phase.ranked_suite)
    assert "Publicados" in said(press(second, phase, "confirm"))
    assert publishing.is_published(phase.ranked_suite)
    assert history(phase) == [
        (first.pk, "Propone publicar los casos."),
        (second.pk, "Confirma la publicación de los casos."),
    ]
    status = shown(first, phase).root.by_id("publication-status").text
    assert str(first) in status
    assert str(second) in status
    assert buttons(shown(first, phase)) == []
    assert "publicada" in as_(first).get(LIST).content.decode()


def test_who_proposed_cannot_confirm_even_without_the_button(phase: Phase) -> None:
    person = a_publisher()
    press(person, phase, "propose")
    assert "tiene que confirmarla otra persona" in said(press(person, phase, "confirm"))
    assert not publishing.is_published(phase.ranked_suite)
    assert len(history(phase)) == 1


def test_a_proposal_that_is_withdrawn_leaves_its_history(phase: Phase) -> None:
    first, second = a_publisher(), a_publisher()
    press(first, phase, "propose")
    assert "Propuesta retirada" in said(press(second, phase, "withdraw"))
    assert not CasePublication.objects.exists()
    assert [what for _who, what in history(phase)] == [
        "Propone publicar los casos.",
        "Retira la propuesta de publicar los casos.",
    ]


def test_what_is_published_cannot_be_withdrawn_from_a_page_that_was_left_open(phase: Phase) -> None:
    press(a_publisher(), phase, "propose")
    press(a_publisher(), phase, "confirm")
    assert "no se puede deshacer" in said(press(a_publisher(), phase, "withdraw"))
    assert publishing.is_published(phase.ranked_suite)


def test_a_second_click_is_told_so_and_writes_nothing(phase: Phase) -> None:
    person = a_publisher()
    press(person, phase, "propose")
    assert "Ya estaba propuesta" in said(press(person, phase, "propose"))
    assert len(history(phase)) == CasePublication.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"closes_at": timezone.now() + timedelta(days=9)},
            "La fase energia/final puntúa con esos casos hasta",
        ),
        (
            {"freeze_at": timezone.now() - timedelta(hours=2)},
            "La clasificación de energia/final sigue congelada",
        ),
    ],
)
def test_what_stands_against_it_is_said_and_leaves_no_button(
    phase: Phase, changes: dict[str, Any], words: str
) -> None:
    publishing.propose(phase.ranked_suite, a_publisher())
    phases: QuerySet[Phase] = QuerySet(Phase).filter(pk=phase.pk)
    phases.update(**changes)
    second = a_publisher()
    page = shown(second, phase)
    assert words in page.root.by_id("publication-obstacle").text
    assert buttons(page) == ["withdraw"]
    assert words in said(press(second, phase, "confirm"))
    assert not publishing.is_published(phase.ranked_suite)
    assert history(phase) == []
