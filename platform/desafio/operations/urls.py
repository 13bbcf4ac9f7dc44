"""Addresses of this door: ``salud/`` for load balancers and supervisors, ``metricas/`` for Prometheus."""

from __future__ import annotations

from django.urls import path

from desafio.operations import health, metrics

app_name = "operations"

urlpatterns = [
    path("salud/", health.is_alive, name="alive"),
    path("salud/listo/", health.is_ready, name="ready"),
    path("metricas/", metrics.show, name="metrics"),
]
