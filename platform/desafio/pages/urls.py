"""Addresses of the contestant's pages, in Spanish. ``home`` has no namespace: settings name it."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from desafio.pages import board, challenge, home, records, submissions, submit

_pages = [
    path("desafios/<slug:slug>/", challenge.show, name="challenge"),
    path("desafios/<slug:slug>/unirse/", challenge.join, name="join"),
    path("desafios/<slug:slug>/enviar/", submit.form, name="submit"),
    path("desafios/<slug:slug>/revisar/", submit.lint, name="lint"),
    path("desafios/<slug:slug>/clasificacion/", board.show, name="board"),
    path("desafios/<slug:slug>/<slug:phase>/registros-<int:number>.zip", records.download, name="records"),
    path("envios/", submissions.mine, name="submissions"),
    path("envios/<uuid:pk>/", submissions.show, name="submission"),
    path("envios/<uuid:pk>/estado/", submissions.progress, name="progress"),
    path("envios/<uuid:pk>/potencia/<int:repetition>/", submissions.power_curve, name="power"),
    path("envios/<uuid:pk>/retirar/", submissions.withdraw, name="withdraw"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.show, name="home"),
    path("", include((_pages, "pages"))),
]
