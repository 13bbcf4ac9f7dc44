"""The comparison for a real GPU, as far as it can be tried without one: its sums, its goals, its refusals."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.gpu import CANNOT_START, MISSED, PowerSampler, Run, _told, integrate_mj
from tests.scoring.fake_nvml import NVMLError, NVMLError_NotSupported

ROOT = Path(__file__).resolve().parents[2]
S = 10**9


def test_even_power_is_power_times_time() -> None:
    samples = [(at * S // 100, 250_000) for at in range(101)]
    assert integrate_mj(samples, S // 4, 3 * S // 4) == 125_000


def test_the_ends_are_interpolated_between_the_samples() -> None:
    # From 0 to 100 W within a second: between 0.25 and 0.75 s the mean is 50 W.
    assert integrate_mj([(0, 0), (S, 100_000)], S // 4, 3 * S // 4) == 25_000
    assert integrate_mj([(0, 0), (S, 100_000)], 0, S) == 50_000


@pytest.mark.parametrize("samples", [[], [(10, 1), (20, 1)], [(0, 1), (15, 1)]])
def test_power_that_was_not_sampled_all_the_time_gives_no_figure(samples: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="whole window"):
        integrate_mj(samples, 5, 18)


def a_run(*, meter_mj: int = 1_000_000, sampler_mj: int = 1_000_000, passes: int = 10) -> Run:
    return Run(meter_mj=meter_mj, sampler_mj=sampler_mj, seconds=30.0, passes=passes)


@pytest.mark.parametrize(
    ("runs", "ends"),
    [
        ([a_run(), a_run(meter_mj=1_010_000)], 0),
        # More passes need more energy: the runs are compared pass by pass.
        ([a_run(), a_run(meter_mj=1_100_000, sampler_mj=1_100_000, passes=11)], 0),
        ([a_run(), a_run(meter_mj=1_030_000, sampler_mj=1_030_000)], MISSED),
        ([a_run(meter_mj=970_000), a_run(meter_mj=970_000)], MISSED),
    ],
)
def test_a_goal_that_is_missed_ends_in_1(
    runs: list[Run], ends: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _told(runs) == ends
    assert "goal 2 %" in capsys.readouterr().out


@pytest.mark.parametrize(("instant", "expected"), [(True, 301_000), (False, 299_000)])
def test_the_power_of_the_moment_is_taken_where_the_board_tells_it(instant: bool, expected: int) -> None:
    def field_values(_handle: Any, _fields: list[int]) -> list[Any]:
        if not instant:
            raise NVMLError_NotSupported
        return [SimpleNamespace(nvmlReturn=0, value=SimpleNamespace(uiVal=301_000))]

    library = SimpleNamespace(
        NVMLError=NVMLError,
        nvmlDeviceGetFieldValues=field_values,
        nvmlDeviceGetPowerUsage=lambda _handle: 299_000,
    )
    assert PowerSampler(library=library, handle=None)._now_mw() == expected


def test_without_a_model_it_says_what_is_missing() -> None:
    ended = subprocess.run(
        [sys.executable, ROOT / "bench" / "gpu.py"],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == CANNOT_START
    assert "INFERENCE_URL" in ended.stderr
