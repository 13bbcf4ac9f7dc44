"""The ranking as a file that can be proved: CSV bytes, their SHA-256, and a row that says who took it.

The judges' door calls it. The rows are those of ``challenges.board`` as judges see them, past any freeze; the
same version of the board gives the same bytes.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from challenges import board
from challenges.models import Person, Phase, RankingExport

# Not translated: the bytes must not depend on who downloads them.
HEADER = (
    "puesto",
    "nombre",
    "participación",
    "puntuación",
    "calidad",
    "energía_mJ",
    "grado_de_evidencia",
    "tokens",
    "intentos",
    "puntuado_el",
)

# What a spreadsheet takes for the start of a formula, or skips before one (OWASP, "CSV Injection").
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@dataclass(frozen=True, slots=True, kw_only=True)
class RankingFile:
    """``body`` is RFC 4180 in UTF-8 with a header line; ``sha256`` its digest in lower-case hexadecimal."""

    name: str
    body: bytes
    sha256: str
    board_version: int
    rows: int


def export_ranking(*, phase: Phase, person: Person) -> tuple[RankingFile, RankingExport]:
    """The ranking of this moment, and the row that keeps its hash. The caller has checked the permission."""
    made = ranking_file(phase)
    kept = RankingExport.objects.create(
        phase=phase, person=person, board_version=made.board_version, rows=made.rows, sha256=made.sha256
    )
    return made, kept


def ranking_file(phase: Phase) -> RankingFile:
    """The file alone; nothing is stored."""
    built = board.build(phase, restricted=True)
    body = as_csv(_cells(row, phase.evidence_grade) for row in built.rows)
    return RankingFile(
        name=f"clasificacion-{phase.challenge.slug}-{phase.slug}-v{built.version}.csv",
        body=body,
        sha256=hashlib.sha256(body).hexdigest(),
        board_version=built.version,
        rows=len(built.rows),
    )


def as_csv(rows: Iterable[Iterable[str]]) -> bytes:
    """RFC 4180: commas, CRLF, quotes where they are needed; no cell can start a spreadsheet's formula."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(HEADER)
    for row in rows:
        writer.writerow([neutral(cell) for cell in row])
    return text.getvalue().encode()


def neutral(cell: str) -> str:
    """The text with an apostrophe before it where a spreadsheet would take it for a formula."""
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell


def _cells(row: Mapping[str, Any], grade: str) -> list[str]:
    return [
        "" if row["rank"] is None else str(row["rank"]),
        row["name"],
        row["participation"],
        row["score"],
        row["quality"],
        str(row["energy_mj"]),
        # Outside the ranking is whoever was measured with other evidence than the board's.
        grade if row["is_ranked"] else "",
        str(row["prompt_tokens"] + row["completion_tokens"]),
        str(row["attempts"]),
        row["scored_at"],
    ]
