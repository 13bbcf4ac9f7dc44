"""The token model's coefficients, fitted to windows that a counter measured, and how far they can be trusted.

``scoring.energy.calibrate`` measures the windows and writes the file; previews, grade D and the search for
outliers read it. The fit is exact (fractions), so the same windows give the same bytes on every machine, and
the file holds the windows: whoever reads it does the fit again and refuses whatever is not its outcome.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from typing import Any

from scoring.energy.token_model import EXACT_ENOUGH, TokenModel, TokenRange, amounts, call_mj
from scoring.errors import SpecError
from scoring.values import EvidenceGrade, TokenUse

FORMAT = 1
NAMES = ("c0", "c1", "c2", "c3", "c4")
FITTED = len(NAMES)
# Five coefficients and as many windows again: with fewer the interval is so wide that it says nothing.
MIN_SAMPLES = 2 * FITTED
MAX_SAMPLES = 1000
MAX_ENERGY_MJ = 10**15
MAX_TOKENS = 10**7
# A grid of a hundred windows of half a minute with 64 calls in flight has half of it.
MAX_CALLS = 500_000
MAX_FILE_BYTES = 5_000_000
COEFFICIENT_DECIMALS, SHARE_DECIMALS, SPREAD_DECIMALS = 6, 6, 9
# Of the uncertainty of coefficients of any size: significant digits, not decimals.
COVARIANCE_DIGITS = Context(prec=15, rounding=ROUND_HALF_EVEN)
VERSION = re.compile(r"[a-z0-9][a-z0-9.-]{0,59}")
SECONDS = re.compile(r"[0-9]{1,9}\.[0-9]{3}")
MAX_TEXT_CHARACTERS = 200
SHOWN_HASH_DIGITS = 12
# Student's t at 97.5 % in thousandths, by degrees of freedom. Source: NIST/SEMATECH e-Handbook of Statistical
# Methods, 1.3.6.7.2. In between, the row above holds: its interval is the wider one.
UP_TO_10 = (12_706, 4_303, 3_182, 2_776, 2_571, 2_447, 2_365, 2_306, 2_262, 2_228)
UP_TO_20 = (2_201, 2_179, 2_160, 2_145, 2_131, 2_120, 2_110, 2_101, 2_093, 2_086)
UP_TO_30 = (2_080, 2_074, 2_069, 2_064, 2_060, 2_056, 2_052, 2_048, 2_045, 2_042)
T_975 = {**dict(enumerate(UP_TO_10 + UP_TO_20 + UP_TO_30, start=1)), 40: 2_021, 60: 2_000, 100: 1_984}

Matrix = Sequence[Sequence[Fraction]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One measured window and all that the backend did in it.

    ``cell`` names the place in the grid that it was measured for ("256/16"); the fit does not look at it.
    ``calls`` are whole evaluations of the model, repeated ones too, in any order.
    """

    cell: str
    calls: tuple[TokenUse, ...]
    energy_mj: int
    seconds: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class CellResidual:
    """What a cell's windows measured together, what the model says of them, and the difference over it."""

    cell: str
    windows: int
    calls: int
    measured_mj: int
    predicted_mj: int
    relative: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """What follows from the samples alone.

    ``coefficients`` are c0 … c4 in mJ, with 6 decimals. ``r_squared`` is that of the energy per call, window
    by window. ``spread`` is the relative standard deviation of a window around the model;
    ``degrees_of_freedom`` counts all five coefficients, those that came out 0 too, so that it never claims
    too much. ``covariance`` is that of the coefficients, row by row.
    """

    coefficients: tuple[Decimal, ...]
    range: TokenRange
    cells: tuple[CellResidual, ...]
    r_squared: Decimal
    worst_relative: Decimal
    spread: Decimal
    degrees_of_freedom: int
    covariance: tuple[tuple[Decimal, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What was calibrated: the coefficients hold for this and for nothing else.

    ``counter`` is the measurements' source ("rapl:package-0"). ``in_flight`` is how many calls ran at a time:
    a token written alone may cost thirty times one written among 64.
    """

    version: str
    hardware: str
    backend: str
    model: str
    counter: str
    in_flight: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Made by ``calibrate`` or ``load``; never put one together by hand."""

    subject: Subject
    samples: tuple[Sample, ...]
    fit: Fit

    @property
    def sha256(self) -> str:
        """Over the canonical JSON of everything else."""
        return _hash_of(_document(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What the model expects of a window's calls: the 95 % prediction interval around ``energy_mj``.

    ``in_range`` False: a call was shorter or longer than any calibrated one, so the interval claims nothing.
    """

    low_mj: int
    energy_mj: int
    high_mj: int
    in_range: bool


def calibrate(subject: Subject, samples: Iterable[Sample]) -> Calibration:
    """Fit the samples, in whatever order they come.

    Raises ``SpecError`` with field and fix where the subject is not named, where a sample cannot be one, and
    where they are too few or too much alike to tell the coefficients apart.
    """
    _check_subject(subject)
    ordered = tuple(sorted((_normal(sample) for sample in samples), key=_order))
    _check_samples(ordered)
    return Calibration(subject=subject, samples=ordered, fit=_fit(ordered))


def to_token_model(calibration: Calibration) -> TokenModel:
    """The grade D model; its version names the calibration's hash, so that a figure names its evidence."""
    subject, fit = calibration.subject, calibration.fit
    return _token_model(
        fit.coefficients,
        version=f"{subject.version}:{calibration.sha256[:SHOWN_HASH_DIGITS]}",
        source=(
            f"Calibrado con {subject.counter} en {subject.hardware} ({subject.backend}, {subject.model}, "
            f"{subject.in_flight} a la vez): R² {fit.r_squared}, peor celda {fit.worst_relative}."
        ),
        range=fit.range,
    )


def predict(calibration: Calibration, calls: Iterable[TokenUse]) -> Prediction:
    """What a window with these calls should use.

    E ± t · √((s·E)² + x'Cx): s is the spread of a window, C the covariance of the coefficients, x the sum of
    the calls' amounts, t Student's at 97.5 %. Source: NIST/SEMATECH e-Handbook 4.5.1.2, with a window's
    standard deviation proportional to its energy (4.1.4.3, weighted least squares). Rounded outwards.
    """
    uses, fit = tuple(calls), calibration.fit
    model = _token_model(fit.coefficients, version="", source="", range=fit.range)
    energy_mj = sum(call_mj(model, use) for use in uses)
    context = EXACT_ENOUGH.copy()
    of_window = context.power(context.multiply(fit.spread, Decimal(energy_mj)), 2)
    variance = context.add(of_window, _quadratic(fit.covariance, _summed(uses), context))
    # Rounding of the matrix may leave it a hair below zero.
    deviation = context.sqrt(max(variance, Decimal(0)))
    half = context.multiply(t_975(fit.degrees_of_freedom), deviation)
    low = context.subtract(Decimal(energy_mj), half).to_integral_value(rounding=ROUND_FLOOR)
    high = context.add(Decimal(energy_mj), half).to_integral_value(rounding=ROUND_CEILING)
    return Prediction(
        low_mj=max(int(low), 0),
        energy_mj=energy_mj,
        high_mj=int(high),
        in_range=all(map(fit.range.holds, uses)),
    )


def t_975(degrees_of_freedom: int) -> Decimal:
    """Student's t for a two-sided 95 % interval, never smaller than the true one. Needs at least 1.

    >>> t_975(13), t_975(35)
    (Decimal('2.160'), Decimal('2.042'))
    """
    thousandths = T_975[max(degrees for degrees in T_975 if degrees <= degrees_of_freedom)]
    return _decimals(Fraction(thousandths, 1000), 3)


# --- the fit ------------------------------------------------------------------------------------------------


def non_negative_least_squares(gram: Matrix, moments: Sequence[Fraction]) -> tuple[Fraction, ...]:
    """The β ≥ 0 that makes β'Gβ − 2m'β least; ``gram`` G is positive definite, so there is exactly one.

    All 2^k sets of coefficients that may differ from 0 are solved, and the best that has none below 0 is
    taken: with five it is quick, exact, and has no tolerance that somebody would have to choose. An iterative
    method (Lawson and Hanson, Solving Least Squares Problems, 1974, chapter 23) ends at the same point.
    """
    best, best_gain = (Fraction(0),) * len(moments), Fraction(0)
    for size in range(1, len(moments) + 1):
        for support in combinations(range(len(moments)), size):
            solved = solve([[gram[i][j] for j in support] for i in support], [moments[i] for i in support])
            # With the gradient zero on the support, the residual is what there was less this.
            gain = sum((moments[i] * value for i, value in zip(support, solved, strict=True)), Fraction(0))
            if min(solved) >= 0 and gain > best_gain:
                found = dict(zip(support, solved, strict=True))
                best = tuple(found.get(i, Fraction(0)) for i in range(len(moments)))
                best_gain = gain
    return best


def solve(matrix: Matrix, right: Sequence[Fraction]) -> tuple[Fraction, ...]:
    """x of ``matrix`` · x = ``right``, exactly. Raises ``ZeroDivisionError`` where there is not just one."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for column in range(len(rows)):
        pivot = next((i for i in range(column, len(rows)) if rows[i][column]), column)
        rows[column], rows[pivot] = rows[pivot], rows[column]
        scale = 1 / rows[column][column]
        rows[column] = [value * scale for value in rows[column]]
        for i, row in enumerate(rows):
            if i != column and row[column]:
                rows[i] = [a - row[column] * b for a, b in zip(row, rows[column], strict=True)]
    return tuple(row[-1] for row in rows)


def normal_equations(samples: Sequence[Sample]) -> tuple[list[list[Fraction]], list[Fraction]]:
    """G and m of the weighted least squares: each window is divided by the energy that it measured.

    A counter and a machine are off by a share of what they show, not by a fixed amount: so each window weighs
    alike, and the long ones do not drown the short ones.
    """
    rows = [[value / sample.energy_mj for value in _summed(sample.calls)] for sample in samples]
    gram = [
        [sum((row[i] * row[j] for row in rows), Fraction(0)) for j in range(FITTED)] for i in range(FITTED)
    ]
    return gram, [sum((row[i] for row in rows), Fraction(0)) for i in range(FITTED)]


def _fit(samples: Sequence[Sample]) -> Fit:
    gram, moments = normal_equations(samples)
    try:
        exact = non_negative_least_squares(gram, moments)
    except ZeroDivisionError:
        raise SpecError(
            field="samples",
            fix="Mide más longitudes de prompt y de respuesta: estas no distinguen los cinco coeficientes.",
        ) from None
    degrees = len(samples) - FITTED
    # Each right side is 1 after the division, so that together they are the number of windows.
    gained = sum((m * value for m, value in zip(moments, exact, strict=True)), Fraction(0))
    variance = (len(samples) - gained) / degrees
    coefficients = tuple(_decimals(value, COEFFICIENT_DECIMALS) for value in exact)
    ranged = _range(samples)
    model = _token_model(coefficients, version="", source="", range=ranged)
    cells = _cells(model, samples)
    return Fit(
        coefficients=coefficients,
        range=ranged,
        cells=cells,
        r_squared=_decimals(_r_squared(model, samples), SHARE_DECIMALS),
        worst_relative=max(cell.relative.copy_abs() for cell in cells),
        spread=_root(variance, SPREAD_DECIMALS),
        degrees_of_freedom=degrees,
        covariance=_covariance(gram, exact, variance),
    )


def _covariance(
    gram: Matrix, exact: Sequence[Fraction], variance: Fraction
) -> tuple[tuple[Decimal, ...], ...]:
    """Of the coefficients that are not held at 0; the others have none."""
    support = [i for i, value in enumerate(exact) if value]
    within = [[gram[i][j] for j in support] for i in support]
    inverse: dict[tuple[int, int], Fraction] = {}
    for column, i in enumerate(support):
        unit = [Fraction(column == row) for row in range(len(support))]
        for j, value in zip(support, solve(within, unit), strict=True):
            inverse[i, j] = value
    return tuple(
        tuple(_digits(variance * inverse.get((i, j), Fraction(0))) for j in range(FITTED))
        for i in range(FITTED)
    )


def _cells(model: TokenModel, samples: Sequence[Sample]) -> tuple[CellResidual, ...]:
    """In the order of the samples, which stand together by cell."""
    by_cell: dict[str, list[Sample]] = {}
    for sample in samples:
        by_cell.setdefault(sample.cell, []).append(sample)
    residuals = []
    for cell, windows in by_cell.items():
        measured = sum(window.energy_mj for window in windows)
        predicted = sum(_predicted_mj(model, window) for window in windows)
        residuals.append(
            CellResidual(
                cell=cell,
                windows=len(windows),
                calls=sum(len(window.calls) for window in windows),
                measured_mj=measured,
                predicted_mj=predicted,
                relative=_decimals(Fraction(predicted - measured, measured), SHARE_DECIMALS),
            )
        )
    return tuple(residuals)


def _r_squared(model: TokenModel, samples: Sequence[Sample]) -> Fraction:
    """Of the energy per call: windows last equally long, so that their whole energies hardly differ."""
    measured = [Fraction(sample.energy_mj, len(sample.calls)) for sample in samples]
    predicted = [Fraction(_predicted_mj(model, sample), len(sample.calls)) for sample in samples]
    mean = sum(measured, Fraction(0)) / len(measured)
    left = sum(((m - p) ** 2 for m, p in zip(measured, predicted, strict=True)), Fraction(0))
    varied = sum(((m - mean) ** 2 for m in measured), Fraction(0))
    return 1 - left / varied if varied else Fraction(0)


def _predicted_mj(model: TokenModel, sample: Sample) -> int:
    return sum(call_mj(model, use) * times for use, times in Counter(sample.calls).items())


def _range(samples: Sequence[Sample]) -> TokenRange:
    read = [use.prompt_tokens for sample in samples for use in sample.calls]
    written = [use.completion_tokens for sample in samples for use in sample.calls]
    return TokenRange(
        min_prompt_tokens=min(read),
        max_prompt_tokens=max(read),
        min_completion_tokens=min(written),
        max_completion_tokens=max(written),
    )


def _token_model(
    coefficients: Sequence[Decimal], *, version: str, source: str, range: TokenRange
) -> TokenModel:
    named = dict(zip(NAMES, coefficients, strict=True))
    return TokenModel(version=version, source=source, grade=EvidenceGrade.D, range=range, **named)


def _summed(uses: Iterable[TokenUse]) -> list[Fraction]:
    """What c0 … c4 are multiplied by for all the calls together."""
    totals = [Fraction(0)] * FITTED
    for use, times in Counter(uses).items():
        totals = [
            total + times * Fraction(amount) for total, amount in zip(totals, amounts(use), strict=True)
        ]
    return totals


def _quadratic(matrix: Sequence[Sequence[Decimal]], x: Sequence[Fraction], context: Context) -> Decimal:
    amount = sum(
        (Fraction(matrix[i][j]) * x[i] * x[j] for i in range(FITTED) for j in range(FITTED)), Fraction(0)
    )
    return context.divide(Decimal(amount.numerator), Decimal(amount.denominator))


def _decimals(value: Fraction, decimals: int) -> Decimal:
    """Half to even, and with that many decimals always."""
    return Decimal(round(value * 10**decimals)).scaleb(-decimals, context=EXACT_ENOUGH.copy())


def _digits(value: Fraction) -> Decimal:
    return COVARIANCE_DIGITS.copy().divide(Decimal(value.numerator), Decimal(value.denominator))


def _root(value: Fraction, decimals: int) -> Decimal:
    context = EXACT_ENOUGH.copy()
    root = context.sqrt(context.divide(Decimal(value.numerator), Decimal(value.denominator)))
    return _decimals(Fraction(root), decimals)


# --- what is refused ----------------------------------------------------------------------------------------


def _check_subject(subject: Subject) -> None:
    if not VERSION.fullmatch(subject.version):
        raise SpecError(
            field="version", fix="Usa de 1 a 60 letras minúsculas sin tilde, cifras, puntos y guiones."
        )
    for field in ("hardware", "backend", "model", "counter"):
        text = getattr(subject, field)
        if not (0 < len(text) <= MAX_TEXT_CHARACTERS and text.isprintable()):
            raise SpecError(
                field=field, fix=f"Escribe de 1 a {MAX_TEXT_CHARACTERS} caracteres en una sola línea."
            )
    if subject.in_flight < 1:
        raise SpecError(field="in_flight", fix="Escribe cuántas llamadas iban a la vez: 1 o más.")


def _normal(sample: Sample) -> Sample:
    """The calls in one order, and the seconds with three decimals: what the file will say."""
    seconds = sample.seconds
    if not (seconds.is_finite() and 0 <= seconds < 10**9):
        raise SpecError(field=f"samples.{sample.cell}.seconds", fix="Escribe los segundos de la ventana.")
    return Sample(
        cell=sample.cell,
        calls=tuple(sorted(sample.calls, key=_tokens)),
        energy_mj=sample.energy_mj,
        seconds=seconds.quantize(Decimal("0.001"), context=EXACT_ENOUGH.copy()),
    )


def _tokens(use: TokenUse) -> tuple[int, int]:
    return use.prompt_tokens, use.completion_tokens


def _order(sample: Sample) -> tuple[str, int, Decimal, list[tuple[int, int]]]:
    return sample.cell, sample.energy_mj, sample.seconds, [_tokens(use) for use in sample.calls]


def _check_samples(samples: Sequence[Sample]) -> None:
    if not MIN_SAMPLES <= len(samples) <= MAX_SAMPLES:
        raise SpecError(
            field="samples", fix=f"Mide entre {MIN_SAMPLES} y {MAX_SAMPLES} ventanas; hay {len(samples)}."
        )
    if sum(len(sample.calls) for sample in samples) > MAX_CALLS:
        raise SpecError(field="samples", fix=f"Mide {MAX_CALLS} llamadas o menos.")
    for sample in samples:
        _check_sample(sample)


def _check_sample(sample: Sample) -> None:
    field = f"samples.{sample.cell}"
    if not (0 < len(sample.cell) <= MAX_TEXT_CHARACTERS and sample.cell.isprintable()):
        raise SpecError(field="samples.cell", fix="Pon nombre a cada celda, en una sola línea.")
    if not 0 < sample.energy_mj <= MAX_ENERGY_MJ:
        raise SpecError(field=f"{field}.energy_mj", fix=f"Una ventana gasta entre 1 y {MAX_ENERGY_MJ} mJ.")
    if not sample.calls:
        raise SpecError(field=f"{field}.calls", fix="Una ventana sin llamadas no sirve para calibrar.")
    if not all(1 <= u.prompt_tokens <= MAX_TOKENS for u in sample.calls) or not all(
        0 <= u.completion_tokens <= MAX_TOKENS for u in sample.calls
    ):
        raise SpecError(
            field=f"{field}.calls", fix=f"Una llamada lee de 1 a {MAX_TOKENS} tokens y escribe 0 o más."
        )


# --- the file -----------------------------------------------------------------------------------------------


def dump(calibration: Calibration) -> str:
    """The file's text: keys sorted, decimals as strings, one hash over all of it."""
    document = _document(calibration)
    return json.dumps({**document, "sha256": _hash_of(document)}, sort_keys=True, indent=1) + "\n"


def load(text: str) -> Calibration:
    """The calibration of a file's text, fitted again from the windows in it.

    Raises ``SpecError`` with field and fix for anything that ``dump`` would not have written: unknown,
    missing or repeated keys, numbers with a point, NaN, a wrong hash, and any figure that does not follow
    from the windows (a negative coefficient, a better R²).
    """
    document = _parsed(text)
    given = document.pop("sha256", None)
    if given != _hash_of(document):
        raise SpecError(field="sha256", fix="El archivo ha cambiado desde que se hizo: vuelve a calibrar.")
    _check_keys(document, frozenset(_KEYS), "")
    if document["format"] != FORMAT:
        raise SpecError(field="format", fix=f"Esta versión lee el formato {FORMAT}: vuelve a calibrar.")
    subject = Subject(
        in_flight=_whole(document["in_flight"], "in_flight"),
        **{name: _text(document[name], name) for name in _SUBJECT_TEXTS},
    )
    calibration = calibrate(subject, _read_samples(document["samples"]))
    _check_same(document, _document(calibration), "")
    return calibration


def read(path: Path) -> Calibration:
    """The calibration in a file. Raises ``SpecError`` as ``load`` does, and ``OSError``."""
    with path.open("rb") as file:
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise SpecError(
            field="(archivo)", fix=f"Un archivo de calibración tiene {MAX_FILE_BYTES} bytes o menos."
        )
    try:
        return load(content.decode())
    except UnicodeDecodeError:
        raise SpecError(field="(archivo)", fix="Un archivo de calibración es texto en UTF-8.") from None


_SUBJECT_TEXTS = ("version", "hardware", "backend", "model", "counter")
_KEYS = (*_SUBJECT_TEXTS, "in_flight", "format", "samples", "coefficients", "range", "residuals", "interval")


def _document(calibration: Calibration) -> dict[str, Any]:
    fit = calibration.fit
    return {
        "format": FORMAT,
        **asdict(calibration.subject),
        "samples": [_sample_document(sample) for sample in calibration.samples],
        "coefficients": {n: str(value) for n, value in zip(NAMES, fit.coefficients, strict=True)},
        "range": asdict(fit.range),
        "residuals": {
            "cells": [{**asdict(cell), "relative": str(cell.relative)} for cell in fit.cells],
            "r_squared": str(fit.r_squared),
            "worst_relative": str(fit.worst_relative),
        },
        "interval": {
            "spread": str(fit.spread),
            "degrees_of_freedom": fit.degrees_of_freedom,
            "t_975": str(t_975(fit.degrees_of_freedom)),
            "covariance": [[str(value) for value in row] for row in fit.covariance],
        },
    }


def _sample_document(sample: Sample) -> dict[str, Any]:
    """Equal calls once, with how many there were: [read, written, times]."""
    times = Counter(map(_tokens, sample.calls))
    return {
        "cell": sample.cell,
        "calls": [[*tokens, count] for tokens, count in times.items()],
        "energy_mj": sample.energy_mj,
        "seconds": str(sample.seconds),
    }


def _hash_of(document: Mapping[str, Any]) -> str:
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def _parsed(text: str) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise SpecError(field=twice, fix="Esta clave está dos veces: deja una.")
        return found

    def no_number(written: str) -> Any:
        raise SpecError(
            field=written[:40], fix="Los números con decimales van entre comillas, y NaN no es ninguno."
        )

    try:
        document = json.loads(text, object_pairs_hook=once, parse_float=no_number, parse_constant=no_number)
    except (ValueError, RecursionError):
        raise SpecError(
            field="(archivo)", fix="No es JSON: usa el archivo que escribió la calibración."
        ) from None
    if not isinstance(document, dict):
        raise SpecError(field="(archivo)", fix="No es una calibración: usa el archivo que esta escribió.")
    return document


def _read_samples(listed: Any) -> list[Sample]:
    if not isinstance(listed, list) or len(listed) > MAX_SAMPLES:
        raise SpecError(field="samples", fix=f"Es una lista de {MAX_SAMPLES} ventanas como mucho.")
    samples, left = [], MAX_CALLS
    for index, entry in enumerate(listed):
        samples.append(_read_sample(entry, f"samples.{index}", most_calls=left))
        left -= len(samples[-1].calls)
    return samples


def _read_sample(entry: Any, field: str, *, most_calls: int) -> Sample:
    _check_keys(entry, frozenset({"cell", "calls", "energy_mj", "seconds"}), f"{field}.")
    seconds = _text(entry["seconds"], f"{field}.seconds")
    if not SECONDS.fullmatch(seconds):
        raise SpecError(field=f"{field}.seconds", fix='Escribe los segundos con tres decimales: "10.250".')
    return Sample(
        cell=_text(entry["cell"], f"{field}.cell"),
        calls=tuple(_read_calls(entry["calls"], f"{field}.calls", most=most_calls)),
        energy_mj=_whole(entry["energy_mj"], f"{field}.energy_mj"),
        seconds=Decimal(seconds),
    )


def _read_calls(listed: Any, field: str, *, most: int) -> list[TokenUse]:
    uses: list[TokenUse] = []
    for entry in listed if isinstance(listed, list) else [None]:
        if not isinstance(entry, list) or len(entry) != 3:
            raise SpecError(field=field, fix="Cada llamada es [leídos, escritos, veces].")
        read, written, times = (_whole(number, field) for number in entry)
        if not 1 <= times <= most - len(uses):
            raise SpecError(
                field=field, fix=f"Las veces son 1 o más, y en todo el archivo {MAX_CALLS} o menos."
            )
        uses += [TokenUse(prompt_tokens=read, completion_tokens=written)] * times
    return uses


def _whole(value: Any, field: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise SpecError(field=field, fix="Escribe un número entero.")
    return value


def _text(value: Any, field: str) -> str:
    if not isinstance(value, str):
        raise SpecError(field=field, fix="Escribe un texto entre comillas.")
    return value


def _check_keys(entry: Any, known: frozenset[str], prefix: str) -> None:
    if not isinstance(entry, dict):
        raise SpecError(field=prefix.rstrip("."), fix="Es un objeto con sus claves.")
    for name in sorted(entry.keys() ^ known):
        fix = "Falta esta clave." if name in known else "Nadie conoce esta clave: quítala."
        raise SpecError(field=f"{prefix}{name}", fix=fix)


def _check_same(given: Any, computed: Any, field: str) -> None:
    """Raise ``SpecError`` at the first thing that does not follow from the windows."""
    if isinstance(computed, dict):
        _check_keys(given, frozenset(computed), f"{field}." if field else "")
        for name, value in computed.items():
            _check_same(given[name], value, f"{field}.{name}" if field else name)
    elif isinstance(computed, list) and isinstance(given, list) and len(given) == len(computed):
        for index, value in enumerate(computed):
            _check_same(given[index], value, f"{field}.{index}")
    elif type(given) is not type(computed) or given != computed:
        raise SpecError(
            field=field, fix="No es lo que dan las ventanas medidas del mismo archivo: vuelve a calibrar."
        )
