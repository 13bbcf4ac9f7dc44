"""Addresses of the judges' pages."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from desafio.jury import views

app_name = "jury"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.home, name="home"),
    path("<slug:challenge>/<slug:phase>/", views.board, name="board"),
    path("<slug:challenge>/<slug:phase>/clasificacion.csv", views.export, name="export"),
    path("<slug:challenge>/<slug:phase>/registros.zip", views.records, name="records"),
]
