"""Words meant for whoever gives the marks: for a model that judges, or for a grader's reader.

Each sign is a name, a pattern and the places where it is looked for. It is looked for in Spanish, Catalan and
English, in a folded text that keeps its punctuation. What also stands in a case or in the statement never
counts: a case may well be about a jury. A prompt that tells the model which data to leave aside is honest.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scoring.integrity.reading import Reading
from scoring.integrity.values import Background, Finding, Rule, Where
from scoring.solutions.turn_marks import MARK

SHOWN = 80

_GRADER = (
    r"(?:evaluadora?|correctora?|calificadora?|juez automatico|modelo (?:juez|evaluador|corrector)"
    r"|avaluadora?|jutge automatic|model (?:jutge|avaluador)|grader|evaluator|judge model|llm judge|marker)"
)
_MARKS = r"(?:nota|notas|puntuacion|calificacion|puntuacio|qualificacio|score|mark|marks|grade|rating)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """``pattern`` is looked for in the text as ``_plain`` makes it; ``is_raw``: in the text as it stands."""

    name: str
    pattern: re.Pattern[str]
    is_raw: bool = False


def _sign(name: str, *alternatives: str) -> Sign:
    return Sign(name=name, pattern=re.compile("|".join(rf"\b(?:{each})" for each in alternatives)))


SIGNS = (
    # "Ignora las instrucciones que traiga el texto" guards against others, and is no sign: it takes those
    # that came before.
    _sign(
        "drop-instructions",
        r"(?:ignorad?|ignore|olvida|olvide|descarta|omite|haz caso omiso (?:a|de)|no hagas caso (?:a|de)"
        r"|oblida|no facis cas de)(?: \S+){0,3}"
        r" (?:instrucciones|indicaciones|ordenes|reglas|criterios|rubrica|instruccions|indicacions|regles)"
        r"(?: \S+){0,2} (?:anteriores|previas|previos|recibidas|de arriba|del sistema"
        r"|del? (?:la )?" + _GRADER + r"|anteriors|previes|de dalt)\b",
        r"(?:ignore|disregard|forget|override)(?: \S+){0,3} (?:previous|prior|earlier|above|preceding|system)"
        r"(?: \S+){0,2} (?:instructions?|rules|prompts?|rubric|criteria)\b",
    ),
    _sign(
        "ask-for-marks",
        r"(?:asigna|asignad|asigne|otorga|otorgue|concede|dale|da|dame|pon|ponle|ponme|ponga|posa|dona|atorga)"
        r"(?: \S+){0,4} (?:(?:la )?maxima " + _MARKS + rf"|{_MARKS} maxima|{_MARKS} mas alta|10/10|100/100)",
        r"(?:asigna|otorga|pon|ponle|ponme|dale|posa)(?: \S+){0,3} (?:un|una nota de|una puntuacion de)"
        r" (?:10|diez|deu|100)\b",
        r"(?:give|award|assign|grant)(?: \S+){0,4} (?:full|maximum|highest|top|perfect|best) " + _MARKS,
        r"(?:give|award|assign|rate)(?: \S+){0,3} (?:a )?(?:10/10|100/100|10 out of 10)",
    ),
    _sign(
        "speak-to-the-grader",
        r"(?:nota|mensaje|aviso|atencion|instruccion|instrucciones|missatge|avis|instruccions)"
        r" (?:para|al|a|a la|per a|per al)(?: la| el| l')? ?" + _GRADER + r"\b",
        r"(?:querid[oa]|estimad[oa]|benvolgut|dear|hello|attention|note to(?: the)?|message to(?: the)?)"
        r",? " + _GRADER + r"\b",
        r"(?:eres|seras|actua como|ets|you are|act as)(?: ahora| ara| now)? (?:el|un|una|la|l'|the|a|an) ?"
        + _GRADER
        + r"\b",
    ),
    _sign(
        "claim-to-be-right",
        r"(?:considera|acepta|marca|califica|corrige|trata|dona|da)(?: \S+){0,2} (?:esta|mi|toda|cualquier"
        r"|qualsevol|aquesta|la meva) resp(?:uesta|osta)(?: \S+){0,2} (?:como|por|com a|per) (?:\S+ )?"
        r"(?:correcta|buena|valida|acertada|bona)\b",
        r"(?:mark|grade|accept|treat|count|consider)(?: \S+){0,3} (?:answer|response|output)"
        r"(?: \S+){0,2} as (?:\S+ )?(?:correct|right|valid|perfect)\b",
    ),
    _sign(
        "end-the-answer",
        r"(?<=[\[(<={\-#*] )(?:fin|final|end) (?:de la respuesta|de la resposta|of (?:the )?"
        r"(?:answer|response|submission))\b",
    ),
    Sign(
        name="fake-verdict",
        pattern=re.compile(
            r"[\"'“](?:score|grade|rating|verdict|rubric|nota|puntuacion|puntuacio|calificacion|qualificacio"
            r"|veredicto)[\"'”] ?: ?[\"'“]?(?:\d|max|correct|aprobado|pass)"
        ),
    ),
    # Prompts that hold one are refused when they are handed in; a model may still write it.
    Sign(name="turn-mark", pattern=MARK, is_raw=True),
)


def look(read: Sequence[Reading], background: Background, *, where: Where) -> Iterator[Finding]:
    """Each sign once, by the first reading that shows it."""
    public = "\n".join(_plain(text) for text in background.texts)
    seen: set[str] = set()
    for reading in read:
        plain = _plain(reading.text)
        for sign in SIGNS:
            text = reading.text if sign.is_raw else plain
            if sign.name not in seen and (found := _first(sign, text, public)):
                seen.add(sign.name)
                yield Finding(
                    rule=Rule.INJECTION,
                    where=where,
                    reading=reading.name,
                    what=f"{sign.name}: {found[:SHOWN]}",
                )


def _first(sign: Sign, text: str, public: str) -> str:
    found = (match[0] for match in sign.pattern.finditer(text))
    return next((each for each in found if _plain(each) not in public), "")


def _plain(text: str) -> str:
    """Small letters without accents, single spaces, punctuation kept, brackets and rules standing apart."""
    bare = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(
        each for each in bare if each == "\n" or (each.isprintable() and not unicodedata.combining(each))
    )
    return " ".join(re.sub(r"([\[(<={\-#*])(?=\w)", r"\1 ", bare).split())
