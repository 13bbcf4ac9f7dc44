"""The contest as a Django application."""

from django.apps import AppConfig


class ChallengesConfig(AppConfig):
    name = "challenges"
    label = "challenges"
    verbose_name = "Desafío"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from challenges import checks  # noqa: F401  # registers them
