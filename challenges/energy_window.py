"""The energy of one suite of one evaluation: which source tells it, its second witness, and the stored row.

``judging`` and ``measured_series`` call it. A witness that fails costs a note, never a score.
"""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import transaction
from django.db.models import Max

from challenges import backend, calibrated, device_lease, lease, sealing
from challenges.engine_version import code_version
from challenges.lease import Lease
from challenges.models import Evaluation, Phase, State, StateChange
from challenges.models import Measurement as MeasurementRow
from scoring.energy import metered
from scoring.energy.flags import Flag
from scoring.energy.token_model import MODEL_GRADES
from scoring.energy.window import EnergySource, TokenModelSource, best_source
from scoring.energy.witness import Witness, WitnessReading
from scoring.errors import CalibrationUnavailable, CounterUnavailable, MeasurementVoid
from scoring.values import EvidenceGrade, Measurement, TokenUse

LONGEST_NOTE = 300
# The protocol of docs/energy.md: what is measured by less of it says so.
WHOLE_REPETITIONS = 5
WHOLE_WINDOW_S = 30
WHOLE_REFERENCE_S = 10
WHOLE_TOLERANCE_PERCENT = 2


def source_for(phase: Phase) -> EnergySource:
    """The source whose grade the phase ranks; else the best counter there is, unranked.

    The meter beside the model, where ``METER_URL`` names one. A counter of this machine says nothing about a
    model that runs on another. Raises CounterUnavailable, or CalibrationUnavailable, for a phase that is
    ranked by what is not there: then the evaluation waits, for an estimate would cost the contestant an
    attempt and rank nothing.
    """
    if phase.evidence_grade == EvidenceGrade.E:
        return TokenModelSource(reason="La fase se clasifica con la estimación a partir de los tokens.")
    if phase.evidence_grade == EvidenceGrade.D:
        return _calibrated()
    if settings.METER_URL:
        return metered.find_meter(
            settings.METER_URL,
            token=settings.METER_TOKEN,
            client=settings.WORKER_NAME or "desafio",
            device_uuid=settings.METER_DEVICE,
            shortest_s=settings.METER_SHORTEST_WINDOW_SECONDS,
        )
    if not backend.is_this_machine(settings.INFERENCE_URL):
        raise CounterUnavailable("El modelo está en otra máquina, y aquí no hay contador que la mida.")
    source = best_source()
    if source.grade in MODEL_GRADES:
        raise CounterUnavailable(source.reason)
    return source


def _calibrated() -> EnergySource:
    found = calibrated.current()
    if found is None:
        raise CalibrationUnavailable("No hay ningún modelo de tokens calibrado (TOKEN_MODEL).")
    return TokenModelSource(
        reason="La fase se clasifica con el modelo de tokens que se calibró aquí.",
        model=found.model,
        calibration_sha256=found.sha256,
    )


async def measured(
    held: Lease, source: EnergySource, work: Callable[[], Awaitable[Sequence[TokenUse]]]
) -> tuple[Measurement, WitnessReading | None]:
    """Do ``work`` inside a window; it tells the calls that the figure is of.

    Raises what ``work`` raises, CounterUnavailable, and MeasurementVoid where the figure cannot be trusted.
    """
    is_counted = not source.resumable
    last_step = await sync_to_async(_last_step)() if is_counted else 0
    # A meter is asked over the network: not from the loop that renews the lease.
    window = await asyncio.to_thread(source.open)
    await _witness_opens()
    calls = await work()
    figure = await asyncio.to_thread(window.close, calls)
    if is_counted:
        await sync_to_async(_check_it_was_alone)(held, last_step)
    return figure, await _witness_closes()


def _last_step() -> int:
    """The number of the last change of state of any evaluation."""
    return StateChange.objects.aggregate(last=Max("pk"))["last"] or 0


def _check_it_was_alone(held: Lease, after: int) -> None:
    """Raise MeasurementVoid where another evaluation asked the model since the step ``after``.

    A counter cannot tell whose work it counts: the energy of both would be in the figure of each. One whose
    first step was written before ``after`` and seen later is still running, or has a later step. Workers that
    have another device to themselves do not disturb this one.
    """
    elsewhere = device_lease.others_with_another_device(held.worker)
    steps = StateChange.objects.filter(pk__gt=after).exclude(evaluation=held.evaluation_id)
    steps = steps.exclude(who__in=elsewhere)
    began, ended = steps.filter(after=State.RUNNING), steps.filter(before=State.RUNNING)
    running = Evaluation.objects.filter(state=State.RUNNING).exclude(pk=held.evaluation_id)
    if (
        began.exists()
        or ended.exists()
        or running.exclude(worker__in=elsewhere).exists()
        or not device_lease.keeps(held.worker)
    ):
        raise MeasurementVoid(
            "Otra evaluación usó el modelo a la vez y el contador no las distingue: donde se mide, un solo "
            f"trabajador y una evaluación cada vez [{Flag.OTHER_PROCESS}]."
        )


async def _witness_opens() -> None:
    """Start the second witness on a window. It has its own process; this only waits for it to be told so."""
    if settings.WITNESS_ENABLED:
        await asyncio.to_thread(_witness().open)


async def _witness_closes() -> WitnessReading | None:
    return await asyncio.to_thread(_witness().close) if settings.WITNESS_ENABLED else None


def start_witness() -> None:
    """Start it ahead of the first evaluation, which would else wait for it to get ready."""
    if settings.WITNESS_ENABLED:
        _witness()


def stop_witness() -> None:
    """End the witness's process, if this worker ever started one."""
    if _witness.cache_info().currsize:
        _witness().stop()
        _witness.cache_clear()


def store(
    held: Lease,
    *,
    phase: Phase,
    repetition: int,
    is_ranked: bool,
    measured: Measurement,
    witness: WitnessReading | None,
    flags: Sequence[str] = (),
    evidence: Mapping[str, Any] = MappingProxyType({}),
) -> MeasurementRow:
    """Keep a closed window with what the witness saw of it; ``evidence`` is added to the window's own.

    Raises LeaseLost, and StoreError where the disk does not take what the window names: then no row was
    written.
    """
    sealing.keep_files(measured)
    with transaction.atomic():
        lease.renew(held)
        row, _ = MeasurementRow.objects.get_or_create(
            evaluation_id=held.evaluation_id,
            repetition=repetition,
            is_ranked=is_ranked,
            defaults={
                "energy_mj": measured.energy_mj,
                "seconds": measured.seconds,
                "evidence_grade": measured.grade.value,
                "source": measured.source,
                "flags": sorted({*measured.flags, *flags, *_protocol_flags(measured)}),
                "evidence": {
                    **measured.evidence,
                    **evidence,
                    **_told(
                        witness=witness.parts_mj if witness else None,
                        model_sha256=settings.INFERENCE_FILE_SHA256,
                    ),
                    "environment": _environment(phase),
                },
                "witness_mj": witness.energy_mj if witness else None,
                "co2_mg": witness.co2_mg if witness else None,
                "witness_note": witness.note[:LONGEST_NOTE] if witness else "",
            },
        )
    return row


def _protocol_flags(measured: Measurement) -> set[str]:
    is_counted = measured.grade not in MODEL_GRADES or measured.files
    is_whole = (
        settings.MEASUREMENT_REPETITIONS >= WHOLE_REPETITIONS
        and settings.METER_WINDOW_SECONDS >= WHOLE_WINDOW_S
        and settings.REFERENCE_SECONDS >= WHOLE_REFERENCE_S
        and settings.REFERENCE_TOLERANCE_PERCENT <= WHOLE_TOLERANCE_PERCENT
    )
    return {Flag.SHORTENED_PROTOCOL} if is_counted and not is_whole else set()


def _environment(phase: Phase) -> dict[str, str | int]:
    """What else a figure may hang on. Nothing of it names a machine or an address."""
    return {
        "platform": code_version(),
        "python": platform.python_version(),
        "backend_dialect": settings.INFERENCE_DIALECT,
        "backend_chat_format": settings.INFERENCE_CHAT_FORMAT,
        "concurrency": phase.concurrency,
        "case_timeout_s": phase.case_timeout_s,
        **_told(container=settings.INFERENCE_CONTAINER),
    }


def _told(**members: Any) -> dict[str, Any]:
    """Those that say anything: a record does not change for what nobody told."""
    return {name: value for name, value in members.items() if value}


@cache
def _witness() -> Witness:
    """One a worker process: it takes seconds to start, and does not measure two things at once."""
    witness = Witness()
    witness.start()
    return witness
