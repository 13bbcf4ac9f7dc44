"""``python -m scoring lint ARCHIVO``: everything wrong with a submission, before it is handed in and offline.

The same checks as the platform's, through ``scoring.solutions.kinds``. Each problem is a line «campo, línea
N: frase» on standard output, where the line is that of the field's own text; where the file is no JSON, its
own line and column. Ends with 0 without problems, 1 with some, and 2 where nothing can be looked at.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scoring.commands import public_file, submission_file
from scoring.commands.asking import (
    CANNOT,
    WELL,
    WRONG,
    NotJson,
    Parser,
    Refused,
    json_option,
    refused_file,
)
from scoring.commands.words import sentence
from scoring.solutions.kinds import KINDS
from scoring.values import ContentLimits, Problem, PublicCase

LIMITS = tuple(field.name for field in dataclasses.fields(ContentLimits))
MAX_LIMIT = 10**9


def main(arguments: Sequence[str]) -> int:
    """Print what is wrong and return the exit code."""
    try:
        asked = _parser().parse_args(arguments)
        problems = _problems(asked)
    except NotJson as wrong:
        print(f"{asked.file.name}: {wrong}")
        return WRONG
    except Refused as wrong:
        print(wrong, file=sys.stderr)
        return CANNOT
    except OSError as error:
        print(refused_file(error), file=sys.stderr)
        return CANNOT
    for problem in problems:
        print(sentence(problem).encode(errors="backslashreplace").decode())
    return WRONG if problems else WELL


def _problems(asked: Any) -> tuple[Problem, ...]:
    limits = _limits(json_option(asked.limits, option="--limits"))
    found = submission_file.read(asked.file, kind=asked.kind)
    slots, pool = _around(asked, found)
    if found.content is None:
        return found.problems
    return KINDS[found.kind].check(found.content, limits=limits, slots=slots, pool=pool)


def _around(
    asked: Any, found: submission_file.SubmissionFile
) -> tuple[tuple[str, ...], dict[str, PublicCase]]:
    """The slots and the public cases that the submission may use, as far as they were told."""
    cases = public_file.read(asked.public) if asked.public else ()
    pool = public_file.pool(cases) if found.kind == "fewshot" else {}
    if asked.slots is not None:
        return tuple(name for name in asked.slots.split(",") if name), pool
    if cases:
        return public_file.slots(cases), pool
    print("Sin --slots ni --public no se mira si los huecos existen.", file=sys.stderr)
    return found.slots, pool


def _limits(given: dict[str, Any]) -> ContentLimits:
    """The platform's own limits, but for those given. Raises ``Refused``."""
    for name, value in given.items():
        if name not in LIMITS:
            raise Refused(f"--limits: no existe «{name[:60]}». Los que existen: {', '.join(LIMITS)}.")
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_LIMIT:
            raise Refused(f"--limits, «{name}»: debe ser un número entero de 0 a {MAX_LIMIT}.")
    return ContentLimits(**given)


def _parser() -> Parser:
    parser = Parser(
        verb="lint",
        usage_line="ARCHIVO [--kind TIPO] [--slots a,b] [--public ARCHIVO] [--limits JSON]",
        description="Dice qué está mal en un envío, sin enviarlo.",
    )
    parser.add_argument("file", type=Path, metavar="ARCHIVO", help="el envío, en JSON")
    parser.add_argument("--kind", choices=list(KINDS), help="el tipo; si falta, el de sus campos")
    parser.add_argument("--slots", metavar="a,b", help="los huecos del desafío")
    parser.add_argument("--public", type=Path, metavar="ARCHIVO", help="los casos públicos (public.jsonl)")
    parser.add_argument("--limits", default="{}", metavar="JSON", help="los límites de la fase")
    return parser
