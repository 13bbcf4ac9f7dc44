"""Claims on the second witness: whatever becomes of its process costs a note; it never outlives its worker.

Most tests give it a tiny program in place of codecarbon's process, or that process with a tiny library in
place of codecarbon. The last ones look at the real one.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from scoring.energy import witness as witness_module
from scoring.energy.witness import (
    CO2_G_PER_KWH,
    CO2_YEAR,
    MAX_NOTE_CHARACTERS,
    MJ_PER_KWH,
    Witness,
    WitnessReading,
)

ROOT = Path(__file__).parents[2]
ENDS_S = 60
ANSWERS_S = 30.0
GIVES_UP_S = 0.3
WRONG_TIME = {"seconds": 5}
# 36 J. Where the claim is not about time, the time is wrong (5 s): chance does not decide what is told.
GOOD = {
    "energy_kwh": 1e-5,
    "cpu_kwh": 6e-6,
    "ram_kwh": 3e-6,
    "gpu_kwh": 1e-6,
    "co2_kg": 1.7e-6,
    "version": "3",
}

# A program that obeys as codecarbon's process does, and answers with what stands in ``FIGURES``.
OBEDIENT = """
import json, os, sys, time
def answer(window, **figures):
    print(json.dumps({"window": window, **figures}), flush=True)
opened = 0.0
for line in sys.stdin:
    command, window = line.split()
    window = int(window)
    if command == "open":
        opened = time.monotonic()
    else:
        answer(window, **{"seconds": time.monotonic() - opened, **FIGURES})
"""
Start = Callable[..., Witness]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that does not end by itself is not waited for as long as in the contest."""
    monkeypatch.setattr(witness_module, "END_WITHIN_S", 0.05)


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a witness on a program; each is stopped with the test."""
    started: list[Witness] = []

    def start_one(program: str, *, answer_within_s: float = ANSWERS_S) -> Witness:
        witness = Witness(command=(sys.executable, "-S", "-c", program), answer_within_s=answer_within_s)
        witness.start()
        started.append(witness)
        return witness

    yield start_one
    for witness in started:
        witness.stop()


def obedient(figures: Mapping[str, Any]) -> str:
    return OBEDIENT.replace("FIGURES", f"json.loads({json.dumps(figures)!r})")


def a_window(witness: Witness, *, seconds: float = 0.0) -> WitnessReading:
    witness.open()
    time.sleep(seconds)  # the length of the window, and nothing that is waited for
    return witness.close()


def a_reading(witness: Witness) -> WitnessReading:
    """That of a window which the witness saw in time; on a busy machine it may miss some."""
    a_window(witness)  # once it has answered, it is there
    readings = (a_window(witness, seconds=0.3) for _ in range(20))
    return next(reading for reading in readings if "solo vio" not in reading.note)


def says_nothing(reading: WitnessReading, why: str) -> bool:
    return (reading.energy_mj, reading.co2_mg) == (None, None) and why in reading.note


# --- a witness that answers -----------------------------------------------------------------------------


def test_what_it_says_becomes_a_reading_with_its_parts(start: Start) -> None:
    reading = a_reading(start(obedient(GOOD)))
    assert (reading.energy_mj, reading.co2_mg) == (36_000, 2)
    assert reading.note == "codecarbon 3: procesador 21600 mJ, memoria 10800 mJ, GPU 3600 mJ; máquina entera."
    assert reading.seconds == reading.seconds.quantize(Decimal("0.001")) > 0


def test_one_that_was_late_for_the_window_gives_no_figure(start: Start) -> None:
    witness = start(obedient({**GOOD, "seconds": 0.2}))
    a_window(witness)
    assert says_nothing(a_window(witness, seconds=0.5), "solo vio 0.200 s")


def test_an_open_without_close_begins_anew(start: Start) -> None:
    witness = start(obedient({**GOOD, **WRONG_TIME}))
    witness.open()
    witness.open()
    assert says_nothing(witness.close(), "solo vio 5.000 s")
    assert says_nothing(a_window(witness), "solo vio 5.000 s")


def test_the_late_answer_of_an_older_window_is_dropped(start: Start) -> None:
    program = obedient({"error": "de la segunda"}).replace(
        "opened = time.monotonic()", "answer(window - 1, error='de la primera')"
    )
    witness = start(program)
    witness.open()
    witness.open()  # and now comes the answer for the first
    assert says_nothing(witness.close(), "de la segunda")


def test_after_a_window_without_answer_the_next_one_is_heard(start: Start) -> None:
    program = obedient({"error": "aquí estoy"}).replace(
        "        answer(", "        if window == 1: continue\n        answer("
    )
    witness = start(program, answer_within_s=1.0)
    assert says_nothing(a_window(witness), "no contestó a tiempo")
    assert says_nothing(a_window(witness), "aquí estoy")


# --- figures that cannot be true ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("figures", "why"),
    [
        ({"cpu_kwh": 0}, "0 J de procesador"),
        ({"energy_kwh": 0}, "0 J de procesador"),
        ({"cpu_kwh": -1e-9}, "no se entiende"),
        ({"ram_kwh": -1e-9}, "no se entiende"),
        ({"gpu_kwh": -1}, "no se entiende"),
        ({"co2_kg": -1e-9}, "no se entiende"),
        ({"energy_kwh": float("nan")}, "no se entiende"),
        ({"co2_kg": float("inf")}, "no se entiende"),
        ({"seconds": float("nan")}, "no se entiende"),
        ({"energy_kwh": 1e300}, "no se entiende"),
        ({"co2_kg": 1e300}, "no se entiende"),
        ({"gpu_kwh": 1e9}, "no se entiende"),
        ({"energy_kwh": "9e999999"}, "no se entiende"),
        ({"energy_kwh": None}, "no se entiende"),
        ({"energy_kwh": True}, "no se entiende"),
        ({"energy_kwh": [1]}, "no se entiende"),
        ({"energy_kwh": "mucha"}, "no se entiende"),
        ({"error": "stop_task gave nothing"}, "codecarbon falló: stop_task gave nothing"),
    ],
)
def test_a_figure_that_cannot_be_true_is_no_figure(start: Start, figures: dict[str, Any], why: str) -> None:
    assert says_nothing(a_window(start(obedient({**GOOD, **WRONG_TIME, **figures}))), why)


def test_a_figure_that_is_missing_is_no_figure(start: Start) -> None:
    without = {name: value for name, value in {**GOOD, **WRONG_TIME}.items() if name != "gpu_kwh"}
    assert says_nothing(a_window(start(obedient(without))), "no se entiende")


@pytest.mark.parametrize("note", ["x" * 100_000, "a\x00b\ud800\u202e\n" * 50])
def test_a_note_is_always_short_and_can_be_stored(start: Start, note: str) -> None:
    reading = a_window(start(obedient({"error": note})))
    assert says_nothing(reading, "codecarbon falló")
    assert len(reading.note) <= MAX_NOTE_CHARACTERS
    assert reading.note.isprintable()


def test_a_long_version_does_not_make_a_long_note(start: Start) -> None:
    reading = a_reading(start(obedient({**GOOD, "version": "9\x00" * 10_000})))
    assert reading.energy_mj == 36_000
    assert len(reading.note) == MAX_NOTE_CHARACTERS
    assert reading.note.isprintable()


# --- a witness that fails -------------------------------------------------------------------------------

EVERY_LINE_IS = "import sys, time\nfor line in sys.stdin:\n    if line.startswith('close'): "


def test_one_that_never_answers_is_not_waited_for_long(start: Start) -> None:
    witness = start("import sys\nfor line in sys.stdin: pass", answer_within_s=GIVES_UP_S)
    assert says_nothing(a_window(witness), "no contestó a tiempo")


def test_one_that_dies_at_start_costs_a_note(start: Start) -> None:
    witness = start("raise SystemExit(1)")
    assert says_nothing(a_window(witness), "terminó")
    assert says_nothing(a_window(witness), "terminó")


def test_one_that_dies_in_the_middle_costs_a_note(start: Start) -> None:
    witness = start(f"{EVERY_LINE_IS}print('{{\"window\":', flush=True, end=''); sys.exit()")
    assert says_nothing(a_window(witness), "terminó")
    assert says_nothing(a_window(witness), "terminó")


def test_one_that_cannot_be_started_costs_a_note() -> None:
    witness = Witness(command=("/there/is/no/such/program",))
    witness.start()
    assert witness.pid is None
    assert says_nothing(a_window(witness), "No se pudo arrancar")
    witness.stop()


@pytest.mark.parametrize(
    "garbage",
    ["'<html>'", "'{'", "'[' * 100_000", "'9' * 10_000", '\'{"window": 1, "error": "\\\\ud800\'', "''"],
)
def test_one_that_answers_garbage_costs_a_note(start: Start, garbage: str) -> None:
    witness = start(f"{EVERY_LINE_IS}print({garbage}, flush=True)")
    assert says_nothing(a_window(witness), "no se entiende")


@pytest.mark.parametrize(
    ("chatter", "why"),
    [
        ("print('{}')", "no contestó a tiempo"),
        ("print('{\"window\": 0}')", "no contestó a tiempo"),
        ("print('x' * 10**6, end='')", "no se entiende"),
    ],
)
def test_one_that_never_stops_talking_is_not_listened_to_for_ever(
    start: Start, chatter: str, why: str
) -> None:
    witness = start(f"while True: {chatter}", answer_within_s=1.0 if "x" in chatter else GIVES_UP_S)
    assert says_nothing(a_window(witness), why)


@pytest.mark.usefixtures("impatient")
def test_one_that_does_not_read_never_blocks_the_evaluation(start: Start) -> None:
    witness = start("import signal\nsignal.pause()", answer_within_s=0.0)
    notes = {a_window(witness).note for _ in range(3500)}  # 7000 commands fill the pipe
    assert notes == {
        "El segundo testigo no contestó a tiempo.",
        "El proceso del segundo testigo terminó o no atiende.",
    }


def test_before_its_start_and_after_its_stop_it_says_so(start: Start) -> None:
    assert says_nothing(a_window(Witness()), "no se ha arrancado")
    assert says_nothing(Witness().close(), "no se ha arrancado")
    witness = start(obedient(GOOD))
    witness.stop()
    witness.stop()
    assert says_nothing(a_window(witness), "está parado")
    assert says_nothing(witness.close(), "está parado")


def test_a_stopped_witness_can_be_started_again(start: Start) -> None:
    witness = start(obedient({"error": "aquí estoy"}))
    first = witness.pid
    witness.start()
    assert witness.pid == first, "a second start changes nothing"
    a_window(witness)
    witness.stop()
    assert witness.pid is None
    witness.start()
    assert says_nothing(a_window(witness), "aquí estoy")


def test_half_a_line_of_an_earlier_process_does_not_spoil_the_next_one(start: Start, tmp_path: Path) -> None:
    program = f"""
import json, pathlib, sys
been_here = pathlib.Path({str(tmp_path / "been_here")!r})
for line in sys.stdin:
    if line.startswith("close") and been_here.exists():
        print(json.dumps({{"window": int(line.split()[1]), "error": "aquí estoy"}}), flush=True)
    elif line.startswith("close"):
        been_here.touch()
        print('{{"window"', end="", flush=True)
        sys.exit()
"""
    witness = start(program)
    assert says_nothing(a_window(witness), "terminó")
    witness.stop()
    witness.start()
    assert says_nothing(a_window(witness), "aquí estoy")


# --- its end --------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("impatient")
def test_stop_ends_a_deaf_process(start: Start) -> None:
    deaf = (
        "import signal\nfor s in (1, 2, 13, 15): signal.signal(s, signal.SIG_IGN)\nwhile True: signal.pause()"
    )
    witness = start(deaf)
    assert witness.pid is not None
    with _watched(witness.pid) as has_ended:
        witness.stop()
        assert has_ended()


# --- codecarbon's process, with a small library in place of codecarbon -----------------------------------

LIBRARY = """
import os, sys, types
from types import SimpleNamespace as Task
task = Task(energy_consumed=9e-6, cpu_energy=6e-6, ram_energy=3e-6, gpu_energy=0, emissions=1e-6, duration=5)
class OfflineEmissionsTracker:
    is_at_work = False
    def __init__(self, **options):
        pass
    def start_task(self, name):
        assert not self.is_at_work
        self.is_at_work = True
    def stop_task(self):
        self.is_at_work = False
        return answer()
answer = lambda: task
BODY
sys.modules["codecarbon"] = types.SimpleNamespace(OfflineEmissionsTracker=OfflineEmissionsTracker)
from scoring.energy import witness_process
witness_process.main()
"""


def with_library(body: str = "") -> str:
    """``body`` changes the class before the process uses it. The first window of each is its warming up."""
    return f"import sys\nsys.path[:0] = {sys.path!r}\n" + LIBRARY.replace("BODY", body)


def test_the_process_answers_for_each_of_its_windows(start: Start) -> None:
    witness = start(with_library())
    assert says_nothing(a_window(witness), "solo vio 5.000 s")
    assert says_nothing(a_window(witness), "solo vio 5.000 s")
    witness.open()
    witness.open()
    assert says_nothing(witness.close(), "solo vio 5.000 s")
    assert says_nothing(witness.close(), "no window is open")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("answer = lambda: print('hola', 'x' * 10**5) or task", "solo vio"),
        ("answer = lambda: os.write(1, b'{}\\n') and task", "solo vio"),
        ("answer = lambda: None", "stop_task gave nothing"),
        ("task.cpu_energy = 0.0", "0 J de procesador"),
        ("task.gpu_energy = float('nan')", "no se entiende"),
        ("OfflineEmissionsTracker.start_task = lambda self, name: 1 / 0", "terminó"),
        ("OfflineEmissionsTracker.__init__ = lambda self, **options: sys.exit(3)", "terminó"),
        ("del OfflineEmissionsTracker.stop_task", "terminó"),
    ],
)
def test_a_library_that_misbehaves_costs_a_note(start: Start, body: str, why: str) -> None:
    assert says_nothing(a_window(start(with_library(body))), why)


def test_the_library_is_told_to_write_nothing_to_lock_nothing_and_to_ask_nobody_where_it_is(
    start: Start,
) -> None:
    strict = """
def init(self, **options):
    assert options["output_methods"] == []
    assert options["allow_multiple_runs"] is True
    assert options["country_iso_code"] == "ESP"
OfflineEmissionsTracker.__init__ = init"""
    assert says_nothing(a_window(start(with_library(strict))), "solo vio")


@pytest.mark.usefixtures("impatient")
def test_a_library_that_hangs_costs_a_note(start: Start) -> None:
    hangs = "import signal\nOfflineEmissionsTracker.start_task = lambda self, name: signal.pause()"
    assert says_nothing(
        a_window(start(with_library(hangs), answer_within_s=GIVES_UP_S)), "no contestó a tiempo"
    )


def test_the_process_ends_when_its_input_does() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", with_library()], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    answers, _ = process.communicate(b"open 1\nclose 1\nno se\nclose 2\n", timeout=ENDS_S)
    assert [json.loads(line)["window"] for line in answers.splitlines()] == [1, 2]
    assert process.returncode == 0


# --- after the death of the worker ----------------------------------------------------------------------

# A worker with a witness, and optionally a fork of it that holds the witness's pipe open behind its back.
WORKER = """
import json, os, signal, sys, time
from scoring.energy.witness import Witness
command, is_forked = json.loads(sys.argv[1])
witness = Witness(command=command, answer_within_s=60)
witness.start()
witness.open()
witness.close()
readings = []
for _ in range(3 if command is None else 0):
    witness.open()
    until = time.monotonic() + 1
    while time.monotonic() < until:
        pass
    readings.append(witness.close())
    if readings[-1].energy_mj is not None:
        break
fork = os.fork() if is_forked else None
if fork != 0:
    told = [[each.energy_mj, each.co2_mg, each.note] for each in readings]
    print(json.dumps({"witness": witness.pid, "fork": fork, "readings": told}), flush=True)
signal.pause()
"""


class Worker:
    """A process that holds a witness and can be killed; ``told`` is what it printed of itself."""

    def __init__(
        self, command: list[str] | None, *, is_forked: bool, env: Mapping[str, str] | None = None
    ) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", WORKER, json.dumps([command, is_forked])],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self.told: dict[str, Any] = json.loads(self._process.stdout.readline())

    def kill(self) -> None:
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait(ENDS_S)

    def clear_away(self) -> None:
        self._process.kill()
        self._process.wait(ENDS_S)
        if self.told["fork"]:
            os.kill(self.told["fork"], signal.SIGKILL)
        if self._process.stdout is not None:
            self._process.stdout.close()


def test_a_witness_ends_when_its_worker_is_killed() -> None:
    worker = Worker([sys.executable, "-c", with_library()], is_forked=False)
    try:
        with _watched(worker.told["witness"]) as has_ended:
            worker.kill()
            assert has_ended(within_s=ENDS_S)
    finally:
        worker.clear_away()


# --- the real codecarbon --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def misled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Worker, Path]]:
    """A worker with the real witness, in surroundings that would turn codecarbon's head; and their folder."""
    folder = tmp_path_factory.mktemp("misled")
    (folder / ".codecarbon.config").write_text(
        f"[codecarbon]\ncountry_iso_code = USA\nsave_to_file = true\noutput_dir = {folder}\n"
    )
    env = {
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "CODECARBON_COUNTRY_ISO_CODE": "USA",
        "CODECARBON_SAVE_TO_FILE": "true",
        "CODECARBON_OUTPUT_DIR": str(folder),
        "codecarbon_force_cpu_power": "999",
        "PYTHONSTARTUP": str(folder / "start.py"),
    }
    worker = Worker(None, is_forked=True, env=env)
    yield worker, folder
    worker.clear_away()


@pytest.mark.parts
def test_the_real_witness_gives_energy_and_the_carbon_of_spain(misled: tuple[Worker, Path]) -> None:
    energy_mj, co2_mg, note = misled[0].told["readings"][-1]
    assert energy_mj, note
    assert note.startswith("codecarbon 3.")
    spain_2023_mg_per_kwh = (
        174_050  # that of the USA, which its surroundings ask for, is more than the double
    )
    assert abs(co2_mg - energy_mj / int(MJ_PER_KWH) * spain_2023_mg_per_kwh) < 0.6


@pytest.mark.parts
def test_the_real_witness_gets_no_configuration_and_leaves_no_file(misled: tuple[Worker, Path]) -> None:
    worker, folder = misled
    process = Path("/proc") / str(worker.told["witness"])
    names = {pair.split("=", 1)[0] for pair in (process / "environ").read_text().split("\0") if pair}
    assert [name for name in names if name.upper().startswith("CODECARBON")] == []
    assert [name for name in names if name.startswith("PYTHON")] == ["PYTHONPATH"]
    assert "HOME=/nonexistent" in (process / "environ").read_text()
    assert (process / "cwd").readlink() == Path("/")
    assert [path.name for path in folder.iterdir()] == [".codecarbon.config"]
    opened = [link.readlink() for link in (process / "fd").iterdir()]
    assert [path for path in opened if path.is_file()] == []
    assert list(Path("/").glob("*emissions*")) == []


@pytest.mark.parts
def test_it_ends_when_its_worker_is_killed_though_a_fork_holds_its_pipe(misled: tuple[Worker, Path]) -> None:
    worker, folder = misled
    with _watched(worker.told["witness"]) as has_ended:
        worker.kill()
        assert has_ended(within_s=ENDS_S)
    assert [path.name for path in folder.iterdir()] == [".codecarbon.config"]


class _watched:
    """Tells whether a process has ended, even one whose body nobody fetches; kills it on the way out."""

    def __init__(self, pid: int) -> None:
        self._pidfd = os.pidfd_open(pid)

    def __enter__(self) -> Callable[..., bool]:
        return self._has_ended

    def _has_ended(self, *, within_s: float = 0.0) -> bool:
        return bool(select.select([self._pidfd], [], [], within_s)[0])

    def __exit__(self, *_: object) -> None:
        if not self._has_ended():
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        os.close(self._pidfd)


def test_the_factor_that_is_shown_is_the_one_that_codecarbon_uses() -> None:
    import codecarbon

    table = Path(codecarbon.__file__).parent / "data" / "private_infra" / "global_energy_mix.json"
    spain = json.loads(table.read_text())["ESP"]
    assert (Decimal(str(spain["carbon_intensity"])), spain["year"]) == (CO2_G_PER_KWH, CO2_YEAR)
