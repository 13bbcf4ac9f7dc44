from django.apps import AppConfig


class ChallengesConfig(AppConfig):
    name = "challenges"
    label = "challenges"
    verbose_name = "Desafío"
    default_auto_field = "django.db.models.BigAutoField"
