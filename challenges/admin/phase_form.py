"""A phase as an organizer writes it: what would only fail later, in an evaluation, is told here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.exceptions import ValidationError
from django.utils.functional import lazy
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from challenges import publishing
from challenges.admin import policy_help
from challenges.admin.readonly import RowForm
from challenges.models import Challenge, Phase, Suite, Visibility
from scoring import policies
from scoring.errors import SpecError
from scoring.solutions.kinds import KINDS


class PhaseForm(RowForm):
    class Meta:
        model = Phase
        fields: ClassVar[list[str]] = []  # those that the admin names
        help_texts: ClassVar[dict[str, Any]] = {"policy_parameters": lazy(policy_help.text, SafeString)()}

    def clean_time_zone(self) -> str:
        name: str = self.cleaned_data["time_zone"]
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as unknown:
            raise ValidationError(
                _("No existe esa zona horaria. Escríbela como «Europe/Madrid» o «Atlantic/Canary».")
            ) from unknown
        return name

    def clean_kinds(self) -> list[str]:
        written = self.cleaned_data["kinds"]
        is_list = isinstance(written, list) and all(isinstance(name, str) for name in written)
        if not is_list or not written or set(written) - KINDS.keys() or len(set(written)) < len(written):
            known = ", ".join(f'"{name}"' for name in KINDS)
            raise ValidationError(
                _("Escribe una lista con uno o más de estos tipos, cada uno una vez: [%(known)s].")
                % {"known": known}
            )
        return [name for name in KINDS if name in written]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        self._check_clock()
        self._check_suites()
        self._check_policy()
        return cleaned

    def _value(self, name: str) -> Any:
        """What was written, or for a field that can no longer be written, what is stored."""
        if name in self.fields:
            return self.cleaned_data.get(name)
        return getattr(self.instance, name, None)

    def _check_clock(self) -> None:
        opens_at, closes_at, freeze_at = (
            self._value(name) for name in ("opens_at", "closes_at", "freeze_at")
        )
        if isinstance(opens_at, datetime) and isinstance(closes_at, datetime) and closes_at <= opens_at:
            self._refuse("closes_at", _("La fase debe cerrar después de abrir."))
        if (
            isinstance(freeze_at, datetime)
            and isinstance(opens_at, datetime)
            and isinstance(closes_at, datetime)
            and not opens_at <= freeze_at <= closes_at
        ):
            self._refuse("freeze_at", _("La congelación debe caer entre la apertura y el cierre."))

    def _check_suites(self) -> None:
        challenge = self._value("challenge")
        if not isinstance(challenge, Challenge):
            return
        self._check_suite("ranked_suite", challenge, Visibility.PRIVATE)
        self._check_suite("feedback_suite", challenge, Visibility.PUBLIC)

    def _check_suite(self, field: str, challenge: Challenge, visibility: Visibility) -> None:
        suite = self._value(field)
        if not isinstance(suite, Suite):
            return
        if suite.challenge_id != challenge.pk:
            self._refuse(field, _("Esta batería es de otro desafío. Elige una del mismo."))
        elif field == "ranked_suite" and publishing.is_published(suite):
            self._refuse(field, _("Los casos de esta batería ya son públicos. Crea otra versión y elígela."))
        elif suite.visibility != visibility:
            self._refuse(
                field,
                _("La batería que puntúa debe ser privada.")
                if visibility == Visibility.PRIVATE
                else _("La batería de muestra debe ser pública: sus respuestas se enseñan caso por caso."),
            )

    def _check_policy(self) -> None:
        if "policy" not in self.fields or "policy_parameters" not in self.fields:
            return
        policy, parameters = self.cleaned_data.get("policy"), self.cleaned_data.get("policy_parameters")
        if not policy or "policy_parameters" not in self.cleaned_data:
            return
        if not isinstance(parameters, Mapping):
            self._refuse("policy_parameters", _("Deben ser un objeto JSON: {«nombre»: valor, …}."))
            return
        try:
            policies.check_parameters(policy, parameters)
        except SpecError as wrong:
            if wrong.field == "policy":
                self._refuse("policy", wrong.fix)
            else:
                self._refuse(
                    "policy_parameters",
                    _("%(field)s: %(fix)s") % {"field": wrong.field, "fix": wrong.fix},
                )

    def _refuse(self, field: str, message: str) -> None:
        self.add_error(field if field in self.fields else None, message)
