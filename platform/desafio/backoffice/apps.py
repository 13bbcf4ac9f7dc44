from importlib import import_module

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.utils.translation import gettext_lazy as _


class GestionConfig(AdminConfig):
    """Django's admin with our site (headers, login), and with the models of others as we show them."""

    default_site = "desafio.backoffice.site.Site"

    def ready(self) -> None:
        super().ready()
        # Only now has every other application registered its own.
        import_module("desafio.backoffice.foreign")


class BackofficeConfig(AppConfig):
    name = "desafio.backoffice"
    label = "backoffice"
    verbose_name = _("Gestión")
