"""The reference workload beside its day's base: exact, of one day, one device and one kind of work."""

from __future__ import annotations

from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any

import pytest

from challenges import drift, energy_account
from challenges.models import Evaluation, ReferenceBaseline, ReferenceRun, State
from tests.factories import a_measured_score, a_person, a_reference_run, a_submission, a_window, an_evaluation

pytestmark = pytest.mark.django_db

# A day of winter: 0:00 in Madrid is 23:00 UTC of the day before.
DAY = date(2026, 1, 15)
GPU = "GPU-de-prueba"


@pytest.fixture
def evaluation(db: None) -> Evaluation:
    return an_evaluation(a_submission(state=None), state=State.SCORED)


def at(hour: int, minute: int = 0, *, day: int = 15, month: int = 1) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


def a_run(evaluation: Evaluation, moment: datetime, energy_mj: int = 1_000_000, **more: Any) -> ReferenceRun:
    return a_reference_run(evaluation, energy_mj=energy_mj, created_at=moment, **more)


def choose(run: ReferenceRun, moment: datetime) -> None:
    ReferenceBaseline.objects.create(run=run, person=a_person(), reason="Otro controlador", chosen_at=moment)


def percents(drifts: list[drift.Drift]) -> list[Fraction | None]:
    return [each.percent for each in drifts]


def test_it_is_of_a_pass_and_exact(evaluation: Evaluation) -> None:
    base = a_run(evaluation, at(9), 3_000_000, passes=3)
    run = a_run(evaluation, at(10), 7_000_001, passes=7)
    assert drift.percent(run, base) == Fraction(1, 70_000)
    assert drift.percent(base, run) < 0  # type: ignore[operator]


def test_a_base_that_drew_nothing_gives_no_per_cent(evaluation: Evaluation) -> None:
    assert drift.percent(a_run(evaluation, at(10)), a_run(evaluation, at(9), 0)) is None


def test_the_days_first_run_is_its_base(evaluation: Evaluation) -> None:
    a_run(evaluation, at(22, 59, day=14), 500_000)
    first = a_run(evaluation, at(23, 0, day=14))
    later = a_run(evaluation, at(22, 59), 1_010_000)
    a_run(evaluation, at(23, 0), 2_000_000)
    found = drift.of_day(DAY, GPU)
    assert [each.run for each in found] == [first, later]
    assert percents(found) == [0, 1]
    assert percents(drift.as_it_was([later, first])) == [1, 0]


@pytest.mark.parametrize(("month", "day", "hours"), [(3, 29, 23), (10, 25, 25)])
def test_a_day_on_which_the_clocks_change_has_its_own_hours(
    evaluation: Evaluation, month: int, day: int, hours: int
) -> None:
    begins = drift._bounds(date(2026, month, day))[0].astimezone(UTC)
    ends = drift._bounds(date(2026, month, day))[1].astimezone(UTC)
    assert (ends - begins).total_seconds() == hours * 3600


def test_other_work_and_other_devices_have_bases_of_their_own(evaluation: Evaluation) -> None:
    a_run(evaluation, at(8))
    others = [
        a_run(evaluation, at(9), 5_000_000, **{name: value})
        for name, value in {
            "device": "GPU-otra",
            "workload": "otra",
            "model": "otro",
            "model_revision": "otra",
            "concurrency": 8,
        }.items()
    ]
    assert percents(drift.as_it_was(others)) == [0] * 5


def test_a_chosen_base_holds_for_the_whole_days_plot(evaluation: Evaluation) -> None:
    a_run(evaluation, at(8))
    chosen = a_run(evaluation, at(9), 2_000_000)
    choose(chosen, at(10))
    a_run(evaluation, at(11), 2_020_000)
    assert percents(drift.of_day(DAY, GPU)) == [-50, 0, 1]


def test_a_run_is_told_beside_the_base_that_held_when_it_was_measured(evaluation: Evaluation) -> None:
    first = a_run(evaluation, at(8))
    second = a_run(evaluation, at(9), 1_010_000)
    choose(second, at(10))
    third = a_run(evaluation, at(11), 1_010_000)
    choose(first, at(12))
    fourth = a_run(evaluation, at(13), 1_010_000)
    found = drift.as_it_was([fourth, third, second, first])
    assert [each.baseline for each in found] == [first, second, first, first]
    assert percents(found) == [1, 0, 1, 0]


def test_a_series_has_one_base_whatever_is_chosen_while_it_runs(evaluation: Evaluation) -> None:
    first = a_run(evaluation, at(8))
    before, after = a_run(evaluation, at(9), 1_010_000), a_run(evaluation, at(11), 1_010_000, place="after")
    choose(before, at(10))
    assert [each.baseline for each in drift.of_series([before, after])] == [first, first]
    assert percents(drift.of_series([before, after])) == [1, 1]
    assert drift.of_series([]) == []


def test_a_choice_of_another_day_holds_for_that_day_alone(evaluation: Evaluation) -> None:
    yesterday = a_run(evaluation, at(9, day=14), 2_000_000)
    today = a_run(evaluation, at(9))
    choose(yesterday, at(10))
    later = a_run(evaluation, at(11))
    assert drift.as_it_was([later])[0].baseline == today


def test_choosing_keeps_who_and_why(evaluation: Evaluation) -> None:
    run, person = a_run(evaluation, at(9)), a_person()
    drift.choose_baseline(run, person=person, reason="Controlador nuevo")
    kept = ReferenceBaseline.objects.get()
    assert (kept.run, kept.person, kept.reason) == (run, person, "Controlador nuevo")


def test_the_days_are_listed_with_their_devices_the_newest_first(evaluation: Evaluation) -> None:
    for moment, device in (
        (at(23, 30, day=14), GPU),
        (at(9, day=14), GPU),
        (at(9), "GPU-otra"),
        (at(10), GPU),
    ):
        a_run(evaluation, moment, device=device)
    assert [(day.date.day, day.device, day.runs) for day in drift.days()] == [
        (15, GPU, 2),
        (15, "GPU-otra", 1),
        (14, GPU, 1),
    ]
    assert [day.device for day in drift.days("GPU-otra")] == ["GPU-otra"]


def test_what_is_drawn_at_rest_is_told_in_milliwatts(evaluation: Evaluation) -> None:
    assert drift.idle_mw(a_run(evaluation, at(9))) == 50_000
    assert drift.idle_mw(a_run(evaluation, at(9), idle_mj=None, idle_seconds=None)) is None


def test_a_figure_tells_the_runs_of_its_own_series(db: None) -> None:
    score = a_measured_score(windows=[a_window()] * 3)
    evaluation = score.evaluation
    for series, energy_mj in ((1, 900_000), (2, 1_000_000)):
        for place in ("before", "after"):
            a_run(evaluation, at(9 + series), energy_mj, place=place, series=series)
    Evaluation.objects.filter(pk=evaluation.pk).update(series=2)
    evaluation.refresh_from_db()
    account = energy_account.of(evaluation)
    assert account is not None
    assert account.reference is not None
    assert [each.run.series for each in account.reference.runs] == [2, 2]
    assert account.reference.between_percent == 0
    assert len(account.windows) == 2
