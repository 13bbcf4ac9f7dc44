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

from challenges import board, dispatch, standings
from challenges.models import Phase, Purpose, Score
from tests.factories import a_participation, a_person, a_phase, a_score, a_standing

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
        "rows": [
            {
                "participation": str(participation.public_id),
                "rank": 1,
                "tied": False,
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
