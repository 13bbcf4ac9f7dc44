"""«Prueba tus cifras»: what a phase's rule gives for a quality and a use that somebody types.

A form that is sent by GET, on the challenge's own page and without a script. It asks for what the policy
looks at and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from challenges.models import Phase
from desafio.pages import formula
from scoring.policies.terms.parameters import MAX_ENERGY_MJ, MAX_TOKENS
from scoring.values import Use

MAX_CHARACTERS = 20
QUALITY_DECIMALS, JOULE_DECIMALS = 6, 3
BY_ENERGY = ("calidad", "julios")
BY_TOKENS = ("calidad", "leidos", "escritos")
# Policies that look at something else than the energy.
ASKED: Mapping[str, tuple[str, ...]] = {"tokens": BY_TOKENS}
# ASCII figures alone; a point or a comma, as each is used to.
_PLAIN = re.compile(r"([0-9]+)(?:[.,]([0-9]+))?")
# As the pages write them: «1.234,5». A lone group of three behind a point is thousands here, never decimals.
_GROUPED = re.compile(r"([1-9][0-9]{0,2}(?:\.[0-9]{3})+)(?:,([0-9]+))?")


class TryForm(forms.Form):
    """``of`` makes one for a phase; ``sum_of`` gives what came out, once it is valid."""

    # Every mistake is told under its field in our words, not in the browser's.
    use_required_attribute = False

    calidad = forms.CharField(label=gettext_lazy("Calidad, de 0 a 1"), max_length=MAX_CHARACTERS)
    julios = forms.CharField(label=gettext_lazy("Energía (J)"), max_length=MAX_CHARACTERS)
    leidos = forms.CharField(label=gettext_lazy("Tokens leídos"), max_length=MAX_CHARACTERS)
    escritos = forms.CharField(label=gettext_lazy("Tokens escritos"), max_length=MAX_CHARACTERS)

    def __init__(self, *args: Any, asked: tuple[str, ...], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in set(self.fields) - set(asked):
            del self.fields[name]
        for name, field in self.fields.items():
            field.error_messages["required"] = _("Escribe una cifra.")
            mode = "numeric" if name in ("leidos", "escritos") else "decimal"
            field.widget.attrs |= {"inputmode": mode, "autocomplete": "off"}

    @classmethod
    def of(cls, phase: Phase, sent: Mapping[str, str]) -> TryForm:
        """Bound once any of its figures was sent: the page itself is asked for without them."""
        asked = ASKED.get(phase.policy, BY_ENERGY)
        return cls(sent if any(name in sent for name in asked) else None, asked=asked)

    def clean_calidad(self) -> Decimal:
        written: str = self.cleaned_data["calidad"]
        quality = _figure(written, decimals=QUALITY_DECIMALS, is_grouped=False)
        if quality is None or quality > 1:
            raise forms.ValidationError(_("Escribe un número de 0 a 1, con hasta 6 decimales, como 0,85."))
        return quality

    def clean_julios(self) -> int:
        joules = _figure(self.cleaned_data["julios"], decimals=JOULE_DECIMALS)
        energy_mj = 0 if joules is None else int(joules.scaleb(JOULE_DECIMALS))
        if not 0 < energy_mj <= MAX_ENERGY_MJ:
            raise forms.ValidationError(
                _("Escribe los julios: un número mayor que 0, con hasta 3 decimales, como 150,5.")
            )
        return energy_mj

    def clean_leidos(self) -> int:
        return _tokens(self.cleaned_data["leidos"])

    def clean_escritos(self) -> int:
        return _tokens(self.cleaned_data["escritos"])

    def sum_of(self, phase: Phase) -> formula.Sum | None:
        """The score by parts; None while nothing right was sent, and for a rule that cannot work."""
        if not self.is_valid():
            return None
        figures = self.cleaned_data
        use = Use(
            # A policy that does not ask for the energy does not look at it, but no energy at all is a fault.
            energy_mj=figures.get("julios", 1),
            prompt_tokens=figures.get("leidos", 0),
            completion_tokens=figures.get("escritos", 0),
        )
        return formula.of_figures(phase, quality=figures["calidad"], use=use)


def _tokens(written: str) -> int:
    tokens = _figure(written, decimals=0)
    if tokens is None or tokens > MAX_TOKENS:
        raise forms.ValidationError(_("Escribe los tokens como número entero, como 1500."))
    return int(tokens)


def _figure(written: str, *, decimals: int, is_grouped: bool = True) -> Decimal | None:
    """None for what is no number, or has more than so many decimals."""
    found = (_GROUPED.fullmatch(written) if is_grouped else None) or _PLAIN.fullmatch(written)
    if found is None:
        return None
    whole, fraction = found[1].replace(".", ""), found[2] or ""
    if len(fraction) > decimals:
        return None
    return Decimal(f"{whole}.{fraction or 0}")
