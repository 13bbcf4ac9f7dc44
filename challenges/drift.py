"""How much the reference workload drew beside its day's baseline: by day and device, in exact per cent.

Pages, API and admin ask it, so that all of them tell the same figure. Only runs of the same work on the same
device are held against one another. A day is one of the house's time zone, as a device serves several phases.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from typing import Any

from django.db.models import Count, QuerySet
from django.db.models.functions import TruncDate
from django.utils import timezone

from challenges.models import Person, ReferenceBaseline, ReferenceRun
from scoring.energy.drift import drift_of, energy_of_a_pass

# With another of these, a pass is other work, and its energy says nothing about the device.
WORK = ("device", "workload", "model", "model_revision", "concurrency")
DAYS_SHOWN = 30

_Group = tuple[date, tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A run beside the baseline of its day. ``percent`` is above 0 where the run drew more than it.

    None for a baseline that drew nothing at all.
    """

    run: ReferenceRun
    baseline: ReferenceRun
    percent: Fraction | None

    @property
    def is_baseline(self) -> bool:
        return self.run.pk == self.baseline.pk

    @property
    def pass_mj(self) -> int:
        """What a pass of the run drew, rounded."""
        return round(energy_of_a_pass(self.run))

    @property
    def idle_mw(self) -> int | None:
        return idle_mw(self.run)


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A day on which a device was measured, and how many runs there are of it."""

    date: date
    device: str
    runs: int


def percent(run: ReferenceRun, base: ReferenceRun) -> Fraction | None:
    """By how much a pass of ``run`` drew more than one of ``base``, in per cent of it."""
    if base.energy_mj == 0:
        return None
    return 100 * drift_of(run, base)


def idle_mw(run: ReferenceRun) -> int | None:
    """What the device drew while nobody asked anything, right before the run."""
    if run.idle_mj is None or run.idle_seconds is None:
        return None
    return round(Fraction(run.idle_mj) / Fraction(run.idle_seconds))


def day_of(at: datetime) -> date:
    return at.astimezone(timezone.get_default_timezone()).date()


def as_it_was(runs: Iterable[ReferenceRun]) -> list[Drift]:
    """Each run beside the baseline that held when it was measured: that is what it was judged by.

    The last one chosen until then for its day, else the day's first run. Two queries for each day and kind of
    work among them.
    """
    listed = list(runs)
    groups: dict[_Group, list[ReferenceRun]] = defaultdict(list)
    for run in listed:
        groups[day_of(run.created_at), _work(run)].append(run)
    bases = {run.pk: base for alike in groups.values() for run, base in _bases(alike)}
    return [_drift(run, bases[run.pk]) for run in listed]


def baseline_for(run: ReferenceRun, *, at: datetime) -> ReferenceRun | None:
    """What a run that is not stored yet is held against at that moment; None for the first of its day."""
    day, work = day_of(at), _fields(run)
    chosen = _choices(day, **work).last()
    return chosen.run if chosen else _of_day(day).filter(**work).order_by("created_at", "pk").first()


def of_series(runs: Sequence[ReferenceRun]) -> list[Drift]:
    """The runs of one series, in their order, beside the baseline that held when the first was measured.

    It is one for the whole series, whatever an organizer chooses while it runs: that is what it was judged
    by.
    """
    if not runs:
        return []
    base = as_it_was(runs[:1])[0].baseline
    return [_drift(run, base) for run in runs]


def of_day(day: date, device: str) -> list[Drift]:
    """All runs of a device on a day, in their order, beside the baseline that holds for the day by now."""
    runs = list(_of_day(day).filter(device=device).order_by("created_at", "pk"))
    bases: dict[tuple[Any, ...], ReferenceRun] = {}
    for run in runs:
        bases.setdefault(_work(run), run)
    for choice in _choices(day, device=device):
        bases[_work(choice.run)] = choice.run
    return [_drift(run, bases[_work(run)]) for run in runs]


def days(device: str = "") -> list[Day]:
    """The last days on which anything was measured, the newest first; of one device, or of all."""
    runs = ReferenceRun.objects.filter(device=device) if device else ReferenceRun.objects.all()
    zone = timezone.get_default_timezone()
    counted = (
        runs.annotate(day=TruncDate("created_at", tzinfo=zone))
        .values("day", "device")
        .annotate(runs=Count("pk"))
        .order_by("-day", "device")
    )
    return [Day(date=row["day"], device=row["device"], runs=row["runs"]) for row in counted[:DAYS_SHOWN]]


def choose_baseline(run: ReferenceRun, *, person: Person, reason: str) -> ReferenceBaseline:
    """Hold the runs of this one's day and work against it from now on. What was judged before stays so."""
    return ReferenceBaseline.objects.create(run=run, person=person, reason=reason)


def _bases(alike: Sequence[ReferenceRun]) -> list[tuple[ReferenceRun, ReferenceRun]]:
    """``alike`` are of one day and one kind of work."""
    day, work = day_of(alike[0].created_at), _fields(alike[0])
    first = _of_day(day).filter(**work).order_by("created_at", "pk")[0]
    choices = list(_choices(day, **work))
    return [
        (
            run,
            next(
                (choice.run for choice in reversed(choices) if choice.chosen_at <= run.created_at),
                first,
            ),
        )
        for run in alike
    ]


def _choices(day: date, **work: Any) -> QuerySet[ReferenceBaseline]:
    """In the order in which they were chosen: the last one holds."""
    of_work = {f"run__{name}": value for name, value in work.items()}
    begins, ends = _bounds(day)
    return (
        ReferenceBaseline.objects.filter(run__created_at__gte=begins, run__created_at__lt=ends, **of_work)
        .select_related("run")
        .order_by("chosen_at", "pk")
    )


def _of_day(day: date) -> QuerySet[ReferenceRun]:
    begins, ends = _bounds(day)
    return ReferenceRun.objects.filter(created_at__gte=begins, created_at__lt=ends)


def _bounds(day: date) -> tuple[datetime, datetime]:
    """Midnight to midnight: 23 or 25 hours where the clocks change."""
    zone = timezone.get_default_timezone()
    begins = datetime.combine(day, time.min, tzinfo=zone)
    return begins, datetime.combine(day + timedelta(days=1), time.min, tzinfo=zone)


def _work(run: ReferenceRun) -> tuple[Any, ...]:
    return tuple(getattr(run, name) for name in WORK)


def _fields(run: ReferenceRun) -> dict[str, Any]:
    return dict(zip(WORK, _work(run), strict=True))


def _drift(run: ReferenceRun, baseline: ReferenceRun) -> Drift:
    return Drift(run=run, baseline=baseline, percent=percent(run, baseline))
