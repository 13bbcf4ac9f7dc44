"""The judges' door: who gets in, what the file holds, and that it can be proved afterwards."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.utils import timezone

from challenges import exports, lease, record_export, sealing
from challenges.models import Circuit, Leaderboard, Person, Phase, RankingExport
from scoring.record.audit import main as scoring_main
from scoring.record.bundle import Bundle
from tests import stepwise
from tests.factories import a_participation, a_person, a_phase, a_run, a_standing, a_submission

pytestmark = pytest.mark.django_db


def a_judge() -> Person:
    person = a_person()
    person.user_permissions.add(Permission.objects.get(codename="export_ranking"))
    return person


def as_(person: Person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def url(phase: Phase) -> str:
    return f"/jurado/{phase.challenge.slug}/{phase.slug}/clasificacion.csv"


def read(body: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(body.decode(), newline="")))


def test_the_group_of_judges_is_there_from_the_start() -> None:
    group = Group.objects.get(name="jueces")
    assert [permission.codename for permission in group.permissions.all()] == ["export_ranking"]


def test_the_file_holds_the_ranking_in_rfc_4180() -> None:
    phase = a_phase()
    for name, value in (("Ana", "50"), ("Berta, la de «Vigo»", "70"), ('Carla "la rápida"', "60")):
        a_standing(phase, participation=a_participation(phase, person=a_person(board_name=name)), value=value)
    body = as_(a_judge()).post(url(phase)).content
    assert body.endswith(b"\r\n")
    assert b"\n" not in body.replace(b"\r\n", b"")
    header, *rows = read(body)
    assert header == list(exports.HEADER)
    assert [(row[0], row[1], row[3]) for row in rows] == [
        ("1", "Berta, la de «Vigo»", "70.0000"),
        ("2", 'Carla "la rápida"', "60.0000"),
        ("3", "Ana", "50.0000"),
    ]
    assert rows[0][4:9] == ["0.650000", "123456", "E", "920", "1"]
    assert rows[0][9].endswith("Z")


@pytest.mark.parametrize(
    "name", ["=1+1", "+34600", "-2", "@SUM(A1)", "＝1", "=cmd|' /C calc'!A0", "-", '=HYPERLINK("http://x")']
)
def test_a_name_cannot_be_a_formula(name: str) -> None:
    phase = a_phase()
    a_standing(phase, participation=a_participation(phase, person=a_person(board_name=name)))
    cell = read(exports.ranking_file(phase).body)[1][1]
    assert cell == f"'{name}"


@pytest.mark.parametrize("cell", ["\t=1", "\r=1", "\n=1"])
def test_white_space_before_a_formula_does_not_hide_it(cell: str) -> None:
    assert exports.neutral(cell) == f"'{cell}"


def test_each_download_is_kept_with_the_hash_of_exactly_its_bytes() -> None:
    phase, judge = a_phase(), a_judge()
    a_standing(phase)
    answer = as_(judge).post(url(phase))
    sha256 = hashlib.sha256(answer.content).hexdigest()
    kept = RankingExport.objects.get()
    assert (kept.sha256, kept.person, kept.phase, kept.rows, kept.board_version) == (
        sha256,
        judge,
        phase,
        1,
        1,
    )
    assert answer.headers["X-Content-SHA256"] == sha256
    digest = base64.b64encode(hashlib.sha256(answer.content).digest()).decode()
    assert answer.headers["Repr-Digest"] == f"sha-256=:{digest}:"
    assert sha256 in as_(judge).get(f"/jurado/{phase.challenge.slug}/{phase.slug}/").content.decode()


def test_the_same_version_gives_the_same_bytes_and_another_version_other_bytes() -> None:
    phase = a_phase()
    a_standing(phase)
    client = as_(a_judge())
    first, second = client.post(url(phase)).content, client.post(url(phase)).content
    a_standing(phase, value="99")
    assert first == second
    assert client.post(url(phase)).content != first
    assert [kept.board_version for kept in RankingExport.objects.order_by("pk")] == [1, 1, 2]


def test_judges_see_past_the_freeze() -> None:
    phase = a_phase(freeze_at=timezone.now() - timedelta(minutes=5))
    a_standing(phase, participation=a_participation(phase, person=a_person(board_name="Tardía")))
    client = as_(a_judge())
    assert "Tardía" in client.post(url(phase)).content.decode()
    page = client.get(f"/jurado/{phase.challenge.slug}/{phase.slug}/").content.decode()
    assert "Tardía" in page
    assert "congelada" in page


def test_who_was_measured_with_other_evidence_has_neither_rank_nor_the_boards_grade() -> None:
    phase = a_phase()
    a_standing(phase, is_ranked=False, evidence_grade="C")
    row = read(exports.ranking_file(phase).body)[1]
    assert (row[0], row[6]) == ("", "")


def test_judges_are_told_that_a_ranking_can_still_change_by_what_waits() -> None:
    phase = a_phase()

    def page() -> str:
        return as_(a_judge()).get(f"/jurado/{phase.challenge.slug}/{phase.slug}/").content.decode()

    Circuit.objects.create(name=Circuit.Name.BACKEND, opened_at=timezone.now())
    assert "puede cambiar aunque la fase haya cerrado" in page()
    Circuit.objects.update(opened_at=None)
    assert "puede cambiar aunque la fase haya cerrado" not in page()


@pytest.mark.django_db(transaction=True)
def test_judges_download_the_sealed_records_and_see_the_hash_that_closes_the_chain(tmp_path: Path) -> None:
    phase = a_phase()
    page = f"/jurado/{phase.challenge.slug}/{phase.slug}/"
    judge = as_(a_judge())
    assert "Todavía no hay ningún registro" in judge.get(page).content.decode()
    a_submission(phase)
    held = lease.claim("obrero")
    assert held is not None
    stepwise.evaluate(held)
    row = phase.records.get()
    assert row.sha256 in judge.get(page).content.decode()
    answer = judge.get(f"{page}registros.zip")
    assert answer["Content-Type"] == "application/zip"
    file = tmp_path / "registros.zip"
    file.write_bytes(answer.getvalue())
    with Bundle(file) as opened:
        assert opened.check().sha256 == row.sha256
    sealing.store().path(row.sha256).unlink()
    refused = judge.get(f"{page}registros.zip")
    assert refused.status_code == 503
    assert "falta un fichero" in refused.content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_long_chain_goes_to_judges_in_parts_that_are_checked_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one file cannot hold would else break off in the middle of the download."""
    monkeypatch.setattr(record_export, "PART_RECORDS", 1)
    phase = a_phase()
    judge = as_(a_judge())
    for number in (1, 2):
        a_submission(phase)
        held = lease.claim(f"obrero-{number}")
        assert held is not None
        stepwise.evaluate(held)
    page = f"/jurado/{phase.challenge.slug}/{phase.slug}/"
    shown = judge.get(page).content.decode()
    files = []
    for number in (1, 2):
        address = f"{page}registros.zip?parte={number}"
        assert address in shown
        answer = judge.get(address)
        files.append(tmp_path / f"{number}.zip")
        files[-1].write_bytes(answer.getvalue())
        assert int(answer["Content-Length"]) == files[-1].stat().st_size
    assert scoring_main(["verify", *map(str, files)]) == 0
    assert judge.get(f"{page}registros.zip?parte=3").status_code == 404


def test_only_judges_get_the_records() -> None:
    phase = a_phase()
    address = f"/jurado/{phase.challenge.slug}/{phase.slug}/registros.zip"
    assert as_(a_person()).get(address).status_code == 403
    assert Client().get(address).status_code == 302


def test_opening_the_address_of_the_file_gives_the_page_with_the_button() -> None:
    phase = a_phase()
    answer = as_(a_judge()).get(url(phase))
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert "Descargar la clasificación" in answer.content.decode()
    assert not RankingExport.objects.exists()


def test_a_download_needs_the_csrf_token() -> None:
    phase = a_phase()
    client = Client(enforce_csrf_checks=True)
    client.force_login(a_judge())
    assert client.post(url(phase)).status_code == 403
    assert not RankingExport.objects.exists()


def test_an_empty_board_is_a_file_with_a_header_alone() -> None:
    phase = a_phase()
    answer = as_(a_judge()).post(url(phase))
    assert read(answer.content) == [list(exports.HEADER)]
    assert RankingExport.objects.get().rows == 0


def test_nothing_of_private_cases_is_on_the_judges_pages_or_in_the_file() -> None:
    canary = "CANARIO-DE-CASO-PRIVADO"
    phase = a_phase(
        ranked_cases=[
            {"key": canary[:40], "inputs": {"pregunta": canary}, "expected": canary, "group": canary}
        ]
    )
    standing = a_standing(phase)
    a_run(standing.score.evaluation, phase.ranked_suite.cases.get(), answer=canary)
    client = as_(a_judge())
    pages = [
        client.get("/jurado/"),
        client.get(f"/jurado/{phase.challenge.slug}/{phase.slug}/"),
        client.get(url(phase)),
        client.post(url(phase)),
    ]
    assert not [page.request["PATH_INFO"] for page in pages if canary in page.content.decode()]


def test_the_list_of_phases_takes_the_same_queries_however_many(django_assert_max_num_queries: Any) -> None:
    for _ in range(8):
        a_standing()
    client = as_(a_judge())
    client.get("/jurado/")
    with django_assert_max_num_queries(8):
        page = client.get("/jurado/")
    assert page.content.decode().count('<th scope="row">') == Leaderboard.objects.count() == 8


@pytest.mark.parametrize("path", ["/jurado/nada/nada/", "/jurado/nada/nada/clasificacion.csv"])
def test_an_unknown_phase_does_not_exist(path: str) -> None:
    assert as_(a_judge()).get(path).status_code == 404
