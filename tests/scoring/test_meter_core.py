"""Claims on the meter without HTTP: what a window holds, and that each fault ends in a flag, never in a wait.

Time is simulated; the counter is synthetic, with the fault at the second that its spec names. A window opens
1 s after the start of the counter.
"""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest

from scoring.energy.counter import Device, DeviceState
from scoring.energy.flags import VOIDING, Flag
from scoring.energy.meter.core import MOST_STATES, Closed, Limits, Opened
from scoring.energy.meter.errors import (
    MeterRestarted,
    NotSampling,
    TooManyWindows,
    WindowEnded,
    WindowForgotten,
    WindowUnknown,
    WrongDevice,
)
from scoring.energy.window_energy import window_energy
from scoring.errors import CounterUnavailable
from scoring.values import EvidenceGrade
from tests.scoring.powercap import Clock
from tests.scoring.simulated_meter import POWER_W, STEP_S, SimulatedMeter, is_in_order

WINDOW_S = 5


class ScriptedSource:
    """A counter of grade A whose every reading and state the test decides."""

    name = "scripted"
    grade = EvidenceGrade.A

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.power_w = POWER_W
        self.reading: int | None = None
        self.reason = ""
        self.seen = DeviceState(
            clocks_mhz=(1980,), power_limit_mw=700_000, throttled="", processes=frozenset({7})
        )
        self.state_reason = ""
        self.when_looked_at: Callable[[], object] = lambda: None

    def device(self) -> Device:
        return Device(uuid="GPU-1", name="Board", driver="1", update_ms=100, max_power_mw=700_000)

    def read_mj(self) -> int:
        if self.reason:
            raise CounterUnavailable(self.reason)
        if self.reading is not None:
            return self.reading
        return self._clock() // 10**8 * self.power_w * 100

    def state(self) -> DeviceState:
        self.when_looked_at()
        if self.state_reason:
            raise CounterUnavailable(self.state_reason)
        return self.seen

    def close(self) -> None:
        """Nothing is held."""


@pytest.fixture
def scripted() -> ScriptedSource:
    return ScriptedSource(Clock())


def meter_of(source: ScriptedSource, *, limits: Limits | None = None) -> SimulatedMeter:
    meter = SimulatedMeter(source=source, limits=limits, clock=source._clock)
    meter.run(1.0)
    return meter


# --- a window without fault ---------------------------------------------------------------------------------


def test_a_window_holds_what_was_used_in_it() -> None:
    closed = SimulatedMeter().measure(WINDOW_S)
    assert closed.reading.flags == ()
    assert closed.reading.seconds == WINDOW_S
    assert closed.reading.energy_mj == pytest.approx(POWER_W * WINDOW_S * 1000, rel=0.005)
    assert closed.client == "test"


def test_a_window_s_energy_follows_from_the_edges_that_can_be_asked_for() -> None:
    meter = SimulatedMeter("sine=250/100/2,jitter-ms=2")
    closed = meter.measure(WINDOW_S)
    edges = meter.log.between(closed.edges_from_ns, closed.edges_to_ns)
    assert is_in_order(edges)
    again = window_energy(
        edges,
        begin_ns=closed.reading.begin_ns,
        end_ns=closed.reading.end_ns,
        device=meter.device,
        grade=meter.grade,
        source=meter.source_name,
    )
    assert (again.energy_mj, again.edges_sha256) == (closed.reading.energy_mj, closed.reading.edges_sha256)


@pytest.mark.parametrize("every_ms", [20, 50])
def test_a_window_s_uncertainty_is_that_of_the_meter_s_own_sampling(every_ms: int) -> None:
    # Both ends at POWER_W, each edge off by the time between two samples at most.
    reading = SimulatedMeter(limits=Limits(sample_every_ms=every_ms)).measure(WINDOW_S).reading
    assert reading.uncertainty_mj == pytest.approx(2 * every_ms * POWER_W, rel=0.01)


def test_a_window_waits_for_the_counter_s_next_change_and_no_longer() -> None:
    meter = SimulatedMeter()
    meter.run(1.0)
    window = meter.open_window(client="test")
    meter.run(WINDOW_S)
    meter.end_window(window.id)
    found = meter.window(window.id)
    assert isinstance(found, Opened)
    assert found.end_ns == meter.time()
    meter.run(0.14)
    assert isinstance(meter.window(window.id), Closed)


def test_windows_of_several_clients_do_not_know_one_another() -> None:
    meter = SimulatedMeter()
    meter.run(1.0)
    first = meter.open_window(client="first")
    meter.run(2.0)
    second = meter.open_window(client="second")
    meter.run(2.0)
    long, short = meter.end(first.id), meter.end(second.id)
    assert long.reading.seconds == 4
    assert short.reading.energy_mj is not None
    assert short.reading.flags == long.reading.flags == ()


def test_a_counter_of_grade_a_on_a_device_of_one_process_gives_grade_a(scripted: ScriptedSource) -> None:
    reading = meter_of(scripted).measure(WINDOW_S).reading
    assert (reading.grade, reading.flags) == (EvidenceGrade.A, ())


def test_the_settings_of_the_device_go_with_the_window(scripted: ScriptedSource) -> None:
    assert meter_of(scripted).measure(WINDOW_S).state == scripted.seen


# --- every fault of the counter and of the device ends in a flag --------------------------------------------


@pytest.mark.parametrize(
    ("spec", "flag"),
    [
        ("constant=250,stuck-at=3", Flag.COUNTER_STUCK),
        ("constant=250,stuck-at=2+3", Flag.COUNTER_STUCK),
        ("constant=250,start-mj=900000,back-at=3,back-mj=100000", Flag.COUNTER_WENT_BACK),
        ("constant=250,start-mj=900000,restart-at=3", Flag.COUNTER_WENT_BACK),
        ("constant=250,jump-at=3", Flag.COUNTER_JUMPED),
        ("constant=250,gap-at=2+3", Flag.EDGES_MISSING),
        ("constant=250,gap-at=3", Flag.EDGES_MISSING),
        ("constant=250,max-w=200", Flag.ABOVE_BOARD_POWER),
        ("constant=50,idle-w=100", Flag.BELOW_IDLE_POWER),
        ("constant=250,throttle-at=3+1", Flag.THROTTLED),
        ("constant=250,other-process-at=3+1", Flag.OTHER_PROCESS),
        ("constant=250,clocks-at=3", Flag.CLOCKS_CHANGED),
        ("constant=250,power-limit-at=3", Flag.POWER_LIMIT_CHANGED),
    ],
)
def test_a_fault_in_the_window_voids_it_and_says_which(spec: str, flag: Flag) -> None:
    closed = SimulatedMeter(spec).measure(WINDOW_S)
    assert flag in closed.reading.flags
    assert flag in VOIDING
    assert closed.reading.grade is None


def test_a_counter_that_never_changed_opens_no_window() -> None:
    meter = SimulatedMeter("constant=0")
    with pytest.raises(NotSampling, match="todavía no ha cambiado"):
        meter.measure(WINDOW_S)


def test_a_counter_that_wraps_at_its_range_is_mended_and_says_so() -> None:
    closed = SimulatedMeter("constant=250,wrap-at=3").measure(WINDOW_S)
    assert closed.reading.flags == (Flag.COUNTER_WRAPPED,)
    assert closed.reading.energy_mj == pytest.approx(POWER_W * WINDOW_S * 1000, rel=0.005)


@pytest.mark.parametrize("reading", [-1, 2**63])
def test_a_reading_that_no_counter_shows_is_not_taken_for_energy(
    scripted: ScriptedSource, reading: int
) -> None:
    meter = meter_of(scripted)
    window = meter.open_window(client="test")
    meter.run(2.0)
    scripted.reading = reading
    meter.run(1.0)
    assert "imposible" in meter.trouble
    scripted.reading = None
    meter.run(2.0)
    assert Flag.EDGES_MISSING in meter.end(window.id).reading.flags
    assert meter.counts.unreadable == 50


def test_a_counter_that_cannot_be_read_at_the_end_ends_in_a_flag_and_not_in_a_wait(
    scripted: ScriptedSource,
) -> None:
    meter = meter_of(scripted)
    window = meter.open_window(client="test")
    meter.run(2.0)
    scripted.reason = "El driver no contesta."
    meter.run(1.0)
    reading = meter.end(window.id).reading
    assert Flag.EDGES_MISSING in reading.flags
    assert (reading.energy_mj, reading.grade) == (None, None)


def test_a_meter_whose_thread_stands_still_ends_its_windows_all_the_same(scripted: ScriptedSource) -> None:
    meter = meter_of(scripted)
    window = meter.open_window(client="test")
    meter.run(2.0)
    meter.time.forward(seconds=1)
    meter.end_window(window.id)
    meter.time.forward(seconds=meter.settle_ns / 10**9)
    reading = meter.closed(window.id).reading
    assert reading.energy_mj is None
    assert Flag.EDGES_MISSING in reading.flags


def test_a_counter_that_is_where_it_was_after_nobody_read_it_ends_in_a_flag(
    scripted: ScriptedSource,
) -> None:
    meter = meter_of(scripted)
    window = meter.open_window(client="test")
    scripted.reading = 5_000_000
    meter.run(0.1)
    scripted.reading = 4_000_000
    meter.time.forward(seconds=1)
    meter.run(0.02)
    scripted.reading = 5_000_000
    meter.run(0.1)
    scripted.reading = 6_000_000
    reading = meter.end(window.id).reading
    assert Flag.EDGES_MISSING in reading.flags
    assert reading.grade is None


def test_more_processes_than_the_meter_was_told_void_the_window_though_they_were_there_before(
    scripted: ScriptedSource,
) -> None:
    scripted.seen = DeviceState(processes=frozenset({7, 8}))
    assert meter_of(scripted).measure(WINDOW_S).reading.flags == (Flag.OTHER_PROCESS,)
    two = Limits(most_processes=2)
    assert meter_of(ScriptedSource(Clock()), limits=two).measure(WINDOW_S).reading.flags == ()


def test_a_change_of_the_device_in_the_last_instant_is_seen(scripted: ScriptedSource) -> None:
    meter = meter_of(scripted)
    window = meter.open_window(client="test")
    meter.run(2.0)
    meter.end_window(window.id)
    scripted.seen = DeviceState(
        clocks_mhz=(1200,), power_limit_mw=700_000, throttled="", processes=frozenset({7})
    )
    meter.run(0.14)
    assert meter.closed(window.id).reading.flags == (Flag.CLOCKS_CHANGED,)


def test_a_window_is_not_closed_before_its_device_was_looked_at_after_the_end(
    scripted: ScriptedSource,
) -> None:
    meter = meter_of(scripted)
    window = meter.open_window(client="test")
    # The next sample shows the counter's next change.
    meter.run(2.08)
    meter.end_window(window.id)
    seen: list[Opened | Closed] = []
    scripted.when_looked_at = lambda: seen.append(meter.window(window.id))
    meter.run(STEP_S)
    assert [type(found) for found in seen] == [Opened]
    assert meter.closed(window.id).reading.flags == ()


def test_what_was_set_before_the_window_is_no_change_in_it(scripted: ScriptedSource) -> None:
    meter = meter_of(scripted)
    scripted.seen = DeviceState(
        clocks_mhz=(1200,), power_limit_mw=700_000, throttled="", processes=frozenset({7})
    )
    assert meter.measure(WINDOW_S).reading.flags == ()


def test_a_device_that_does_not_tell_its_state_gives_no_grade_a(scripted: ScriptedSource) -> None:
    scripted.state_reason = "NVML no contesta."
    reading = meter_of(scripted).measure(WINDOW_S).reading
    assert Flag.OTHER_PROCESSES_INCLUDED in reading.flags
    assert reading.grade is EvidenceGrade.B


def test_a_device_whose_state_turns_about_for_ever_costs_no_memory(scripted: ScriptedSource) -> None:
    meter = meter_of(scripted)
    window = meter.open_window(client="test")
    for number in range(3 * MOST_STATES):
        scripted.seen = DeviceState(clocks_mhz=(number,), processes=frozenset({7}))
        meter.run(1.0)
    assert len(meter._windows[window.id].states) == MOST_STATES
    assert Flag.CLOCKS_CHANGED in meter.end(window.id).reading.flags


# --- windows that nobody ends, or ends twice, or never opened -----------------------------------------------


def test_a_window_that_nobody_ends_is_closed_at_its_limit_with_a_flag() -> None:
    meter = SimulatedMeter(limits=Limits(window_limit_s=10))
    meter.run(1.0)
    window = meter.open_window(client="killed")
    meter.run(15)
    meter.close_due()
    assert meter.open_windows == 0
    reading = meter.closed(window.id).reading
    assert reading.flags == (Flag.WINDOW_EXPIRED,)
    assert reading.seconds == 10
    assert reading.grade is None
    with pytest.raises(WindowEnded):
        meter.end_window(window.id)


def test_a_window_past_its_limit_cannot_be_ended_as_if_it_were_not() -> None:
    meter = SimulatedMeter()
    meter.run(1.0)
    window = meter.open_window(client="late", limit_s=2)
    meter.run(3)
    with pytest.raises(WindowEnded):
        meter.end_window(window.id)
    assert Flag.WINDOW_EXPIRED in meter.closed(window.id).reading.flags


def test_a_window_ends_once_and_the_second_end_names_it() -> None:
    meter = SimulatedMeter()
    closed = meter.measure(WINDOW_S)
    with pytest.raises(WindowEnded) as refused:
        meter.end_window(closed.id)
    assert refused.value.window_id == closed.id
    assert meter.window(closed.id) == closed


def test_a_window_cannot_be_ended_again_while_it_waits_for_its_last_edge() -> None:
    meter = SimulatedMeter()
    meter.run(1.0)
    window = meter.open_window(client="test")
    meter.run(1.0)
    meter.end_window(window.id)
    with pytest.raises(WindowEnded):
        meter.end_window(window.id)


@pytest.mark.parametrize("turned", [0, 20, 60, 73])
def test_an_id_with_one_character_changed_is_no_window(turned: int) -> None:
    meter = SimulatedMeter()
    closed = meter.measure(1)
    forged = closed.id[:turned] + ("0" if closed.id[turned] != "0" else "1") + closed.id[turned + 1 :]
    with pytest.raises(WindowUnknown):
        meter.window(forged)
    with pytest.raises(WindowUnknown):
        meter.end_window(forged)


def test_a_window_of_an_earlier_start_of_the_meter_is_told_from_a_forged_one() -> None:
    before, after = SimulatedMeter(), SimulatedMeter()
    window_id = before.measure(1).id
    with pytest.raises(MeterRestarted):
        after.end_window(window_id)
    with pytest.raises(WindowUnknown):
        SimulatedMeter(token="the-token-of-another-meter").window(window_id)


def test_two_windows_have_nothing_in_common_that_could_be_guessed() -> None:
    meter = SimulatedMeter(limits=Limits(most_open=1000))
    meter.run(1.0)
    ids = [meter.open_window(client="test").id for _ in range(1000)]
    assert len({window_id.split(".")[1] for window_id in ids}) == 1000


def test_a_meter_of_another_device_opens_no_window() -> None:
    meter = SimulatedMeter()
    meter.run(1.0)
    with pytest.raises(WrongDevice) as refused:
        meter.open_window(client="test", device_uuid="GPU-of-somebody-else")
    assert refused.value.uuid == meter.device.uuid
    assert meter.open_windows == 0


def test_no_window_begins_without_a_counter(scripted: ScriptedSource) -> None:
    unread = SimulatedMeter()
    with pytest.raises(NotSampling):
        unread.open_window(client="test")
    meter = meter_of(scripted)
    scripted.reason = "El driver no contesta."
    meter.run(STEP_S)
    with pytest.raises(NotSampling, match="driver"):
        meter.open_window(client="test")


# --- what is kept is bounded --------------------------------------------------------------------------------


def test_so_many_windows_are_open_at_once_and_no_more() -> None:
    meter = SimulatedMeter(limits=Limits(most_open=2, window_limit_s=5))
    meter.run(1.0)
    for _ in range(2):
        meter.open_window(client="test")
    with pytest.raises(TooManyWindows):
        meter.open_window(client="test")
    meter.run(7)
    meter.open_window(client="after the others expired")


def test_a_reading_too_old_to_be_kept_is_gone_and_not_unknown() -> None:
    meter = SimulatedMeter(limits=Limits(most_kept=2))
    ids = [meter.measure(1).id for _ in range(3)]
    with pytest.raises(WindowForgotten):
        meter.window(ids[0])
    assert [meter.closed(window_id).id for window_id in ids[1:]] == ids[1:]


def test_ten_thousand_windows_leave_nothing_behind() -> None:
    meter = SimulatedMeter(limits=Limits(most_kept=10))
    meter.run(1.0)

    def use(windows: int) -> None:
        for number in range(windows):
            window = meter.open_window(client=f"client-{number}")
            meter.run(STEP_S)
            meter.end_window(window.id)
            if number % 50 == 49:
                meter.settle()
                meter.close_due()

    use(500)
    gc.collect()
    before = len(gc.get_objects())
    use(9_500)
    gc.collect()
    assert meter.counts.opened == meter.counts.closed == 10_000
    assert (meter.open_windows, meter.kept_readings) == (0, 10)
    assert abs(len(gc.get_objects()) - before) < 100


def test_the_longest_window_still_has_its_first_edge() -> None:
    meter = SimulatedMeter("constant=250,update-ms=1000", limits=Limits(sample_every_ms=20))
    assert meter.window_limit_s == 3600
    quick = SimulatedMeter("constant=250,update-ms=1", limits=Limits(sample_every_ms=20))
    assert quick.window_limit_s < 3600
    assert quick._longest_s() * 1000 // 20 <= 180_000


def test_power_is_told_over_the_last_second_and_not_once_the_counter_is_away() -> None:
    meter = SimulatedMeter("constant=250,gap-at=5")
    assert meter.power_mw() is None
    meter.run(4)
    assert meter.power_mw() == pytest.approx(POWER_W * 1000, rel=0.02)
    meter.run(4)
    assert meter.power_mw() is None
    assert meter.trouble
