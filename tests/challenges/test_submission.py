"""Handing in: the order of refusals, one attempt per click, quotas by the local day."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from challenges import dispatch, submission
from challenges.errors import (
    IdempotencyConflict,
    InvalidContent,
    NotParticipating,
    PhaseClosed,
    QuotaExhausted,
)
from challenges.models import Evaluation, Participation, Phase, State, Submission
from challenges.submission import day_around
from tests.factories import PROMPT, a_participation, a_phase, a_submission, a_suite
from tests.in_parallel import errors_in, in_parallel

pytestmark = pytest.mark.django_db

UNREADABLE = {**PROMPT, "user": "{{pregnta}}", "sampling": {**PROMPT["sampling"], "temperature": 9}}


@pytest.fixture(autouse=True)
def no_broker(settings: Any, tmp_path: Path) -> Iterator[None]:
    """A socket that nobody listens on, whatever runs on this machine."""
    from celery import current_app

    settings.REDIS_URL = f"unix://{tmp_path}/nobody.sock"
    before = current_app.conf["broker_url"]
    current_app.conf.update(broker_url=f"redis+socket://{tmp_path}/nobody.sock")
    yield
    current_app.conf.update(broker_url=before)


def _submit(participation: Participation, phase: Phase, key: str = "k1", **content: Any) -> Submission:
    return submission.submit(
        participation=participation, phase=phase, content={**PROMPT, **content}, idempotency_key=key
    )


def test_a_submission_is_stored_canonical_with_an_evaluation_that_waits() -> None:
    phase = a_phase()
    participation = a_participation(phase)
    stored = submission.submit(
        participation=participation, phase=phase, content={"user": "{{ pregunta }}"}, idempotency_key="k1"
    )
    stored.refresh_from_db()
    assert stored.content == {
        "system": "",
        "user": "{{ pregunta }}",
        "sampling": {"temperature": 0.0, "top_p": 1.0, "max_output_tokens": 64, "stop": [], "seed": 0},
    }
    assert len(stored.content_sha256) == 64
    assert stored.evaluations.get().state == State.PENDING


def test_the_same_key_gives_the_same_submission_even_when_nothing_is_left() -> None:
    phase = a_phase(attempts_per_day=1)
    participation = a_participation(phase)
    first = _submit(participation, phase)
    Phase.objects.filter(pk=phase.pk).update(
        opens_at=timezone.now() - timedelta(days=2), closes_at=timezone.now() - timedelta(days=1)
    )
    phase.refresh_from_db()
    assert _submit(participation, phase) == first
    assert Submission.objects.count() == Evaluation.objects.count() == 1


@pytest.mark.parametrize("content", [{"user": "{{pregunta}} Piensa."}, UNREADABLE, {"sampling": "mal"}])
def test_the_same_key_for_something_else_is_a_conflict(content: dict[str, Any]) -> None:
    phase = a_phase()
    participation = a_participation(phase)
    _submit(participation, phase)
    with pytest.raises(IdempotencyConflict):
        _submit(participation, phase, **content)
    assert Submission.objects.count() == 1


def test_the_same_key_of_somebody_else_means_nothing() -> None:
    phase = a_phase()
    assert _submit(a_participation(phase), phase) != _submit(a_participation(phase), phase)


def test_every_mistake_is_told_at_once_and_nothing_is_spent() -> None:
    phase = a_phase()
    participation = a_participation(phase)
    with pytest.raises(InvalidContent) as refused:
        _submit(participation, phase, **UNREADABLE)
    assert {problem.field for problem in refused.value.problems} == {"user", "sampling.temperature"}
    assert submission.check(phase, UNREADABLE) == refused.value.problems
    assert submission.quota(participation, phase).used_phase == 0


def test_mistakes_are_told_before_the_closed_phase_and_the_quota() -> None:
    past = timezone.now() - timedelta(days=2)
    phase = a_phase(opens_at=past, closes_at=past + timedelta(days=1))
    participation = a_participation(phase)
    with pytest.raises(InvalidContent):
        _submit(participation, phase, **UNREADABLE)
    with pytest.raises(PhaseClosed) as over:
        _submit(participation, phase)
    assert (over.value.when, over.value.at) == ("over", phase.closes_at)


def test_a_phase_that_has_not_opened_says_when_it_does() -> None:
    opens_at = timezone.now() + timedelta(hours=1)
    phase = a_phase(opens_at=opens_at)
    with pytest.raises(PhaseClosed) as early:
        _submit(a_participation(phase), phase)
    assert (early.value.when, early.value.at) == ("not_yet", opens_at)


def test_somebody_of_another_challenge_does_not_take_part() -> None:
    with pytest.raises(NotParticipating):
        _submit(a_participation(), a_phase())


@pytest.mark.parametrize(
    ("key", "code"),
    [("", "required"), ("  ", "required"), ("k" * 81, "too_long"), ("a\x00b", "control_character")],
)
def test_a_key_that_cannot_be_stored_is_refused(key: str, code: str) -> None:
    phase = a_phase()
    with pytest.raises(InvalidContent) as refused:
        _submit(a_participation(phase), phase, key)
    assert [(problem.field, problem.code) for problem in refused.value.problems] == [
        ("idempotency_key", code)
    ]


def test_half_a_surrogate_pair_is_refused_and_not_an_error_of_ours() -> None:
    phase = a_phase()
    with pytest.raises(InvalidContent):
        _submit(a_participation(phase), phase, user="{{pregunta}} \ud800")


@pytest.mark.parametrize("content", [[], "texto", 7, None, {"user": ["{{pregunta}}"]}, {"otro": 1}])
def test_json_of_another_shape_is_refused(content: Any) -> None:
    phase = a_phase()
    with pytest.raises(InvalidContent):
        submission.submit(
            participation=a_participation(phase), phase=phase, content=content, idempotency_key="k1"
        )


def test_a_template_may_use_only_slots_that_all_suites_fill() -> None:
    slots = {"pregunta": "La pregunta.", "pista": "Solo en la privada."}
    phase = a_phase(ranked_suite=a_suite(slots=slots))
    assert list(submission.slots_of(phase)) == ["pregunta"]
    assert [problem.code for problem in submission.check(phase, {"user": "{{pista}}"})] == ["unknown_slot"]


def test_a_preview_shows_a_public_case_and_never_a_private_one() -> None:
    phase = a_phase()
    assert phase.feedback_suite is not None
    public, private = phase.feedback_suite.cases.first(), phase.ranked_suite.cases.first()
    assert public is not None
    assert private is not None
    solution = submission.read(phase, PROMPT)
    messages = submission.preview(solution, public)
    assert [message.role for message in messages] == ["system", "user"]
    assert messages[1].content == public.inputs["pregunta"]
    with pytest.raises(ValueError, match="private"):
        submission.preview(solution, private)
    with pytest.raises(InvalidContent):
        submission.read(phase, UNREADABLE)


def test_a_quota_counts_down_and_says_when_the_next_attempt_is() -> None:
    phase = a_phase(attempts_per_day=2, attempts_per_phase=3, closes_at=timezone.now() + timedelta(days=9))
    participation = a_participation(phase)
    assert submission.quota(participation, phase).next_attempt_at is None
    for key in ("k1", "k2"):
        _submit(participation, phase, key)
    tomorrow = day_around(dispatch.now(), phase.time_zone)[1]
    left = submission.quota(participation, phase)
    assert (left.used_today, left.left_today, left.used_phase, left.left_phase) == (2, 0, 2, 1)
    assert left.next_attempt_at == tomorrow
    with pytest.raises(QuotaExhausted) as day:
        _submit(participation, phase, "k3")
    assert (day.value.scope, day.value.limit, day.value.next_attempt_at) == ("day", 2, tomorrow)


def test_the_quota_of_the_phase_comes_back_never() -> None:
    phase = a_phase(attempts_per_phase=1)
    participation = a_participation(phase)
    _submit(participation, phase)
    with pytest.raises(QuotaExhausted) as used_up:
        _submit(participation, phase, "k2")
    assert (used_up.value.scope, used_up.value.next_attempt_at) == ("phase", None)


def test_no_next_attempt_is_promised_after_the_end_of_the_phase() -> None:
    phase = a_phase(attempts_per_day=1)
    participation = a_participation(phase)
    _submit(participation, phase)
    Phase.objects.filter(pk=phase.pk).update(closes_at=day_around(dispatch.now(), phase.time_zone)[1])
    phase.refresh_from_db()
    assert submission.quota(participation, phase).next_attempt_at is None


@pytest.mark.parametrize("state", [State.ERRORED, State.CANCELLED])
def test_our_faults_give_the_attempt_back(state: State) -> None:
    phase = a_phase(attempts_per_day=1)
    participation = a_participation(phase)
    a_submission(phase, participation=participation, state=state)
    assert submission.quota(participation, phase).left_today == 1


@pytest.mark.parametrize("state", sorted(set(State) - {State.ERRORED, State.CANCELLED}))
def test_every_other_end_counts(state: State) -> None:
    phase = a_phase(attempts_per_day=1)
    participation = a_participation(phase)
    a_submission(phase, participation=participation, state=state)
    assert submission.quota(participation, phase).left_today == 0


def test_other_phases_and_other_people_do_not_count() -> None:
    phase = a_phase(attempts_per_day=1)
    participation = a_participation(phase)
    a_submission(phase)
    a_submission(a_phase(phase.challenge), participation=participation)
    assert submission.quota(participation, phase).left_today == 1


@pytest.mark.parametrize(
    ("moment", "hours"),
    [("2027-03-28T12:00", 23), ("2027-10-31T12:00", 25), ("2027-07-01T12:00", 24)],
)
def test_a_day_is_the_local_one_also_when_the_clocks_change(moment: str, hours: int) -> None:
    start, end = day_around(datetime.fromisoformat(moment).replace(tzinfo=UTC), "Europe/Madrid")
    assert (start.hour, end.hour) == (0, 0)
    assert end.astimezone(UTC) - start.astimezone(UTC) == timedelta(hours=hours)


def test_the_attempts_of_a_summer_time_day_are_those_between_its_midnights() -> None:
    # 2027-03-28 in Madrid lasts from 23:00 UTC of the day before to 22:00 UTC.
    phase = a_phase(opens_at=datetime(2027, 3, 1, tzinfo=UTC), closes_at=datetime(2027, 4, 30, tzinfo=UTC))
    participation = a_participation(phase)
    for moment in (
        "2027-03-27T22:59:59",
        "2027-03-27T23:00:00",
        "2027-03-28T21:59:59",
        "2027-03-28T22:00:00",
    ):
        at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
        a_submission(phase, participation=participation, created_at=at)
    used = submission._quota(participation, phase, datetime(2027, 3, 28, 12, tzinfo=UTC))
    assert (used.used_today, used.used_phase) == (2, 4)


@pytest.mark.django_db(transaction=True)
def test_two_clicks_take_one_attempt() -> None:
    phase = a_phase(attempts_per_day=2)
    participation = a_participation(phase)
    results = in_parallel(*[lambda: _submit(participation, phase)] * 4)
    assert not errors_in(results)
    assert len({stored.pk for stored in results}) == 1
    assert submission.quota(participation, phase).left_today == 1


@pytest.mark.django_db(transaction=True)
def test_twenty_at_once_take_exactly_the_three_attempts_that_are_left() -> None:
    phase = a_phase(attempts_per_day=3)
    participation = a_participation(phase)

    def attempt(number: int) -> Callable[[], Submission]:
        return lambda: _submit(participation, phase, f"k{number}")

    results = in_parallel(*[attempt(number) for number in range(20)])
    refused = errors_in(results)
    assert all(isinstance(error, QuotaExhausted) for error in refused), refused
    assert len(refused) == 17
    assert Submission.objects.count() == Evaluation.objects.count() == 3


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("hangs", [False, True], ids=["dead", "hung"])
def test_without_a_broker_a_submission_stands(
    caplog: pytest.LogCaptureFixture, tmp_path: Path, hangs: bool
) -> None:
    phase = a_phase()
    participation = a_participation(phase)
    with socket.socket(socket.AF_UNIX) as listener:
        if hangs:
            # Accepts and never answers: without short timeouts and no retries this would wait for ever.
            listener.bind(str(tmp_path / "nobody.sock"))
            listener.listen()
        with caplog.at_level(logging.WARNING, logger="challenges.dispatch"):
            stored = _submit(participation, phase)
    evaluation = stored.evaluations.get()
    assert (evaluation.state, evaluation.rung_at) == (State.PENDING, None)
    assert "broker away" in caplog.text
