"""Private cases become public by two people's word, never while somebody is judged on them, and for good."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from challenges import dispatch, lease, publishing, record_export
from challenges.errors import CasesStillSecret
from challenges.models import Call, Case, CasePublication, Person, Phase, Suite
from challenges.publishing import PublicationRefused
from scoring.record import audit, disclosure, sealed
from scoring.record.bundle import ANSWERS_NAME, DISCLOSURE_NAME, RECORD_NAME, Bundle
from scoring.record.errors import NotStored
from tests import stepwise
from tests.factories import a_challenge, a_person, a_phase, a_submission, a_suite
from tests.in_parallel import errors_in, in_parallel

pytestmark = pytest.mark.django_db(transaction=True)

Act = Callable[[Suite, Person], object]

CANARY = "CANARIO"
SECRET: list[dict[str, Any]] = [
    {"inputs": {"pregunta": f"{CANARY}-{number}"}, "expected": f"{CANARY}-respuesta", "weight": number}
    for number in (1, 2)
]


def a_publisher() -> Person:
    person = a_person(is_staff=True)
    person.user_permissions.add(Permission.objects.get(codename="publish_cases"))
    return Person.objects.get(pk=person.pk)


def score_in(phase: Phase, *, answer: str = f"{CANARY}-dijo") -> None:
    a_submission(phase)
    held = lease.claim("obrero")
    assert held is not None
    stepwise.evaluate(held, text_of=lambda case: answer)


def close(phase: Phase) -> Phase:
    phases: QuerySet[Phase] = QuerySet(Phase).filter(pk=phase.pk)
    phases.update(closes_at=timezone.now() - timedelta(seconds=1))
    return Phase.objects.get(pk=phase.pk)


def a_closed_phase(*, scores: int = 1) -> Phase:
    phase = a_phase(a_challenge(slug="energia"), slug="final", ranked_cases=SECRET, feedback_suite=None)
    for number in range(scores):
        score_in(phase, answer=f"{CANARY}-dijo-{number}")
    return close(phase)


def publish(suite: Suite) -> CasePublication:
    publishing.propose(suite, a_publisher())
    return publishing.confirm(suite, a_publisher())


def refusal(act: Act, suite: Suite, person: Person) -> PublicationRefused:
    with pytest.raises(PublicationRefused) as refused:
        act(suite, person)
    return refused.value


def offered(phase: Phase) -> record_export.Publication:
    return record_export.publication(phase, at=dispatch.now())


def saved(phase: Phase, folder: Path, number: int = 1) -> Path:
    part = offered(phase).parts[number - 1]
    path = folder / f"{number}.zip"
    path.write_bytes(b"".join(record_export.download(phase, part).pieces))
    return path


# --- two people --------------------------------------------------------------------------------------------


def test_a_proposal_tells_nothing_and_a_second_person_tells_all(tmp_path: Path) -> None:
    phase = a_closed_phase()
    before = saved(phase, tmp_path).read_bytes()
    first, second = a_publisher(), a_publisher()
    proposed = publishing.propose(phase.ranked_suite, first)
    assert (proposed.proposed_by, proposed.confirmed_by, proposed.confirmed_at) == (first, None, None)
    assert saved(phase, tmp_path).read_bytes() == before
    assert offered(phase).cases == "secret"
    assert not publishing.is_published(phase.ranked_suite)
    confirmed = publishing.confirm(phase.ranked_suite, second)
    confirmed.refresh_from_db()
    assert confirmed.confirmed_by == second
    assert confirmed.confirmed_at is not None
    assert confirmed.proposed_at <= confirmed.confirmed_at
    assert offered(phase).cases == "public"
    assert publishing.is_published(phase.ranked_suite)
    with Bundle(saved(phase, tmp_path)) as opened:
        told = disclosure.read(opened.read(DISCLOSURE_NAME) or b"")
    assert set(told) == {phase.ranked_suite.sha256}


def test_nobody_confirms_what_they_proposed_themselves_not_even_a_superuser() -> None:
    suite = a_closed_phase().ranked_suite
    boss = a_person(is_staff=True, is_superuser=True)
    publishing.propose(suite, boss)
    assert refusal(publishing.confirm, suite, boss).code == "same_person"
    with pytest.raises(IntegrityError), transaction.atomic():
        CasePublication.objects.update(confirmed_by=boss, confirmed_at=timezone.now())
    assert not publishing.is_published(suite)


@pytest.mark.parametrize("act", [publishing.propose, publishing.withdraw, publishing.confirm])
def test_without_the_right_nobody_does_anything(act: Act) -> None:
    suite = a_closed_phase().ranked_suite
    judge = a_person(is_staff=True)
    judge.user_permissions.add(Permission.objects.get(codename="export_ranking"))
    gone = a_publisher()
    gone.is_active = False
    publishing.propose(suite, a_publisher())
    for person in (judge, gone):
        assert refusal(act, suite, person).code == "not_allowed"
    assert CasePublication.objects.get().confirmed_at is None


def test_only_private_cases_are_published() -> None:
    suite = a_suite(visibility="public")
    assert refusal(publishing.propose, suite, a_publisher()).code == "not_private"


def test_a_proposal_can_be_withdrawn_by_anybody_with_the_right_and_made_again() -> None:
    suite = a_closed_phase().ranked_suite
    first, second = a_publisher(), a_publisher()
    assert refusal(publishing.withdraw, suite, first).code == "nothing_proposed"
    publishing.propose(suite, first)
    assert refusal(publishing.propose, suite, second).code == "already_proposed"
    publishing.withdraw(suite, second)
    assert not CasePublication.objects.exists()
    assert refusal(publishing.confirm, suite, second).code == "nothing_proposed"
    publishing.propose(suite, second)
    assert publishing.confirm(suite, first).proposed_by == second


def test_what_is_published_stays_so() -> None:
    suite = a_closed_phase().ranked_suite
    publish(suite)
    for act in (publishing.propose, publishing.withdraw, publishing.confirm):
        assert refusal(act, suite, a_publisher()).code == "already_published"
    assert publishing.is_published(suite)


# --- not while somebody is judged on them ------------------------------------------------------------------


def test_cases_stay_secret_until_their_phase_closes() -> None:
    phase = a_phase(a_challenge(slug="energia"), slug="final", ranked_cases=SECRET)
    refused = refusal(publishing.propose, phase.ranked_suite, a_publisher())
    assert refused.code == "still_judged"
    assert refused.obstacle is not None
    assert (refused.obstacle.phase, refused.obstacle.until) == ("energia/final", phase.closes_at)


def test_a_phase_that_opens_after_the_proposal_stops_the_confirmation() -> None:
    phase = a_closed_phase()
    publishing.propose(phase.ranked_suite, a_publisher())
    tomorrow = timezone.now() + timedelta(days=1)
    other = a_phase(
        phase.challenge,
        slug="repesca",
        ranked_suite=phase.ranked_suite,
        opens_at=tomorrow,
        closes_at=tomorrow + timedelta(days=1),
    )
    assert refusal(publishing.confirm, phase.ranked_suite, a_publisher()).code == "still_judged"
    assert not publishing.is_published(phase.ranked_suite)
    close_early(other)
    publishing.confirm(phase.ranked_suite, a_publisher())


def close_early(phase: Phase) -> None:
    now = timezone.now()
    phases: QuerySet[Phase] = QuerySet(Phase).filter(pk=phase.pk)
    phases.update(opens_at=now - timedelta(hours=1), closes_at=now - timedelta(seconds=1))


def test_the_same_cases_in_another_challenge_are_as_secret() -> None:
    """They have the same hash; their salt is another, which protects nothing once the cases are known."""
    phase = a_closed_phase()
    elsewhere = a_phase(a_challenge(slug="otro"), slug="final", ranked_cases=SECRET)
    assert elsewhere.ranked_suite.sha256 == phase.ranked_suite.sha256
    refused = refusal(publishing.propose, phase.ranked_suite, a_publisher())
    assert refused.obstacle is not None
    assert refused.obstacle.phase == "otro/final"


def test_a_newer_version_that_asks_one_of_the_questions_keeps_the_older_one_secret() -> None:
    phase = a_closed_phase()
    newer = [{**SECRET[0], "expected": "corregida"}, {"inputs": {"pregunta": "otra"}}]
    other = a_phase(phase.challenge, slug="repesca", ranked_cases=newer)
    assert other.ranked_suite.sha256 != phase.ranked_suite.sha256
    assert refusal(publishing.propose, phase.ranked_suite, a_publisher()).code == "still_judged"
    # An operator's export obeys the same rule.
    with pytest.raises(CasesStillSecret) as secret:
        record_export.chunks(phase, disclose=True)
    assert secret.value.phase == "energia/repesca"
    close(other)
    publishing.propose(phase.ranked_suite, a_publisher())


def test_other_questions_that_are_still_judged_are_no_obstacle() -> None:
    phase = a_closed_phase()
    a_phase(phase.challenge, slug="repesca", ranked_cases=[{"inputs": {"pregunta": "otra"}}])
    publish(phase.ranked_suite)


def test_while_a_board_is_frozen_its_cases_stay_secret_as_its_records_do() -> None:
    phase = a_closed_phase()
    publishing.propose(phase.ranked_suite, a_publisher())
    Phase.objects.update(freeze_at=phase.opens_at)
    refused = refusal(publishing.confirm, phase.ranked_suite, a_publisher())
    assert (refused.code, refused.obstacle and refused.obstacle.phase) == ("still_frozen", "energia/final")
    Phase.objects.update(freeze_at=None)
    publishing.confirm(phase.ranked_suite, a_publisher())


def test_published_cases_that_a_phase_is_judged_on_again_do_not_open_its_records() -> None:
    phase = a_closed_phase()
    publish(phase.ranked_suite)
    a_phase(phase.challenge, slug="repesca", ranked_suite=phase.ranked_suite)
    found = offered(phase)
    assert (found.withheld, found.parts) == ("judged-elsewhere", ())


def test_cases_whose_rows_were_changed_are_not_published() -> None:
    """Nothing could be told of them that the records do not contradict, and there is no way back."""
    phase = a_closed_phase()
    publishing.propose(phase.ranked_suite, a_publisher())
    cases: QuerySet[Case] = QuerySet(Case).filter(suite=phase.ranked_suite)
    cases.update(expected="otra")
    assert refusal(publishing.confirm, phase.ranked_suite, a_publisher()).code == "cannot_be_told"


# --- what the file tells then ------------------------------------------------------------------------------


def test_the_public_file_is_graded_again_from_its_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    phase = a_closed_phase(scores=2)
    publish(phase.ranked_suite)
    path = saved(phase, tmp_path)
    assert audit.main(["verify", str(path)]) == 0
    assert audit.main(["recompute", str(path)]) == 0
    told = capsys.readouterr().out
    assert told.count("idéntica") == 2 + 1
    head = phase.records.latest("number").sha256
    assert f"2 registros: todas las puntuaciones salen idénticas, cabeza {head}" in told
    # Nobody can pass other answers off for those that were graded.
    calls: QuerySet[Call] = QuerySet(Call).filter(run__case__suite=phase.ranked_suite)
    calls.update(text="otra")
    assert audit.main(["recompute", str(saved(phase, tmp_path))]) == 1
    assert "answer_sha256" in capsys.readouterr().out


def test_it_tells_cases_expected_answers_salt_and_answers_and_still_nobodys_prompt(tmp_path: Path) -> None:
    phase = a_closed_phase()
    publish(phase.ranked_suite)
    whole = saved(phase, tmp_path).read_bytes().decode(errors="replace")
    for told in (f"{CANARY}-1", f"{CANARY}-respuesta", f"{CANARY}-dijo-0", phase.ranked_suite.salt):
        assert told in whole
    submission = phase.submissions.get()
    person = submission.participation.person
    secrets = [*submission.content.values(), person.email, person.board_name, submission.content_sha256]
    assert [each for each in secrets if isinstance(each, str) and each and each in whole] == []


def test_the_records_stay_the_ones_that_were_sealed(tmp_path: Path) -> None:
    phase = a_closed_phase(scores=2)
    with Bundle(saved(phase, tmp_path)) as opened:
        before = dict(opened.records())
    publish(phase.ranked_suite)
    with Bundle(saved(phase, tmp_path)) as opened:
        assert dict(opened.records()) == before
        assert opened.manifest.head.sha256 == phase.records.latest("number").sha256


def test_each_part_has_the_answers_of_its_own_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(record_export, "PART_RECORDS", 1)
    phase = a_closed_phase(scores=2)
    publish(phase.ranked_suite)
    paths = [saved(phase, tmp_path, number) for number in (1, 2)]
    for number, path in enumerate(paths):
        with Bundle(path) as opened:
            (name,) = opened.names(RECORD_NAME)
            (answers,) = opened.names(ANSWERS_NAME)
            assert answers == name.replace("records/", "answers/")
            content = opened.read(name) or b""
            texts = disclosure.read_answers(
                opened.read(answers) or b"",
                record=sealed.read(content),
                record_sha256=phase.records.get(number=number + 1).sha256,
            )
        assert {text for run in texts for text in run} == {f"{CANARY}-dijo-{number}"}
    assert audit.main(["recompute", *map(str, paths)]) == 0
    assert capsys.readouterr().out.count("todas las puntuaciones salen idénticas") == 2


def test_an_operators_export_is_the_file_that_the_public_gets(tmp_path: Path) -> None:
    phase = a_closed_phase()
    publish(phase.ranked_suite)
    assert b"".join(record_export.chunks(phase)) == saved(phase, tmp_path).read_bytes()
    assert b"".join(record_export.chunks(phase, disclose=True)) == saved(phase, tmp_path).read_bytes()


def test_of_two_suites_that_a_phase_was_judged_on_only_the_published_one_is_told(tmp_path: Path) -> None:
    phase = a_phase(a_challenge(slug="energia"), slug="final", ranked_cases=SECRET, feedback_suite=None)
    first = phase.ranked_suite
    score_in(phase)
    second = a_suite(phase.challenge, cases=[{"inputs": {"pregunta": "otra"}, "expected": "OTRO-SECRETO"}])
    phases: QuerySet[Phase] = QuerySet(Phase).filter(pk=phase.pk)
    phases.update(ranked_suite=second)
    score_in(Phase.objects.get(pk=phase.pk), answer="OTRA-RESPUESTA")
    phase = close(phase)
    publish(first)
    assert offered(phase).cases == "some"
    path = saved(phase, tmp_path)
    with Bundle(path) as opened:
        assert len(list(opened.names(ANSWERS_NAME))) == 1
    assert b"OTR" not in path.read_bytes()
    assert audit.main(["recompute", str(path)]) == 0
    publish(second)
    assert offered(phase).cases == "public"
    path = saved(phase, tmp_path)
    assert b"OTRO-SECRETO" in path.read_bytes()
    assert audit.main(["recompute", str(path)]) == 0


def test_answers_that_are_gone_break_the_file_off_and_are_named(tmp_path: Path) -> None:
    phase = a_closed_phase()
    publish(phase.ranked_suite)
    calls: QuerySet[Call] = QuerySet(Call).all()
    calls.delete()
    with pytest.raises(NotStored, match="faltan respuestas del registro 1"):
        saved(phase, tmp_path)


# --- at the same moment ------------------------------------------------------------------------------------


@pytest.fixture(params=["judged", "never used"])
def suite(request: pytest.FixtureRequest, transactional_db: None) -> Suite:
    """One that a phase was judged on, and one that no phase's lock stands for."""
    return a_closed_phase().ranked_suite if request.param == "judged" else a_suite()


def test_of_two_who_confirm_at_once_one_does(suite: Suite) -> None:
    publishing.propose(suite, a_publisher())
    people = [a_publisher() for _ in range(4)]
    results = in_parallel(*(lambda person=person: publishing.confirm(suite, person) for person in people))
    refused = errors_in(results)
    assert [getattr(error, "code", error) for error in refused] == ["already_published"] * 3
    (confirmed,) = [each for each in results if isinstance(each, CasePublication)]
    assert CasePublication.objects.get().confirmed_by == confirmed.confirmed_by


def test_two_clicks_make_one_proposal(suite: Suite) -> None:
    person = a_publisher()
    results = in_parallel(*[lambda: publishing.propose(suite, person)] * 4)
    assert [getattr(error, "code", error) for error in errors_in(results)] == ["already_proposed"] * 3
    assert CasePublication.objects.get().proposed_by == person


def test_what_is_withdrawn_and_confirmed_at_once_is_one_of_both(suite: Suite) -> None:
    first, second = a_publisher(), a_publisher()
    publishing.propose(suite, first)
    results = in_parallel(
        lambda: publishing.withdraw(suite, first), lambda: publishing.confirm(suite, second)
    )
    (refused,) = errors_in(results)
    expected = "already_published" if publishing.is_published(suite) else "nothing_proposed"
    assert getattr(refused, "code", refused) == expected


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time")
def test_a_phase_gets_no_other_end_while_its_cases_are_published() -> None:
    phase = a_closed_phase()
    publishing.propose(phase.ranked_suite, a_publisher())
    person = a_publisher()

    def confirm() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '100ms'")
        publishing.confirm(phase.ranked_suite, person)

    with transaction.atomic():
        phases: QuerySet[Phase] = QuerySet(Phase).filter(pk=phase.pk)
        phases.update(closes_at=timezone.now() + timedelta(days=1))
        (waited,) = in_parallel(confirm)
    assert isinstance(waited, OperationalError)
    assert refusal(publishing.confirm, phase.ranked_suite, person).code == "still_judged"
