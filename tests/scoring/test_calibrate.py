"""Claims on ``calibrate``: it finds a known machine's coefficients, and takes no estimate for a measurement.

A real HTTP server plays the model, a source with known coefficients plays the counter, and the clock is ours.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

import pytest

from scoring.energy.calibrate import BAD_USAGE, CANNOT, GRIDS, PROBE_WORDS, main
from scoring.energy.calibration import FITTED, Calibration
from scoring.energy.calibration_file import read, sha256_of, to_token_model
from scoring.energy.rapl import RaplSource
from scoring.energy.token_model import TokenModel, call_mj
from scoring.energy.window import EnergySource, TokenModelSource, best_source
from scoring.errors import CounterUnavailable, MeasurementVoid
from scoring.values import EvidenceGrade, Measurement, TokenUse
from tests.scoring.powercap import Powercap
from tests.scripted_backend import (
    MODEL,
    Answer,
    Received,
    ScriptedBackend,
    chat_events,
    models,
    scripted_backend,
)

TRUTH = TokenModel(
    version="verdad",
    c0=Decimal(500),
    c1=Decimal(43),
    c2=Decimal(300),
    c3=Decimal(200),
    c4=Decimal(9000),
    source="",
    grade=EvidenceGrade.D,
)
TOKENS_AROUND = 9  # of the chat format
TOKENS_A_WORD = 2


def counted(received: Received) -> dict[str, int]:
    read = TOKENS_AROUND + TOKENS_A_WORD * len(received.prompt.split())
    return {"prompt_tokens": read, "completion_tokens": received.body["max_tokens"]}


def a_model(received: Received) -> Answer:
    """Writes as long as it may, and counts two tokens a word."""
    if received.path.endswith("/models"):
        return models()
    return Answer(pieces=chat_events("sí", usage=counted(received)))


@dataclass
class KnownMachine:
    """An ``EnergySource`` and its window: what a counter would show of a machine that obeys ``TRUTH``."""

    noise: float = 0.0
    flags: tuple[str, ...] = ()
    voids: int = 0
    grade: EvidenceGrade = EvidenceGrade.C
    name: str = "sintetico"
    resumable: bool = False
    reason: str = "Contador de prueba."
    windows: list[Sequence[TokenUse]] = field(default_factory=list)
    chance: random.Random = field(default_factory=lambda: random.Random(7))

    def open(self) -> KnownMachine:
        return self

    def close(self, calls: Sequence[TokenUse]) -> Measurement:
        if self.voids:
            self.voids -= 1
            raise MeasurementVoid("El contador no avanzó.")
        self.windows.append(tuple(calls))
        exact = sum(call_mj(TRUTH, use) for use in calls)
        return Measurement(
            energy_mj=round(exact * (1 + self.chance.gauss(0, self.noise))),
            seconds=Decimal("10.000"),
            grade=self.grade,
            source="sintetico:verdad",
            flags=self.flags,
        )


class Clock:
    """Each look at it is a second later, so a window of 5 s has a handful of calls, and nobody waits."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        self.now_ns += 10**9
        return self.now_ns


@pytest.fixture
def server() -> Iterator[ScriptedBackend]:
    with scripted_backend(a_model) as running:
        yield running


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "calibracion.json"


Run = Callable[..., int]


@pytest.fixture
def run(server: ScriptedBackend, output: Path) -> Run:
    """``main`` on the played machine, with windows of 5 s of its clock."""

    def with_source(source: EnergySource | None, *more: str) -> int:
        arguments = ["--inference-url", server.url, "--model", MODEL, "--output", str(output)]
        return main([*arguments, "--window-s", "5", *more], source=source, clock=Clock())

    return with_source


def near(calibration: Calibration, *, within: str) -> list[bool]:
    pairs = zip(calibration.fit.coefficients, TRUTH.coefficients, strict=True)
    return [abs(found / true - 1) < Decimal(within) for found, true in pairs]


# --- a machine with a counter ---------------------------------------------------------------------------


def test_it_finds_the_coefficients_of_the_machine(run: Run, output: Path) -> None:
    assert run(KnownMachine()) == 0
    found = read(output)
    # As well as the rounding of each call to a whole millijoule lets it.
    assert near(found, within="0.002") == [True] * FITTED
    assert found.fit.worst_relative < Decimal("0.0001")
    assert to_token_model(found).grade is EvidenceGrade.D


def test_it_finds_them_within_the_noise_of_the_counter(run: Run, output: Path) -> None:
    assert run(KnownMachine(noise=0.01), "--repetitions", "4") == 0
    found = read(output)
    assert Decimal("0.006") < found.fit.spread < Decimal("0.014")
    for index, (value, true) in enumerate(zip(found.fit.coefficients, TRUTH.coefficients, strict=True)):
        deviation = found.fit.covariance[index][index].sqrt()
        assert abs(value - true) < 4 * deviation
    assert near(found, within="0.05")[1:3] == [True, True]


def test_every_cell_is_measured_as_often_as_asked_and_in_the_seed_s_order(
    run: Run, output: Path, tmp_path: Path
) -> None:
    first, again, other = KnownMachine(), KnownMachine(), KnownMachine()
    assert run(first, "--seed", "5") == 0
    assert [cell.windows for cell in read(output).fit.cells] == [2] * 9
    assert all(len(calls) == 5 for calls in first.windows)
    output.rename(tmp_path / "first.json")
    assert run(again, "--seed", "5") == 0
    assert output.read_bytes() == (tmp_path / "first.json").read_bytes()
    assert again.windows == first.windows
    output.unlink()
    assert run(other, "--seed", "6") == 0
    assert other.windows != first.windows
    assert sorted(map(sum_of_tokens, first.windows)) != [sum_of_tokens(calls) for calls in first.windows]


def sum_of_tokens(calls: Sequence[TokenUse]) -> int:
    return sum(use.prompt_tokens + use.completion_tokens for use in calls)


def test_the_lengths_are_those_of_the_grid_or_near_them(run: Run, output: Path) -> None:
    run(KnownMachine())
    grid, ranged = GRIDS["small"], read(output).fit.range
    assert (ranged.min_completion_tokens, ranged.max_completion_tokens) == (grid.answers[0], grid.answers[-1])
    for aimed, got in ((64, ranged.min_prompt_tokens), (1024, ranged.max_prompt_tokens)):
        assert abs(got - aimed) <= 2 * TOKENS_A_WORD


def test_no_prompt_begins_like_another_and_no_answer_may_end_early(run: Run, server: ScriptedBackend) -> None:
    run(KnownMachine())
    beginnings = [received.prompt.split(" ")[0] for received in server.received]
    assert len(set(beginnings)) == len(beginnings)
    assert all(received.body["ignore_eos"] is True for received in server.received)
    assert all(received.body["cache_prompt"] is False for received in server.received)


def test_as_many_calls_run_at_a_time_as_in_the_phase(run: Run, server: ScriptedBackend, output: Path) -> None:
    third_is_here = threading.Event()

    def waiting_for_three(received: Received) -> Answer:
        answer = a_model(received)
        if received.path.endswith("/models") or received.number < len(PROBE_WORDS):
            return answer
        if received.number == len(PROBE_WORDS) + 2:
            third_is_here.set()
        return replace(answer, gate=third_is_here)

    server.script = waiting_for_three
    assert run(KnownMachine(), "--in-flight", "3") == 0
    assert server.most_in_flight == 3
    assert read(output).subject.in_flight == 3


def test_the_table_says_what_was_found(run: Run, output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(KnownMachine(), "--hardware", "Máquina", "--revision", "r1")
    shown, found = capsys.readouterr().out, read(output)
    for cell in found.fit.cells:
        assert f"{cell.cell:>10} {cell.windows:>9} {cell.calls:>9}" in shown
    for text in (*map(str, found.fit.coefficients), sha256_of(found), "sintetico:verdad", str(output)):
        assert text in shown
    assert (found.subject.hardware, found.subject.model) == ("Máquina", f"{MODEL}@r1")


def test_a_void_window_is_measured_again(run: Run, output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(KnownMachine(voids=2)) == 0
    assert capsys.readouterr().err.count("se repite la ventana") == 2
    assert [cell.windows for cell in read(output).fit.cells] == [2] * 9


def test_a_window_in_which_the_backend_failed_is_measured_again_and_not_counted(
    run: Run, server: ScriptedBackend, output: Path
) -> None:
    def failing_once(received: Received) -> Answer:
        return Answer(status=503) if received.number == 30 else a_model(received)

    server.script = failing_once
    machine = KnownMachine()
    assert run(machine) == 0
    assert [cell.windows for cell in read(output).fit.cells] == [2] * 9
    assert len(machine.windows) == 18


def test_a_prompt_that_the_model_has_no_room_for_is_left_out(
    run: Run, server: ScriptedBackend, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def small_model(received: Received) -> Answer:
        if not received.path.endswith("/models") and counted(received)["prompt_tokens"] > 1500:
            body = b'{"error": {"code": 400, "type": "exceed_context_size_error", "message": "too long"}}'
            return Answer(status=400, pieces=[body], content_type="application/json")
        return a_model(received)

    server.script = small_model
    assert run(KnownMachine(), "--grid", "full", "--repetitions", "1") == 0
    assert "2048/" not in "".join(cell.cell for cell in read(output).fit.cells)
    assert capsys.readouterr().err.count("se deja fuera") == 2
    assert read(output).fit.range.max_prompt_tokens <= 1500


# --- what cannot be calibrated --------------------------------------------------------------------------


def assert_refused(status: int, output: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    assert status == CANNOT
    assert not output.exists()
    told = capsys.readouterr()
    assert text in told.err
    assert told.out == ""


def test_without_a_counter_it_says_that_it_would_be_an_estimate_and_asks_nobody(
    run: Run, server: ScriptedBackend, output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run(best_source(rapl_root=tmp_path / "no-counters"))
    assert_refused(
        status,
        output,
        capsys,
        "no hay contador de energía que se pueda leer; no se puede calibrar: la cifra seguiría siendo una "
        "estimación (grado E). Esta máquina no muestra contadores RAPL",
    )
    assert server.received == []


def test_a_calibrated_model_is_no_counter_either(
    run: Run, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_refused(run(TokenModelSource(reason="", model=TRUTH)), output, capsys, "no se puede calibrar")


def test_a_counter_that_went_away_is_told(run: Run, output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Gone(KnownMachine):
        def open(self) -> KnownMachine:
            raise CounterUnavailable("Ya no está.")

    assert_refused(run(Gone()), output, capsys, "no hay contador de energía que se pueda leer")


@pytest.mark.parametrize(
    ("machine", "text"),
    [
        (KnownMachine(voids=3), "El contador no avanzó."),
        (KnownMachine(flags=("other-processes-included", "throttled")), "La ventana no vale: throttled."),
    ],
)
def test_a_window_that_stays_void_ends_it(
    run: Run, output: Path, capsys: pytest.CaptureFixture[str], machine: KnownMachine, text: str
) -> None:
    assert_refused(run(machine), output, capsys, text)


def test_a_flag_that_voids_nothing_stops_nothing(run: Run) -> None:
    assert run(KnownMachine(flags=("other-processes-included",))) == 0


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (Answer(status=503), "el servidor no responde como debe"),
        (
            Answer(
                status=400, pieces=[b'{"error": {"type": "invalid_request_error", "message": "ignore_eos"}}']
            ),
            "--extra-body",
        ),
        (
            Answer(
                pieces=chat_events(
                    usage={
                        "prompt_tokens": 70,
                        "completion_tokens": 1,
                        "prompt_tokens_details": {"cached_tokens": 64},
                    }
                )
            ),
            "desactiva la caché de prefijos",
        ),
    ],
)
def test_a_server_that_does_not_do_its_part_ends_it(
    run: Run,
    server: ScriptedBackend,
    output: Path,
    capsys: pytest.CaptureFixture[str],
    answer: Answer,
    text: str,
) -> None:
    server.script = lambda received: models() if received.path.endswith("/models") else answer
    assert_refused(run(KnownMachine()), output, capsys, text)


def test_a_cache_that_only_some_calls_meet_ends_it_too(
    run: Run, server: ScriptedBackend, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def caching(received: Received) -> Answer:
        if received.path.endswith("/models") or received.number < 20:
            return a_model(received)
        usage = {**counted(received), "prompt_tokens_details": {"cached_tokens": 3}}
        return Answer(pieces=chat_events(usage=usage))

    server.script = caching
    assert_refused(run(KnownMachine()), output, capsys, "sacó 3 tokens de su caché")


def test_another_model_than_ours_is_not_calibrated(
    run: Run, server: ScriptedBackend, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.script = lambda received: models("otro")
    assert_refused(run(KnownMachine()), output, capsys, f"does not serve {MODEL}")


def test_too_few_windows_are_told(run: Run, output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert_refused(run(KnownMachine(), "--repetitions", "1"), output, capsys, "Mide entre 10 y")


# --- asked wrongly --------------------------------------------------------------------------------------


def test_a_calibration_is_never_written_over(run: Run, output: Path) -> None:
    output.write_text("de ayer")
    assert run(KnownMachine()) == BAD_USAGE
    assert output.read_text() == "de ayer"


@pytest.mark.parametrize("extra_body", ["[]", "{", "NaN"])
def test_extra_fields_must_be_an_object(run: Run, output: Path, extra_body: str) -> None:
    assert run(KnownMachine(), "--extra-body", extra_body) == BAD_USAGE


@pytest.mark.parametrize(
    "wrong",
    [
        ("--window-s", "4"),
        ("--window-s", "nan"),
        ("--in-flight", "0"),
        ("--repetitions", "x"),
        ("--grid", "enorme"),
        ("--dialect", "klingon"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_runs(
    run: Run, server: ScriptedBackend, wrong: tuple[str, str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        run(KnownMachine(), *wrong)
    assert refused.value.code == BAD_USAGE
    assert server.received == []


def test_on_a_machine_with_rapl_its_counter_is_used(
    run: Run, output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The played counter stands still, which is told as such and not as a machine that uses nothing."""
    powercap = Powercap(tmp_path / "powercap")
    powercap.add_package(0)
    source = best_source(rapl_root=powercap.root)
    assert isinstance(source, RaplSource)
    assert_refused(run(replace(source, clock=Clock())), output, capsys, "no avanzó durante la ventana")
