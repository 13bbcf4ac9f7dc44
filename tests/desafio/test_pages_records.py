"""Claims on the records that anybody may download: not before the phase is over, and then whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from challenges import lease, publishing, record_export, sealing
from challenges.models import Phase
from desafio.pages import records
from scoring.record.audit import main as scoring_main
from scoring.record.bundle import ANSWERS_NAME, Bundle
from tests import stepwise
from tests.factories import a_challenge, a_person, a_phase, a_submission

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def nobody_was_counted(transactional_db: None) -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def a_scored_phase(*, scores: int = 1, **fields: Any) -> Phase:
    phase = a_phase(a_challenge(slug="energia"), slug="final", ranked_cases=2, **fields)
    for _ in range(scores):
        a_submission(phase)
        held = lease.claim("obrero")
        assert held is not None
        stepwise.evaluate(held)
    return phase


def a_closed_phase(**fields: Any) -> Phase:
    phase = a_scored_phase(**fields)
    Phase.objects.filter(pk=phase.pk).update(closes_at=timezone.now() - timedelta(seconds=1))
    phase.refresh_from_db()
    return phase


def address(phase: Phase, number: int = 1) -> str:
    return reverse("pages:records", args=[phase.challenge.slug, phase.slug, number])


def board_of(phase: Phase) -> str:
    page = Client().get(reverse("pages:board", args=[phase.challenge.slug]), {"fase": phase.slug})
    return page.content.decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Got:
    """An answer that was read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def saved(self, path: Path) -> Path:
        path.write_bytes(self.body)
        return path


def asked(phase: Phase, number: int = 1, **headers: str) -> Got:
    answer: Any = Client().get(address(phase, number), headers=headers)
    got = Got(status=answer.status_code, headers=answer.headers, body=answer.getvalue())
    answer.close()
    return got


# --- when --------------------------------------------------------------------------------------------------


def test_while_a_phase_is_open_nobody_but_judges_has_its_records() -> None:
    phase = a_scored_phase()
    assert asked(phase).status == 404
    page = board_of(phase)
    assert address(phase) not in page
    assert "Comprobar las puntuaciones" not in page


def test_once_it_is_over_anybody_downloads_them_from_the_boards_page(tmp_path: Path) -> None:
    phase = a_closed_phase(scores=2)
    head = phase.records.latest("number").sha256
    page = board_of(phase)
    assert address(phase) in page
    assert head in page
    answer = asked(phase)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/zip")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="registros-energia-final-1-2.zip"'
    path = answer.saved(tmp_path / "registros.zip")
    assert int(answer.headers["Content-Length"]) == path.stat().st_size
    with Bundle(path) as opened:
        assert opened.check().sha256 == head


def test_what_a_freeze_hides_nobody_reads_out_of_the_records() -> None:
    phase = a_closed_phase()
    Phase.objects.update(freeze_at=phase.opens_at)
    assert asked(phase).status == 404
    page = board_of(phase)
    assert address(phase) not in page
    assert phase.records.get().sha256 not in page
    assert "cuando la organización descongele la clasificación" in page
    Phase.objects.update(freeze_at=None)
    assert asked(phase).status == 200
    assert address(phase) in board_of(phase)


def test_records_on_cases_that_somebody_is_still_judged_on_wait_for_that_phase_too() -> None:
    phase = a_closed_phase()
    other = a_phase(phase.challenge, slug="repesca", ranked_suite=phase.ranked_suite)
    assert asked(phase).status == 404
    assert "Otra fase puntúa todavía con los mismos casos" in board_of(phase)
    Phase.objects.filter(pk=other.pk).update(closes_at=timezone.now() - timedelta(seconds=1))
    assert asked(phase).status == 200


def test_a_phase_without_records_offers_none() -> None:
    phase = a_closed_phase(scores=0)
    assert asked(phase).status == 404
    assert "Comprobar las puntuaciones" not in board_of(phase)


def test_the_records_of_a_challenge_that_is_not_published_are_not_there() -> None:
    phase = a_closed_phase()
    phase.challenge.is_published = False
    phase.challenge.save(update_fields=["is_published"])
    assert asked(phase).status == 404


# --- in parts ----------------------------------------------------------------------------------------------


def test_a_long_chain_comes_in_parts_each_behind_the_one_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_export, "PART_RECORDS", 2)
    phase = a_closed_phase(scores=3)
    heads: list[str] = []
    for number, count in ((1, 2), (2, 1)):
        assert address(phase, number) in board_of(phase)
        answer = asked(phase, number)
        with Bundle(answer.saved(tmp_path / f"{number}.zip")) as opened:
            assert opened.manifest.count == count
            assert opened.manifest.previous_sha256 == (heads[-1] if heads else "0" * 64)
            heads.append(opened.check().sha256)
        assert int(answer.headers["Content-Length"]) == len(answer.body)
    assert heads[-1] == phase.records.latest("number").sha256
    assert asked(phase, 3).status == asked(phase, 0).status == 404


def test_a_tag_stays_as_long_as_the_part_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_export, "PART_RECORDS", 2)
    phase = a_scored_phase(scores=3)
    before = [record_export.etag(part) for part in record_export.parts(phase)]
    a_submission(phase)
    held = lease.claim("obrero")
    assert held is not None
    stepwise.evaluate(held)
    after = [record_export.etag(part) for part in record_export.parts(phase)]
    assert before[0] == after[0]
    assert before[1] != after[1]


# --- with the cases ----------------------------------------------------------------------------------------


def publish(phase: Phase) -> None:
    """Two organizers let everybody have the cases."""
    for act in (publishing.propose, publishing.confirm):
        person = a_person()
        person.user_permissions.add(Permission.objects.get(codename="publish_cases"))
        act(phase.ranked_suite, person)


def test_cases_are_hashes_until_they_are_published_and_the_page_says_which(tmp_path: Path) -> None:
    phase = a_closed_phase(scores=2)
    asked_for = phase.ranked_suite.cases.all()[0].inputs["pregunta"].encode()
    secret = asked(phase)
    assert phase.ranked_suite.salt.encode() not in secret.body
    assert asked_for not in secret.body
    assert "Los casos privados siguen en secreto" in board_of(phase)
    publish(phase)
    assert "Los casos privados ya son públicos: van dentro del archivo, con las respuestas." in board_of(
        phase
    )
    told = asked(phase)
    assert phase.ranked_suite.salt.encode() in told.body
    assert asked_for in told.body
    path = told.saved(tmp_path / "registros.zip")
    with Bundle(path) as opened:
        assert opened.check().sha256 == phase.records.latest("number").sha256
    assert scoring_main(["recompute", str(path)]) == 0


def test_whoever_has_the_file_without_the_cases_is_not_told_that_it_is_the_same() -> None:
    phase = a_closed_phase()
    before = asked(phase).headers["ETag"]
    publish(phase)
    again = asked(phase, if_none_match=before)
    assert (again.status, again.headers["ETag"] != before) == (200, True)
    assert asked(phase, if_none_match=again.headers["ETag"]).status == 304
    assert asked(phase).body == again.body


def test_a_file_with_answers_comes_without_a_length_since_nobody_has_read_them_all() -> None:
    phase = a_closed_phase()
    publish(phase)
    head: Any = Client().head(address(phase))
    assert "Content-Length" not in head.headers
    assert "Content-Length" not in asked(phase).headers
    assert head.headers["ETag"] == asked(phase).headers["ETag"]


def test_answers_are_read_record_by_record_and_no_sooner_than_they_are_sent(
    django_assert_num_queries: Any,
) -> None:
    phase = a_closed_phase(scores=3)
    publish(phase)
    answer: Any = Client().get(address(phase))
    pieces = iter(answer)
    with django_assert_num_queries(1):
        # The words on top, and the first record with its answers.
        assert len([next(pieces) for _ in range(3)]) == 3
    with django_assert_num_queries(2):
        assert list(pieces)
    answer.close()


def test_a_part_has_all_cases_and_the_answers_of_its_own_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_export, "PART_RECORDS", 2)
    phase = a_closed_phase(scores=3)
    publish(phase)
    paths = [asked(phase, number).saved(tmp_path / f"{number}.zip") for number in (1, 2)]
    for path, count in zip(paths, (2, 1), strict=True):
        with Bundle(path) as opened:
            assert len(list(opened.names(ANSWERS_NAME))) == opened.manifest.count == count
    assert scoring_main(["recompute", *map(str, paths)]) == 0


def test_published_cases_do_not_open_the_records_of_a_phase_that_is_frozen_again() -> None:
    phase = a_closed_phase()
    publish(phase)
    Phase.objects.update(freeze_at=phase.opens_at)
    assert asked(phase).status == 404
    assert "ya son públicos" not in board_of(phase)


def test_judges_get_the_same_file_and_are_told_of_the_cases() -> None:
    phase = a_closed_phase()
    publish(phase)
    judge = Client()
    judge.force_login(a_person(is_staff=True, is_superuser=True))
    page = reverse("jury:board", args=[phase.challenge.slug, phase.slug])
    assert "Los que se han publicado van también en claro" in judge.get(page).content.decode()
    sent: Any = judge.get(reverse("jury:records", args=[phase.challenge.slug, phase.slug]))
    assert sent.getvalue() == asked(phase).body
    assert "Content-Length" not in sent.headers


# --- how it is sent ----------------------------------------------------------------------------------------


def test_who_has_it_is_told_that_it_has_not_changed() -> None:
    phase = a_closed_phase()
    tag = asked(phase).headers["ETag"]
    again = asked(phase, if_none_match=tag)
    assert (again.status, again.headers["ETag"], again.body) == (304, tag, b"")
    assert asked(phase, if_none_match='"otra"').status == 200


def test_a_head_request_tells_length_and_tag_and_sends_nothing() -> None:
    phase = a_closed_phase()
    told: Any = Client().head(address(phase))
    sent = asked(phase)
    assert (told.status_code, told.getvalue()) == (200, b"")
    assert told["ETag"] == sent.headers["ETag"]
    assert told["Content-Length"] == sent.headers["Content-Length"] == str(len(sent.body))


def test_the_database_is_not_asked_while_the_pieces_go_out(django_assert_num_queries: Any) -> None:
    phase = a_closed_phase(scores=2)
    answer: Any = Client().get(address(phase))
    with django_assert_num_queries(0):
        assert len(answer.getvalue()) == int(answer["Content-Length"])
    answer.close()


def test_a_lost_file_is_said_before_the_first_byte() -> None:
    phase = a_closed_phase()
    sealing.store().path(phase.records.get().sha256).unlink()
    answer = asked(phase)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "60")
    assert "Vuelve a intentarlo" in answer.body.decode()


def test_one_address_takes_so_many_an_hour_and_asking_with_a_tag_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(records.DownloadRate, "rate", "2/hour")
    phase = a_closed_phase()
    tags = {asked(phase).headers["ETag"] for _ in range(2)}
    refused = asked(phase)
    assert refused.status == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 3600
    (tag,) = tags
    assert asked(phase, if_none_match=tag).status == 304


def test_slow_lines_never_take_all_threads_and_give_back_what_they_had() -> None:
    phase = a_closed_phase()
    sending = [Client().get(address(phase)) for _ in range(records.SENT_AT_ONCE)]
    assert {answer.status_code for answer in sending} == {200}
    busy = asked(phase)
    assert (busy.status, busy.headers["Retry-After"]) == (503, str(records.BUSY_WAIT_S))
    # Its reader went away before the first piece.
    sending[0].close()
    assert [asked(phase).status for _ in range(2 * records.SENT_AT_ONCE)] == [200] * 2 * records.SENT_AT_ONCE
    for answer in sending[1:]:
        answer.close()
