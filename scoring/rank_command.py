"""``python -m scoring rank``: a board with its doubt, from one JSON text, without a platform.

    python -m scoring rank [ARCHIVO] < FILAS.json

    {"policy": "verde", "parameters": {…}, "seed": "<SHA-256>", "resamples": 2000,
     "rows": [{"id": "ana", "cases": [{"key": "c1", "grade": 0.5, "weight": 2}, …], "energy_mj": [120000]},
     …]}

Cases may be bare grades, which then all weigh 1 and pair by their order. The answer is JSON on standard
output; what is wrong is told in Spanish on standard error, with the row and the field. Ends with 0 where a
board came out, and 2 where none can.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from scoring.decimals import EXACT_ENOUGH
from scoring.errors import SpecError

if TYPE_CHECKING:
    from scoring.uncertainty.values import Board, BoardRule, RankedRow, Standing

WELL, CANNOT = 0, 2
MAX_BYTES = 512 * 2**20
MAX_WEIGHT = 10**6
MAX_TOKENS = 10**12
MAX_ENERGY_MJ = 10**15
MAX_REPETITIONS = 100
SIX_DECIMALS = Decimal("0.000001")
MAX_ID_CHARACTERS = 200
DIFFERENT_GRADES = 2**16
FIELDS = frozenset({"policy", "parameters", "seed", "resamples", "rows"})
ROW_FIELDS = frozenset(
    {"id", "cases", "energy_mj", "prompt_tokens", "completion_tokens", "tiebreak", "is_ranked"}
)
CASE_FIELDS = frozenset({"key", "grade", "weight"})


def main(arguments: Sequence[str]) -> int:
    """Read the rows, print the board, and return the exit code."""
    try:
        path = _parser().parse_args(arguments).path
        print(json.dumps(answer(_content(path)), ensure_ascii=False, indent=1))
    except BadRows as wrong:
        print(wrong, file=sys.stderr)
        return CANNOT
    except OSError as error:
        print(f"No se puede leer {error.filename}: {error.strerror}.", file=sys.stderr)
        return CANNOT
    return WELL


class BadRows(Exception):
    """No board comes out of what was given; ``str`` is the sentence, in Spanish, with row and field."""

    def __init__(self, problem: str, *, field: str = "", row: str = "") -> None:
        place = " · ".join([*([f"fila «{row}»"] if row else []), *([field] if field else [])])
        super().__init__(f"{place}: {problem}" if place else problem)


def answer(content: bytes) -> dict[str, Any]:
    """The board as plain JSON values. Raises ``BadRows``."""
    from scoring.ranking_full import rank_fully

    asked = _object(_parsed(content), FIELDS, "", "")
    weights, rows = _rows(asked)
    rule = _rule(asked, weights)
    try:
        board = rank_fully(rule, rows)
    except SpecError as wrong:
        raise BadRows(wrong.fix, field=wrong.field) from None
    return {
        "policy": rule.policy,
        "seed": rule.seed,
        "resamples": rule.resamples,
        "cases": len(weights),
        "rows": _shown(board),
    }


def ordinal_range(best: int, worst: int) -> str:
    """«2.º–4.º», and «2.º» where nothing else is left open."""
    return f"{best}.º" if best == worst else f"{best}.º–{worst}.º"


def _shown(board: Board) -> list[dict[str, Any]]:
    return [_shown_row(standing) for standing in board.standings()]


def _shown_row(standing: Standing) -> dict[str, Any]:
    best, worst = standing.best_rank or 0, standing.worst_rank or 0
    return {
        "id": standing.id,
        "rank": standing.rank,
        "rank_range": [best, worst] if best else None,
        "rank_range_text": ordinal_range(best, worst) if best else "",
        "tied": standing.tied,
        "tie_group": standing.tie_group,
        "score": f"{standing.score:.4f}",
        "interval": {"low": f"{standing.low:.4f}", "high": f"{standing.high:.4f}", "kind": standing.interval},
        "quality": f"{standing.quality:.6f}",
        "energy_mj": standing.energy_mj,
        "reaches_minimum": standing.reaches_minimum,
        "p_above": None if standing.p_above is None else f"{standing.p_above:.6f}",
    }


# --- reading --------------------------------------------------------------------------------------------


def _content(path: Path | None) -> bytes:
    if path is None:
        content = sys.stdin.buffer.read(MAX_BYTES + 1)
    else:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise BadRows(f"son más de {MAX_BYTES // 2**20} MiB: parte la clasificación en fases.")
    return content


def _parsed(content: bytes) -> object:
    # Few grades are different, and each Decimal of a million would be an object of its own.
    number = lru_cache(maxsize=DIFFERENT_GRADES)(Decimal)
    try:
        return json.loads(content.decode(), parse_float=number, parse_constant=_refuse_constant)
    except UnicodeDecodeError as wrong:
        raise BadRows(f"no es UTF-8 (byte {wrong.start + 1}).") from None
    except json.JSONDecodeError as wrong:
        raise BadRows(f"no es JSON (línea {wrong.lineno}, columna {wrong.colno}).") from None
    except RecursionError:
        raise BadRows("no es JSON que podamos leer: tiene demasiados niveles.") from None
    except (ValueError, InvalidOperation):
        raise BadRows("tiene un número con demasiadas cifras.") from None


def _refuse_constant(name: str) -> NoReturn:
    raise BadRows(f"{name} no es un número de JSON.")


def _object(value: object, known: Iterable[str], field: str, row: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise BadRows("tiene que ser un objeto.", field=field, row=row)
    for name in value:
        if name not in known:
            fix = f"no se conoce; los campos son {', '.join(sorted(known))}."
            raise BadRows(fix, field=_printable(f"{field}.{name}" if field else name), row=row)
    return value


def _rule(asked: Mapping[str, Any], weights: Sequence[int]) -> BoardRule:
    from scoring import policies
    from scoring.uncertainty.seeded import SHA256_HEX
    from scoring.uncertainty.values import FEWEST_RESAMPLES, MOST_RESAMPLES, RESAMPLES, BoardRule

    policy, parameters, seed = asked.get("policy"), asked.get("parameters", {}), asked.get("seed")
    if not isinstance(policy, str):
        raise BadRows("escribe el nombre de una política.", field="policy")
    if not isinstance(parameters, dict):
        raise BadRows("escribe los parámetros como un objeto.", field="parameters")
    if not isinstance(seed, str) or not SHA256_HEX.fullmatch(seed):
        raise BadRows("escribe el SHA-256 de la fase, con 64 cifras hexadecimales minúsculas.", field="seed")
    resamples = _whole(
        asked.get("resamples", RESAMPLES), FEWEST_RESAMPLES, MOST_RESAMPLES, field="resamples", row=""
    )
    try:
        policies.check_parameters(policy, parameters)
    except SpecError as wrong:
        field = wrong.field if wrong.field == "policy" else f"parameters.{wrong.field}"
        raise BadRows(wrong.fix, field=field) from None
    try:
        return BoardRule(
            policy=policy, parameters=parameters, weights=tuple(weights), seed=seed, resamples=resamples
        )
    except ValueError:
        fix = "los pesos son demasiado grandes para sumar sin redondeo: divídelos todos por lo mismo."
        raise BadRows(fix, field="cases.weight") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cases:
    """One row's cases in the order in which all rows have them: by key, or as they came without one."""

    keys: tuple[str, ...]
    weights: tuple[int, ...]
    grades: tuple[int, ...]


def _rows(asked: Mapping[str, Any]) -> tuple[tuple[int, ...], list[RankedRow]]:
    """The weights of the suite, and the rows. Raises ``BadRows`` where rows have not the same cases."""
    told = asked.get("rows")
    if not isinstance(told, list) or not told:
        raise BadRows("escribe una lista con al menos una fila.", field="rows")
    rows: list[RankedRow] = []
    ids: set[str] = set()
    first: _Cases | None = None
    for at, each in enumerate(told):
        row, cases = _row(each, at)
        if row.id in ids:
            raise BadRows("este id está dos veces.", field="id", row=row.id)
        ids.add(row.id)
        first = first or cases
        _check_same(first, cases, row.id)
        rows.append(row)
        # What was read is let go at once: a million cases as objects are hundreds of megabytes.
        told[at] = None
    return first.weights if first else (), rows


def _row(told: object, at: int) -> tuple[RankedRow, _Cases]:
    from scoring.uncertainty.values import RankedRow

    row = told.get("id") if isinstance(told, dict) else None
    if not isinstance(row, str) or not 0 < len(row) <= MAX_ID_CHARACTERS or _printable(row) != row:
        fix = f"escribe un texto de 1 a {MAX_ID_CHARACTERS} caracteres que se puedan imprimir."
        raise BadRows(fix, field=f"rows.{at}.id")
    fields = _object(told, ROW_FIELDS, "", row)
    cases = _cases(fields.get("cases"), row)
    energies = fields.get("energy_mj")
    if not isinstance(energies, list) or not 0 < len(energies) <= MAX_REPETITIONS:
        fix = f"escribe una lista con los milijulios de 1 a {MAX_REPETITIONS} repeticiones."
        raise BadRows(fix, field="energy_mj", row=row)
    tiebreak, is_ranked = fields.get("tiebreak", ""), fields.get("is_ranked", True)
    if not isinstance(tiebreak, str):
        raise BadRows("escribe un texto.", field="tiebreak", row=row)
    if not isinstance(is_ranked, bool):
        raise BadRows("escribe true o false.", field="is_ranked", row=row)
    ranked_row = RankedRow(
        id=row,
        grades=cases.grades,
        energies_mj=tuple(
            _whole(energy, 1, MAX_ENERGY_MJ, field=f"energy_mj.{number}", row=row)
            for number, energy in enumerate(energies)
        ),
        prompt_tokens=_tokens(fields, "prompt_tokens", row),
        completion_tokens=_tokens(fields, "completion_tokens", row),
        tiebreak=tiebreak,
        is_ranked=is_ranked,
    )
    return ranked_row, cases


def _tokens(fields: Mapping[str, Any], name: str, row: str) -> int:
    return _whole(fields.get(name, 0), 0, MAX_TOKENS, field=name, row=row)


def _cases(told: object, row: str) -> _Cases:
    if not isinstance(told, list) or not told:
        raise BadRows("escribe una lista con al menos un caso.", field="cases", row=row)
    cases = [_case(each, f"cases.{at}", row) for at, each in enumerate(told)]
    keyed = [bool(key) for key, _, _ in cases]
    if any(keyed):
        if not all(keyed):
            fix = "le falta «key», que otros casos de la fila tienen."
            raise BadRows(fix, field=f"cases.{keyed.index(False)}", row=row)
        cases.sort(key=_key_of)
    keys = tuple(key for key, _, _ in cases)
    for before, key in pairwise(keys):
        if key and before == key:
            raise BadRows(f"el caso «{_printable(key)}» está dos veces.", field="cases", row=row)
    return _Cases(
        keys=keys,
        weights=tuple(weight for _, weight, _ in cases),
        grades=tuple(grade for _, _, grade in cases),
    )


def _key_of(case: tuple[str, int, int]) -> str:
    return case[0]


def _case(told: object, field: str, row: str) -> tuple[str, int, int]:
    """Key, weight and grade in millionths; a bare grade has the key "" and the weight 1."""
    if not isinstance(told, dict):
        return "", 1, _millionths(told, field, row)
    case = _object(told, CASE_FIELDS, field, row)
    key = case.get("key", "")
    if not isinstance(key, str) or ("key" in case and not key):
        raise BadRows("escribe un texto.", field=f"{field}.key", row=row)
    weight = _whole(case.get("weight", 1), 1, MAX_WEIGHT, field=f"{field}.weight", row=row)
    return key, weight, _millionths(case.get("grade"), f"{field}.grade", row)


def _millionths(told: object, field: str, row: str) -> int:
    context = EXACT_ENOUGH.copy()
    number = Decimal(told) if isinstance(told, int) and not isinstance(told, bool) else told
    if isinstance(number, Decimal) and 0 <= number <= 1:
        shown = number.quantize(SIX_DECIMALS, context=context)
        if shown == number:
            return int(shown.scaleb(6, context))
    raise BadRows("escribe una nota de 0 a 1 con hasta 6 decimales.", field=field, row=row)


def _whole(told: object, least: int, most: int, *, field: str, row: str) -> int:
    if not isinstance(told, int) or isinstance(told, bool) or not least <= told <= most:
        raise BadRows(f"escribe un número entero de {least} a {most}.", field=field, row=row)
    return told


def _check_same(first: _Cases, cases: _Cases, row: str) -> None:
    """Grades are compared case by case, so each row must have the cases of the first one."""
    if cases.keys == first.keys and cases.weights == first.weights:
        return
    if len(cases.keys) != len(first.keys):
        problem = f"hay {len(cases.keys)} casos, y {len(first.keys)} en la primera fila."
    elif cases.keys != first.keys:
        problem = "no son los casos de la primera fila."
    else:
        problem = "no son los pesos de la primera fila."
    raise BadRows(problem, field="cases", row=row)


def _printable(text: str) -> str:
    """Line breaks, escapes and lone surrogates must not reach a terminal, nor a JSON text."""
    return "".join(character if character.isprintable() else "�" for character in text)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadRows("Escribe python -m scoring rank [ARCHIVO].")


def _parser() -> _Parser:
    parser = _Parser(
        prog="python -m scoring rank", description="Ordena filas puntuadas, con su incertidumbre."
    )
    parser.add_argument(
        "path", type=Path, metavar="ARCHIVO", nargs="?", help="JSON; sin él, la entrada estándar"
    )
    return parser
