"""What is done after a commit may fail: what was committed stands, and its caller hears nothing of it."""

from __future__ import annotations

import logging

import pytest
from django.db import OperationalError, transaction

from challenges import dispatch, submission
from challenges.after_commit import after_commit
from challenges.models import Submission
from tests.factories import PROMPT, a_participation, a_phase

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_call_that_fails_is_logged_and_the_next_one_comes(caplog: pytest.LogCaptureFixture) -> None:
    called: list[str] = []

    def fail(why: str) -> None:
        raise OperationalError(why)

    with caplog.at_level(logging.ERROR), transaction.atomic():
        after_commit(fail, "the database is away")
        after_commit(called.append, "next")
        assert called == []
    assert called == ["next"]
    assert "the database is away" in caplog.text


def test_a_submission_is_accepted_though_nobody_could_be_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(evaluation_id: int) -> None:
        raise OperationalError("the connection is lost")

    monkeypatch.setattr(dispatch, "wake_workers", fail)
    phase = a_phase()
    stored = submission.submit(
        participation=a_participation(phase), phase=phase, content=PROMPT, idempotency_key="clave"
    )
    assert Submission.objects.get() == stored
