"""The ranking as a file that can be proved: CSV bytes, their SHA-256, and a row that says who took it.

The judges' door calls it. The rows are those of ``challenges.board`` as judges see them, past any freeze, and
behind them, without a rank, the scores that a review keeps out: so the file tells who is missing from the
ranking, and by whose decision. The same version of the board gives the same bytes, as long as nobody whose
name is in it changes that name.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from django.db import transaction

from challenges import board, reviewing
from challenges.merit import NOBODY_YET, last_of, verdict_of
from challenges.models import (
    Leaderboard,
    Person,
    Phase,
    RankingExport,
    Review,
    Score,
    Standing,
    Verdict,
)

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
    "grupo",
    "mejor_puesto",
    "peor_puesto",
    "puntuación_desde",
    "puntuación_hasta",
    "revisión",
    "avisos",
    "decidida_por",
    "decidida_el",
    "motivo",
)
# Of a score that was never held.
NO_REVIEW = ("",) * 5
# What chance leaves open, of a score that has no place.
LEFT_OPEN = ("tie_group", "best_rank", "worst_rank", "score_low", "score_high")
NO_PLACES = ("",) * len(LEFT_OPEN)
STATUS = {NOBODY_YET: "en revisión", Verdict.ACCEPTED: "cuenta", Verdict.REJECTED: "no cuenta"}

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
    with transaction.atomic():
        # No score and no decision may come between the readings: the file would be of no one version.
        Leaderboard.objects.select_for_update().filter(phase=phase).first()
        built = board.build(phase, restricted=True)
        reviewed = list(reviewing.reviewed(phase).annotate(name_is_public=board.name_is_public()))
        standing = dict(
            Standing.objects.filter(score__in=reviewed).values_list("score_id", "participation__public_id")
        )
    review_of = {str(standing[score.pk]): _review(score) for score in reviewed if score.pk in standing}
    rows = [
        *(
            [*_cells(row, phase.evidence_grade), *review_of.get(row["participation"], NO_REVIEW)]
            for row in built.rows
        ),
        *(_kept_out(score) for score in reviewed if verdict_of(_held(score)) != Verdict.ACCEPTED),
    ]
    body = as_csv(rows)
    return RankingFile(
        name=f"clasificacion-{phase.challenge.slug}-{phase.slug}-v{built.version}.csv",
        body=body,
        sha256=hashlib.sha256(body).hexdigest(),
        board_version=built.version,
        rows=len(rows),
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
        *("" if row[name] is None else str(row[name]) for name in LEFT_OPEN),
    ]


def _kept_out(score: Any) -> list[str]:
    """A score that a review keeps out, with its figures; ``name_is_public`` as ``board`` annotates it."""
    return [
        "",
        board.shown_name(score, score.name_is_public),
        str(score.participation.public_id),
        f"{score.value:.4f}",
        f"{score.quality:.6f}",
        str(score.energy_mj),
        score.evidence_grade if score.is_ranked else "",
        str(score.prompt_tokens + score.completion_tokens),
        "",
        _moment(score.created_at),
        *NO_PLACES,
        *_review(score),
    ]


def _review(score: Score) -> list[str]:
    review = _held(score)
    last = last_of(review)
    return [
        STATUS[verdict_of(review)],
        " ".join(review.flags),
        # As judges read who downloaded: two people may be called the same.
        last.person.email if last else "",
        _moment(last.decided_at) if last else "",
        last.reason if last else "",
    ]


def _held(score: Score) -> Review:
    # The other side of a key that is declared in another module: the types do not know it.
    review: Review = cast(Any, score).review
    return review


def _moment(at: datetime) -> str:
    """As the board writes its own."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
