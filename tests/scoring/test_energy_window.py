"""Claims on the choice of an energy source: the best that can be read, the reason in words, one seam."""

from __future__ import annotations

from decimal import Context, localcontext
from pathlib import Path

import pytest

from scoring.energy.rapl import RaplSource
from scoring.energy.token_model import DEFAULT_CPU
from scoring.energy.window import EnergySource, TokenModelSource, best_source
from scoring.values import EvidenceGrade, TokenUse
from tests.scoring.contexts import UNDER_ANY_DECIMAL_SETTINGS
from tests.scoring.powercap import Clock, Powercap

CALLS = [TokenUse(prompt_tokens=134, completion_tokens=9), TokenUse(prompt_tokens=98, completion_tokens=1)]


@pytest.fixture
def powercap(tmp_path: Path) -> Powercap:
    return Powercap(tmp_path / "powercap")


def token_model(clock: Clock) -> TokenModelSource:
    return TokenModelSource(reason="", clock=clock)


def test_the_processor_s_counter_is_taken_where_it_can_be_read(powercap: Powercap) -> None:
    powercap.add_package(0)
    powercap.add_package(1)
    source = best_source(rapl_root=powercap.root)
    assert isinstance(source, RaplSource)
    assert (source.name, source.grade, source.resumable) == ("rapl", EvidenceGrade.C, False)
    assert "package-0, package-1" in source.reason
    assert "demás procesos" in source.reason


def test_without_a_counter_the_energy_is_estimated_and_the_reason_says_so(powercap: Powercap) -> None:
    source = best_source(rapl_root=powercap.root)
    assert isinstance(source, TokenModelSource)
    assert (source.name, source.grade, source.resumable) == ("token-model", EvidenceGrade.E, True)
    assert source.model is DEFAULT_CPU
    assert source.reason == (
        f"Esta máquina no muestra contadores RAPL de procesador en {powercap.root}. "
        "La energía se estima a partir de los tokens, sin medirla."
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [("N/A", "no contiene un número"), ("", "no contiene un número"), (None, "No se puede leer")],
)
def test_half_the_packages_are_not_taken_for_a_machine(
    powercap: Powercap, content: str | None, reason: str
) -> None:
    powercap.add_package(0)
    powercap.add_package(1)
    if content is None:
        powercap.counter("intel-rapl:1").unlink()
    else:
        powercap.set("intel-rapl:1", content)
    source = best_source(rapl_root=powercap.root)
    assert source.grade is EvidenceGrade.E
    assert reason in source.reason
    assert source.reason.endswith("La energía se estima a partir de los tokens, sin medirla.")


def test_this_machine_has_a_source_whatever_it_is() -> None:
    source = best_source()
    assert source.grade in (EvidenceGrade.C, EvidenceGrade.E)
    assert source.reason.endswith(".")


@pytest.mark.parametrize("has_counter", [True, False])
def test_whatever_the_source_a_window_opens_and_closes_alike(powercap: Powercap, has_counter: bool) -> None:
    if has_counter:
        powercap.add_package(0, uj=100)
    source: EnergySource = best_source(rapl_root=powercap.root)
    window = source.open()
    if has_counter:
        powercap.set("intel-rapl:0", 5_000_100)
    measurement = window.close(CALLS)
    assert measurement.energy_mj == (5_000 if has_counter else 12_376)
    assert measurement.grade is source.grade
    assert measurement.seconds >= 0


def test_a_token_window_tells_the_time_that_passed_and_the_energy_of_all_its_calls() -> None:
    clock = Clock()
    window = token_model(clock).open()
    clock.forward(seconds=90.1254)
    measurement = window.close(CALLS)
    assert (measurement.energy_mj, str(measurement.seconds)) == (12_376, "90.125")
    assert measurement.source == DEFAULT_CPU.version


def test_an_interrupted_token_window_costs_what_an_uninterrupted_one_does() -> None:
    clock = Clock()
    token_model(clock).open()  # and the worker dies in the middle of it
    after = token_model(clock).open()
    assert after.close(CALLS).energy_mj == 12_376


def test_a_window_in_which_nothing_answered_has_no_energy_and_a_flag() -> None:
    measurement = token_model(Clock()).open().close([])
    assert (measurement.energy_mj, measurement.flags) == (0, ("no-calls",))


@UNDER_ANY_DECIMAL_SETTINGS
def test_the_seconds_do_not_depend_on_the_decimal_settings_around_them(ambient: Context) -> None:
    clock = Clock()
    window = token_model(clock).open()
    clock.forward(seconds=1234.5678)
    with localcontext(ambient):
        measurement = window.close(CALLS)
    assert str(measurement.seconds) == "1234.568"
