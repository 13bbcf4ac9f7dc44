"""The sums of our packs, worked out again with exact fractions as their questions tell them."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import pytest

from challenges.packs import load

PACKS = Path(__file__).resolve().parents[2] / "packs"
SUMS: Mapping[str, Mapping[str, Fraction]] = {
    "defensa-emergencias": {
        "calculo-01": Fraction(3) * 40 * 2,
        "calculo-02": Fraction(6) * (20 - 8),
        "calculo-03": Fraction(500) - 120,
        "calculo-04": Fraction(100) / 25,
        "calculo-05": Fraction(90) / 6,
        "calculo-06": Fraction(50) * 3,
        "calculo-07": Fraction(2000) * 25 / 100,
        "calculo-08": Fraction(32) / 8,
        "calculo-09": Fraction(30) / 100 * 250,
        "calculo-10": Fraction(3) * 5,
        "calculo-51": Fraction(2) * 60 * 3,
        "calculo-52": Fraction(80) * 15,
        "calculo-53": Fraction(64) + 18 - 25,
        "calculo-54": Fraction(350) / 50,
        "calculo-55": Fraction(144) / 9,
        "calculo-56": Fraction(2 * 60) / 20,
        "calculo-57": Fraction(400) * 10 / 100,
        "calculo-58": Fraction(15) * 20,
        "calculo-59": Fraction(480) / 60,
        "calculo-60": Fraction(2) + 3 + Fraction("1.5"),
    },
    "administracion-local": {
        "calculo-01": Fraction(5) * 3,
        "calculo-02": Fraction(12) * 4 * 6,
        "calculo-03": Fraction(1000) * 40 / 100,
        "calculo-04": Fraction(3000) + 4500 + 2500,
        "calculo-05": Fraction(80) * (100 - 25) / 100,
        "calculo-06": Fraction(9000) / 6,
        "calculo-07": Fraction(1250) + 40 - 15,
        "calculo-08": Fraction(30) / 2 * 3,
        "calculo-09": Fraction(18) - 11,
        "calculo-10": Fraction("0.15") * 20,
        "acta-02": Fraction(13) - 11,
        "calculo-51": Fraction(2) * 10 * 4,
        "calculo-52": Fraction(7) * 20,
        "calculo-53": Fraction(200) * 75 / 100,
        "calculo-54": Fraction(820) + 310 + 470,
        "calculo-55": Fraction(50) * (100 + 10) / 100,
        "calculo-56": Fraction(60000) / 4,
        "calculo-57": Fraction(340) - 25 + 60,
        "calculo-58": Fraction(6) / 3 * 5,
        "calculo-59": Fraction(900) / 3,
        "calculo-60": Fraction("0.50") * 4 * 3,
        "acta-52": Fraction(5) + 3,
    },
    "lenguas-cooficiales": {
        "ca-16": Fraction(10) * 5,
        "ca-17": Fraction(40) / 2,
        "ca-18": Fraction(22) + 9 - 4,
        "eu-16": Fraction(12) * 5,
        "eu-17": Fraction(90) / 3,
        "eu-18": Fraction(25) - 19,
        "gl-16": Fraction(2) * 3,
        "gl-17": Fraction(5) * 6,
        "gl-18": Fraction(64) + 18,
        "ca-66": Fraction("0.20") * 50,
        "ca-67": Fraction(12) * 3 * 2,
        "ca-68": Fraction(80) - 65,
        "eu-66": Fraction("0.20") * 40,
        "eu-67": Fraction(2) * 15,
        "eu-68": Fraction(3) * 7,
        "gl-66": Fraction("0.50") * 6,
        "gl-67": Fraction(3) * 40,
        "gl-68": Fraction(200) * 10 / 100,
    },
}


@pytest.mark.parametrize("slug", SUMS)
def test_what_is_expected_of_a_sum_is_its_sum(slug: str) -> None:
    pack = load(PACKS / slug)
    cases = {case.key: case for suite in (pack.public, pack.private) for case in suite.cases}
    assert {key: Fraction(str(cases[key].expected)) for key in SUMS[slug]} == dict(SUMS[slug])


@pytest.mark.parametrize("slug", SUMS)
def test_every_number_that_is_asked_for_in_a_sum_is_worked_out_here(slug: str) -> None:
    pack = load(PACKS / slug)
    cases = [case for suite in (pack.public, pack.private) for case in suite.cases]
    asked = {case.key for case in cases if case.grader["name"] == "number" and case.key.startswith("calculo")}
    assert asked <= SUMS[slug].keys()
