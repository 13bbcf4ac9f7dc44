"""A calibration as a file: its canonical bytes, its hash, and reading it without taking it at its word.

``scoring.energy.calibrate`` writes the file; whoever needs a calibrated model reads it. The file holds the
measured windows beside the fit: whoever reads it does the fit again and refuses whatever is not its outcome.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any

from scoring.energy.calibration import (
    MAX_CALLS,
    MAX_SAMPLES,
    NAMES,
    Calibration,
    Sample,
    Subject,
    calibrate,
    lengths,
    model_of,
    t_975,
)
from scoring.energy.token_model import TokenModel
from scoring.errors import SpecError
from scoring.values import TokenUse

FORMAT = 1
MAX_FILE_BYTES = 5_000_000
SECONDS = re.compile(r"[0-9]{1,9}\.[0-9]{3}")
SHOWN_HASH_DIGITS = 12
SUBJECT_TEXTS = ("version", "hardware", "backend", "model", "counter")
KEYS = (*SUBJECT_TEXTS, "in_flight", "format", "samples", "coefficients", "range", "residuals", "interval")


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
    _check_keys(document, frozenset(KEYS), "")
    if document["format"] != FORMAT:
        raise SpecError(field="format", fix=f"Esta versión lee el formato {FORMAT}: vuelve a calibrar.")
    subject = Subject(
        in_flight=_whole(document["in_flight"], "in_flight"),
        **{name: _text(document[name], name) for name in SUBJECT_TEXTS},
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


def sha256_of(calibration: Calibration) -> str:
    """Over the canonical JSON of everything that the file says but the hash itself."""
    return _hash_of(_document(calibration))


def to_token_model(calibration: Calibration) -> TokenModel:
    """The grade D model; its version names the calibration's hash, so that a figure names its evidence."""
    subject, fit = calibration.subject, calibration.fit
    return model_of(
        fit.coefficients,
        version=f"{subject.version}:{sha256_of(calibration)[:SHOWN_HASH_DIGITS]}",
        source=(
            f"Calibrado con {subject.counter} en {subject.hardware} ({subject.backend}, {subject.model}, "
            f"{subject.in_flight} a la vez): R² {fit.r_squared}, peor celda {fit.worst_relative}."
        ),
        range=fit.range,
    )


# --- what the file says --------------------------------------------------------------------------------


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
    times = Counter(map(lengths, sample.calls))
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
