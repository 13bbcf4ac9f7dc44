"""The form of a submission: what a browser posts, turned into the raw shape that is judged, and back.

It refuses nothing by itself (a blank or a letter where a number goes travels on), so that pages and API tell
the same problems in the same words.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from challenges.models import Phase
from challenges.sentences import FIELD_NAMES, sentence, what
from scoring.values import Problem

DEFAULT_OUTPUT_TOKENS = 64
_KEY = re.compile(r"[0-9a-f]{32}")
# A backslash and what follows it; any other pair is left as it was typed.
_ESCAPED = re.compile(r"\\([nt\\])")
_ESCAPES = {"n": "\n", "t": "\t", "\\": "\\"}


class PromptForm(forms.Form):
    """Plain fields: Django's own checks would speak before ours, and of one mistake at a time."""

    user = forms.Field(
        label=FIELD_NAMES["user"],
        required=False,
        widget=forms.Textarea(attrs={"rows": 8, "class": "code", "spellcheck": "false"}),
    )
    system = forms.Field(
        label=gettext_lazy("Instrucciones del sistema (opcional)"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "class": "code", "spellcheck": "false"}),
    )
    max_output_tokens = forms.Field(
        label=FIELD_NAMES["sampling.max_output_tokens"],
        required=False,
        initial=DEFAULT_OUTPUT_TOKENS,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )
    temperature = forms.Field(
        label=FIELD_NAMES["sampling.temperature"],
        required=False,
        initial="0",
        help_text=gettext_lazy("Con 0, la respuesta es siempre la misma."),
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )
    top_p = forms.Field(
        label=FIELD_NAMES["sampling.top_p"],
        required=False,
        initial="1",
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )
    stop = forms.Field(
        label=FIELD_NAMES["sampling.stop"],
        required=False,
        help_text=gettext_lazy(
            "Una por línea. El modelo deja de escribir al llegar a una. Escribe \\n para un salto de línea."
        ),
        widget=forms.Textarea(attrs={"rows": 2, "class": "code", "spellcheck": "false"}),
    )
    seed = forms.Field(required=False, initial="0", widget=forms.HiddenInput)
    kind = forms.Field(required=False, widget=forms.HiddenInput)
    idempotency_key = forms.Field(required=False, widget=forms.HiddenInput)
    file = forms.Field(
        label=gettext_lazy("O un fichero JSON"),
        required=False,
        help_text=gettext_lazy(
            "Con los mismos campos que usa la API. Si lo eliges, sustituye a lo escrito arriba."
        ),
        widget=forms.FileInput(attrs={"accept": ".json,application/json"}),
    )

    # Where each dotted field of a problem is shown; the longest name that fits wins.
    shown_at: ClassVar[dict[str, str]] = {
        "system": "system",
        "user": "user",
        "sampling.temperature": "temperature",
        "sampling.top_p": "top_p",
        "sampling.max_output_tokens": "max_output_tokens",
        "sampling.stop": "stop",
        "file": "file",
    }
    wholes: ClassVar[frozenset[str]] = frozenset({"examples", "steps", "document"})

    def __init__(self, *args: Any, phase: Phase, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        limit = phase.max_output_tokens
        self.fields["max_output_tokens"].help_text = _("De 1 a %(limit)d.") % {"limit": limit}
        if not self.is_bound:
            self.initial.setdefault("max_output_tokens", min(DEFAULT_OUTPUT_TOKENS, limit))
            self.initial["idempotency_key"] = new_key()

    def add_problems(self, problems: Iterable[Problem]) -> None:
        """Show each problem under its field; one that has no field of its own goes above the form."""
        self.full_clean()
        for problem in problems:
            name = self._shown_at(problem.field)
            # Of many examples or steps, the sentence has to say which.
            is_of_a_part = name in ("examples", "document") and problem.field not in self.wholes
            is_told = name is not None and not is_of_a_part
            self.add_error(name, _under_the_field(problem) if is_told else sentence(problem))

    def _shown_at(self, field: str) -> str | None:
        fits = [name for name in self.shown_at if field == name or field.startswith((f"{name}.", f"{name}["))]
        return self.shown_at[max(fits, key=len)] if fits else None


def new_key() -> str:
    return uuid.uuid4().hex


def has_valid_key(data: Mapping[str, Any]) -> bool:
    return _KEY.fullmatch(str(data.get("idempotency_key", ""))) is not None


def content_from(data: Mapping[str, Any]) -> dict[str, Any]:
    """The raw shape of a submission. Numbers may have a comma; what is no number stays as it was typed."""
    return {
        "system": _lines(data.get("system", "")),
        "user": _lines(data.get("user", "")),
        "sampling": {
            "temperature": _decimal(data.get("temperature", ""), default=0.0),
            "top_p": _decimal(data.get("top_p", ""), default=1.0),
            "max_output_tokens": _whole(data.get("max_output_tokens", ""), default=DEFAULT_OUTPUT_TOKENS),
            "stop": [_unescaped(line) for line in _lines(data.get("stop", "")).split("\n") if line],
            "seed": _whole(data.get("seed", ""), default=0),
        },
    }


def fields_from(content: Mapping[str, Any]) -> dict[str, str]:
    """The other way: what the form shows for content that came as a file. Odd shapes are shown as text."""
    sampling = content.get("sampling")
    sampling = sampling if isinstance(sampling, Mapping) else {}
    stop = sampling.get("stop")
    return {
        "system": str(content.get("system", "")),
        "user": str(content.get("user", "")),
        "temperature": str(sampling.get("temperature", "0")),
        "top_p": str(sampling.get("top_p", "1")),
        "max_output_tokens": str(sampling.get("max_output_tokens", DEFAULT_OUTPUT_TOKENS)),
        "stop": "\n".join(_escaped(str(item)) for item in stop) if isinstance(stop, list) else "",
        "seed": str(sampling.get("seed", "0")),
    }


def _under_the_field(problem: Problem) -> str:
    if problem.line is None:
        return capfirst(what(problem))
    return _("Línea %(line)d: %(what)s") % {"line": problem.line, "what": what(problem)}


def _lines(text: object) -> str:
    """Browsers post CRLF; a template has LF, whoever sends it."""
    return str(text).replace("\r\n", "\n").replace("\r", "\n")


def _decimal(text: object, *, default: float) -> float | str:
    typed = str(text).strip()
    if not typed:
        return default
    return float(typed.replace(",", ".")) if re.fullmatch(r"-?[0-9]{1,9}([.,][0-9]{1,18})?", typed) else typed


def _whole(text: object, *, default: int) -> int | str:
    typed = str(text).strip()
    if not typed:
        return default
    return int(typed) if re.fullmatch(r"-?[0-9]{1,18}", typed) else typed


def _unescaped(line: str) -> str:
    return _ESCAPED.sub(lambda pair: _ESCAPES[pair[1]], line)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")
