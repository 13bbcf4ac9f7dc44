"""A score that stands out is held until an organizer decides, and nothing of it is hidden."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission
from django.db import OperationalError, connection, models, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from challenges import announce, board, dispatch, exports, lease, purse, reviewing, standings, submission
from challenges.errors import LeaseLost
from challenges.invariants import broken
from challenges.lease import Lease
from challenges.merit import scores_in_force
from challenges.models import (
    Evaluation,
    Leaderboard,
    Measurement,
    Participation,
    Person,
    Phase,
    Reason,
    Review,
    ReviewDecision,
    Score,
    Standing,
    State,
    Verdict,
)
from challenges.reviewing import DecisionRefused
from challenges.standings import Judged
from scoring.energy.calibration_file import dump
from scoring.energy.flags import Flag
from scoring.values import EvidenceGrade, PolicyResult
from tests.factories import PROMPT, a_participation, a_person, a_phase, a_run, a_score, unsealed
from tests.in_parallel import errors_in, in_parallel
from tests.scoring.calibrations import a_calibration
from tests.web_page import read

pytestmark = pytest.mark.django_db

FLAGS = (Flag.UNLIKE_WITNESS.value, Flag.UNLIKE_REPETITIONS.value)
ACCEPTED, REJECTED = Verdict.ACCEPTED, Verdict.REJECTED


def _graded(phase: Phase, participation: Participation) -> Lease:
    """An evaluation that a worker has brought up to its grades."""
    stored = submission.submit(
        participation=participation, phase=phase, content=PROMPT, idempotency_key=uuid4().hex
    )
    evaluation = stored.evaluations.get()
    Evaluation.objects.exclude(pk=evaluation.pk).filter(state=State.PENDING).update(state=State.QUEUED)
    held = lease.claim("obrero")
    assert held is not None
    assert held.evaluation_id == evaluation.pk
    lease.transition(held, to=State.RUNNING, reason=Reason.STARTED)
    lease.transition(held, to=State.GRADING, reason=Reason.ANSWERED)
    return held


def record(phase: Phase, participation: Participation, value: str, *, flags: Sequence[str] = ()) -> Score:
    judged = Judged(
        result=PolicyResult(
            score=Decimal(value), quality=Decimal("0.5"), green=Decimal("0.25"), reaches_minimum=True
        ),
        energy_mj=5_000,
        evidence_grade=EvidenceGrade.E,
        prompt_tokens=100,
        completion_tokens=20,
        review_flags=tuple(flags),
    )
    return standings.record(_graded(phase, participation), judged=judged, seal=unsealed)


def an_organizer(email: str | None = None) -> Person:
    person = a_person(email)
    person.user_permissions.add(Permission.objects.get(codename="add_reviewdecision"))
    return Person.objects.get(pk=person.pk)


def decide(
    score: Score, verdict: Verdict, person: Person | None = None, why: str = "Visto."
) -> ReviewDecision:
    return reviewing.decide(Review.objects.get(score=score), verdict, person or an_organizer(), why)


def stands(phase: Phase) -> dict[int, tuple[int, int]]:
    """Score and scored attempts, by participation."""
    rows = Standing.objects.filter(phase=phase).values_list("participation", "score", "attempts")
    return {participation: (score, attempts) for participation, score, attempts in rows}


def version(phase: Phase) -> int:
    return Leaderboard.objects.get(phase=phase).version


def rules_broken() -> set[str]:
    """Those that this file is about; rows made by hand here break others."""
    return {each.rule for each in broken(["standings", "board", "review-standing", "review-flags"])}


# --- held ---------------------------------------------------------------------------------------------------


def test_a_flagged_score_is_held_with_its_flags_and_has_no_standing() -> None:
    phase = a_phase()
    participation = a_participation(phase)
    score = record(phase, participation, "90", flags=FLAGS)
    assert Review.objects.get().score == score
    assert Review.objects.get().flags == sorted(FLAGS)
    assert Evaluation.objects.get(score=score).state == State.SCORED
    assert stands(phase) == {}
    assert board.build(phase).rows == board.build(phase, restricted=True).rows == []
    assert version(phase) == 1
    assert rules_broken() == set()


def test_a_score_without_such_flags_is_not_held() -> None:
    phase = a_phase()
    participation = a_participation(phase)
    score = record(phase, participation, "50")
    assert stands(phase) == {participation.pk: (score.pk, 1)}
    assert not Review.objects.exists()


def test_a_held_score_leaves_the_standing_of_another_as_it_was() -> None:
    phase = a_phase()
    participation = a_participation(phase)
    first = record(phase, participation, "50")
    record(phase, participation, "90", flags=FLAGS)
    assert stands(phase) == {participation.pk: (first.pk, 1)}
    assert version(phase) == 2
    assert rules_broken() == set()


def test_a_held_score_costs_its_energy_as_any_other() -> None:
    phase = a_phase(energy_purse_mj=10**9)
    participation = a_participation(phase)
    score = record(phase, participation, "90", flags=FLAGS)
    balance = purse.balance(participation, phase)
    assert balance is not None
    assert balance.spent_mj == score.energy_mj


def test_a_lost_lease_holds_nothing() -> None:
    phase = a_phase()
    held = _graded(phase, a_participation(phase))
    Evaluation.objects.filter(pk=held.evaluation_id).update(fence=held.fence + 1)
    judged = Judged(
        result=PolicyResult(score=Decimal(1), quality=Decimal(1), green=Decimal(1), reaches_minimum=True),
        energy_mj=1,
        evidence_grade=EvidenceGrade.E,
        prompt_tokens=1,
        completion_tokens=1,
        review_flags=FLAGS,
    )
    with pytest.raises(LeaseLost):
        standings.record(held, judged=judged, seal=unsealed)
    assert not Review.objects.exists()


# --- decided ------------------------------------------------------------------------------------------------


def test_an_accepted_score_stands_and_a_rejected_one_does_not() -> None:
    phase = a_phase()
    ana, eva = a_participation(phase), a_participation(phase)
    good, bad = record(phase, ana, "90", flags=FLAGS), record(phase, eva, "95", flags=FLAGS)
    decide(good, ACCEPTED)
    decide(bad, REJECTED)
    assert stands(phase) == {ana.pk: (good.pk, 1)}
    assert version(phase) == 4
    assert rules_broken() == set()


def test_the_last_decision_holds_and_all_of_them_stay() -> None:
    phase = a_phase()
    participation = a_participation(phase)
    only = record(phase, participation, "90", flags=FLAGS)
    told = []
    for number, verdict in enumerate((ACCEPTED, REJECTED, ACCEPTED, REJECTED), start=1):
        decide(only, verdict, why=f"Vez {number}.")
        told.append(stands(phase))
        assert rules_broken() == set()
    assert told == [{participation.pk: (only.pk, 1)}, {}] * 2
    reasons = ReviewDecision.objects.order_by("pk").values_list("reason", flat=True)
    assert list(reasons) == ["Vez 1.", "Vez 2.", "Vez 3.", "Vez 4."]


def test_when_the_best_is_rejected_after_all_the_next_one_stands() -> None:
    phase = a_phase()
    participation = a_participation(phase)
    usual = record(phase, participation, "50")
    better = record(phase, participation, "90", flags=FLAGS)
    decide(better, ACCEPTED)
    assert stands(phase) == {participation.pk: (better.pk, 2)}
    decide(better, REJECTED)
    assert stands(phase) == {participation.pk: (usual.pk, 1)}


def test_standings_made_anew_are_the_same() -> None:
    phase = a_phase()
    for verdict in (ACCEPTED, REJECTED, None):
        participation = a_participation(phase)
        record(phase, participation, "50")
        held = record(phase, participation, "90", flags=FLAGS)
        if verdict:
            decide(held, verdict)
    before = stands(phase)
    assert standings.rebuild(phase) == 0
    assert stands(phase) == before


@pytest.mark.parametrize("reason", ["", "   ", "\n\t"])
def test_a_decision_without_a_reason_is_refused(reason: str) -> None:
    phase = a_phase()
    score = record(phase, a_participation(phase), "90", flags=FLAGS)
    with pytest.raises(DecisionRefused) as refused:
        decide(score, ACCEPTED, why=reason)
    assert refused.value.code == "reason_missing"
    assert stands(phase) == {}
    assert not ReviewDecision.objects.exists()


def test_a_reason_has_a_length_that_is_stored_whole() -> None:
    phase = a_phase()
    score = record(phase, a_participation(phase), "90", flags=FLAGS)
    with pytest.raises(DecisionRefused) as refused:
        decide(score, ACCEPTED, why="ñ" * 301)
    assert refused.value.code == "reason_too_long"
    assert decide(score, ACCEPTED, why="ñ" * 300).reason == "ñ" * 300


@pytest.mark.parametrize("codename", ["export_ranking", "view_review", "change_evaluation"])
def test_neither_judges_nor_viewers_decide(codename: str) -> None:
    phase = a_phase()
    score = record(phase, a_participation(phase), "90", flags=FLAGS)
    person = a_person()
    person.user_permissions.add(Permission.objects.get(codename=codename))
    with pytest.raises(DecisionRefused) as refused:
        decide(score, ACCEPTED, Person.objects.get(pk=person.pk))
    assert refused.value.code == "not_allowed"
    assert stands(phase) == {}


def test_nobody_decides_about_their_own_score() -> None:
    phase = a_phase()
    organizer = an_organizer()
    score = record(phase, a_participation(phase, person=organizer), "90", flags=FLAGS)
    with pytest.raises(DecisionRefused) as refused:
        decide(score, ACCEPTED, organizer)
    assert refused.value.code == "own_score"


def test_the_very_same_decision_again_writes_nothing() -> None:
    phase = a_phase()
    score = record(phase, a_participation(phase), "90", flags=FLAGS)
    organizer = an_organizer()
    first, second = (decide(score, ACCEPTED, organizer, "Visto.") for _time in range(2))
    assert first == second
    assert (ReviewDecision.objects.count(), version(phase)) == (1, 2)


def test_a_decision_that_cannot_be_carried_out_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    phase = a_phase()
    score = record(phase, a_participation(phase), "90", flags=FLAGS)

    def fails(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("the database went away")

    monkeypatch.setattr(standings, "renew_place", fails)
    with pytest.raises(RuntimeError):
        decide(score, ACCEPTED)
    assert not ReviewDecision.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_decision_is_announced_once_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    phase = a_phase()
    score = record(phase, a_participation(phase), "90", flags=FLAGS)
    heard: list[tuple[int, int]] = []
    monkeypatch.setattr(
        announce, "publish", lambda phase_id: heard.append((phase_id, len(board.build(phase).rows)))
    )
    decide(score, ACCEPTED)
    decide(score, REJECTED)
    assert heard == [(phase.pk, 1), (phase.pk, 0)]


@pytest.mark.django_db(transaction=True)
def test_two_organizers_at_once_leave_the_board_as_the_last_of_them_says() -> None:
    phase = a_phase()
    participation = a_participation(phase)
    score = record(phase, participation, "90", flags=FLAGS)
    one, other = an_organizer(), an_organizer()
    written = in_parallel(lambda: decide(score, ACCEPTED, one), lambda: decide(score, REJECTED, other))
    assert errors_in(written) == []
    last = ReviewDecision.objects.order_by("-pk")[0]
    assert ReviewDecision.objects.count() == 2
    assert stands(phase) == ({participation.pk: (score.pk, 1)} if last.verdict == ACCEPTED else {})
    assert version(phase) == 3
    assert rules_broken() == set()


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_a_decision_looks_at_the_board_only_once_nobody_else_is_changing_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    phase = a_phase()
    score = record(phase, a_participation(phase), "90", flags=FLAGS)
    organizer = an_organizer()
    looked: list[Any] = []
    monkeypatch.setattr(standings, "renew_place", lambda *args, **kwargs: looked.append(args))

    def impatient() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '200ms'")
        decide(score, ACCEPTED, organizer)

    with transaction.atomic():
        standings.lock_board(phase)
        (refused,) = errors_in(in_parallel(impatient))
    assert isinstance(refused, OperationalError)
    assert looked == []
    assert not ReviewDecision.objects.exists()


# --- a frozen board -----------------------------------------------------------------------------------------


def moved(row: models.Model, **columns: Any) -> None:
    """To another moment: evidence refuses to be changed, and the clock cannot be."""
    models.QuerySet(type(row)).filter(pk=row.pk).update(**columns)


def test_a_frozen_board_shows_what_had_been_decided_at_the_freeze() -> None:
    now = dispatch.now()
    phase = a_phase(opens_at=now - timedelta(days=1))
    ana, luis, eva = (a_participation(phase) for _ in range(3))
    before, late, wrong = (
        record(phase, each, value, flags=FLAGS) for each, value in ((ana, "50"), (luis, "60"), (eva, "70"))
    )
    for score in (before, late, wrong):
        moved(score, created_at=now - timedelta(hours=3))
    for score in (before, wrong):
        moved(decide(score, ACCEPTED), decided_at=now - timedelta(hours=2))
    then = board.build(phase)
    phase.freeze_at = now - timedelta(hours=1)
    phase.save()

    decide(late, ACCEPTED)
    decide(wrong, REJECTED)
    frozen, judges = board.build(phase), board.build(phase, restricted=True)
    assert (frozen.rows, frozen.version) == (then.rows, then.version)
    assert [row["score"] for row in frozen.rows] == ["70.0000", "50.0000"]
    assert [row["score"] for row in judges.rows] == ["60.0000", "50.0000"]
    decide(late, REJECTED, why="Mirado otra vez.")
    assert board.build(phase).body == frozen.body, "nobody learns that something is decided behind the freeze"
    phase.freeze_at = None
    assert [row["score"] for row in board.build(phase).rows] == ["50.0000"]


def test_what_is_held_behind_a_freeze_does_not_move_the_public_version() -> None:
    now = dispatch.now()
    phase = a_phase(opens_at=now - timedelta(days=1), freeze_at=now - timedelta(hours=1))
    empty = board.build(phase)
    score = record(phase, a_participation(phase), "90", flags=FLAGS)
    assert board.build(phase).version == empty.version
    decide(score, ACCEPTED)
    assert (board.build(phase).version, board.build(phase).rows) == (empty.version, [])


def test_a_frozen_board_with_reviews_takes_one_query() -> None:
    now = dispatch.now()
    made = a_phase(opens_at=now - timedelta(days=1), freeze_at=now - timedelta(hours=1))
    for value in ("50", "60", "70"):
        score = record(made, a_participation(made), value, flags=FLAGS)
        moved(score, created_at=now - timedelta(hours=2))
        moved(decide(score, ACCEPTED), decided_at=now - timedelta(hours=2))
    phase = Phase.objects.select_related("challenge").get(pk=made.pk)
    with CaptureQueriesContext(connection) as queries:
        assert len(board.build(phase, at=now).rows) == 3
    assert len(queries) == 1


# --- what the author is told --------------------------------------------------------------------------------


def page_of(score: Score) -> str:
    client = Client()
    client.force_login(score.participation.person)
    answer = client.get(f"/envios/{score.evaluation.submission_id}/")
    assert answer.status_code == 200
    return " ".join(read(answer.content).text.split())


def api_of(score: Score) -> Any:
    client = Client()
    client.force_login(score.participation.person)
    answer = client.get(f"/api/v1/submissions/{score.evaluation.submission_id}/")
    assert answer.status_code == 200
    return answer.json()


def a_held_score(phase: Phase | None = None, **fields: Any) -> Score:
    score = a_score(phase, **fields)
    Review.objects.create(score=score, flags=sorted(FLAGS))
    Leaderboard.objects.get_or_create(phase=score.phase)
    return score


WHY = ("Las repeticiones se alejan unas de otras.", "La cifra se aleja de la del segundo testigo.")


def test_the_author_reads_that_it_is_held_why_and_all_its_figures() -> None:
    score = a_held_score(value="71.2345")
    text, told = page_of(score), api_of(score)
    assert "En revisión: todavía no cuenta." in text
    assert all(words in text for words in WHY)
    assert "71,23" in text
    assert "123,5 J" in text
    assert "Tu puesto" not in text
    assert told["review"]["state"] == "pending"
    assert told["review"]["state_text"] == "en revisión"
    assert told["review"]["counts"] is False
    assert told["review"]["flags"] == sorted(FLAGS)
    assert sorted(told["review"]["reasons"]) == sorted(WHY)
    assert told["review"]["since"]
    assert told["review"]["decided_at"] is None
    assert (told["score"]["value"], told["score"]["energy_mj"]) == ("71.2345", 123_456)


@pytest.mark.parametrize(
    ("verdict", "words", "counts"),
    [(ACCEPTED, "Revisada: cuenta.", True), (REJECTED, "Revisada: no cuenta.", False)],
)
def test_the_author_reads_what_was_decided_and_why_and_not_by_whom(
    verdict: Verdict, words: str, counts: bool
) -> None:
    score = a_held_score()
    organizer = an_organizer("organizadora@example.org")
    decide(score, verdict, organizer, "El testigo <b>midió</b> otra tarjeta.")
    text, told = page_of(score), api_of(score)
    assert words in text
    assert "Motivo de la organización: «El testigo <b>midió</b> otra tarjeta.»" in text
    assert ("Tu puesto" in text) is counts
    assert "organizadora" not in text + str(told)
    assert organizer.board_name not in text + str(told)
    assert (told["review"]["state"], told["review"]["counts"]) == (verdict.value, counts)
    assert told["review"]["decision_reason"] == "El testigo <b>midió</b> otra tarjeta."
    assert told["review"]["decided_at"]


@pytest.mark.parametrize(("verdict", "is_told"), [(None, True), (REJECTED, True), (ACCEPTED, False)])
def test_the_list_of_ones_own_tells_which_do_not_count(verdict: Verdict | None, is_told: bool) -> None:
    score = a_held_score()
    if verdict is not None:
        decide(score, verdict)
    client = Client()
    client.force_login(score.participation.person)
    listed = client.get("/envios/").content.decode()
    assert ("no cuenta en la clasificación" in listed) is is_told


def test_a_score_that_was_never_held_says_nothing_of_reviews() -> None:
    score = a_score()
    assert "revisión" not in page_of(score).lower()
    assert api_of(score)["review"] is None


def test_a_score_that_is_accepted_behind_a_freeze_waits_for_its_end_and_a_rejected_one_does_not() -> None:
    now = dispatch.now()
    score = a_held_score(a_phase(opens_at=now - timedelta(days=1), freeze_at=now - timedelta(hours=1)))
    moved(score, created_at=now - timedelta(hours=2))
    waits = "se verá en ella cuando la organización la descongele"
    assert waits not in page_of(score)
    decide(score, ACCEPTED)
    assert waits in page_of(score)
    decide(score, REJECTED)
    assert waits not in page_of(score)


def test_a_frozen_board_that_still_shows_a_rejected_score_is_explained() -> None:
    now = dispatch.now()
    score = a_held_score(a_phase(opens_at=now - timedelta(days=1), freeze_at=now - timedelta(hours=1)))
    moved(score, created_at=now - timedelta(hours=3))
    moved(decide(score, ACCEPTED), decided_at=now - timedelta(hours=2))
    explained = "La clasificación congelada la muestra todavía"
    assert explained not in page_of(score)
    decide(score, REJECTED)
    assert explained in page_of(score)


# --- the ranking's file -------------------------------------------------------------------------------------


def rows_of(phase: Phase) -> list[dict[str, str]]:
    body = exports.ranking_file(phase).body.decode()
    return list(csv.DictReader(io.StringIO(body, newline="")))


def test_the_file_tells_who_was_kept_out_by_whom_and_why() -> None:
    phase = a_phase()
    organizer = an_organizer("organizadora@example.org")
    names = ("Ana", "Berta", "Carla", "Diana")
    people = {name: a_participation(phase, person=a_person(board_name=name)) for name in names}
    record(phase, people["Ana"], "50")
    scores = {
        name: record(phase, people[name], value, flags=FLAGS)
        for name, value in (("Berta", "60"), ("Carla", "70"), ("Diana", "80"))
    }
    decide(scores["Berta"], ACCEPTED, organizer, "Todo en orden.")
    decide(scores["Carla"], REJECTED, organizer, "=HYPERLINK(1)")
    told = [
        (row["puesto"], row["nombre"], row["puntuación"], row["revisión"], row["decidida_por"], row["motivo"])
        for row in rows_of(phase)
    ]
    assert told == [
        ("1", "Berta", "60.0000", "cuenta", "organizadora@example.org", "Todo en orden."),
        ("2", "Ana", "50.0000", "", "", ""),
        ("", "Carla", "70.0000", "no cuenta", "organizadora@example.org", "'=HYPERLINK(1)"),
        ("", "Diana", "80.0000", "en revisión", "", ""),
    ]
    by_name = {row["nombre"]: row for row in rows_of(phase)}
    assert by_name["Diana"]["avisos"] == "unlike-repetitions unlike-witness"
    assert by_name["Carla"]["decidida_el"].endswith("Z")
    assert by_name["Carla"]["participación"] == str(people["Carla"].public_id)
    assert exports.ranking_file(phase).rows == 4


def test_the_same_version_gives_the_same_file_and_each_decision_another() -> None:
    phase = a_phase()
    score = record(phase, a_participation(phase), "60", flags=FLAGS)
    files = [exports.ranking_file(phase), exports.ranking_file(phase)]
    for number, verdict in enumerate((ACCEPTED, REJECTED), start=1):
        decide(score, verdict, why=f"Vez {number}.")
        files.append(exports.ranking_file(phase))
    assert files[0] == files[1]
    assert [file.board_version for file in files] == [1, 1, 2, 3]
    assert len({file.sha256 for file in files}) == 3


def test_a_file_takes_the_same_queries_however_many_are_held() -> None:
    phase = Phase.objects.select_related("challenge").get(pk=a_phase().pk)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            exports.ranking_file(phase)
        return len(captured)

    def one_of_each() -> None:
        for verdict in (ACCEPTED, REJECTED):
            decide(record(phase, a_participation(phase), "60", flags=FLAGS), verdict)

    one_of_each()
    few = queries()
    for _ in range(3):
        one_of_each()
    assert queries() == few


# --- invariants ---------------------------------------------------------------------------------------------


def test_a_standing_of_a_score_that_is_kept_out_is_damage() -> None:
    phase = a_phase()
    score = record(phase, a_participation(phase), "90", flags=FLAGS)
    for decided in ((), (REJECTED,)):
        for verdict in decided:
            decide(score, verdict)
        Standing.objects.create(
            phase=phase, participation=score.participation, score=score, updated_at=score.created_at
        )
        assert [each.row for each in broken(["review-standing"])] == [
            f"participation {score.participation_id} in phase {phase.pk}"
        ]
        Standing.objects.all().delete()
    decide(score, ACCEPTED)
    assert rules_broken() == set()


def flagged(score: Score, *flags: str, **columns: Any) -> None:
    models.QuerySet(Measurement).filter(evaluation=score.evaluation_id).update(flags=list(flags), **columns)


def test_a_flagged_score_without_a_review_is_damage_once_the_phase_has_reviews() -> None:
    phase = a_phase()
    score = a_score(phase)
    flagged(score, Flag.SHORTENED_PROTOCOL.value)
    assert list(broken(["review-flags"])) == []
    flagged(score, Flag.SHORTENED_PROTOCOL.value, Flag.UNLIKE_WITNESS.value)
    (doubtful,) = broken(["review-flags"])
    assert doubtful.row == f"score {score.pk}"
    assert "unlike-witness" in doubtful.what
    assert "shortened" not in doubtful.what
    assert not doubtful.is_certain, "it may be from before there were reviews"
    a_held_score(phase)
    (certain,) = broken(["review-flags"])
    assert certain.is_certain
    Review.objects.create(score=score, flags=[Flag.UNLIKE_WITNESS.value])
    assert list(broken(["review-flags"])) == []


def test_flags_of_a_window_that_does_not_count_hold_nothing() -> None:
    score = a_score()
    Evaluation.objects.filter(pk=score.evaluation_id).update(repetition=3, series=2)
    flagged(score, Flag.UNLIKE_WITNESS.value, repetition=1)
    assert list(broken(["review-flags"])) == []
    flagged(score, Flag.UNLIKE_WITNESS.value, repetition=2)
    assert len(list(broken(["review-flags"]))) == 1
    flagged(score, Flag.UNLIKE_WITNESS.value, repetition=3, is_ranked=False)
    assert list(broken(["review-flags"])) == []


def test_a_board_that_stood_still_through_a_decision_is_damage() -> None:
    phase = a_phase()
    decide(record(phase, a_participation(phase), "90", flags=FLAGS), ACCEPTED)
    Leaderboard.objects.update(version=1)
    assert rules_broken() == {"board"}


# --- what is read -------------------------------------------------------------------------------------------


def test_scores_in_force_are_found_by_the_index_of_the_reviews() -> None:
    phase = a_phase()
    for _ in range(3):
        a_held_score(phase)
    sql, parameters = scores_in_force(phase).query.sql_with_params()
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute(f"EXPLAIN {sql}", parameters)
        else:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)
        plan = "\n".join(str(row[-1]) for row in cursor.fetchall())
    assert "SCAN U0" not in plan
    assert "score_id" in plan


# --- what an organizer looks at -----------------------------------------------------------------------------


def test_the_evidence_shows_each_repetition_that_counts_and_which_one_stands_out() -> None:
    score = a_held_score(energy_mj=100_000)
    Evaluation.objects.filter(pk=score.evaluation_id).update(repetition=6, series=2)
    models.QuerySet(Measurement).filter(evaluation=score.evaluation_id).update(repetition=1)
    for repetition, energy_mj in enumerate((100_000, 100_100, 99_900, 100_000, 150_000), start=2):
        Measurement.objects.create(
            evaluation=score.evaluation,
            repetition=repetition,
            energy_mj=energy_mj,
            witness_mj=900_000,
            evidence={"witness": {"gpu_mj": 80_000, "cpu_mj": 700_000}},
            seconds=Decimal(30),
            evidence_grade="A",
            source="contador",
        )
    shown = reviewing.evidence(Score.objects.get(pk=score.pk)).windows
    assert [window.repetition for window in shown] == [2, 3, 4, 5, 6]
    assert [window.stands_out for window in shown] == [False, False, False, False, True]
    assert (shown[4].from_median, shown[0].from_witness) == (Decimal("0.5"), Decimal("0.25"))
    assert shown[0].witness_mj == 80_000, "the part that looked at the same hardware"


def test_the_evidence_holds_the_figure_against_the_calibrated_model(tmp_path: Path, settings: Any) -> None:
    phase = a_phase(concurrency=a_calibration().subject.in_flight)
    score = a_held_score(phase)
    assert reviewing.evidence(score).expected is None
    for case in phase.ranked_suite.cases.all():
        a_run(score.evaluation, case, prompt_tokens=400, completion_tokens=100)
    file = tmp_path / "modelo.json"
    file.write_text(dump(a_calibration()))
    settings.TOKEN_MODEL = str(file)
    expected = reviewing.evidence(score).expected
    assert expected is not None
    assert expected.low_mj <= expected.energy_mj <= expected.high_mj
    assert expected.energy_mj > 0
