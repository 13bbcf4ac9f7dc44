"""How wrong a window's energy is, against a counter whose true energy is known: ``./alia bench energy``.

The counter is ``scoring.energy.sources.synthetic``: it changes every 100 ms with jitter and is sampled every
20 ms or so. Time is simulated, no GPU is measured, and the same seed gives the same table. Beside our edges:
two reads of the counter, one at each end of the window; codecarbon, its own class for an NVIDIA GPU with our
counter in place of NVML; and zeus, whose rule is reproduced here from its source (ZeusMonitor reads
the counter at begin_window and end_window, and with approx_instant_energy takes power times time where the
difference is 0), as it is not installed.
"""

from __future__ import annotations

import argparse
import logging
import os
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]

from scoring.energy.edges import SAMPLE_EVERY_MS, EdgeFinder, EdgeLog  # noqa: E402
from scoring.energy.sources.synthetic import SyntheticSource  # noqa: E402
from scoring.energy.window_energy import window_energy  # noqa: E402

MS, S = 10**6, 10**9
WINDOWS_MS = (50, 100, 1000, 10_000, 30_000)
# In %, of p95.
GOALS = {50: 5.0, 1000: 1.0, 30_000: 0.1}
SAMPLE_JITTER_MS = 1.0
WARM_UP_S = 30
# Windows differ in length by this much: whole steps of the counter would flatter who reads it at both ends.
LENGTH_SHARE, MOST_LENGTH_MS = 0.05, 50
EVEN_LOADS = {"250 W": "constant=250", "250 W ± 100 W every 7 s": "sine=250/100/7"}
IDLE_W, BUSY_W, PAUSE_S = 100, 400, 1.3713
TITLES = {
    "ours": "edges on the beat (ours)",
    "no-beat": "edges, each in the middle",
    "two-reads": "two reads",
    "codecarbon": "codecarbon",
    "zeus": "zeus, approx_instant_energy (reproduced)",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=300)
    parser.add_argument("--jitter-ms", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    logging.getLogger("codecarbon").setLevel(logging.CRITICAL)
    started = time.perf_counter()
    print(
        f"Counter every 100 ms ± {chosen.jitter_ms} ms, sampled every {SAMPLE_EVERY_MS} ± "
        f"{SAMPLE_JITTER_MS:g} ms; {chosen.windows} windows of each length; |error| in %, "
        "p50 / p95 / max, and its mean with its sign"
    )
    for title, curve in EVEN_LOADS.items():
        bench = Bench(f"{curve},jitter-ms={chosen.jitter_ms},seed={chosen.seed}", chosen.seed)
        errors = even_load(bench, chosen.windows, chosen.seed)
        show(f"{title}, windows at any moment", errors)
        show_goals(errors["ours"])
    errors = load_in_windows(chosen.windows, chosen.jitter_ms, chosen.seed)
    longest = len(errors["ours"][max(WINDOWS_MS)])
    show(f"{BUSY_W} W in the window, {IDLE_W} W before and after; {longest} windows of 30 s", errors)
    show_goals(errors["ours"])
    print(
        "\nWhat changes within a step of the counter is spread over the step: a window that begins and "
        "ends under load\nhas the figures of the first two tables, one that begins with its load those of "
        "the third."
    )
    print(
        f"\n{time.perf_counter() - started:.0f} s; {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}, codecarbon {version('codecarbon')}"
    )


# --- the loads ----------------------------------------------------------------------------------------------

Errors = Mapping[str, Mapping[int, Sequence[float]]]  # by method and window in ms, in % and with their sign


def even_load(bench: Bench, windows: int, seed: int) -> Errors:
    """Windows that begin at any moment of one long log."""
    chance = random.Random(seed)
    bench.run_for(WARM_UP_S + 2 * max(WINDOWS_MS) / 1000 + 540)
    found: dict[str, dict[int, list[float]]] = {name: {} for name in TITLES}
    for window_ms in WINDOWS_MS:
        latest_s = bench.now_s - window_ms / 1000 - 1
        spread_ms = min(window_ms * LENGTH_SHARE, MOST_LENGTH_MS)
        for _ in range(windows):
            begin_ns = bench.started_ns + round(chance.uniform(WARM_UP_S, latest_s) * S)
            lasts_ns = round((window_ms + chance.uniform(-spread_ms, spread_ms)) * MS)
            for name, error in bench.errors(begin_ns, begin_ns + lasts_ns).items():
                found[name].setdefault(window_ms, []).append(error)
    return found


def load_in_windows(windows: int, jitter_ms: int, seed: int) -> Errors:
    """As an evaluation is: idle, then busy from the window's begin to its end, then idle."""
    found: dict[str, dict[int, list[float]]] = {name: {} for name in TITLES}
    for window_ms in WINDOWS_MS:
        # Fewer of the long ones: they take their time even where time is simulated.
        count = max(min(windows, 600_000 // window_ms), 20)
        period_s = PAUSE_S + window_ms / 1000
        spec = f"steps={IDLE_W}x{PAUSE_S}/{BUSY_W}x{window_ms / 1000:g},jitter-ms={jitter_ms},seed={seed}"
        bench = Bench(spec, seed)
        bench.run_for((count + 1) * period_s + 1)
        for number in range(count):
            begin_ns = bench.started_ns + round((number * period_s + PAUSE_S) * S)
            for name, error in bench.errors(begin_ns, begin_ns + window_ms * MS).items():
                found[name].setdefault(window_ms, []).append(error)
    return found


# --- one counter and its readers ----------------------------------------------------------------------------


class SimulatedClock:
    def __init__(self) -> None:
        self.now_ns = S

    def __call__(self) -> int:
        return self.now_ns


class Bench:
    """A counter, its log with and without the beat, and all who read it."""

    def __init__(self, spec: str, seed: int) -> None:
        self._clock = SimulatedClock()
        self._chance = random.Random(seed)
        self.started_ns = self._clock()
        self._source = SyntheticSource(spec, clock=self._clock)
        self._logs = {"ours": EdgeLog(update_ms=100), "no-beat": a_log(InTheMiddle(update_ms=100))}
        self._readers: Mapping[str, Reader] = {
            "two-reads": two_reads,
            "codecarbon": codecarbon_on(self._source),
            "zeus": zeus_rule,
        }

    @property
    def now_s(self) -> float:
        return (self._clock() - self.started_ns) / S

    def run_for(self, seconds: float) -> None:
        until_ns = self._clock() + round(seconds * S)
        while self._clock() < until_ns:
            mj = self._source.read_mj()
            for log in self._logs.values():
                log.sample(self._clock(), mj)
            step_ms = self._chance.uniform(
                SAMPLE_EVERY_MS - SAMPLE_JITTER_MS, SAMPLE_EVERY_MS + SAMPLE_JITTER_MS
            )
            self._clock.now_ns += round(step_ms * MS)

    def errors(self, begin_ns: int, end_ns: int) -> dict[str, float]:
        """Each method's relative error in %, with its sign."""
        true_mj = float(self._source.true_mj(begin_ns, end_ns))
        found = {name: self._from_edges(log, begin_ns, end_ns) for name, log in self._logs.items()}
        for name, reader in self._readers.items():
            found[name] = reader(Moments(self._source, self._clock, begin_ns, end_ns))
        return {name: 100 * (mj - true_mj) / true_mj for name, mj in found.items()}

    def _from_edges(self, log: EdgeLog, begin_ns: int, end_ns: int) -> float:
        reading = window_energy(
            log.around(begin_ns, end_ns),
            begin_ns=begin_ns,
            end_ns=end_ns,
            device=self._source.device(),
            grade=self._source.grade,
            source=self._source.name,
            states=[self._source.state()],
        )
        assert reading.energy_mj is not None, reading
        assert reading.flags == (), reading
        return reading.energy_mj


class InTheMiddle(EdgeFinder):
    """Puts each edge in the middle between its two samples."""

    def _placed(self, earliest_ns: int, latest_ns: int) -> int:
        return (earliest_ns + latest_ns) // 2


def a_log(finder: EdgeFinder) -> EdgeLog:
    log = EdgeLog(update_ms=100)
    log._finder = finder
    return log


@dataclass(frozen=True, slots=True)
class Moments:
    """A window as its reader sees it: the counter and the power at its begin and at its end."""

    source: SyntheticSource
    clock: SimulatedClock
    begin_ns: int
    end_ns: int

    def at(self, moment_ns: int, read: Callable[[], Any]) -> Any:
        now_ns, self.clock.now_ns = self.clock.now_ns, moment_ns
        try:
            return read()
        finally:
            self.clock.now_ns = now_ns

    def mj(self, moment_ns: int) -> int:
        mj: int = self.at(moment_ns, self.source.read_mj)
        return mj

    def power_w(self, moment_ns: int) -> float:
        """The true power: the best that a sensor could say."""
        return float(self.source.true_mj(moment_ns - MS, moment_ns))

    @property
    def seconds(self) -> float:
        return (self.end_ns - self.begin_ns) / S


Reader = Callable[[Moments], float]


def two_reads(window: Moments) -> float:
    return window.mj(window.end_ns) - window.mj(window.begin_ns)


def zeus_rule(window: Moments) -> float:
    used_mj = window.mj(window.end_ns) - window.mj(window.begin_ns)
    return used_mj or window.power_w(window.end_ns) * window.seconds * 1000


def codecarbon_on(source: SyntheticSource) -> Reader:
    """codecarbon's ``NvidiaGPUDevice``, whose NVML is our counter."""
    from codecarbon.core import gpu_nvidia
    from codecarbon.core.units import Time

    gpu_nvidia.__dict__["pynvml"] = SimpleNamespace(
        NVMLError=OSError,
        NVMLError_NotSupported=OSError,
        nvmlDeviceGetName=lambda handle: "simulated",
        nvmlDeviceGetUUID=lambda handle: "simulated",
        nvmlDeviceGetMemoryInfo=lambda handle: SimpleNamespace(total=0),
        nvmlDeviceGetEnforcedPowerLimit=lambda handle: 700_000,
        nvmlDeviceGetTotalEnergyConsumption=lambda handle: handle.read_mj(),
    )
    gpu = gpu_nvidia.NvidiaGPUDevice(handle=source, gpu_index=0)

    def read(window: Moments) -> float:
        window.at(window.begin_ns, gpu.start)
        used = window.at(window.end_ns, lambda: gpu.delta(Time.from_seconds(window.seconds)))
        return float(used["delta_energy_consumption"].kWh) * 3_600_000_000

    return read


# --- the table ----------------------------------------------------------------------------------------------


def show(title: str, errors: Errors) -> None:
    print(f"\n{title}\n")
    print("| | " + " | ".join(f"{ms} ms" if ms < 1000 else f"{ms // 1000} s" for ms in WINDOWS_MS) + " |")
    print("|---" * (len(WINDOWS_MS) + 1) + "|")
    for name, label in TITLES.items():
        print(f"| {label} | " + " | ".join(summary(errors[name][ms]) for ms in WINDOWS_MS) + " |")


def summary(errors: Sequence[float]) -> str:
    sizes = sorted(map(abs, errors))
    p50, p95, most = sizes[len(sizes) // 2], sizes[len(sizes) * 95 // 100], sizes[-1]
    return f"{p50:.3g} / {p95:.3g} / {most:.3g}; {statistics.mean(errors):+.2g}"


def show_goals(errors: Mapping[int, Sequence[float]]) -> None:
    for window_ms, goal in GOALS.items():
        sizes = sorted(map(abs, errors[window_ms]))
        p95 = sizes[len(sizes) * 95 // 100]
        met = "met" if p95 <= goal else "MISSED"
        print(f"\n{window_ms} ms: p95 {p95:.3f} %, goal {goal:g} %, ratio {p95 / goal:.2f}, {met}", end="")
    print()


if __name__ == "__main__":
    main()
