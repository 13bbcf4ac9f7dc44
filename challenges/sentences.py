"""What a refusal says to people: in their language, naming the field and the fix.

Called by every door (pages, API) and by commands, so that the same mistake is told in the same words. It
makes sentences out of fields; it decides nothing, stores nothing and knows no page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import singledispatch

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from challenges import cancelling
from challenges.errors import (
    BoardNameRefused,
    ChallengeClosed,
    ConsentMissing,
    ContestantError,
    IdempotencyConflict,
    InvalidContent,
    NotParticipating,
    PhaseClosed,
    PurseExhausted,
    QuotaExhausted,
    TooLateToWithdraw,
)
from challenges.models import Evaluation, Purpose, State
from challenges.models.evaluation import FINAL
from scoring.values import Problem

FIELD_NAMES = {
    "system": gettext_lazy("Instrucciones del sistema"),
    "user": gettext_lazy("Plantilla del usuario"),
    "sampling": gettext_lazy("Muestreo"),
    "sampling.temperature": gettext_lazy("Temperatura"),
    "sampling.top_p": gettext_lazy("Top-p"),
    "sampling.max_output_tokens": gettext_lazy("Tokens de respuesta como máximo"),
    "sampling.seed": gettext_lazy("Semilla"),
    "sampling.stop": gettext_lazy("Secuencias de parada"),
    "board_name": gettext_lazy("Nombre en la clasificación"),
    "idempotency_key": gettext_lazy("Clave de idempotencia"),
    "content": gettext_lazy("Contenido"),
    "file": gettext_lazy("Fichero"),
    "kind": gettext_lazy("Tipo de envío"),
    "examples": gettext_lazy("Ejemplos"),
    "steps": gettext_lazy("Pasos"),
    "answer": gettext_lazy("Paso que da la respuesta"),
    "document": gettext_lazy("Pasos"),
    "": gettext_lazy("Contenido"),
}

# What an example or a step has inside, behind its number.
PART_NAMES = {
    "public": gettext_lazy("caso público"),
    "inputs": gettext_lazy("entradas"),
    "answer": gettext_lazy("respuesta"),
    "name": gettext_lazy("nombre"),
    "extract": gettext_lazy("lo que se extrae"),
    "extract.regex": gettext_lazy("expresión regular de «extract»"),
    "extract.json": gettext_lazy("puntero JSON de «extract»"),
    "when": gettext_lazy("condición «when»"),
    "stop_if": gettext_lazy("condición «stop_if»"),
}

_NUMBERED = re.compile(r"(?P<list>examples|steps)\.(?P<index>[0-9]{1,6})(?:\.(?P<inside>.+))?")

TYPE_NAMES = {
    "text": gettext_lazy("un texto"),
    "number": gettext_lazy("un número"),
    "integer": gettext_lazy("un número entero"),
    "list": gettext_lazy("una lista de textos"),
    "object": gettext_lazy("un objeto con campos"),
    "boolean": gettext_lazy("verdadero o falso (true o false)"),
}


def sentence(problem: Problem) -> str:
    """One problem as a whole sentence: where it is, what is wrong, and how to mend it."""
    return _("%(where)s: %(what)s") % {"where": _where(problem), "what": what(problem)}


def what(problem: Problem) -> str:
    """The same without naming the field, for a page that shows it right under the field."""
    make = WHAT.get(problem.code)
    if make is None:
        return _("no es válido (%(code)s). Revísalo y vuelve a intentarlo.") % {"code": problem.code}
    return make(problem)


def _where(problem: Problem) -> str:
    name = field_name(problem.field)
    if problem.line is None:
        return name
    return _("%(field)s, línea %(line)d") % {"field": name, "line": problem.line}


def field_name(field: str) -> str:
    """The label that people see for a dotted field name; items of a list ("sampling.stop.2") are numbered."""
    known = FIELD_NAMES.get(field)
    if known is not None:
        return str(known)
    numbered = _NUMBERED.fullmatch(field)
    if numbered is not None:
        made = _("Ejemplo %(number)d") if numbered["list"] == "examples" else _("Paso %(number)d")
        whole = made % {"number": int(numbered["index"]) + 1}
        inside = numbered["inside"]
        return (
            _("%(whole)s, %(inside)s") % {"whole": whole, "inside": _part_name(inside)} if inside else whole
        )
    parent, _dot, index = field.replace("[", ".").replace("]", "").rpartition(".")
    if parent in FIELD_NAMES and index.isdecimal():
        return _("%(field)s, elemento %(number)d") % {
            "field": FIELD_NAMES[parent],
            "number": int(index) + 1,
        }
    return field


def _part_name(inside: str) -> str:
    """What is inside an example or a step, as far as it has a name for people."""
    if known := FIELD_NAMES.get(inside):
        text = str(known)
        return text[:1].lower() + text[1:]
    return str(PART_NAMES.get(inside, f"«{inside}»"))


# --- one maker per code: (problem) -> what is wrong, then the fix -----------------------------------------


def _required(problem: Problem) -> str:
    return _("falta. Escríbelo para poder seguir.")


def _unknown_slot(problem: Problem) -> str:
    return _("no existe %(name)s. Puedes usar %(known)s.") % {
        "name": _slot(problem.params["name"]),
        "known": _slots(problem),
    }


def _no_slot_used(problem: Problem) -> str:
    return _("no usa ningún hueco, así que todos los casos preguntarían lo mismo. Puedes usar %(known)s.") % {
        "known": _slots(problem)
    }


def _bad_slot_syntax(problem: Problem) -> str:
    return _(
        "no se entiende «%(found)s». Un hueco se escribe con dos llaves y un nombre en minúsculas, "
        "como {{pregunta}}, y nada más dentro."
    ) % {"found": _shown(problem.params.get("found", ""))}


def _too_long(problem: Problem) -> str:
    return _("tiene %(length)s caracteres y el máximo es %(limit)s. Acórtalo.") % {
        "length": _number(problem.params.get("length")),
        "limit": _number(problem.params.get("limit")),
    }


def _too_short(problem: Problem) -> str:
    return _("es demasiado corto: necesita al menos %(limit)s caracteres.") % {
        "limit": _number(problem.params.get("limit"))
    }


def _too_many_lines(problem: Problem) -> str:
    return _("tiene %(count)s líneas y el máximo es %(limit)s. Quita líneas.") % {
        "count": _number(problem.params.get("count")),
        "limit": _number(problem.params.get("limit")),
    }


def _control_character(problem: Problem) -> str:
    return _("hay un carácter de control (%(character)s). Bórralo.") % _character(problem)


def _invisible_character(problem: Problem) -> str:
    return _("hay un carácter invisible (%(character)s). Bórralo o escribe el texto de nuevo.") % (
        _character(problem)
    )


def _bidi_character(problem: Problem) -> str:
    return _(
        "hay un carácter que cambia la dirección de lectura (%(character)s). "
        "Bórralo: haría que el texto se leyera distinto de como es."
    ) % _character(problem)


def _turn_mark(problem: Problem) -> str:
    return _(
        "«%(found)s» es una marca con la que el modelo separa los turnos de una conversación, y no se puede "
        "usar dentro de un texto. Bórrala."
    ) % {"found": _shown(problem.params.get("found", ""))}


def _out_of_range(problem: Problem) -> str:
    return _("debe estar entre %(low)s y %(high)s.") % {
        "low": _number(problem.params.get("low")),
        "high": _number(problem.params.get("high")),
    }


def _wrong_type(problem: Problem) -> str:
    expected = str(problem.params.get("expected", ""))
    return _("debe ser %(expected)s.") % {"expected": TYPE_NAMES.get(expected, expected)}


def _unknown_field(problem: Problem) -> str:
    return _("no existe el campo «%(name)s». Los que existen son %(known)s.") % {
        "name": _shown(problem.params.get("name", "")),
        "known": _listed(f"«{name}»" for name in _known(problem)),
    }


def _too_many(problem: Problem) -> str:
    return _("hay %(count)s y el máximo es %(limit)s. Quita las que sobran.") % {
        "count": _number(problem.params.get("count")),
        "limit": _number(problem.params.get("limit")),
    }


def _empty_item(problem: Problem) -> str:
    return _("hay un elemento vacío. Bórralo o escribe algo en él.")


def _taken(problem: Problem) -> str:
    return _("ya lo usa otra persona. Elige otro.")


def _bad_json(problem: Problem) -> str:
    if problem.field == "file":
        return _(
            "el fichero no es JSON válido. Debe empezar por «{», acabar por «}» y llevar los textos entre "
            "comillas."
        )
    if "column" in problem.params:
        return _(
            "no es JSON válido a partir de la columna %(column)s. Mira si falta una coma, una comilla o una "
            "llave."
        ) % {"column": _number(problem.params["column"])}
    return _("no es JSON válido. Debe empezar por «{» y acabar por «}».")


def _not_text(problem: Problem) -> str:
    return _("el fichero no es texto en UTF-8. Guárdalo como JSON en UTF-8 y vuelve a elegirlo.")


def _unknown_kind(problem: Problem) -> str:
    return _("esta fase no lo admite. Puedes enviar: %(known)s.") % {
        "known": _listed(f"«{name}»" for name in _known(problem))
    }


def _unknown_case(problem: Problem) -> str:
    return _("no hay ningún caso público «%(name)s». Los hay como %(known)s.") % _named(problem)


def _no_public_answer(problem: Problem) -> str:
    return _(
        "la respuesta del caso «%(name)s» no es un texto que se pueda copiar. Escribe tú la respuesta."
    ) % {"name": _shown(problem.params.get("name", ""))}


def _missing_slot(problem: Problem) -> str:
    return _("falta %(name)s, que la plantilla usa. Escríbelo en sus entradas.") % {
        "name": _slot(problem.params["name"])
    }


def _unknown_step(problem: Problem) -> str:
    if not _known(problem):
        return _("no hay ningún paso anterior que se llame «%(name)s».") % {
            "name": _shown(problem.params.get("name", ""))
        }
    return _("no hay ningún paso anterior que se llame «%(name)s». Los hay: %(known)s.") % _named(problem)


def _bad_name(problem: Problem) -> str:
    return _(
        "«%(found)s» no vale como nombre. Empieza por una letra minúscula y lleva solo letras sin acento, "
        "cifras y guiones bajos, 40 como máximo."
    ) % {"found": _shown(problem.params.get("found", ""))}


def _name_taken(problem: Problem) -> str:
    return _("otro paso se llama ya «%(name)s». Ponle otro nombre.") % {
        "name": _shown(problem.params.get("name", ""))
    }


def _bad_pattern(problem: Problem) -> str:
    return _(
        "no es una expresión regular de RE2 (%(detail)s). No admite referencias atrás ni miradas adelante; "
        "«\\pL» es cualquier letra, con acento o sin él."
    ) % {"detail": _shown(problem.params.get("detail", ""))}


def _bad_pointer(problem: Problem) -> str:
    return _("«%(found)s» no es un puntero JSON. Escríbelo como «/campo» o «/lista/0/campo».") % {
        "found": _shown(problem.params.get("found", ""))
    }


def _one_of(problem: Problem) -> str:
    names = problem.params.get("names", ())
    listed = _listed(f"«{name}»" for name in (names if isinstance(names, tuple) else (names,)))
    return _("lleva uno, y solo uno, de estos campos: %(names)s.") % {"names": listed}


def _named(problem: Problem) -> dict[str, str]:
    return {
        "name": _shown(problem.params.get("name", "")),
        "known": _listed(f"«{name}»" for name in _known(problem)),
    }


def _stale(problem: Problem) -> str:
    return _("el formulario ha caducado. Pulsa otra vez el botón: tu texto sigue aquí.")


WHAT: Mapping[str, Callable[[Problem], str]] = {
    "required": _required,
    "unknown_slot": _unknown_slot,
    "no_slot_used": _no_slot_used,
    "bad_slot_syntax": _bad_slot_syntax,
    "too_long": _too_long,
    "too_short": _too_short,
    "too_many_lines": _too_many_lines,
    "control_character": _control_character,
    "invisible_character": _invisible_character,
    "bidi_character": _bidi_character,
    "turn_mark": _turn_mark,
    "out_of_range": _out_of_range,
    "wrong_type": _wrong_type,
    "unknown_field": _unknown_field,
    "too_many": _too_many,
    "empty_item": _empty_item,
    "taken": _taken,
    "bad_json": _bad_json,
    "not_text": _not_text,
    "stale": _stale,
    "unknown_kind": _unknown_kind,
    "unknown_case": _unknown_case,
    "no_public_answer": _no_public_answer,
    "missing_slot": _missing_slot,
    "unknown_step": _unknown_step,
    "bad_name": _bad_name,
    "name_taken": _name_taken,
    "bad_pattern": _bad_pattern,
    "bad_pointer": _bad_pointer,
    "one_of": _one_of,
}


# --- refusals of a whole request --------------------------------------------------------------------------


@singledispatch
def explain(error: ContestantError) -> str:
    """A refusal as sentences: why, and what to do next."""
    return _("No se ha podido hacer. Revísalo y vuelve a intentarlo.")


@explain.register
def _challenge_closed(error: ChallengeClosed) -> str:
    return _("Este desafío ya no admite participantes nuevos. Mira en la portada los que están abiertos.")


@explain.register
def _consent_missing(error: ConsentMissing) -> str:
    texts = _listed(f"«{Purpose(purpose).label}»" for purpose in error.purposes)
    return _("Para participar falta que marques %(texts)s") % {"texts": texts}


@explain.register
def _board_name_refused(error: BoardNameRefused) -> str:
    return sentence(error.problem)


@explain.register
def _not_participating(error: NotParticipating) -> str:
    return _("Todavía no participas en este desafío. Únete en su página y vuelve: tu texto no se pierde.")


@explain.register
def _phase_closed(error: PhaseClosed) -> str:
    if error.when == "not_yet":
        return _("La fase todavía no está abierta: abre el %(at)s. No se ha gastado ningún intento.") % {
            "at": _moment(error.at)
        }
    return _("La fase se cerró el %(at)s y ya no admite envíos. No se ha gastado ningún intento.") % {
        "at": _moment(error.at)
    }


@explain.register
def _quota_exhausted(error: QuotaExhausted) -> str:
    limit = {"limit": _number(error.limit)}
    if error.next_attempt_at is None:
        return (
            ngettext(
                "Ya has usado el único intento de esta fase y no quedan más.",
                "Ya has usado los %(limit)s intentos de esta fase y no quedan más.",
                error.limit,
            )
            % limit
        )
    return ngettext(
        "Ya has usado el único intento de hoy. Podrás enviar otra vez el %(at)s.",
        "Ya has usado los %(limit)s intentos de hoy. Podrás enviar otra vez el %(at)s.",
        error.limit,
    ) % {**limit, "at": _moment(error.next_attempt_at)}


@explain.register
def _purse_exhausted(error: PurseExhausted) -> str:
    # What is left is rounded down and what is needed up: a sentence must not promise what is not there.
    return _(
        "No te queda energía para este envío: reservaría %(needed)s J y te quedan %(left)s J de los "
        "%(limit)s J de la fase. Acorta las instrucciones o pide menos tokens de respuesta. Si tienes envíos "
        "sin terminar, cuando se midan recuperas lo que les sobre. No se ha gastado ningún intento."
    ) % {
        "needed": _number(-(-error.needed_mj // 1000)),
        "left": _number(error.left_mj // 1000),
        "limit": _number(error.limit_mj // 1000),
    }


@explain.register
def _too_late_to_withdraw(error: TooLateToWithdraw) -> str:
    if error.state == State.CANCELLED:
        return _("Este envío ya estaba retirado o cancelado: no hay nada más que hacer.")
    if error.state in FINAL:
        return _("Este envío ya ha terminado («%(state)s»), así que no se puede retirar.") % {
            "state": State(error.state).label
        }
    return _(
        "La evaluación de este envío ya ha empezado, así que no se puede retirar. Sigue su curso, y verás el "
        "resultado en su página."
    )


@explain.register
def _invalid_content(error: InvalidContent) -> str:
    return "\n".join(sentence(problem) for problem in error.problems)


@explain.register
def _idempotency_conflict(error: IdempotencyConflict) -> str:
    return _(
        "Este formulario ya se envió antes con otro contenido, y aquel envío sigue en pie. "
        "Si quieres enviar también este, pulsa «Enviar» otra vez."
    )


# --- states -----------------------------------------------------------------------------------------------


def state_words(evaluation: Evaluation) -> str:
    return _("retirado") if cancelling.was_withdrawn(evaluation) else evaluation.get_state_display()


# --- parts of sentences -----------------------------------------------------------------------------------


def _slot(name: object) -> str:
    return "{{" + _shown(name) + "}}"


def _slots(problem: Problem) -> str:
    return _listed(_slot(name) for name in _known(problem))


def _known(problem: Problem) -> tuple[str, ...]:
    known = problem.params.get("known", ())
    return known if isinstance(known, tuple) else (str(known),)


def _listed(items: Iterable[str]) -> str:
    """«a», «a y b», «a, b y c»."""
    *head, last = list(items) or ["—"]
    if not head:
        return last
    return _("%(head)s y %(last)s") % {"head": ", ".join(head), "last": last}


def _character(problem: Problem) -> dict[str, str]:
    character, column = str(problem.params.get("character", "")), problem.params.get("column")
    if column is not None:
        character = _("%(character)s, columna %(column)s") % {
            "character": character,
            "column": _number(column),
        }
    return {"character": character}


def _number(value: object) -> str:
    if isinstance(value, int | float):
        return str(number_format(value, use_l10n=True, force_grouping=True))
    return str(value)


def _shown(value: object) -> str:
    """What somebody typed, cut to what fits in a sentence."""
    text = str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _moment(at: datetime) -> str:
    return _("%(at)s (hora de %(zone)s)") % {
        "at": date_format(timezone.localtime(at), "DATETIME_FORMAT"),
        "zone": zone_name(timezone.get_current_timezone_name()),
    }


def zone_name(zone: str) -> str:
    """«Europe/Madrid» as people say it: «Madrid»."""
    return zone.rpartition("/")[2].replace("_", " ")
