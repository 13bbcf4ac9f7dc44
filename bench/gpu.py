"""How well the meter agrees with itself and with another look at a real GPU: ``./alia bench gpu``.

The same workload (the reference workload, whole passes for ``--seconds``) runs ``--runs`` times against the
model at ``INFERENCE_URL``, each in a window of the real meter over NVML's energy counter. Beside it a thread
asks NVML for the board's power every 10 ms and adds it up over the very same nanoseconds: another sensor
path of the same board, not another instrument. Printed are each run, the spread of the runs and the
difference of the two, with GPU and driver. Needs an NVIDIA GPU on this machine and a model that runs on it;
ends with 2 and one sentence where either is missing.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import os
import statistics
import sys
import tempfile
import threading
import time
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]

from scoring.energy import reference  # noqa: E402
from scoring.energy.metered import MeteredSource  # noqa: E402
from scoring.energy.sources.nvml import NvmlSource, open_nvml  # noqa: E402
from scoring.errors import BackendFault, CounterUnavailable, MeasurementVoid  # noqa: E402
from scoring.inference.backend import BackendSettings  # noqa: E402
from scoring.inference.openai import OpenAIBackend  # noqa: E402
from tests.meter_process import MeterProcess  # noqa: E402

CANNOT_START, MISSED = 2, 1
SAMPLE_EVERY_S = 0.010
SPREAD_GOAL_PERCENT = DIFFERENCE_GOAL_PERCENT = 2.0
CASE_S = 120.0
NS_PER_S = 10**9
# NVML_FI_DEV_POWER_INSTANT: what the board draws now; the usual figure is a mean of the last second.
POWER_INSTANT = 186


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One window: what the meter says of it, and what the sampled power adds up to."""

    meter_mj: int
    sampler_mj: int
    seconds: float
    passes: int

    @property
    def pass_mj(self) -> float:
        return self.meter_mj / self.passes

    @property
    def difference_percent(self) -> float:
        return 100 * (self.meter_mj / self.sampler_mj - 1)


@dataclass(kw_only=True)
class PowerSampler:
    """Reads the board's power every 10 ms until it is stopped; ``samples`` are (monotonic ns, mW)."""

    library: Any
    handle: Any
    samples: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="power-sampler", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(SAMPLE_EVERY_S):
            self.samples.append((time.monotonic_ns(), self._now_mw()))

    def _now_mw(self) -> int:
        try:
            (found,) = self.library.nvmlDeviceGetFieldValues(self.handle, [POWER_INSTANT])
            if found.nvmlReturn == 0:
                return int(found.value.uiVal)
        except (AttributeError, self.library.NVMLError):
            pass
        return int(self.library.nvmlDeviceGetPowerUsage(self.handle))


def integrate_mj(samples: Sequence[tuple[int, int]], begin_ns: int, end_ns: int) -> int:
    """Energy between two moments by the trapezoid rule, the ends interpolated; ``samples`` are in order.

    Raises ``ValueError`` where they do not reach over both ends.
    """
    moments = [at_ns for at_ns, _ in samples]
    if not moments or moments[0] > begin_ns or moments[-1] < end_ns:
        raise ValueError("the power was not sampled over the whole window")
    inside = samples[bisect_right(moments, begin_ns) : bisect_left(moments, end_ns)]
    points = [(begin_ns, _at(samples, moments, begin_ns)), *inside, (end_ns, _at(samples, moments, end_ns))]
    # mW · ns = 10^-9 mJ
    return round(
        sum((to_ns - from_ns) * (a + b) / 2 for (from_ns, a), (to_ns, b) in pairwise(points)) / NS_PER_S
    )


def _at(samples: Sequence[tuple[int, int]], moments: Sequence[int], at_ns: int) -> float:
    following = bisect_left(moments, at_ns)
    if moments[following] == at_ns:
        return samples[following][1]
    (from_ns, before), (to_ns, after) = samples[following - 1], samples[following]
    return before + (after - before) * (at_ns - from_ns) / (to_ns - from_ns)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--concurrency", type=int, default=4)
    parser.add_argument("--gpu", default="", help="UUID or index; empty takes the only one")
    parser.add_argument("--url", default=os.environ.get("INFERENCE_URL", ""))
    parser.add_argument("--model", default=os.environ.get("INFERENCE_MODEL", ""))
    chosen = parser.parse_args()
    if not chosen.url or not chosen.model:
        return _cannot("Falta el modelo: INFERENCE_URL e INFERENCE_MODEL, o --url y --model.")
    try:
        source = open_nvml(chosen.gpu, time.monotonic_ns)
        assert isinstance(source, NvmlSource)
        return _measure(chosen, source)
    except (CounterUnavailable, ValueError) as missing:
        return _cannot(str(missing))
    except (BackendFault, MeasurementVoid) as fault:
        return _cannot(f"No se pudo medir: {fault}")


def _measure(chosen: argparse.Namespace, source: NvmlSource) -> int:
    # As the source itself takes it: it has no types.
    pynvml: Any = importlib.import_module("pynvml")
    device = source.device()
    sampler = PowerSampler(library=pynvml, handle=pynvml.nvmlDeviceGetHandleByUUID(device.uuid))
    with tempfile.TemporaryDirectory() as folder:
        process = MeterProcess(Path(folder), source=f"nvml:{device.uuid}")
        process.start()
        try:
            meter = process.find()
            sampler.start()
            asyncio.run(_work(chosen, seconds=0))
            runs = [_one(chosen, meter, sampler) for _ in range(chosen.runs)]
            sampler.stop()
        finally:
            process.process.stop()
    print(f"{device.name}, {device.uuid}, driver {device.driver}, meter of grade {meter.grade}")
    print(f"{chosen.model}, {chosen.concurrency} requests at a time, {reference.MEASURED.name}\n")
    return _told(runs)


def _one(chosen: argparse.Namespace, meter: MeteredSource, sampler: PowerSampler) -> Run:
    window = meter.open()
    work = asyncio.run(_work(chosen, seconds=chosen.seconds))
    measured = window.close(work.calls)
    begin_ns, end_ns = measured.evidence["started_ns"], measured.evidence["ended_ns"]
    while not sampler.samples or sampler.samples[-1][0] < end_ns:
        time.sleep(SAMPLE_EVERY_S)
    return Run(
        meter_mj=measured.energy_mj,
        sampler_mj=integrate_mj(list(sampler.samples), begin_ns, end_ns),
        seconds=(end_ns - begin_ns) / NS_PER_S,
        passes=work.passes,
    )


async def _work(chosen: argparse.Namespace, *, seconds: float) -> reference.Work:
    where = BackendSettings(url=chosen.url, model=chosen.model)
    return await reference.run_passes(
        reference.MEASURED,
        backend_factory=lambda: OpenAIBackend(where),
        concurrency=chosen.concurrency,
        at_least_s=seconds,
        case_timeout_s=CASE_S,
    )


def _told(runs: Sequence[Run]) -> int:
    print(
        f"{'run':>4} {'s':>8} {'passes':>7} {'meter J':>11} {'sampler J':>11} {'apart':>8} {'J a pass':>10}"
    )
    for number, run in enumerate(runs, start=1):
        print(
            f"{number:4} {run.seconds:8.2f} {run.passes:7} {run.meter_mj / 1000:11.1f} "
            f"{run.sampler_mj / 1000:11.1f} {run.difference_percent:+7.2f}% {run.pass_mj / 1000:10.2f}"
        )
    middle = statistics.median(run.pass_mj for run in runs)
    spread = 100 * (max(run.pass_mj for run in runs) - min(run.pass_mj for run in runs)) / middle
    apart = statistics.median(abs(run.difference_percent) for run in runs)
    print(f"\nspread of a pass, least to most: {spread:.2f} % of the median (goal {SPREAD_GOAL_PERCENT:g} %)")
    print(f"meter and sampler apart, median: {apart:.2f} % (goal {DIFFERENCE_GOAL_PERCENT:g} %)")
    return MISSED if spread > SPREAD_GOAL_PERCENT or apart > DIFFERENCE_GOAL_PERCENT else 0


def _cannot(why: str) -> int:
    print(why, file=sys.stderr)
    return CANNOT_START


if __name__ == "__main__":
    sys.exit(main())
