"""The protocol around the windows of a figure: reference workload, repetitions until they are enough, again.

``judging`` calls ``measure`` and hands it what one repetition is. All that was measured is a row, so that
another worker goes on from there: it runs the reference workload again first. What may not be counted
together begins a new series, which ``Evaluation.series`` names. A figure that is worked out from tokens
follows the same protocol with numbers of its own: it needs no lease of a device, no warm-up and no idle time.

docs/energy.md tells the protocol; the figures of it are settings, and are stored with the first window.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from challenges import backend, dispatch, drift, energy_window, figure, lease, sealing
from challenges.lease import Lease
from challenges.models import Evaluation, Measurement, Phase, ReferenceRun, Run
from scoring.energy import reference
from scoring.energy.drift import drift_of
from scoring.energy.flags import Flag
from scoring.energy.window import EnergySource
from scoring.errors import MeasurementVoid, SpecError
from scoring.inference.openai import OpenAIBackend
from scoring.record.sealed import MAX_REPETITIONS
from scoring.values import Measurement as Measured
from scoring.values import TokenUse

logger = logging.getLogger(__name__)

BEFORE, AFTER = ReferenceRun.Place.BEFORE, ReferenceRun.Place.AFTER


class SeriesVoid(MeasurementVoid):
    """Nothing of the series can be counted: the next one begins with its first repetition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """What a series must hold. ``reference_s`` and ``idle_s`` 0 leave those out."""

    repetitions: int
    window_s: Decimal
    reference_s: float
    idle_s: float
    tolerance_percent: Decimal
    workload: str

    @property
    def asks_for_more_than_one_run(self) -> bool:
        """False for what was no protocol at all: then nothing is told of one."""
        return bool(self.repetitions > 1 or self.window_s or self.reference_s or self.idle_s)

    def is_enough(self, windows: Sequence[Measurement]) -> bool:
        return len(windows) >= self.repetitions and sum(each.seconds for each in windows) >= self.window_s

    def as_json(self) -> dict[str, Any]:
        """As the first window of a series keeps it: a setting that changes later changes no record."""
        return {
            "repetitions": self.repetitions,
            "window_seconds": f"{self.window_s:.3f}",
            "reference_seconds": self.reference_s,
            "idle_seconds": self.idle_s,
            "tolerance_percent": f"{self.tolerance_percent:.3f}",
            "workload": self.workload,
        }

    @classmethod
    def of_settings(cls, *, is_counted: bool) -> Protocol:
        if not is_counted:
            return cls(
                repetitions=settings.ESTIMATE_REPETITIONS,
                window_s=Decimal("0.000"),
                reference_s=settings.ESTIMATE_REFERENCE_SECONDS,
                idle_s=0.0,
                tolerance_percent=Decimal(f"{settings.REFERENCE_TOLERANCE_PERCENT:.3f}"),
                workload=reference.BRIEF.name if settings.ESTIMATE_REFERENCE_SECONDS else "",
            )
        return cls(
            repetitions=settings.MEASUREMENT_REPETITIONS,
            window_s=Decimal(f"{settings.METER_WINDOW_SECONDS:.3f}"),
            reference_s=settings.REFERENCE_SECONDS,
            idle_s=settings.IDLE_SECONDS,
            tolerance_percent=Decimal(f"{settings.REFERENCE_TOLERANCE_PERCENT:.3f}"),
            workload=reference.MEASURED.name if settings.REFERENCE_SECONDS else "",
        )

    @classmethod
    def of_json(cls, told: Mapping[str, Any]) -> Protocol:
        return cls(
            repetitions=told["repetitions"],
            window_s=Decimal(told["window_seconds"]),
            reference_s=told["reference_seconds"],
            idle_s=told["idle_seconds"],
            tolerance_percent=Decimal(told["tolerance_percent"]),
            workload=told["workload"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Whose windows they are: the evaluation under its lease, from its repetition ``first`` on."""

    held: Lease
    phase: Phase
    source: EnergySource
    first: int

    @property
    def is_counted(self) -> bool:
        """Whether a counter tells it. What tokens tell can be gone on with in the middle of a repetition."""
        return not self.source.resumable


def protocol_of(counted: Sequence[Measurement], *, is_counted: bool) -> Protocol:
    """The one that its first window was measured under; the settings' while there is none."""
    told = counted[0].evidence.get("protocol") if counted else None
    return Protocol.of_json(told) if told else Protocol.of_settings(is_counted=is_counted)


def is_whole(evaluation: Evaluation, counted: Sequence[Measurement], *, is_counted: bool) -> bool:
    """Whether a series with these windows needs nothing more."""
    protocol = protocol_of(counted, is_counted=is_counted)
    if not protocol.is_enough(counted):
        return False
    return not protocol.reference_s or _references(evaluation.pk, evaluation.series, AFTER).exists()


async def measure(series: Series, repeat: Callable[[int, Mapping[str, Any]], Awaitable[None]]) -> None:
    """Bring the series to its end. ``repeat(number, evidence)`` runs and stores one repetition.

    Raises what ``repeat`` raises, ``SeriesVoid`` where the reference workload drifted, ``MeasurementVoid``
    where a window of it cannot be trusted, SpecError for a suite that is too short to be measured, LeaseLost
    and the faults of the backend.
    """
    counted = await sync_to_async(_counted)(series)
    protocol = protocol_of(counted, is_counted=series.is_counted)
    if protocol.reference_s:
        await _run_reference(series, protocol, BEFORE)
    while not protocol.is_enough(counted):
        _check_it_can_end(protocol, counted)
        number = await sync_to_async(_begin_next)(series, counted)
        # With the first that counts, for the others are told by it.
        is_told = not counted and protocol.asks_for_more_than_one_run
        told = {"protocol": await sync_to_async(_told)(series, protocol)} if is_told else {}
        await repeat(number, told)
        counted = await sync_to_async(_counted)(series)
    if protocol.reference_s:
        await _run_reference(series, protocol, AFTER)


def _counted(series: Series) -> list[Measurement]:
    return list(figure.windows_of(series.held.evaluation_id, series=series.first))


def _check_it_can_end(protocol: Protocol, counted: Sequence[Measurement]) -> None:
    if not counted:
        return
    took_s = sum(each.seconds for each in counted)
    if took_s * MAX_REPETITIONS < protocol.window_s * len(counted):
        fix = (
            f"La batería se responde en {took_s / len(counted):.3f} s: ni {MAX_REPETITIONS} repeticiones "
            f"suman {protocol.window_s:f} s de medida. Carga una batería más larga."
        )
        raise SpecError(field="ranked_suite", fix=fix)


def _begin_next(series: Series, counted: Sequence[Measurement]) -> int:
    """The number of the repetition to run, noted in the row before anything of it runs.

    A counter's that has begun and was not measured is never gone on with.
    """
    with transaction.atomic():
        lease.renew(series.held)
        row = Evaluation.objects.get(pk=series.held.evaluation_id)
        ranked = Run.objects.filter(evaluation=row, case__suite=series.phase.ranked_suite_id)
        begun = ranked.filter(repetition__gte=row.repetition).exists()
        is_measured = row.repetition in {each.repetition for each in counted}
        if not is_measured and not (begun and series.is_counted):
            return row.repetition
        number = row.repetition + 1
        lease.note(series.held, repetition=number)
        return number


def _told(series: Series, protocol: Protocol) -> dict[str, Any]:
    first = _references(series.held.evaluation_id, series.first, BEFORE).first()
    return {**protocol.as_json(), "baseline_run": _baseline_of(first).pk if first else None}


# --- the reference workload -------------------------------------------------------------------------------


def _references(evaluation_id: int, first: int, place: ReferenceRun.Place) -> QuerySet[ReferenceRun]:
    runs = ReferenceRun.objects.filter(evaluation=evaluation_id, series=first, place=place)
    return runs.order_by("pk")


async def _run_reference(series: Series, protocol: Protocol, place: ReferenceRun.Place) -> None:
    idle = None
    if place == BEFORE and series.is_counted:
        idle = await _idle(series, protocol)
        # The first work after a rest is paid for by nobody: clocks rise and caches fill.
        await _ask(series, protocol, at_least_s=0)
    work: list[reference.Work] = []

    async def run() -> Sequence[TokenUse]:
        work.append(await _ask(series, protocol, at_least_s=protocol.reference_s))
        return work[0].calls

    measured, _ = await energy_window.measured(series.held, series.source, run)
    await sync_to_async(_keep)(series, protocol, place, measured, work[0], idle)


async def _ask(series: Series, protocol: Protocol, *, at_least_s: float) -> reference.Work:
    return await reference.run_passes(
        reference.WORKLOADS[protocol.workload],
        backend_factory=lambda: OpenAIBackend(backend.settings_from_django()),
        concurrency=series.phase.concurrency,
        at_least_s=at_least_s,
        case_timeout_s=series.phase.case_timeout_s,
    )


async def _idle(series: Series, protocol: Protocol) -> Measured | None:
    """What the device draws while nobody asks it anything: shown, and never taken off a figure."""
    if not protocol.idle_s:
        return None

    async def rest() -> Sequence[TokenUse]:
        await asyncio.sleep(protocol.idle_s)
        return ()

    try:
        measured, _ = await energy_window.measured(series.held, series.source, rest)
    except MeasurementVoid as fault:
        logger.warning("evaluation %s: no idle power: %s", series.held.evaluation_id, fault)
        return None
    return measured


def _keep(
    series: Series,
    protocol: Protocol,
    place: ReferenceRun.Place,
    measured: Measured,
    work: reference.Work,
    idle: Measured | None,
) -> None:
    """Store the run, whatever it says. Raises ``SeriesVoid`` where it drifted, and LeaseLost."""
    row = Evaluation.objects.get(pk=series.held.evaluation_id)
    hardware = measured.evidence.get("hardware", {})
    run = ReferenceRun(
        evaluation=row,
        series=series.first,
        place=place,
        workload=protocol.workload,
        source=measured.source,
        device=hardware.get("uuid") or measured.source,
        evidence_grade=measured.grade.value,
        model=row.model,
        model_revision=row.model_revision,
        concurrency=series.phase.concurrency,
        passes=work.passes,
        prompt_tokens=work.prompt_tokens,
        completion_tokens=work.completion_tokens,
        energy_mj=measured.energy_mj,
        seconds=measured.seconds,
        idle_mj=idle.energy_mj if idle else None,
        idle_seconds=idle.seconds if idle else None,
        evidence=dict(measured.evidence),
    )
    sealing.keep_files(measured)
    with transaction.atomic():
        lease.renew(series.held)
        apart = _apart(run, protocol)
        run.flags = sorted({*measured.flags, *((Flag.REFERENCE_DRIFT,) if apart else ())})
        run.save()
    if apart:
        raise SeriesVoid(f"{apart} [{Flag.REFERENCE_DRIFT}]")


def _baseline_of(run: ReferenceRun) -> ReferenceRun:
    """The one that it was held against; itself, if it was its day's first."""
    return drift.as_it_was([run])[0].baseline


def _apart(run: ReferenceRun, protocol: Protocol) -> str:
    """What the run is too far from, in Spanish; "" for one that is steady."""
    earlier = list(_references(run.evaluation_id, run.series, BEFORE))
    # One for the whole series, whatever an organizer chooses while it runs.
    base = _baseline_of(earlier[0]) if earlier else drift.baseline_for(run, at=dispatch.now())
    beside = [(each, "la de antes") for each in earlier]
    if base is not None:
        beside.append((base, "la base del día"))
    for other, name in beside:
        percent = 100 * drift_of(run, other)
        # Exactly so far is still well.
        if abs(percent) > Fraction(protocol.tolerance_percent):
            return (
                f"La carga de referencia gastó un {float(percent):+.2f} % respecto a {name}; se admite un "
                f"{protocol.tolerance_percent:f} %: lo medido entre medias no vale."
            )
    return ""
