"""A machine whose coefficients are known, and what a counter would show of it."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal

import pytest

from scoring.energy.calibration import Calibration, Sample, Subject, calibrate
from scoring.energy.token_model import TokenModel, call_mj
from scoring.errors import SpecError
from scoring.values import EvidenceGrade, TokenUse

SUBJECT = Subject(
    version="prueba-1",
    hardware="Procesador de prueba",
    backend="llama.cpp",
    model="modelo@1",
    counter="rapl:package-0",
    in_flight=1,
)
TRUTH = TokenModel(
    version="verdad",
    c0=Decimal(500),
    c1=Decimal(43),
    c2=Decimal(300),
    c3=Decimal(20),
    c4=Decimal(1500),
    source="",
    grade=EvidenceGrade.D,
)
READ, WRITTEN = (32, 256, 1024, 3072), (1, 16, 128)


def a_call(read: int, written: int) -> TokenUse:
    return TokenUse(prompt_tokens=read, completion_tokens=written)


def windows(
    truth: TokenModel = TRUTH, *, noise: float = 0.0, repetitions: int = 2, seed: int = 1
) -> list[Sample]:
    """What a counter would show of a machine that obeys ``truth``, off by ``noise`` of it."""
    chance = random.Random(seed)
    made = []
    for read_tokens in READ:
        for written in WRITTEN:
            for repetition in range(repetitions):
                calls = (a_call(read_tokens, written),) * (20 + repetition)
                exact = sum(call_mj(truth, use) for use in calls)
                made.append(
                    Sample(
                        cell=f"{read_tokens}/{written}",
                        calls=calls,
                        energy_mj=round(exact * (1 + chance.gauss(0, noise))) if noise else exact,
                        seconds=Decimal("10.000"),
                    )
                )
    return made


def a_calibration(*, noise: float = 0.01) -> Calibration:
    return calibrate(SUBJECT, windows(noise=noise))


def refusal_of(what: Callable[[], object]) -> SpecError:
    """The refusal that ``what`` must end in, which always says what to do."""
    with pytest.raises(SpecError) as refused:
        what()
    assert refused.value.fix
    return refused.value
