"""Claims on the meter's own process: how it starts, ends, records, and what it says where it cannot start.

The process is the real one, started as a person starts it, over the synthetic counter.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scoring.energy.edges import read_recording
from scoring.energy.flags import Flag
from scoring.energy.meter.arguments import CannotStart, parse
from scoring.energy.meter.offers import NONE, offers, told
from scoring.energy.metered import WindowVoid
from scoring.energy.sources import open_source
from scoring.energy.sources.synthetic import open_synthetic
from scoring.errors import CounterUnavailable
from scoring.values import EvidenceGrade, TokenUse
from tests.meter_process import CURVE, ENDS_S, MODULE, TOKEN, MeterProcess
from tests.scoring.powercap import Clock
from tests.servers import ROOT, wait_until

CALLS = [TokenUse(prompt_tokens=134, completion_tokens=9)]


@pytest.fixture
def meter(tmp_path: Path) -> Iterator[MeterProcess]:
    running = MeterProcess(tmp_path)
    running.start()
    yield running
    running.process.stop()


def run(*arguments: str, token: str = TOKEN) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "METER_TOKEN": token}
    return subprocess.run(
        [*MODULE, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=ENDS_S,
        check=False,
    )


@pytest.mark.parts
def test_a_worker_measures_a_window_with_it(meter: MeterProcess) -> None:
    window = meter.find().open()
    begun = len(meter.ask("/v1/edges?from=0&to=9000000000000000000").json()["edges"])
    wait_until(
        lambda: len(meter.ask("/v1/edges?from=0&to=9000000000000000000").json()["edges"]) > begun + 5,
        "some edges pass",
    )
    measured = window.close(CALLS)
    assert measured.grade is EvidenceGrade.E
    assert measured.flags == ()
    assert measured.energy_mj == pytest.approx(250_000 * float(measured.seconds), rel=0.1)
    assert window.evidence is not None
    assert window.evidence.edges_count == len(window.edges)


@pytest.mark.parts
def test_it_ends_when_it_is_told_to_with_windows_open(meter: MeterProcess) -> None:
    meter.find().open()
    assert meter.terminate() == 0
    assert "Traceback" not in meter.process.log()


@pytest.mark.parts
def test_a_meter_that_is_killed_and_started_again_voids_the_window_and_measures_the_next(
    meter: MeterProcess,
) -> None:
    source = meter.find()
    window = source.open()
    meter.process.kill()
    meter.start()
    with pytest.raises(WindowVoid) as void:
        window.close(CALLS)
    assert void.value.flags == (Flag.METER_RESTARTED,)
    assert source.open().id != window.id


@pytest.mark.parts
def test_a_worker_that_is_killed_in_a_window_leaves_none_open(tmp_path: Path) -> None:
    meter = MeterProcess(tmp_path, options=("--window-limit-s", "1"))
    meter.start()
    opens = (
        "import os, signal; from scoring.energy.metered import find_meter; "
        f"find_meter({meter.url!r}, token={TOKEN!r}, client='killed').open(); "
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", opens], cwd=ROOT, timeout=ENDS_S, check=False)
    assert killed.returncode == -signal.SIGKILL

    def metric(name: str) -> str:
        found = re.search(rf"^{name}\{{[^}}]*\}} (\d+)$", meter.ask("/metrics").text, re.MULTILINE)
        assert found
        return found[1]

    assert metric("meter_windows_opened_total") == "1"
    wait_until(lambda: metric("meter_windows_open") == "0", "the window is closed by its limit")
    assert metric("meter_windows_expired_total") == "1"
    meter.process.stop()


@pytest.mark.parts
def test_what_it_records_can_be_played_again(tmp_path: Path) -> None:
    path = tmp_path / "edges.jsonl"
    recorded = run("--source", CURVE, "--record", str(path), "--seconds", "2", token="")
    assert recorded.returncode == 0, recorded.stderr
    recording = read_recording(path)
    assert recording.source == "synthetic"
    assert len(recording.edges) > 5
    replayed = open_source(f"replay:{path}", clock=Clock())
    assert replayed.read_mj() == recording.edges[0].mj
    again = run("--source", CURVE, "--record", str(path), "--seconds", "1")
    assert (again.returncode, read_recording(path)) == (2, recording)
    assert "ya existe" in again.stderr


@pytest.mark.parts
def test_a_port_that_is_taken_is_told(meter: MeterProcess) -> None:
    refused = run("--source", CURVE, "--listen", meter.url.removeprefix("http://"))
    assert refused.returncode == 2
    assert "di otro puerto con --listen" in refused.stderr


@pytest.mark.parts
@pytest.mark.parametrize(
    ("arguments", "told_in"),
    [
        (["--source", "nothing:at-all"], "contador"),
        (["--source", "synthetic:constant=-1"], "synthetic"),
        (["--source", "replay:/there/is/no/such/file"], "--check"),
        ([], "--source"),
    ],
)
def test_a_source_that_cannot_be_ends_in_one_sentence(arguments: list[str], told_in: str) -> None:
    refused = run(*arguments)
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert refused.stderr.startswith("medidor: ")
    assert refused.stderr.count("\n") == 1
    assert told_in in refused.stderr


@pytest.mark.parts
def test_it_loads_nothing_but_the_standard_library() -> None:
    """httpx, Django and the like must not be needed on a GPU host: here there are no installed packages."""
    lists = (
        "import sys, json, scoring.energy.meter.__main__; "
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    listed = subprocess.run(
        [sys.executable, "-S", "-c", lists],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=ENDS_S,
        check=True,
    )
    assert set(json.loads(listed.stdout)) - set(sys.stdlib_module_names) == {"__main__", "scoring"}


# --- its command line, without a process --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "environment", "told_in"),
    [
        (["--source", CURVE], {}, "Falta el token"),
        (["--source", CURVE], {"METER_TOKEN": "short"}, "16 a 512"),
        (["--source", CURVE], {"METER_TOKEN": "con espacios y más de dieciséis"}, "sin espacios"),
        (["--source", CURVE, "--token-file", "/there/is/none"], {}, "/there/is/none"),
        (["--source", CURVE, "--listen", "8090"], {"METER_TOKEN": TOKEN}, "--listen"),
        (["--source", CURVE, "--listen", "gpu.example.org:8090"], {"METER_TOKEN": TOKEN}, "--listen"),
        (["--source", CURVE, "--listen", "127.0.0.1:70000"], {"METER_TOKEN": TOKEN}, "--listen"),
        (["--source", CURVE, "--listen", "8.8.8.8:8090"], {"METER_TOKEN": TOKEN}, "pública"),
        (["--source", CURVE, "--sample-ms", "0"], {"METER_TOKEN": TOKEN}, "--sample-ms"),
        (["--source", CURVE, "--window-limit-s", "1e9"], {"METER_TOKEN": TOKEN}, "--window-limit-s"),
        (["--source", CURVE, "--processes", "-1"], {"METER_TOKEN": TOKEN}, "--processes"),
        (["--source", CURVE, "--seconds", "x"], {"METER_TOKEN": TOKEN}, "--seconds"),
        (["--source", CURVE, "--sauce"], {"METER_TOKEN": TOKEN}, "--sauce"),
        (["--source"], {"METER_TOKEN": TOKEN}, "--source"),
        ([], {"METER_TOKEN": TOKEN}, "--check"),
    ],
)
def test_a_command_line_that_cannot_be_says_what_to_do(
    arguments: list[str], environment: dict[str, str], told_in: str
) -> None:
    with pytest.raises(CannotStart, match=re.escape(told_in)) as refused:
        parse(arguments, environment=environment)
    assert str(refused.value).endswith(".") or "--listen" in str(refused.value)


def test_the_token_comes_from_a_file_or_the_environment_and_is_never_shown(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    by_file = parse(["--source", CURVE, "--token-file", str(path)], environment={})
    by_environment = parse(["--source", CURVE], environment={"METER_TOKEN": TOKEN})
    assert by_file == by_environment
    assert by_file.token == TOKEN
    assert TOKEN not in repr(by_file)


@pytest.mark.parametrize(
    ("listen", "host", "port"),
    [("localhost:0", "127.0.0.1", 0), ("[::1]:8090", "::1", 8090), ("10.0.0.5:8090", "10.0.0.5", 8090)],
)
def test_it_listens_on_a_private_address(listen: str, host: str, port: int) -> None:
    options = parse(["--source", CURVE, "--listen", listen], environment={"METER_TOKEN": TOKEN})
    assert (options.host, options.port) == (host, port)


def test_to_look_around_or_to_record_no_token_is_needed() -> None:
    assert parse(["--check"], environment={}).check
    assert parse(["--source", CURVE, "--record", "file"], environment={}).token == ""


# --- what a machine offers ----------------------------------------------------------------------------------


def test_a_machine_without_a_counter_is_told_that_it_has_none() -> None:
    def nothing(spec: str) -> None:
        raise CounterUnavailable(f"Aquí no hay {spec}")

    found = offers(nothing)  # type: ignore[arg-type]
    assert [offer.grade for offer in found] == [None] * len(found)
    words = told(found)
    assert words.endswith(NONE)
    assert "estimación, no medida" in words
    for offer in found:
        assert f"{offer.source}: no\n" in words
        assert f"Aquí no hay {offer.source}." in words


def test_a_machine_with_counters_is_told_the_best_one_and_its_grade() -> None:
    class Readable:
        def __init__(self, grade: EvidenceGrade) -> None:
            self.grade, self.name, self.is_closed = grade, "some", False
            self._counter = open_synthetic("constant=250", Clock())
            self.device, self.read_mj = self._counter.device, self._counter.read_mj
            self.state = self._counter.state

        def close(self) -> None:
            self.is_closed = True

    opened = {"nvml": Readable(EvidenceGrade.A), "rapl": Readable(EvidenceGrade.C)}

    def some(spec: str) -> Readable:
        if spec not in opened:
            raise CounterUnavailable("No hay.")
        return opened[spec]

    words = told(offers(some))
    assert "nvml: SÍ, grado A" in words
    assert "rapl: SÍ, grado C" in words
    assert "--source nvml, de grado A" in words
    assert NONE not in words
    assert all(counter.is_closed for counter in opened.values())


@pytest.mark.parts
def test_the_check_of_this_machine_ends_as_it_says() -> None:
    checked = run("--check", token="")
    assert checked.stderr == ""
    assert checked.returncode == (1 if NONE in checked.stdout else 0)
    assert "rapl: " in checked.stdout
