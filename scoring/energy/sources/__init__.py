"""The counters that a meter can read, a module each, chosen by a short text.

Standard library and nvidia-ml-py only: the meter's process holds nothing else. A new counter is one module
with a class that is a ``CounterSource``, and one line here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from scoring.energy.counter import Clock, CounterSource
from scoring.energy.sources.dcgm import open_dcgm
from scoring.energy.sources.nvml import open_nvml
from scoring.energy.sources.rapl import open_rapl
from scoring.energy.sources.replay import open_replay
from scoring.energy.sources.synthetic import open_synthetic
from scoring.energy.sources.zeusd import open_zeusd

OPENERS: Mapping[str, Callable[[str, Clock], CounterSource]] = {
    "nvml": open_nvml,
    "rapl": open_rapl,
    "zeusd": open_zeusd,
    "dcgm": open_dcgm,
    "replay": open_replay,
    "synthetic": open_synthetic,
}
FORMS = (
    "nvml, nvml:UUID, nvml:ÍNDICE, rapl, zeusd:URL-O-SOCKET, zeusd:URL-O-SOCKET#ÍNDICE, dcgm:URL, "
    "dcgm:URL#UUID, dcgm:URL#UUID@MILISEGUNDOS, replay:FICHERO, synthetic:CURVA"
)
# It counts tokens, which the worker knows and no meter sees.
NO_METER_FOR_A_MODEL = (
    "El modelo de tokens no necesita medidor: deja METER_URL vacío y dale a la fase el grado E, o el D con "
    "un modelo calibrado (./alia calibrate, TOKEN_MODEL)."
)


def open_source(spec: str, *, clock: Clock = time.monotonic_ns) -> CounterSource:
    """The source that ``spec`` names, read once to see that it can be.

    Raises ``ValueError`` (in Spanish: what is wrong, and what is allowed) for a spec that cannot be, and
    ``CounterUnavailable`` where the counter cannot be read here.
    """
    name, _, rest = spec.strip().partition(":")
    if name == "model":
        raise ValueError(NO_METER_FOR_A_MODEL)
    if name not in OPENERS:
        raise ValueError(f"No hay ningún contador {name[:40]!r}. Formas admitidas: {FORMS}.")
    try:
        return OPENERS[name](rest, clock)
    except ValueError as error:
        raise ValueError(f"{name}: {error} Formas admitidas: {FORMS}.") from None
