"""Login and logout of programs: an e-mail and a password for a token that expires, and its end.

The same backend, adapter and limits of failed attempts as the site's own login, so that the API is no second
door for guessing. Nothing here says whether an address has an account.
"""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from django.contrib.auth.signals import user_logged_out
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from knox.models import AuthToken
from rest_framework import status
from rest_framework.exceptions import Throttled
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from challenges.models import Person
from desafio.api import answers, incoming
from desafio.api.problems import InactiveAccount, UnverifiedAddress, WrongCredentials
from desafio.api.tokens import BearerToken

# The longest of the limits that allauth puts on failed logins (settings: "login_failed").
WAIT_AFTER_FAILURES_S = 300
TOKENS_PER_PERSON = 20


class Login(APIView):
    """Correo y contraseña por una ficha de acceso."""

    # Without: an attacker who has an account of their own must not be counted by it.
    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_scope = "login"

    @extend_schema(
        operation_id="login", summary="Entrar", request=incoming.Credentials, responses={200: answers.Token}
    )
    def post(self, request: Request) -> Response:
        given = incoming.Credentials(data=request.data)
        given.is_valid(raise_exception=True)
        person = _authenticate(request, given.validated_data["email"], given.validated_data["password"])
        _drop_expired(person)
        row, token = AuthToken.objects.create(user=person)
        return Response({"token": token, "expires_at": row.expiry})


class Logout(APIView):
    """La ficha con la que se pide deja de valer."""

    authentication_classes = (BearerToken,)

    @extend_schema(operation_id="logout", summary="Salir", request=None, responses={204: None})
    def post(self, request: Request) -> Response:
        token: Any = request.auth
        token.delete()
        user_logged_out.send(sender=type(request.user), request=request, user=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _authenticate(request: Request, email: str, password: str) -> Person:
    try:
        person: Person | None = get_adapter().authenticate(request._request, email=email, password=password)
    except ValidationError as refused:  # allauth's word for too many failed attempts
        raise Throttled(wait=WAIT_AFTER_FAILURES_S) from refused
    if person is None:
        raise WrongCredentials(_("El correo o la contraseña no son correctos. Revísalos."))
    # From here on the password was right: whoever knows it may be told how the account stands.
    if not person.is_active:
        raise InactiveAccount(_("Esta cuenta está desactivada. Escribe a la organización."))
    if not EmailAddress.objects.filter(user=person, verified=True).exists():
        raise UnverifiedAddress(
            _("Tu dirección de correo está sin confirmar. Pulsa el enlace del mensaje que te enviamos.")
        )
    return person


def _drop_expired(person: Person) -> None:
    """Tokens that no longer open anything, and the oldest ones beyond what anybody needs."""
    mine = AuthToken.objects.filter(user=person)
    mine.filter(expiry__lt=timezone.now()).delete()
    kept = mine.order_by("-created").values_list("pk", flat=True)[: TOKENS_PER_PERSON - 1]
    mine.exclude(pk__in=list(kept)).delete()
