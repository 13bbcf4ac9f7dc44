from django.apps import AppConfig


class LiveConfig(AppConfig):
    name = "desafio.live"
    label = "live"
    verbose_name = "Directo"
