"""Problem details (RFC 9457) for everything that the API refuses, in Spanish, with one entry per wrong field.

``exception_handler`` is named in the settings and sees whatever a view raises. The texts of the contest's own
refusals come from ``challenges.sentences``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.signals import got_request_exception
from django.http import Http404
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from challenges import errors
from challenges.sentences import explain, sentence
from scoring.solutions.characters import shown
from scoring.values import Problem

logger = logging.getLogger("django.request")

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:desafio:problem:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One kind of problem: ``slug`` is stable, ``title`` says in a few words what it is."""

    status: int
    slug: str
    title: str | Promise


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What one occurrence adds to its kind. ``more`` are extension members of the document."""

    detail: str
    errors: list[dict[str, Any]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)


class LargeBody(exceptions.APIException):
    """The body is longer than the site takes; ``limit`` in bytes."""

    status_code = 413

    def __init__(self, *, limit: int) -> None:
        super().__init__(f"more than {limit} bytes")
        self.limit = limit


class NoSuchAddress(exceptions.NotFound):
    """No view below /api/ has this address."""

    def __init__(self, *, path: str) -> None:
        text = _("No hay nada en %(path)s. Las direcciones están en /api/docs/ y acaban en «/».")
        super().__init__(text % {"path": _printable(path)})


class MissingIdempotencyKey(exceptions.APIException):
    status_code = 400


class WrongCredentials(exceptions.APIException):
    status_code = 401


class UnverifiedAddress(exceptions.APIException):
    status_code = 403


class InactiveAccount(exceptions.APIException):
    status_code = 403


_OURS = Refusal(status=500, slug="our-fault", title=gettext_lazy("Error nuestro"))
_INVALID = Refusal(status=422, slug="invalid-fields", title=gettext_lazy("Hay campos que corregir"))

# The more specific ones first: the first that fits wins.
REFUSALS: Mapping[type[Exception], Refusal] = {
    errors.InvalidContent: Refusal(
        status=422, slug="invalid-content", title=gettext_lazy("Hay que corregir la propuesta")
    ),
    errors.PhaseClosed: Refusal(
        status=409, slug="phase-closed", title=gettext_lazy("La fase no está abierta")
    ),
    errors.QuotaExhausted: Refusal(
        status=409, slug="quota-exhausted", title=gettext_lazy("No quedan intentos")
    ),
    errors.PurseExhausted: Refusal(
        status=409, slug="purse-exhausted", title=gettext_lazy("No queda energía")
    ),
    errors.TooLateToWithdraw: Refusal(
        status=409, slug="too-late-to-withdraw", title=gettext_lazy("Ya no se puede retirar")
    ),
    errors.IdempotencyConflict: Refusal(
        status=409, slug="idempotency-conflict", title=gettext_lazy("Clave de idempotencia ya usada")
    ),
    errors.NotParticipating: Refusal(
        status=403, slug="not-participating", title=gettext_lazy("No participas en el desafío")
    ),
    errors.ConsentMissing: Refusal(
        status=422, slug="consent-missing", title=gettext_lazy("Falta un consentimiento")
    ),
    errors.ChallengeClosed: Refusal(
        status=409, slug="challenge-closed", title=gettext_lazy("El desafío no admite participantes")
    ),
    errors.ContestantError: Refusal(status=409, slug="refused", title=gettext_lazy("No se ha podido hacer")),
    MissingIdempotencyKey: Refusal(
        status=400, slug="idempotency-key-missing", title=gettext_lazy("Falta la clave de idempotencia")
    ),
    WrongCredentials: Refusal(
        status=401, slug="wrong-credentials", title=gettext_lazy("Correo o contraseña incorrectos")
    ),
    UnverifiedAddress: Refusal(
        status=403, slug="address-not-verified", title=gettext_lazy("Dirección sin confirmar")
    ),
    InactiveAccount: Refusal(status=403, slug="account-inactive", title=gettext_lazy("Cuenta desactivada")),
    LargeBody: Refusal(status=413, slug="body-too-large", title=gettext_lazy("Petición demasiado grande")),
    exceptions.ValidationError: _INVALID,
    exceptions.ParseError: Refusal(
        status=400, slug="malformed-body", title=gettext_lazy("El cuerpo no se entiende")
    ),
    exceptions.NotAuthenticated: Refusal(
        status=401, slug="not-authenticated", title=gettext_lazy("Falta identificarse")
    ),
    exceptions.AuthenticationFailed: Refusal(
        status=401, slug="token-refused", title=gettext_lazy("La ficha de acceso no vale")
    ),
    exceptions.PermissionDenied: Refusal(status=403, slug="forbidden", title=gettext_lazy("Sin permiso")),
    PermissionDenied: Refusal(status=403, slug="forbidden", title=gettext_lazy("Sin permiso")),
    exceptions.NotFound: Refusal(status=404, slug="not-found", title=gettext_lazy("No existe")),
    Http404: Refusal(status=404, slug="not-found", title=gettext_lazy("No existe")),
    exceptions.MethodNotAllowed: Refusal(
        status=405, slug="method-not-allowed", title=gettext_lazy("Método no admitido")
    ),
    exceptions.NotAcceptable: Refusal(
        status=406, slug="not-acceptable", title=gettext_lazy("Formato de respuesta no disponible")
    ),
    exceptions.UnsupportedMediaType: Refusal(
        status=415, slug="unsupported-media-type", title=gettext_lazy("Tipo de contenido no admitido")
    ),
    exceptions.Throttled: Refusal(
        status=429, slug="too-many-requests", title=gettext_lazy("Demasiadas peticiones")
    ),
}


def exception_handler(fault: Exception, context: dict[str, Any]) -> Response:
    """Whatever a view raised, as a problem document. A fault of ours goes to the log, not to the answer."""
    request: Request = context["request"]
    refusal = next((kind for cls, kind in REFUSALS.items() if isinstance(fault, cls)), _OURS)
    if refusal is _OURS:
        _report(request, fault)
    return _respond(request, refusal, _details(fault))


def _respond(request: Request, refusal: Refusal, details: Details) -> Response:
    document = {
        "type": f"{TYPE_PREFIX}{refusal.slug}",
        "title": str(refusal.title),
        "status": refusal.status,
        "detail": details.detail,
        "instance": _printable(request.path),
        "errors": details.errors,
        **details.more,
    }
    return Response(document, status=refusal.status, headers=details.headers or None, content_type=MEDIA_TYPE)


def _report(request: Request, fault: Exception) -> None:
    """As Django does for a view of its own: to whoever listens for faults, and to the log."""
    got_request_exception.send(sender=exception_handler, request=request)
    logger.error("API fault at %s", _printable(request.path), exc_info=fault)


def _details(fault: Exception) -> Details:
    if isinstance(fault, errors.ContestantError):
        return _contest_details(fault)
    if isinstance(fault, exceptions.ValidationError):
        found = list(_field_errors(fault.detail))
        return Details(detail=_listed(found), errors=found)
    return _request_details(fault)


def _contest_details(fault: errors.ContestantError) -> Details:
    if isinstance(fault, errors.InvalidContent):
        return Details(detail=explain(fault), errors=[problem_error(each) for each in fault.problems])
    if isinstance(fault, errors.IdempotencyConflict):
        detail = _(
            "Esta clave de idempotencia ya se usó con otro contenido, y aquel envío sigue en pie. "
            "Para enviar este contenido, usa una clave nueva."
        )
        return Details(detail=detail)
    if isinstance(fault, errors.NotParticipating):
        detail = _(
            "Todavía no participas en este desafío. Únete con POST /api/v1/challenges/%(slug)s/join/ "
            "o en su página, y repite el envío. No se ha gastado ningún intento."
        )
        return Details(detail=detail % {"slug": fault.slug})
    return Details(detail=explain(fault), more=_members(fault))


def _members(fault: errors.ContestantError) -> dict[str, Any]:
    """What a program needs to act on without reading the sentence."""
    if isinstance(fault, errors.QuotaExhausted):
        at = fault.next_attempt_at
        return {
            "scope": fault.scope,
            "limit": fault.limit,
            "next_attempt_at": at.isoformat() if at else None,
        }
    if isinstance(fault, errors.PurseExhausted):
        return {"limit_mj": fault.limit_mj, "left_mj": fault.left_mj, "needed_mj": fault.needed_mj}
    if isinstance(fault, errors.TooLateToWithdraw):
        return {"state": fault.state}
    if isinstance(fault, errors.PhaseClosed):
        return {"when": fault.when, "at": fault.at.isoformat()}
    if isinstance(fault, errors.ConsentMissing):
        return {"purposes": list(fault.purposes)}
    return {}


def problem_error(problem: Problem) -> dict[str, Any]:
    """One entry of ``errors``: where, a stable code, and the sentence for people."""
    return {
        "field": problem.field,
        "line": problem.line,
        "code": problem.code,
        "detail": sentence(problem),
    }


def _field_errors(detail: Any, path: str = "") -> Iterator[dict[str, Any]]:
    """Django REST framework's nested lists and mappings, flattened to one entry per message."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            yield from _field_errors(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(detail, list):
        for inner in detail:
            yield from _field_errors(inner, path)
    else:
        shown = "" if path == "non_field_errors" else path
        code = getattr(detail, "code", "invalid")
        text = _("%(field)s: %(what)s") % {"field": shown, "what": detail} if shown else str(detail)
        yield {"field": shown, "line": None, "code": code, "detail": text}


def _request_details(fault: Exception) -> Details:
    """Refusals of the request itself, which our own raise with their sentence and the framework's without."""
    headers: dict[str, str] = {}
    if challenge := getattr(fault, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if isinstance(fault, exceptions.Throttled):
        wait_s = max(int(getattr(fault, "wait", None) or 1), 1)
        headers["Retry-After"] = str(wait_s)
        detail = _("Demasiadas peticiones seguidas. Espera %(seconds)s s y repite.") % {"seconds": wait_s}
        return Details(detail=detail, headers=headers)
    if isinstance(fault, LargeBody):
        detail = _("El cuerpo pasa de %(limit)s bytes, que es el máximo. Acórtalo.") % {"limit": fault.limit}
        return Details(detail=detail, headers={"Connection": "close"})
    return Details(detail=_sentence(fault), headers=headers)


def _sentence(fault: Exception) -> str:
    own = (
        InactiveAccount,
        MissingIdempotencyKey,
        NoSuchAddress,
        UnverifiedAddress,
        WrongCredentials,
        exceptions.ParseError,
    )
    if isinstance(fault, own):
        return str(fault.detail)
    for kind, text in _SENTENCES.items():
        if isinstance(fault, kind):
            return str(text)
    return _("Algo ha fallado por nuestra parte y ya consta. Vuelve a intentarlo en unos minutos.")


_SENTENCES: Mapping[type[Exception], str | Promise] = {
    exceptions.NotAuthenticated: gettext_lazy(
        "Identifícate con la cabecera «Authorization: Bearer FICHA». La ficha la da POST /api/v1/login/."
    ),
    exceptions.AuthenticationFailed: gettext_lazy(
        "La ficha no existe o ha caducado. Pide otra con POST /api/v1/login/."
    ),
    exceptions.PermissionDenied: gettext_lazy("Tu cuenta no tiene permiso para esto."),
    PermissionDenied: gettext_lazy("Tu cuenta no tiene permiso para esto."),
    exceptions.NotFound: gettext_lazy("No existe, o no es tuyo. Revisa la dirección."),
    Http404: gettext_lazy("No existe, o no es tuyo. Revisa la dirección."),
    exceptions.MethodNotAllowed: gettext_lazy(
        "Esta dirección no admite ese método. La cabecera «Allow» dice los que sí."
    ),
    exceptions.NotAcceptable: gettext_lazy(
        "Solo respondemos en JSON. Pide «Accept: application/json» o quita la cabecera."
    ),
    exceptions.UnsupportedMediaType: gettext_lazy(
        "El cuerpo debe ser JSON en UTF-8. Envía la cabecera «Content-Type: application/json»."
    ),
}


def _listed(found: Iterable[Mapping[str, Any]]) -> str:
    return "\n".join(each["detail"] for each in found)


def _printable(text: str) -> str:
    """What somebody typed into an address, safe to repeat in a document and in a log line."""
    return shown(text, longest=200)
