"""The board's bytes: equal rows give equal bytes, a freeze stops the clock, changes add up."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation
from hypothesis import given
from hypothesis import strategies as st

from challenges import board, circuits, dispatch, standings
from challenges.models import Circuit, Phase, Purpose, Score, State
from scoring.values import EvidenceGrade
from tests.factories import a_participation, a_person, a_phase, a_score, a_standing, a_submission

pytestmark = pytest.mark.django_db


def _row(body: bytes, index: int = 0) -> dict[str, Any]:
    row: dict[str, Any] = json.loads(body)["rows"][index]
    return row


def _score_at(phase: Phase, at: datetime, **fields: Any) -> Score:
    score = a_score(phase, created_at=at, **fields)
    standings.rebuild(phase)
    return score


def test_the_board_reads_as_agreed() -> None:
    phase = a_phase()
    participation = a_participation(phase, person=a_person(board_name="Ana"))
    standing = a_standing(phase, participation=participation, value="71.2345")
    content = json.loads(board.build(phase).body)
    at = standing.score.created_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert content == {
        "phase": phase.slug,
        "challenge": phase.challenge.slug,
        "version": 1,
        "generated_at": at,
        "evidence_grade": "E",
        "estimated": True,
        "frozen": False,
        "waiting": None,
        "rows": [
            {
                "participation": str(participation.public_id),
                "rank": 1,
                "tied": False,
                "tie_group": None,
                "best_rank": None,
                "worst_rank": None,
                "score_low": None,
                "score_high": None,
                "name": "Ana",
                "score": "71.2345",
                "quality": "0.650000",
                "energy_mj": 123456,
                "prompt_tokens": 800,
                "completion_tokens": 120,
                "attempts": 1,
                "scored_at": at,
                "reaches_minimum": True,
                "is_ranked": True,
            }
        ],
    }


def test_the_same_rows_give_the_same_bytes_whoever_asks() -> None:
    phase = a_phase()
    for value in ("10", "30", "20"):
        a_standing(phase, value=value)
    first = board.build(phase)
    with translation.override("en"), timezone.override("America/Lima"):
        second = board.build(Phase.objects.get(pk=phase.pk))
    assert (first.body, first.etag) == (second.body, second.etag)
    assert first.etag.startswith('"3-')
    a_standing(phase, value="5")
    assert board.build(phase).etag != first.etag


def test_a_board_takes_one_query_however_many_rows() -> None:
    phase = Phase.objects.select_related("challenge").get(pk=a_phase().pk)
    for number in range(5):
        a_standing(phase, value=str(number))
    with CaptureQueriesContext(
        connection,
    ) as queries:
        board.build(phase)
    assert len(queries) == 1


def test_an_empty_board_is_a_board() -> None:
    phase = a_phase()
    built = board.build(phase)
    assert (built.version, built.rows) == (0, [])
    assert built.body == board.build(phase).body


def test_order_ties_and_those_outside_the_ranking() -> None:
    phase = a_phase()
    for name, value, fields in (
        ("fuera", "99", {"is_ranked": False, "evidence_grade": "C"}),
        ("bajo", "80", {"reaches_minimum": False}),
        ("uno", "50", {}),
        ("otro", "50", {}),
        ("tercero", "40", {}),
    ):
        person = a_person(board_name=name)
        a_standing(phase, participation=a_participation(phase, person=person), value=value, **fields)
    rows = board.build(phase).rows
    assert [(row["name"], row["rank"], row["tied"]) for row in rows] == [
        ("uno", 1, True),
        ("otro", 1, True),
        ("tercero", 3, False),
        ("bajo", 4, False),
        ("fuera", None, False),
    ]


def test_a_name_is_shown_only_with_consent() -> None:
    phase = a_phase()
    participation = a_participation(phase, person=a_person(board_name="Nombre Secreto"))
    participation.person.consents.filter(purpose=Purpose.PUBLISH_NAME).delete()
    a_standing(phase, participation=participation)
    built = board.build(phase)
    assert "Secreto" not in built.body.decode()
    assert built.rows[0]["name"] == f"Participante {participation.public_id.hex[:6]}"


def test_a_frozen_board_shows_the_moment_of_the_freeze_to_the_public_and_all_to_judges() -> None:
    now = dispatch.now()
    phase = a_phase(opens_at=now - timedelta(days=3))
    ana, luis, eva = (a_participation(phase) for _ in range(3))
    _score_at(phase, now - timedelta(hours=5), participation=ana, value="50")
    _score_at(phase, now - timedelta(hours=4), participation=luis, value="60")
    before = board.build(phase)
    phase.freeze_at = now - timedelta(hours=3)
    phase.save()
    _score_at(phase, now - timedelta(hours=2), participation=ana, value="90")
    _score_at(phase, now - timedelta(hours=1), participation=eva, value="95")

    public, judges = board.build(phase), board.build(phase, restricted=True)
    assert public.rows == before.rows
    assert public.version == before.version
    assert json.loads(public.body)["frozen"] is True
    assert [Decimal(row["score"]) for row in judges.rows] == [95, 90, 60]
    assert json.loads(judges.body)["frozen"] is False

    _score_at(phase, now - timedelta(minutes=1), participation=luis, value="99")
    assert board.build(phase).body == public.body, "nobody learns that something goes on behind the freeze"
    phase.freeze_at = None
    assert [Decimal(row["score"]) for row in board.build(phase).rows] == [99, 95, 90]


def test_a_freeze_to_come_changes_nothing() -> None:
    phase = a_phase(freeze_at=timezone.now() + timedelta(hours=1))
    a_standing(phase)
    assert json.loads(board.build(phase).body)["frozen"] is False


def _is_away(name: Circuit.Name, since: datetime) -> None:
    Circuit.objects.update_or_create(name=name, defaults={"opened_at": since})


def _says(phase: Phase) -> Any:
    return json.loads(board.build(phase).body)["waiting"]


BACKEND, METER = Circuit.Name.BACKEND, Circuit.Name.METER


@pytest.mark.parametrize("away", [(), (BACKEND,), (METER,), (BACKEND, METER), (METER, BACKEND)])
@pytest.mark.parametrize("grade", EvidenceGrade)
def test_a_board_says_what_holds_its_evaluations_as_the_circuits_do(
    grade: EvidenceGrade, away: tuple[Circuit.Name, ...]
) -> None:
    now = dispatch.now()
    for minutes_ago, name in zip((9, 3), away, strict=False):
        _is_away(name, now - timedelta(minutes=minutes_ago))
    bare = a_phase(evidence_grade=grade.value)
    scored = a_phase(evidence_grade=grade.value)
    frozen = a_phase(evidence_grade=grade.value, freeze_at=now - timedelta(minutes=1))
    for phase in (scored, frozen):
        a_standing(phase)
    holding = circuits.holding(bare)
    told = None
    if holding is not None and holding.opened_at is not None:
        since = holding.opened_at.astimezone(UTC).isoformat(timespec="milliseconds")
        told = {"for": holding.name, "since": since.replace("+00:00", "Z")}
    for phase in (bare, scored, frozen):
        assert _says(phase) == told
        assert board.build(phase).waiting == board.build(phase, restricted=True).waiting == told


def test_what_holds_evaluations_is_read_in_the_boards_one_query() -> None:
    phase = Phase.objects.select_related("challenge").get(pk=a_phase().pk)
    a_standing(phase)
    _is_away(BACKEND, dispatch.now())
    with CaptureQueriesContext(connection) as queries:
        built = board.build(phase)
    assert len(queries) == 1
    assert built.waiting is not None


def test_the_bytes_change_when_evaluations_begin_to_wait_and_are_the_old_ones_when_they_go_on() -> None:
    phase = a_phase()
    a_standing(phase)
    before = board.build(phase)
    _is_away(BACKEND, dispatch.now())
    first, second = board.build(phase), board.build(phase)
    assert first.body == second.body != before.body
    assert first.rows == before.rows
    Circuit.objects.update(opened_at=None)
    assert board.build(phase).body == before.body


def test_nobody_waits_in_a_phase_that_is_over_or_has_not_begun_unless_somebody_does() -> None:
    now = dispatch.now()
    _is_away(BACKEND, now)
    over = a_phase(opens_at=now - timedelta(days=2), closes_at=now - timedelta(hours=1))
    coming = a_phase(opens_at=now + timedelta(days=1), closes_at=now + timedelta(days=2))
    assert _says(over) is None
    assert _says(coming) is None
    a_submission(over, state=State.HELD)
    assert _says(over) is not None, "handed in at the last moment, and still to be judged"


_places = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 3))


@given(before=_places, after=_places)
def test_changes_turn_the_old_rows_into_the_new(before: dict[str, int], after: dict[str, int]) -> None:
    old = [{"participation": name, "score": score} for name, score in before.items()]
    new = [{"participation": name, "score": score} for name, score in after.items()]
    changes = board.changed_rows(old, new)
    shown = {row["participation"]: row for row in old if row["participation"] not in changes.removed}
    shown |= {row["participation"]: row for row in changes.rows}
    assert [shown[name] for name in changes.order] == new
    assert len(shown) == len(new)
    assert all(row not in old for row in changes.rows)
