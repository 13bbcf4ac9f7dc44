from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class GestionConfig(AdminConfig):
    """Django's admin with our site (headers, application order)."""

    default_site = "desafio.backoffice.site.Site"


class BackofficeConfig(AppConfig):
    name = "desafio.backoffice"
    label = "backoffice"
    verbose_name = "Gestión"
