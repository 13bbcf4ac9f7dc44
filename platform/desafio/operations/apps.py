"""The door for operations as a Django application."""

from __future__ import annotations

from django.apps import AppConfig


class OperationsConfig(AppConfig):
    name = "desafio.operations"
    label = "operations"
    verbose_name = "Operación"

    def ready(self) -> None:
        from desafio.operations import checks  # noqa: F401  # registers them
