"""What people read beside an energy figure: what its grade claims, and what each flag means.

Called by every door, so that the same figure is told in the same words. docs/energy.md says the same at
length. The flag of a held score that is about no energy (docs/integrity.md) has its words here too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from scoring.energy.flags import Flag
from scoring.energy.token_model import MODEL_GRADES
from scoring.integrity import FLAG as INTEGRITY_LOOK
from scoring.values import EvidenceGrade

Words = str | Promise

GRADE_WORDS: Mapping[str, Words] = {
    EvidenceGrade.A: gettext_lazy(
        "Medida con el contador de la propia GPU, mientras la usaba solo esta evaluación."
    ),
    EvidenceGrade.B: gettext_lazy(
        "Medida con el contador de una GPU compartida y repartida entre las peticiones con una regla pública."
    ),
    EvidenceGrade.C: gettext_lazy(
        "Medida con el contador del procesador: incluye todo lo que se ejecutaba en él a la vez."
    ),
    EvidenceGrade.D: gettext_lazy(
        "Calculada a partir de los tokens, con un modelo calibrado en esta misma máquina. No es una medida."
    ),
    EvidenceGrade.E: gettext_lazy(
        "Estimación, no medida: se calcula a partir de los tokens con coeficientes supuestos. Sirve para "
        "comparar propuestas sobre el mismo modelo, no para saber cuántos julios gastó esta máquina."
    ),
}

SIMULATED_WORDS: Words = gettext_lazy(
    "Simulada, no medida: el contador es de prueba y no está en ninguna máquina. Sirve para enseñar cómo se "
    "mide, y nunca entra en una clasificación que pida una medida."
)

FLAG_WORDS: Mapping[str, Words] = {
    Flag.COUNTER_STUCK: gettext_lazy("El contador de energía se quedó parado."),
    Flag.COUNTER_WENT_BACK: gettext_lazy("El contador de energía retrocedió."),
    Flag.COUNTER_WRAPPED: gettext_lazy(
        "El contador llegó a su máximo y volvió a cero: la vuelta está sumada."
    ),
    Flag.COUNTER_JUMPED: gettext_lazy("El contador de energía dio un salto imposible."),
    Flag.EDGES_MISSING: gettext_lazy("Faltan lecturas del contador dentro de la ventana."),
    Flag.ZERO_ENERGY: gettext_lazy("La medida dio cero."),
    Flag.ABOVE_BOARD_POWER: gettext_lazy("La cifra pasa de lo que la tarjeta puede gastar en ese tiempo."),
    Flag.BELOW_IDLE_POWER: gettext_lazy("La cifra no llega a lo que la tarjeta gasta en reposo."),
    Flag.METER_AWAY: gettext_lazy("El medidor dejó de responder."),
    Flag.METER_RESTARTED: gettext_lazy("El medidor se reinició durante la ventana."),
    Flag.WRONG_DEVICE: gettext_lazy("El medidor era de otra GPU."),
    Flag.CLOCK_SKEW: gettext_lazy("El reloj del medidor y el del trabajador no coinciden."),
    Flag.WINDOW_TOO_SHORT: gettext_lazy("La ventana de medida fue demasiado corta."),
    Flag.WINDOW_EXPIRED: gettext_lazy("Nadie cerró la ventana de medida a tiempo."),
    Flag.OTHER_PROCESS: gettext_lazy("Otro proceso usó la GPU a la vez."),
    Flag.CLOCKS_CHANGED: gettext_lazy("Cambiaron las frecuencias de la GPU."),
    Flag.POWER_LIMIT_CHANGED: gettext_lazy("Cambió el límite de potencia de la GPU."),
    Flag.THROTTLED: gettext_lazy("La GPU se frenó por temperatura o por potencia."),
    Flag.NO_CALLS: gettext_lazy("No hubo ninguna petición."),
    Flag.TOKENS_MISSING: gettext_lazy("A alguna petición le faltan los tokens."),
    Flag.REPETITION_LOST: gettext_lazy("Se perdió una repetición."),
    Flag.REFERENCE_DRIFT: gettext_lazy("La carga de referencia varió más de lo admitido."),
    Flag.PREFIX_CACHE: gettext_lazy(
        "El modelo tenía textos en la memoria de peticiones anteriores: leerlos costó menos de lo debido."
    ),
    Flag.OUT_OF_RANGE: gettext_lazy("Hay peticiones fuera del rango en que se calibró el modelo de tokens."),
    Flag.UNLIKE_TOKEN_MODEL: gettext_lazy("La cifra se aleja de lo que el modelo de tokens espera."),
    Flag.UNLIKE_REPETITIONS: gettext_lazy("Las repeticiones se alejan unas de otras."),
    Flag.UNLIKE_WITNESS: gettext_lazy("La cifra se aleja de la del segundo testigo."),
    Flag.OTHER_PROCESSES_INCLUDED: gettext_lazy("Incluye lo que gastaron los demás procesos de la máquina."),
    Flag.FEEDBACK_INCOMPLETE: gettext_lazy("Faltan respuestas a casos públicos."),
    Flag.SHORTENED_PROTOCOL: gettext_lazy("Se midió con ventanas más cortas que las del protocolo completo."),
}

# One sentence whatever was found: a contestant who tries out guesses is not told which one was right.
INTEGRITY_WORDS: Words = gettext_lazy(
    "Una regla automática pide que una persona de la organización mire este envío antes de que cuente."
)
_EVERY_WORDS: Mapping[str, Words] = {**FLAG_WORDS, INTEGRITY_LOOK: INTEGRITY_WORDS}


def of_figure(grade: str, *, is_counted: bool) -> str:
    """``is_counted``: a counter told it. One that has only a model's grade is no counter of a device."""
    is_simulated = is_counted and grade in MODEL_GRADES
    return str(SIMULATED_WORDS if is_simulated else GRADE_WORDS[grade])


def of_flags(flags: Iterable[str]) -> list[str]:
    """A sentence for each, in the order of their names; one that this version does not know, as it is."""
    return [str(_EVERY_WORDS.get(flag, flag)) for flag in sorted(flags)]
