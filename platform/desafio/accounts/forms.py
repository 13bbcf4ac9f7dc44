"""The forms of an account."""

from django import forms
from django.http import HttpRequest

from challenges.models import Person


class SignupExtraForm(forms.Form):
    """What sign-up asks beyond e-mail and password."""

    def signup(self, request: HttpRequest, user: Person) -> None:
        """Called by allauth once the account is stored."""
