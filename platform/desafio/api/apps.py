from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "desafio.api"
    label = "api"
    verbose_name = "API"
