"""The public cases of a pack, for ``lint`` (what examples may be taken from) and ``cost`` (what is asked).

Read line by line, and only as far as these two need it: the loader of packs is the one that judges a pack.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scoring.commands.asking import NotJson, Refused, parsed
from scoring.errors import SpecError
from scoring.solutions.public_cases import public_case
from scoring.values import PublicCase

NAME = "public.jsonl"
MAX_LINE_BYTES = 1_000_000
MAX_CASES = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One public case; ``spec`` and ``expected`` are as the pack wrote them."""

    key: str
    inputs: Mapping[str, str]
    spec: Mapping[str, Any]
    expected: Any


def read(path: Path) -> tuple[Case, ...]:
    """The cases of a file in its order. Raises ``Refused`` with the line number, and ``OSError``."""
    cases: list[Case] = []
    with path.open("rb") as file:
        number = 0
        while line := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            if len(line) > MAX_LINE_BYTES or len(cases) == MAX_CASES:
                raise Refused(f"{path.name}, línea {number}: es demasiado para un archivo de casos.")
            if line.strip():
                cases.append(_case(line, f"{path.name}, línea {number}"))
    if not cases:
        raise Refused(f"{path.name} no tiene ningún caso.")
    return tuple(cases)


def slots(cases: tuple[Case, ...]) -> tuple[str, ...]:
    """The names of the inputs, in the order of the first case."""
    return tuple(dict.fromkeys(name for case in cases for name in case.inputs))


def pool(cases: tuple[Case, ...]) -> dict[str, PublicCase]:
    """What an example may be taken from, by key. Raises ``Refused`` for a grader that cannot work."""
    found = {}
    for case in cases:
        try:
            found[case.key] = public_case(inputs=case.inputs, spec=case.spec, expected=case.expected)
        except SpecError as wrong:
            raise Refused(f"caso «{case.key}», «{wrong.field}»: {wrong.fix}") from None
    return found


def _case(line: bytes, place: str) -> Case:
    try:
        given = parsed(line.rstrip(), is_line=True)
    except NotJson as wrong:
        raise Refused(f"{place}: {wrong}") from None
    given = given if isinstance(given, dict) else {}
    key, inputs, spec = given.get("key"), given.get("inputs"), given.get("grader")
    if not isinstance(key, str) or not isinstance(inputs, dict) or not isinstance(spec, dict):
        raise Refused(f"{place}: un caso lleva «key», «inputs», «expected» y «grader».")
    if not all(isinstance(text, str) for text in inputs.values()):
        raise Refused(f"{place}: cada entrada de «inputs» es un texto.")
    return Case(key=key, inputs=inputs, spec=spec, expected=given.get("expected"))
