"""The contest as a Django application."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ChallengesConfig(AppConfig):
    name = "challenges"
    label = "challenges"
    verbose_name = "Desafío"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from challenges import checks, engine_version  # noqa: F401  # registers the checks

        post_migrate.connect(engine_version.note_migrated, sender=self)
