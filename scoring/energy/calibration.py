"""The token model's coefficients, fitted to windows that a counter measured, and how far they can be trusted.

``scoring.energy.calibrate`` measures the windows; previews, grade D and the search for outliers use what
comes out. The fit is exact (fractions), so the same windows give the same figures on every machine.
``calibration_file`` writes it down and reads it again.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from itertools import combinations

from scoring.decimals import EXACT_ENOUGH
from scoring.energy.token_model import TokenModel, TokenRange, amounts, call_mj
from scoring.errors import SpecError
from scoring.values import EvidenceGrade, TokenUse

NAMES = ("c0", "c1", "c2", "c3", "c4")
FITTED = len(NAMES)
# Five coefficients and as many windows again: with fewer the interval is so wide that it says nothing.
MIN_SAMPLES = 2 * FITTED
MAX_SAMPLES = 1000
MAX_ENERGY_MJ = 10**15
MAX_TOKENS = 10**7
# A grid of a hundred windows of half a minute with 64 calls in flight has half of it.
MAX_CALLS = 500_000
COEFFICIENT_DECIMALS, SHARE_DECIMALS, SPREAD_DECIMALS = 6, 6, 9
# Of the uncertainty of coefficients of any size: significant digits, not decimals.
COVARIANCE_DIGITS = Context(prec=15, rounding=ROUND_HALF_EVEN)
VERSION = re.compile(r"[a-z0-9][a-z0-9.-]{0,59}")
MAX_TEXT_CHARACTERS = 200
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
    """Made by ``calibrate`` or ``calibration_file.load``; never put one together by hand."""

    subject: Subject
    samples: tuple[Sample, ...]
    fit: Fit


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


def predict(calibration: Calibration, calls: Iterable[TokenUse]) -> Prediction:
    """What a window with these calls should use.

    E ± t · √((s·E)² + x'Cx): s is the spread of a window, C the covariance of the coefficients, x the sum of
    the calls' amounts, t Student's at 97.5 %. Source: NIST/SEMATECH e-Handbook 4.5.1.2, with a window's
    standard deviation proportional to its energy (4.1.4.3, weighted least squares). Rounded outwards.
    """
    uses, fit = Counter(calls), calibration.fit
    model = model_of(fit.coefficients, version="", source="", range=fit.range)
    energy_mj = _energy_mj(model, uses)
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
    rows = [[value / sample.energy_mj for value in _summed(Counter(sample.calls))] for sample in samples]
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
    model = model_of(coefficients, version="", source="", range=ranged)
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
        predicted = sum(_energy_mj(model, Counter(window.calls)) for window in windows)
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
    predicted = [Fraction(_energy_mj(model, Counter(sample.calls)), len(sample.calls)) for sample in samples]
    mean = sum(measured, Fraction(0)) / len(measured)
    left = sum(((m - p) ** 2 for m, p in zip(measured, predicted, strict=True)), Fraction(0))
    varied = sum(((m - mean) ** 2 for m in measured), Fraction(0))
    return 1 - left / varied if varied else Fraction(0)


def _energy_mj(model: TokenModel, uses: Mapping[TokenUse, int]) -> int:
    """Of calls with how often each was made: equal ones are worked out once."""
    return sum(call_mj(model, use) * times for use, times in uses.items())


def _range(samples: Sequence[Sample]) -> TokenRange:
    read = [use.prompt_tokens for sample in samples for use in sample.calls]
    written = [use.completion_tokens for sample in samples for use in sample.calls]
    return TokenRange(
        min_prompt_tokens=min(read),
        max_prompt_tokens=max(read),
        min_completion_tokens=min(written),
        max_completion_tokens=max(written),
    )


def model_of(coefficients: Sequence[Decimal], *, version: str, source: str, range: TokenRange) -> TokenModel:
    """A grade D model with these coefficients; ``calibration_file`` names one by its evidence."""
    named = dict(zip(NAMES, coefficients, strict=True))
    return TokenModel(version=version, source=source, grade=EvidenceGrade.D, range=range, **named)


def _summed(uses: Mapping[TokenUse, int]) -> list[Fraction]:
    """What c0 … c4 are multiplied by for all the calls together."""
    totals = [Fraction(0)] * FITTED
    for use, times in uses.items():
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
        calls=tuple(sorted(sample.calls, key=lengths)),
        energy_mj=sample.energy_mj,
        seconds=seconds.quantize(Decimal("0.001"), context=EXACT_ENOUGH.copy()),
    )


def lengths(use: TokenUse) -> tuple[int, int]:
    return use.prompt_tokens, use.completion_tokens


def _order(sample: Sample) -> tuple[str, int, Decimal, list[tuple[int, int]]]:
    return sample.cell, sample.energy_mj, sample.seconds, [lengths(use) for use in sample.calls]


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
