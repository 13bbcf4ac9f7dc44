"""The admin site of the organizers: our headers, our order of models, and the one login of the whole site.

Django's admin is served under /gestion/. It has no login form of its own: that would be a second door to
guard against guessing.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _

# Names that others gave in English, or that say little to an organizer.
_APPS = {"knox": _("API"), "admin": _("Registro de cambios"), "auth": _("Grupos y permisos")}
_MODELS = {"AuthToken": _("Fichas de acceso"), "LogEntry": _("Cambios hechos en la gestión")}


class Site(admin.AdminSite):
    site_header = _("Desafío ALIA · Gestión")
    site_title = _("Gestión del Desafío ALIA")
    index_title = _("Qué se puede gestionar")
    empty_value_display = "—"

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Send to the site's login, which is throttled; whoever is in but may not come here gets a 403."""
        target = self._target(request)
        if self.has_permission(request):
            return HttpResponseRedirect(target)
        if request.user.is_authenticated:
            raise PermissionDenied
        return redirect_to_login(target, login_url=reverse("account_login"))

    def password_change(  # type: ignore[override]  # Django's own view shows a form here
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return redirect("account_change_password")

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        listed: list[Any] = super().get_app_list(request, app_label)
        for app in listed:
            app["name"] = _APPS.get(app["app_label"], app["name"])
            for model in app["models"]:
                model["name"] = _MODELS.get(model["object_name"], model["name"])
        return listed

    def _target(self, request: HttpRequest) -> str:
        """Where to go after the login: only within this site."""
        wanted = request.GET.get("next", "")
        here = {request.get_host()}
        if url_has_allowed_host_and_scheme(wanted, allowed_hosts=here, require_https=request.is_secure()):
            return wanted
        return reverse("admin:index", current_app=self.name)
