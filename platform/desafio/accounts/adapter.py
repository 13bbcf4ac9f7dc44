"""What allauth asks of us: where to go after each step, and what it says when it refuses."""

from __future__ import annotations

from typing import ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """allauth's rules with our words. Nothing here tells whether an address has an account."""

    error_messages: ClassVar[dict[str, str | Promise]] = {
        **DefaultAccountAdapter.error_messages,
        "account_inactive": _("Esta cuenta está desactivada."),
        "cannot_remove_primary_email": _("No puedes quitar tu dirección principal."),
        "duplicate_email": _("Esta dirección ya es de tu cuenta."),
        "email_password_mismatch": _(
            "El correo o la contraseña no son correctos. Revísalos, o pide una contraseña nueva."
        ),
        "email_taken": _("Esta dirección no se puede usar. Escribe otra."),
        "enter_current_password": _("Escribe tu contraseña actual."),
        "incorrect_password": _("La contraseña no es correcta. Escríbela de nuevo."),
        "invalid_password_reset": _("El enlace para cambiar la contraseña ya no vale. Pide otro."),
        "max_email_addresses": _("No puedes añadir más de %d direcciones."),
        "too_many_login_attempts": _(
            "Demasiados intentos fallidos. Espera 5 minutos y vuelve a intentarlo, "
            "o pide una contraseña nueva."
        ),
        "unverified_primary_email": _("Primero confirma tu dirección principal."),
        "rate_limited": _("Demasiadas peticiones seguidas. Espera un minuto y vuelve a intentarlo."),
    }

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("accounts:profile")
