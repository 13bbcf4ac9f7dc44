"""What a phase tells once its cases are public: salts, cases and answers, held against the records' hashes.

``challenges`` writes the disclosure into a bundle; ``recompute`` reads it and grades again. Nothing disclosed
can differ from what the records promised: each hash is made again first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scoring.record import canonical, commitments, sealed
from scoring.record.errors import DisclosureUnreadable, NotCanonical, RecordUnreadable
from scoring.record.sealed import MAX_CASES, Record
from scoring.record.shapes import HASH, Shape, list_of, matching, one_of, text, whole

FORMAT = "desafio-disclosure/1"
ANSWERS_FORMAT = "desafio-answers/1"
MAX_SUITES = 100
MAX_CASE_CHARACTERS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What grading needs of a disclosed case."""

    key: str
    weight: int
    expected: Any
    grader: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A suite whose cases are public; ``cases`` by the hash that stands for them in the records."""

    sha256: str
    salt: str
    cases: Mapping[str, Case]


Disclosure = Mapping[str, Suite]  # by the suite's own hash


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    sha256: str
    salt: str
    slots: str
    cases: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    format: str
    suites: tuple[_Told, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answers:
    format: str
    record_sha256: str
    answers: tuple[tuple[str, ...], ...]


def write(suites: Sequence[Mapping[str, Any]]) -> bytes:
    """The file that discloses these suites.

    Each is ``{"sha256", "salt", "slots": commitments.slots_text(…), "cases": [commitments.case_text(…), …]}``
    with the cases in their order. Raises ``DisclosureUnreadable`` where the texts do not give the hash.
    """
    raw = canonical.dumps({"format": FORMAT, "suites": sorted(suites, key=lambda told: told["sha256"])})
    read(raw)
    return raw


def read(raw: bytes) -> Disclosure:
    """Raises ``DisclosureUnreadable`` where a suite's cases are not those of its hash."""
    try:
        file = _FILE(canonical.loads(raw))
    except (NotCanonical, RecordUnreadable) as error:
        raise DisclosureUnreadable(error.what, where=error.where) from None
    found: dict[str, Suite] = {}
    for index, told in enumerate(file.suites):
        if commitments.suite_sha256(slots=told.slots, cases=told.cases) != told.sha256:
            raise DisclosureUnreadable("sus casos no son los de su hash", where=f"suites.{index}.sha256")
        cases = {
            commitments.case_sha256(told.salt, written): _case(written, f"suites.{index}.cases.{position}")
            for position, written in enumerate(told.cases)
        }
        found[told.sha256] = Suite(sha256=told.sha256, salt=told.salt, cases=cases)
    return found


def write_answers(record_sha256: str, answers: Sequence[Sequence[str]]) -> bytes:
    """The texts that were answered, run by run in the order of the record, as ``Run.texts`` has them."""
    return canonical.dumps(
        {"format": ANSWERS_FORMAT, "record_sha256": record_sha256, "answers": list(map(list, answers))}
    )


def read_answers(raw: bytes, *, record: Record, record_sha256: str) -> tuple[tuple[str, ...], ...]:
    """The answers of this very record, as many as it has. Raises ``DisclosureUnreadable``."""
    try:
        file = _ANSWERS(canonical.loads(raw))
    except (NotCanonical, RecordUnreadable) as error:
        raise DisclosureUnreadable(error.what, where=error.where) from None
    if file.record_sha256 != record_sha256:
        raise DisclosureUnreadable("son las respuestas de otro registro", where="record_sha256")
    if [len(texts) for texts in file.answers] != [len(run.texts) for run in record.runs]:
        raise DisclosureUnreadable("no son tantas como peticiones tiene el registro", where="answers")
    return file.answers


def _case(written: str, where: str) -> Case:
    try:
        value = json.loads(written)
    except (ValueError, RecursionError):
        raise DisclosureUnreadable("no es JSON", where=where) from None
    if not isinstance(value, dict) or not isinstance(value.get("grader"), dict):
        raise DisclosureUnreadable("no es un caso", where=where)
    if set(value) != set(commitments.CASE_FIELDS):
        raise DisclosureUnreadable("no tiene los campos de un caso", where=where)
    try:
        return Case(
            key=text(most=40)(value["key"]),
            weight=whole(1)(value["weight"]),
            expected=value["expected"],
            grader=value["grader"],
        )
    except RecordUnreadable as error:
        raise DisclosureUnreadable(error.what, where=where) from None


_text = text(most=MAX_CASE_CHARACTERS)
_FILE = Shape(
    _File,
    format=one_of(FORMAT),
    suites=list_of(
        Shape(
            _Told,
            sha256=matching(HASH),
            salt=matching(HASH),
            slots=_text,
            cases=list_of(_text, most=MAX_CASES, least=1),
        ),
        most=MAX_SUITES,
    ),
)
_ANSWERS = Shape(
    _Answers,
    format=one_of(ANSWERS_FORMAT),
    record_sha256=matching(HASH),
    answers=list_of(list_of(_text, most=sealed.MAX_CALLS_OF_A_RUN), most=sealed.MAX_RUNS),
)
