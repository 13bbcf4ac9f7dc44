from django.apps import AppConfig


class JuryConfig(AppConfig):
    name = "desafio.jury"
    label = "jury"
    verbose_name = "Jurado"
