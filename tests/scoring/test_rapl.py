"""Claims on the processor's counters: what is added up, and that no fault of theirs becomes a small number.

The counters are files in a folder, which the tests move and break; the clock passes when a test says so.
"""

from __future__ import annotations

import gc
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Context, Decimal, localcontext
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.energy.rapl import RaplSource, RaplWindow, find_packages
from scoring.errors import CounterUnavailable, MeasurementVoid
from scoring.values import EvidenceGrade, TokenUse
from tests.scoring.contexts import UNDER_ANY_DECIMAL_SETTINGS
from tests.scoring.powercap import USUAL_RANGE_UJ, Clock, Powercap

JOULE_UJ = 1_000_000
SMALLEST_USUAL_RANGE_UJ = 65_532_610_987
NOBODY = 65_534
ENDS_S = 30


@pytest.fixture
def powercap(tmp_path: Path) -> Powercap:
    tree = Powercap(tmp_path / "powercap")
    tree.add_package(0, uj=1000 * JOULE_UJ)
    return tree


@pytest.fixture
def clock() -> Clock:
    return Clock()


def a_source(powercap: Powercap, clock: Callable[[], int], *, sample_every_s: float = 3600) -> RaplSource:
    packages = find_packages(powercap.root)
    return RaplSource(packages=packages, reason="", clock=clock, sample_every_s=sample_every_s)


def a_window(powercap: Powercap, clock: Clock) -> RaplWindow:
    return a_source(powercap, clock).open()


def and_its_thread(source: RaplSource) -> tuple[RaplWindow, threading.Thread]:
    before = set(threading.enumerate())
    window = source.open()
    (thread,) = (thread for thread in set(threading.enumerate()) - before if thread.name == "rapl-window")
    return window, thread


# --- which domains are counted --------------------------------------------------------------------------


def test_every_package_is_counted_and_neither_its_parts_nor_what_holds_it(
    powercap: Powercap, clock: Clock
) -> None:
    powercap.add_package(1)
    powercap.add("intel-rapl:2", name="psys")
    powercap.add("intel-rapl:0:0", name="core")
    powercap.add("intel-rapl:1:0", name="dram")
    powercap.add("intel-rapl:1:1", name="package-1")
    powercap.add("intel-rapl-mmio:0", name="package-0")
    powercap.add("dtpm:0", name="package-0")
    window = a_window(powercap, clock)
    clock.forward(seconds=10)
    for domain in powercap.root.glob("*:*"):
        powercap.set(domain.name, 9 * JOULE_UJ)
    powercap.set("intel-rapl:0", 1020 * JOULE_UJ)
    powercap.set("intel-rapl:1", 7 * JOULE_UJ)
    measurement = window.close([])
    assert measurement.energy_mj == 27_000
    assert measurement.source == "rapl:package-0+package-1"


def test_two_packages_of_one_name_are_two(powercap: Powercap, clock: Clock) -> None:
    powercap.add("intel-rapl:1", name="package-0", uj=500)
    window = a_window(powercap, clock)
    clock.forward(seconds=10)
    powercap.set("intel-rapl:0", 1020 * JOULE_UJ)
    powercap.set("intel-rapl:1", 7 * JOULE_UJ + 500)
    assert window.close([]).energy_mj == 27_000


def test_the_figure_says_what_stands_behind_it(powercap: Powercap, clock: Clock) -> None:
    source = a_source(powercap, clock)
    assert (source.name, source.grade, source.resumable) == ("rapl", EvidenceGrade.C, False)
    window = source.open()
    clock.forward(seconds=2.0006)
    powercap.set("intel-rapl:0", 1010 * JOULE_UJ)
    measurement = window.close([TokenUse(prompt_tokens=10**6, completion_tokens=10**6)])
    assert (measurement.energy_mj, measurement.grade) == (10_000, EvidenceGrade.C)
    assert measurement.flags == ("other-processes-included",)
    assert str(measurement.seconds) == "2.001"


@pytest.mark.parametrize(
    ("used_uj", "energy_mj"), [(10_499, 10), (10_500, 10), (10_501, 11), (11_500, 12), (1_000, 1)]
)
def test_microjoules_are_rounded_to_the_nearest_millijoule(
    powercap: Powercap, clock: Clock, used_uj: int, energy_mj: int
) -> None:
    window = a_window(powercap, clock)
    clock.forward(seconds=0.5)
    powercap.set("intel-rapl:0", 1000 * JOULE_UJ + used_uj)
    assert window.close([]).energy_mj == energy_mj


@UNDER_ANY_DECIMAL_SETTINGS
def test_it_does_not_depend_on_the_decimal_settings_around_it(
    powercap: Powercap, clock: Clock, ambient: Context
) -> None:
    window = a_window(powercap, clock)
    clock.forward(seconds=123.4567)
    powercap.set("intel-rapl:0", 1000 * JOULE_UJ + 12_345_678_901)
    with localcontext(ambient):
        measurement = window.close([])
    assert (measurement.energy_mj, str(measurement.seconds)) == (12_345_679, "123.457")


# --- around and around ----------------------------------------------------------------------------------


def test_a_counter_that_starts_again_is_followed(powercap: Powercap, clock: Clock) -> None:
    powercap.set("intel-rapl:0", USUAL_RANGE_UJ - 3 * JOULE_UJ)
    window = a_window(powercap, clock)
    clock.forward(seconds=5)
    powercap.set("intel-rapl:0", 4 * JOULE_UJ)
    assert window.close([]).energy_mj == 7_000


@settings(max_examples=50, deadline=None)
@given(
    begun_uj=st.integers(0, SMALLEST_USUAL_RANGE_UJ - 1),
    steps=st.lists(st.tuples(st.integers(1, 20), st.floats(0.01, 1)), min_size=1, max_size=15),
)
def test_samples_add_up_exactly_over_any_number_of_rounds(
    begun_uj: int, steps: list[tuple[int, float]]
) -> None:
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        powercap = Powercap(Path(folder) / "powercap")
        powercap.add_package(0, uj=begun_uj, max_range_uj=SMALLEST_USUAL_RANGE_UJ)
        window = a_window(powercap, clock)
        total_uj = 0
        for seconds, share in steps:
            total_uj += round(seconds * 1000 * JOULE_UJ * share)  # up to 1000 W
            clock.forward(seconds=seconds)
            powercap.set("intel-rapl:0", (begun_uj + total_uj) % SMALLEST_USUAL_RANGE_UJ)
            window.sample()
        assert window.close([]).energy_mj == round(Decimal(total_uj) / 1000)


def test_an_open_window_samples_by_itself(powercap: Powercap) -> None:
    clock = Clock()
    looked = threading.Semaphore(0)

    def watched_clock() -> int:
        if threading.current_thread().name == "rapl-window":
            looked.release()
        return clock()

    window = a_source(powercap, watched_clock, sample_every_s=0.001).open()
    for _ in range(5):
        assert looked.acquire(timeout=ENDS_S)
    clock.forward(seconds=1)
    powercap.set("intel-rapl:0", 1001 * JOULE_UJ)
    assert window.close([]).energy_mj == 1_000


# --- faults of the counter ------------------------------------------------------------------------------


def test_a_counter_that_never_moves_is_no_figure(powercap: Powercap, clock: Clock) -> None:
    window = a_window(powercap, clock)
    clock.forward(seconds=30)
    with pytest.raises(MeasurementVoid, match="no avanzó"):
        window.close([])


def test_a_counter_that_stops_in_the_middle_is_no_figure(powercap: Powercap, clock: Clock) -> None:
    window = a_window(powercap, clock)
    clock.forward(seconds=20)
    powercap.set("intel-rapl:0", 1500 * JOULE_UJ)
    window.sample()
    clock.forward(seconds=20)
    window.sample()
    clock.forward(seconds=20)
    powercap.set("intel-rapl:0", 2000 * JOULE_UJ)
    with pytest.raises(MeasurementVoid, match="no avanzó"):
        window.close([])


@pytest.mark.parametrize("seconds", [0.5, 10])
def test_one_stuck_package_of_two_is_no_figure(powercap: Powercap, clock: Clock, seconds: float) -> None:
    powercap.add_package(1, uj=5)
    window = a_window(powercap, clock)
    clock.forward(seconds=seconds)
    powercap.set("intel-rapl:0", 1500 * JOULE_UJ)
    with pytest.raises(MeasurementVoid, match="no avanzó"):
        window.close([])


def test_a_jump_beyond_what_a_processor_draws_is_no_figure(powercap: Powercap, clock: Clock) -> None:
    window = a_window(powercap, clock)
    clock.forward(seconds=10)
    powercap.set("intel-rapl:0", 1000 * JOULE_UJ + 10_001 * JOULE_UJ)
    with pytest.raises(MeasurementVoid, match="más de lo que un procesador puede gastar"):
        window.close([])


def test_a_jump_does_not_hide_in_a_long_window(powercap: Powercap, clock: Clock) -> None:
    window = a_window(powercap, clock)
    used_j = 1000
    for step_j in [1000] * 10 + [50_000] + [1000] * 60:
        clock.forward(seconds=20)
        used_j += step_j
        powercap.set("intel-rapl:0", used_j * JOULE_UJ)
        window.sample()
    with pytest.raises(MeasurementVoid, match="más de lo que un procesador puede gastar"):
        window.close([])


def test_a_counter_that_is_set_back_is_not_taken_for_a_round(powercap: Powercap, clock: Clock) -> None:
    window = a_window(powercap, clock)
    used_j = 1000
    for step_j in [1000] * 10 + [-8000] + [1000] * 60:
        clock.forward(seconds=20)
        used_j += step_j
        powercap.set("intel-rapl:0", used_j * JOULE_UJ)
        window.sample()
    with pytest.raises(MeasurementVoid):
        window.close([])


def test_a_counter_beyond_its_own_range_is_no_figure(powercap: Powercap, clock: Clock) -> None:
    powercap.set("intel-rapl:0", USUAL_RANGE_UJ + 500 * JOULE_UJ)
    window = a_window(powercap, clock)
    clock.forward(seconds=10)
    powercap.set("intel-rapl:0", 100 * JOULE_UJ)
    with pytest.raises(MeasurementVoid):
        window.close([])


def test_a_round_that_may_have_been_missed_is_no_figure(powercap: Powercap, clock: Clock) -> None:
    window = a_window(powercap, clock)
    clock.forward(seconds=300)  # at 1000 W it starts again after 262 s
    powercap.set("intel-rapl:0", 2000 * JOULE_UJ)
    with pytest.raises(MeasurementVoid, match="a tiempo"):
        window.close([])


def test_a_counter_that_is_gone_at_the_end_is_no_figure(powercap: Powercap, clock: Clock) -> None:
    window = a_window(powercap, clock)
    clock.forward(seconds=10)
    powercap.remove("intel-rapl:0")
    with pytest.raises(MeasurementVoid, match="dejó de poder leerse"):
        window.close([])


def test_a_counter_that_was_away_in_the_middle_is_no_figure(powercap: Powercap, clock: Clock) -> None:
    window = a_window(powercap, clock)
    clock.forward(seconds=10)
    powercap.remove("intel-rapl:0")
    window.sample()
    powercap.add_package(0, uj=1500 * JOULE_UJ)
    with pytest.raises(MeasurementVoid, match="dejó de poder leerse"):
        window.close([])


def test_a_counter_that_is_gone_before_the_window_opens_is_told(powercap: Powercap, clock: Clock) -> None:
    source = a_source(powercap, clock)
    powercap.remove("intel-rapl:0")
    with pytest.raises(CounterUnavailable):
        source.open()


@pytest.mark.parametrize("content", ["", "N/A", "-5", "1.5", "0x10", "1 2", "٣", "\xff\x00", "9" * 5000])
def test_what_is_no_number_is_not_read_as_one(powercap: Powercap, clock: Clock, content: str) -> None:
    window = a_window(powercap, clock)
    clock.forward(seconds=10)
    powercap.set("intel-rapl:0", content)
    with pytest.raises(CounterUnavailable):
        find_packages(powercap.root)
    with pytest.raises(MeasurementVoid):
        window.close([])


def test_a_window_is_closed_once(powercap: Powercap, clock: Clock) -> None:
    window = a_window(powercap, clock)
    clock.forward(seconds=10)
    powercap.set("intel-rapl:0", 1500 * JOULE_UJ)
    window.close([])
    powercap.set("intel-rapl:0", 1600 * JOULE_UJ)
    with pytest.raises(MeasurementVoid, match="cerrada"):
        window.close([])


# --- the sampling thread --------------------------------------------------------------------------------


def test_the_thread_of_a_closed_window_ends(powercap: Powercap, clock: Clock) -> None:
    window, thread = and_its_thread(a_source(powercap, clock))
    clock.forward(seconds=10)
    powercap.set("intel-rapl:0", 1500 * JOULE_UJ)
    window.close([])
    thread.join(ENDS_S)
    assert not thread.is_alive()


def test_the_thread_of_a_forgotten_window_ends(powercap: Powercap, clock: Clock) -> None:
    window, thread = and_its_thread(a_source(powercap, clock, sample_every_s=0.01))
    del window
    gc.collect()
    thread.join(ENDS_S)
    assert not thread.is_alive()


# --- where nothing can be read --------------------------------------------------------------------------


def test_a_machine_without_counters_is_told(tmp_path: Path) -> None:
    with pytest.raises(CounterUnavailable, match="no muestra contadores"):
        find_packages(tmp_path / "powercap")
    Powercap(tmp_path / "powercap").add("intel-rapl:0", name="psys")
    with pytest.raises(CounterUnavailable, match="no muestra contadores"):
        find_packages(tmp_path / "powercap")


def test_links_that_lead_nowhere_are_no_counters(tmp_path: Path) -> None:
    """As in a container, where the folder behind them is hidden."""
    (tmp_path / "intel-rapl:0").symlink_to(tmp_path / "hidden")
    with pytest.raises(CounterUnavailable):
        find_packages(tmp_path)


@pytest.mark.parametrize("file", ["energy_uj", "name", "max_energy_range_uj"])
def test_half_a_machine_is_no_machine(powercap: Powercap, file: str) -> None:
    powercap.add_package(1)
    (powercap.root / "intel-rapl:1" / file).unlink()
    with pytest.raises(CounterUnavailable):
        find_packages(powercap.root)


@pytest.mark.parametrize("max_range_uj", [0, 1, 39_000 * JOULE_UJ])
def test_a_counter_that_starts_again_between_two_samples_cannot_be_used(
    powercap: Powercap, max_range_uj: int
) -> None:
    powercap.add_package(1, max_range_uj=max_range_uj)
    with pytest.raises(CounterUnavailable, match="package-1"):
        find_packages(powercap.root)


def test_without_permission_it_says_so() -> None:
    """As on every Linux since CVE-2020-8694: only root reads the counters."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        powercap = Powercap(Path(folder) / "powercap")
        powercap.add_package(0)
        powercap.counter("intel-rapl:0").chmod(0o400 if os.geteuid() == 0 else 0)
        with _as_nobody(), pytest.raises(CounterUnavailable, match=r"No hay permiso para leer .*energy_uj"):
            find_packages(powercap.root)
        powercap.root.chmod(0o700 if os.geteuid() == 0 else 0)
        with _as_nobody(), pytest.raises(CounterUnavailable):
            find_packages(powercap.root)
        powercap.root.chmod(0o700)


@contextmanager
def _as_nobody() -> Iterator[None]:
    """Root may read everything, so it steps down meanwhile; anybody else stays who they are."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
