"""Every address of the web process, one include per door. The live process has its own (desafio.live)."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("desafio.pages.urls")),
    path("", include("desafio.accounts.urls")),
    path("jurado/", include("desafio.jury.urls")),
    path("api/", include("desafio.api.urls")),
    path("gestion/", admin.site.urls),
]
