"""The forms of the kinds of submission: what a browser posts for each, turned into the raw shape, and back.

``prompt_form`` has the plain prompt's; a prompt with examples is one with a list more, and steps are written
as the JSON document that the API takes. Like it, they refuse nothing by themselves.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from challenges.models import Kind, Phase
from challenges.sentences import FIELD_NAMES
from desafio.pages import prompt_form
from desafio.pages.json_text import parsed
from desafio.pages.prompt_form import PromptForm
from scoring.solutions.kinds import KINDS
from scoring.values import Problem

PROMPT = Kind.PROMPT.value
WHAT_IT_IS: Mapping[str, str | Promise] = {
    Kind.PROMPT: gettext_lazy("Unas instrucciones y una plantilla: una petición por caso."),
    Kind.FEWSHOT: gettext_lazy("Lo mismo, con preguntas ya contestadas delante de la del caso."),
    Kind.PIPELINE: gettext_lazy("Varias peticiones por caso: cada paso puede usar lo que salió antes."),
}


class FewshotForm(PromptForm):
    """A prompt, and its examples one a line."""

    examples = forms.Field(
        label=FIELD_NAMES["examples"],
        required=False,
        help_text=gettext_lazy(
            "Uno por línea y en su orden: la clave de un caso público («luz-01»), con otra respuesta detrás "
            "de «=» si quieres («luz-01 = una bombilla LED»), o uno tuyo como "
            '{"inputs": {"pregunta": "…"}, "answer": "…"}.'
        ),
        widget=forms.Textarea(attrs={"rows": 5, "class": "code", "spellcheck": "false"}),
    )
    shown_at = PromptForm.shown_at | {"examples": "examples"}


class DocumentForm(PromptForm):
    """The whole content as JSON."""

    document = forms.Field(
        label=FIELD_NAMES["steps"],
        required=False,
        widget=forms.Textarea(attrs={"rows": 24, "class": "code", "spellcheck": "false"}),
    )
    shown_at = {"file": "file", "steps": "document", "answer": "document", "document": "document"}
    field_order = ["document"]

    def __init__(self, *args: Any, phase: Phase, **kwargs: Any) -> None:
        super().__init__(*args, phase=phase, **kwargs)
        for name in ("user", "system", "max_output_tokens", "temperature", "top_p", "stop", "seed"):
            del self.fields[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class KindForm:
    """How a kind is written in a browser.

    ``content_from`` gives None beside what no reader could make of the fields; ``example`` can be handed in
    as it is.
    """

    form: type[PromptForm]
    content_from: Callable[[Mapping[str, Any]], tuple[Any, Problem | None]]
    fields_from: Callable[[Mapping[str, Any]], dict[str, str]]
    example: Callable[[Sequence[str], Phase], dict[str, Any]]


def of(kind: str) -> KindForm:
    """The plain prompt's for a kind that nobody knows: ``submission`` refuses it."""
    return FORMS.get(kind, FORMS[PROMPT])


def chosen(asked: str, phase: Phase) -> str:
    """The kind to open the form with: the one that was asked for, else the phase's first."""
    offered = offered_by(phase)
    return asked if asked in offered else next(iter(offered), PROMPT)


def offered_by(phase: Phase) -> list[str]:
    return [kind for kind in KINDS if kind in phase.kinds]


def _prompt_content(data: Mapping[str, Any]) -> tuple[Any, Problem | None]:
    return prompt_form.content_from(data), None


def _prompt_example(slots: Sequence[str], phase: Phase) -> dict[str, Any]:
    user = "".join(f"{{{{{name}}}}}" for name in slots[:1])
    return {"system": "", "user": user, "sampling": _sampling(phase)}


def _sampling(phase: Phase) -> dict[str, Any]:
    return {"temperature": 0, "max_output_tokens": min(32, phase.max_output_tokens), "stop": ["\n"]}


# --- examples -----------------------------------------------------------------------------------------------


def _fewshot_content(data: Mapping[str, Any]) -> tuple[Any, Problem | None]:
    examples: list[Any] = []
    lines = str(data.get("examples", "")).replace("\r\n", "\n").split("\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        example, problem = _example(line.strip(), number)
        if problem is not None:
            return None, problem
        examples.append(example)
    return prompt_form.content_from(data) | {"examples": examples}, None


def _example(line: str, number: int) -> tuple[Any, Problem | None]:
    if line.startswith("{"):
        return parsed(line, field="examples", first_line=number)
    key, equals, answer = line.partition("=")
    taken = {"public": key.strip()}
    return (taken | {"answer": answer.strip()} if equals else taken), None


def _fewshot_fields(content: Mapping[str, Any]) -> dict[str, str]:
    examples = content.get("examples")
    lines = map(_example_line, examples) if isinstance(examples, list) else ()
    return prompt_form.fields_from(content) | {"examples": "\n".join(lines)}


def _example_line(example: Any) -> str:
    """The short way where it says as much and is one line."""
    if isinstance(example, Mapping) and set(example) <= {"public", "answer"} and "public" in example:
        said = [str(part) for part in (example["public"], example.get("answer")) if part is not None]
        if not any(sign in part for part in said for sign in "\n={"):
            return " = ".join(said)
    return json.dumps(example, ensure_ascii=False)


def _fewshot_example(slots: Sequence[str], phase: Phase) -> dict[str, Any]:
    own = {"inputs": dict.fromkeys(slots, "…"), "answer": "…"}
    return _prompt_example(slots, phase) | {"examples": [own]}


# --- steps --------------------------------------------------------------------------------------------------


def _document_content(data: Mapping[str, Any]) -> tuple[Any, Problem | None]:
    text = str(data.get("document", ""))
    if not text.strip():
        return None, Problem(field="document", code="required")
    return parsed(text, field="document")


def _document_fields(content: Mapping[str, Any]) -> dict[str, str]:
    return {"document": json.dumps(content, ensure_ascii=False, indent=2)}


def _pipeline_example(slots: Sequence[str], phase: Phase) -> dict[str, Any]:
    asked = "\n".join(f"{{{{{name}}}}}" for name in slots[:2])
    first = {"name": "borrador", "user": asked, "sampling": _sampling(phase)}
    last = {
        "name": "respuesta",
        "user": f"{asked}\n{{{{paso_borrador}}}}",
        "sampling": _sampling(phase),
        "when": {"step": "borrador", "is_empty": False},
    }
    return {"steps": [first, last]}


FORMS: Mapping[str, KindForm] = {
    Kind.PROMPT.value: KindForm(
        form=PromptForm,
        content_from=_prompt_content,
        fields_from=prompt_form.fields_from,
        example=_prompt_example,
    ),
    Kind.FEWSHOT.value: KindForm(
        form=FewshotForm,
        content_from=_fewshot_content,
        fields_from=_fewshot_fields,
        example=_fewshot_example,
    ),
    Kind.PIPELINE.value: KindForm(
        form=DocumentForm,
        content_from=_document_content,
        fields_from=_document_fields,
        example=_pipeline_example,
    ),
}


def choices(phase: Phase) -> Iterable[tuple[str, str, str]]:
    """Each kind that the phase takes: its name, its label, and what it is."""
    return [(kind, str(Kind(kind).label), str(WHAT_IT_IS[kind])) for kind in offered_by(phase)]
