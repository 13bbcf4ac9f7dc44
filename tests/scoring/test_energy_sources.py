"""Claims on the counters that a meter can read. NVML, zeusd and DCGM are played by stand-ins that answer as
their references say; powercap is a tree of files, and replay and synthetic are the real thing.
"""

from __future__ import annotations

import json
import socketserver
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.energy.counter import CounterSource, Device, DeviceState, Edge
from scoring.energy.edges import Recording, write_recording
from scoring.energy.sources import OPENERS, open_source
from scoring.energy.sources.dcgm import open_dcgm
from scoring.energy.sources.nvml import NvmlSource
from scoring.energy.sources.rapl import RaplCounterSource
from scoring.energy.sources.synthetic import SyntheticSource
from scoring.energy.sources.zeusd import open_zeusd
from scoring.errors import CounterUnavailable
from scoring.values import EvidenceGrade
from tests.scoring import fake_nvml
from tests.scoring.fake_nvml import FakeGpu, FakeNvml
from tests.scoring.powercap import USUAL_RANGE_UJ, Clock, Powercap

MS, S = 10**6, 10**9
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def clock() -> Clock:
    return Clock()


# --- choosing one -------------------------------------------------------------------------------------------


def test_the_token_model_needs_no_meter_and_what_to_do_is_said() -> None:
    with pytest.raises(ValueError, match="deja METER_URL vacío"):
        open_source("model")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("", "No hay ningún contador ''"),
        ("gpu", "No hay ningún contador 'gpu'"),
        ("rapl:0", "sobra"),
        ("replay:", "Falta el fichero"),
        ("zeusd:", "no es http"),
        ("zeusd:https://localhost", "no es http"),
        ("zeusd:/run/zeusd.sock#uno", "no es el índice"),
        ("dcgm:ftp://localhost", "no es http"),
        ("dcgm:http://user@localhost", "no es http"),
        ("dcgm:http://localhost#GPU-1@0", "no es un intervalo"),
        ("synthetic:", "no se conoce"),
        ("synthetic:constant=250,sine=1/1/1", "solo una"),
        ("synthetic:jitter-ms=2", "Hace falta una curva"),
        ("synthetic:constant=-1", "no es un número"),
        ("synthetic:constant=NaN", "no es un número"),
        ("synthetic:constant=1e999999999", "no es un número"),
        ("synthetic:constant=1,constant=1", "dos veces"),
        ("synthetic:constant=1,jitter-ms=50", "mitad"),
        ("synthetic:constant=1,update-ms=0", "1 o más"),
        ("synthetic:sine=100/200/1", "amplitud"),
        ("synthetic:sine=100/20", "no son 3 números"),
        ("synthetic:steps=100x0", "más de 0 s"),
        ("synthetic:constant=1,stuck-at=x", "no es un número"),
        ("synthetic:constant=1,fuego-at=3", "«fuego-at» no se conoce"),
    ],
)
def test_a_spec_that_cannot_be_says_what_is_wrong_and_what_is_allowed(spec: str, said: str) -> None:
    with pytest.raises(ValueError, match="Formas admitidas: nvml") as refused:
        open_source(spec)
    assert said in str(refused.value)


@pytest.mark.parametrize("spec", ["replay:/no/hay", "zeusd:/no/hay.sock", "dcgm:http://127.0.0.1:1/metrics"])
def test_a_counter_that_is_not_here_is_told_in_words(spec: str) -> None:
    with pytest.raises(CounterUnavailable) as told:
        open_source(spec)
    assert told.value.reason.endswith(".")


def test_every_source_says_its_own_name(
    clock: Clock, tmp_path: Path, powercap: Powercap, recorded: Path, zeusd: Answers, dcgm: Answers
) -> None:
    found: list[CounterSource] = [
        NvmlSource(FakeNvml()),
        RaplCounterSource(root=powercap.root, clock=clock),
        open_zeusd(zeusd.url, clock),
        open_dcgm(f"{dcgm.url}/metrics#GPU-1", clock),
        open_source(f"replay:{recorded}", clock=clock),
        open_source("synthetic:constant=1", clock=clock),
    ]
    assert [source.name for source in found] == list(OPENERS)
    for source in found:
        assert source.read_mj() >= 0
        assert isinstance(source.state(), DeviceState)
        source.close()


def test_the_sources_hold_nothing_but_the_standard_library() -> None:
    listed = subprocess.run(
        [sys.executable, "-c", "import scoring.energy.sources, sys; print(*sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {name.partition(".")[0] for name in listed.stdout.split()}
    assert not loaded & {"httpx", "numpy", "django", "codecarbon", "pynvml", "prometheus_client"}


# --- nvml ---------------------------------------------------------------------------------------------------


def test_an_nvidia_gpu_with_its_own_counter_is_grade_a() -> None:
    source = NvmlSource(FakeNvml())
    assert source.grade is EvidenceGrade.A
    assert source.read_mj() == 123_456
    assert source.device() == Device(
        uuid="GPU-0b3c",
        name="NVIDIA H100 80GB HBM3",
        driver="575.57.08",
        update_ms=100,
        max_power_mw=700_000,
    )


def test_a_gpu_is_found_by_uuid_and_by_index() -> None:
    nvml = FakeNvml(gpus=[FakeGpu(uuid="GPU-a"), FakeGpu(uuid="GPU-b")])
    assert NvmlSource(nvml, "GPU-b").device().uuid == "GPU-b"
    assert NvmlSource(nvml, "1").device().uuid == "GPU-b"
    with pytest.raises(CounterUnavailable, match="Hay 2 GPU"):
        NvmlSource(nvml)
    with pytest.raises(CounterUnavailable, match="Not Found"):
        NvmlSource(nvml, "GPU-c")
    assert nvml.opened == 2


def test_the_state_of_a_gpu() -> None:
    gpu = FakeGpu(compute=(10, 11), graphics=(12,))
    assert NvmlSource(FakeNvml(gpus=[gpu])).state() == DeviceState(
        clocks_mhz=(1980, 2619), power_limit_mw=650_000, throttled="", processes=frozenset({10, 11, 12})
    )


@pytest.mark.parametrize(
    ("reasons", "said"),
    [
        (0, ""),
        (0x1 | 0x2 | 0x4 | 0x10 | 0x100, ""),  # idle, settings, the power limit: nothing unusual
        (0x20, "sw-thermal"),
        (0x40 | 0x80, "hw-thermal+hw-power-brake"),
        (0x08, "hw-slowdown"),
    ],
)
def test_only_heat_and_the_power_brake_are_slowdowns(reasons: int, said: str) -> None:
    assert NvmlSource(FakeNvml(gpus=[FakeGpu(reasons=reasons)])).state().throttled == said


def test_an_older_driver_tells_slowdowns_by_their_older_name() -> None:
    nvml = FakeNvml(gpus=[FakeGpu(reasons=0x40)])
    nvml.fails["nvmlDeviceGetCurrentClocksEventReasons"] = fake_nvml.NVMLError_FunctionNotFound()
    assert NvmlSource(nvml).state().throttled == "hw-thermal"


def test_what_a_gpu_does_not_know_is_none_and_never_all_is_well() -> None:
    nvml = FakeNvml()
    source = NvmlSource(nvml)
    for name in (
        "nvmlDeviceGetCurrentClocksEventReasons",
        "nvmlDeviceGetCurrentClocksThrottleReasons",
        "nvmlDeviceGetApplicationsClock",
        "nvmlDeviceGetPowerManagementLimit",
        "nvmlDeviceGetComputeRunningProcesses",
    ):
        nvml.fails[name] = fake_nvml.NVMLError_NotSupported("Not Supported")
    assert source.state() == DeviceState()


@pytest.mark.parametrize(
    "broken",
    ["nvmlInit", "nvmlDeviceGetTotalEnergyConsumption", "nvmlDeviceGetPowerManagementLimitConstraints"],
)
def test_a_gpu_that_fails_is_unavailable_and_nvml_is_let_go(broken: str) -> None:
    nvml = FakeNvml(fails={broken: fake_nvml.NVMLError_GpuIsLost("GPU is lost")})
    with pytest.raises(CounterUnavailable, match="GPU is lost"):
        NvmlSource(nvml)
    assert nvml.opened == 0


def test_a_gpu_lost_later_is_unavailable_and_never_a_zero() -> None:
    nvml = FakeNvml()
    source = NvmlSource(nvml)
    nvml.fails = {
        name: fake_nvml.NVMLError_GpuIsLost("GPU is lost")
        for name in ("nvmlDeviceGetTotalEnergyConsumption", "nvmlDeviceGetPowerManagementLimit")
    }
    with pytest.raises(CounterUnavailable):
        source.read_mj()
    with pytest.raises(CounterUnavailable):
        source.state()


def test_a_gpu_cut_into_mig_instances_counts_all_of_them_and_is_no_grade_a() -> None:
    assert NvmlSource(FakeNvml(gpus=[FakeGpu(mig=1)])).grade is EvidenceGrade.B
    assert NvmlSource(FakeNvml(gpus=[FakeGpu(mig=0)])).grade is EvidenceGrade.A


def test_nvml_is_let_go_once() -> None:
    nvml = FakeNvml()
    source = NvmlSource(nvml)
    source.close()
    source.close()
    assert nvml.opened == 0


# --- rapl ---------------------------------------------------------------------------------------------------


@pytest.fixture
def powercap(tmp_path: Path) -> Powercap:
    tree = Powercap(tmp_path / "powercap")
    tree.add_package(0, uj=USUAL_RANGE_UJ - 500_000)
    tree.add_package(1, uj=7_000_000)
    return tree


def test_packages_are_one_counter_that_does_not_start_again(powercap: Powercap, clock: Clock) -> None:
    source = RaplCounterSource(root=powercap.root, clock=clock)
    assert source.read_mj() == 0
    clock.forward(seconds=0.02)
    powercap.set("intel-rapl:0", 500_000)
    powercap.set("intel-rapl:1", 7_250_500)
    assert source.read_mj() == 1250
    assert source.grade is EvidenceGrade.C
    assert source.device().update_ms == 1
    assert source.device().range_mj is None


def test_a_package_that_went_away_is_unavailable_and_then_begins_again_at_0(
    powercap: Powercap, clock: Clock
) -> None:
    source = RaplCounterSource(root=powercap.root, clock=clock)
    powercap.set("intel-rapl:1", 17_000_000)
    assert source.read_mj() == 10_000
    powercap.remove("intel-rapl:1")
    for _ in range(2):
        with pytest.raises(CounterUnavailable):
            source.read_mj()
    powercap.add_package(1, uj=18_000_000)
    assert source.read_mj() == 0


def test_a_machine_without_powercap_says_so(tmp_path: Path) -> None:
    with pytest.raises(CounterUnavailable, match="no muestra contadores RAPL"):
        RaplCounterSource(root=tmp_path / "nothing")


def test_the_uuid_of_a_processor_is_this_machines_and_gives_it_not_away(
    powercap: Powercap, clock: Clock
) -> None:
    uuid = RaplCounterSource(root=powercap.root, clock=clock).device().uuid
    assert uuid == RaplCounterSource(root=powercap.root, clock=clock).device().uuid
    assert uuid.endswith("-package-0+package-1")


# --- daemons ------------------------------------------------------------------------------------------------


class Answers:
    """A small HTTP server: what it answers by path; a path it does not know is 404."""

    def __init__(self, socket_path: Path | None = None) -> None:
        self.by_path: dict[str, str] = {}
        self.asked: list[str] = []
        answers = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                answers.asked.append(self.path)
                body = answers.by_path.get(self.path)
                self.send_response(404 if body is None else 200)
                sent = (body or "").encode()
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)

            def log_message(self, *arguments: object) -> None:
                """Says nothing."""

            def address_string(self) -> str:
                return "test"

        server: socketserver.BaseServer
        if socket_path is None:
            server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
            self.url = f"http://127.0.0.1:{server.server_address[1]}"
        else:
            server = socketserver.ThreadingUnixStreamServer(str(socket_path), Handler)
            self.url = str(socket_path)
        server.daemon_threads = True
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def tell_of_gpus(answers: Answers, *gpus: dict[str, Any]) -> None:
    answers.by_path["/discover"] = json.dumps({"gpus": gpus, "cpus": [], "auth_required": False})
    for gpu in gpus:
        number = gpu["id"]
        answers.by_path[f"/gpu/get_cumulative_energy?gpu_ids={number}"] = json.dumps(
            {str(number): {"energy_mj": 1000 + number}}
        )


def a_gpu(number: int, **more: Any) -> dict[str, Any]:
    """As zeusd's reference shows one."""
    return {
        "id": number,
        "name": "NVIDIA A40",
        "pci_address": f"0000:0{number}:00.0",
        "cumulative_energy_available": True,
        **more,
    }


@pytest.fixture
def zeusd() -> Iterator[Answers]:
    answers = Answers()
    tell_of_gpus(answers, a_gpu(0))
    yield answers
    answers.stop()


def test_zeusd_tells_a_gpus_counter_over_tcp_and_over_its_socket(tmp_path: Path, clock: Clock) -> None:
    for answers in (Answers(), Answers(tmp_path / "zeusd.sock")):
        tell_of_gpus(answers, a_gpu(0), a_gpu(1))
        answers.by_path["/gpu/get_power_limit?gpu_ids=1"] = '{"1": {"power_limit_mw": 250000}}'
        answers.by_path["/gpu/get_power_limit_constraints?gpu_ids=1"] = (
            '{"1": {"min_power_limit_mw": 100000, "max_power_limit_mw": 300000}}'
        )
        try:
            source = open_zeusd(f"{answers.url}#1", clock)
            assert source.read_mj() == 1001
            assert source.device().uuid == "pci-0000:01:00.0"
            assert source.device().max_power_mw == 300_000
            assert source.state() == DeviceState(power_limit_mw=250_000)
            assert source.grade is EvidenceGrade.B
        finally:
            source.close()
            answers.stop()


def test_an_older_zeusd_knows_no_power_limit(zeusd: Answers, clock: Clock) -> None:
    source = open_zeusd(zeusd.url, clock)
    assert source.device().max_power_mw is None
    assert source.state() == DeviceState()


def test_zeusd_with_several_gpus_must_be_told_which(zeusd: Answers, clock: Clock) -> None:
    tell_of_gpus(zeusd, a_gpu(0), a_gpu(1, cumulative_energy_available=False))
    with pytest.raises(CounterUnavailable, match="tiene 2 GPU"):
        open_zeusd(zeusd.url, clock)
    with pytest.raises(CounterUnavailable, match="no tiene contador"):
        open_zeusd(f"{zeusd.url}#1", clock)
    with pytest.raises(CounterUnavailable, match="no tiene una GPU 5"):
        open_zeusd(f"{zeusd.url}#5", clock)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "<html>",
        "[]",
        '{"0": {}}',
        '{"0": {"energy_mj": null}}',
        '{"0": {"energy_mj": -4}}',
        '{"0": {"energy_mj": NaN}}',
        '{"0": {"energy_mj": 1.5}}',
        '{"1": {"energy_mj": 4}}',
        "[" * 100_000,
    ],
)
def test_an_answer_that_is_no_amount_is_unavailable_and_never_a_zero(
    zeusd: Answers, clock: Clock, answer: str
) -> None:
    source = open_zeusd(zeusd.url, clock)
    zeusd.by_path["/gpu/get_cumulative_energy?gpu_ids=0"] = answer
    with pytest.raises(CounterUnavailable, match=r"zeusd|contesta"):
        source.read_mj()


def test_a_daemon_that_comes_back_is_read_again(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "zeusd.sock"
    first = Answers(path)
    tell_of_gpus(first, a_gpu(0))
    source = open_zeusd(str(path), clock)
    first.stop()
    source.close()
    with pytest.raises(CounterUnavailable, match="no contesta"):
        source.read_mj()
    path.unlink()
    second = Answers(path)
    tell_of_gpus(second, a_gpu(0))
    try:
        assert source.read_mj() == 1000
    finally:
        source.close()
        second.stop()


METRICS = """\
# HELP DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION Total energy consumption since boot (in mJ).
# TYPE DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION counter
DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{gpu="0",UUID="GPU-1",pci_bus_id="00000000:37:00.0",device="nvidia0",\
modelName="Tesla T4",Hostname="una-máquina",DCGM_FI_DRIVER_VERSION="590.48.01"} 15152422938
DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{gpu="1",UUID="GPU-2",device="nvidia1",modelName="T4",pod="a\\"b}"} 7
DCGM_FI_DEV_CLOCKS_EVENT_REASONS{gpu="0",UUID="GPU-1"} 64
DCGM_FI_DEV_CLOCKS_EVENT_REASONS{gpu="1",UUID="GPU-2"} 1
DCGM_FI_DEV_POWER_MGMT_LIMIT{gpu="0",UUID="GPU-1"} 70.500000
up 1
"""


@pytest.fixture
def dcgm() -> Iterator[Answers]:
    answers = Answers()
    answers.by_path["/metrics"] = METRICS
    yield answers
    answers.stop()


def test_the_dcgm_exporter_tells_a_gpus_counter(dcgm: Answers, clock: Clock) -> None:
    source = open_dcgm(f"{dcgm.url}/metrics#GPU-1", clock)
    assert source.read_mj() == 15_152_422_938
    assert source.device() == Device(uuid="GPU-1", name="Tesla T4", driver="590.48.01", update_ms=30_000)
    assert source.state() == DeviceState(power_limit_mw=70_500, throttled="hw-thermal")
    assert open_dcgm(f"{dcgm.url}#GPU-2@1000", clock).device().update_ms == 1000
    assert open_dcgm(f"{dcgm.url}#GPU-2", clock).state() == DeviceState(throttled="")


def test_an_exporter_with_several_gpus_or_without_ours_is_unavailable(dcgm: Answers, clock: Clock) -> None:
    with pytest.raises(CounterUnavailable, match="2 contadores"):
        open_dcgm(dcgm.url, clock)
    with pytest.raises(CounterUnavailable, match="0 contadores"):
        open_dcgm(f"{dcgm.url}#GPU-3", clock)
    with pytest.raises(CounterUnavailable, match="404"):
        open_dcgm(f"{dcgm.url}/otra#GPU-1", clock)


@pytest.mark.parametrize("value", ["NaN", "-1", "+Inf", "x", "1e40"])
def test_a_metric_that_is_no_amount_is_unavailable(dcgm: Answers, clock: Clock, value: str) -> None:
    source = open_dcgm(f"{dcgm.url}#GPU-1", clock)
    dcgm.by_path["/metrics"] = METRICS.replace("15152422938", value)
    with pytest.raises(CounterUnavailable, match="no es una cantidad"):
        source.read_mj()


def test_a_metric_in_exponents_is_exact(dcgm: Answers, clock: Clock) -> None:
    dcgm.by_path["/metrics"] = METRICS.replace("15152422938", "1.5152422938e+10 1700000000000")
    assert open_dcgm(f"{dcgm.url}#GPU-1", clock).read_mj() == 15_152_422_938


# --- replay -------------------------------------------------------------------------------------------------

EDGES = (Edge(5 * S, 100), Edge(5 * S + 100 * MS, 125), Edge(5 * S + 200 * MS, 150))
DEVICE = Device(uuid="GPU-1", name="GPU", driver="1", update_ms=100)


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    path = tmp_path / "edges.jsonl"
    write_recording(path, Recording(device=DEVICE, source="nvml", edges=EDGES))
    return path


def test_a_recording_is_played_by_the_clock_and_ends(recorded: Path, clock: Clock) -> None:
    source = open_source(f"replay:{recorded}", clock=clock)
    assert source.device() == DEVICE
    assert source.grade is EvidenceGrade.E
    shown = []
    for _ in range(5):
        shown.append(source.read_mj())
        clock.forward(seconds=0.05)
    assert shown == [100, 100, 125, 125, 150]
    for _ in range(2):
        with pytest.raises(CounterUnavailable, match="terminó"):
            source.read_mj()


def test_a_recording_that_is_not_ours_or_is_empty_says_why(recorded: Path, clock: Clock) -> None:
    write_recording(recorded, Recording(device=DEVICE, source="nvml", edges=()))
    with pytest.raises(CounterUnavailable, match="ningún cambio"):
        open_source(f"replay:{recorded}", clock=clock)
    recorded.write_text("{}\n")
    with pytest.raises(CounterUnavailable, match=r"edges\.jsonl:1: a header"):
        open_source(f"replay:{recorded}", clock=clock)


# --- synthetic ----------------------------------------------------------------------------------------------


def a_synthetic(spec: str) -> tuple[SyntheticSource, Callable[[float], int], int]:
    """The source, what it shows so many seconds after its start (forwards only), and its start."""
    clock = Clock()
    opened_ns = clock()
    source = SyntheticSource(spec, clock=clock)

    def at(seconds: float) -> int:
        clock.forward(seconds=seconds - (clock() - opened_ns) / S)
        return source.read_mj()

    return source, at, opened_ns


def test_a_simulated_counter_never_claims_to_be_a_measurement() -> None:
    source, _, _ = a_synthetic("constant=250")
    assert source.grade is EvidenceGrade.E
    assert source.device().uuid.startswith("SYNTHETIC-")
    assert "simulado" in source.device().name


def test_a_simulated_counter_changes_on_its_beat_and_shows_the_true_energy_of_then() -> None:
    _, at, _ = a_synthetic("constant=250,start-mj=1000")
    assert [at(seconds) for seconds in (0, 0.099, 0.1, 0.199, 0.2, 10.05)] == [
        1000,
        1000,
        26_000,
        26_000,
        51_000,
        2_501_000,
    ]


@given(seed=st.integers(0, 10**6), jitter_ms=st.integers(0, 49), seconds=st.integers(1, 60))
def test_jitter_moves_a_change_and_never_past_its_neighbours(seed: int, jitter_ms: int, seconds: int) -> None:
    source, at, opened_ns = a_synthetic(f"constant=1000,jitter-ms={jitter_ms},seed={seed}")
    shown = at(seconds)
    true_mj = source.true_mj(opened_ns, opened_ns + seconds * S)
    # A counter is behind by one step and what jitter adds to it at most.
    assert 0 <= true_mj - shown <= 100_000 + 2000 * jitter_ms


def test_the_same_spec_shows_the_same_counter() -> None:
    one, other = (
        a_synthetic("constant=250,jitter-ms=20,seed=4")[1],
        a_synthetic("constant=250,jitter-ms=20,seed=4")[1],
    )
    moments = [n * 0.013 for n in range(1, 200)]
    assert [one(moment) for moment in moments] == [other(moment) for moment in moments]


@pytest.mark.parametrize(
    ("curve", "seconds", "joules"),
    [
        ("constant=250", 3, 750),
        ("steps=100x1/400x0.5", 1.25, 200),
        ("steps=100x1/400x0.5", 4.5, 900),
        ("sine=250/100/2", 4, 1000),
        ("sine=250/100/2", 1, 250 + 63.66197723675814),
    ],
)
def test_the_true_energy_of_a_curve_by_hand(curve: str, seconds: float, joules: float) -> None:
    source, _, opened_ns = a_synthetic(curve)
    true_mj = source.true_mj(opened_ns, opened_ns + round(seconds * S))
    assert float(true_mj) == pytest.approx(joules * 1000, rel=1e-12)


@given(cuts=st.lists(st.integers(0, 60 * S), min_size=3, max_size=3).map(sorted))
def test_the_true_energies_of_steps_add_up_exactly(cuts: list[int]) -> None:
    source, _, opened_ns = a_synthetic("steps=100x1/400x0.3/37.5x0.7")
    a, b, c = (opened_ns + cut for cut in cuts)
    assert source.true_mj(a, b) + source.true_mj(b, c) == source.true_mj(a, c)
    assert source.true_mj(a, b) >= Fraction(0)


def test_a_synthetic_gap_is_unavailable_while_it_lasts() -> None:
    _, at, _ = a_synthetic("constant=250,gap-at=1+1")
    assert at(0.5) == 125_000
    with pytest.raises(CounterUnavailable):
        at(1)
    assert at(2) == 500_000


def test_synthetic_faults_of_the_counter_by_hand() -> None:
    def seen(spec: str) -> list[int]:
        _, at, _ = a_synthetic(f"constant=100,{spec}")
        return [at(seconds) for seconds in (1, 2, 3)]

    assert seen("seed=1") == [100_000, 200_000, 300_000]
    assert seen("stuck-at=1.5+1") == [100_000, 150_000, 300_000]
    assert seen("stuck-at=1.5") == [100_000, 150_000, 150_000]
    assert seen("jump-at=2,jump-mj=5000") == [100_000, 205_000, 305_000]
    assert seen("back-at=2,back-mj=5000") == [100_000, 195_000, 295_000]
    assert seen("restart-at=2,start-mj=9") == [100_009, 0, 100_000]
    assert seen("wrap-at=2,range-mj=1000000") == [900_000, 0, 100_000]
    assert seen("range-mj=250000") == [100_000, 200_000, 50_000]
