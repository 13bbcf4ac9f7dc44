"""The admin site of the organizers."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _


class Site(admin.AdminSite):
    site_header = _("Desafío ALIA · Gestión")
    site_title = _("Gestión del Desafío ALIA")
    index_title = _("Qué se puede gestionar")
