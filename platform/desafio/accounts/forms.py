"""The forms of an account, with our labels and our words where a person errs."""

from __future__ import annotations

from typing import Any

from allauth.account import forms as allauth_forms
from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from challenges import registration
from challenges.errors import BoardNameRefused
from challenges.models import Person, Purpose
from challenges.sentences import what

BOARD_NAME_CHARACTERS = 40
# Whoever competes is shown on a public board; the name may be a nickname, and consent can be withdrawn later.
REQUIRED_CONSENTS = frozenset({*registration.REQUIRED_TO_JOIN, Purpose.PUBLISH_NAME})
PASSWORD_HELP = _("Al menos 10 caracteres, que no sean solo números ni una contraseña corriente.")
MISMATCH = _("Las dos contraseñas no son iguales. Escribe la misma dos veces.")


class _PlainFields(forms.Form):
    """Labels stay visible, so no placeholder repeats them; passwords get our help text."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.widget.attrs.pop("placeholder", None)
            if isinstance(field.widget, forms.PasswordInput):
                field.help_text = PASSWORD_HELP if name == "password1" else ""


class _SamePasswordTwice(_PlainFields):
    def clean_password2(self) -> str:
        again: str = self.cleaned_data["password2"]
        if self.cleaned_data.get("password1") not in (None, again):
            raise ValidationError(MISMATCH, code="mismatch")
        return again


class LoginForm(_PlainFields, allauth_forms.LoginForm):  # type: ignore[misc]  # allauth has no types
    """E-mail and password."""


class ReauthenticateForm(_PlainFields, allauth_forms.ReauthenticateForm):  # type: ignore[misc]  # no types
    """The password again, before a change that needs it."""


class ResetPasswordForm(_PlainFields, allauth_forms.ResetPasswordForm):  # type: ignore[misc]  # no types
    """The address to which a link for a new password is sent."""


class ResetPasswordKeyForm(
    _SamePasswordTwice,
    allauth_forms.ResetPasswordKeyForm,  # type: ignore[misc]  # no types
):
    """A new password, twice."""


class ChangePasswordForm(
    _SamePasswordTwice,
    allauth_forms.ChangePasswordForm,  # type: ignore[misc]  # no types
):
    """The old password, and a new one twice."""


class AddEmailForm(_PlainFields, allauth_forms.AddEmailForm):  # type: ignore[misc]  # no types
    """Another address for the account."""


class SignupForm(_SamePasswordTwice, allauth_forms.SignupForm):  # type: ignore[misc]  # no types
    """E-mail, password twice, the name on the board, and each consent by itself, none of them ticked."""

    board_name = forms.CharField(
        label=_("Nombre en la clasificación"),
        max_length=BOARD_NAME_CHARACTERS,
        help_text=_("Es lo único de ti que verá el público. Puede ser un apodo."),
        widget=forms.TextInput(attrs={"autocomplete": "nickname"}),
    )
    field_order = ("email", "password1", "password2", "board_name")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for purpose in Purpose:
            required = purpose in REQUIRED_CONSENTS
            self.fields[consent_field(purpose)] = forms.BooleanField(
                label=purpose.label,
                required=required,
                error_messages={"required": _("Para registrarte hace falta que marques esta casilla.")},
            )

    def consents(self) -> list[forms.BoundField]:
        return [self[consent_field(purpose)] for purpose in Purpose]

    def clean_board_name(self) -> str:
        try:
            return registration.check_board_name(self.cleaned_data["board_name"])
        except BoardNameRefused as refused:
            raise ValidationError(what(refused.problem), code=refused.problem.code) from refused

    def save(self, request: HttpRequest) -> Person:
        """The account, its name and its consents appear together or not at all."""
        with transaction.atomic():
            person: Person = super().save(request)
        return person

    def signup(self, request: HttpRequest, user: Person) -> None:
        """Called by allauth inside ``save``, once the account's row is stored."""
        registration.set_board_name(person=user, name=self.cleaned_data["board_name"])
        for purpose in Purpose:
            if self.cleaned_data[consent_field(purpose)]:
                registration.give_consent(person=user, purpose=purpose)


class BoardNameForm(forms.Form):
    board_name = forms.CharField(
        label=_("Nombre en la clasificación"),
        max_length=BOARD_NAME_CHARACTERS,
        help_text=_("Si lo cambias, cambia también en las clasificaciones en las que ya estás."),
        widget=forms.TextInput(attrs={"autocomplete": "nickname"}),
    )


def consent_field(purpose: Purpose) -> str:
    return f"consent_{purpose.value}"
