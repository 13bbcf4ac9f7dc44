"""``python -m scoring grade --grader NOMBRE [--spec JSON]``: grades of answers, a line in and a line out.

    {"answer": "La respuesta es la b)", "expected": "b"}      ->      {"grade": 1, "reason": "…"}

A line may bring its own ``spec`` (with or without ``name``), which then stands for ``--spec``. A line that
cannot be graded is told with its number on standard error and leaves ``{"error": …}`` in its place: then the
end is 1. A grader or a ``--spec`` that can grade nothing ends with 2 before more is read. No more than a line
is ever held.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from scoring import graders
from scoring.commands.asking import CANNOT, WELL, WRONG, NotJson, Parser, Refused, json_option, parsed
from scoring.errors import SpecError
from scoring.values import Grade

# An answer of the longest kind that is read, each character as an escape, with an expected one beside it.
MAX_LINE_BYTES = 4_000_000
FIELDS = frozenset({"answer", "expected", "spec"})


def main(arguments: Sequence[str]) -> int:
    """Grade standard input to its end and return the exit code."""
    try:
        asked = _parser().parse_args(arguments)
        spec = {**json_option(asked.spec, option="--spec"), "name": asked.grader}
        _check_alone(spec)
        return _grade_lines(sys.stdin.buffer, sys.stdout.buffer, spec)
    except Refused as wrong:
        print(wrong, file=sys.stderr)
        return CANNOT


def _grade_lines(lines: BinaryIO, out: BinaryIO, spec: Mapping[str, Any]) -> int:
    code = WELL
    for number, line in _numbered(lines):
        told: dict[str, Any]
        try:
            told = _told(_graded(line, spec))
        except _BadLine as wrong:
            words = f"línea {number}: {wrong}"
            print(words, file=sys.stderr)
            told, code = {"error": words}, WRONG
        # Half a surrogate pair, which JSON's escapes can bring, goes out as the escape that it came as.
        out.write(json.dumps(told, ensure_ascii=False).encode(errors="backslashreplace") + b"\n")
        # Whoever asks line by line waits for this one.
        out.flush()
    return code


def _numbered(lines: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """The lines that are not blank, with their numbers; None for one that is too long to be held."""
    number = 0
    while line := lines.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES:
            while not line.endswith(b"\n") and (line := lines.readline(MAX_LINE_BYTES)):
                pass
            yield number, None
        elif line.strip():
            yield number, line


def _graded(line: bytes | None, spec: Mapping[str, Any]) -> Grade:
    given = _fields(line)
    own = given.get("spec")
    used = spec if own is None else {"name": spec["name"], **own}
    try:
        graders.check_spec(spec=used, expected=given.get("expected"))
        return graders.grade(spec=used, answer=given["answer"], expected=given.get("expected"))
    except SpecError as wrong:
        if own is None and not _is_about_expected(wrong):
            raise Refused(f"--spec, «{wrong.field}»: {wrong.fix}") from None
        raise _BadLine(f"«{wrong.field}»: {wrong.fix}") from None
    except RecursionError:
        raise _BadLine("tiene demasiados niveles.") from None


def _fields(line: bytes | None) -> dict[str, Any]:
    if line is None:
        raise _BadLine(f"tiene más de {MAX_LINE_BYTES} bytes.")
    try:
        given = parsed(line.rstrip(), is_line=True)
    except NotJson as wrong:
        raise _BadLine(str(wrong)) from None
    if not isinstance(given, dict):
        raise _BadLine("no es un objeto de JSON. Debe empezar por «{» y acabar por «}».")
    if unknown := sorted(given.keys() - FIELDS):
        raise _BadLine(f"sobra «{unknown[0][:60]}»: los campos son «answer», «expected» y «spec».")
    if not isinstance(given.get("answer"), str):
        raise _BadLine("«answer»: escribe la respuesta como un texto.")
    if not isinstance(given.get("spec", {}), dict):
        raise _BadLine("«spec»: debe ser un objeto de JSON.")
    return given


def _told(grade: Grade) -> dict[str, Any]:
    # At most six decimals: the float is written as the same digits on every machine.
    value = int(grade.value) if grade.value == int(grade.value) else float(grade.value)
    told = {"grade": value, "reason": grade.reason}
    return {**told, "evidence": grade.evidence} if grade.evidence else told


def _check_alone(spec: Mapping[str, Any]) -> None:
    """What is wrong with a spec whatever is expected: said before the first line is waited for."""
    try:
        graders.check_spec(spec=spec, expected=None)
    except SpecError as wrong:
        if not _is_about_expected(wrong):
            option = "--grader" if wrong.field == "name" else f"--spec, «{wrong.field}»"
            raise Refused(f"{option}: {wrong.fix}") from None


def _is_about_expected(wrong: SpecError) -> bool:
    return wrong.field.partition(".")[0] == "expected"


class _BadLine(Exception):
    """A line that cannot be graded; ``str`` says why."""


def _parser() -> Parser:
    parser = Parser(
        verb="grade",
        usage_line="--grader NOMBRE [--spec JSON] < RESPUESTAS.jsonl",
        description="Corrige respuestas: una línea con «answer» y «expected» da otra con «grade» y «reason».",
    )
    parser.add_argument("--grader", required=True, metavar="NOMBRE", help=", ".join(graders.GRADERS))
    parser.add_argument("--spec", default="{}", metavar="JSON", help="las opciones del corrector")
    return parser
