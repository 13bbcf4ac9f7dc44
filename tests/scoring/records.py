"""Builders of sealed records with defaults: ``a_record(score=…)``, ``a_chain(5)``, ``a_bundle(path)``.

Their figures hold together as those of a real evaluation do: three private cases, token model of grade E.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

from scoring.energy.token_model import DEFAULT_CPU, call_mj
from scoring.record import bundle, commitments, disclosure
from scoring.record.bundle import Phase, Published
from scoring.record.chain import EMPTY, Head, Sealed, seal, sha256_of
from scoring.record.recompute import recompute
from scoring.record.sealed import (
    Baseline,
    Call,
    Chain,
    Coefficients,
    Model,
    Outcome,
    Protocol,
    Record,
    ReferenceRun,
    Rules,
    Run,
    Subject,
    SuiteVersion,
    Window,
)
from scoring.values import EvidenceGrade, TokenUse

SALT = "5a" * 32
VERDE: dict[str, str | int] = {"q_min": "0.20", "e_ref_mj": 2_000_000, "e_min_mj": 200, "lambda": "0.5"}
PHASE = Phase(challenge="energia", phase="primera", phase_id=1)
EVALUATION = "17"
# What the model answers to each case, and the grade that it earns.
ANSWERS = ("sí", "Respuesta: 12 kWh", "no sé")
GRADES = ("1.000000", "1.000000", "0.000000")
SLOTS = commitments.slots_text({"pregunta": "La pregunta."})
CASES: tuple[Mapping[str, Any], ...] = (
    {
        "key": "s0",
        "group": "",
        "inputs": {"pregunta": "¿Gasta?"},
        "expected": "sí",
        "grader": {"name": "exact"},
        "weight": 1,
        "position": 0,
    },
    {
        "key": "s1",
        "group": "",
        "inputs": {"pregunta": "¿Cuánto?"},
        "expected": 12,
        "grader": {"name": "number", "unit": "kWh", "tolerance": {"absolute": 0.5}},
        "weight": 2,
        "position": 1,
    },
    {
        "key": "s2",
        "group": "",
        "inputs": {"pregunta": "¿Y por qué?"},
        "expected": "porque sí",
        "grader": {"name": "exact", "accept": ["sí"]},
        "weight": 1,
        "position": 2,
    },
)
CASE_TEXTS = tuple(commitments.case_text(case) for case in CASES)
SUITE_SHA256 = commitments.suite_sha256(slots=SLOTS, cases=CASE_TEXTS)
DEFAULT_COEFFICIENTS = Coefficients(
    version=DEFAULT_CPU.version,
    **{f"c{index}": format(value, "f") for index, value in enumerate(DEFAULT_CPU.coefficients)},
    source=DEFAULT_CPU.source,
    grade=DEFAULT_CPU.grade,
    range=None,
    calibration_sha256="",
)


def a_call(answer_sha256: str = "e" * 64, **overrides: Any) -> Call:
    fields: dict[str, Any] = {
        "prompt_tokens": 20,
        "completion_tokens": 4,
        "cached_tokens": 0,
        "first_token_us": 10_000,
        "duration_us": 25_000,
        "attempts": 1,
        "finish_reason": "stop",
        "answer_sha256": answer_sha256,
    }
    return Call(**{**fields, **overrides})


def the_runs(
    *, repetition: int = 1, evaluation: str = EVALUATION, is_public: bool = False
) -> tuple[Run, ...]:
    """One repetition of the three cases; each writes one token more than the one before it."""
    runs = []
    for index, (case, written, answer, grade) in enumerate(
        zip(CASES, CASE_TEXTS, ANSWERS, GRADES, strict=True)
    ):
        case_sha256 = commitments.case_sha256(SALT, written)
        promised = commitments.answer_sha256(
            SALT, evaluation=evaluation, case_sha256=case_sha256, repetition=repetition, index=0, text=answer
        )
        call = a_call(promised, completion_tokens=4 + index, answer=answer if is_public else None)
        runs.append(
            Run(
                case_sha256=case_sha256,
                key=case["key"] if is_public else "",
                repetition=repetition,
                weight=case["weight"],
                grade=grade,
                calls=(call,),
            )
        )
    return tuple(runs)


def a_window(runs: Sequence[Run] = (), *, repetition: int = 1, **overrides: Any) -> Window:
    """That of the token model over the runs of its repetition."""
    uses = [
        TokenUse(prompt_tokens=call.prompt_tokens, completion_tokens=call.completion_tokens)
        for run in runs
        if run.repetition == repetition
        for call in run.calls
    ]
    fields: dict[str, Any] = {
        "window_id": "",
        "source": DEFAULT_CPU.version,
        "basis": "token-model",
        "grade": EvidenceGrade.E,
        "energy_mj": sum(call_mj(DEFAULT_CPU, use) for use in uses),
        "seconds": "1.500",
        "flags": (),
    }
    return Window(repetition=repetition, **{**fields, **overrides})


def a_reference_run(**overrides: Any) -> ReferenceRun:
    """300 J a pass."""
    fields: dict[str, Any] = {
        "place": "before",
        "window_id": "",
        "source": "nvml",
        "passes": 10,
        "energy_mj": 3_000_000,
        "seconds": "10.001",
        "flags": (),
    }
    return ReferenceRun(**{**fields, **overrides})


def a_protocol(**overrides: Any) -> Protocol:
    """Kept to by ``a_measured_record``."""
    fields: dict[str, Any] = {
        "repetitions": 5,
        "window_seconds": "30.000",
        "workload": "referencia-1",
        "tolerance_percent": "2.000",
        "baseline": Baseline(passes=10, energy_mj=3_000_000),
        "references": (a_reference_run(), a_reference_run(place="after")),
    }
    return Protocol(**{**fields, **overrides})


def a_measured_record(*, repetitions: Sequence[int] = (1, 2, 3, 4, 5), **overrides: Any) -> Record:
    """As the protocol of a counter gives it: the cases so many times, 7 s and some 7 J each time."""
    fields: dict[str, Any] = {
        "runs": tuple(run for repetition in repetitions for run in the_runs(repetition=repetition)),
        "windows": tuple(
            a_window(
                repetition=repetition,
                basis="counter",
                grade=EvidenceGrade.A,
                source="nvml",
                energy_mj=7000 + repetition,
                seconds="7.000",
            )
            for repetition in repetitions
        ),
        "score": an_outcome(
            evidence_grade=EvidenceGrade.A,
            energy_repetitions=tuple(repetitions),
            quality_repetitions=tuple(repetitions[:1]),
        ),
        "rules": Rules(policy="verde", parameters=VERDE, evidence_grade=EvidenceGrade.A),
        "coefficients": None,
        "protocol": a_protocol(),
    }
    return with_its_score(a_record(**{**fields, **overrides}))


def an_outcome(**overrides: Any) -> Outcome:
    """Figures that nobody has worked out yet; ``a_record`` puts in those that follow."""
    fields: dict[str, Any] = {
        "value": "0.0000",
        "quality": "0.000000",
        "green": "0.000000",
        "reaches_minimum": False,
        "is_ranked": True,
        "evidence_grade": EvidenceGrade.E,
        "energy_mj": 1,
        "energy_rule": "median-of-repetitions",
        "energy_repetitions": (1,),
        "quality_repetitions": (1,),
        "prompt_tokens": 0,
        "completion_tokens": 0,
    }
    return Outcome(**{**fields, **overrides})


def a_record(*, number: int = 1, score: Outcome | None = None, **overrides: Any) -> Record:
    """A record whose score follows from it, unless the ``score`` is handed in as it should stand there."""
    runs = overrides.pop("runs", None) or the_runs()
    fields: dict[str, Any] = {
        "chain": Chain(challenge=PHASE.challenge, phase=PHASE.phase, phase_id=PHASE.phase_id),
        "created_at": "2026-11-25T08:20:00.123456Z",
        "subject": Subject(
            evaluation=EVALUATION,
            submission=str(UUID(int=number)),
            participation=str(UUID(int=10**6 + number)),
            kind="prompt",
            content_sha256="c" * 64,
        ),
        "rules": Rules(policy="verde", parameters=VERDE, evidence_grade=EvidenceGrade.E),
        "suite": SuiteVersion(version=1, visibility="private", sha256=SUITE_SHA256, cases=len(CASES)),
        "model": Model(name="modelo-de-prueba", revision="r1", file_sha256=""),
        "windows": (a_window(runs),),
        "environment": {"python": "3.11", "backend": "llama.cpp ñ"},
        "coefficients": DEFAULT_COEFFICIENTS,
    }
    record = Record(runs=runs, score=score or an_outcome(), **{**fields, **overrides})
    return record if score else with_its_score(record)


def with_its_score(record: Record) -> Record:
    computed = recompute(record)
    figures = {name: getattr(computed, name) for name in type(computed).__slots__}
    figures["evidence_grade"] = EvidenceGrade(computed.evidence_grade)
    return replace(record, score=replace(record.score, **figures))


def a_sealed(record: Record | None = None, previous: Head = EMPTY) -> Sealed:
    return seal(record or a_record(), previous)


def a_chain(length: int, start: Head = EMPTY) -> list[Sealed]:
    links: list[Sealed] = []
    for number in range(start.number + 1, start.number + length + 1):
        links.append(seal(a_record(number=number), links[-1].head if links else start))
    return links


def a_disclosure(**overrides: Any) -> bytes:
    told = {"sha256": SUITE_SHA256, "salt": SALT, "slots": SLOTS, "cases": list(CASE_TEXTS)}
    return disclosure.write([{**told, **overrides}])


def the_answers(sealed_record: Sealed, answers: Sequence[str] = ANSWERS) -> bytes:
    """In the order of the record's runs, which is that of the cases' hashes."""
    by_case = dict(
        zip((commitments.case_sha256(SALT, written) for written in CASE_TEXTS), answers, strict=True)
    )
    return disclosure.write_answers(
        sealed_record.sha256, [[by_case[case_sha256]] for case_sha256 in sorted(by_case)]
    )


def a_bundle(path: Path, links: Sequence[Sealed], *, is_disclosed: bool = False, **overrides: Any) -> Path:
    """The links' bundle, written to ``path``."""
    records = [
        Published(content=link.content, answers=the_answers(link) if is_disclosed else None) for link in links
    ]
    evidence = {sha256_of(content): content for content in overrides.pop("evidence", ())}
    fields: dict[str, Any] = {
        "phase": PHASE,
        "evidence": list(evidence),
        "evidence_of": evidence.__getitem__,
        "disclosure": a_disclosure() if is_disclosed else None,
    }
    path.write_bytes(b"".join(bundle.chunks(records=records, **{**fields, **overrides})))
    return path
