"""What ``--check`` tells: which counters this machine offers, with what grade, and why not the others.

Each one is opened and read as the meter would; nothing is said to be there that did not give a figure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scoring.energy.counter import CounterSource
from scoring.errors import CounterUnavailable
from scoring.values import EvidenceGrade

Open = Callable[[str], CounterSource]

# Where each source is by default, in the order in which they are to be preferred.
TRIED: Sequence[tuple[str, str]] = (
    ("nvml", "la tarjeta NVIDIA, leída por su biblioteca"),
    ("zeusd:/var/run/zeusd.sock", "la tarjeta NVIDIA, leída por el servicio zeusd"),
    ("dcgm:http://127.0.0.1:9400/metrics", "la tarjeta NVIDIA, leída por el exportador DCGM"),
    ("rapl", "el procesador, por sus contadores RAPL"),
)
CLAIMS = {
    EvidenceGrade.A: "la energía de la tarjeta, medida, si nadie más la usa",
    EvidenceGrade.B: "la energía de una tarjeta compartida, repartida",
    EvidenceGrade.C: "la energía del procesador entero, con lo demás que haga la máquina",
}
NONE = (
    "Esta máquina no ofrece ningún contador de energía que se pueda leer: aquí la energía no se mide, se "
    "estima a partir de los tokens. Eso es una estimación de grado E (D, si el modelo está calibrado en una "
    "máquina igual que tenga contador), y las páginas lo dicen así: «estimación, no medida»."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One source that was tried. ``grade`` None: it cannot be read, and ``words`` say why."""

    source: str
    what: str
    grade: EvidenceGrade | None
    words: str


def offers(open_source: Open, tried: Sequence[tuple[str, str]] = TRIED) -> list[Offer]:
    """Try each source once."""
    return [_offer(open_source, source, what) for source, what in tried]


def told(found: Sequence[Offer]) -> str:
    """The offers as text for a person."""
    lines = ["Contadores de energía que se han probado en esta máquina:", ""]
    for offer in found:
        sign = f"SÍ, grado {offer.grade}" if offer.grade else "no"
        lines += [f"  {offer.source}: {sign}", f"      Es {offer.what}.", f"      {offer.words}"]
    readable = [(offer.grade, offer.source) for offer in found if offer.grade]
    # The best grade, and of equals the one that is tried first.
    best = min(readable, key=lambda pair: pair[0].value, default=None)
    return "\n".join([*lines, "", NONE if best is None else _best(*best)])


def _best(grade: EvidenceGrade, source: str) -> str:
    claim = CLAIMS.get(grade, "una estimación")
    return (
        f"Lo mejor que hay es --source {source}, de grado {grade}: {claim}. "
        f"Arranca el medidor con esa fuente y pon su dirección en METER_URL."
    )


def _offer(open_source: Open, source: str, what: str) -> Offer:
    try:
        counter = open_source(source)
    except (CounterUnavailable, ValueError) as error:
        return Offer(source=source, what=what, grade=None, words=_sentence(error))
    try:
        device = counter.device()
        counter.read_mj()
    except CounterUnavailable as error:
        return Offer(source=source, what=what, grade=None, words=_sentence(error))
    finally:
        counter.close()
    words = f"{device.name} ({device.uuid}); el contador cambia cada {device.update_ms} ms."
    return Offer(source=source, what=what, grade=counter.grade, words=words)


def _sentence(error: Exception) -> str:
    words = " ".join(str(error).split()) or "No se puede leer."
    return words if words.endswith(".") else f"{words}."
