"""A pack as frozen values: what ``load`` has read and checked, and ``store`` makes rows of.

Nothing here reads a file or a row. Field names are those of the models, so that a row can be made of a value
field by field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from challenges import suite_hash
from challenges.models import Visibility
from scoring.values import EvidenceGrade


@dataclass(frozen=True, slots=True, kw_only=True)
class PackCase:
    """One question with its right answer; ``expected`` and ``grader`` are plain JSON."""

    key: str
    group: str
    inputs: Mapping[str, str]
    expected: Any
    grader: Mapping[str, Any]
    weight: int

    def fields(self) -> dict[str, Any]:
        """The columns of a Case row, but for its place in a suite."""
        return {
            "key": self.key,
            "group": self.group,
            "inputs": dict(self.inputs),
            "expected": self.expected,
            "grader": dict(self.grader),
            "weight": self.weight,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PackSuite:
    """The cases of one file, in its order, with the slots that they fill."""

    visibility: Visibility
    slots: Mapping[str, str]
    cases: tuple[PackCase, ...]

    def case_fields(self) -> list[dict[str, Any]]:
        """The columns of every Case row; positions count from 0."""
        return [{**case.fields(), "position": position} for position, case in enumerate(self.cases)]

    @property
    def sha256(self) -> str:
        """Of the canonical JSON of slots and cases: two suites of one hash ask and grade the same."""
        return suite_hash.digest(slots=dict(self.slots), cases=self.case_fields())


@dataclass(frozen=True, slots=True, kw_only=True)
class PackPhase:
    """A phase with every default filled in; moments carry the offset that they were written with."""

    slug: str
    title: str
    opens_at: datetime
    closes_at: datetime
    freeze_at: datetime | None
    time_zone: str
    policy: str
    policy_parameters: Mapping[str, Any]
    evidence_grade: EvidenceGrade
    ties: str
    attempts_per_day: int
    attempts_per_phase: int
    running_per_participation: int
    energy_purse_mj: int | None
    max_characters: int
    max_lines: int
    max_output_tokens: int
    kinds: tuple[str, ...]
    max_examples: int
    max_example_characters: int
    max_calls_per_case: int
    concurrency: int
    case_timeout_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """A whole challenge, checked. Only ``load`` makes one."""

    slug: str
    title: str
    summary: str
    statement: str
    language: str
    licence: str
    phases: tuple[PackPhase, ...]
    public: PackSuite
    private: PackSuite
