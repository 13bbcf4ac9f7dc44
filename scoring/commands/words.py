"""The Spanish sentences of a submission's problems, for whoever looks at a file without the platform.

``lint`` prints them. The platform has its own sentences (``challenges.sentences``), which go through its
translations; these are shorter and name fields as the file does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from scoring.values import Problem

TYPES = MappingProxyType(
    {
        "text": "un texto",
        "number": "un número",
        "integer": "un número entero",
        "list": "una lista",
        "object": "un objeto con campos",
        "boolean": "true o false",
    }
)


def sentence(problem: Problem) -> str:
    """«campo, línea N: frase», with the field as it is written in the file."""
    line = "" if problem.line is None else f", línea {problem.line}"
    return f"{problem.field or 'content'}{line}: {what(problem)}"


def what(problem: Problem) -> str:
    """What is wrong and how to mend it. A code that has no sentence yet is told by its name."""
    make = WHAT.get(problem.code)
    return make(problem) if make else f"no es válido ({problem.code})."


def _said(words: str) -> Callable[[Problem], str]:
    """A maker of the sentence in which each ``{name}`` is a param; lists are told with commas."""

    def make(problem: Problem) -> str:
        params = {name: _shown(value) for name, value in problem.params.items()}
        return words.format_map(_Params(params))

    return make


class _Params(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return "—"


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(f"«{item}»" for item in value) or "ninguno"
    return str(value)


def _wrong_type(problem: Problem) -> str:
    expected = str(problem.params.get("expected", ""))
    return f"debe ser {TYPES.get(expected, expected)}."


_UNSEEN = "hay un carácter {kind} ({{character}}, columna {{column}}). Bórralo."

WHAT: Mapping[str, Callable[[Problem], str]] = MappingProxyType(
    {
        "required": _said("falta. Escríbelo."),
        "unknown_slot": _said("no existe el hueco «{name}». Los que hay: {known}."),
        "no_slot_used": _said("no usa ningún hueco, y todos los casos preguntarían lo mismo. Hay: {known}."),
        "bad_slot_syntax": _said(
            "no se entiende «{found}». Un hueco se escribe como {{{{pregunta}}}}, en minúsculas."
        ),
        "missing_slot": _said("falta la entrada «{name}», que la plantilla usa. Escríbela."),
        "too_long": _said("tiene {length} caracteres y el máximo es {limit}. Acórtalo."),
        "too_many_lines": _said("tiene {count} líneas y el máximo es {limit}. Quita líneas."),
        "too_many": _said("hay {count} y el máximo es {limit}. Quita lo que sobra."),
        "control_character": _said(_UNSEEN.format(kind="de control")),
        "invisible_character": _said(_UNSEEN.format(kind="invisible")),
        "bidi_character": _said(_UNSEEN.format(kind="que cambia la dirección de lectura")),
        "turn_mark": _said("«{found}» es una marca de turno del modelo y no cabe en un texto. Bórrala."),
        "out_of_range": _said("debe estar entre {low} y {high}."),
        "wrong_type": _wrong_type,
        "unknown_field": _said("no existe el campo «{name}». Los que existen: {known}."),
        "one_of": _said("lleva uno, y solo uno, de estos campos: {names}."),
        "empty_item": _said("hay un elemento vacío. Bórralo o escribe algo en él."),
        "unknown_case": _said("no hay ningún caso público «{name}». Los hay como {known}."),
        "no_public_answer": _said("la respuesta del caso «{name}» no se puede copiar. Escribe tú una."),
        "unknown_step": _said("no hay ningún paso anterior «{name}». Los hay: {known}."),
        "bad_name": _said(
            "«{found}» no vale como nombre: una letra minúscula y luego letras sin acento, cifras o «_»."
        ),
        "name_taken": _said("otro paso se llama ya «{name}». Ponle otro nombre."),
        "bad_pattern": _said("no es una expresión regular de RE2 ({detail})."),
        "bad_pointer": _said("«{found}» no es un puntero JSON. Escríbelo como «/campo» o «/lista/0»."),
        "not_text": _said("hay medio carácter (un «\\ud800» suelto), que no es texto. Bórralo."),
    }
)
