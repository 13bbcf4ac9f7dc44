"""The forms of an account, with our labels and our words where a person errs."""

from __future__ import annotations

from typing import Any

from allauth.account import forms as allauth_forms
from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from challenges import registration
from challenges.errors import BoardNameRefused
from challenges.models import Person, Purpose
from challenges.sentences import what

PASSWORD_HELP = _("Al menos 10 caracteres, que no sean solo números ni una contraseña corriente.")
MISSING = _("Falta. Escríbelo para poder seguir.")
BAD_ADDRESS = _("Escribe una dirección de correo completa, como nombre@ejemplo.es.")
MISMATCH = _("Las dos contraseñas no son iguales. Escribe la misma dos veces.")


class _PlainFields(forms.Form):
    """Labels stay visible, so no placeholder repeats them; mistakes are told in our words, with the fix."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.widget.attrs.pop("placeholder", None)
            field.error_messages["required"] = MISSING
            if isinstance(field, forms.EmailField):
                field.error_messages["invalid"] = BAD_ADDRESS
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


class BoardNameField(forms.CharField):
    """Only the browser is told the limit: the rules of ``registration`` say in our words what is wrong."""

    def __init__(self, **kwargs: Any) -> None:
        attributes = {"autocomplete": "nickname", "maxlength": registration.LONGEST_BOARD_NAME}
        widget = forms.TextInput(attrs=attributes)
        super().__init__(label=_("Nombre en la clasificación"), widget=widget, **kwargs)


class SignupForm(_SamePasswordTwice, allauth_forms.SignupForm):  # type: ignore[misc]  # no types
    """E-mail, password twice, the name on the board, and each consent by itself, none of them ticked."""

    board_name = BoardNameField(help_text=_("Es lo único de ti que verá el público. Puede ser un apodo."))
    field_order = ("email", "password1", "password2", "board_name")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for purpose in Purpose:
            # Whoever refuses the rest competes all the same, under a name that says nothing.
            required = purpose in registration.REQUIRED_TO_JOIN
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
            if refused.problem.code == "taken" and self._is_their_own():
                return str(self.cleaned_data["board_name"])
            raise ValidationError(capfirst(what(refused.problem)), code=refused.problem.code) from refused

    def _is_their_own(self) -> bool:
        """The second click of a hurried hand: the first one has already made this very account.

        The password is asked too, or this would tell anybody which address is behind a name of the board.
        """
        person = Person.objects.filter(email__iexact=self.cleaned_data.get("email", "")).first()
        typed = self.cleaned_data["board_name"].casefold()
        if person is None or person.board_name.casefold() != typed:
            return False
        return person.check_password(self.cleaned_data.get("password1", ""))

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


class BoardNameForm(_PlainFields):
    board_name = BoardNameField(
        help_text=_("Si lo cambias, cambia también en las clasificaciones en las que ya estás.")
    )


def consent_field(purpose: Purpose) -> str:
    return f"consent_{purpose.value}"
