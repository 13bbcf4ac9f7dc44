"""Every address of the web process, one include per door. The live process has its own (desafio.live)."""

from django.contrib import admin
from django.urls import include, path

# Django looks up handler400 by this name; allauth's throttle looks up handler429.
handler400 = "desafio.pages.errors.bad_request"
handler429 = "desafio.accounts.views.too_many_requests"

urlpatterns = [
    path("", include("desafio.pages.urls")),
    path("", include("desafio.accounts.urls")),
    path("jurado/", include("desafio.jury.urls")),
    path("api/", include("desafio.api.urls")),
    path("gestion/", admin.site.urls),
    path("", include("desafio.operations.urls")),
]
